# RotatingServer is a server whose keys rotate, with what an operator does to them: pii-keyring on the keyring file, and then a
# reload.

package RotatingServer;

use strict;
use warnings;

use parent 'PiiCluster';

use PiiCluster qw(pii_keyring read_keyring);
use Time::HiRes qw(usleep);
use WireSession;

# The versions of a purpose, seal or blind_index, in the keyring file: [primary, enabled ...].
sub versions
{
	my ($self, $purpose) = @_;
	my $keys = read_keyring($self->keyring)->{domains}{default}{$purpose};
	my @enabled = sort { $a <=> $b } grep { $keys->{keys}{$_}{status} eq 'enabled' } keys %{ $keys->{keys} };
	return ($keys->{primary}, @enabled);
}

# Adds a version to the keyring file, and gives it.
sub add_version
{
	my ($self, $purpose) = @_;
	pii_keyring('add', $self->keyring, $purpose);
	my (undef, @enabled) = $self->versions($purpose);
	return $enabled[-1];
}

sub promote_version
{
	my ($self, $purpose, $version) = @_;
	pii_keyring('promote', $self->keyring, $purpose, $version);
	return;
}

# Disables all versions of a purpose but the primary one.
sub disable_old_versions
{
	my ($self, $purpose) = @_;
	my ($primary, @enabled) = $self->versions($purpose);
	pii_keyring('disable', $self->keyring, $purpose, $_) foreach grep { $_ != $primary } @enabled;
	return;
}

# Gives the notices and warnings of it.
sub reload_keyring
{
	my ($self, %params) = @_;
	my ($status, undef, $messages) = $self->sql('SELECT pii_reload_keyring()', %params);
	die "cannot reload the keyring: $messages" if $status != 0;
	return $messages;
}

# A whole rotation of a purpose: from the one version that is enabled to a new one. Gives both.
sub rotate
{
	my ($self, $purpose) = @_;
	my ($old) = $self->versions($purpose);
	my $new = $self->add_version($purpose);
	$self->reload_keyring;
	$self->promote_version($purpose, $new);
	$self->reload_keyring;
	return ($old, $new);
}

# Ends it.
sub finish_rotation
{
	my ($self, $purpose) = @_;
	$self->disable_old_versions($purpose);
	return $self->reload_keyring;
}

# Waits until the server takes connections, as after a crash. (psql that finds no server may be gone before it is given its query.)
sub await_server
{
	my ($self) = @_;
	for (1 .. 20 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $session = eval { WireSession->connected($self) };
		return $session->quit if defined $session;
		usleep(50_000);
	}
	die 'the server does not come back';
}

# The statement in the hint of pii_rewrap_column() that makes a guard; undef when there is none.
sub guard_in
{
	my ($self, $messages) = @_;
	my ($statement) = $messages =~ /guards it meanwhile: (.*?); then CALL/s;
	return $statement;
}

# Calls pii_rewrap_column(): (exit status, rows, messages). `arguments` follow the table and the column.
sub rewrap
{
	my ($self, $table, $column, %params) = @_;
	my $arguments = defined $params{arguments} ? ", $params{arguments}" : '';
	return $self->sql("CALL pii_rewrap_column('$table', '$column'$arguments)", %params);
}

# What is of which version, in one line: "sealed 1: 20, email_key 1: 10, email_key 2: 10".
sub column_versions
{
	my ($self, $table, $column) = @_;
	return $self->safe_psql('postgres', qq{
		SELECT string_agg(concat(coalesce(name, kind), ' ', key_version, ': ', rows), ', ' ORDER BY kind DESC, name, key_version)
		FROM pii_column_status('$table', '$column')});
}

1;

# RotationVerifier is a session that checks what a server answers while its keys rotate (RotationLoad), in a process of its own.
# It connects again when the connection is lost, until it gets SIGTERM. It prints what is wrong, one line each, and at the end
# how much it did.
#
#   perl -MRotationVerifier -e 'RotationVerifier::run(@ARGV)' verify HOST PORT DIRECTORY
#   perl -MRotationVerifier -e 'RotationVerifier::run(@ARGV)' verify_reading HOST PORT

package RotationVerifier;

use strict;
use warnings;

use parent 'Exporter';

use IO::Handle qw();
use Time::HiRes qw(usleep);
use WireSession;

our @EXPORT_OK = qw($CONNECTION_LOST ROWS);

# Rows with an id up to here are there from the beginning. The last ones are deleted and inserted again; nothing updates them.
use constant {
	ROWS       => 20_000,
	REINSERTED => 1000,
};

# What libpq, pgbench and a server say of a connection that is lost, or that there is none to be had.
our $CONNECTION_LOST = join '|', 'server closed the connection unexpectedly', 'terminating connection',
  'the database system is (?:starting up|in recovery mode|shutting down|not yet accepting connections)',
  'This probably means the server terminated', 'before or while processing the request', 'could not (?:receive|send) data',
  'connection to server .* failed', 'Connection (?:refused|reset)', 'Is the server running', 'no connection to the server',
  'Run was aborted', 'SQL command send failed', 'cannot connect to', 'has closed the connection', 'exit the current transaction',
  'current transaction and exit', 'be able to reconnect', 'the backend died', '57P0[123]';
$CONNECTION_LOST = qr/$CONNECTION_LOST/;

{
	package RotationVerifier::Address;
	sub host { return $_[0]{host} }
	sub port { return $_[0]{port} }
}

my ($is_stopping, %did);

sub run
{
	my ($what, @arguments) = @_;
	return $what eq 'verify' ? verify(@arguments) : verify_reading(@arguments);
}

sub _begin_verifying
{
	$SIG{TERM} = sub { $is_stopping = 1 };
	$| = 1;
	return;
}

sub _end_verifying
{
	print "did $_: $did{$_}\n" foreach sort keys %did;
	exit 0;
}

# A session, or undef when the server is not there.
sub _connect
{
	my ($host, $port) = @_;
	my $address = bless { host => $host, port => $port }, 'RotationVerifier::Address';
	my $session = eval { WireSession->connected($address, application_name => 'verifier') };
	return $session if defined $session;
	print "wrong: cannot connect: $@" unless $@ =~ $CONNECTION_LOST;
	return;
}

# What `work` does with a session, until it is to end, or the session is lost.
sub _verify_with
{
	my ($host, $port, $work) = @_;
	_begin_verifying();
	until ($is_stopping)
	{
		my $session = _connect($host, $port);
		if (!defined $session)
		{
			usleep(50_000);
			next;
		}
		last if eval { $work->($session) until $is_stopping; 1 };
		print "wrong: $@" unless $is_stopping || $@ =~ $CONNECTION_LOST;
	}
	_end_verifying();
	return;
}

sub _ssn   { return 100_000_000 + $_[0] }
sub _email { return "u$_[0]\@example.org" }

# Runs a query that has to give these rows (or SQLSTATE).
sub _expect
{
	my ($session, $what, $expected, $sql) = @_;
	my ($rows, $error) = $session->query($sql);
	my $got = defined $error ? substr($error, 0, 5) : join ',', @$rows;
	++$did{$what};
	print "wrong: $what: ", $error // $got, ", not $expected, by: $sql\n" if $got ne $expected;
	return;
}

# Inserts rows and writes down which ones were acknowledged, in the file `acknowledged`; and counts in a row of its own.
sub verify
{
	my ($host, $port, $directory) = @_;
	open my $acknowledged, '>>', "$directory/acknowledged" or die $!;
	$acknowledged->autoflush(1);
	my ($own, $count);
	my $work = sub {
		my ($session) = @_;
		my ($id) = $session->run(q{SELECT nextval('ids')});
		my ($ssn, $email) = (_ssn($id), _email($id));
		_expect($session, 'insert', $id, "INSERT INTO people VALUES ($id, '$ssn', '$email') RETURNING id");
		print $acknowledged "$id\n";
		_expect($session, 'search', "$id|$ssn|$email", "SELECT id, ssn, email FROM people WHERE ssn = '$ssn'");
		_expect($session, 'search', "$id|$ssn|$email", "SELECT id, ssn, email FROM people WHERE email = '$email'");
		my $other = 1 + int rand ROWS - REINSERTED;
		foreach my $existing (_email($id), uc _email($other))
		{
			_expect($session, 'duplicate', '23505', "INSERT INTO people VALUES (-$id, 'x', '$existing')");
			_expect($session, 'duplicate', '23505', "UPDATE people SET email = '$existing' WHERE id = $other + 1") if $existing ne uc _email($other);
		}
		_expect($session, 'upsert', $other, "INSERT INTO people VALUES (-$id, 'x', '" . _email($other)
			. "') ON CONFLICT (email_key) DO UPDATE SET touched = people.touched + 1 RETURNING id");
		_expect($session, 'no such', '', "SELECT id FROM people WHERE ssn = '" . _ssn($id + 500_000_000) . q{'});
		_expect($session, 'group', '', q{SELECT count(*) FROM people GROUP BY email HAVING count(*) > 1 AND count(email) > 0}) if rand() < 0.005;
		if (!defined $own)
		{
			($own, $count) = ($id, 0);
		}
		else
		{
			my ($counted) = $session->run("SELECT touched FROM people WHERE email = '" . _email($own) . q{'});
			print "wrong: of $count acknowledged updates $counted are there\n" unless $counted == $count || $counted == $count + 1;
			$count = $counted;
			$session->run("UPDATE people SET touched = touched + 1 WHERE ssn = '" . _ssn($own) . q{'});
			++$count;
		}
	};
	return _verify_with($host, $port, $work);
}

# Reads only, as on a standby: rows that are there from the beginning, each found once.
sub verify_reading
{
	my ($host, $port) = @_;
	my $work = sub {
		my ($session) = @_;
		my $id = 1 + int rand ROWS;
		my ($ssn, $email) = (_ssn($id), _email($id));
		foreach my $condition ("ssn = '$ssn'", "email = '$email'", "id = $id")
		{
			_expect($session, 'standby', "$id|$ssn|$email", "SELECT id, ssn, lower(pii_reveal(email)) FROM people WHERE $condition");
		}
	};
	return _verify_with($host, $port, $work);
}

1;

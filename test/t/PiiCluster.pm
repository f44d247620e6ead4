# PiiCluster is a PostgreSQL server of the test's own, with pii preloaded and a keyring beside its data directory:
# PostgreSQL::Test::Cluster, and what the tests of pii need beyond that. It also exports what tests do with keyrings
# and sealed values outside any server.
#
# Environment: PII_KEYRING names the program pii-keyring (else it is looked for in PATH), PII_SHARED the directory
# with data/synthea_patients.csv (else ../shared beside the source tree).

package PiiCluster;

use strict;
use warnings;

use parent qw(PostgreSQL::Test::Cluster Exporter);

use Cwd qw(abs_path);
use Digest::SHA qw(hmac_sha256);
use File::Basename qw(dirname);
use IPC::Run qw();
use JSON::PP qw();
use MIME::Base64 qw(decode_base64 encode_base64);
# By name: what is imported here would hide methods of the same name.
use PostgreSQL::Test::Utils qw(slurp_file system_or_bail);
use Test::More;

our @EXPORT = qw(
  make_keyring pii_keyring read_keyring write_keyring write_private keyring_keys new_key derived_key
  needle_forms remnant_forms files_below search_files
  sealed_bytes sealed_text
  path_of_input
);

my $source = abs_path(dirname(__FILE__) . '/../..');

# ---------------------------------------------------------------------------------------------------------------------
# Servers

# Starts a new server with the extension in the database postgres. Parameters: those of init, and
#   conf     lines for postgresql.conf
#   keyring  0: neither make a keyring nor set one; a file name: a copy of that instead of a new one
sub started
{
	my ($class, $name, %params) = @_;
	my $node = $class->new($name);
	$node->init(%params);
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pii');
	return $node;
}

sub init
{
	my ($self, %params) = @_;
	my $conf    = delete $params{conf}    // '';
	my $keyring = delete $params{keyring} // 1;
	$params{extra} = [ '--encoding=UTF8', '--locale=C', @{ $params{extra} // [] } ];
	$self->SUPER::init(%params);
	# Cluster.pm sets log_statement = all, no restart after a crash.
	$self->append_conf('postgresql.conf',
		"log_statement = none\nrestart_after_crash = on\nshared_preload_libraries = 'pii'\n");
	mkdir $self->keys_dir;
	chmod 0700, $self->keys_dir;
	if ($keyring)
	{
		if ($keyring eq '1') { make_keyring($self->keyring); }
		else                 { write_private($self->keyring, slurp_file($keyring)); }
		$self->append_conf('postgresql.conf', "pii.keyring_file = '" . $self->keyring . "'");
	}
	$self->append_conf('postgresql.conf', $conf);
	return;
}

# Absolute paths; Cluster.pm's may be relative.
sub root_dir { my ($self) = @_; return abs_path($self->basedir); }
sub pgdata   { my ($self) = @_; return abs_path($self->data_dir); }
sub keys_dir { my ($self) = @_; return $self->root_dir . '/keys'; }
sub keyring  { my ($self) = @_; return $self->keys_dir . '/keyring.json'; }

# Sets settings in postgresql.conf; undef or '' takes one out. Cluster.pm's adjust_conf changes only what is there.
sub configure
{
	my ($self, %settings) = @_;
	foreach my $setting (sort keys %settings)
	{
		$self->adjust_conf('postgresql.conf', $setting, undef);
		(my $value = $settings{$setting} // '') =~ s/([\\'])/$1$1/g;
		$self->append_conf('postgresql.conf', "$setting = '$value'") if $value ne '';
	}
	return;
}

# A test of start fails instead of ending the whole run.
sub start_again
{
	my ($self, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$self->stop if defined $self->{_pid};
	return ok($self->start(fail_ok => 1), $name);
}

sub log_size { my ($self) = @_; return -s $self->logfile || 0; }

sub log_since
{
	my ($self, $offset) = @_;
	return slurp_file($self->logfile, $offset);
}

# Runs SQL: (exit status, output, errors with all their fields). Parameters: user, dbname.
sub sql
{
	my ($self, $sql, %params) = @_;
	my @options = ('-v', 'VERBOSITY=verbose');
	push @options, '-U', $params{user} if defined $params{user};
	return $self->psql($params{dbname} // 'postgres', $sql, extra_params => \@options);
}

sub gives
{
	my ($self, $sql, $expected, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, $out, $err) = $self->sql($sql, %params);
	my $ok = is($out, $expected, $name);
	$ok = fail("$name: without an error") if $status != 0;
	diag($err) unless $ok;
	return $ok;
}

sub succeeds
{
	my ($self, $sql, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, $out, $err) = $self->sql($sql, %params);
	return ok($status == 0, $name) || diag($err);
}

# The SQL must fail with this SQLSTATE, and its message match. Returns the fields of the error, without the query text
# that psql adds in LINE.
sub fails
{
	my ($self, $sql, $sqlstate, $pattern, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, $out, $err) = $self->sql($sql, %params);
	my ($error) = $err =~ /((?:ERROR|FATAL):  .*)/s;
	$error //= '';
	$error =~ s/^LINE \d+: .*\n.*\n//m;
	my ($state) = $error =~ /^(?:ERROR|FATAL):  (\w{5}): /;
	my $ok = $status != 0 && defined $state && $state eq $sqlstate && $error =~ $pattern;
	ok($ok, "$name ($sqlstate)") or diag("expected $sqlstate and $pattern, got status $status, output '$out', errors:\n$err");
	return $error;
}

# The keyring that the server holds was read after the one that `loaded_at` (as SQL shows it) belongs to.
sub loaded_at
{
	my ($self) = @_;
	return $self->safe_psql('postgres', 'SELECT DISTINCT loaded_at FROM pii_keyring');
}

# ---------------------------------------------------------------------------------------------------------------------
# Keyrings

sub pii_keyring
{
	my (@arguments) = @_;
	system_or_bail($ENV{PII_KEYRING} || 'pii-keyring', @arguments);
	return;
}

# A new keyring file with one domain, or several.
sub make_keyring
{
	my ($path, @domains) = @_;
	my ($first, @more) = @domains ? @domains : ('default');
	pii_keyring('init', $path, '--domain', $first);
	return unless @more;
	my $keyring = read_keyring($path);
	foreach my $domain (@more)
	{
		pii_keyring('init', "$path.$domain", '--domain', $domain);
		$keyring->{domains}{$domain} = read_keyring("$path.$domain")->{domains}{$domain};
		unlink "$path.$domain";
	}
	write_keyring($path, $keyring);
	return;
}

sub read_keyring { return JSON::PP->new->decode(slurp_file($_[0])); }

sub write_keyring
{
	my ($path, $keyring) = @_;
	return write_private($path, JSON::PP->new->canonical->pretty->encode($keyring));
}

sub write_private
{
	my ($path, $text, $mode) = @_;
	unlink $path;
	open my $file, '>:raw', $path or die "$path: $!";
	chmod 0600, $path;
	print $file $text;
	close $file;
	chmod $mode, $path if defined $mode;
	return;
}

sub new_key
{
	open my $random, '<:raw', '/dev/urandom' or die $!;
	read $random, my $key, 32;
	return encode_base64($key, '');
}

# All root keys of a keyring file, by a name: 32 bytes each.
sub keyring_keys
{
	my ($path) = @_;
	my $keyring = read_keyring($path);
	my %keys;
	foreach my $name (keys %{ $keyring->{domains} })
	{
		my $domain = $keyring->{domains}{$name};
		$keys{"$name hash_key"} = decode_base64($domain->{hash_key});
		foreach my $purpose (qw(seal blind_index))
		{
			my $versions = $domain->{$purpose}{keys};
			$keys{"$name $purpose $_"} = decode_base64($versions->{$_}{key})
			  foreach grep { defined $versions->{$_}{key} } keys %$versions;
		}
	}
	return %keys;
}

# HKDF-SHA256 without a salt, as FORMAT.md has it. Purpose 1: seal.
sub derived_key
{
	my ($root_key, $purpose, $class_id, $domain) = @_;
	my $info = 'pii-v1' . pack('CnC', $purpose, $class_id, length $domain) . $domain;
	return hmac_sha256($info . "\x01", hmac_sha256($root_key, "\0" x 32));
}

# ---------------------------------------------------------------------------------------------------------------------
# Searches

# How a key could be written down: name of the form => bytes.
sub needle_forms
{
	my ($name, $key) = @_;
	my $base64 = encode_base64($key, '');
	(my $base64url = $base64) =~ tr{+/=}{-_}d;
	my $hex = unpack('H*', $key);
	return (
		"$name, raw"       => $key,
		"$name, base64"    => substr($base64, 0, 43),
		"$name, base64url" => $base64url,
		"$name, hex"       => $hex,
		"$name, HEX"       => uc $hex);
}

# What is left of a key in memory that was freed without wiping: malloc writes over the first bytes of a block.
sub remnant_forms
{
	my ($name, $key) = @_;
	my $base64 = encode_base64($key, '');
	return (
		"$name, raw, first half"     => substr($key,    0,  16),
		"$name, raw, second half"    => substr($key,    16, 16),
		"$name, base64, first half"  => substr($base64, 0,  21),
		"$name, base64, second half" => substr($base64, 22, 21));
}

# Files below directories, links to directories followed.
sub files_below
{
	my (@directories) = @_;
	my @files;
	while (defined(my $directory = shift @directories))
	{
		opendir my $handle, $directory or next;    # a file may go while we look
		foreach my $entry (grep { !/\A\.\.?\z/ } readdir $handle)
		{
			my $path = "$directory/$entry";
			if    (-d $path) { push @directories, $path; }
			elsif (-f _)     { push @files,       $path; }
		}
	}
	return @files;
}

# Looks for byte strings (name => bytes) in files; returns "name in path" for each that is found. Reads in pieces that
# overlap, so that a core file fits. Of two that begin alike the longer one is reported.
sub search_files
{
	my ($needles, @files) = @_;
	my %name_of = reverse %$needles;
	my @longest_first = sort { length $b <=> length $a } keys %name_of;
	my $overlap = length($longest_first[0]) - 1;
	my $any = join '|', map { quotemeta } @longest_first;
	$any = qr/($any)/;
	my %hits;
	foreach my $path (@files)
	{
		open my $file, '<:raw', $path or next;    # a file may go while we look
		my $window = '';
		while (read $file, my $piece, 16 * 1024 * 1024)
		{
			$window .= $piece;
			$hits{"$name_of{$1} in $path"} = 1 while $window =~ /$any/g;
			$window = substr($window, -$overlap) if length $window > $overlap;
		}
	}
	my @hits = sort keys %hits;
	return @hits;
}

# ---------------------------------------------------------------------------------------------------------------------
# Sealed values and other input

sub sealed_bytes
{
	my ($text) = @_;
	my ($base64) = $text =~ /\Apii:v\d+:([A-Za-z0-9_-]+)\z/ or die "no sealed text: $text";
	$base64 =~ tr{-_}{+/};
	return decode_base64($base64 . '=' x (-length($base64) % 4));
}

sub sealed_text
{
	my ($bytes) = @_;
	my $base64 = encode_base64($bytes, '');
	$base64 =~ tr{+/=}{-_}d;
	return 'pii:v' . unpack('n', substr($bytes, 4, 2)) . ":$base64";
}

# A file of the directory of shared test data, or else one of the source tree.
sub path_of_input
{
	my ($shared, $own) = @_;
	my $directory = $ENV{PII_SHARED} || "$source/../shared";
	return -r "$directory/$shared" ? "$directory/$shared" : "$source/$own";
}

1;

# Root keys are in one mapping, which is locked in memory and in no core file; a process that holds derived keys and
# values leaves no core file at all, and cannot be looked into by others of the same user.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'Linux only' if $^O ne 'linux';

# Inherited by the server: a core file may be as large as it likes.
system_log('prlimit', '--pid', $$, '--core=unlimited');
my ($core_limit) = slurp_file("/proc/$$/limits") =~ /^Max core file size\s+(\S+)/m;
my $core_pattern = slurp_file('/proc/sys/kernel/core_pattern');
chomp $core_pattern;

# Many keys: what is not wiped is soon written over here and there, but not everywhere.
my $node = PiiCluster->new('main');
$node->init(conf => "shared_buffers = 1MB\n");
my $keyring = read_keyring($node->keyring);
my $versions = $keyring->{domains}{default}{seal}{keys};
$versions->{$_} = { %{ $versions->{1} }, key => new_key() } foreach 2 .. 200;
write_keyring($node->keyring, $keyring);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pii');
my $pgdata  = $node->pgdata;
my $scratch = $node->root_dir . '/cores';
mkdir $scratch or die $!;

$node->safe_psql('postgres', q{CREATE TABLE people (id int, name pii_text(name)); INSERT INTO people VALUES (1, 'Jane Doe')});
my %keys = keyring_keys($node->keyring);
my $count = keys %keys;
my %root_keys = map { needle_forms($_, $keys{$_}), remnant_forms($_, $keys{$_}) } keys %keys;
my %derived_key = ('derived key' => derived_key($keys{'default seal 1'}, 1, 1, 'default'));

# A session, and what it has done.
sub session
{
	my (@queries) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query($_) foreach @queries;
	return ($session, $pid);
}
my @use_keys = (q{INSERT INTO people VALUES (2, 'John Doe')}, 'SELECT pii_reveal(name) FROM people', 'SELECT * FROM pii_keyring',
	q{SELECT 'pii:v1:AAAA'::pii_text}, q{SET pii.domain = 'no_such'}, q{SELECT pii_seal('x')}, 'RESET pii.domain', 'SELECT name FROM people');

# ---------------------------------------------------------------------------------------------------------------------
# The mapping

sub mappings
{
	my ($pid) = @_;
	my $smaps    = eval { slurp_file("/proc/$pid/smaps") } // '';
	my @mappings = split /^(?=[0-9a-f]+-[0-9a-f]+ )/m, $smaps;
	@mappings = grep { /^VmFlags:.*\bdd\b/m && /^\S+ r--s/ } @mappings;
	return @mappings;
}

my $postmaster = $node->{_pid};
my @mappings = mappings($postmaster);
is(scalar(@mappings), 1, 'the postmaster has one shared mapping that is read-only and kept out of core files (dd)');
my ($size)   = $mappings[0] =~ /^Size:\s+(\d+) kB/m;
my ($locked) = $mappings[0] =~ /^Locked:\s+(\d+) kB/m;
cmp_ok($size, '<', 2048, 'that mapping is the key table and not all shared memory');
SKIP:
{
	skip 'RLIMIT_MEMLOCK forbids to lock it', 2 if $node->log_contains('could not lock keys in memory');
	like($mappings[0], qr/^VmFlags:.*\blo\b/m, 'that mapping is locked (lo)');
	cmp_ok($locked, '>', 0, 'its pages are locked in memory');    # only its share of them, the others being its children's
}

# ---------------------------------------------------------------------------------------------------------------------
# gdb

sub dump_core
{
	my ($pid, $name, @options) = @_;
	my $path = "$scratch/$name";
	IPC::Run::run([ 'gdb', '-batch', '-nx', map { ('-ex', $_) } 'set debuginfod enabled off', @options, "attach $pid", "gcore $path",
		'detach' ], '<', \undef, '>', \my $out, '2>&1');
	note($out);
	return -s $path ? $path : undef;
}

my ($idle, $idle_pid) = session('SELECT 1');
my ($busy, $busy_pid) = session(@use_keys);
SKIP:
{
	skip 'no gdb', 10 if system_log('gdb', '--version') != 0;
	# A child of our own tells whether attaching is allowed at all.
	my $core = dump_core($idle_pid, 'idle') or skip 'attaching to processes of the same user is not allowed', 10;
	my $checkpointer = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'});
	is(join(', ', search_files(\%root_keys, $core)), '', 'no root key in a core of a backend that has not used keys');
	foreach my $process ([ postmaster => $postmaster ], [ checkpointer => $checkpointer ])
	{
		my ($name, $pid) = @$process;
		$core = dump_core($pid, $name);
		ok($core, "gdb takes a core of the $name");
		is(join(', ', search_files({ %root_keys, %derived_key }, $core)), '', "no root key and no derived key in a core of the $name");
	}
	# The control: the same search of the same process, the mapping included.
	$core = dump_core($postmaster, 'with_keys', 'set dump-excluded-mappings on', 'set use-coredump-filter off');
	my @found = search_files(\%root_keys, $core);
	is(scalar(grep { /raw in/ } @found), $count, 'the search finds every root key when the mapping is included');
	is(scalar(grep { !/raw/ } @found), 0, 'the postmaster holds no other form of a root key, in no memory');

	ok(!dump_core($busy_pid, 'busy'), 'gdb cannot attach to a backend that holds keys');
	ok(!open(my $memory, '<', "/proc/$busy_pid/mem"), 'nor can its memory be read in /proc');
	is(scalar(mappings($busy_pid)), 0, 'nor its mappings');
}

# ---------------------------------------------------------------------------------------------------------------------
# Core files of a crash

sub abort_backend
{
	my ($session, $pid) = @_;
	unlink glob "$pgdata/core*";
	my $offset = $node->log_size;
	kill('ABRT', $pid) == 1 or die "could not kill $pid";
	$node->wait_for_log(qr/was terminated by signal 6: Aborted.*database system is ready/s, $offset);
	$session->{run}->finish;
	my ($core) = glob "$pgdata/core*";
	return $core;
}

SKIP:
{
	skip "core files do not go to the data directory ($core_pattern)", 8 if $core_pattern =~ m{^\||/};
	skip "core files are limited to $core_limit bytes", 8 if $core_limit ne 'unlimited';
	my $core = abort_backend($idle, $idle_pid);
	ok($core, 'a backend that has not used keys dumps core: core files are possible here') or skip 'no core files', 7;
	is(join(', ', search_files(\%root_keys, $core)), '', 'that core file has no root key');

	($busy, $busy_pid) = session(@use_keys);
	is(abort_backend($busy, $busy_pid), undef, 'a backend that holds keys dumps no core');
	($busy, $busy_pid) = session('SELECT name FROM people WHERE false', q{SELECT 'x'::pii_text IS NULL});
	is(abort_backend($busy, $busy_pid), undef, 'a backend that has only sealed dumps no core');

	$node->configure('pii.core_dumps' => 'on');
	$node->restart;
	($busy, $busy_pid) = session(@use_keys);
	$core = abort_backend($busy, $busy_pid);
	ok($core, 'pii.core_dumps = on: a backend that holds keys dumps core') or skip 'no core file', 3;
	is(join(', ', search_files(\%root_keys, $core)), '', 'pii.core_dumps = on: the core file has no root key');
	is(scalar(search_files(\%derived_key, $core)), 1,
		'pii.core_dumps = on: the search finds the derived key, which the process needs');
	$node->gives('SELECT name FROM people WHERE id = 1', 'Jane Doe', 'after all these crashes values are readable');
	unlink glob "$pgdata/core*";
}

# Keys from a command leave no trace in the postmaster either.
$node->configure('pii.keyring_file' => undef, 'pii.keyring_command' => 'cat ' . $node->keyring);
$node->restart;
SKIP:
{
	skip 'no gdb', 2 if system_log('gdb', '--version') != 0;
	my $core = dump_core($node->{_pid}, 'command', 'set dump-excluded-mappings on', 'set use-coredump-filter off')
	  or skip 'attaching to processes of the same user is not allowed', 2;
	my @found = search_files(\%root_keys, $core);
	is(scalar(grep { /raw in/ } @found), $count, 'keyring from a command: the search finds every root key');
	is(scalar(grep { !/raw/ } @found), 0, 'keyring from a command: no other form of a root key is left in memory');
}

done_testing();

# Keys rotate while an application works and the server is killed again and again, at the moments where it matters. No statement
# fails but for lost connections, no search misses a row, no value is wrong, nothing that was acknowledged is lost, and no equal
# value gets into a unique index.
#
# ROTATION_SECONDS in the environment: how long it goes on at least (script/soak).

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use RotatingServer;
use RotationLoad;
use Test::More;
use Time::HiRes qw(time);
use WireSession;

my $began = time;
my $seconds = $ENV{ROTATION_SECONDS} // 0;
local $SIG{ALRM} = sub { die "the test hangs\n" };
alarm $seconds + 600;

my $node = RotatingServer->started('main', conf => <<'CONF');
max_connections = 40
shared_buffers = 64MB
checkpoint_timeout = 30s
max_wal_size = 256MB
autovacuum_naptime = 5s
log_min_messages = log
CONF
my $load = RotationLoad->prepared($node, directory => $node->root_dir . '/load');
my $log_begin = $node->log_size;

# ---------------------------------------------------------------------------------------------------------------------
# Crashes

my %kills;

# In turn, so that each is killed again and again.
my @victims = ('load', 'pii keeper', 'load', 'checkpointer', 'verifier', 'load', 'walwriter', 'background writer', 'load', 'autovacuum launcher');

sub pid_of
{
	my ($victim) = @_;
	return $node->safe_psql('postgres', qq{SELECT pid FROM pg_stat_activity
		WHERE '$victim' IN (application_name, backend_type) ORDER BY state = 'active' DESC NULLS LAST, random() LIMIT 1});
}

# Kills a process of the server, one of those above unless it is given, and waits until the load is on again.
sub crash
{
	my ($moment, $victim, $pid) = @_;
	if (!defined $victim)
	{
		push @victims, $victim = shift @victims;
		$pid = pid_of($victim);
	}
	die "there is no $victim" unless $pid;
	my $offset = $node->log_size;
	kill KILL => $pid;
	++$kills{$victim};
	note(sprintf '%.1f s: killed %s: %s', time - $began, $victim, $moment);
	$node->wait_for_log(qr/pii: keys kept over the restart after a crash/, $offset);
	$node->await_server;
	$load->stop;
	$load->start;
	return;
}

# ---------------------------------------------------------------------------------------------------------------------
# What an operator does, and does again after a crash

my $in_the_middle = 0;
my $by_signal = 0;

# Now by SQL, now by a signal.
sub reload
{
	if (++$by_signal % 3 == 0)
	{
		my $offset = $node->log_size;
		$node->reload;
		$node->wait_for_log(qr/pii: keyring loaded/, $offset);
	}
	else
	{
		unlike($node->reload_keyring, qr/WARNING/, 'a reload has nothing to warn of');
	}
	return;
}

# Runs a statement in a session of its own, which is killed when `moment` is there. True when that was before its end.
sub interrupt
{
	my ($sql, $what, $moment) = @_;
	my $session = WireSession->connected($node);
	$session->begin($sql);
	$moment->();
	crash("in the middle of $what", $what, $session->pid);
	my ($rows, $error) = eval { $session->finish };
	return 0 if defined $rows && !defined $error;
	diag("$what: $error") if defined $error && $error !~ /terminating connection/;
	return ++$in_the_middle;
}

sub primary_of
{
	my ($purpose) = @_;
	return $node->safe_psql('postgres', "SELECT key_version FROM pii_keyring WHERE purpose = '$purpose' AND is_primary");
}

sub await_moved
{
	my ($version_of, $version, $share) = @_;
	$node->poll_query_until('postgres', "SELECT count(*) FILTER (WHERE pii_key_version($version_of) = $version) >= $share * count(*) FROM people")
	  or die 'nothing is moved';
	return;
}

# The guard that the warning of a rewrap speaks of. A crash leaves an invalid index behind.
sub make_guard
{
	my ($is_killed) = @_;
	my ($status, undef, $messages) = $node->rewrap('people', 'email', arguments => '2000');
	my $guard = $node->guard_in($messages);
	die "no guard in: $messages" unless $status == 0 && defined $guard;
	my ($name) = $guard =~ /CONCURRENTLY (\S+) ON/;
	if ($is_killed)
	{
		interrupt($guard, 'CREATE INDEX', sub {
			$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_class WHERE relname = '$name'") });
		# It may have been valid by then: that is a guard like any other, and is kept.
		return $name if $node->safe_psql('postgres', "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('$name')") eq 't';
		$node->succeeds("DROP INDEX CONCURRENTLY IF EXISTS $name", 'an invalid guard is dropped');
	}
	$node->succeeds($guard, "a guard is made under load");
	return $name;
}

sub rewrap
{
	my ($column, $version_of, $version, @shares) = @_;
	foreach my $share (@shares)
	{
		interrupt("CALL pii_rewrap_column('people', '$column', 300, '1 ms')", 'rewrap', sub { await_moved($version_of, $version, $share) });
	}
	my ($status, $moved, $messages) = $node->rewrap('people', $column, arguments => '300');
	is($status, 0, "column $column is rewrapped under load");
	unlike($messages, qr/WARNING|ERROR/, "column $column: without a warning");
	return $moved;
}

# The same by a job, which goes on by itself after each crash.
sub rewrap_by_job
{
	my ($column, $version_of, $version, @shares) = @_;
	my $job = $node->safe_psql('postgres', "SELECT pii_start_job('rewrap', 'people', '$column', 300, '1 ms')");
	foreach my $share (@shares)
	{
		await_moved($version_of, $version, $share);
		my $pid = $node->safe_psql('postgres', "SELECT pid FROM pii_jobs WHERE job_id = $job AND state = 'running'");
		$pid ? crash('in the middle of a job', 'job', $pid) : crash('after a job');
		++$in_the_middle if $pid;
	}
	ok($node->poll_query_until('postgres', "SELECT state = 'done' FROM pii_jobs WHERE job_id = $job"), "column $column is rewrapped by a job")
	  || diag($node->safe_psql('postgres', 'SELECT * FROM pii_jobs'));
	return;
}

sub versions_of
{
	my ($column) = @_;
	return $node->safe_psql('postgres', qq{SELECT string_agg(DISTINCT kind || ' ' || key_version, ', ') FROM pii_column_status('people', '$column')});
}

# A rotation of both keys, with crashes.
sub rotate_both
{
	my ($cycle) = @_;
	my %old = map { $_ => primary_of($_) } qw(seal blind_index);
	my %new = map { $_ => $node->add_version($_) } sort keys %old;
	reload();
	crash('a version was added') if $cycle % 2;
	$node->promote_version($_, $new{$_}) foreach sort keys %new;
	if ($cycle % 3 == 1)
	{
		crash('promoted in the file, and not reloaded');
		is(primary_of($_), $old{$_}, "a crash does not read the keyring again: $_") foreach sort keys %old;
	}
	interrupt('SELECT pii_reload_keyring()', 'reload', sub { }) if $cycle % 2 == 0;
	reload();
	crash('promoted') if $cycle != 2;
	is(primary_of($_), $new{$_}, "promoted: $_") foreach sort keys %new;
	$load->await_rows(50);

	my $way = $cycle % 2 ? \&rewrap : \&rewrap_by_job;
	$way->('ssn', 'ssn', $new{seal}, 0.3, 0.7);
	my $guard = make_guard($cycle % 2);
	$load->await_rows(50);
	$way->('email', 'email_key', $new{blind_index}, 0.5);
	is(versions_of($_), "blind index $new{blind_index}, sealed $new{seal}", "one version is left in $_") foreach qw(ssn email);

	$node->disable_old_versions($_) foreach sort keys %new;
	interrupt('SELECT pii_reload_keyring()', 'reload', sub { }) if $cycle % 2;
	reload();
	$load->await_rows(50);
	$node->succeeds("DROP INDEX CONCURRENTLY $guard", 'the guard is dropped under load');
	crash('rotated') if $cycle % 2 == 0;
	return;
}

# ---------------------------------------------------------------------------------------------------------------------

$load->start;
my $cycles = 0;
rotate_both(++$cycles) until $cycles >= 5 && time - $began > $seconds;
$load->stop;

$load->check('at the end');
foreach my $column (qw(ssn email))
{
	like(versions_of($column), qr/\Ablind index \d+, sealed \d+\z/, "$column: one version of each purpose is left");
	$node->gives("CALL pii_verify_column('people', '$column')", $node->safe_psql('postgres', "SELECT count($column) FROM people") . '|0|0|0',
		"$column: every value is authentic");
}
$node->gives(q{SELECT count(*), count(*) FILTER (WHERE is_primary) FROM pii_keyring WHERE status = 'enabled'}, '2|2',
	'the old versions are all disabled');
my $kills = 0;
$kills += $_ foreach values %kills;
cmp_ok($kills, '>=', 30, 'the server was killed many times');
cmp_ok($in_the_middle, '>=', 6, 'often in the middle of something');
my $log = $node->log_since($log_begin);
is(scalar(() = $log =~ /was terminated by signal 9/g), $kills, 'every crash was one of ours');
unlike($log, qr/PANIC|was terminated by signal (?!9\b)|corrupted|invalid memory|resource was not closed|leak/, 'the log tells of nothing else');
is(scalar(() = $log =~ /pii: keys kept over the restart/g), $kills, 'no crash lost the keys');
diag(sprintf '%d rotations, %d kills (%s), %d in the middle, %d transactions, %d rows, %.0f s', $cycles, $kills,
	join(', ', map { "$_ $kills{$_}" } sort keys %kills), $in_the_middle, $load->transactions, $node->safe_psql('postgres', 'SELECT count(*) FROM people'), time - $began);

# A load that went wrong would be noticed.
$node->add_version('blind_index');
my (undef, @enabled) = $node->versions('blind_index');
$node->promote_version('blind_index', $enabled[-1]);
$node->disable_old_versions('blind_index');
like($node->reload_keyring, qr/WARNING:  01000: blind_index key version \d+ of domain "default" is disabled, and \S+ \S+ still needs it/,
	'a version that is needed is disabled');
my $blind = bless { %$load, findings => [] }, 'RotationLoad';
$blind->start;
$blind->await_finding(qr/\Averifier: wrong/);
$node->poll_query_until('postgres', q{SELECT count(*) < 3 FROM pg_stat_activity WHERE application_name = 'load'});
$blind->stop;
my $findings = join "\n", $blind->findings;
like($findings, qr/^pgbench, \w+: .*wrong answer: /m, 'a load without the key notices');
like($findings, qr/^verifier: wrong: /m, 'so does the verifier');

$node->stop;
done_testing();

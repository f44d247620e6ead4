# Keys rotate on a primary and its standby while an application works, and the primary is killed in the middle: the standby,
# promoted, goes on with all that was acknowledged, and the rotation is finished there. Searches on the standby find every row
# once, at each step.
#
# ROTATION_SECONDS in the environment: how long it goes on at least, with a new standby each time (script/soak).

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

my $primary = RotatingServer->started('first', allows_streaming => 1, conf => <<'CONF');
max_connections = 40
shared_buffers = 64MB
max_wal_size = 512MB
checkpoint_timeout = 30s
autovacuum_naptime = 5s
hot_standby_feedback = on
max_standby_streaming_delay = -1
wal_receiver_status_interval = 1
CONF
my $load = RotationLoad->prepared($primary, directory => $primary->root_dir . '/load');
my ($standby, $failovers, $in_the_middle) = (undef, 0, 0);

# ---------------------------------------------------------------------------------------------------------------------
# Servers

# A standby with a keyring file of its own. From now on the primary acknowledges nothing that it does not have.
sub make_standby
{
	my ($name) = @_;
	$primary->backup($name, backup_options => [ '--checkpoint', 'fast' ]);
	$standby = RotatingServer->new($name);
	$standby->init_from_backup($primary, $name, has_streaming => 1);
	mkdir $standby->keys_dir;
	chmod 0700, $standby->keys_dir;
	copy_keyring();
	$standby->configure('pii.keyring_file' => $standby->keyring, synchronous_standby_names => undef);
	$standby->start;
	$primary->configure(synchronous_standby_names => $name);
	$primary->reload;
	$primary->poll_query_until('postgres', "SELECT sync_state = 'sync' FROM pg_stat_replication WHERE application_name = '$name'")
	  or die 'the standby does not stream';
	return;
}

# The keyring of the primary, on the standby.
sub copy_keyring
{
	write_private($standby->keyring, slurp_file($primary->keyring));
	return;
}

# On the standby first, or last; each reloads what it has.
sub reload_both
{
	copy_keyring();
	$_->reload_keyring foreach @_;
	return;
}

# Kills a server with all its processes, as when the machine is lost.
sub lose
{
	my ($server) = @_;
	my ($postmaster) = split /\n/, slurp_file($server->data_dir . '/postmaster.pid');
	my @children = split /\n/, $server->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity');
	kill KILL => $postmaster, @children;
	$server->{_pid} = undef;
	return;
}

sub crash
{
	my ($server, $pid) = @_;
	my $offset = $server->log_size;
	kill KILL => $pid;
	$server->wait_for_log(qr/pii: keys kept over the restart after a crash/, $offset);
	$server->await_server;
	return;
}

# ---------------------------------------------------------------------------------------------------------------------
# What an operator does

sub await_moved
{
	my ($server, $version_of, $version, $share) = @_;
	$server->poll_query_until('postgres', "SELECT count(*) FILTER (WHERE pii_key_version($version_of) = $version) >= $share * count(*) FROM people")
	  or die 'nothing is moved';
	return;
}

# Begins a rewrap, and gives the session when so much of it is done.
sub begin_rewrap
{
	my ($column, $version_of, $version, $share) = @_;
	my $session = WireSession->connected($primary);
	$session->begin("CALL pii_rewrap_column('people', '$column', 200, '2 ms')");
	await_moved($primary, $version_of, $version, $share);
	return $session;
}

sub begin_job
{
	my ($column, $version_of, $version, $share) = @_;
	my $job = $primary->safe_psql('postgres', "SELECT pii_start_job('rewrap', 'people', '$column', 200, '50 ms')");
	await_moved($primary, $version_of, $version, $share);
	return $job;
}

# What pii_rewrap_column() wants made.
sub guard_statement
{
	my ($status, undef, $messages) = $primary->rewrap('people', 'email', arguments => '500');
	die $messages unless $status == 0;
	return $primary->guard_in($messages);
}

# What it waits for lasts until the primary is lost.
my $holder;

sub begin_guard
{
	$holder = WireSession->connected($primary);
	$holder->run(q{BEGIN; INSERT INTO people VALUES (nextval('ids'), 'x', NULL)});
	my $session = WireSession->connected($primary);
	$session->begin(guard_statement());
	$primary->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for writers%'})
	  or die 'no guard is made';
	return $session;
}

sub rewrap
{
	my ($column) = @_;
	my ($status, undef, $messages) = $primary->rewrap('people', $column, arguments => '500');
	unlike("$status $messages", qr{\A[1-9]|WARNING}, "column $column is rewrapped");
	return;
}

sub catch_up
{
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	return;
}

# A search on both finds every row once, whatever its version.
sub finds_all
{
	my ($server, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $column (qw(ssn email))
	{
		$server->gives(qq{SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SELECT count(*), bool_and(s.id = t.id)
			FROM twin t CROSS JOIN LATERAL (SELECT id FROM people p WHERE p.$column = t.$column) s WHERE t.id <= 3000}, '3000|t', "$name: by $column");
	}
	return;
}

# Rotates both keys. The primary is lost in the middle of moving one column, and the rest happens on what was the standby.
sub rotate_and_fail_over
{
	my ($lost_while) = @_;
	my %new = map { $_ => $primary->add_version($_) } qw(seal blind_index);
	reload_both($standby, $primary);
	$load->await_rows(50);
	$primary->promote_version($_, $new{$_}) foreach sort keys %new;
	# The primary is ahead, for a while: the standby knows the version, and not that it is promoted.
	$primary->reload_keyring;
	$load->await_rows(50);
	catch_up();
	$standby->gives(q{SELECT count(DISTINCT key_version) FROM pii_keyring WHERE is_primary}, '1', 'the standby has not reloaded yet') if $new{seal} != $new{blind_index};
	$standby->gives("SELECT count(*) > 0, count(pii_reveal(ssn)) = count(*) FROM people WHERE pii_key_version(ssn) = $new{seal}", 't|t',
		'it reads what the primary seals under the new version');
	finds_all($standby, 'the standby, before it reloads');
	reload_both($standby);

	# Once by a job, which goes on by itself on the promoted standby.
	my $job = $lost_while eq 'ssn' ? begin_job('ssn', 'ssn', $new{seal}, 0.3) : undef;
	my $session = defined $job ? undef : begin_rewrap('ssn', 'ssn', $new{seal}, 0.4);
	finds_all($standby, 'the standby, in the middle of a rewrap');
	crash($standby, $standby->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'verifier' LIMIT 1}));
	finds_all($standby, 'the standby, after a crash of its own');
	if ($lost_while ne 'ssn')
	{
		my (undef, $error) = $session->finish;
		is($error, undef, 'the rewrap of ssn ends');
		$session = $lost_while eq 'guard' ? begin_guard() : undef;
	}
	if ($lost_while eq 'email')
	{
		$primary->succeeds(guard_statement(), 'a guard is made');
		$session = begin_rewrap('email', 'email_key', $new{blind_index}, 0.5);
	}
	$primary->gives("SELECT state, pid > 0 FROM pii_jobs WHERE job_id = $job", 'running|t', 'the job is in its middle') if defined $job;
	my $last = $primary->safe_psql('postgres', 'SELECT last_value FROM ids');
	lose($primary);
	++$failovers;
	eval { $session->finish; 1 } or ++$in_the_middle if defined $session;
	$load->stop;
	$standby->promote;
	$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'the standby is not promoted';
	$primary = $standby;
	$primary->gives("SELECT last_value >= $last FROM ids", 't', 'the promoted standby is not behind');
	$load->start($primary);
	$load->await_rows(50);

	if (defined $job)
	{
		$primary->poll_query_until('postgres', "SELECT state = 'done' FROM pii_jobs WHERE job_id = $job") or die 'the job does not go on';
		++$in_the_middle;
	}

	# The same steps again: what is done already does no harm.
	rewrap('ssn');
	my $invalid = $primary->safe_psql('postgres', 'SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid');
	is($invalid ne '', $lost_while eq 'guard', 'a guard in the making is invalid afterwards');
	$primary->succeeds("DROP INDEX CONCURRENTLY $invalid", 'and can be dropped') if $invalid ne '';
	my $guard = guard_statement();
	$primary->succeeds($guard, 'a guard is made after the failover') if $lost_while ne 'email';
	is($guard, undef, 'the guard of the lost primary is there') if $lost_while eq 'email';
	$session = begin_rewrap('email', 'email_key', $new{blind_index}, 0.7);
	$load->stop;
	crash($primary, $session->pid);
	eval { $session->finish; 1 } or ++$in_the_middle;
	$load->start;
	rewrap('email');
	foreach my $column (qw(ssn email))
	{
		$primary->gives("SELECT string_agg(DISTINCT kind || ' ' || key_version, ', ') FROM pii_column_status('people', '$column')",
			"blind index $new{blind_index}, sealed $new{seal}", "one version is left in $column");
	}
	$primary->disable_old_versions($_) foreach sort keys %new;
	unlike($primary->reload_keyring, qr/WARNING/, 'the old versions are disabled');
	$load->await_rows(50);
	my $name = $primary->safe_psql('postgres', q{SELECT indexrelid::regclass FROM pg_index WHERE pg_get_indexdef(indexrelid) LIKE '%''exact''%'});
	$primary->succeeds("DROP INDEX CONCURRENTLY $name", 'the guard is dropped');
	return;
}

# ---------------------------------------------------------------------------------------------------------------------

do
{
	make_standby('standby_' . ($failovers + 1));
	$load->start;
	$load->start_reading($standby);
	rotate_and_fail_over((qw(email ssn guard))[ $failovers % 3 ]);
	$load->stop;
} until ($failovers >= 3 && time - $began > $seconds);

$load->check('at the end');
foreach my $column (qw(ssn email))
{
	$primary->gives("CALL pii_verify_column('people', '$column')", $primary->safe_psql('postgres', "SELECT count($column) FROM people") . '|0|0|0',
		"$column: every value is authentic");
}
$primary->gives(q{SELECT count(*), count(*) FILTER (WHERE is_primary) FROM pii_keyring WHERE status = 'enabled'}, '2|2',
	'the old versions are all disabled');
cmp_ok($in_the_middle, '>=', $failovers, 'the primary was lost in the middle of a rewrap');
diag(sprintf '%d failovers, %d rewraps cut off, %d transactions, %d statements of verifiers, %d rows, %.0f s', $failovers, $in_the_middle,
	$load->transactions, $load->statements, $primary->safe_psql('postgres', 'SELECT count(*) FROM people'), time - $began);

$primary->stop;
done_testing();

# A job goes on in a process of its own, as the role that started it, and outlives whatever stops the server. A pause of
# an hour after the first batch is how the tests find a job in its middle.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PiiCluster->started('main', allows_streaming => 'logical');
my $rows = 400;
my $now = 1;

$node->safe_psql('postgres', q{
	CREATE ROLE clerk LOGIN;
	CREATE ROLE colleague LOGIN IN ROLE clerk;
	CREATE ROLE other LOGIN;
	CREATE ROLE watcher LOGIN IN ROLE pg_monitor;
	GRANT CREATE ON SCHEMA public TO clerk;
	GRANT EXECUTE ON FUNCTION pii_start_job TO clerk, other});

# A table whose values are of an old key version, owned by clerk.
sub old_table
{
	my ($table, $dbname) = @_;
	$node->safe_psql($dbname // 'postgres', qq{
		CREATE TABLE $table (id int PRIMARY KEY, ssn pii_text(ssn));
		INSERT INTO $table SELECT i, '900-00-' || to_char(i, 'FM0000') FROM generate_series(1, $rows) i;
		ALTER TABLE $table OWNER TO clerk});
	return;
}

sub rotate
{
	++$now;
	pii_keyring('add',     $node->keyring, 'seal');
	pii_keyring('promote', $node->keyring, 'seal', $now);
	$node->safe_psql('postgres', 'SELECT pii_reload_keyring()');
	return;
}

# Starts a job on the column ssn of a table: its id.
sub start_job
{
	my ($table, %params) = @_;
	my $pause = $params{pause} // '0';
	my $settings = $params{settings} // '';
	return $node->safe_psql($params{dbname} // 'postgres', "$settings SELECT pii_start_job('rewrap', '$table', 'ssn', 20, '$pause')",
		extra_params => [ '-U', $params{user} // 'clerk' ]);
}

sub wait_for
{
	my ($job, $condition, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $dbname = $params{dbname} // 'postgres';
	my $server = $params{server} // $node;
	return ok($server->poll_query_until($dbname, "SELECT $condition FROM pii_jobs WHERE job_id = $job"), $name)
	  || diag($server->safe_psql($dbname, 'SELECT * FROM pii_jobs'));
}

# A job that sits in its first pause.
sub paused_job
{
	my ($table, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $job = start_job($table, pause => '1 hour', %params);
	wait_for($job, 'rows_done BETWEEN 1 AND rows_total - 1', "$table: the job has begun", %params);
	return $job;
}

# Takes the pauses out of jobs, for when they are continued.
sub no_more_pauses { $node->safe_psql($_, q{UPDATE pii_job SET pause = '0'}) foreach @_; return; }

# Nothing is lost and nothing is left.
sub is_rewrapped
{
	my ($table, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $server = $params{server} // $node;
	return $server->gives(
		"SELECT count(*) FILTER (WHERE pii_reveal(ssn) = '900-00-' || to_char(id, 'FM0000') AND pii_key_version(ssn) = $now) FROM $table",
		$rows, $name, dbname => $params{dbname} // 'postgres');
}

old_table($_) foreach qw(plain raced columns stopped withdrawn held cancelled taken raising quoting settings unlucky crashed dropped promoted);
rotate();

# ---------------------------------------------------------------------------------------------------------------------
# Start

my $start = q{SELECT pii_start_job('rewrap', 'plain', 'ssn'};
$node->fails($_->[0], $_->[1], $_->[2], "refused: $_->[3]", user => $_->[4] // 'clerk') foreach
  [ q{SELECT pii_start_job('paint', 'plain', 'ssn')}, '22023', qr/kind of job does not exist\nHINT:  The kinds are: rewrap/, 'no such kind' ],
  [ "$start, 0)", '22023', qr/batch must be at least 1/, 'no rows in a batch' ],
  [ "$start, 10, '-1 s')", '22023', qr/pause/, 'a negative pause' ],
  [ "$start, NULL)", '22023', qr/must not be null/, 'nothing' ],
  [ q{SELECT pii_start_job('rewrap', 'plain', 'id')}, '42809', qr/not of type pii_text/, 'another column' ],
  [ q{SELECT pii_start_job('rewrap', 'plain', 'name')}, '42703', qr/does not exist/, 'no such column' ],
  [ "$start)", '42501', qr/permission denied for table plain/, 'a table that the role may not write', 'other' ],
  [ "$start)", '42501', qr/permission denied for function pii_start_job/, 'without being allowed to start jobs', 'watcher' ],
  [ q{CREATE TEMP TABLE t (ssn pii_text); SELECT pii_start_job('rewrap', 't', 'ssn')}, '0A000', qr/temporary table/, 'a temporary table' ],
  [ "BEGIN READ ONLY; $start)", '25006', qr/read-only transaction/, 'a read-only transaction' ],
  [ q{SELECT pii_start_job('rewrap', 'pii_job_active', 'relation')}, '42809', qr/not/, 'an index' ];
$node->gives('SELECT count(*) FROM pii_job', '0', 'what was refused left no job');

my $job = start_job('plain');
wait_for($job, q{state = 'done'}, 'a job is done');
is_rewrapped('plain', 'a job has moved every row');
$node->gives(qq{SELECT kind, "table", "column", role, rows_done, rows_total, rows_skipped, rows_per_second > 0, remaining, pid, last_error,
	started_at <= updated_at AND updated_at <= ended_at FROM pii_jobs WHERE job_id = $job},
	"rewrap|plain|ssn|clerk|$rows|$rows|0|t||||t", 'pii_jobs tells of a job that is done');
my $again = start_job('plain');
isnt($again, $job, 'a job that is done is not gone on with');
wait_for($again, q{state = 'done' AND rows_done = 0 AND rows_total = 0}, 'a job without anything to do is done');

# The process is there before the row is.
my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN; SAVEPOINT s');
my $never = $session->query_safe(q{SELECT pii_start_job('rewrap', 'stopped', 'ssn')});
$session->query_safe('ROLLBACK TO s');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pii job' AND wait_event = 'transactionid'}),
	'a process waits for the transaction that started its job');
$session->query_safe('COMMIT');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pii job'}),
	'a job that was rolled back is not run');
$node->gives("SELECT count(*) FROM pii_jobs WHERE job_id = $never", '0', 'a job that was rolled back was never there');

# Two at a time: the second waits to see what becomes of the first.
my $rival = $node->background_psql('postgres', on_error_stop => 0);
$job = $session->query_safe(q{BEGIN; SELECT pii_start_job('rewrap', 'raced', 'ssn', 20, '1 hour')});
$rival->query_until(qr/started/, "\\echo started\nSELECT pii_start_job('rewrap', 'raced', 'ssn');\n");
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND wait_event_type = 'Lock'}),
	'a second start waits for the first');
$session->query_safe('COMMIT');
$rival->query('SELECT 1');
like($rival->{stderr}, qr/ERROR:  job $job of this column is running/, 'and is refused');
$rival->quit;
wait_for($job, 'pid IS NOT NULL', 'the first one runs');
$node->safe_psql('postgres', "SELECT pii_stop_job($job)");

# ---------------------------------------------------------------------------------------------------------------------
# Stop and continue

$job = paused_job('stopped');
$node->fails(q{SELECT pii_start_job('rewrap', 'stopped', 'ssn')}, '55006', qr/job $job of this column is running\nHINT:  .*pii_stop_job\($job\)/,
	'one job at a time on a column');
$node->gives(qq{SELECT state, pid IS NOT NULL, remaining >= interval '0', ended_at FROM pii_jobs WHERE job_id = $job}, 'running|t|t|',
	'pii_jobs tells of a job that runs');
$node->gives(q{SELECT a.application_name, a.query FROM pg_stat_activity a JOIN pii_jobs USING (pid)},
	qq{pii job $job|pii: job $job, rewrap of column "ssn" of table "stopped"}, 'pg_stat_activity tells what the process does');
my $done = $node->safe_psql('postgres', "SELECT rows_done FROM pii_jobs WHERE job_id = $job");
$node->gives("SELECT count(*) FROM stopped WHERE pii_key_version(ssn) = $now", $done, 'progress is what was done');
$node->fails("SELECT pii_stop_job($job)", '42501', qr/permission denied for job $job/, 'others do not stop a job', user => 'other');
$node->gives("SELECT pii_stop_job($job)", 't', 'a member of the role stops a job', user => 'colleague');
wait_for($job, q{state = 'stopped' AND pid IS NULL}, 'a stop ends a pause');
$node->gives("SELECT pii_stop_job($job)", 'f', 'what is stopped is not stopped again');
$node->fails('SELECT pii_stop_job(0)', '42704', qr/job 0 does not exist/, 'no such job');
is(start_job('stopped'), $job, 'a job that was stopped is gone on with');
wait_for($job, qq{state = 'done' AND rows_done = $rows AND rows_total = $rows}, 'it is done, and has counted every row once');
is_rewrapped('stopped', 'it has moved every row');

# While a stop is not committed the job neither works nor holds rows; taken back, it goes on.
$job = paused_job('withdrawn');
no_more_pauses('postgres');
$session->query_safe("BEGIN; SELECT pii_stop_job($job)");
ok($node->poll_query_until('postgres', "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE backend_type = 'pii job'"),
	'the process waits for what comes of the stop');
$node->succeeds(q{SET lock_timeout = '1s'; UPDATE withdrawn SET id = id}, 'meanwhile it holds no rows');
$session->query_safe('ROLLBACK');
wait_for($job, q{state = 'done'}, 'a stop that was taken back lets the job go on');
is_rewrapped('withdrawn', 'it has moved every row');

# Rows that others hold are waited for, until somebody stops that.
$session->query_safe('BEGIN; SELECT FROM held WHERE id <= 10 FOR UPDATE');
$job = start_job('held');
wait_for($job, 'rows_done = ' . ($rows - 10), 'what others hold is left for the end');
ok($node->poll_query_until('postgres', q{SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE backend_type = 'pii job'}), 'and waited for');
$node->gives("SELECT pii_stop_job($job)", 't', 'a job that waits for a lock is told to stop');
wait_for($job, q{state = 'stopped'}, 'a stop ends the wait for a lock');
$session->query_safe('COMMIT');
is(start_job('held'), $job, 'it is gone on with');
wait_for($job, q{state = 'done'}, 'and done');
is_rewrapped('held', 'it has moved every row');

# ---------------------------------------------------------------------------------------------------------------------
# Failures

$job = paused_job('cancelled');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pii_jobs WHERE job_id = $job");
wait_for($job, q{state = 'failed' AND last_error = '57014: canceling statement due to user request'}, 'a job that is cancelled has failed');
is(start_job('cancelled', pause => '1 hour'), $job, 'a job that has failed is gone on with');
wait_for($job, q{state = 'running' AND last_error IS NULL AND pid IS NOT NULL}, 'and has no error any more');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid, 10000) FROM pii_jobs WHERE job_id = $job");
wait_for($job, q{state = 'running' AND pid IS NULL}, 'a job whose process was terminated is interrupted');
is(start_job('cancelled'), $job, 'a job that was interrupted is gone on with');
wait_for($job, q{state = 'done'}, 'and done');
is_rewrapped('cancelled', 'it has moved every row');

# 200 ms: in such a pause there is time for something to happen to the table.
$node->safe_psql('postgres', 'GRANT SELECT, UPDATE ON taken TO other');
$job = start_job('taken', user => 'other', pause => '200 ms');
wait_for($job, 'rows_done > 0', 'a job of a role that may update the table');
$node->safe_psql('postgres', 'REVOKE UPDATE ON taken FROM other');
wait_for($job, q{state = 'failed' AND last_error = '42501: permission denied for table taken'},
	'a job whose role may not update any more has failed');
$node->gives(q{SELECT count(*), count(DISTINCT pii_reveal(ssn)) FROM taken}, "$rows|$rows", 'no row is lost');

$job = start_job('dropped', pause => '200 ms');
wait_for($job, 'rows_done > 0', 'a job over a table to be dropped');
$node->safe_psql('postgres', 'DROP TABLE dropped');
wait_for($job, q{state = 'failed' AND last_error = '42P01: the table was dropped'}, 'a job whose table is dropped has failed');

$job = start_job('columns', pause => '200 ms');
wait_for($job, 'rows_done > 0', 'a job over a column to be dropped');
$node->safe_psql('postgres', 'ALTER TABLE columns DROP COLUMN ssn');
wait_for($job, q{state = 'failed' AND last_error ~ '^42703: '}, 'a job whose column is dropped has failed');

# What a trigger runs as, and what it says.
$node->safe_psql('postgres', q{
	CREATE TABLE seen (who name, what text);
	GRANT INSERT ON seen TO clerk;
	ALTER ROLE clerk SET search_path = public, pg_catalog;
	CREATE FUNCTION attempt(command text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE command;
		INSERT INTO public.seen VALUES (current_user, command);
	EXCEPTION WHEN insufficient_privilege THEN NULL;
	END $$;
	CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM public.attempt('SET ROLE postgres'), public.attempt('RESET ROLE'), public.attempt('RESET SESSION AUTHORIZATION');
		INSERT INTO public.seen VALUES (current_user, tg_name || ' ' || current_setting('search_path'));
		RETURN new;
	END $$;
	CREATE TRIGGER note BEFORE UPDATE ON settings FOR EACH ROW EXECUTE FUNCTION note();
	CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON settings DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', pii_reveal(new.ssn); END $$;
	CREATE TRIGGER refuse BEFORE UPDATE ON raising FOR EACH ROW EXECUTE FUNCTION refuse();
	CREATE FUNCTION misread() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pii_reveal(new.ssn)::int; RETURN new; END $$;
	CREATE TRIGGER misread BEFORE UPDATE ON quoting FOR EACH ROW EXECUTE FUNCTION misread();
	SELECT pii_grant('clerk'::regrole, 'ssn', 'REVEAL')});
$job = start_job('settings');
wait_for($job, q{state = 'done'}, 'a job over a table with triggers');
$node->gives('SELECT DISTINCT who, what FROM seen ORDER BY 1, 2', "clerk|late public, pg_catalog\nclerk|note public, pg_catalog",
	'triggers run as the role of the job, with its settings, and cannot become another');
my $offset = $node->log_size;
$job = start_job('raising');
wait_for($job, q{state = 'failed'}, 'a job that a trigger refuses has failed');
$node->gives("SELECT last_error, rows_done FROM pii_jobs WHERE job_id = $job", 'P0001: (raised by a function; not kept, because it may hold values)|0',
	'last_error holds nothing that a function said');
my $quoting = start_job('quoting');
wait_for($quoting, q{state = 'failed' AND last_error LIKE '22P02: invalid input syntax for type integer: %' AND last_error !~ '900-00'},
	'nor what PostgreSQL quotes');
unlike($node->log_since($offset), qr/900-00/, 'neither does the log');
like($node->log_since($offset), qr/LOG:  pii: job $job, rewrap of column "ssn" of table "raising": failed\n.*DETAIL:  P0001/, 'the log tells of the failure');


# ---------------------------------------------------------------------------------------------------------------------
# Who sees and who writes what

my %sees = (clerk => 't', colleague => 't', other => 'f', watcher => 't', postgres => 't');
$node->gives(q{SELECT count(*) > 0 FROM pii_jobs WHERE role = 'clerk'::regrole}, $sees{$_}, "jobs of clerk, as $_ sees them", user => $_)
  foreach sort keys %sees;
$node->gives('SELECT DISTINCT role FROM pii_jobs', 'other', 'everybody sees his own jobs', user => 'other');
$node->safe_psql('postgres', 'CREATE ROLE writer LOGIN IN ROLE pg_write_all_data, pg_read_all_data');
my $guarded = qr/permission denied for table pii_job/;
$node->fails($_->[0], '42501', $guarded, "no direct writing: $_->[1], $_->[0]", user => $_->[1]) foreach
  [ 'UPDATE pii_job SET owner = 10', 'clerk' ],
  [ 'SELECT FROM pii_job',           'clerk' ],
  [ 'UPDATE pii_job SET owner = 10', 'writer' ],
  [ 'DELETE FROM pii_job',           'writer' ],
  [ q{INSERT INTO pii_job (kind, relation, attribute, owner, batch, pause) VALUES ('rewrap', 'plain', 'ssn', 10, 1, '0')}, 'writer' ];

my ($dump) = run_command([ 'pg_dump', '--dbname', $node->connstr('postgres') ]);
like($dump, qr/CREATE EXTENSION.* pii /, 'a dump has the extension');
unlike($dump, qr/pii_job/, 'and no jobs');

# ---------------------------------------------------------------------------------------------------------------------
# Bad luck

# A lock that is held too long for the role's lock_timeout. A job is there to write, whatever the default.
$node->safe_psql('postgres', q{ALTER ROLE clerk SET lock_timeout = '50ms'; ALTER ROLE clerk SET default_transaction_read_only = on});
$session->query_safe('BEGIN; SELECT FROM unlucky WHERE id = 1 FOR UPDATE');
$offset = $node->log_size;
$job = start_job('unlucky', settings => 'SET default_transaction_read_only = off;');
$node->wait_for_log(qr/LOG:  pii: job $job, rewrap of column "ssn" of table "unlucky": tried again in 500 ms/, $offset);
$session->query_safe('COMMIT');
wait_for($job, qq{state = 'done' AND rows_done = $rows}, 'a job that has met with a lock is tried again');
is_rewrapped('unlucky', 'it has moved every row');
$node->safe_psql('postgres', 'ALTER ROLE clerk RESET ALL');

# A partition that was done with before another rotation.
my $half = $rows / 2;
$node->safe_psql('postgres', qq{
	CREATE TABLE parts (id int, ssn pii_text(ssn)) PARTITION BY RANGE (id);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO ($half + 1);
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ($half + 1) TO ($rows + 1);
	INSERT INTO parts SELECT i, '900-00-' || to_char(i, 'FM0000') FROM generate_series(1, $rows) i;
	ALTER TABLE parts OWNER TO clerk; ALTER TABLE parts_1 OWNER TO clerk; ALTER TABLE parts_2 OWNER TO clerk});
rotate();
$session->query_safe("BEGIN; SELECT FROM parts WHERE id > $half FOR UPDATE");
$job = start_job('parts');
wait_for($job, "rows_done = $half", 'the first partition is done');
$node->safe_psql('postgres', "SELECT pii_stop_job($job)");
wait_for($job, q{state = 'stopped'}, 'stopped at the second');
$session->query_safe('COMMIT');
rotate();
is(start_job('parts'), $job, 'gone on with');
wait_for($job, q{state = 'done'}, 'done');
is_rewrapped('parts', 'all partitions are under the last version');

# ---------------------------------------------------------------------------------------------------------------------
# Crash, restart, promotion

# A backend is killed.
paused_job('crashed');
no_more_pauses('postgres');
my $victim = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $victim->query_safe('SELECT pg_backend_pid()');
$offset = $node->log_size;
kill 'KILL', $pid;
$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
$victim->{run}->finish;
$session->{run}->finish;
$node->poll_query_until('postgres', 'SELECT true');
$job = $node->safe_psql('postgres', q{SELECT job_id FROM pii_jobs WHERE "table" = 'crashed'::regclass});
wait_for($job, q{state = 'done'}, 'after a crash of another process a job is done');
is_rewrapped('crashed', 'it has moved every row');
$node->gives("SELECT rows_done = $rows AND rows_total = $rows FROM pii_jobs WHERE job_id = $job", 't', 'and counted every row once');

# The server is killed, with jobs in two databases. In a third one the extension is not; a fourth one takes no connections.
my @databases = qw(postgres second);
$node->safe_psql('postgres', 'CREATE DATABASE second; CREATE DATABASE empty; CREATE DATABASE closed ALLOW_CONNECTIONS false');
$node->safe_psql('second', 'CREATE EXTENSION pii; GRANT CREATE ON SCHEMA public TO clerk; GRANT EXECUTE ON FUNCTION pii_start_job TO clerk');
foreach my $dbname (@databases)
{
	old_table($_, $dbname) foreach qw(immediate starved keyless);
	old_table('promoted', $dbname) if $dbname eq 'second';
}
rotate();

# A publisher's jobs are no jobs here.
$node->safe_psql('postgres', q{CREATE PUBLICATION jobs FOR TABLE pii_job; SELECT pg_create_logical_replication_slot('jobs', 'pgoutput')});
(my $publisher = $node->connstr('postgres')) =~ s/'/''/g;
$node->safe_psql('second', qq{CREATE SUBSCRIPTION jobs CONNECTION '$publisher' PUBLICATION jobs WITH (create_slot = false, copy_data = false)});
my %jobs = map { $_ => paused_job('immediate', dbname => $_) } @databases;
$node->wait_for_catchup('jobs', 'replay', $node->lsn('flush'));
$node->gives(q{SELECT count(*), min(relation::text) FROM pii_job}, '1|immediate', 'jobs are not replicated', dbname => 'second');
$node->safe_psql('second', 'DROP SUBSCRIPTION jobs');
$node->safe_psql('postgres', 'DROP PUBLICATION jobs');
no_more_pauses(@databases);
$node->stop('immediate');
$node->start;
foreach my $dbname (@databases)
{
	wait_for($jobs{$dbname}, qq{state = 'done' AND rows_done = $rows}, "$dbname: after a restart a job is done", dbname => $dbname);
	is_rewrapped('immediate', "$dbname: it has moved every row", dbname => $dbname);
}

# There is one slot for both: max_worker_processes counts the launcher of logical replication, the keeper, who looks
# for jobs, and a job.
%jobs = map { $_ => paused_job('starved', dbname => $_) } @databases;
$node->configure(max_worker_processes => 4);
$offset = $node->log_size;
$node->restart;
$node->wait_for_log(qr/LOG:  pii: interrupted jobs wait for a free background worker\n.*HINT:  Raise max_worker_processes/, $offset);
my ($first) = grep { $node->safe_psql($_, "SELECT pid IS NOT NULL FROM pii_jobs WHERE job_id = $jobs{$_}") eq 't' } @databases;
my ($second) = grep { $_ ne $first } @databases;
$node->gives("SELECT state, pid FROM pii_jobs WHERE job_id = $jobs{$second}", 'running|', 'without a slot a job waits', dbname => $second);
$node->fails(q{SELECT pii_start_job('rewrap', 'keyless', 'ssn')}, '53400', qr/no background worker is free\nHINT:  .*max_worker_processes/,
	'without a slot no job is started');
$offset = $node->log_size;
$node->reload;
$node->wait_for_log(qr/pii: keyring loaded/, $offset);
pass('meanwhile the keyring is read again');
no_more_pauses(@databases);
$node->safe_psql($first, "SELECT pii_stop_job($jobs{$first})");
wait_for($jobs{$first}, q{state = 'stopped'}, 'the job that has the slot is stopped', dbname => $first);
wait_for($jobs{$second}, q{state = 'done'}, 'the other one gets it', dbname => $second);
is_rewrapped('starved', 'and is done', dbname => $second);
$node->configure(max_worker_processes => undef);

# Stopped while it looks for jobs, the keeper does not keep the server.
$node->restart foreach 1 .. 3;
pass('the server can be stopped as soon as it has started');

# A job waits for keys.
$job = paused_job('keyless');
no_more_pauses('postgres');
$node->stop;
rename $node->keyring, $node->keyring . '.away' or die $!;
$offset = $node->log_size;
$node->start;
$node->wait_for_log(qr/LOG:  pii: job $job, rewrap of column "ssn" of table "keyless": waits for keys/, $offset);
$node->gives("SELECT state, pid IS NOT NULL FROM pii_jobs WHERE job_id = $job", 'running|t', 'a job without keys waits');
rename $node->keyring . '.away', $node->keyring or die $!;
$node->reload;
wait_for($job, q{state = 'done'}, 'once there are keys it is done');
is_rewrapped('keyless', 'it has moved every row');

# What jobs work on goes away under them.
$node->safe_psql('second', 'CREATE EXTENSION IF NOT EXISTS pii');
$job = start_job('keyless', dbname => 'second', pause => '200 ms');
wait_for($job, 'rows_done > 0', 'a job of an extension to be dropped', dbname => 'second');
$node->safe_psql('second', 'DROP EXTENSION pii CASCADE');
ok($node->poll_query_until('second', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pii job'}),
	'a job ends with its extension');
$node->safe_psql('second', 'DROP TABLE promoted; CREATE EXTENSION pii; GRANT EXECUTE ON FUNCTION pii_start_job TO clerk');
old_table('gone', 'second');
rotate();
$job = paused_job('gone', dbname => 'second');
$node->fails('DROP DATABASE second', '55006', qr/being accessed by other users/, 'a database is not dropped under a job');
$offset = $node->log_size;
$node->succeeds('DROP DATABASE second WITH (FORCE)', 'but by force');

# Promotion
$job = paused_job('promoted');
no_more_pauses('postgres');
$node->backup('backup');
my $standby = PiiCluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('flush'));
$standby->gives("SELECT state, pid FROM pii_jobs WHERE job_id = $job", 'running|', 'a standby shows the job of its primary, which runs elsewhere');
$standby->fails(q{SELECT pii_start_job('rewrap', 'promoted', 'ssn')}, '25006', qr/read-only transaction/, 'a standby starts no job');
$standby->fails("SELECT pii_stop_job($job)", '25006', qr/read-only transaction/, 'and stops none');
$node->gives('SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = \'pii job ' . $job . q{'}, 't', 'on the primary it runs');
$node->stop('immediate');
$standby->promote;
wait_for($job, q{state = 'done'}, 'after a promotion the job is done', server => $standby);
is_rewrapped('promoted', 'it has moved every row', server => $standby);

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|signal 11|database .* does not exist/, 'nothing crashed, and nothing is looked for in vain');
unlike(slurp_file($node->logfile), qr/900-00-/, 'no value is in the log');

done_testing();

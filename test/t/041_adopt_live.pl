# A table is adopted, sealed and unsealed again while an application works with it and the server is killed: no statement fails but
# for lost connections, none gives a wrong value, and at the end no plaintext of the columns is left in any file.
#
# PII_LONG in the environment: 1,000,000 rows (script/soak).

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use AdoptionLoad;
use PiiCluster;
use PostgreSQL::Test::Utils;
use RotatingServer;
use Test::More;
use Time::HiRes qw(time);
use WireSession;

my $began = time;
my $rows = $ENV{PII_LONG} ? 1_000_000 : 100_000;
my @columns = ([ ssn => 'ssn' ], [ email => 'email' ], [ zip => 'postcode' ]);
local $SIG{ALRM} = sub { die "the test hangs\n" };
alarm($ENV{PII_LONG} ? 3600 : 600);

# Files of old WAL are removed rather than used again: their content stays in those.
my $node = RotatingServer->started('main', conf => <<'CONF');
max_connections = 40
shared_buffers = 128MB
max_wal_size = 4GB
wal_recycle = off
autovacuum_naptime = 5s
log_min_messages = log
CONF
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET pii.write_mode = plain');
my $load = AdoptionLoad->prepared($node, directory => $node->root_dir . '/load', rows => $rows);
my $wrong_rows = AdoptionLoad::wrong_rows();

sub progress { note(sprintf '%.1f s: %s', time - $began, $_[0]); return; }

# Values as the first INSERT and the first statistics have them: of rows that stay, that change and that go.
my %needles = map { my $id = 1 + int($rows * $_ / 300); ("ssn $id" => 512000000 + $id, "email $id" => "u$id\@example.org") } 0 .. 299;

sub found_in
{
	my (@paths) = @_;
	return search_files(\%needles, map { files_below($_) } @paths);
}

cmp_ok(scalar(found_in($node->pgdata . '/pg_wal')), '>=', 0.9 * keys %needles, 'before, the values are in the WAL');    # some lie across its pages
$node->safe_psql('postgres', 'CHECKPOINT');
cmp_ok(scalar(found_in($node->pgdata . '/base')), '>=', scalar keys %needles, 'and in the tables');
$load->start;
$load->await_rows(100);
progress('load is on');

# ---------------------------------------------------------------------------------------------------------------------
# The ALTER

sub try_adopt
{
	my ($column, $class, $attempts) = @_;
	my $start = time;
	my @result = $node->sql("CALL pii_adopt('customers', '$column', '$class', attempts => $attempts)");
	note(sprintf '%s: %s after %.1f ms, with the connection', $column, $result[0] == 0 ? 'adopted' : 'given up', 1000 * (time - $start));
	return @result;
}

# An open cursor keeps the table as it is; a snapshot does not.
my $old_reader = WireSession->connected($node);
$old_reader->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class');
my $cursor = WireSession->connected($node, user => 'app');
$cursor->run('BEGIN; DECLARE k CURSOR FOR SELECT id, ssn FROM customers ORDER BY id');
is(join(' ', $cursor->run('FETCH 2 FROM k')), '1|512000001 2|512000002', 'a cursor reads');
like((try_adopt('ssn', 'ssn', 2))[2], qr/ERROR:  55P03/, 'while it is open, the table is not adopted');
is(join(' ', $cursor->run('FETCH 2 FROM k; COMMIT')), '3|512000003 4|512000004', 'and it reads on');
my $held = WireSession->connected($node, user => 'app');
$held->run('PREPARE bare (bigint) AS SELECT ssn FROM customers WHERE id = $1; PREPARE by_ssn (text) AS SELECT id FROM customers WHERE ssn = $1');
$held->run(q{EXECUTE bare (7); EXECUTE by_ssn ('512000007')}) for 1 .. 6;
$held->run('DECLARE h CURSOR WITH HOLD FOR SELECT id, ssn FROM customers WHERE id < 5 ORDER BY id');

my $file = $node->safe_psql('postgres', q{SELECT pg_relation_filenode('customers')});
foreach my $column (@columns)
{
	my ($status, undef, $messages) = try_adopt(@$column, 1000);
	is($status, 0, "$column->[0] is adopted") or diag($messages);
}
$node->gives(q{SELECT pg_relation_filenode('customers')}, $file, 'nothing was rewritten');
$node->gives(q{SELECT string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) FROM pg_attribute
	WHERE attrelid = 'customers'::regclass AND attnum IN (2, 3, 4)}, 'ssn pii_text(ssn), email pii_text(email), zip pii_text(postcode)', 'the columns have their types');
progress('adopted');
is(join(' ', $old_reader->run($wrong_rows)), '0', 'a snapshot from before reads every value after it');
is(join(' ', $old_reader->run(q{SELECT id FROM customers WHERE ssn = '512-00-0007'})), '7', 'and searches');
$old_reader->run('COMMIT');
is(join(' ', $held->run('FETCH 1 FROM h; CLOSE h')), '1|512000001', 'a cursor that was held gives what it had');
is(join(' ', $held->run(q{EXECUTE by_ssn ('512-00-0007')})), '7', 'a prepared statement goes on, and finds what is equal');
is(join(' ', $held->run('EXECUTE bare (7)')), '512000007', 'also one that gives the column itself');
$load->await_rows(100);
$node->gives('SELECT count(*) FROM customers WHERE pii_is_sealed(ssn) OR pii_is_sealed(email) OR pii_is_sealed(zip)', '0', 'in write mode plain nothing is sealed');
$node->succeeds('CREATE INDEX CONCURRENTLY customers_ssn ON customers (pii_blind_index(ssn))', 'an index is made under load');
progress('indexed');
my ($plan) = $node->safe_psql('postgres', q{EXPLAIN SELECT * FROM customers WHERE ssn = '512-00-0007'});
like($plan, qr/customers_ssn/, 'searches go by the index');
$load->await_rows(100);

# ---------------------------------------------------------------------------------------------------------------------
# The sealing, and the kills

$node->fails(q{CALL pii_seal_column('customers', 'ssn')}, '55000', qr/pii\.write_mode is plain/, 'as long as new values are stored as plaintext nothing is sealed');
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET pii.write_mode = sealed');
my $job = $node->safe_psql('postgres', q{SELECT pii_start_job('seal', 'customers', 'ssn', 1000, '50 ms')});

sub await_job
{
	my ($condition, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($node->poll_query_until('postgres', "SELECT $condition FROM pii_jobs WHERE job_id = $job"), $what)
	  || diag($node->safe_psql('postgres', 'SELECT * FROM pii_jobs'));
}

sub crash
{
	my ($what, $pid) = @_;
	die "no $what" unless $pid;
	my $offset = $node->log_size;
	kill KILL => $pid;
	$node->wait_for_log(qr/pii: keys kept over the restart after a crash/, $offset);
	$node->await_server;
	return progress("killed $what");
}

# All processes at once, as when the machine is lost.
sub lose
{
	my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
	my @children = split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity');
	kill KILL => $postmaster, @children;
	for (my $tries = 0; $tries < 100; ++$tries)    # a process may need a moment to be gone
	{
		$node->{_pid} = undef;
		last if $node->start(fail_ok => 1);
	}
	return progress('killed the server');
}

sub go_on
{
	$load->stop;
	return $load->start;
}

await_job('rows_done >= 0.1 * rows_total', 'the job has begun');
crash('the job', $node->safe_psql('postgres', "SELECT pid FROM pii_jobs WHERE job_id = $job"));
go_on();
await_job('rows_done >= 0.25 * rows_total', 'it goes on by itself');
my ($status, $exported, $messages) = $node->sql('COPY customers (id, ssn) TO STDOUT', user => 'app');
my @in_plain = grep { !/\A\d+\tpii:v\d+:/ } split /\n/, $exported;
is(scalar(@in_plain), 0, 'COPY in the middle gives no plaintext');
cmp_ok($exported =~ tr/\n//, '>', 0.8 * $rows, 'of so many rows');
crash('a backend', $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'load' ORDER BY state = 'active' DESC LIMIT 1}));
go_on();
await_job('rows_done >= 0.4 * rows_total', 'it goes on by itself');
lose();
go_on();
await_job('rows_done >= 0.5 * rows_total', 'it goes on by itself');
$node->gives($wrong_rows, '0', 'half sealed, every row is as the twin says');
$old_reader = WireSession->connected($node);
$old_reader->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class');
await_job(q{state = 'done'}, 'the job is done');
progress('ssn is sealed');
$node->succeeds("CALL pii_seal_column('customers', '$_', 5000)", "$_ is sealed under load") foreach qw(email zip);
progress('all is sealed');
is(join(' ', $old_reader->run($wrong_rows)), '0', 'a snapshot from before the end reads every value');
$old_reader->quit;
$load->await_rows(50);
$node->gives(q{SELECT string_agg(DISTINCT phase, ' ') FROM pii_adopted_column WHERE relation = 'customers'::regclass}, 'sealed', 'the phase is sealed');
$load->stop;
$load->check('sealed');
my $count = $node->safe_psql('postgres', 'SELECT count(*) FROM customers');
$node->gives("CALL pii_verify_column('customers', '$_->[0]')", "$count|0|0|0", "$_->[0]: every value is sealed and authentic") foreach @columns;
$node->succeeds("ALTER TABLE customers ADD CONSTRAINT customers_$_->[0] CHECK (pii_is_sealed($_->[0])) NOT VALID;
	ALTER TABLE customers VALIDATE CONSTRAINT customers_$_->[0]", "$_->[0]: a constraint says so") foreach @columns;

# ---------------------------------------------------------------------------------------------------------------------
# What stays behind, and its removal

$node->safe_psql('postgres', 'CHECKPOINT');
isnt(join("\n", found_in($node->pgdata)), '', 'plaintext is left in old rows, statistics and WAL');
$node->safe_psql('postgres', 'VACUUM FULL customers');
$node->safe_psql('postgres', 'VACUUM FULL pg_statistic');
$node->safe_psql('postgres', 'SELECT pg_switch_wal(); CHECKPOINT');
$node->safe_psql('postgres', 'SELECT pg_switch_wal(); CHECKPOINT');
$node->stop;
is(join("\n", found_in($node->pgdata)), '', 'no plaintext is left in any file');
is(join("\n", search_files(\%needles, $node->logfile)), '', 'nor in the log');
progress('searched the files');

# ---------------------------------------------------------------------------------------------------------------------
# The way back

$node->start;
$node->safe_psql('postgres', "ALTER TABLE customers DROP CONSTRAINT customers_$_->[0]") foreach @columns;
$load->start;
$load->await_rows(100);
$node->succeeds("CALL pii_unseal_column('customers', '$_->[0]', 5000)", "$_->[0] is unsealed under load") foreach @columns;
$load->await_rows(50);
$node->gives('SELECT count(*) FROM customers WHERE pii_is_sealed(ssn) OR pii_is_sealed(email) OR pii_is_sealed(zip)', '0', 'all is plaintext again');
# Searches without the index follow one another closely, so a short wait would hardly ever do.
$node->safe_psql('postgres', 'DROP INDEX CONCURRENTLY customers_ssn');
$node->succeeds("CALL pii_release('customers', '$_->[0]', lock_timeout => '10 s')", "$_->[0] is text again, under load") foreach @columns;
$load->await_rows(50);
$load->stop;
$load->check('released');
$node->gives(q{SELECT count(*) FROM pii_adopted_column}, '0', 'nothing tells of the adoption');

# A load that gets a wrong value notices.
my $blind = bless { %$load, findings => [] }, 'AdoptionLoad';
$node->safe_psql('postgres', q{UPDATE twin SET ssn = 'x'});
$blind->start;
$blind->await_finding(qr/wrong answer: read/);
$blind->stop;
diag(sprintf '%d transactions, %d rows, %.0f s', $load->transactions, $count, time - $began);

$node->stop;
done_testing();

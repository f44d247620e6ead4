# pii_stat_access counts every value by database, role, class and operation: exactly, for all sessions, whatever became of them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WireSession;

my $node = PiiCluster->started('main', conf => "min_parallel_table_scan_size = 0\nparallel_setup_cost = 0\nparallel_tuple_cost = 0\nmax_parallel_workers_per_gather = 0\n");
my $me = getpwuid($<);
$node->safe_psql('postgres', q{
	CREATE ROLE clerk LOGIN;
	CREATE ROLE boss LOGIN;
	CREATE ROLE monitor LOGIN IN ROLE pg_read_all_stats;
	CREATE TABLE people (id int, ssn pii_text(ssn), email pii_text(email));
	CREATE TABLE many (id int, ssn pii_text(ssn));
	INSERT INTO people SELECT i, '900-00-' || 1000 + i, 'a' || i || '@example.org' FROM generate_series(1, 10) AS i;
	INSERT INTO many SELECT i, p.ssn FROM generate_series(1, 5000) i JOIN people p ON p.id = i % 10 + 1;
	ANALYZE;
	GRANT ALL ON people, many TO clerk, boss;
	SELECT pii_grant('boss', '*', 'REVEAL'), pii_grant('boss', 'ssn', 'SEARCH');
	CREATE DATABASE second});
$node->safe_psql('second', q{CREATE EXTENSION pii; CREATE TABLE people AS SELECT pii_seal('x', 'ssn') AS ssn; GRANT ALL ON people TO boss; SELECT pii_grant('boss', '*', 'REVEAL')});

my $counters = q{SELECT database, role, class, sealed, revealed, masked, searched, denied, failed FROM pii_stat_access ORDER BY 1, 2, 3};

sub reset_counters { return $node->safe_psql('postgres', 'SELECT pii_stat_access_reset()'); }

# counts CODE, ROWS, NAME: what the counters are after a reset and some work. They are looked at from another session.
sub counts
{
	my ($code, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	reset_counters();
	$code->();
	$expected =~ s/^\s+|\s+$//mg;
	return is($node->safe_psql('postgres', $counters), $expected, $name);
}

sub as { my ($user, $sql, $dbname) = @_; return $node->psql($dbname // 'postgres', $sql, extra_params => [ '-U', $user ], on_error_stop => 0); }

# ---------------------------------------------------------------------------------------------------------------------
# Exact numbers

counts(sub { }, '', 'after a reset there is nothing');
counts(sub { as('boss', 'SELECT * FROM people') }, "postgres|boss|email|0|10|0|0|0|0\npostgres|boss|ssn|0|10|0|0|0|0", 'a scan, by class');
counts(sub { as('clerk', 'SELECT ssn FROM people'); as('boss', 'SELECT ssn FROM people WHERE id < 4') for 1 .. 3 },
	"postgres|boss|ssn|0|9|0|0|0|0\npostgres|clerk|ssn|0|0|10|0|0|0", 'roles and sessions add up');
counts(sub { as('boss', "INSERT INTO people (id, ssn) VALUES (20, '900-00-2000'), (21, '900-00-2001'); DELETE FROM people WHERE id >= 20") },
	'postgres|boss|ssn|2|0|0|0|0|0', 'sealed');
counts(sub { as('boss', "SELECT id FROM people WHERE ssn = '900-00-1001'") }, 'postgres|boss|ssn|0|0|0|10|0|0', 'searched');
$node->safe_psql('postgres', 'CREATE INDEX many_index ON many (pii_blind_index(ssn))');
counts(sub { as('boss', q{SET enable_seqscan = off; SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan;
		PREPARE q (text) AS SELECT count(*) FROM many WHERE ssn = $1; EXECUTE q('900-00-1001')}) },
	'postgres|boss|ssn|0|0|0|1|0|0', 'a scan of an index computes what it looks for once, for 500 rows');
$node->safe_psql('postgres', 'DROP INDEX many_index');
counts(sub { as('clerk', 'SELECT pii_reveal(ssn) FROM people') for 1 .. 3; as('clerk', "SELECT id FROM people WHERE ssn = 'x'") }, 'postgres|clerk|ssn|0|0|0|0|4|0', 'denied');
counts(sub { as('boss', "SELECT pii_seal('pii:v1:AAA', 'ssn')") }, 'postgres|boss|text|0|0|0|0|0|1', 'failed');
counts(sub { as('boss', 'SELECT ssn::pii_text(email)::text FROM people') }, "postgres|boss|email|10|10|0|0|0|0\npostgres|boss|ssn|0|10|0|0|0|0", 'a change of class');
counts(sub { as('boss', 'SELECT count(pii_rewrap(ssn)) FROM people') }, 'postgres|boss|ssn|10|0|0|0|0|0', 'rewrapped');
counts(sub { as('boss', 'COPY people TO STDOUT') }, '', 'sealed text that goes out is no use of a value');
counts(sub { as('boss', 'SELECT pii_reveal(ssn), 1 / (id - 3) FROM people') }, 'postgres|boss|ssn|0|3|0|0|0|0', 'a statement that fails');
counts(sub { as('boss', 'BEGIN; SELECT ssn FROM people; ROLLBACK') }, 'postgres|boss|ssn|0|10|0|0|0|0', 'a transaction that is rolled back');
counts(sub { as($me, 'SET ROLE boss; SELECT ssn FROM people; RESET ROLE; SELECT ssn FROM people WHERE id = 1') },
	"postgres|boss|ssn|0|10|0|0|0|0\npostgres|$me|ssn|0|1|0|0|0|0", 'the current user counts');
counts(sub { as('boss', 'SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off; SELECT count(pii_reveal(ssn)) FROM many WHERE id > 0') },
	'postgres|boss|ssn|0|5000|0|0|0|0', 'parallel workers');
counts(sub { as('boss', 'SELECT ssn FROM people', 'second'); as('boss', 'SELECT ssn FROM people WHERE id < 3') },
	"postgres|boss|ssn|0|2|0|0|0|0\nsecond|boss|ssn|0|1|0|0|0|0", 'databases');
is($node->safe_psql('second', $counters), "postgres|boss|ssn|0|2|0|0|0|0\nsecond|boss|ssn|0|1|0|0|0|0", 'every database shows all');

# A session sees what it did itself; a statement that goes on is not counted twice.
{
	reset_counters();
	my $session = WireSession->connected($node);
	$session->run('BEGIN');
	$session->run('SELECT ssn FROM people WHERE id < 3');
	is(join("\n", $session->run($counters)), "postgres|$me|ssn|0|2|0|0|0|0", 'a session sees its own numbers within a transaction');
	$session->run('COMMIT');
	is($node->safe_psql('postgres', $counters), "postgres|$me|ssn|0|2|0|0|0|0", 'and they are counted once');
	$session->begin('SELECT pii_reveal(ssn), CASE WHEN id = 4 THEN pg_sleep(600) END FROM people');
	$node->poll_query_until('postgres', "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = ${\$session->pid}");
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(${\$session->pid}, 60000)");
	is($node->safe_psql('postgres', $counters), "postgres|$me|ssn|0|6|0|0|0|0", 'a session that is ended in the middle');
}

# Many sessions at once.
{
	reset_counters();
	my @sessions = map { WireSession->connected($node, user => $_ % 2 ? 'boss' : 'clerk') } 1 .. 8;
	foreach my $round (1 .. 20)
	{
		$_->begin('SELECT ssn FROM people') foreach @sessions;
		$_->finish foreach @sessions;
	}
	$_->quit foreach @sessions;
	is($node->safe_psql('postgres', $counters), "postgres|boss|ssn|0|800|0|0|0|0\npostgres|clerk|ssn|0|0|800|0|0|0", 'eight sessions at once');
}

# ---------------------------------------------------------------------------------------------------------------------
# Who may look, names that go, reset

is((as('monitor', $counters))[1], "postgres|boss|ssn|0|800|0|0|0|0\npostgres|clerk|ssn|0|0|800|0|0|0", 'pg_read_all_stats reads them');
$node->fails($_, '42501', qr/permission denied/, "a clerk cannot: $_", user => 'clerk')
  foreach 'SELECT * FROM pii_stat_access', 'SELECT * FROM pii_stat_access_rows()', 'SELECT pii_stat_access_reset()';
$node->fails('SELECT pii_stat_access_reset()', '42501', qr/permission denied/, 'nor can pg_read_all_stats reset them', user => 'monitor');
my $role = $node->safe_psql('postgres', q{SELECT oid FROM pg_roles WHERE rolname = 'clerk'});
$node->safe_psql('postgres', 'DROP OWNED BY clerk; DROP ROLE clerk');
is($node->safe_psql('postgres', $counters), "postgres|$role|ssn|0|0|800|0|0|0\npostgres|boss|ssn|0|800|0|0|0|0", 'a role that is gone is a number');
$node->safe_psql('postgres', 'DROP DATABASE second');
my $before = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
reset_counters();
as('boss', 'SELECT ssn FROM people WHERE id = 1');
is($node->safe_psql('postgres', "SELECT reset_at >= '$before' FROM pii_stat_access"), 't', 'reset_at is when they were reset');

# ---------------------------------------------------------------------------------------------------------------------
# A crash, a restart

foreach my $round (1, 2)
{
	my $session = WireSession->connected($node);
	$session->begin('SELECT pii_reveal(ssn), CASE WHEN id = 4 THEN pg_sleep(600) END FROM people');
	$node->poll_query_until('postgres', "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = ${\$session->pid}");
	my $offset = $node->log_size;
	$before = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
	kill 'KILL', $session->pid;
	$node->wait_for_log(qr/database system is ready to accept connections/, $offset);
	is($node->safe_psql('postgres', $counters), '', "crash $round: they start from zero");
	as('boss', 'SELECT ssn FROM people WHERE id < 6');
	is($node->safe_psql('postgres', $counters), 'postgres|boss|ssn|0|5|0|0|0|0', "crash $round: and count on");
	is($node->safe_psql('postgres', "SELECT reset_at >= '$before' FROM pii_stat_access"), 't', "crash $round: reset_at says so");
}
$node->restart;
is($node->safe_psql('postgres', $counters), '', 'a restart: they start from zero');

$node->stop;
done_testing();

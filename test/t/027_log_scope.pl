# Where the log goes without literals: pii.log_scrubbing, databases with and without the extension, sessions that were there
# before it; and what statistics views show of statements.

use strict;
use warnings;
use utf8;

use FindBin;
use lib $FindBin::Bin;
use LogMarkers;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WireSession;

my $node = PiiCluster->started('main', conf => "log_statement = all\nmax_connections = 40\n");
$node->safe_psql('postgres', 'CREATE DATABASE without; CREATE DATABASE later; CREATE ROLE clerk LOGIN; CREATE TABLE people (id int, ssn pii_text(ssn))');

# Runs a statement in a session; gives what is logged of it.
sub logged
{
	my ($session, $statement) = @_;
	my $offset = $node->log_size;
	$session->query($statement);
	return $node->log_since($offset);
}

# ---------------------------------------------------------------------------------------------------------------------
# Databases and sessions

my $without = WireSession->connected($node, dbname => 'without');
unlike(logged($without, "SELECT 'secret'"), qr/secret/, 'a session that does not know yet hides');
like(logged($without, "SELECT 'secret', 12345"), qr/statement: SELECT 'secret', 12345\n/, 'without the extension, statements are logged as ever');
like(logged($without, "SELECT 'secret'::int"), qr/invalid input syntax for type integer: "secret".*STATEMENT:  SELECT 'secret'::int\n/s, 'and so are errors');
logged($without, q{SET pii.log_scrubbing = 'all'});
like(logged($without, "SELECT 'secret', 12345"), qr/statement: SELECT '\.\.\.', \.\.\.\n/, 'all: without the extension, too');
logged($without, q{RESET pii.log_scrubbing});
like(logged($without, "SELECT 'secret'"), qr/statement: SELECT 'secret'\n/, 'and back');

my $with = WireSession->connected($node);
like(logged($with, "SELECT 'secret', 12345"), qr/statement: SELECT '\.\.\.', \.\.\.\n/, 'sealed: with the extension, from the first statement on');
logged($with, 'SET pii.log_scrubbing = off');
like(logged($with, "SELECT 'secret', 12345"), qr/statement: SELECT 'secret', 12345\n/, 'off: as ever');
like(logged($with, "INSERT INTO people VALUES (1 / 0, '987-65-4321')"), qr/division by zero.*STATEMENT:  INSERT INTO people VALUES \(1 \/ 0, '987-65-4321'\)\n/s, 'off: values, too');
logged($with, 'RESET pii.log_scrubbing');
like(logged($with, "SELECT 'secret'"), qr/statement: SELECT '\.\.\.'\n/, 'and back to sealed');

my $later = WireSession->connected($node, dbname => 'later');
$later->run('SELECT 1');
like(logged($later, "SELECT 'secret'"), qr/secret/, 'a session before CREATE EXTENSION');
$node->safe_psql('later', 'CREATE EXTENSION pii');
like(logged($later, "SELECT 'secret'"), qr/statement: SELECT '\.\.\.'\n/, 'its next statement after another session\'s CREATE EXTENSION');
$without->run('BEGIN; SELECT 1');
$node->safe_psql('without', 'CREATE EXTENSION pii; CREATE TABLE t (ssn pii_text(ssn))');
$without->run('SELECT count(*) FROM t');
like(logged($without, "SELECT ssn = '987-65-4321' FROM t"), qr/statement: SELECT ssn = '\.\.\.' FROM t\n/, 'in a transaction, once it has seen a table of the extension');
$_->quit foreach $without, $with, $later;

foreach my $statement ('SET pii.log_scrubbing = off', q{SELECT set_config('pii.log_scrubbing', 'off', true)}, 'ALTER ROLE clerk SET pii.log_scrubbing = off')
{
	$node->fails($statement, '42501', qr/permission denied to set parameter "pii.log_scrubbing"/, "a clerk cannot: $statement", user => 'clerk');
}
{
	my $clerk = WireSession->connected($node, user => 'clerk');
	is(($clerk->query('SHOW pii.log_scrubbing'))[0][0], 'sealed', 'sealed is the default');
	$clerk->quit;
	$clerk = eval { WireSession->connected($node, user => 'clerk', options => '-c pii.log_scrubbing=off') };
	is($clerk ? ($clerk->query('SHOW pii.log_scrubbing'))[0][0] : 'refused', 'refused', 'nor at the start of a session');
	$clerk->quit if $clerk;
}
$node->safe_psql('postgres', 'ALTER ROLE clerk SET pii.log_scrubbing = off');
{
	my $clerk = WireSession->connected($node, user => 'clerk');
	like(logged($clerk, "SELECT 'secret'"), qr/secret/, 'a superuser can do it for him');
	$clerk->quit;
}
$node->safe_psql('postgres', 'ALTER ROLE clerk RESET pii.log_scrubbing');

# ---------------------------------------------------------------------------------------------------------------------
# pg_stat_activity

sub activity_of
{
	my ($session) = @_;
	return $node->safe_psql('postgres', "SELECT query FROM pg_stat_activity WHERE pid = ${\$session->pid}");
}

my $busy = WireSession->connected($node);
$busy->run("SELECT id FROM people WHERE ssn = '987-65-4321'");
is(activity_of($busy), "SELECT id FROM people WHERE ssn = '...'", 'pg_stat_activity: the last statement');
$busy->begin("SELECT pg_sleep(600), '987-65-4321'");
$node->poll_query_until('postgres', "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = ${\$busy->pid}");
is(activity_of($busy), "SELECT pg_sleep(600), '...'", 'pg_stat_activity: a running statement');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(${\$busy->pid})");
$busy->finish;
$busy->execute("SELECT id FROM people WHERE ssn = '987-65-4321' AND id = \$1", [WireSession::UNKNOWN], [7]);
is(activity_of($busy), "SELECT id FROM people WHERE ssn = '...' AND id = \$1", 'pg_stat_activity: a statement with parameters');
$busy->query("CREATE TABLE noted (note text DEFAULT '987-65-4321')");
is(activity_of($busy), "CREATE TABLE noted (note text DEFAULT '...')", 'pg_stat_activity: a definition');
$busy->query("SELECT 1; INSERT INTO people VALUES (1, '987-65-4321'); SELECT 2");
is(activity_of($busy), "SELECT 1; INSERT INTO people VALUES (1, '...'); SELECT 2", 'pg_stat_activity: several statements');
$busy->query("INSERT INTO people VALUES (1 / 0, '987-65-4321')");
unlike(activity_of($busy), qr/987/, 'pg_stat_activity: a statement that failed');
$busy->query("SELECT id FROM nobody WHERE ssn = '987-65-4321'");
unlike(activity_of($busy), qr/987/, 'pg_stat_activity: a statement that failed in analysis');
$busy->query("SELECT id FRM people WHERE ssn = '987-65-4321'");
unlike(activity_of($busy), qr/987/, 'pg_stat_activity: a statement with a syntax error');
$busy->execute("SELECT id FROM people WHERE ssn = '987-65-4321' AND id = \$1", [WireSession::UNKNOWN], ['x']);
unlike(activity_of($busy), qr/987/, 'pg_stat_activity: a statement whose parameters failed');
$busy->query("BEGIN; PREPARE p AS SELECT '987-65-4321'; DECLARE c CURSOR FOR SELECT '987-65-4321'");
unlike($busy->run('SELECT statement FROM pg_prepared_statements'), qr/987/, 'pg_prepared_statements');
$busy->query('COMMIT');
$busy->quit;

# ---------------------------------------------------------------------------------------------------------------------
# pg_stat_statements

foreach my $libraries ('pg_stat_statements, pii', 'pii, pg_stat_statements', 'auto_explain, pg_stat_statements, pii')
{
	$node->configure(shared_preload_libraries => $libraries, 'pg_stat_statements.track' => 'all', 'pg_stat_statements.track_planning' => 'on');
	$node->restart;
	$node->safe_psql('postgres', 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
	my @markers = map { $_->{value} } make_markers(12, 'ssn');
	my $session = WireSession->connected($node);
	$session->run("CREATE TABLE IF NOT EXISTS plain (t text); SELECT pg_stat_statements_reset()");
	my @statements = (
		[ "SELECT id FROM people WHERE ssn = '%s' AND id = 1", qr/SELECT id FROM people WHERE ssn = \$1 AND id = \$2/, 'a query' ],
		[ "SELECT id, id, id /* for %s */ FROM people -- %s\n WHERE ssn = '%s' AND id = 2 /* %s */", qr/SELECT id, id, id/, 'comments' ],
		[ "INSERT INTO people VALUES (1, \$a\$%s\$a\$), (2, E'%s')", qr/INSERT INTO people VALUES \(\$1, \$2\), \(\$3, \$4\)/, 'other quotes' ],
		[ "ALTER TABLE plain ALTER t SET DEFAULT '%s'", qr/ALTER TABLE plain ALTER t SET DEFAULT '\.+'/, 'a definition' ],
		[ "DO 'BEGIN PERFORM id FROM people WHERE ssn = ''%s'' AND id = 4; END'", qr/^DO '\.+'$/m, 'a block' ],
		[ "CREATE TEMP TABLE t AS SELECT '%s' AS v; DROP TABLE t", qr/CREATE TEMP TABLE t AS SELECT/, 'CREATE TABLE AS' ],
		[ "PREPARE p AS SELECT id FROM people WHERE ssn = '%s' AND id = 5; EXECUTE p", undef, 'PREPARE' ],
		[ "BEGIN; DECLARE c CURSOR FOR SELECT id FROM people WHERE ssn = '%s'; FETCH c; COMMIT", qr/DECLARE c CURSOR FOR SELECT/, 'a cursor' ],
		[ "EXPLAIN SELECT id FROM people WHERE ssn = '%s'", qr/EXPLAIN SELECT id/, 'EXPLAIN' ],
		[ "COPY (SELECT '%s') TO STDOUT", qr/COPY \(SELECT '\.+'\) TO STDOUT/, 'COPY' ],
		[ "SELECT pg_stat_statements_reset(); EXECUTE p", undef, 'a prepared statement after a reset' ],
		[ "SELECT 1; SELECT '%s', 'x' AS two; SELECT 3", qr/SELECT \$1, \$2 AS two/, 'several statements' ]);
	foreach my $i (0 .. $#statements)
	{
		my ($statement, $shown, $name) = @{ $statements[$i] };
		$statement =~ s/%s/$markers[$i]/g;
		my (undef, $error) = $session->query($statement);
		is($error, undef, "$libraries, $name: succeeds");
		my $all = join "\n", $session->run('SELECT query FROM pg_stat_statements');
		my @found = grep { $all =~ /\Q$markers[$_]\E/ } 0 .. $i;
		is("@found", '', "$libraries: pg_stat_statements has no value, $name") or diag($all);
		like($all, $shown, "$libraries: pg_stat_statements has the statement, $name") if defined $shown;
		$session->run('SELECT pg_stat_statements_reset()') if @found;
	}

	# What is reset between its analysis and its end, pg_stat_statements keeps as it comes.
	foreach my $planning (qw(off on))
	{
		my ($value) = map { $_->{value} } make_markers(1, 'ssn');
		$session->run("SET pg_stat_statements.track_planning = $planning");
		$session->run("CREATE OR REPLACE FUNCTION found() RETURNS int LANGUAGE plpgsql AS 'DECLARE i int; BEGIN SELECT id INTO i FROM people WHERE ssn = ''$value'' AND id = 8; RETURN i; END'");
		$session->prepare("q$planning", "SELECT n.id FROM people AS n WHERE ssn = '$value' AND id > \$1", [WireSession::UNKNOWN]);
		$session->run('SELECT found()');
		$node->safe_psql('postgres', 'SELECT pg_stat_statements_reset()');
		$session->run('SELECT found()');
		$session->execute_prepared("q$planning", [7]);
		foreach my $statement ([ 'of a client', 'SELECT n.id +FROM people' ], [ 'of a function', 'SELECT id +FROM people' ])
		{
			my $kept = join "\n", $session->run("SELECT query FROM pg_stat_statements WHERE query ~ '^$statement->[1]'");
			like($kept, qr/^SELECT/, "$libraries, track_planning $planning: an older statement $statement->[0] is kept after a reset");
			unlike($kept, qr/$value/, "$libraries, track_planning $planning: an older statement $statement->[0] has no value");
		}
	}
	$session->quit;
}

# What is worked out for one statement does not stay until the end of the transaction.
{
	my $session = WireSession->connected($node, dbname => 'postgres');
	my $used = q{SELECT sum(used_bytes) FROM pg_backend_memory_contexts WHERE name IN ('TopTransactionContext', 'TopMemoryContext', 'MessageContext')};
	$session->run('BEGIN');
	my ($before) = $session->run($used);
	my $long = 'x' x 10_000;
	$session->run("SELECT '$long' = '$_'") foreach 1 .. 500;
	my ($after) = $session->run($used);
	cmp_ok($after - $before, '<', 500_000, '500 long statements in one transaction leave nothing in memory');
	$session->quit;
}

$node->stop;
done_testing();

# PostgreSQL names the memory of a cached statement by its text. Literals are neither in what it shows of a process's memory
# (pg_log_backend_memory_contexts) nor in what it writes past all hooks when memory runs out. And what a process was killed
# over, before it could hide its statement.

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

my $node = PiiCluster->started('main', conf => "max_connections = 20\n");
$node->safe_psql('postgres', 'CREATE DATABASE without');

sub found_in
{
	my ($log, @markers) = @_;
	utf8::encode($log) if utf8::is_utf8($log);
	return join ' ', sort map { $markers[$_]{value} } keys %{ (markers_in(\@markers, log => \$log))[0] };
}

# Statements of each kind that PostgreSQL caches, with the same literal in each but the last word: (session, markers).
sub session_with_statements
{
	my ($dbname, @settings) = @_;
	my $session = WireSession->connected($node, dbname => $dbname);
	my @markers = make_markers(7, 'words');
	my @literals = map { literal($_->{value}) } @markers;
	$session->run($_) foreach @settings;
	$session->prepare('named', "SELECT $literals[0], \$1", [WireSession::TEXT]);
	$session->execute_prepared('named', ['x']) for 1 .. 7;    # from the sixth on with a plan for any parameter
	$session->run("PREPARE prepared AS SELECT $literals[1]; EXECUTE prepared");
	$session->run(<<"SQL");
		CREATE OR REPLACE FUNCTION pg_temp.assigns(t text) RETURNS text LANGUAGE plpgsql AS \$\$
		DECLARE
			v text := t || $literals[2];
		BEGIN
			SELECT n INTO v FROM (SELECT $literals[3] AS n) AS s WHERE n <> t;
			PERFORM pg_sleep(0);
			v := t || $literals[4];
			RETURN v;
		END
		\$\$;
		SELECT pg_temp.assigns('x'), pg_temp.assigns('y');
		DO \$\$ DECLARE v text := $literals[5]; BEGIN PERFORM 1; CREATE TEMP TABLE kept AS SELECT $literals[6] AS v; END \$\$;
SQL
	return ($session, @markers);
}

# What is logged while a function runs.
sub logged_by
{
	my ($run, $last_words) = @_;
	my $offset = $node->log_size;
	$run->();
	$node->wait_for_log($last_words, $offset);
	return $node->log_since($offset);
}

# ---------------------------------------------------------------------------------------------------------------------
# pg_log_backend_memory_contexts

my $last = qr/Grand total: \d+ bytes/;
{
	my ($session, @markers) = session_with_statements('postgres');
	my $log = logged_by(sub { $session->run('SELECT pg_log_backend_memory_contexts(pg_backend_pid()); SELECT 1') }, $last);
	is(found_in($log, @markers), '', 'memory contexts are logged without literals');
	like($log, qr/CachedPlan: .* used: SELECT '\.\.\.', \$1/, 'but with the text of a statement');
	like($log, qr/CachedPlan: .* used: v := t \|\| '\.\.\.'/, 'and of an expression of PL\/pgSQL');
	$session->quit;

	($session, @markers) = session_with_statements('postgres', 'SET pii.log_scrubbing = off');
	$log = logged_by(sub { $session->run('SELECT pg_log_backend_memory_contexts(pg_backend_pid()); SELECT 1') }, $last);
	like(found_in($log, @markers), qr/ /, 'pii.log_scrubbing = off: with them');
	$session->run('RESET pii.log_scrubbing');
	$log = logged_by(sub { $session->run('SELECT pg_log_backend_memory_contexts(pg_backend_pid()); SELECT 1') }, $last);
	is(found_in($log, @markers), '', 'statements cached while it was off are hidden when they are logged');
	like($log, qr/level: 0; TopMemoryContext: \d+ total in \d+ blocks; \d+ free \(\d+ chunks\); \d+ used\n/, 'sizes are no literals');
	$session->quit;
}

# ---------------------------------------------------------------------------------------------------------------------
# Out of memory

# Lets a session have 50 MB more than it has, runs a statement in it that wants more, and gives the log.
sub without_memory
{
	my ($session, $statement, $way) = @_;
	my $pid = $session->pid;
	my ($size) = slurp_file("/proc/$pid/status") =~ /^VmSize:\s+(\d+) kB/m;
	system_or_bail('prlimit', '--pid', $pid, '--as=' . 1024 * ($size + 50_000));
	my $log = logged_by(sub {
		my (undef, $error) = ($way // 'query') eq 'execute' ? $session->execute($statement, [], []) : $session->query($statement);
		like($error, qr/^53200: out of memory/, 'a process runs out of memory');
	}, qr/out of memory/);
	like($log, qr/^TopMemoryContext: \d+ total in /m, 'and PostgreSQL shows what it had');
	return $log;
}

my $takes_all = q{SELECT length(repeat('x', 900000000))};
{
	my ($session, @markers) = session_with_statements('postgres');
	my $log = without_memory($session, $takes_all);
	is(found_in($log, @markers), '', 'out of memory: no literal is logged');
	like($log, qr/^ +CachedPlan: .* used: SELECT '\.\.\.', \$1/m, 'but the text of a statement');
	$session->quit;

	# The statement itself that takes the memory.
	($session, @markers) = session_with_statements('postgres');
	my @taker = make_markers(2, 'words');
	my $literal = literal($taker[0]{value});
	$log = without_memory($session, "DO \$\$ BEGIN PERFORM n FROM (SELECT length(repeat($literal, 20000000)) AS n) AS s WHERE n > 0; END \$\$");
	is(found_in($log, @markers, @taker), '', 'out of memory in a function\'s statement: no literal is logged');
	$session->quit;

	# As a driver does it: the statement has no name, and a literal.
	foreach my $statement ('SELECT length(', 'ALTER TABLE kept ADD taker text DEFAULT (')
	{
		($session, @markers) = session_with_statements('postgres');
		my $value = "repeat(${\literal($taker[1]{value})}, 20000000 + (0 * random())::int)";
		$log = without_memory($session, "$statement$value)", 'execute');
		like($log, qr/^ +CachedPlan: .* used: \Q$statement\Erepeat\('\.\.\.', /m, "PostgreSQL names the memory of a driver's $statement...)");
		is(found_in($log, @markers, @taker), '', 'out of memory in it: no literal is logged');
		$session->quit;
	}

	($session, @markers) = session_with_statements('without');
	$log = without_memory($session, $takes_all);
	like(found_in($log, @markers), qr/ /, 'a database without the extension: as ever');
	$session->quit;
}

# ---------------------------------------------------------------------------------------------------------------------
# Killed before the statement was analysed

foreach my $scrubbing (qw(sealed off))
{
	$node->configure('pii.log_scrubbing' => $scrubbing);
	$node->reload;
	$node->poll_query_until('postgres', "SHOW pii.log_scrubbing", $scrubbing) or die;
	my @markers = make_markers(1, 'words');
	my $session = WireSession->connected($node);
	my $pid = $session->pid;
	my $offset = $node->log_size;
	my ($watcher, $activity) = (WireSession->connected($node));
	# PostgreSQL parses it for seconds; its hooks are asked afterwards.
	$session->begin("SELECT ${\literal($markers[0]{value})}" . ', 1' x 5_000_000);
	($activity) = $watcher->run("SELECT query FROM pg_stat_activity WHERE pid = $pid AND state = 'active'") until $activity;
	kill 'KILL', $pid;
	$node->wait_for_log(qr/ready to accept connections/, $offset);
	my $log = $node->log_since($offset);
	like($activity, qr/$markers[0]{value}/, "$scrubbing: it was killed early enough");
	like($log, qr/Failed process was running: SELECT '/, "$scrubbing: the log shows what was killed");
	is(found_in($log, @markers), $scrubbing eq 'off' ? $markers[0]{value} : '', "$scrubbing: the log " . ($scrubbing eq 'off' ? 'shows' : 'hides') . ' its literal');
}

$node->stop;
done_testing();

# pii.audit: for each statement one line of JSON in the server log for each operation, class and table, with the number of
# values. Never a value, whatever becomes of the statement, and whatever names are in the line.

use strict;
use warnings;
use utf8;

use FindBin;
use lib $FindBin::Bin;
use AuditLines;
use LogMarkers;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WireSession;

my $node = PiiCluster->started('main', conf => "log_statement = none\nmin_parallel_table_scan_size = 0\nparallel_setup_cost = 0\nparallel_tuple_cost = 0\nmax_parallel_workers_per_gather = 0\n");
my $start = $node->log_size;
my @markers = make_markers(10, 'ssn');
my @values = map { $_->{value} } @markers;
$node->safe_psql('postgres', q{
	CREATE ROLE clerk LOGIN;
	CREATE ROLE boss LOGIN;
	CREATE TABLE people (id int PRIMARY KEY, ssn pii_text(ssn), email pii_text(email));
	CREATE TABLE other (id int, ssn pii_text(ssn));
	CREATE TABLE many (id int, ssn pii_text(ssn));
	GRANT ALL ON people, other, many TO clerk, boss;
	SELECT pii_grant('boss', 'ssn', 'REVEAL'), pii_grant('boss', 'ssn', 'SEARCH'), pii_grant('boss', 'email', 'REVEAL')});
$node->safe_psql('postgres', join ';', map { "INSERT INTO people VALUES ($_, '$values[$_]', 'a$_\@example.org'); INSERT INTO other SELECT id, ssn FROM people WHERE id = $_" } 0 .. 9);
$node->safe_psql('postgres', 'INSERT INTO many SELECT i, p.ssn FROM generate_series(1, 5000) i JOIN people p ON p.id = i % 10; ANALYZE');
is(short_of(audit_lines_in($node->log_since($start))), '', 'off is the default: no lines');

# audits STATEMENT, LINES IN SHORT, NAME, PARAMETERS: user, fails
my %sessions;
sub audits
{
	my ($statement, $expected, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $user = $params{user} // 'boss';
	my $session = $sessions{$user} //= WireSession->connected($node, user => $user);
	my $error;
	my @lines = audit_lines($node, sub { (undef, $error) = $session->query($statement) });
	$expected =~ s/^\s+|\s+$//mg;
	is(short_of(@lines), $expected, $name);
	like($error // 'none', $params{fails} // qr/^none$/, "$name: it fails or not");
	return @lines;
}

# ---------------------------------------------------------------------------------------------------------------------
# How much

$node->safe_psql('postgres', q{ALTER ROLE boss SET pii.audit = 'all'; ALTER ROLE clerk SET pii.audit = 'all'});
audits('SELECT * FROM people', "reveal email public.people 10 allowed\nreveal ssn public.people 10 allowed", 'a scan');
audits('SELECT count(*) FROM people', '', 'a scan that uses no value');
audits('SELECT ssn FROM people WHERE id < 3', 'reveal ssn public.people 3 allowed', 'some rows');
audits('SELECT ssn FROM people WHERE id < 0', '', 'no rows');
audits('SELECT p.email, o.ssn FROM people p JOIN other o USING (id)', "reveal email public.people 10 allowed\nreveal ssn - 10 allowed", 'a join: two tables have the class');
audits('SELECT p.email FROM people p JOIN other o USING (id)', 'reveal email public.people 10 allowed', 'a join: one table has the class');
audits('SELECT pii_reveal(ssn), pii_mask(ssn), pii_try_reveal(ssn), pii_sealed(ssn) FROM people WHERE id < 2',
	"mask ssn public.people 2 allowed\nreveal ssn public.people 4 allowed", 'functions');
audits("SELECT id FROM people WHERE ssn = '$values[3]'", 'search ssn public.people 10 allowed', 'a search without an index');
audits("SET pii.view = masked; SELECT ssn FROM people; RESET pii.view", 'mask ssn public.people 10 allowed', 'masks');
audits("SET pii.view = redacted; SELECT ssn FROM people; SET pii.view = sealed; SELECT ssn FROM people; RESET pii.view", '', 'what shows nothing');
audits('COPY people TO STDOUT', '', 'COPY of sealed text');
audits('SET pii.view = plain; COPY people TO STDOUT; COPY (SELECT ssn FROM other) TO STDOUT; RESET pii.view',
	"reveal email public.people 10 allowed\nreveal ssn public.other 10 allowed\nreveal ssn public.people 10 allowed", 'COPY of plaintext');
audits('INSERT INTO other SELECT id + 100, ssn FROM people', '', 'INSERT ... SELECT that moves sealed values');
audits("INSERT INTO other VALUES (200, '900-90-9090'), (201, '900-90-9091')", 'seal ssn public.other 2 allowed', 'INSERT');
audits("UPDATE other SET ssn = '900-90-9092' WHERE id >= 200", 'seal ssn public.other 2 allowed', 'UPDATE');
audits('INSERT INTO other SELECT id + 300, pii_reveal(ssn)::pii_text FROM people', "reveal ssn - 10 allowed\nseal ssn - 10 allowed", 'INSERT ... SELECT that opens and seals');
audits('DELETE FROM other WHERE id >= 100', '', 'DELETE');
audits('SELECT ssn::pii_text(email)::text FROM people WHERE id = 1', "reveal email public.people 1 allowed\nreveal ssn public.people 1 allowed\nseal email public.people 1 allowed", 'a change of class');
audits('SELECT to_json(p) FROM people p WHERE id < 2', "reveal email public.people 2 allowed\nreveal ssn public.people 2 allowed", 'JSON');
{
	my $session = $sessions{boss};
	my @lines = audit_lines($node, sub { $session->copy_in('COPY other FROM STDIN', "400\t900-91-0001\n401\t900-91-0002\n402\t\\N\n") });
	is(short_of(@lines), 'seal ssn public.other 2 allowed', 'COPY FROM');
	@lines = audit_lines($node, sub { $session->execute('SELECT ssn FROM people WHERE id < $1', [WireSession::UNKNOWN], [3], [4]) });
	is(short_of(@lines), "reveal ssn public.people 3 allowed\nreveal ssn public.people 4 allowed", 'a statement with parameters, twice');
	@lines = audit_lines($node, sub { $session->execute_in_pieces('SELECT ssn FROM people', [], [], 4, 3) });
	is(short_of(@lines), "reveal ssn public.people 10 allowed", 'a portal that is read in pieces');
}
audits('BEGIN; DECLARE c CURSOR FOR SELECT ssn FROM people; FETCH 3 FROM c; FETCH 4 FROM c; FETCH ALL FROM c; CLOSE c; COMMIT',
	"reveal ssn - 3 allowed\nreveal ssn - 3 allowed\nreveal ssn - 4 allowed", 'a cursor: as many as were fetched');
audits('BEGIN; DECLARE c CURSOR FOR SELECT pii_reveal(ssn) FROM people; FETCH 3 FROM c; COMMIT', 'reveal ssn public.people 3 allowed', 'a cursor whose query reveals');

# Tables of statements within statements.
$node->safe_psql('postgres', q{
	CREATE FUNCTION first_of_other() RETURNS text LANGUAGE plpgsql AS $$ DECLARE v text; BEGIN SELECT pii_reveal(ssn) INTO v FROM other WHERE id = 1; RETURN v; END $$;
	CREATE FUNCTION as_owner() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT pii_reveal(ssn) FROM other WHERE id = 2';
	CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO many VALUES (-1, '900-92-0001'); RETURN NULL; END $$;
	CREATE TABLE watched (id int);
	GRANT ALL ON watched TO boss;
	CREATE TRIGGER moved AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION moved()});
audits('SELECT first_of_other(), ssn FROM people WHERE id < 2', "reveal ssn public.other 2 allowed\nreveal ssn public.people 2 allowed", 'a function has its own table');
audits('DO $$ DECLARE r record; BEGIN FOR r IN SELECT pii_reveal(ssn) FROM people LOOP PERFORM first_of_other(); END LOOP; END $$',
	"reveal ssn public.other 10 allowed\nreveal ssn public.people 10 allowed", 'a loop');
audits('INSERT INTO watched VALUES (1), (2)', 'seal ssn public.many 2 allowed', 'a trigger');
my ($line) = audits('SELECT as_owner()', 'reveal ssn public.other 1 allowed', 'a function with the rights of its owner');
is("$line->{session_user} $line->{current_user}", "boss ${\scalar getpwuid($<)}", 'both users are named');

# Parallel workers write lines of their own.
{
	my $session = $sessions{boss};
	$session->run('SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off');
	like(join("\n", $session->run('EXPLAIN SELECT count(pii_reveal(ssn)) FROM many WHERE id > 0')), qr/Workers Planned: [12]/, 'the query is parallel');
	my @lines = audit_lines($node, sub { $session->run('SELECT count(pii_reveal(ssn)) FROM many WHERE id > 0') });
	my $sum = 0;
	$sum += $_->{values} foreach @lines;
	is($sum, 5000, 'parallel workers: the lines sum up to the number of values');
	is(join(' ', sort map { "$_->{operation} $_->{class} $_->{table} $_->{pid}" } @lines), join(' ', ("reveal ssn public.many ${\$session->pid}") x @lines),
		'parallel workers: the pid is the session\'s');
	$session->run('RESET max_parallel_workers_per_gather');
}

# ---------------------------------------------------------------------------------------------------------------------
# What becomes of a statement

audits('SELECT pii_reveal(ssn), 1 / (id - 3) FROM people', 'reveal ssn public.people 4 allowed', 'a statement that fails', fails => qr/^22012/);
audits('BEGIN; SELECT ssn FROM people WHERE id < 2; ROLLBACK', 'reveal ssn public.people 2 allowed', 'a transaction that is rolled back');
audits('BEGIN; SAVEPOINT a; SELECT ssn FROM people WHERE id < 2; ROLLBACK TO a; COMMIT', 'reveal ssn public.people 2 allowed', 'a subtransaction that is rolled back');
audits('SELECT ssn FROM people', 'mask ssn public.people 10 allowed', 'a clerk reads masks', user => 'clerk');
audits('SELECT pii_reveal(ssn) FROM people', 'reveal ssn public.people 1 denied', 'a refusal', user => 'clerk', fails => qr/^42501/);
audits("SELECT id FROM people WHERE ssn = '900'", 'search ssn public.people 1 denied', 'a search that is refused', user => 'clerk', fails => qr/^42501/);
audits('SELECT pii_seal(pii_sealed(ssn)) FROM people', 'import ssn public.people 1 denied', 'an import that is refused', user => 'clerk', fails => qr/^42501/);
audits('DO $$ BEGIN FOR i IN 1 .. 100 LOOP BEGIN PERFORM pii_reveal(ssn) FROM people; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $$',
	'reveal ssn public.people 100 denied', 'a hundred refusals that somebody catches', user => 'clerk');
audits("SELECT pii_seal('pii:v1:AAA', 'ssn')", 'read text - 1 failed', 'what cannot be read', fails => qr/^22P02/);
{
	my $session = WireSession->connected($node, user => 'boss');
	my @lines = audit_lines($node, sub {
		$session->begin('SELECT pii_reveal(ssn), CASE WHEN id = 4 THEN pg_sleep(600) END FROM people');
		$node->poll_query_until('postgres', "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = ${\$session->pid}");
		$node->safe_psql('postgres', "SELECT pg_terminate_backend(${\$session->pid}, 60000)");
	});
	is(short_of(@lines), 'reveal ssn public.people 5 allowed', 'a session that is ended in the middle');
}

# ---------------------------------------------------------------------------------------------------------------------
# Levels, and who sets them

$node->safe_psql('postgres', q{ALTER ROLE boss SET pii.audit = reveal; ALTER ROLE clerk SET pii.audit = reveal});
$_->quit foreach values %sessions;
%sessions = ();
audits('SELECT ssn FROM people', 'reveal ssn public.people 10 allowed', 'reveal: plaintext');
audits("SELECT pii_mask(ssn), ssn = 'x' FROM people; INSERT INTO other VALUES (7, '900-93-0001')", '', 'reveal: no masks, searches and writes');
audits('SELECT ssn FROM people', '', 'reveal: no masks for a clerk', user => 'clerk');
audits("SELECT id FROM people WHERE ssn = '900'", 'search ssn public.people 1 denied', 'reveal: refusals', user => 'clerk', fails => qr/^42501/);
foreach my $statement ('SET pii.audit = off', q{SELECT set_config('pii.audit', 'off', true)}, 'ALTER ROLE clerk SET pii.audit = off', 'SET pii.require_purpose = off')
{
	$node->fails($statement, '42501', qr/permission denied to set parameter/, "a clerk cannot: $statement", user => 'clerk');
}
is(eval { WireSession->connected($node, user => 'clerk', options => '-c pii.audit=off'); 'connected' } // 'refused', 'refused', 'nor at the start of a session');
$sessions{boss}->query($_) foreach 'RESET pii.audit', 'RESET ALL', 'DISCARD ALL', 'SET SESSION AUTHORIZATION DEFAULT';
audits('SELECT ssn FROM people', 'reveal ssn public.people 10 allowed', 'RESET and DISCARD do not turn it off');

# ---------------------------------------------------------------------------------------------------------------------
# Purpose, grants

audits("SET pii.purpose = 'ticket 4711'; SELECT ssn FROM people WHERE id = 1", 'reveal ssn public.people 1 allowed', 'a purpose');
my @lines = audits('SELECT ssn FROM people WHERE id = 1', 'reveal ssn public.people 1 allowed', 'with the purpose');
is($lines[0]{purpose}, 'ticket 4711', 'the line has the purpose');
$node->safe_psql('postgres', 'ALTER ROLE boss SET pii.require_purpose = on');
$sessions{boss}->quit;
delete $sessions{boss};
audits('SELECT pii_reveal(ssn) FROM people', 'reveal without purpose ssn public.people 1 denied', 'without a purpose, when one is required', fails => qr/^42501|^55000/);
audits("SET pii.purpose = 'ticket 4712'; SELECT pii_reveal(ssn) FROM people", 'reveal ssn public.people 10 allowed', 'and with one');
audits("SET pii.purpose = ''; SELECT pii_reveal(ssn) FROM people", 'reveal without purpose ssn public.people 1 denied', 'an empty one is none', fails => qr/^42501|^55000/);
$node->safe_psql('postgres', 'ALTER ROLE boss RESET pii.require_purpose');
@lines = audit_lines($node, sub { $node->safe_psql('postgres', q{SET pii.audit = reveal; SELECT pii_grant('clerk', 'iban', 'REVEAL'); SELECT pii_revoke('clerk', 'iban', 'REVEAL'); SELECT pii_revoke('public', '*', 'MASK')}) });
is(join(', ', map { "$_->{operation} $_->{class} $_->{role} $_->{privilege}" } @lines), 'grant iban clerk REVEAL, revoke iban clerk REVEAL, revoke * public MASK', 'grants and revocations');
is($lines[0]{session_user}, scalar getpwuid($<), 'and whose they are');
$node->safe_psql('postgres', q{SELECT pii_grant('public', '*', 'MASK')});

# ---------------------------------------------------------------------------------------------------------------------
# Fields, and names that are not what one expects

my %hostile = (
	role        => qq(Zoë "boss" \\ {}, 'x'\n[1]),
	table       => qq(ta"ble\n{"a": 'b\\'}, \$1),
	application => qq(app", "decision": "denied"} Zoë \\ \n{"x": '),
	purpose     => qq(ticket "4711123"\n\t{"a": 'it''s'}, \x01 Zoë \\u0041));
my ($role, $table) = map { identifier($_) } @hostile{qw(role table)};
$node->safe_psql('postgres', "CREATE ROLE $role LOGIN SUPERUSER; CREATE TABLE $table (ssn pii_text(ssn)); INSERT INTO $table VALUES ('$values[0]'); ALTER ROLE $role SET pii.audit = 'all'");
my $session = WireSession->connected($node, user => $hostile{role}, application_name => $hostile{application});
$session->run("SET pii.purpose = ${\literal($hostile{purpose})}");
my $offset = $node->log_size;
$session->run("SELECT ssn FROM $table");
my $log = $node->log_since($offset);
@lines = audit_lines_in($log);
is(() = $log =~ /pii audit: /g, 1, 'one line, whatever the names are');
is(scalar @lines, 1, 'which is JSON');
is_deeply([ sort keys %{ $lines[0] } ], [ sort qw(time pid session_user current_user client application purpose operation class table key_versions values decision severity logged_as) ], 'its fields');
my %line = %{ $lines[0] };
is($line{session_user}, $hostile{role}, 'session_user');
is($line{current_user}, $hostile{role}, 'current_user');
is($line{purpose}, $hostile{purpose}, 'purpose');
is($line{application}, ($session->run('SHOW application_name'))[0], 'application, as PostgreSQL cleans it');
is($line{table}, 'public.' . $table, 'table');
is($line{pid}, $session->pid, 'pid');
is($line{client}, '[local]', 'client');
is_deeply($line{key_versions}, [1], 'key_versions');
is("$line{values} $line{decision} $line{severity} $line{logged_as}", '1 allowed INFO LOG', 'values, decision, severity');
like($line{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d$/, 'time');
$session->query("SET pii.purpose = '${\('x' x 201)}'");
is(($session->error_fields // {})->{C}, '22023', 'a long purpose is refused');
$session->quit;

# Nobody but pii writes such lines.
@lines = audit_lines($node, sub {
	$node->psql('postgres', qq{DO \$\$ BEGIN RAISE $_ 'pii audit: {"forged": 1}'; END \$\$}, extra_params => [ '-U', 'clerk' ]) foreach qw(LOG WARNING);
});
is(scalar @lines, 0, 'a function cannot write an audit line');

# ---------------------------------------------------------------------------------------------------------------------

my $all = $node->log_since($start);
my ($found, $excerpts) = markers_in(\@markers, log => \$all);
is(scalar keys %$found, 0, 'no line has a value') or diag(@$excerpts);
unlike($all, qr/\@example\.org|900-9[0-3]-/, 'nor an address');
$_->quit foreach values %sessions;
$node->stop;
done_testing();

# What gets to the server log by ways that a list of statements does not show: what workers revealed, what outlives a COMMIT.

use strict;
use warnings;
use utf8;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WireSession;

my $node = PiiCluster->started('main', conf => "max_connections = 20\nmax_worker_processes = 12\n");
$node->safe_psql('postgres', q{
	CREATE TABLE people (id int, name pii_text(name));
	INSERT INTO people VALUES (1, 'Wilhelmina Quackenbush');
	INSERT INTO people SELECT i FROM generate_series(2, 20000) AS i;
	ANALYZE people;
	CREATE TABLE plain (t text UNIQUE);
	CREATE EXTENSION dblink; CREATE EXTENSION xml2});
my $value = qr/wilhelmin|quackenbush/i;
my $session = WireSession->connected($node);

# Runs a statement, or what `$statement` does, with the outcome (SQLSTATE or undef); what the log shows of it, and the value
# never.
sub hides
{
	my ($name, $statement, $state, $shows) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $offset = $node->log_size;
	my (undef, $error) = ref $statement ? $statement->() : $session->query($statement);
	is(defined $error ? substr($error, 0, 5) : undef, $state, "$name: fails or not") or diag($error);
	my $log = $node->log_since($offset);
	like($log, $shows, "$name: the log shows what it was");
	unlike($log, $value, "$name: the log has no value");
	return $log;
}

# ---------------------------------------------------------------------------------------------------------------------
# Whether values are in use

my $not_logged = qr/raised by a function \(LOG\): Not logged/;
hides('a procedure after its COMMIT',
	q{DO $$ DECLARE v text; BEGIN SELECT pii_reveal(name) INTO v FROM people WHERE id = 1; COMMIT; RAISE LOG 'got %', v; END $$}, undef, $not_logged);

$session->run($_) foreach 'SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0', 'SET min_parallel_table_scan_size = 0',
  'SET parallel_leader_participation = off';
my $by_workers = q{EXECUTE 'SELECT max(pii_reveal(name)) FROM people WHERE id > 0' INTO v};
like(join("\n", $session->run('EXPLAIN (VERBOSE, COSTS OFF) SELECT max(pii_reveal(name)) FROM people WHERE id > 0')), qr/Partial Aggregate\n\s+Output: PARTIAL max\(pii_reveal\(name\)\)/,
	'it is the workers who reveal');
hides('what workers revealed', "DO \$\$ DECLARE v text; BEGIN $by_workers; RAISE LOG 'got %', v; END \$\$", undef, $not_logged);
hides('a key that workers revealed', "DO \$\$ DECLARE v text; BEGIN $by_workers; INSERT INTO plain VALUES (v), (v); END \$\$", '23505',
	qr/DETAIL:  Key \(t\)=\(\.\.\.\) already exists/);
my $not_logged_error = qr/raised by a function \(ERROR\): Not logged.*\n.*DETAIL:  Context: PL\/pgSQL function inline_code_block line 1 at EXECUTE/;
hides("a statement made of a value, $_->[0]", "DO \$\$ DECLARE v text; BEGIN SELECT pii_reveal(name) INTO v FROM people WHERE id = 1; EXECUTE $_->[1]; END \$\$", $_->[2], $not_logged_error)
  foreach ([ 'a column', q{'SELECT ' || v}, '42703' ], [ 'a syntax error', q{'INSERT INTO plain VALUES (' || v || ')'}, '42601' ]);
like($session->error_fields->{q}, qr/Wilhelmina Quackenbush/, 'the client is told what the statement was');
hides('a statement made of none', q{DO $$ BEGIN EXECUTE 'SELECT nobody'; END $$}, '42703', qr/ERROR:  column .* does not exist(.*\n)*.*QUERY:  SELECT nobody/);
hides('a document that is searched', q{DO $$ DECLARE v jsonb := '{"name": "Wilhelmina"}'; BEGIN PERFORM pii_blind_index(v, '$.name', 'name'); RAISE LOG 'got %', v; END $$}, undef, $not_logged);
hides('without values', q{DO $$ BEGIN RAISE LOG 'a plain message'; END $$}, undef, qr/raised by a function \(LOG\): a plain message/);

# ---------------------------------------------------------------------------------------------------------------------
# Text that is no statement: psql sends the lines of a script as one when the COPY before them was refused.

hides('lines of data', "1\tWilhelmina Quackenbush\t\\N\n2\tWilhelmina\t\\N\n\\.\n", '42601', qr/STATEMENT:  \(not logged, because it does not begin as a statement does\)/);
sub activity { return join "\n", $node->safe_psql('postgres', "SELECT query FROM pg_stat_activity WHERE pid = ${\$session->pid}"); }
unlike(activity(), $value, 'nor does pg_stat_activity show lines of data');
hides('a statement with an error', "/* what */ SELECT FROM FROM people WHERE name = 'Wilhelmina'", '42601', qr/STATEMENT:  +SELECT FROM FROM people WHERE name = '\.\.\.'/);

# ---------------------------------------------------------------------------------------------------------------------
# A statement whose rows are fetched in pieces is shown again with each.

foreach my $statement ("INSERT INTO plain SELECT 'Quackenbush ' || i FROM generate_series(1, 9) AS i RETURNING t", "EXPLAIN SELECT * FROM people WHERE name = 'Quackenbush'",
	"SELECT 'Quackenbush ' || i FROM generate_series(1, 9) AS i")
{
	$session->execute_in_pieces($statement, [], [], 1, 4);
	(my $hidden = $statement) =~ s/'[^']+'/'...'/g;
	is(activity(), $hidden, 'pg_stat_activity, in pieces: ' . substr $statement, 0, 6);
}

# ---------------------------------------------------------------------------------------------------------------------
# Messages of kinds that hardly ever quote anything

hides('a program of COPY', q{COPY plain FROM PROGRAM 'false Wilhelmina Quackenbush'}, '38000', qr/ERROR:  program "\.\.\." failed/);
hides('a COPY that the client gives up', sub { $session->copy_in('COPY people FROM STDIN', "1\t", 'error from Python: ValueError - no number: Wilhelmina') }, '57014',
	qr/ERROR:  COPY from stdin failed\n/);
hides('a search that is too long', q{SELECT ('quackenbush & ' || repeat('x', 3000))::tsquery}, '54000', qr/ERROR:  word is too long in tsquery: "\.\.\."/);
hides('a cursor', q{DECLARE "Wilhelmina, Q" CURSOR WITH HOLD FOR SELECT 1; UPDATE plain SET t = 'x' WHERE CURRENT OF "Wilhelmina, Q"}, '24000', qr/ERROR:  cursor "\.\.\."/);
hides('a warning about XML', q{SELECT xpath('/x', '<person xmlns="people"><name>Quackenbush</name></person>')}, undef, qr/raised by a function \(WARNING\): Not logged/);
hides('another library about XML', q{SELECT xslt_process('<a>Quackenbush</b>', '<x/>')}, '38000', qr/ERROR:  error parsing XML document/);

# What another server says by errors; its notices dblink writes to the log by itself.
$session->run(q{CREATE FUNCTION refuse(t text) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN RAISE EXCEPTION USING MESSAGE = 'not ' || t, DETAIL = 'detail ' || t, HINT = 'hint ' || t; END $$});
foreach my $elsewhere (
	[ 'another server', 'SELECT refuse((SELECT pii_reveal(name) FROM people WHERE id = 1))', 'P0001', 'Not logged' ],
	[ 'another server without a table', 'SELECT id FROM nobody', '42P01', 'relation "nobody" does not exist' ])
{
	my ($name, $statement, $state, $shown) = @$elsewhere;
	my $connection = $node->connstr('postgres') =~ s/'/''/gr;
	hides($name, qq{SELECT * FROM dblink('$connection', 'SET pii.log_scrubbing = "all"; $statement') AS t(i int)}, $state, qr/raised by a function \(ERROR\): \Q$shown\E/);
}

# ---------------------------------------------------------------------------------------------------------------------
# Functions in other languages: what they say, and what they fail with

foreach my $language (
	[ 'plperl', q{elog(ERROR, $_[0]); return 1}, '38000' ], [ 'plperl', q{die "not $_[0]"}, '38000' ],
	[ 'plpython3u', q{plpy.error(args[0])}, 'XX000' ], [ 'plpython3u', q{raise ValueError(args[0])}, '38000' ],
	[ 'pltcl', q{elog ERROR $1}, '38000' ], [ 'pltcl', q{error "not $1"}, '38000' ])
{
	my ($name, $body, $state) = @$language;
	SKIP:
	{
		skip "$name is not installed", 1 if ($session->run("SELECT count(*) FROM pg_available_extensions WHERE name = '$name'"))[0] eq '0';
		$session->run("CREATE EXTENSION IF NOT EXISTS $name; CREATE OR REPLACE FUNCTION says(text) RETURNS int LANGUAGE $name AS \$\$ $body \$\$");
		hides("$name: $body", q{SELECT says(pii_reveal(name)) FROM people WHERE id = 1}, $state, qr/raised by a function \(ERROR\): Not logged/);
	}
}

# ---------------------------------------------------------------------------------------------------------------------
# Messages in another language

{
	local $ENV{LANGUAGE} = 'de';
	$node->configure(lc_messages => 'C.UTF-8');
	$session->quit;
	$node->restart;
	$session = WireSession->connected($node);
	my (undef, $error) = $session->query('SELECT * FROM nobody');
	SKIP:
	{
		skip 'PostgreSQL has no German messages here', 1 unless $error =~ /Relation »nobody« existiert nicht/;
		my $log = $node->log_since(0);
		like($log, qr/Relation \W+nobody\W+ existiert nicht/, 'in German: names of objects stay, and so does the message');
		hides("in German: $_->[0]", @$_[ 1 .. 3 ]) foreach (
			[ 'a cast', q{SELECT 'Wilhelmina Quackenbush'::int}, '22P02', qr/invalid input syntax for type integer: "\.\.\."/ ],
			[ 'a sealed value', q{SELECT pii_reveal(name)::int FROM people WHERE id = 1}, '22P02', qr/invalid input syntax for type integer: "\.\.\."/ ],
			[ 'a detail', q(SELECT '{"name": Wilhelmina}'::json), '22P02', qr/DETAIL:  Not logged/ ],
			[ 'a syntax error', q{SELECT 1 FROM FROM people}, '42601', qr/Syntaxfehler bei \W+FROM\W+/ ],
			[ 'a syntax error at a value', q{SELECT name name 'Quackenbush' FROM 1}, '42601', qr/Syntaxfehler at or near "\.\.\."/ ],
			[ 'a column', q{SELECT "Wilhelmina, Quackenbush" FROM people}, '42703', qr/column "\.\.\." does not exist/ ],
			[ 'an address', q{SELECT id FROM people WHERE name = wilhelmina@quackenbush.example}, '42703', qr/column "\.\.\." does not exist/ ],
			[ 'a role', q{SET ROLE "Wilhelmina, Quackenbush"}, '22023', qr/a message that is not shown/ ],
			[ 'a setting', q{SET work_mem = 'Wilhelmina'}, '22023', qr/invalid value for parameter "work_mem": "\.\.\."/ ],
			[ 'arguments in another order', q{SELECT to_date('Wilhelmina', 'YYYY')}, '22007', qr/invalid value "\.\.\."/ ]);
	}
}

$session->quit;
$node->stop;
done_testing();

# With default settings the server log holds no value of a statement that failed, and the client is still told.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WireSession;

# The framework logs all statements; this is what PostgreSQL does by itself.
my $node = PiiCluster->started('main', conf => "log_statement = none\nlog_min_error_statement = error\n");
$node->safe_psql('postgres', q{
	CREATE TABLE people (id int NOT NULL, ssn pii_text(ssn) CHECK (id <> 7), n int UNIQUE);
	CREATE TABLE plain (id int NOT NULL, note text);
	CREATE VIEW checked AS SELECT * FROM people WHERE id > 0 WITH CHECK OPTION;
	CREATE FUNCTION add_person(text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN EXECUTE format('INSERT INTO people VALUES (NULL, %L)', $1); END $$});

my $value = '987-65-4329';

# fails_quietly STATEMENT, SQLSTATE, WHAT THE CLIENT IS TOLD, NAME
sub fails_quietly
{
	my ($statement, $state, $told, $name) = @_;
	my $offset = $node->log_size;
	my ($status, $out, $err) = $node->psql('postgres', $statement, on_error_stop => 1, extra_params => ['-v', 'VERBOSITY=verbose']);
	isnt($status, 0, "$name: fails");
	like($err, qr/$state/, "$name: SQLSTATE $state");
	like($err, $told, "$name: the client is told");
	my $log = $node->log_since($offset);
	like($log, qr/ERROR: /, "$name: the error is logged");
	unlike($log, qr/\Q$value\E/, "$name: no value is logged");
}

fails_quietly("INSERT INTO people VALUES (NULL, '$value')", '23502', qr/Failing row contains.*\Q$value\E/, 'NOT NULL');
fails_quietly("INSERT INTO people VALUES (7, '$value')", '23514', qr/Failing row contains.*\Q$value\E/, 'CHECK');
fails_quietly("INSERT INTO checked VALUES (-1, '$value')", '44000', qr/Failing row contains.*\Q$value\E/, 'WITH CHECK OPTION');
fails_quietly("INSERT INTO people VALUES (1, '$value', 5), (2, '$value', 5)", '23505', qr/Key \(n\)=\(5\)/, 'UNIQUE');
fails_quietly("INSERT INTO people VALUES (1 / (length('$value') - 11), '$value')", '22012', qr/division by zero/, 'another error');
fails_quietly("SELECT add_person('$value')", '23502', qr/add_person/, 'a statement in a function');
fails_quietly("COPY people FROM STDIN;\n\\N\t$value\t1\n\\.\n", '23502', qr/COPY people, line 1.*\Q$value\E/s, 'COPY, a constraint');
fails_quietly("COPY people FROM STDIN;\n1\t***-**-4329\t1\n\\.\n", '22023', qr/COPY people, line 1, column ssn/, 'COPY, a masked value');
fails_quietly("INSERT INTO people VALUES (1, 'pii:v1:$value')", '22P02', qr/malformed sealed text/, 'malformed sealed text');

# The client sees a failing row as his view shows it.
$node->safe_psql('postgres', 'CREATE ROLE clerk LOGIN; GRANT INSERT, SELECT ON people TO clerk');
my $error = $node->fails("INSERT INTO people VALUES (NULL, '$value')", '23502', qr/null value in column "id" of relation "people"/, 'a clerk: NOT NULL', user => 'clerk');
like($error, qr/Failing row contains \(null, \*\*\*-\*\*-4329, null\)/, 'a clerk is shown the mask in DETAIL');

# Messages keep their position, and lose no more than what they quote.
my $session = WireSession->connected($node);
sub told
{
	my ($statement, $expected, $name) = @_;
	$session->query($statement);
	my $fields = $session->error_fields;
	is_deeply({ map { $_ => $fields->{$_} } keys %$expected }, $expected, $name);
	return;
}
told("SELECT '$value'::int", { C => '22P02', M => 'invalid input syntax for type integer: "..."', P => 8 }, 'a cast loses what it quotes');
told("SELECT id FROM people WHERE nobody = '$value'", { C => '42703', M => 'column "nobody" does not exist', P => 29 }, 'names stay');
told("SELECT id FRM people WHERE ssn = '$value'", { C => '42601', M => 'syntax error at or near "..."', P => 15 }, 'a word that may be anything goes');
told("SELECT id FROM people people WHERE WHERE ssn = '$value'", { C => '42601', M => 'syntax error at or near "WHERE"', P => 36 }, 'a keyword stays');
told("SELECT pii_reveal(n) FROM people WHERE ssn = '$value'",
	{ C => '42883', M => 'function pii_reveal(integer) does not exist', H => 'No function matches the given name and argument types. You might need to add explicit type casts.', P => 8 },
	'a missing function keeps its name and its hint');
told("INSERT INTO people VALUES (8, '$value', 6), (9, '$value', 6)", { C => '23505', D => 'Key (n)=(6) already exists.', t => 'people', n => 'people_n_key' }, 'the key, the table and the constraint');
told("DO \$\$ BEGIN RAISE EXCEPTION 'no such person: %', 'x' USING HINT = 'ask somebody', DETAIL = 'two'; END \$\$",
	{ C => 'P0001', M => 'no such person: x', H => 'ask somebody', D => 'two', W => 'PL/pgSQL function inline_code_block line 1 at RAISE' }, 'what a function raises');
told("SELECT add_person('$value')", { C => '23502', W => "SQL statement \"INSERT INTO people VALUES (NULL, '$value')\"\nPL/pgSQL function add_person(text) line 2 at EXECUTE" },
	'the statement within a function');
$session->query("SET client_min_messages = notice; DO \$\$ DECLARE v pii_text(ssn) := '$value'; BEGIN RAISE NOTICE 'it is %', v; END \$\$");
is(($session->notices)[-1]{M}, "it is $value", 'a notice about a value');
$session->quit;

# A statement that has nothing to do with values is logged without its literals, for nobody knows that in time. Its
# failing row is not: nothing in it was sealed.
my $offset = $node->log_size;
$node->psql('postgres', q{INSERT INTO plain VALUES (NULL, 'a note to see')});
my $log = $node->log_since($offset);
like($log, qr/DETAIL: .*Failing row contains \(null, a note to see\)/, 'the row of another table is logged');
like($log, qr/STATEMENT: .*INSERT INTO plain VALUES \(NULL, '\.\.\.'\)/, 'the statement about it is logged without its literals');

$node->stop;
done_testing();

# With default settings the server log holds no value of a statement that failed, and the client is still told.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

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

# A statement that has nothing to do with values is logged as ever.
my $offset = $node->log_size;
$node->psql('postgres', q{INSERT INTO plain VALUES (NULL, 'a note to see')});
like($node->log_since($offset), qr/DETAIL: .*a note to see.*STATEMENT: .*a note to see/s, 'other statements are logged with their text');

$node->stop;
done_testing();

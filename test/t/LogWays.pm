# LogWays lists the ways in which statements bring values into the server log. Each is
#
#   name    what it is
#   values  how many values it takes
#   kind    of values: ssn, email, name, or one after the other
#   state   SQLSTATE of its last error; by default any or none, as `shows` has an ERROR or not
#   unseen  PostgreSQL does not log the values in any case
#   shows   what the log still has to show without the values: who looks for an error needs it
#   run     code, given a session, what else there is (node, dbname, another session `other`), and the values

package LogWays;

use strict;
use warnings;
use utf8;

use LogMarkers;
use WireSession;

my @ways;

sub all_ways { return @ways; }

sub way
{
	my ($name, %way) = @_;
	push @ways, { name => $name, values => 3, %way };
	return;
}

# A way of single statements, one for each value; `$sql` has %s for the literal and %i for a quoted name.
sub each_value
{
	my ($name, $sql, %way) = @_;
	way($name, %way, run => sub {
		my ($s, $c, @values) = @_;
		$s->query(filled($sql, $_)) foreach @values;
	});
	return;
}

sub filled
{
	my ($sql, $value) = @_;
	my ($literal, $name) = (literal($value), identifier($value));
	$sql =~ s/%s/$literal/g;
	$sql =~ s/%i/$name/g;
	$sql =~ s/%v/$value/g;
	return $sql;
}

sub tables
{
	return q{
	CREATE EXTENSION btree_gist;
	CREATE TABLE people (id int PRIMARY KEY, ssn pii_text(ssn), name pii_text(name), note pii_text, n int);
	CREATE TABLE keyed (key text PRIMARY KEY, ssn pii_text(ssn));
	CREATE TABLE child (key text REFERENCES keyed, ssn pii_text(ssn));
	CREATE TABLE strict (id int NOT NULL, ssn pii_text(ssn), label text CONSTRAINT short CHECK (length(label) < 3),
		EXCLUDE USING gist (label WITH =));
	CREATE VIEW short AS SELECT id, ssn, label FROM strict WHERE id > 0 WITH CHECK OPTION;
	CREATE TABLE parts (area text, ssn pii_text(ssn)) PARTITION BY LIST (area);
	CREATE TABLE part PARTITION OF parts FOR VALUES IN ('a');
	CREATE DOMAIN short_ssn AS text CHECK (length(VALUE) < 3);
	CREATE TABLE plain (id int, t text);
	CREATE TABLE locked (id int PRIMARY KEY, ssn pii_text(ssn));
	INSERT INTO locked VALUES (1, 'a'), (2, 'b');
	CREATE FUNCTION add_person(text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE format('INSERT INTO people (id, ssn) VALUES (NULL, %L)', $1);
	END $$;
	CREATE FUNCTION find_person(text) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE found bigint;
	BEGIN
		SELECT count(*) INTO STRICT found FROM people WHERE ssn = $1;
		EXECUTE 'SELECT count(*) FROM people WHERE ssn = $1' INTO found USING $1;
		RETURN found;
	END $$;
	CREATE FUNCTION to_number_of(text) RETURNS int LANGUAGE sql AS 'SELECT $1::int';
	CREATE FUNCTION assigned(text) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS $$ DECLARE i int; BEGIN i := $1; RETURN i; END $$;
	CREATE PROCEDURE add_plain(text) LANGUAGE sql AS 'INSERT INTO plain (t) VALUES ($1)';
	CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not %', NEW.ssn; END $$;
	CREATE TABLE guarded (ssn pii_text(ssn));
	CREATE TRIGGER refused BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION refused();
	};
}

# ---------------------------------------------------------------------------------------------------------------------
# Statements that succeed

each_value('INSERT', 'INSERT INTO people (id, ssn) SELECT count(*), %s FROM people', values => 30,
	shows => qr/LOG: .*INSERT INTO people \(id, ssn\) SELECT count\(\*\), '\.\.\.' FROM people/);
each_value('SELECT', 'SELECT id FROM people WHERE ssn = %s OR name = %s', shows => qr/WHERE ssn = '\.\.\.' OR name/);
each_value('UPDATE and DELETE', 'UPDATE people SET note = %s WHERE ssn = %s; DELETE FROM people WHERE note = %s',
	shows => qr/UPDATE people SET note = '\.\.\.' WHERE ssn = '\.\.\.'; DELETE FROM people WHERE note = '\.\.\.'/);
each_value('several statements in one string', "SELECT 1; INSERT INTO people (id, ssn) SELECT -count(*), %s FROM people; SELECT 2",
	shows => qr/SELECT 1; INSERT INTO people/);
each_value('MERGE', 'MERGE INTO people p USING (SELECT %s AS v) s ON p.ssn = s.v WHEN MATCHED THEN UPDATE SET note = s.v',
	shows => qr/MERGE INTO people p USING/);
each_value('a transaction', 'BEGIN; SELECT %s; SAVEPOINT a; SELECT %s; ROLLBACK TO a; COMMIT', shows => qr/SAVEPOINT a/);
each_value('EXPLAIN', 'EXPLAIN (ANALYZE, VERBOSE) SELECT id FROM people WHERE ssn = %s', shows => qr/EXPLAIN \(ANALYZE, VERBOSE\)/);
each_value('PREPARE and EXECUTE', 'PREPARE p AS SELECT id FROM people WHERE ssn = $1 AND note <> %s; EXECUTE p (%s); DEALLOCATE p',
	shows => qr/EXECUTE p \('\.\.\.'\)/);
each_value('a cursor', 'BEGIN; DECLARE c CURSOR FOR SELECT id FROM people WHERE ssn = %s; FETCH ALL FROM c; CLOSE c; COMMIT',
	shows => qr/FETCH ALL FROM c/);
each_value('functions', 'SELECT find_person(%s)', shows => qr/SELECT find_person\('\.\.\.'\)/);
each_value('a procedure', 'CALL add_plain(%s)', shows => qr/CALL add_plain\('\.\.\.'\)/);
each_value('DO', q{DO $body$ BEGIN PERFORM 1 FROM people WHERE ssn = %s; END $body$}, kind => 'ssn', shows => qr/DO '\.\.\.'/);
each_value('COPY TO of a query', 'COPY (SELECT id, %s FROM people WHERE note = %s) TO STDOUT', shows => qr/COPY \(SELECT id/);
each_value('NOTIFY', 'NOTIFY people, %s', kind => 'ssn', shows => qr/NOTIFY people, '\.\.\.'/);

each_value('definitions', $_->[1], values => 1, kind => $_->[2], shows => $_->[0])
  foreach (
	[ qr/CREATE VIEW seen AS SELECT/, q{CREATE VIEW seen AS SELECT %s AS v; DROP VIEW seen} ],
	[ qr/ALTER COLUMN t SET DEFAULT '/, q{ALTER TABLE plain ALTER COLUMN t SET DEFAULT %s, ADD CONSTRAINT c CHECK (t <> %s)} ],
	[ qr/CREATE FUNCTION f\(\) RETURNS text/, q{CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $f$SELECT %s$f$; DROP FUNCTION f()}, 'ssn' ],
	[ qr/CREATE TABLE copied AS SELECT/, q{CREATE TABLE copied AS SELECT %s AS v; DROP TABLE copied} ],
	[ qr/COMMENT ON TABLE plain IS '/, q{COMMENT ON TABLE plain IS %s} ],
	[ qr/CREATE POLICY own ON people/, q{CREATE POLICY own ON people USING (ssn = %s)} ],
	[ qr/CREATE TYPE kinds AS ENUM \('/, q{CREATE TYPE kinds AS ENUM (%s)}, 'ssn' ],
	[ qr/PARTITION OF parts FOR VALUES IN \('/, q{CREATE TABLE part_2 PARTITION OF parts FOR VALUES IN (%s)} ],
	[ qr/CREATE RULE r AS ON UPDATE/, q{CREATE RULE r AS ON UPDATE TO plain DO ALSO SELECT %s; DROP RULE r ON plain} ],
	[ qr/EXECUTE FUNCTION refused\('/, q{CREATE TRIGGER t BEFORE UPDATE ON plain EXECUTE FUNCTION refused(%s)} ],
	[ qr/SET TIME ZONE|application_name = '/, q{SET application_name = 'x'; SELECT set_config('a.b', %s, false)} ]);

# ---------------------------------------------------------------------------------------------------------------------
# Spelling

each_value('E strings', q{SELECT E'%v\n\'%v' AS escaped}, kind => 'ssn', shows => qr/SELECT '\.\.\.' AS escaped/);
each_value('U& strings', q{SELECT U&'\0041%v' AS escaped, U&'%v!0041' UESCAPE '!'}, kind => 'ssn', shows => qr/AS escaped/);
each_value('N strings, bit strings', q{SELECT N'%v' AS n, B'1', X'ff'}, kind => 'ssn', shows => qr/SELECT '\.\.\.' AS n, '\.\.\.'/);
each_value('strings in several lines', "SELECT 'a'\n  '%v'\n\t-- %v\n'%v' AS v", kind => 'ssn', shows => qr/SELECT '\.\.\.' AS v/);
each_value('dollar quotes', q{SELECT $$%v$$ AS one, $tag$%v $$%v$$ $tag$ AS two}, kind => 'ssn', shows => qr/SELECT '\.\.\.' AS one, '\.\.\.' AS two/);
each_value('comments', "SELECT 1 -- %v\n AS one /* %v /* %v */ %v */, 2 AS two --%v", kind => 'ssn', shows => qr/SELECT 1 \s*AS one\s*, 2 AS two/);
each_value('an address in comments', "SELECT 1 /* %v */ AS one -- %v", kind => 'email', shows => qr/SELECT 1\s+AS one/);
way('numbers', kind => 'ssn', shows => qr/SELECT \.\.\. AS n/, run => sub {
	my ($s, $c, @values) = @_;
	foreach my $value (@values)
	{
		(my $number = $value) =~ s/-//g;
		$s->query("SELECT $number AS n, -$number, ${number}::text");
	}
});
each_value('no quotes', 'SELECT id FROM people WHERE id = %v', kind => 'ssn', shows => qr/SELECT id FROM people WHERE id = \.\.\./);
each_value('no quotes around an address', 'SELECT id FROM people WHERE name = %v', kind => 'email', state => '42703',
	shows => qr/ERROR: .*\n(.*\n)*?.*SELECT id FROM people WHERE name = \.\.\./);
way('backslashes', kind => 'ssn', shows => qr/SELECT '\.\.\.' AS b, '\.\.\.' AS c/, run => sub {
	my ($s, $c, @values) = @_;
	$s->query("SET standard_conforming_strings = off; SET escape_string_warning = off");
	$s->query("SELECT 'a\\'$_\\\\' AS b, '\\\\\\'$_' AS c") foreach @values;
	$s->query("RESET standard_conforming_strings; RESET escape_string_warning");
});
each_value('double quotes', 'SELECT id FROM people WHERE ssn = %i', kind => 'ssn', state => '42703', shows => qr/column "\.\.\." does not exist/);
each_value('double quotes around an address', 'SELECT id FROM people WHERE name = %i', kind => 'email', state => '42703',
	shows => qr/column "\.\.\." does not exist/);
each_value('double quotes as other objects', $_, values => 1, kind => 'ssn', shows => qr/ERROR: /)
  foreach ('SELECT * FROM %i', 'FETCH FROM %i', 'ROLLBACK TO %i', 'EXECUTE %i', 'DROP SCHEMA %i', 'SET ROLE %i', 'SELECT %i()',
	'RELEASE %i', 'CLOSE %i', 'SET %i = 1', 'DEALLOCATE %i', 'CREATE EXTENSION %i', 'REINDEX DATABASE %i', 'SELECT 1::%i', 'LISTEN %i; SELECT x');
each_value('a long name in double quotes', 'SELECT 1 AS "%v, who lives somewhere in a place with a very long name"', kind => 'ssn',
	shows => qr/SELECT 1 AS "\.\.\."/);
way('a syntax error at each place of a statement', values => 4, kind => $_, state => '42601', shows => qr/ERROR: .*syntax error/, run => sub {
	my ($s, $c, @values) = @_;
	foreach my $value (@values)
	{
		my $statement = filled(q{INSERT INTO people (ssn, name) VALUES (%s, E'\'%v'), ($a$%v$a$, "%v") -- %v}, $value);
		$s->query('SELECT (' . substr($statement, 0, $_)) foreach 20 .. length $statement;
		$s->query("oops $statement");
	}
}) foreach qw(ssn email);
way('a syntax error at each place of names', values => 10, kind => 'name', state => '42601', shows => qr/ERROR: .*syntax error/, run => sub {
	my ($s, $c, @values) = @_;
	foreach my $value (@values)
	{
		my $statement = filled(q{INSERT INTO people (ssn, name) VALUES (%s, $a$%v$a$, E'x')}, $value);
		$s->query('SELECT (' . substr($statement, 0, $_)) foreach 20 .. length $statement;
	}
});
each_value('quotes that do not end', $_, values => 1, state => '42601', kind => 'ssn', shows => qr/ERROR: .*(unterminated|syntax error)/)
  foreach ("SELECT 'x%v", 'SELECT "x%v', 'SELECT $$%v', 'SELECT /* %v', 'SELECT $a$%v$b$', "SELECT E'%v\\'", "SELECT ''', %v", "SELECT 'a' '%v", "SELECT U&'%v");

# ---------------------------------------------------------------------------------------------------------------------
# Parameters

foreach my $format (qw(execute execute_binary))
{
	way("parameters, $format", values => 30, shows => qr/execute <unnamed>: INSERT INTO people \(id, ssn\)/, run => sub {
		my ($s, $c, @values) = @_;
		$s->$format('INSERT INTO people (id, ssn) SELECT 100000 + count(*), $1 FROM people', [ WireSession::TEXT ], map { [$_] } @values);
		$s->$format('SELECT id FROM people WHERE ssn = $1', [WireSession::UNKNOWN], map { [$_] } @values);
	});
	way("parameters that fail, $format", state => '22P02', shows => qr/ERROR: .*invalid input syntax.*\n(.*\n)*?.*SELECT \$1::text::int/, run => sub {
		my ($s, $c, @values) = @_;
		$s->$format('SELECT $1::text::int', [ WireSession::TEXT ], [$_]) foreach @values;
	});
	way("parameters of a statement that fails, $format", state => '22012', shows => qr/ERROR: .*division by zero/, run => sub {
		my ($s, $c, @values) = @_;
		$s->$format('SELECT 1 / (length($1) - length($1)), $2::text', [ WireSession::TEXT, WireSession::TEXT ], [ $_, $_ ]) foreach @values;
	});
}
way('parameters that are no numbers', state => '22P02', shows => qr/ERROR: .*invalid input syntax for type integer: "\.\.\."/, run => sub {
	my ($s, $c, @values) = @_;
	$s->execute('SELECT $1::int', [WireSession::UNKNOWN], [$_]) foreach @values;
});
way('literals and a parameter that fails', state => '22P02', shows => qr/SELECT id FROM people WHERE ssn = '\.\.\.' AND id = \$1/, run => sub {
	my ($s, $c, @values) = @_;
	$s->execute("SELECT id FROM people WHERE ssn = ${\literal($_)} AND id = \$1", [WireSession::UNKNOWN], ['x']) foreach @values;
});
way('a missing table', state => '42P01', shows => qr/relation "nobody" does not exist/, run => sub {
	my ($s, $c, @values) = @_;
	$s->execute("SELECT id FROM nobody WHERE ssn = ${\literal($_)} AND id = \$1", [WireSession::UNKNOWN], [$_]) foreach @values;
});

way('parameters, rows in pieces', shows => qr/execute fetch from <unnamed>: SELECT generate_series/, run => sub {
	my ($s, $c, @values) = @_;
	$s->execute_in_pieces("SELECT generate_series(1, 9), ${\literal($_)}, \$1", [ WireSession::TEXT ], [$_], 2, 4) foreach @values;
});
each_value('a long statement', 'SELECT %s AS one, length(' . "'x%v " . 'abc ' x 20_000 . "') AS two", kind => 'ssn', values => 2, shows => qr/SELECT '\.\.\.' AS one/);
each_value('a password', 'CREATE ROLE pg_temp_role PASSWORD %s; DROP ROLE pg_temp_role', state => '42939', kind => 'ssn', shows => qr/CREATE ROLE/);

require LogFailures;

1;

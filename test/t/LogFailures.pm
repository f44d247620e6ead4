# LogFailures adds to LogWays what fails, waits or tells by itself.

package LogFailures;

use strict;
use warnings;
use utf8;

use LogMarkers;
use WireSession;

BEGIN { *way = \&LogWays::way; *each_value = \&LogWays::each_value; *filled = \&LogWays::filled; }

# ---------------------------------------------------------------------------------------------------------------------
# Constraints

my $row = qr/DETAIL: .*Failing row contains \(\.\.\.\)/;
each_value('UNIQUE', "INSERT INTO keyed VALUES (%s, %s), (%s, %s)", state => '23505',
	shows => qr/DETAIL: .*Key \(key\)=\(\.\.\.\) already exists/);
each_value('UNIQUE, a new index', 'ROLLBACK; BEGIN; DELETE FROM plain; INSERT INTO people (id, ssn) SELECT 200000 + count(*), %s FROM people;
	INSERT INTO plain (t) VALUES (%s), (%s); CREATE UNIQUE INDEX ON plain (t)', state => '23505', shows => qr/DETAIL: .*Key \(t\)=\(\.\.\.\) is duplicated/);
each_value('NOT NULL', 'INSERT INTO strict VALUES (NULL, %s)', state => '23502', shows => $row);
each_value('CHECK', 'INSERT INTO strict VALUES (1, %s, %s)', state => '23514', shows => $row);
each_value('WITH CHECK OPTION', "INSERT INTO short VALUES (-1, %s)", state => '44000', shows => $row);
each_value('an exclusion', "ROLLBACK; BEGIN; ALTER TABLE strict DROP CONSTRAINT short; INSERT INTO strict VALUES (1, %s, %s), (1, 'x', %s)", state => '23P01',
	shows => qr/DETAIL: .*Key \(label\)=\(\.\.\.\) conflicts with existing key \(label\)=\(\.\.\.\)/);
each_value('a foreign key', 'INSERT INTO child VALUES (%s, %s)', state => '23503',
	shows => qr/DETAIL: .*Key \(key\)=\(\.\.\.\) is not present in table "keyed"/);
each_value('a foreign key, still referenced', "ROLLBACK; INSERT INTO keyed VALUES (%s, %s); INSERT INTO child VALUES (%s, %s); UPDATE child SET ssn = %s WHERE key = %s;
	BEGIN; INSERT INTO people (id, ssn) SELECT 300000 + count(*), %s FROM people; DELETE FROM keyed WHERE key = %s", state => '23503',
	shows => qr/DETAIL: .*Key \(key\)=\(\.\.\.\) is still referenced from table "child"/);
each_value('a partition', 'INSERT INTO parts VALUES (%s, %s)', state => '23514',
	shows => qr/DETAIL: .*Partition key of the failing row contains \(area\) = \(\.\.\.\)/);
each_value('a partition itself', 'INSERT INTO part VALUES (%s, %s)', state => '23514', shows => $row);
each_value('a domain', 'SELECT %s::short_ssn', state => '23514', shows => qr/ERROR: .*value for domain short_ssn/);
each_value('a trigger', 'INSERT INTO guarded VALUES (%s)', state => 'P0001', shows => qr/raised by a function \(ERROR\)(.*\n)*?.*PL\/pgSQL function refused\(\) line 1 at RAISE(.*\n)*?.*INSERT INTO guarded VALUES \('\.\.\.'\)/);

# ---------------------------------------------------------------------------------------------------------------------
# Input that fails

each_value("a cast to $_", "SELECT %s::$_, 1 AS one", values => 3, shows => qr/ERROR: .*\n(.*\n)*?.*SELECT '\.\.\.'::\Q$_\E, 1 AS one/)
  foreach ('int', 'bigint', 'numeric', 'float8', 'bool', 'date', 'timestamptz', 'interval', 'uuid', 'inet', 'macaddr', 'json', 'jsonb', 'jsonpath',
	'int[]', 'text[][]', 'point', 'polygon', 'int4range', 'people', 'bit', 'money', 'oid', 'pg_lsn', 'tid', 'regrole', 'regtype', 'datemultirange', 'tsquery', 'pii_blind_index');
each_value('JSON', q[SELECT '{"a": "b", "c": %v x}'::json], kind => 'ssn', shows => qr/ERROR: .*invalid input syntax for type json/);
each_value('JSON in lines', qq[SELECT '{"a": "b",\n%v x\n}'::jsonb], kind => 'ssn', state => '22P02', shows => qr/invalid input syntax for type json/);
each_value('JSON of an address', q[SELECT '{"a": "b", "c": %v}'::json], kind => 'email', state => '22P02', shows => qr/invalid input syntax for type json/);
each_value('JSON, a token in quotes', q[SELECT '{"a": "b" "%v"}'::json], kind => 'email', state => '22P02', shows => qr/invalid input syntax for type json/);
each_value('XML', q[SELECT '<a><b>%v</c></a>'::xml], kind => $_, shows => qr/ERROR: .*invalid XML content/) foreach qw(ssn email words);
each_value('XPath', q{SELECT xpath('//a[@b="%v"', '<a/>')}, kind => $_, shows => qr/ERROR: /) foreach qw(ssn email);
each_value('an array', q[SELECT '{%v,{"%v"'::int[]], kind => 'ssn', state => '22P02', shows => qr/malformed array literal: "\.\.\."/);
each_value('a record', q[SELECT ROW(1, 'x')::plain, '(%v'::plain], kind => 'ssn', state => '22P02', shows => qr/malformed record literal: "\.\.\."/);
each_value('a date out of range', q[SELECT '%v'::date], kind => 'ssn', shows => qr/ERROR: .*date/);
each_value('to_date', q[SELECT to_date(%s, 'MM-DD-YYYY'), to_timestamp(%s, 'Mon')], shows => qr/ERROR: .*\n(.*\n)*?.*SELECT to_date\('\.\.\.'/);
each_value('to_number', q[SELECT to_char(1, %s), to_number('', %s), '1'::text::numeric / 0, %s], shows => qr/ERROR: .*\n(.*\n)*?.*SELECT to_char/);
each_value('a regular expression', q[SELECT 'x' ~ ('(' || %s)], state => '2201B', shows => qr/ERROR: .*invalid regular expression/);
each_value('to_tsquery', q[SELECT to_tsquery('&' || %s || '&')], shows => qr/ERROR: .*syntax error in tsquery/);
each_value('decode', q[SELECT decode(%s, 'hex'), decode(%s, 'base64')], shows => qr/ERROR: .*\n(.*\n)*?.*SELECT decode\('\.\.\.'/);
each_value('convert_from', q[SELECT convert_from('\xff'::bytea || %s::bytea, 'UTF8')], kind => 'ssn', state => '22021', shows => qr/invalid byte sequence/);
each_value('set_config', q[SELECT set_config('work_mem', %s, false)], shows => qr/ERROR: .*invalid value for parameter "work_mem"/);
each_value('enum', q[SELECT %s::aggregates], kind => 'ssn', shows => qr/ERROR: /);
each_value('an enum value', q[CREATE TYPE pg_temp.mood AS ENUM ('ok'); SELECT %s::pg_temp.mood], values => 1, state => '22P02', shows => qr/invalid input value for enum/);
each_value('a value itself', q[WITH new AS (SELECT pii_seal(%s, 'ssn') AS v) SELECT pii_reveal(v)::int FROM new], state => '22P02',
	shows => qr/ERROR: .*invalid input syntax for type integer: "\.\.\."/);
each_value('an SQL function', q[SELECT to_number_of(%s)], state => '22P02', shows => qr/ERROR: .*invalid input syntax for type integer/);
each_value('an assignment', q[SELECT assigned(%s)], state => '22P02', shows => qr/CONTEXT|Context: .*PL\/pgSQL function assigned\(text\) line/i);
each_value('dynamic SQL', q[SELECT add_person(%s)], state => '23502', shows => qr/INSERT INTO people \(id, ssn\) VALUES \(NULL, '\.\.\.'\)/);
each_value('dynamic SQL with a syntax error', q[DO $a$ BEGIN EXECUTE 'SELECT 1 FROM FROM people WHERE ssn = ' || quote_literal(%s); END $a$], kind => 'ssn',
	state => '42601', shows => qr/SELECT 1 FROM FROM people WHERE ssn = '/);
each_value('a body that does not compile', q[DO $a$ BEGIN oops %s; END $a$], kind => 'ssn', state => '42601', shows => qr/DO '\.\.\.'/);
each_value('a masked value', q[INSERT INTO people (id, ssn, note) VALUES (-1, '***-**-1234', %s)], state => '22023', shows => qr/a masked value cannot be stored/);
each_value('malformed sealed text', q[INSERT INTO people (id, ssn) VALUES (-1, 'pii:v1:%v')], kind => 'ssn', state => '22P02', shows => qr/malformed sealed text/);

# ---------------------------------------------------------------------------------------------------------------------
# COPY FROM

sub copies
{
	my ($name, $sql, $line, %way) = @_;
	way("COPY, $name", %way, run => sub {
		my ($s, $c, @values) = @_;
		$s->copy_in(filled($sql, $_), ref $line ? $line->($_) : filled($line, $_)) foreach @values;
	});
	return;
}

my $line = qr/CONTEXT|Context: .*COPY people, line \d/i;
copies('a wrong number', 'COPY people (id, ssn) FROM STDIN', "%v\t%v\n", kind => 'ssn', state => '22P02', shows => qr/COPY people, line 1, column id/);
copies('a column too few', 'COPY people (ssn, id) FROM STDIN', "%v\n", kind => 'ssn', state => '22P04', shows => $line);
copies('a column too many', 'COPY people (id, ssn) FROM STDIN', "-5\t%v\t%v\n", kind => 'email', state => '22P04', shows => $line);
copies('NOT NULL', 'COPY people (id, ssn) FROM STDIN', "\\N\t%v\n", kind => 'email', state => '23502', shows => $line);
copies('CSV', 'COPY people (ssn, id, name) FROM STDIN (FORMAT csv)', sub { (my $v = $_[0]) =~ s/"/""/g; qq("$v",1\n) }, values => 10, kind => 'name',
	state => '22P04', shows => $line);
copies('CSV, lines within a value', 'COPY people (ssn, id) FROM STDIN (FORMAT csv)', qq("lives ""here""\nwhile %v, and\nCOPY x, line 1: %v"\n), values => 9,
	state => '22P04', kind => $_, shows => $line) foreach qw(ssn email words);
copies('CSV, a quote that does not end', 'COPY people (ssn, id) FROM STDIN (FORMAT csv)', qq("%v\n%v\n), kind => 'email', state => '22P04', shows => $line);
copies('CSV, another header', 'COPY people (id, ssn) FROM STDIN (FORMAT csv, HEADER match)', qq(id,%v\n), kind => 'ssn', state => '22P04', shows => $line);
copies('binary', 'COPY people (id, ssn) FROM STDIN (FORMAT binary)',
	sub { "PGCOPY\n\xff\r\n\0" . pack('NNnNN/a*n', 0, 0, 2, 0xFFFFFFFF, $_[0], 0xFFFF) }, kind => 'ssn', state => '23502', shows => $line);
copies('binary, cut short', 'COPY people (ssn, id) FROM STDIN (FORMAT binary)',
	sub { "PGCOPY\n\xff\r\n\0" . pack('NNnN/a*', 0, 0, 2, $_[0]) }, kind => 'ssn', state => '22P04', shows => $line, unseen => 1);
way('COPY, a plain table, then a failure', values => 3, state => '22P02', shows => qr/COPY plain, line 2, column id/, run => sub {
	my ($s, $c, @values) = @_;
	$s->copy_in('COPY plain FROM STDIN', "1\t$_\n$_\t$_\n") foreach grep { !/\n|\\/ } @values;
}, kind => 'ssn');
copies('WHERE', "COPY people (id, ssn) FROM STDIN WHERE ssn <> '%v'", "-7\t%v\n", values => 1, kind => 'ssn', shows => qr/COPY people \(id, ssn\) FROM STDIN WHERE ssn <> '\.\.\.'/);

# ---------------------------------------------------------------------------------------------------------------------
# What functions say

foreach my $level (qw(DEBUG LOG INFO NOTICE WARNING EXCEPTION))
{
	each_value("RAISE $level of a value", "DO \$a\$ DECLARE v pii_text(ssn) := %s; BEGIN RAISE $level 'the value %', v USING HINT = 'or ' || %s; END \$a\$",
		kind => 'ssn', state => $level eq 'EXCEPTION' ? 'P0001' : 'none',
		shows => qr/raised by a function \((?:$level|ERROR)(.*\n)*?.*DO '\.\.\.'/);
	each_value("RAISE $level of a literal", "DO \$a\$ BEGIN RAISE $level 'the value %', %s USING DETAIL = %s, HINT = %s; END \$a\$",
		kind => 'ssn', state => $level eq 'EXCEPTION' ? 'P0001' : 'none',
		shows => qr/raised by a function \((?:$level|ERROR)(.*\n)*?.*DO '\.\.\.'/);
}
each_value('RAISE before the value is sealed', q[DO $a$ DECLARE v text := %s; w pii_text(ssn); BEGIN RAISE LOG 'adding %', v; w := v; END $a$], kind => 'email',
	shows => qr/DO '\.\.\.'/);
each_value('ASSERT', q[DO $a$ BEGIN ASSERT false, 'not ' || %s; END $a$], kind => 'ssn', state => 'P0004', shows => qr/DO '\.\.\.'/);
each_value('RAISE with another SQLSTATE', q[DO $a$ BEGIN RAISE unique_violation USING MESSAGE = %s, DETAIL = %s; END $a$], kind => 'ssn', state => '23505', shows => qr/DO '\.\.\.'/);
each_value('STRICT with its parameters', q[DO $a$ #print_strict_params on
	DECLARE v text := %s; i int; BEGIN SELECT id INTO STRICT i FROM people WHERE ssn = v AND id = -1; END $a$], kind => 'ssn', state => 'P0002', shows => qr/DO '\.\.\.'/);

# ---------------------------------------------------------------------------------------------------------------------
# Waiting

sub wait_for_lock
{
	my ($c, $session) = @_;
	$c->{node}->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND pid = ${\$session->pid}")
	  or die 'the session does not wait for a lock';
	return;
}

way('a deadlock', values => 2, shows => qr/deadlock detected.*\n(.*\n)*?.*Process \d+: UPDATE locked SET ssn = '\.\.\.' WHERE id = \d\n.*Process \d+: UPDATE locked/, run => sub {
	my ($s, $c, @values) = @_;
	my $other = $c->{other};
	$s->query('BEGIN; UPDATE locked SET ssn = ssn WHERE id = 1');
	$other->query('BEGIN; UPDATE locked SET ssn = ssn WHERE id = 2');
	$s->begin(filled('UPDATE locked SET ssn = %s WHERE id = 2', $values[0]));
	wait_for_lock($c, $s);
	$other->begin(filled('UPDATE locked SET ssn = %s WHERE id = 1', $values[1]));
	my (undef, $error) = $other->finish;
	my (undef, $own_error) = $s->finish;
	die 'no deadlock' unless grep { defined && /^40P01/ } $error, $own_error;
	$_->query('ROLLBACK') foreach $s, $other;
	delete $s->{error_fields};
});
way('a wait for a lock', values => 1, shows => qr/still waiting for .*\n(.*\n)*?.*UPDATE locked SET ssn = '\.\.\.' WHERE id = 1/, run => sub {
	my ($s, $c, $value) = @_;
	$c->{other}->query('BEGIN; UPDATE locked SET ssn = ssn WHERE id = 1');
	$s->begin(filled('UPDATE locked SET ssn = %s WHERE id = 1', $value));
	wait_for_lock($c, $s);
	$c->{node}->poll_query_until('postgres', 'SELECT pg_sleep(0.05) IS NOT NULL');
	$c->{other}->query('ROLLBACK');
	$s->finish;
});
each_value('a timeout', q[SET statement_timeout = '5ms'; SELECT pg_sleep(60), %s], values => 2, state => '57014', shows => qr/SELECT pg_sleep\(60\), '\.\.\.'/);
way('a cancelled statement', values => 1, state => '57014', shows => qr/canceling statement due to user request/, run => sub {
	my ($s, $c, $value) = @_;
	$s->query('RESET statement_timeout');
	$s->begin(filled('SELECT pg_sleep(60), %s', $value));
	$c->{node}->poll_query_until('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = ${\$s->pid} AND wait_event = 'PgSleep'");
	$s->finish;
});
way('a session that is ended', values => 1, state => '57P01', shows => qr/terminating connection due to administrator command/, run => sub {
	my ($s, $c, $value) = @_;
	my $victim = WireSession->connected($c->{node}, dbname => $c->{dbname});
	$victim->begin(filled('SELECT pg_sleep(60), %s', $value));
	$c->{node}->poll_query_until('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ${\$victim->pid} AND wait_event = 'PgSleep'");
	eval { $victim->finish };
	$s->{error_fields} = $victim->error_fields;
});
each_value('temporary files', q[SET work_mem = '64kB'; SELECT count(*) FROM (SELECT %s, i FROM generate_series(1, 20000) AS i ORDER BY md5(i::text)) AS t; RESET work_mem], values => 2,
	shows => qr/temporary file: .*\n(.*\n)*?.*SELECT count\(\*\) FROM \(SELECT '\.\.\.', i/);
each_value('a parallel worker', q[SET force_parallel_mode = on; SELECT count(pii_reveal(ssn)::int) FROM people WHERE ssn = %s; RESET force_parallel_mode], values => 2,
	shows => qr/SELECT count\(pii_reveal\(ssn\)::int\)/);

each_value('messages that a parallel worker sends', q[SET client_min_messages = debug1; SET force_parallel_mode = on; SELECT assigned(%s); RESET client_min_messages; RESET force_parallel_mode],
	values => 2, state => '22P02', shows => qr/SELECT assigned\('\.\.\.'\)/);

# ---------------------------------------------------------------------------------------------------------------------
# auto_explain, node trees

foreach my $format (qw(text json yaml xml))
{
	way("auto_explain, $format", values => 12, shows => qr/plan:\n(.*\n)*?.*Seq Scan(.*\n)*?/, run => sub {
		my ($s, $c, @values) = @_;
		$s->query("SET auto_explain.log_format = $format");
		foreach my $value (@values)
		{
			$s->query(filled('SELECT id, %s FROM people WHERE ssn = %s AND id IN (SELECT id FROM people WHERE pii_reveal(note) LIKE %s ORDER BY name = %s)', $value));
			$s->query(filled('SELECT find_person(%s)', $value));
			$s->execute('SELECT id FROM people WHERE ssn = $1 AND note <> $1', [ WireSession::TEXT ], [$value]);
		}
		$s->query('RESET auto_explain.log_format');
	});
}
each_value('node trees', q[SET debug_print_parse = on; SET debug_print_rewritten = on; SET debug_print_plan = on; SELECT id FROM people WHERE pii_reveal(ssn) = %s],
	shows => qr/parse tree:.*\n(.*\n)*?.*plan:/);

1;

# pii_rewrap_column() moves the values of a column and their blind indexes to the primary versions while others read and write:
# in batches that stay when it is interrupted, around rows that others hold, and to the last one.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use RotatingServer;
use Test::More;
use WireSession;

local $SIG{ALRM} = sub { die "the test hangs\n" };
alarm 300;

my $node = RotatingServer->started('main', conf => "autovacuum = off\nmax_connections = 40\n");
my ($one, $two, $three) = map { WireSession->connected($node) } 1 .. 3;
my ($old, $new);

sub await_blocked
{
	my ($session) = @_;
	my $pid = $session->pid;
	$node->poll_query_until('postgres', "SELECT cardinality(pg_blocking_pids($pid)) > 0") or die "session $pid is not blocked";
	return;
}

sub outcome
{
	my ($rows, $error) = @_;
	return defined $error ? substr($error, 0, 5) : join ',', @$rows;
}

sub outcome_of
{
	my ($session, $sql) = @_;
	return outcome($session->query($sql));
}

# Tables that are filled before a rotation of the seal keys, and dropped before its end.
sub begin_rotation
{
	my ($ddl, $purpose) = @_;
	$node->safe_psql('postgres', $ddl);
	($old, $new) = $node->rotate($purpose // 'seal');
	return;
}

sub end_rotation
{
	my ($tables) = @_;
	$node->safe_psql('postgres', "DROP TABLE $tables CASCADE");
	$node->finish_rotation($_) foreach qw(seal blind_index);
	return;
}

sub versions_are
{
	my ($expected, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($table, $column) = ($params{table} // 'people', $params{column} // 'ssn');
	return $node->gives("SELECT string_agg(pii_key_version || ': ' || count, ', ' ORDER BY pii_key_version)
		FROM (SELECT pii_key_version($column), count(*) FROM $table GROUP BY 1) s", $expected, $name);
}

sub rewraps
{
	my ($expected, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, $moved, $messages) = $node->rewrap($params{table} // 'people', $params{column} // 'ssn', %params);
	return is("$status $moved $messages", "0 $expected ", $name);
}

sub filled
{
	my ($rows) = @_;
	return "CREATE TABLE people (id int PRIMARY KEY, ssn pii_text(ssn), touched int DEFAULT 0);
		INSERT INTO people SELECT i, '912-00-' || to_char(i, 'FM0000') FROM generate_series(1, $rows) i";
}

# ---------------------------------------------------------------------------------------------------------------------
# What is moved

begin_rotation(filled(1000));
rewraps('1000', 'a column');
versions_are("$new: 1000", 'all is of the new version');
$node->gives(q{SELECT count(*) FROM people WHERE pii_reveal(ssn) = '912-00-' || to_char(id, 'FM0000')}, '1000', 'no value has changed');
rewraps('0', 'again: nothing is left to do');
$node->safe_psql('postgres', 'INSERT INTO people VALUES (2000, NULL)');
rewraps('0', 'a NULL is of no version');
end_rotation('people');

# Half of them by somebody else, and batches of all sizes.
foreach my $batch (1, 7, 1_000_000)
{
	begin_rotation(filled(100));
	$node->safe_psql('postgres', 'UPDATE people SET ssn = pii_rewrap(ssn) WHERE id % 2 = 0');
	rewraps('50', "half of it, in batches of $batch", arguments => $batch);
	versions_are("$new: 100", "in batches of $batch");
	end_rotation('people');
}

# Generated columns and indexes, of the blind index keys alone, so that the values stay; and of both.
foreach my $purposes ([qw(blind_index)], [qw(seal blind_index)])
{
	my $name = join ' and ', @$purposes;
	$node->safe_psql('postgres', q{
		CREATE TABLE people (id int, name pii_text(name), part int,
			k pii_blind_index GENERATED ALWAYS AS (pii_blind_index(name)) STORED,
			first pii_blind_index GENERATED ALWAYS AS (pii_blind_index(name, 'initials')) STORED,
			words pii_blind_index[] GENERATED ALWAYS AS (pii_word_index(name)) STORED) PARTITION BY LIST (part);
		CREATE TABLE people_1 PARTITION OF people FOR VALUES IN (1);
		CREATE TABLE people_2 (words pii_blind_index[] GENERATED ALWAYS AS (pii_word_index(name)) STORED, part int, name pii_text(name), id int,
			first pii_blind_index GENERATED ALWAYS AS (pii_blind_index(name, 'initials')) STORED,
			k pii_blind_index GENERATED ALWAYS AS (pii_blind_index(name)) STORED);
		ALTER TABLE people ATTACH PARTITION people_2 FOR VALUES IN (2);
		CREATE INDEX by_expression ON people (pii_blind_index(name));
		CREATE INDEX by_second ON people (id, pii_blind_index(name, 'initials')) WHERE id > 50;
		CREATE INDEX by_hash ON people USING hash (pii_blind_index(name)); CREATE INDEX by_word ON people USING gin (words);
		INSERT INTO people SELECT i, CASE WHEN i % 10 > 0 THEN 'Maria Lopez' || i END, 1 + i % 2 FROM generate_series(1, 200) i});
	($old, $new) = $node->rotate($_) foreach @$purposes;
	my ($status, $moved, $messages) = $node->rewrap('people', 'name', arguments => '30');
	is("$status $moved", '0 180', "$name: all indexes of a partitioned table");
	like($messages, qr/\A\S+ NOTICE:  00000: index "by_hash" does not tell under which key versions its entries are\nHINT:  After a new version of the blind index keys: REINDEX INDEX CONCURRENTLY by_hash\.\n(?!.*NOTICE)/s,
		"$name: an index by hash cannot be looked into") or diag($messages);
	$node->gives(q{SELECT DISTINCT key_version FROM pii_column_status('people', 'name') WHERE kind = 'blind index' AND key_version IS NOT NULL}, $new, "$name: one version is left in them");
	$node->gives(q{SELECT DISTINCT pii_key_version(w) FROM people, unnest(words) w}, $new, "$name: and in the words");
	$node->gives(q{SELECT count(*) FROM people WHERE words @> pii_word_terms('maria', 'name')}, '180', "$name: words are found");
	$node->gives(q{SET enable_seqscan = off; SELECT id FROM people WHERE name = 'maria lopez77'}, '77', "$name: a row is found");
	is(($node->rewrap('people', 'name'))[1], 0, "$name: nothing is left to do");
	is(($node->rewrap('people_2', 'name'))[1], 0, "$name: nor in a partition");
	end_rotation('people');
}

# One partition, its parent without it, tables that inherit
begin_rotation(q{CREATE TABLE people (id int, ssn pii_text(ssn)) PARTITION BY LIST (id); CREATE TABLE people_1 PARTITION OF people FOR VALUES IN (1);
	CREATE TABLE people_2 PARTITION OF people FOR VALUES IN (2); INSERT INTO people SELECT 1 + i % 2, i::text FROM generate_series(1, 20) i;
	CREATE TABLE base (id int, ssn pii_text(ssn)); CREATE TABLE derived (more int) INHERITS (base); INSERT INTO base VALUES (1, 'a'); INSERT INTO derived VALUES (2, 'b', 1)});
rewraps('10', 'a partition', table => 'people_2');
versions_are("$old: 10, $new: 10", 'the other one is as it was');
rewraps('10', 'the rest of the partitions');
rewraps('2', 'tables that inherit', table => 'base');
versions_are("$new: 2", 'all of them', table => 'base');
end_rotation('people, base');

# A domain, no class, names that want quotes, values out of line, plaintext that is not sealed yet
begin_rotation(q{CREATE DOMAIN digits AS pii_text(ssn); CREATE SCHEMA "Odd Schema";
	CREATE TABLE "Odd Schema"."The ""Table" (gone int, "The Column" digits, note pii_text);
	ALTER TABLE "Odd Schema"."The ""Table" DROP gone;
	INSERT INTO "Odd Schema"."The ""Table" SELECT '912-00-0001', string_agg(md5(i::text), '') FROM generate_series(1, 1000) i, generate_series(1, 5) j GROUP BY j});
rewraps('5', 'a domain, and names that want quotes', table => '"Odd Schema"."The ""Table"', column => 'The Column');
rewraps('5', 'values out of line, without a class', table => '"Odd Schema"."The ""Table"', column => 'note');
versions_are("$new: 5", 'values out of line', table => '"Odd Schema"."The ""Table"', column => 'note');
$node->gives(q{SELECT count(DISTINCT md5(pii_reveal(note))) FROM "Odd Schema"."The ""Table"}, '1', 'are what they were');
end_rotation('"Odd Schema"."The ""Table"');

# ---------------------------------------------------------------------------------------------------------------------
# Rows that others hold

begin_rotation(filled(100));
my %locks = (10 => 'FOR UPDATE', 20 => 'FOR NO KEY UPDATE', 30 => 'FOR SHARE', 40 => 'FOR KEY SHARE');
$one->run('BEGIN');
$one->run("SELECT FROM people WHERE id = $_ $locks{$_}") foreach keys %locks;
$one->run('UPDATE people SET touched = 1 WHERE id = 50; DELETE FROM people WHERE id = 60');
$two->run("BEGIN; SELECT FROM people WHERE id = 30 FOR SHARE; SELECT FROM people WHERE id = 40 FOR KEY SHARE");
$three->begin(q{CALL pii_rewrap_column('people', 'ssn', 10)});
await_blocked($three);
$node->gives("SELECT count(*) FROM people WHERE pii_key_version(ssn) = $old", '6', 'all rows but those that others hold are moved');
is(outcome_of($one, 'UPDATE people SET touched = touched + 1 WHERE id = 1 RETURNING id'), '1', 'none of the others is locked meanwhile');
is(outcome_of($two, 'UPDATE people SET touched = touched + 1 WHERE id = 99 RETURNING id'), '99', 'by anybody');
$one->run('COMMIT');
await_blocked($three);
# By and by; it waits for one at a time.
ok($node->poll_query_until('postgres', "SELECT string_agg(id::text, ' ' ORDER BY id) FROM people WHERE pii_key_version(ssn) = $old", '30 40'),
	'those that are free by now are moved, too');
$two->run('ROLLBACK');
is(outcome($three->finish), 99, 'and in the end all that are there');
versions_are("$new: 99", 'none is left');
end_rotation('people');

# A row that others change all the time: one of them has it whenever another one lets go. The last one, so that nobody is faster.
begin_rotation(filled(20_000));
my @others = ($one, $two);
my $touch = 'BEGIN; UPDATE people SET touched = touched + 1 WHERE id = 20000';
$others[0]->run($touch);
$three->begin(q{CALL pii_rewrap_column('people', 'ssn')});
await_blocked($three);
my ($rounds, $waiting) = (10, $three->pid);
foreach (1 .. $rounds)
{
	$others[1]->begin($touch);
	await_blocked($others[1]);
	$others[0]->run('COMMIT');
	is(($others[1]->finish)[1], undef, 'another one changes the row');
	@others = reverse @others;
	$node->poll_query_until('postgres', "SELECT cardinality(pg_blocking_pids($waiting)) > 0 OR state = 'idle' FROM pg_stat_activity WHERE pid = $waiting");
}
$others[0]->run('COMMIT');
my ($rows, $error) = $three->finish;
is($error // $rows->[0], 20_000, 'a row that others change all the time');
versions_are("$new: 20000", 'is moved in the end');
$node->gives('SELECT touched FROM people WHERE id = 20000', $rounds + 1, 'and nothing of what they did is lost');
end_rotation('people');

# Two at once, and one that another one's foreign key locks
begin_rotation(filled(2000) . '; CREATE TABLE visits (id int, person int REFERENCES people); INSERT INTO visits SELECT i, i FROM generate_series(1, 2000) i');
$_->begin(q{CALL pii_rewrap_column('people', 'ssn', 50)}) foreach $one, $two;
my @moved = map { ($_->finish)[0][0] } $one, $two;
is($moved[0] + $moved[1], 2000, "two at once move every row once (@moved)");
end_rotation('people, visits');

# ---------------------------------------------------------------------------------------------------------------------
# Ends before the end: what was committed stays

my $pausing = q{CALL pii_rewrap_column('people', 'ssn', 100, '1 hour')};

sub await_moved
{
	$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM people WHERE pii_key_version(ssn) = $new") or die 'nothing is moved';
	return;
}

my %ends = (
	'a cancel' => [ '57014', sub { $node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $_[0]->pid . ')') } ],
	'an end of the session' => [ '57P01', sub { $node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $_[0]->pid . ')') } ],
	'a timeout' => [ '57014', sub { }, q{SET statement_timeout = '500ms'} ]);
foreach my $end (sort keys %ends)
{
	my ($sqlstate, $do, $before) = @{ $ends{$end} };
	begin_rotation(filled(1000));
	my $session = WireSession->connected($node);
	$session->run($before) if defined $before;
	$session->begin($pausing);
	await_moved();
	ok($node->poll_query_until('postgres', 'SELECT wait_event_type = \'Extension\' AND backend_xid IS NULL AND backend_xmin IS NULL
		FROM pg_stat_activity WHERE pid = ' . $session->pid), "$end: between two batches no transaction holds anything");
	$do->($session);
	($rows, $error) = eval { $session->finish };
	like($error // $@, qr/\A$sqlstate/, "$end: SQLSTATE");
	my $moved = $node->safe_psql('postgres', "SELECT count(*) FROM people WHERE pii_key_version(ssn) = $new");
	ok($moved > 0 && $moved < 1000, "$end: some are moved ($moved)");
	rewraps(1000 - $moved, "$end: the next call moves the rest");
	end_rotation('people');
}

# Things change between two batches.
sub meanwhile
{
	my ($change, $expected, $name, $column) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	begin_rotation(filled(1000));
	my $session = WireSession->connected($node);
	$session->begin(q{CALL pii_rewrap_column('people', 'ssn', 100, '2 s')});
	await_moved();
	ref $change ? $change->() : $node->safe_psql('postgres', $change);
	# It would pause for long.
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')') if $expected eq '57014';
	my ($rows, $error) = $session->finish;
	like($error // $rows->[0], $expected, $name);
	return;
}

meanwhile('DROP TABLE people', qr/\A42P01: table with OID \d+ was dropped/, 'the table is dropped meanwhile');
$node->finish_rotation('seal');
meanwhile('ALTER TABLE people DROP ssn', qr/\A42703: /, 'the column is dropped meanwhile');
end_rotation('people');

# ---------------------------------------------------------------------------------------------------------------------
# Progress

begin_rotation(filled(1000));
my (undef, undef, $messages) = $node->rewrap('people', 'ssn', arguments => q{100, '300 ms'});
like($messages, qr/NOTICE:  00000: rewrapped (?!1000)\d+ of 1000 rows, \d+ rows\/s, about \d+ s left/, 'it tells how far it is');
versions_are("$new: 1000", 'with pauses');
end_rotation('people');

# The table does not grow to its double.
begin_rotation(filled(20000));
my $size = $node->safe_psql('postgres', q{SELECT pg_relation_size('people')});
rewraps('20000', 'a larger table');
cmp_ok($node->safe_psql('postgres', q{SELECT pg_relation_size('people')}), '<', 1.3 * $size, 'grows by less than a third');
end_rotation('people');

# ---------------------------------------------------------------------------------------------------------------------
# Triggers and rules

begin_rotation(filled(10) . q{; CREATE TABLE seen (id int);
	CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (NEW.id); NEW.touched := 7; RETURN NEW; END $$;
	CREATE TRIGGER see BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION see()});
rewraps('10', 'a table with a trigger');
$node->gives('SELECT count(DISTINCT seen.id), count(seen.id), sum(touched) FROM seen JOIN people USING (id)', '10|10|70', 'the trigger saw each row once');
end_rotation('people, seen');

my $stays = qr/rows of relation "people" stay under old key versions\n.*HINT:  Look for a trigger/s;
my %obstacles = (
	'a trigger that skips the row' => [ 'RETURN NULL;', '55000', $stays ],
	'a trigger that restores the value' => [ 'NEW.ssn := OLD.ssn; RETURN NEW;', '55000', $stays ],
	'a trigger that refuses'       => [ q{RAISE EXCEPTION 'no' USING ERRCODE = 'P0009';}, 'P0009', qr/no/ ]);
foreach my $obstacle (sort keys %obstacles)
{
	my ($body, $sqlstate, $message) = @{ $obstacles{$obstacle} };
	begin_rotation(filled(10) . "; CREATE FUNCTION obstruct() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $body END \$\$;
		CREATE TRIGGER obstruct BEFORE UPDATE ON people FOR EACH ROW WHEN (OLD.id = 5) EXECUTE FUNCTION obstruct()");
	$node->fails(q{CALL pii_rewrap_column('people', 'ssn', 1)}, $sqlstate, $message, $obstacle);
	$node->safe_psql('postgres', 'ALTER TABLE people DISABLE TRIGGER obstruct');
	is(($node->rewrap('people', 'ssn'))[0], 0, "without $obstacle it ends");
	versions_are("$new: 10", "without $obstacle all are moved");
	$node->safe_psql('postgres', 'DROP FUNCTION obstruct() CASCADE');
	end_rotation('people');
}
begin_rotation(filled(10) . '; CREATE RULE instead AS ON UPDATE TO people DO INSTEAD NOTHING');
$node->fails(q{CALL pii_rewrap_column('people', 'ssn')}, '0A000', qr/a rule of relation "people" does something else instead of UPDATE/, 'a rule that does nothing instead');
end_rotation('people');

# ---------------------------------------------------------------------------------------------------------------------
# Where, by whom, with what

begin_rotation(filled(10) . '; CREATE VIEW seen AS SELECT * FROM people; CREATE TABLE plain (id int, note text)');
my $call = q{CALL pii_rewrap_column('people', 'ssn')};
my $no_block = qr/pii_rewrap_column\(\) commits its batches, and cannot run in a transaction block or a function\nHINT:  Call it outside of BEGIN/;
$node->fails("BEGIN; $call", '25001', $no_block, 'in a transaction block');
$node->fails("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS \$\$ DECLARE n bigint; BEGIN CALL pii_rewrap_column('people', 'ssn', 1, '0', n); END \$\$; SELECT f()", '25001', $no_block, 'in a function');
my @bad = (
	[ q{CALL pii_rewrap_column(NULL, 'ssn')}, '22023', qr/table, column, batch and pause must not be null/ ],
	[ q{CALL pii_rewrap_column('people', NULL)}, '22023', qr/must not be null/ ],
	[ q{CALL pii_rewrap_column('people', 'ssn', NULL)}, '22023', qr/must not be null/ ],
	[ q{CALL pii_rewrap_column('people', 'ssn', 1, NULL)}, '22023', qr/must not be null/ ],
	[ q{CALL pii_rewrap_column('people', 'ssn', 0)}, '22023', qr/batch must be at least 1/ ],
	[ q{CALL pii_rewrap_column('people', 'ssn', 1, '-1 s')}, '22023', qr/pause must be a time from 0 to 24 hours/ ],
	[ q{CALL pii_rewrap_column('people', 'ssn', 1, '1 month')}, '22023', qr/pause must be a time from 0 to 24 hours/ ],
	[ q{CALL pii_rewrap_column('people', 'ssn', 1, '25 hours')}, '22023', qr/pause must be a time from 0 to 24 hours/ ],
	[ q{CALL pii_rewrap_column('people', 'none')}, '42703', qr/column "none" of relation "people" does not exist/ ],
	[ q{CALL pii_rewrap_column('people', 'id')}, '42809', qr/column "id" of relation "people" is not of type pii_text/ ],
	[ q{CALL pii_rewrap_column('plain', 'note')}, '42809', qr/is not of type pii_text/ ],
	[ q{CALL pii_rewrap_column('none', 'ssn')}, '42P01', qr/relation "none" does not exist/ ],
	[ q{CALL pii_rewrap_column('seen', 'ssn')}, '42809', qr/"seen" is not a table|view/ ],
	[ qq{SET default_transaction_read_only = on; $call}, '25006', qr/read-only transaction/ ]);
$node->fails(@$_, "wrong: $_->[0]") foreach @bad;
versions_are("$old: 10", 'none of these has moved anything');
rewraps('10', 'all of it');
end_rotation('people, plain');
begin_rotation(filled(10));
$node->succeeds("DO \$\$ DECLARE n bigint; BEGIN CALL pii_rewrap_column('people', 'ssn', 1, '0', n); RAISE NOTICE '%', n; END \$\$", 'in a DO block that is no transaction block');
versions_are("$new: 10", 'a DO block moves all');
end_rotation('people');
foreach my $level ('repeatable read', 'serializable')
{
	begin_rotation(filled(10));
	$node->gives(qq{SET default_transaction_isolation = '$level'; $call}, '10', "in a session that is $level");
	end_rotation('people');
}

begin_rotation(filled(10) . q{;
	CREATE ROLE stranger LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE updater LOGIN; CREATE ROLE of_column LOGIN; CREATE ROLE owner LOGIN;
	GRANT SELECT ON people TO reader; GRANT SELECT, UPDATE ON people TO updater; GRANT SELECT (ssn), UPDATE (ssn) ON people TO of_column});
$node->fails($call, '42501', qr/permission denied for table people/, "without UPDATE: $_", user => $_) foreach qw(stranger reader);
rewraps('10', 'who may update the table, and reveal nothing', user => 'updater');
$node->safe_psql('postgres', 'ALTER TABLE people ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON people USING (id = 1)');
$node->fails($call, '42501', qr/row level security of relation "people" applies to you\nHINT:  Do it as the owner of the table\./, 'with row level security', user => 'updater');
rewraps('0', 'with row level security, a superuser');
$node->safe_psql('postgres', 'ALTER TABLE people OWNER TO owner; ALTER TABLE people FORCE ROW LEVEL SECURITY');
$node->fails($call, '42501', qr/row level security of relation "people" applies to you/, 'with row level security that is forced on the owner', user => 'owner');
my $forced = qr/row level security of relation "people" applies to role "owner"\nHINT:  Do it as a role that it does not apply to\./;
$node->fails($call, '42501', $forced, 'with row level security that is forced on the owner, a superuser');
$node->safe_psql('postgres', 'ALTER TABLE people NO FORCE ROW LEVEL SECURITY');
rewraps('0', 'with row level security, the owner', user => 'owner');
end_rotation('people');

# ---------------------------------------------------------------------------------------------------------------------
# As whom

begin_rotation(filled(10) . q{; GRANT SELECT, UPDATE ON people TO updater; GRANT SELECT (ssn), UPDATE (ssn) ON people TO of_column});
$node->fails($call, '42501', qr/permission denied for table people/, 'who may not read the places of the rows', user => 'of_column');
$node->safe_psql('postgres', 'GRANT SELECT (ctid) ON people TO of_column');
rewraps('10', 'who may read them and the column', user => 'of_column');
end_rotation('people');

begin_rotation(q{CREATE TABLE people (id int, ssn pii_text(ssn), k pii_blind_index GENERATED ALWAYS AS (pii_blind_index(ssn)) STORED);
	INSERT INTO people (id, ssn) VALUES (1, 'x'); GRANT SELECT, UPDATE ON people TO updater; ALTER TABLE people OWNER TO owner});
foreach my $role (qw(updater owner))
{
	$node->fails($call, '42501', qr/role "$role" may not search values of class ssn/, "a blind index without SEARCH: $role", user => $role);
	$node->safe_psql('postgres', "SELECT pii_grant('$role', 'ssn', 'SEARCH')");
	rewraps('1', "a blind index with SEARCH: $role", user => $role);
	$node->rotate('seal');
}
end_rotation('people');

# Each partition asks for rights of its own, if there is anything to move, and may have another owner.
begin_rotation(q{CREATE SCHEMA parts; CREATE TABLE people (id int, ssn pii_text(ssn)) PARTITION BY LIST (id); CREATE TABLE people_1 PARTITION OF people FOR VALUES IN (1);
	CREATE TABLE parts.people_2 PARTITION OF people FOR VALUES IN (2); CREATE TABLE people_3 PARTITION OF people FOR VALUES IN (3);
	INSERT INTO people SELECT 1 + i % 2, i::text FROM generate_series(1, 20) i; GRANT UPDATE (ssn) ON people TO updater; ALTER TABLE people OWNER TO owner});
foreach my $role (qw(updater owner))
{
	$node->fails($call, '42501', qr/permission denied for table people_1/, "no rights on a partition: $role", user => $role);
	$node->safe_psql('postgres', "GRANT UPDATE (ssn) ON people_1 TO $role");
	$node->fails($call, '42501', qr/permission denied for table people_1/, "UPDATE on a partition, and not SELECT: $role", user => $role);
	$node->safe_psql('postgres', "GRANT SELECT ON people_1 TO $role");
	$node->fails($call, '42501', qr/permission denied for schema parts/, "no rights on the schema of another one: $role", user => $role);
	$node->safe_psql('postgres', "GRANT USAGE ON SCHEMA parts TO $role; GRANT SELECT, UPDATE (ssn) ON parts.people_2 TO $role");
	rewraps('10', "what those before it have left: $role", user => $role);
	$node->rotate('seal');
}
$node->safe_psql('postgres', 'ALTER TABLE people_1 ENABLE ROW LEVEL SECURITY');
my $of_partition = qr/row level security of relation "people_1" applies to role "updater"\nHINT:  Do it as a role that it does not apply to\./;
$node->fails($call, '42501', $of_partition, 'row level security of a partition', user => 'updater');
end_rotation('people');

# What the owner's code names without a schema is found by the search_path of the caller: his own functions run as himself, and he gains
# nothing by them.
begin_rotation(q{CREATE ROLE hijacker LOGIN; CREATE ROLE member LOGIN IN ROLE owner; CREATE ROLE lone_member LOGIN NOINHERIT IN ROLE owner;
	CREATE SCHEMA hijack AUTHORIZATION hijacker; GRANT USAGE ON SCHEMA hijack TO PUBLIC; ALTER ROLE hijacker SET search_path = hijack, public;
	CREATE TABLE seen (place text, what text, who text DEFAULT current_user); GRANT INSERT ON seen TO PUBLIC;
	CREATE FUNCTION note(place text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (place, 'own'); RETURN true; END $$;
	CREATE FUNCTION hijack.note(place text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (place, 'hijacked'); RETURN true; END $$;
	CREATE FUNCTION look(place text, id int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN note(place); END $$;
	CREATE FUNCTION note_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM note(TG_NAME); RETURN NEW; END $$;
	CREATE TABLE people (id int, ssn pii_text(ssn), looked bool GENERATED ALWAYS AS (look('generated', id)) STORED, CHECK (look('check', id)));
	CREATE INDEX ON people (look('index', id)) WHERE ssn IS NOT NULL;
	CREATE TRIGGER before BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION note_trigger();
	CREATE CONSTRAINT TRIGGER deferred AFTER UPDATE ON people DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_trigger();
	GRANT SELECT, UPDATE ON people TO hijacker, lone_member; ALTER TABLE people OWNER TO owner; INSERT INTO people SELECT i, i::text FROM generate_series(1, 10) i});

sub runs_as
{
	my ($expected, $name, %params) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->safe_psql('postgres', 'TRUNCATE seen');
	rewraps('10', $name, %params);
	$node->gives(q{SELECT string_agg(DISTINCT place, ' ' ORDER BY place), string_agg(DISTINCT what || ' ' || who, ', ') FROM seen},
		"before check deferred generated index|$expected", "$name: as whom");
	$node->rotate('seal');
	return;
}

runs_as('hijacked hijacker', 'who is not the owner', user => 'hijacker');
runs_as('own lone_member', 'a member of the owner who does not inherit his rights', user => 'lone_member');
runs_as('own owner', 'the owner', user => 'owner');
runs_as('own owner', 'a member of the owner', user => 'member');
runs_as('own owner', 'a superuser');

# Nor does the owner gain by a superuser: nothing of his code is left to run with more than his rights.
$node->safe_psql('postgres', q{CREATE TABLE side (id int); GRANT INSERT ON side TO owner; TRUNCATE seen;
	CREATE CONSTRAINT TRIGGER side AFTER INSERT ON side DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_trigger();
	CREATE OR REPLACE FUNCTION note_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (TG_NAME, 'own'); RETURN NEW; END $$;
	DROP TRIGGER before ON people; DROP TRIGGER deferred ON people});
my %leaves = (
	'a deferred trigger of another table' => [ 'INSERT INTO side VALUES (1)' ],
	'a setting' => [ q{PERFORM set_config('search_path', 'hijack', false)} ],
	'a trigger that it defers' => [ 'SET CONSTRAINTS ALL DEFERRED; INSERT INTO side VALUES (1)', qr/cannot fire deferred trigger/ ],
	'a temporary table' => [ 'CREATE TEMP TABLE people (id int)', qr/cannot create temporary table/ ]);
foreach my $leave (sort keys %leaves)
{
	my ($does, $error) = @{ $leaves{$leave} };
	$node->safe_psql('postgres', "CREATE OR REPLACE FUNCTION note(place text) RETURNS bool LANGUAGE plpgsql AS \$\$ BEGIN $does; RETURN true; END \$\$");
	if (defined $error) { $node->fails($call, '42501', $error, "the owner's code leaves $leave"); next }
	$node->gives("$call; SHOW search_path", qq{10\n"\$user", public}, "the owner's code leaves $leave");
	$node->rotate('seal');
}
$node->gives(q{SELECT DISTINCT who FROM seen WHERE place = 'side'}, 'owner', 'a deferred trigger of another table runs as the owner');
end_rotation('people, seen, side');

$_->quit foreach $one, $two, $three;
$node->stop;
done_testing();

# While the keys of blind indexes rotate, UNIQUE stays UNIQUE: whatever statement writes, at whichever step of the rotation, an
# equal value is refused, and ON CONFLICT finds the row that it is about. src/pg/index_version.h says by which rules.

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

my $node = RotatingServer->started('main', allows_streaming => 'logical', conf => "autovacuum = off\nmax_connections = 60\n");

my ($old, $new);    # the versions of a rotation

sub connect_session { return WireSession->connected($node, @_); }

# Waits until a session is held up by another one.
sub await_blocked
{
	my ($session) = @_;
	my $pid = $session->pid;
	$node->poll_query_until('postgres', "SELECT cardinality(pg_blocking_pids($pid)) > 0") or die "session $pid is not blocked";
	return;
}

# The SQLSTATE that a query ended with; its rows, when it went well.
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

# Entries of the blind indexes of a column that are of one version; of one that has most.
sub index_rows
{
	my ($table, $version) = @_;
	return $node->safe_psql('postgres', qq{SELECT coalesce(max(rows), 0)
		FROM (SELECT sum(rows) AS rows FROM pii_column_status('$table', 'email')
			WHERE kind = 'blind index' AND key_version = $version AND name NOT LIKE '%\\_v$new' GROUP BY name) s});
}

# What pii_rewrap_column() warns of is done, as its hint says.
sub make_guard
{
	my ($table, $column, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, undef, $messages) = $node->rewrap($table, $column);
	my $guard = $node->guard_in($messages);
	return fail("$name: no hint in: $messages") unless $status == 0 && defined $guard;
	return $node->succeeds($guard, $name);
}

# ---------------------------------------------------------------------------------------------------------------------
# Every shape of a unique index, at every step of a rotation, by every kind of statement

my $key = 'k pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED';
my $columns = 'id int, part int, is_active boolean DEFAULT true, touched int DEFAULT 0, note text';
my %shapes = (
	generated   => { ddl => "CREATE TABLE %s ($columns, email pii_text(email), $key UNIQUE)", target => '(k)' },
	primary_key => { ddl => "CREATE TABLE %s ($columns, email pii_text(email), $key PRIMARY KEY)", target => '(k)' },
	expression  => {
		ddl => "CREATE TABLE %s ($columns, email pii_text(email)); CREATE UNIQUE INDEX ON %1\$s (pii_blind_index(email))",
		target => '(pii_blind_index(email))' },
	several_columns => { ddl => "CREATE TABLE %s ($columns, email pii_text(email), $key, UNIQUE (part, k))", target => '(part, k)' },
	second_expression => {
		ddl => "CREATE TABLE %s ($columns, email pii_text(email)); CREATE UNIQUE INDEX ON %1\$s ((part + 1), pii_blind_index(email))",
		target => '((part + 1), pii_blind_index(email))' },
	partial => {
		ddl => "CREATE TABLE %s ($columns, email pii_text(email), $key); CREATE UNIQUE INDEX ON %1\$s (k) WHERE is_active",
		target => '(k) WHERE is_active' },
	nulls => { ddl => "CREATE TABLE %s ($columns, email pii_text(email), $key, UNIQUE NULLS NOT DISTINCT (note, k))", target => '(note, k)' },
	including => { ddl => "CREATE TABLE %s ($columns, email pii_text(email), $key, UNIQUE (k) INCLUDE (id))", target => '(k)' },
	deferred => { ddl => "CREATE TABLE %s ($columns, email pii_text(email), $key UNIQUE DEFERRABLE INITIALLY DEFERRED)" },
	domain => { ddl => "CREATE TABLE %s ($columns, email mail, $key UNIQUE)", target => '(k)' },
	classless => { ddl => "CREATE TABLE %s ($columns, email pii_text, $key UNIQUE)", target => '(k)', same => '%s' },
	transformed => {
		ddl => "CREATE TABLE %s ($columns, email pii_text(email)); CREATE UNIQUE INDEX ON %1\$s (pii_blind_index(email, 'local'))",
		target => q{(pii_blind_index(email, 'local'))}, same => 'e%d@example.com' },
	partitioned => {
		ddl => "CREATE TABLE %s (part int, $columns) PARTITION BY LIST (part)", target => '(part, k)' },
	partitioned_by_expression => { target => '(part, pii_blind_index(email))' },
	triggered => { ddl => "CREATE TABLE %s ($columns, email pii_text(email), $key UNIQUE)", target => '(k)' });

# Partitions have their columns in other orders.
my $by_part = "CREATE TABLE %s (id int, part int, is_active boolean DEFAULT true, touched int DEFAULT 0, note text, email pii_text(email)%s)
	PARTITION BY LIST (part);
	CREATE TABLE %1\$s_1 PARTITION OF %1\$s FOR VALUES IN (1);
	CREATE TABLE %1\$s_2 (gone int, email pii_text(email), note text, touched int DEFAULT 0, part int, is_active boolean DEFAULT true, id int%2\$s);
	ALTER TABLE %1\$s_2 DROP gone; ALTER TABLE %1\$s ATTACH PARTITION %1\$s_2 FOR VALUES IN (2);";
$shapes{partitioned}{ddl} = sprintf $by_part . 'ALTER TABLE %1$s ADD UNIQUE (part, k)', '%1$s', ", $key";
$shapes{partitioned_by_expression}{ddl} =
  sprintf $by_part . 'CREATE UNIQUE INDEX ON %1$s (part, pii_blind_index(email))', '%1$s', '';

my @shapes = sort keys %shapes;
my $rows = 6;

$node->safe_psql('postgres', q{
	CREATE DOMAIN mail AS pii_text(email);
	CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email := NEW.email; NEW.note := NEW.note; RETURN NEW; END $$;
	CREATE FUNCTION insert_into(to_table regclass, id int, part int, email text) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN EXECUTE format('INSERT INTO %s (id, part, email) VALUES ($1, $2, $3)', to_table) USING id, part, email; END $$});
foreach my $shape (@shapes)
{
	my $ddl = sprintf $shapes{$shape}{ddl}, $shape;
	$node->safe_psql('postgres', qq{$ddl;
		INSERT INTO $shape (id, part, email) SELECT i, 2 - i % 2, 'e' || i || '\@example.org' FROM generate_series(1, $rows) i;
		CREATE FUNCTION insert_into_$shape(id int, part int, email text) RETURNS void LANGUAGE plpgsql AS \$\$
			BEGIN INSERT INTO $shape (id, part, email) VALUES (id, part, email); END \$\$});
	$node->safe_psql('postgres', "CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON $shape FOR EACH ROW EXECUTE FUNCTION touch()")
	  if $shape eq 'triggered';
	$shapes{$shape}{session} = connect_session();
	$shapes{$shape}{session}->run('SET plan_cache_mode = force_generic_plan');
}

# Statements that write the value of row $i again: [statement, what must come of it].
sub writes_again
{
	my ($shape, $i) = @_;
	my $part = 2 - $i % 2;
	my $other = $i <= 2 ? $i + 2 : $i - 2;
	my $value = sprintf $shapes{$shape}{same} // 'E%d@Example.ORG', $i;
	$value = "e$i\@example.org" if $shape eq 'classless';
	my $target = $shapes{$shape}{target};
	my $insert = "INSERT INTO $shape (id, part, email) VALUES (100, $part, '$value')";
	my @statements = (
		[ $insert, '23505' ],
		[ "INSERT INTO $shape (id, part, email) VALUES (100, $part, 'new\@x'), (101, $part, '$value')", '23505' ],
		[ "INSERT INTO $shape (id, part, email) SELECT 100, $part, '$value' FROM generate_series(1, 1)", '23505' ],
		[ "UPDATE $shape SET email = '$value' WHERE id = $other", '23505' ],
		[ "MERGE INTO $shape t USING (VALUES (100)) v (id) ON t.id = v.id
			WHEN NOT MATCHED THEN INSERT (id, part, email) VALUES (100, $part, '$value')", '23505' ],
		[ "MERGE INTO $shape t USING (VALUES ($other)) v (id) ON t.id = v.id WHEN MATCHED THEN UPDATE SET email = '$value'", '23505' ],
		[ "WITH w AS ($insert RETURNING id) SELECT id FROM w", '23505' ],
		[ "SELECT insert_into('$shape', 100, $part, '$value')", '23505' ],
		[ "SELECT insert_into_$shape(100, $part, '$value')", '23505' ],
		[ "EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) $insert", '23505' ],
		[ "COPY $shape (id, part, email) FROM STDIN", '23505', "100\t$part\t$value\n" ],
		[ "UPDATE $shape SET email = email, touched = touched WHERE id = $i RETURNING id", $i ],
		[ "UPDATE $shape SET touched = touched + 1 WHERE id = $i RETURNING id", $i ]);
	push @statements, [ "$insert ON CONFLICT DO NOTHING RETURNING id", '' ] if $shape ne 'deferred';
	push @statements,
	  [ "$insert ON CONFLICT $target DO NOTHING RETURNING id", '' ],
	  [ "$insert ON CONFLICT $target DO UPDATE SET touched = $shape.touched + 1 RETURNING id", $i ],
	  [ "$insert ON CONFLICT $target DO UPDATE SET email = excluded.email RETURNING id", $i ],
	  [ "INSERT INTO $shape (id, part, email) VALUES (100, $part, '$value'), (101, $part, 'new\@x')
		ON CONFLICT $target DO UPDATE SET touched = $shape.touched + 1 RETURNING id", "$i,101" ],
	  [ "INSERT INTO $shape (id, part, email) VALUES (100, $part, '$value'), (101, $part, '$value')
		ON CONFLICT $target DO UPDATE SET touched = $shape.touched + 1 RETURNING id", '21000' ],
	  [ "INSERT INTO $shape (id, part, email) VALUES (100, $part, 'new\@x'), (101, $part, '$value'), (102, $part, 'new\@x')
		ON CONFLICT $target DO NOTHING RETURNING id", '100' ]
	  if defined $target;
	push @statements, [ "INSERT INTO ${shape}_$part (id, part, email) VALUES (100, $part, '$value')", '23505' ],
	  [ "INSERT INTO ${shape}_$part (id, part, email) VALUES (100, $part, '$value')
		ON CONFLICT $target DO UPDATE SET touched = 1 RETURNING id", $i ],
	  [ "UPDATE $shape SET email = '$value', part = $part WHERE id = $i + 1", '23505' ]
	  if $shape =~ /partitioned/;
	foreach my $prepared (@{ $shapes{$shape}{prepared} })
	{
		push @statements, [ "EXECUTE insert_$prepared($part, '$value')", '23505' ];
		push @statements, [ "EXECUTE update_$prepared('$value', $other)", '23505' ];
		push @statements, [ "EXECUTE upsert_$prepared($part, '$value')", $i ] if defined $target;
	}
	return @statements;
}

# The same in a WITH that the main query does not read, which PostgreSQL runs when that has ended.
sub writes_again_at_the_end
{
	my ($shape, $i) = @_;
	my @statements;
	foreach my $case (writes_again($shape, $i))
	{
		my ($statement, $expected) = @$case;
		next unless $statement =~ /\A(?:INSERT|UPDATE)/ && $statement !~ /RETURNING/ || $statement =~ /\AINSERT.*DO UPDATE SET touched/;
		push @statements, [ "WITH w AS ($statement) SELECT 1", $expected =~ /\A\d{5}\z/ ? $expected : '1' ];
	}
	return @statements;
}

# What came of a statement that is undone again.
sub tried
{
	my ($session, $statement, $data) = @_;
	$session->run('BEGIN');
	my $outcome = outcome(defined $data ? $session->copy_in($statement, $data) : $session->query($statement));
	# A constraint that is deferred speaks now.
	$outcome = outcome_of($session, 'SET CONSTRAINTS ALL IMMEDIATE') || $outcome if $outcome !~ /\A\d{5}\z/;
	$session->run('ROLLBACK');
	return $outcome;
}

sub wrong_outcomes
{
	my ($session, @cases) = @_;
	my @wrong;
	foreach my $case (@cases)
	{
		my ($statement, $expected, $data) = @$case;
		my $outcome = tried($session, $statement, $data);
		push @wrong, "$statement: $outcome, not $expected" if $outcome ne $expected;
	}
	return join "\n", @wrong;
}

# At this step all shapes refuse what is there already, and write new values under `$version`.
sub holds
{
	my ($step, $version) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $shape (@shapes)
	{
		my $session = $shapes{$shape}{session};
		is(wrong_outcomes($session, map { writes_again($shape, $_) } 1, 2, 4, 5), '',
			"$step, $shape: values that are there are refused, or found");
		is(wrong_outcomes($session, map { writes_again_at_the_end($shape, $_) } 1, 4), '', "$step, $shape: at the end of a query, too");
		my $has_key = $shapes{$shape}{ddl} =~ /GENERATED/;
		$session->run('BEGIN');
		$session->run("INSERT INTO $shape (id, part, email) VALUES (200, 1, 'fresh1\@x'); SELECT insert_into_$shape(201, 1, 'fresh2\@x')");
		my ($before, $after) = $has_key ? $session->run("SELECT pii_key_version(k) FROM $shape WHERE id >= 200") : ($version, $version);
		is("$before $after", "$version $version", "$step, $shape: a new value is written under version $version");
		is(outcome_of($session, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM $shape WHERE email IN ('fresh1\@x', 'e1\@example.org', 'e5\@example.org')"),
			'1 5 200', "$step, $shape: and found");
		$session->run('ROLLBACK');
	}
	return;
}

sub prepare_all
{
	my ($name) = @_;
	foreach my $shape (@shapes)
	{
		my $target = $shapes{$shape}{target};
		$shapes{$shape}{session}->run(qq{
			PREPARE insert_$name(int, text) AS INSERT INTO $shape (id, part, email) VALUES (100, \$1, \$2);
			PREPARE update_$name(text, int) AS UPDATE $shape SET email = \$1 WHERE id = \$2});
		$shapes{$shape}{session}->run(qq{
			PREPARE upsert_$name(int, text) AS INSERT INTO $shape (id, part, email) VALUES (100, \$1, \$2)
				ON CONFLICT $target DO UPDATE SET touched = $shape.touched + 1 RETURNING id}) if defined $target;
		push @{ $shapes{$shape}{prepared} }, $name;
	}
	return;
}

($old) = $node->versions('blind_index');
prepare_all('before');
holds('before', $old);
$new = $node->add_version('blind_index');
$node->reload_keyring;
holds('a version added', $old);
$node->promote_version('blind_index', $new);
$node->reload_keyring;
holds('promoted', $old);
prepare_all('promoted');
foreach my $shape (@shapes)
{
	my ($status, $out, $messages) = $node->rewrap($shape, 'email');
	is("$status $out", '0 0', "promoted, $shape: a rewrap moves nothing");
	like($messages, qr/WARNING:  01000: unique index "\w+" stays on version $old of the blind index keys\n/, "promoted, $shape: and says why");
	$shapes{$shape}{guard} = $node->guard_in($messages);
	$node->succeeds($shapes{$shape}{guard}, "promoted, $shape: the guard of the hint can be made");
}
holds('guarded', $new);
prepare_all('guarded');
foreach my $shape (@shapes)
{
	$node->succeeds("UPDATE $shape SET email = pii_rewrap(email) WHERE id <= $rows / 2", "half of the rows of $shape are moved");
	is(join(' ', map { index_rows($shape, $_) } $old, $new), '3 3', "half of the rows of $shape are of each version")
	  if $shapes{$shape}{ddl} =~ /GENERATED/;
}
holds('half moved', $new);
foreach my $shape (@shapes)
{
	my ($status, $out, $messages) = $node->rewrap($shape, 'email', arguments => '2');
	like("$status $out $messages", qr/\A0 [36] \z/, "$shape: a rewrap moves the other half, and has nothing to say");
	is(index_rows($shape, $old), 0, "$shape: none is left of the old version");
}
holds('moved', $new);
is($node->finish_rotation('blind_index') =~ /^.*WARNING.*$/m ? $& : '', '', 'the old version is disabled without a warning');
holds('old version disabled', $new);
foreach my $shape (@shapes)
{
	my ($guard) = $shapes{$shape}{guard} =~ /INDEX (?:CONCURRENTLY )?(\S+) ON/;
	$node->succeeds("DROP INDEX $guard", "the guard of $shape can be dropped");
}
holds('guard dropped', $new);
foreach my $shape (@shapes)
{
	$node->gives("SELECT count(*), count(DISTINCT pii_reveal(email)) FROM $shape", "$rows|$rows", "$shape: all rows are there, once");
	$shapes{$shape}{session}->quit;
	$node->safe_psql('postgres', "DROP TABLE $shape");
}


# ---------------------------------------------------------------------------------------------------------------------
# From here on: tables of their own, filled before a rotation, and dropped before its end

sub begin_rotation
{
	my ($ddl) = @_;
	$node->safe_psql('postgres', $ddl);
	($old, $new) = $node->rotate('blind_index');
	return;
}

sub end_rotation
{
	my (@tables) = @_;
	$node->safe_psql('postgres', 'DROP TABLE ' . join(', ', @tables));
	$node->finish_rotation('blind_index');
	return;
}

my $people = "CREATE TABLE people (id int, email pii_text(email), $key UNIQUE, touched int)";
my $filled = "$people; INSERT INTO people SELECT i, 'e' || i FROM generate_series(1, 6) i";

sub guard_people
{
	$node->safe_psql('postgres', "CREATE UNIQUE INDEX guard ON people (pii_blind_index(email, 'exact', $new))");
	return;
}

sub versions_are
{
	my ($table, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return $node->gives("SELECT string_agg(DISTINCT pii_key_version(k)::text, ',') FROM $table", $expected, $name);
}

# ---------------------------------------------------------------------------------------------------------------------
# A statement that is running while another version is promoted keeps to its version

my ($one, $two, $three) = map { connect_session() } 1 .. 3;

$node->safe_psql('postgres', q{
	CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.id = 11 THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
			RETURN NEW;
		END $$;
	CREATE TABLE source (id int, email text)});
my $rows_from_10 = "SELECT 10 + i, 'new' || i FROM generate_series(0, 2) i";
my %running = (
	'INSERT' => "INSERT INTO people SELECT id, email FROM source ORDER BY id",
	'COPY'   => 'COPY people (id, email) FROM STDIN',
	'MERGE'  => "MERGE INTO people USING source ON people.id = source.id WHEN NOT MATCHED THEN INSERT (id, email) VALUES (source.id, source.email)",
	'UPDATE' => "UPDATE people SET email = source.email, id = source.id FROM source WHERE people.id + 10 = source.id",
	'WITH'   => "WITH w AS (INSERT INTO people SELECT id, email FROM source ORDER BY id) SELECT 1",
	'function' => 'SELECT insert_source()');
my $copy_data = join '', map { my $i = 10 + $_; "$i\tnew$_\n" } 0 .. 4;
$node->safe_psql('postgres', q{INSERT INTO source SELECT 10 + i, 'new' || i FROM generate_series(0, 4) i;
	CREATE FUNCTION insert_source() RETURNS void LANGUAGE plpgsql AS $$
		DECLARE s source; BEGIN FOR s IN SELECT * FROM source ORDER BY id LOOP INSERT INTO people SELECT s.*; END LOOP; END $$});

# Begins a statement and has it wait at its second row. COPY gets its data beforehand.
sub begin_held
{
	my ($way, $data) = @_;
	$two->run('SELECT pg_advisory_lock(1)');
	$one->{copy_data} = $data if defined $data;
	$one->begin($running{$way});
	if (defined $data)
	{
		# The message that asks for data.
		my ($type) = $one->_read_message;
		die "no COPY but $type" unless $type eq 'G';
		$one->_write(pack('a N', 'd', 4 + length $data) . $data . pack('a N', 'c', 4));
	}
	await_blocked($one);
	return;
}

sub end_held
{
	$two->run('SELECT pg_advisory_unlock(1)');
	return outcome($one->finish);
}

foreach my $way (sort keys %running)
{
	foreach my $since ('before a version was added', 'between the two steps')
	{
		my $added;
		my $name = "$way that began $since";
		$node->safe_psql('postgres', "$filled; CREATE TRIGGER hold BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION hold()");
		($old) = $node->versions('blind_index');
		if ($since eq 'between the two steps')
		{
			$new = $node->add_version('blind_index');
			$node->reload_keyring;
		}
		begin_held($way, $way eq 'COPY' ? $copy_data : undef);
		if ($since ne 'between the two steps')
		{
			$new = $node->add_version('blind_index');
			$node->reload_keyring;
		}
		$node->promote_version('blind_index', $new);
		$node->reload_keyring;
		is(outcome_of($three, q{INSERT INTO people VALUES (50, 'meanwhile') RETURNING pii_key_version(k)}), $old, "$name: another one meanwhile agrees with it");
		like(end_held(), qr/\A(?:|1)\z/, "$name: it ends well");
		# The loop of a function consists of statements of their own.
		versions_are('people', $old, "$name: all is of the old version");
		$node->fails("INSERT INTO people VALUES (60, '$_')", '23505', qr/people_k_key/, "$name: no second $_") foreach qw(e6 new1 new4 meanwhile);
		end_rotation('people');
	}
}

# The same with a value that is there, at the end of the statement.
foreach my $way ('INSERT', 'COPY', 'WITH')
{
	$node->safe_psql('postgres', "$filled; CREATE TRIGGER hold BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION hold();
		INSERT INTO source VALUES (20, 'E3')");
	begin_held($way, $way eq 'COPY' ? $copy_data . "20\tE3\n" : undef);
	($old, $new) = $node->rotate('blind_index');
	is(end_held(), '23505', "$way over a promotion: a value that is there is refused at its end");
	$node->safe_psql('postgres', 'DELETE FROM source WHERE id = 20');
	end_rotation('people');
}

# ---------------------------------------------------------------------------------------------------------------------
# Two sessions write the same value

sub race
{
	my ($name, $expected_after_commit, $expected_after_rollback, $first, $second, $between) = @_;
	foreach my $end (qw(COMMIT ROLLBACK))
	{
		$one->run("BEGIN; $first");
		$between->() if defined $between && $end eq 'COMMIT';
		$two->run('BEGIN');
		$two->begin($second);
		await_blocked($two);
		$one->run($end);
		is(outcome($two->finish), $end eq 'COMMIT' ? $expected_after_commit : $expected_after_rollback, "$name: then $end");
		$two->run('ROLLBACK');
		$node->safe_psql('postgres', 'DELETE FROM people WHERE id >= 100');
	}
	return;
}

my $first = q{INSERT INTO people VALUES (100, 'x')};
my $second = q{INSERT INTO people VALUES (101, 'X') RETURNING id};
my $upsert = q{INSERT INTO people VALUES (101, 'X') ON CONFLICT (k) DO UPDATE SET touched = 1 RETURNING id};
my $again = q{INSERT INTO people VALUES (101, 'E1') RETURNING id};
my $again_upsert = q{INSERT INTO people VALUES (101, 'E1') ON CONFLICT (k) DO UPDATE SET touched = 1 RETURNING id};
my $move = q{UPDATE people SET email = pii_rewrap(email) WHERE id = 1};
foreach my $table ($people, $filled)
{
	my $state = $table eq $people ? 'an empty table' : 'a table with rows';
	$node->safe_psql('postgres', $table);
	race("$state: one began before a version was added", '23505', '101', $first, $second, sub { ($old, $new) = $node->rotate('blind_index') });
	race("$state: promoted", '23505', '101', $first, $second);
	race("$state: promoted, ON CONFLICT", '100', '101', $first, $upsert);
	guard_people();
	race("$state: guarded", '23505', '101', $first, $second);
	race("$state: guarded, ON CONFLICT", '100', '101', $first, $upsert);
	if ($table eq $filled)
	{
		race('a row is moved while its value is inserted', '23505', '23505', $move, $again);
		end_rotation('people');
		begin_rotation($filled);
		guard_people();
		race('a row is moved while its value is upserted', '1', '1', $move, $again_upsert);
		race('the first row is inserted while others are of the old version', '23505', '101', $first, $second);
		versions_are('people', "$old,$new", 'rows of both versions');
	}
	end_rotation('people');
}

# A rewrap that comes to a row while its value is being inserted elsewhere: that is refused at once, by the row itself.
begin_rotation($filled);
guard_people();
$one->run(q{BEGIN; INSERT INTO people VALUES (100, 'x')});
is(outcome_of($two, q{INSERT INTO people VALUES (101, 'e2')}), '23505', 'while another one writes, what is there is refused at once');
my ($status, $moved, $messages) = $node->rewrap('people', 'email');
is("$status $moved $messages", '0 6 ', 'a rewrap does not wait for rows that are not there yet');
$one->run('COMMIT');
versions_are('people', $new, 'and such rows need none');
end_rotation('people');

# ---------------------------------------------------------------------------------------------------------------------
# A guard in the making

begin_rotation("$filled; CREATE TRIGGER hold BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION hold()");
my $builder = connect_session();
my $guard = "CREATE UNIQUE INDEX CONCURRENTLY guard ON people (pii_blind_index(email, 'exact', $new))";
my $reader = connect_session();

sub await_phase
{
	my ($phase) = @_;
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_progress_create_index WHERE phase = '$phase'") or die "no phase $phase";
	return;
}

# Writers do what they did, until it is valid.
sub is_unguarded
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(outcome_of($three, q{INSERT INTO people VALUES (100, 'y') RETURNING pii_key_version(k)}), $old, "$name: the old version");
	is(outcome_of($three, q{INSERT INTO people VALUES (101, 'E2')}), '23505', "$name: a duplicate is refused");
	is(outcome_of($three, q{INSERT INTO people VALUES (101, 'E2') ON CONFLICT (k) DO UPDATE SET touched = 2 RETURNING id}), '2', "$name: ON CONFLICT finds its row");
	is(outcome_of($three, 'DELETE FROM people WHERE id = 100 RETURNING id'), '100', "$name: a row is deleted");
	return;
}

$one->run(q{BEGIN; INSERT INTO people VALUES (50, 'x')});
$builder->begin($guard);
await_phase('waiting for writers before build');
is_unguarded('the guard has no entries yet');
$two->run(q{BEGIN; INSERT INTO people VALUES (51, 'z')});
$one->run('COMMIT');
await_phase('waiting for writers before validation');
is_unguarded('the guard is built');
$three->begin(q{INSERT INTO people VALUES (52, 'Z')});
await_blocked($three);
# An old snapshot holds up the last step.
$reader->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM source');
$two->run('COMMIT');
is(outcome($three->finish), '23505', 'the guard is built: who waited for a duplicate is refused');
await_phase('waiting for old snapshots');
is_unguarded('the guard is validated');
begin_held('INSERT');
$reader->run('COMMIT');
is(outcome($builder->finish), '', 'the guard is made');
is(outcome_of($three, q{INSERT INTO people VALUES (53, 'guarded') RETURNING pii_key_version(k)}), $new, 'from now on the new version');
is(outcome_of($three, q{INSERT INTO people VALUES (54, 'E2')}), '23505', 'the guard sees a duplicate');
is(end_held(), '', 'a statement that runs while a guard becomes valid ends well');
is(outcome_of($three, "INSERT INTO people VALUES (55, '$_')"), '23505', "after which $_ is refused") foreach qw(new0 new4 guarded e6 x z);
is(outcome_of($three, q{INSERT INTO people VALUES (55, 'NEW4') ON CONFLICT (k) DO UPDATE SET touched = 2 RETURNING id}), '14', 'or found');
versions_are('people', "$old,$new", 'rows of both versions');
is(join(' ', ($node->rewrap('people', 'email'))[0, 2]), '0 ', 'the rest is moved');
versions_are('people', $new, 'to the new version');
end_rotation('people');
$_->quit foreach $builder, $reader;

# One that fails leaves an invalid index, which is no guard.
begin_rotation($filled);
$one->run(q{BEGIN; INSERT INTO people VALUES (110, 'x')});
my $cancelled = connect_session();
$cancelled->begin($guard = "CREATE UNIQUE INDEX CONCURRENTLY guard ON people (pii_blind_index(email, 'exact', $new))");
await_phase('waiting for writers before build');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $cancelled->pid . ')');
is(outcome($cancelled->finish), '57014', 'a guard in the making is cancelled');
$one->run('COMMIT');
is_unguarded('an invalid guard');
like(($node->rewrap('people', 'email'))[2], qr/stays on version $old/, 'an invalid guard: a rewrap asks for one');
is(outcome_of($cancelled, 'DROP INDEX guard'), '', 'it is dropped');
is(outcome_of($cancelled, $guard), '', 'and made again');
$cancelled->quit;
is(outcome_of($three, q{INSERT INTO people VALUES (103, 'y') RETURNING pii_key_version(k)}), $new, 'and counts');

# A guard that is rolled back, in the middle of a transaction too, never was.
$node->safe_psql('postgres', 'DELETE FROM people WHERE id > 50; DROP INDEX guard');
my $in_transaction = "CREATE UNIQUE INDEX guard ON people (pii_blind_index(email, 'exact', $new))";
my $insert = sub { return "INSERT INTO people VALUES ($_[0], 'v$_[0]') RETURNING pii_key_version(k)" };
$one->run('BEGIN; SAVEPOINT s');
is(outcome_of($one, $insert->(70)), $old, 'before a guard that is rolled back');
$one->run($in_transaction);
is(outcome_of($one, $insert->(71)), $new, 'with it');
is(outcome_of($one, q{INSERT INTO people VALUES (72, 'V70') ON CONFLICT (k) DO UPDATE SET touched = 1 RETURNING id}), '70', 'with it, ON CONFLICT');
$one->run('ROLLBACK TO s');
is(outcome_of($one, $insert->(73)), $old, 'after it');
$one->run('COMMIT');
versions_are('people', $old, 'rows of one version');

# Dropped too early.
guard_people();
is(outcome_of($one, 'DROP INDEX guard'), '', 'a guard can be dropped before a row is moved');
guard_people();
$node->safe_psql('postgres', 'UPDATE people SET email = pii_rewrap(email) WHERE id <= 3');
$node->fails($_, '55000', qr/index "guard" guards index "people_k_key", which has entries of key versions $old and $new\nDETAIL:  Without it a value could be stored twice/,
	"a guard that is needed: $_") foreach 'DROP INDEX guard', 'DROP INDEX CONCURRENTLY guard', 'DROP INDEX IF EXISTS none, public.guard';
still_guarded('a guard that could not be dropped');

sub still_guarded
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(outcome_of($one, "INSERT INTO people VALUES (80, '$_')"), '23505', "$name: no second $_") foreach qw(e1 e6);
	return;
}

is(join(' ', ($node->rewrap('people', 'email'))[0, 2]), '0 ', 'a guard that is needed: the rest is moved');
is(outcome_of($one, 'DROP INDEX guard'), '', 'and then it can be dropped');
still_guarded('without a guard');
end_rotation('people');

# ---------------------------------------------------------------------------------------------------------------------
# Empty tables

foreach my $emptied ('DELETE FROM people', 'TRUNCATE people', 'DELETE FROM people; VACUUM people')
{
	begin_rotation($filled);
	$node->safe_psql('postgres', $emptied);
	is(outcome_of($one, q{INSERT INTO people VALUES (1, 'x') RETURNING pii_key_version(k)}), $old, "$emptied: the lowest version");
	is(outcome_of($one, q{INSERT INTO people VALUES (2, 'X')}), '23505', "$emptied: a duplicate is refused");
	$node->safe_psql('postgres', $emptied);
	guard_people();
	is(outcome_of($one, q{INSERT INTO people VALUES (1, 'x') RETURNING pii_key_version(k)}), $new, "$emptied, with a guard: the new version");
	$node->safe_psql('postgres', 'DROP INDEX guard');
	is(outcome_of($one, q{INSERT INTO people VALUES (2, 'y') RETURNING pii_key_version(k)}), $new, "$emptied: the version of what is there");
	end_rotation('people');
}

# Rows with NULL have no version.
begin_rotation("$people; INSERT INTO people VALUES (1, NULL), (2, NULL)");
is(outcome_of($one, q{INSERT INTO people VALUES (3, 'x'), (4, NULL) RETURNING pii_key_version(k)}), "$old,~", 'a table of NULLs: the lowest version');
is(outcome_of($one, q{INSERT INTO people VALUES (5, 'X')}), '23505', 'a table of NULLs: a duplicate is refused');
end_rotation('people');

# A table of its transaction, and one of its session.
begin_rotation('CREATE TABLE unused ()');
$one->run("BEGIN; $filled");
is(outcome_of($one, q{INSERT INTO people VALUES (7, 'e7') RETURNING pii_key_version(k)}), $old, 'a new table: the lowest version');
is(outcome_of($one, q{INSERT INTO people VALUES (8, 'E6')}), '23505', 'a new table: a duplicate is refused');
$one->run('ROLLBACK');
(my $temporary = $filled) =~ s/CREATE TABLE/CREATE TEMP TABLE/;
$one->run($temporary);
is(outcome_of($one, q{INSERT INTO people VALUES (8, 'E6')}), '23505', 'a temporary table: a duplicate is refused');
$one->run('DROP TABLE people');
end_rotation('unused');

# ---------------------------------------------------------------------------------------------------------------------
# Foreign keys

my $orders = 'CREATE TABLE orders (id int, customer pii_text(email),
	k pii_blind_index GENERATED ALWAYS AS (pii_blind_index(customer)) STORED REFERENCES people (k) %s)';
my $pair = "$filled; " . sprintf($orders, '') . q{; INSERT INTO orders SELECT i, 'E' || (1 + i % 6) FROM generate_series(1, 20) i};

sub references_hold
{
	my ($name, $version) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(outcome_of($one, q{INSERT INTO orders VALUES (100, 'E3') RETURNING pii_key_version(k)}), $version, "$name: a parent that is there");
	is(outcome_of($one, q{INSERT INTO orders VALUES (101, 'nobody')}), '23503', "$name: one that is not");
	is(outcome_of($one, q{UPDATE orders SET customer = 'e4' WHERE id = 1 RETURNING id}), '1', "$name: another parent");
	is(outcome_of($one, q{UPDATE orders SET customer = 'nobody' WHERE id = 1}), '23503', "$name: another that is not there");
	is(outcome_of($one, q{DELETE FROM people WHERE email = 'e3'}), '23503', "$name: a parent with children stays");
	is(outcome_of($one, q{WITH p AS (INSERT INTO people VALUES (200, 'both') RETURNING email), o AS (INSERT INTO orders SELECT 200, 'Both' FROM p RETURNING id)
		SELECT id FROM o}), '200', "$name: both in one statement");
	is(outcome_of($one, 'DELETE FROM orders WHERE id >= 100; DELETE FROM people WHERE id >= 100'), '', "$name: both are deleted");
	return;
}

foreach my $deferrable ('DEFERRABLE', '')
{
	my $name = "a key that is $deferrable" =~ s/ \z/ not/r;
	begin_rotation($pair);
	$node->safe_psql('postgres', 'ALTER TABLE orders ALTER CONSTRAINT orders_k_fkey DEFERRABLE') if $deferrable;
	references_hold("$name, promoted", $old);
	foreach my $column ([qw(people email)], [qw(orders customer)])
	{
		($status, $moved, $messages) = $node->rewrap(@$column);
		is("$status $moved", '0 0', "$name: a rewrap of $column->[0] moves nothing");
		like($messages, qr/WARNING:  01000: unique index "people_k_key" stays on version $old.*docs\/rotation\.md/s, "$name: and says why");
	}
	# As docs/rotation.md has it; and where the key is not deferrable, it is for a while.
	my ($before, $after) = $deferrable ? ('', '')
	  : ('ALTER TABLE orders ALTER CONSTRAINT orders_k_fkey DEFERRABLE;',
		'SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE orders ALTER CONSTRAINT orders_k_fkey NOT DEFERRABLE;');
	$two->run(q{BEGIN; INSERT INTO orders VALUES (50, 'e5')});
	$three->begin(qq{
		BEGIN;
		LOCK people, orders IN SHARE ROW EXCLUSIVE MODE;
		$before
		CREATE UNIQUE INDEX guard ON people (pii_blind_index(email, 'exact', $new));
		SET CONSTRAINTS ALL DEFERRED;
		UPDATE people SET email = pii_rewrap(email);
		UPDATE orders SET customer = pii_rewrap(customer);
		$after
		COMMIT});
	await_blocked($three);
	$one->begin(q{INSERT INTO orders VALUES (51, 'E6') RETURNING pii_key_version(k)});
	await_blocked($one);
	is(outcome_of($two, 'SELECT count(*) FROM people JOIN orders ON people.email = orders.customer; COMMIT'), '21', "$name: others read meanwhile");
	is(outcome($three->finish), '', "$name: both sides are moved in one transaction");
	is(outcome($one->finish), $new, "$name: who waited to write follows");
	versions_are($_, $new, "$name: $_") foreach qw(people orders);
	references_hold("$name, moved", $new);
	is(join(' ', ($node->rewrap(@$_))[0, 2]), '0 ', "$name: nothing is left to do in $_->[0]") foreach [qw(people email)], [qw(orders customer)];
	end_rotation('orders', 'people');
}

# A parent of several columns, a child in partitions, a row that refers to another of its table, and a child that is unique.
begin_rotation("CREATE TABLE p (tenant int, email pii_text(email), $key, PRIMARY KEY (tenant, k));
	CREATE TABLE c (id int, tenant int, mail pii_text(email), k pii_blind_index GENERATED ALWAYS AS (pii_blind_index(mail)) STORED,
		FOREIGN KEY (tenant, k) REFERENCES p ON DELETE CASCADE) PARTITION BY LIST (id);
	CREATE TABLE c_1 PARTITION OF c FOR VALUES IN (1); CREATE TABLE c_2 PARTITION OF c FOR VALUES IN (2);
	INSERT INTO p VALUES (1, 'a'), (2, 'a')");
is(outcome_of($one, q{INSERT INTO c VALUES (1, 1, 'A'), (2, 2, 'a') RETURNING pii_key_version(k)}), "$old,$old", 'a key of several columns, and a partitioned child');
is(outcome_of($one, q{INSERT INTO c_2 VALUES (2, 2, 'A') RETURNING pii_key_version(k)}), $old, 'a partition of a child');
is(outcome_of($one, q{INSERT INTO c VALUES (2, 3, 'A')}), '23503', 'a key of several columns: another tenant');
is(outcome_of($one, q{DELETE FROM p WHERE tenant = 2; SELECT count(*) FROM c}), '1', 'a key of several columns: ON DELETE CASCADE');
end_rotation('c', 'p');
begin_rotation("$filled; ALTER TABLE people ADD boss pii_text(email),
	ADD boss_key pii_blind_index GENERATED ALWAYS AS (pii_blind_index(boss)) STORED REFERENCES people (k)");
is(outcome_of($one, q{INSERT INTO people (id, email, boss) VALUES (10, 'x', 'E1') RETURNING pii_key_version(boss_key)}), $old, 'a table that refers to itself');
is(outcome_of($one, q{INSERT INTO people (id, email, boss) VALUES (11, 'y', 'nobody')}), '23503', 'a table that refers to itself: nobody');
end_rotation('people');
begin_rotation("$filled; " . sprintf($orders, '') . q{; ALTER TABLE orders ADD UNIQUE (k); INSERT INTO orders VALUES (1, 'e1'), (2, 'e2')});
is(outcome_of($one, q{INSERT INTO orders VALUES (3, 'E1')}), '23505', 'a child that is unique: a duplicate');
is(outcome_of($one, q{INSERT INTO orders VALUES (3, 'E3') RETURNING pii_key_version(k)}), $old, 'a child that is unique: a new one');
end_rotation('orders', 'people');

# ---------------------------------------------------------------------------------------------------------------------
# Several tables in one statement: an expression knows its column by number and class alone

begin_rotation("$filled; CREATE TABLE others (LIKE people INCLUDING ALL); CREATE TABLE plain (id int, email pii_text(email), k pii_blind_index
	GENERATED ALWAYS AS (pii_blind_index(email)) STORED)");
$node->safe_psql('postgres', "CREATE UNIQUE INDEX guard ON others (pii_blind_index(email, 'exact', $new)); INSERT INTO others SELECT id, email FROM people; DROP INDEX guard");
versions_are('others', $new, 'a table of the new version');
$node->fails(q{WITH w AS (INSERT INTO people VALUES (10, 'x') RETURNING email) INSERT INTO others SELECT 10, 'y' FROM w}, '0A000',
	qr/one statement cannot write unique blind indexes of two key versions\nHINT:  Write to the tables in two statements/, 'two tables of two versions');
is(outcome_of($one, q{INSERT INTO others VALUES (10, 'E1')}), '23505', 'each of them on its own: the new version');
is(outcome_of($one, q{INSERT INTO people VALUES (10, 'E1')}), '23505', 'each of them on its own: the old version');
is(outcome_of($one, q{WITH w AS (INSERT INTO people VALUES (10, 'x') RETURNING id) INSERT INTO plain SELECT id, 'e1' FROM w RETURNING id}), '10',
	'a table without a unique index beside one with it');
is(outcome_of($one, q{SELECT id FROM plain WHERE email = 'E1'}), '10', 'whose rows are found');
is(outcome_of($one, q{INSERT INTO others SELECT id + 20, email FROM people WHERE id = 10 RETURNING pii_key_version(k)}), $new, 'from one into the other');
$node->safe_psql('postgres', q{CREATE FUNCTION copy_to_others() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO others VALUES (NEW.id + 100, NEW.email); RETURN NEW; END $$;
	CREATE TRIGGER before BEFORE INSERT ON people FOR EACH ROW WHEN (NEW.id % 2 = 0) EXECUTE FUNCTION copy_to_others();
	CREATE TRIGGER after AFTER INSERT ON people FOR EACH ROW WHEN (NEW.id % 2 = 1) EXECUTE FUNCTION copy_to_others()});
foreach my $id (40, 41)
{
	is(outcome_of($one, "INSERT INTO people VALUES ($id, 'by trigger $id') RETURNING pii_key_version(k)"), $old, 'a trigger writes to another table: the one');
	is(outcome_of($one, "SELECT pii_key_version(k) FROM others WHERE id = $id + 100"), $new, 'a trigger writes to another table: the other');
	is(outcome_of($one, "INSERT INTO people VALUES ($id + 2, 'E5')"), '23505', 'a trigger writes to another table: a duplicate');
}
end_rotation('people', 'others', 'plain');

# Tables that inherit have unique indexes of their own.
begin_rotation("$filled; CREATE TABLE heirs (more int, UNIQUE (k)) INHERITS (people); INSERT INTO heirs SELECT i, 'e' || i FROM generate_series(1, 3) i");
is(outcome_of($one, q{UPDATE people SET email = 'E2' WHERE id = 3 AND tableoid = 'heirs'::regclass}), '23505', 'tables that inherit: UPDATE by the parent');
is(outcome_of($one, q{INSERT INTO heirs VALUES (9, 'E3')}), '23505', 'tables that inherit: INSERT');
end_rotation('people CASCADE');

# ---------------------------------------------------------------------------------------------------------------------
# Indexes that are built, or rebuilt, meanwhile

my $expression = q{CREATE TABLE people (id int, email pii_text(email), touched int); CREATE UNIQUE INDEX people_key ON people (pii_blind_index(email));
	INSERT INTO people SELECT i, 'e' || i FROM generate_series(1, 6) i};
my $cannot = qr/this unique blind index cannot be built while its keys rotate\nDETAIL:  Writers compute it under another key version than the build\./;

sub entries_are
{
	my ($index, $version, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return $node->gives("SELECT string_agg(key_version::text, ',') FROM pii_column_status('people', 'email') WHERE name = '$index'", $version, $name);
}

sub still_unique
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->fails("INSERT INTO people (id, email) VALUES (100, '$_')", '23505', qr/duplicate key/, "$name: no second $_") foreach qw(E1 E6);
	return;
}

begin_rotation($expression);
foreach my $statement ('REINDEX INDEX CONCURRENTLY people_key', 'REINDEX TABLE CONCURRENTLY people')
{
	$node->fails($statement, '55000', $cannot, "$statement is refused");
	entries_are('people_key', $old, "$statement: the index is as it was");
	still_unique($statement);
}
foreach my $statement ('REINDEX INDEX people_key', 'REINDEX TABLE people', 'VACUUM FULL people', 'CLUSTER people USING people_key', 'ALTER TABLE people ALTER touched TYPE bigint')
{
	$node->succeeds($statement, "$statement locks the table");
	entries_are('people_key', $new, "$statement: and moves the entries");
	still_unique($statement);
	end_rotation('people');
	begin_rotation($expression);
}
$node->succeeds('REINDEX INDEX people_key; REINDEX INDEX CONCURRENTLY people_key', 'REINDEX CONCURRENTLY of an index that has the new version');
still_unique('REINDEX CONCURRENTLY');
end_rotation('people');

begin_rotation("$filled; ALTER TABLE people ADD tenant int; ALTER TABLE people DROP CONSTRAINT people_k_key; CREATE UNIQUE INDEX by_tenant ON people (tenant, k)");
foreach my $concurrently ('', 'CONCURRENTLY')
{
	$node->fails("CREATE UNIQUE INDEX $concurrently ON people (pii_blind_index(email))", '55000', $cannot, "a second unique index of an expression $concurrently");
	$node->safe_psql('postgres', 'DROP INDEX IF EXISTS people_pii_blind_index_idx');
	$node->succeeds("CREATE UNIQUE INDEX $concurrently by_key ON people (k); DROP INDEX by_key", "a second unique index of the column $concurrently");
	$node->succeeds("CREATE UNIQUE INDEX $concurrently pinned ON people (pii_blind_index(email, 'exact', $new))", "one that is pinned $concurrently");
	still_unique('a second unique index');
	$node->safe_psql('postgres', 'DROP INDEX pinned');
}
end_rotation('people');

begin_rotation(q{CREATE TABLE people (id int, email pii_text(email))});
$node->safe_psql('postgres', q{INSERT INTO people SELECT i, 'e' || i FROM generate_series(1, 6) i});
$node->succeeds('CREATE UNIQUE INDEX people_key ON people (pii_blind_index(email))', 'a first unique index is built under the new version');
entries_are('people_key', $new, 'a first unique index: the new version');
still_unique('a first unique index');
$node->fails(q{CREATE TABLE excluded (email pii_text(email), EXCLUDE USING btree (pii_blind_index(email) WITH =))}, '0A000', qr/exclusion constraint/,
	'an exclusion constraint on a blind index');
end_rotation('people');

# A unique index over two blind indexes
begin_rotation(q{CREATE TABLE people (id int, email pii_text(email), ssn pii_text(ssn), k pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED,
	s pii_blind_index GENERATED ALWAYS AS (pii_blind_index(ssn)) STORED, UNIQUE (k, s)); INSERT INTO people SELECT i, 'e' || i / 2, i::text FROM generate_series(1, 6) i});
($status, undef, $messages) = $node->rewrap('people', 'email');
$node->succeeds($node->guard_in($messages), 'two blind indexes in one: the guard of the hint');
# Half of each is moved, so that there are rows of each pair of versions; ON CONFLICT DO UPDATE moves its row.
$node->safe_psql('postgres', 'UPDATE people SET email = pii_rewrap(email) WHERE id % 2 = 0; UPDATE people SET ssn = pii_rewrap(ssn) WHERE id <= 3');
is(outcome_of($one, "INSERT INTO people SELECT 10, 'E' || $_ / 2, '$_'"), '23505', "two blind indexes in one: a duplicate of row $_") foreach 1 .. 6;
my ($pair_guard) = $node->guard_in($messages) =~ /CONCURRENTLY (\S+) ON/;
$node->fails("DROP INDEX $pair_guard", '55000', qr/guard/, 'two blind indexes in one: the guard is needed');
is(outcome_of($one, "INSERT INTO people SELECT 10, 'E' || $_ / 2, '$_' ON CONFLICT (k, s) DO UPDATE SET id = people.id RETURNING id"), $_, "two blind indexes in one: ON CONFLICT finds row $_") foreach 4, 5;
is(join(' ', ($node->rewrap('people', $_->[0]))[0 .. 2]), "0 $_->[1] ", "two blind indexes in one: the rest of $_->[0] is moved") foreach [ 'email', 2 ], [ 'ssn', 1 ];
$node->succeeds("DROP INDEX $pair_guard", 'two blind indexes in one: the guard is not needed any more');
is(join(' ', ($node->rewrap('people', $_))[0 .. 2]), '0 0 ', "two blind indexes in one: nothing of $_ is left") foreach qw(email ssn);
is(outcome_of($one, q{INSERT INTO people VALUES (10, 'E1', '2')}), '23505', 'two blind indexes in one: a duplicate');
is(outcome_of($one, q{INSERT INTO people VALUES (10, 'E1', '2') ON CONFLICT (k, s) DO UPDATE SET id = people.id RETURNING id}), '2', 'two blind indexes in one: ON CONFLICT');
is(outcome_of($one, q{INSERT INTO people VALUES (10, 'E1', '9') RETURNING id}), '10', 'two blind indexes in one: another pair');
end_rotation('people');

# Partitions of two versions
begin_rotation(q{CREATE TABLE people (id int, email pii_text(email)) PARTITION BY LIST (id); CREATE TABLE people_1 PARTITION OF people FOR VALUES IN (1);
	CREATE TABLE people_2 PARTITION OF people FOR VALUES IN (2); CREATE UNIQUE INDEX people_key ON people (id, pii_blind_index(email));
	INSERT INTO people VALUES (1, 'e1'), (2, 'e1')});
$node->succeeds('VACUUM FULL people_2', 'one partition is rebuilt under the new version');
$node->fails(qq{INSERT INTO $_->[0] VALUES ($_->[1], '$_->[2]')}, '55000', qr/"people" has entries of key versions $old and $new and no guard/,
	"partitions of two versions: nothing is written to $_->[0]") foreach [ 'people', 1, 'e1' ], [ 'people', 2, 'e1' ], [ 'people_2', 2, 'e1' ], [ 'people', 2, 'new' ];
($status, undef, $messages) = $node->sql(q{INSERT INTO people VALUES (1, 'e1')});
my ($hinted) = $messages =~ /(CREATE UNIQUE INDEX .*?\))(?:[;.]|$)/m;
$node->succeeds($hinted // $messages, 'partitions of two versions: the guard of the hint');
still_unique_of($_) foreach 1, 2;
is(join(' ', ($node->rewrap('people', 'email'))[0, 2]), '0 ', 'partitions of two versions: a rewrap');
still_unique_of($_) foreach 1, 2;

sub still_unique_of
{
	my ($id) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return $node->fails("INSERT INTO people VALUES ($id, 'E1')", '23505', qr/duplicate key/, "no second one in partition $id");
}

end_rotation('people');
begin_rotation("CREATE TABLE people (id int, email pii_text(email), $key, UNIQUE (id, k)) PARTITION BY LIST (id); CREATE TABLE people_1 PARTITION OF people FOR VALUES IN (1);
	INSERT INTO people VALUES (1, 'e1')");
$node->safe_psql('postgres', "CREATE TABLE people_2 (id int, email pii_text(email), $key); INSERT INTO people_2 VALUES (2, 'e1'); ALTER TABLE people ATTACH PARTITION people_2 FOR VALUES IN (2)");
$node->fails(q{INSERT INTO people VALUES (2, 'e1')}, '55000', qr/and no guard/, 'a partition that was filled under the new version');
end_rotation('people');

# ---------------------------------------------------------------------------------------------------------------------
# Three versions: promoted again before all is moved, with the guard of the first rotation

begin_rotation($filled);
guard_people();
$node->safe_psql('postgres', 'UPDATE people SET email = pii_rewrap(email) WHERE id <= 3');
my $middle = $new;
$new = $node->add_version('blind_index');
$node->reload_keyring;
$node->promote_version('blind_index', $new);
$node->reload_keyring;
is(outcome_of($one, q{INSERT INTO people VALUES (10, 'x') RETURNING pii_key_version(k)}), $new, 'a third version is written');
versions_are('people', "$old,$middle,$new", 'rows of three versions');
is(outcome_of($one, "INSERT INTO people VALUES (11, '$_')"), '23505', "three versions: $_ is refused") foreach qw(E1 E6 X);
is(outcome_of($one, "INSERT INTO people VALUES (11, '$_->[0]') ON CONFLICT (k) DO UPDATE SET touched = 1 RETURNING id"), $_->[1], "three versions: $_->[0] is found")
  foreach [ 'E1', 1 ], [ 'E6', 6 ], [ 'X', 10 ];
is(join(' ', ($node->rewrap('people', 'email'))[0]), '0', 'three versions: a rewrap');
versions_are('people', $new, 'moves them all');
$node->safe_psql('postgres', 'DROP INDEX guard');
end_rotation('people');

# And back to the version before, half way.
begin_rotation($filled);
guard_people();
$node->safe_psql('postgres', 'UPDATE people SET email = pii_rewrap(email) WHERE id <= 3');
$node->promote_version('blind_index', $old);
$node->reload_keyring;
is(outcome_of($one, q{INSERT INTO people VALUES (10, 'x') RETURNING pii_key_version(k)}), $old, 'promoted back: the old version is written');
is(outcome_of($one, "INSERT INTO people VALUES (11, '$_')"), '23505', "promoted back: $_ is refused") foreach qw(E1 E6 X);
is(outcome_of($one, q{INSERT INTO people VALUES (11, 'E1') ON CONFLICT (k) DO UPDATE SET touched = 1 RETURNING id}), '1', 'promoted back: a row is found');
is(join(' ', ($node->rewrap('people', 'email'))[0]), '0', 'promoted back: a rewrap');
versions_are('people', $old, 'moves all back');
end_rotation('people');

# ---------------------------------------------------------------------------------------------------------------------
# Who writes

begin_rotation("$pair; CREATE ROLE writer LOGIN; GRANT INSERT, SELECT, UPDATE ON orders TO writer; CREATE ROLE blind LOGIN;
	GRANT INSERT, SELECT, UPDATE ON people, orders TO blind; SELECT pii_grant('writer', '*', 'SEARCH')");
my $writer = connect_session(user => 'writer');
is(outcome_of($writer, q{INSERT INTO orders VALUES (60, 'e1') RETURNING pii_key_version(k)}), $old, 'who may write to a child need not see the parent');
is(outcome_of($writer, 'SELECT 1 FROM people'), '42501', 'and may not');
$writer->quit;
my $blind = connect_session(user => 'blind');
foreach my $state ('promoted', 'guarded')
{
	is(outcome_of($blind, "INSERT INTO people VALUES (60, '$_')"), '42501', "$state: without SEARCH nothing is told: $_") foreach qw(E1 new);
	{
		local $TODO = $state eq 'guarded' ? 'a guard is an expression, which wants SEARCH' : undef;
		is(outcome_of($blind, q{UPDATE people SET touched = 5 WHERE id = 1 RETURNING id}), '1', "$state: other columns are free");
	}
	guard_people() if $state eq 'promoted';
}
$blind->quit;
end_rotation('orders', 'people');

# A subscriber: its apply worker takes the primary version.
$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql('source', q{CREATE EXTENSION pii; CREATE TABLE people (id int PRIMARY KEY, email pii_text(email)); INSERT INTO people VALUES (1, 'old');
	CREATE PUBLICATION people FOR TABLE people; SELECT pg_create_logical_replication_slot('people', 'pgoutput')});
my $subscribe = q{CREATE SUBSCRIPTION people CONNECTION '} . ($node->connstr('source') =~ s/'/''/gr) . q{' PUBLICATION people WITH (create_slot = false)};
$node->safe_psql('postgres', "$people; ALTER TABLE people ADD PRIMARY KEY (id)");
$node->safe_psql('postgres', $subscribe);
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM people}) or die 'nothing is replicated';
($old, $new) = $node->rotate('blind_index');
$node->safe_psql('postgres', "CREATE UNIQUE INDEX guard ON people (pii_blind_index(email, 'exact', $new))");
$node->safe_psql('source', q{INSERT INTO people VALUES (2, 'new')});
$node->poll_query_until('postgres', q{SELECT count(*) = 2 FROM people}) or die 'nothing is replicated';
versions_are('people', "$old,$new", 'a subscriber with a guard: rows of both versions');
is(outcome_of($one, "INSERT INTO people VALUES (3, '$_')"), '23505', "a subscriber with a guard: $_ is refused") foreach qw(OLD NEW);
my $offset = $node->log_size;
$node->safe_psql('source', q{INSERT INTO people VALUES (3, 'OLD')});
$node->wait_for_log(qr/duplicate key value violates unique constraint "guard"/, $offset);
pass('a subscriber with a guard: a duplicate is not applied');
$node->safe_psql('postgres', 'ALTER SUBSCRIPTION people DISABLE; ALTER SUBSCRIPTION people SET (slot_name = NONE)');
$node->safe_psql('postgres', 'DROP SUBSCRIPTION people');
end_rotation('people');

$_->quit foreach $one, $two, $three;
$node->stop;
done_testing();

# An existing schema with everything that can depend on a column, from plaintext to sealed and back: what protected the
# plaintext protects the sealed values, and at the end nothing differs from the beginning. Once by replace => true, once by the statements
# that pii_adoption_obstacles() gives.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run qw();
use JSON::PP qw();
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WireSession;

my $node = PiiCluster->started('main', conf => "wal_level = logical\nautovacuum = off\nlog_min_duration_statement = 1000\n");
my $csv = path_of_input('data/synthea_patients.csv', 'examples/patients.csv');
my ($header) = slurp_file($csv) =~ /^(.*?)\r?\n/;
my @fields = map { lc } split /;/, $header, -1;

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_trgm;
	CREATE EXTENSION citext;
	CREATE ROLE owner LOGIN; CREATE ROLE clerk LOGIN; CREATE ROLE stranger LOGIN;
	GRANT CREATE ON DATABASE postgres TO owner;
	SELECT pii_grant('owner', '*', 'REVEAL'), pii_grant('owner', '*', 'SEARCH');
	SELECT pii_grant('clerk', 'ssn', 'SEARCH');
	CREATE SCHEMA clinic AUTHORIZATION owner});
$node->safe_psql('postgres', 'CREATE TABLE input (' . join(', ', map { "$_ text" } @fields) . ')');
$node->safe_psql('postgres', "\\copy input FROM '$csv' WITH (FORMAT csv, HEADER, DELIMITER ';', ENCODING 'UTF8')");
$node->safe_psql('postgres', 'GRANT SELECT ON input TO owner');

sub as_owner
{
	my ($sql) = @_;
	my ($status, $out, $err) = $node->sql($sql, user => 'owner');
	die "$sql: $err" if $status != 0;
	return ($out, $err);
}

as_owner(q{
	SET search_path = clinic, public;
	CREATE DOMAIN passport_no AS text;
	CREATE TABLE patients (id serial PRIMARY KEY, ssn varchar NOT NULL, passport passport_no, name text, address text COLLATE "C", "Post code" citext, birthdate text, state text DEFAULT 'new',
		CONSTRAINT patients_ssn_key UNIQUE (ssn), CONSTRAINT ssn_is_filled CHECK (ssn <> ''), CONSTRAINT ssn_has_digits CHECK (ssn = '' OR (ssn ~ '[0-9]' AND length(ssn) > 3)));
	COMMENT ON COLUMN patients.ssn IS 'social security number';
	COMMENT ON CONSTRAINT ssn_is_filled ON patients IS 'not ''empty''';
	COMMENT ON CONSTRAINT patients_ssn_key ON patients IS 'one patient for each';
	ALTER TABLE patients ALTER passport SET DEFAULT 'none';
	ALTER TABLE patients ALTER passport SET STATISTICS 7;
	INSERT INTO patients (ssn, passport, name, address, "Post code", birthdate)
		SELECT DISTINCT ON (ssn) ssn, passport, concat_ws(' ', first, last), address, zip, birthdate FROM public.input WHERE ssn <> '' ORDER BY ssn, id;
	CREATE INDEX by_name ON patients (name DESC, state) INCLUDE (id) WHERE name IS NOT NULL;
	COMMENT ON INDEX by_name IS 'for the front desk';
	CREATE INDEX by_passport ON patients USING hash (passport);
	CREATE UNIQUE INDEX one_passport ON patients (id, passport);
	CREATE INDEX "by Post code" ON patients ("Post code") WITH (fillfactor = 70);
	CREATE TABLE visits (id serial PRIMARY KEY, patient varchar REFERENCES patients (ssn) ON DELETE CASCADE DEFERRABLE, day date);
	INSERT INTO visits (patient, day) SELECT ssn, date '2026-01-01' + id FROM patients;
	CREATE INDEX visits_of ON visits (patient);
	CREATE TABLE changes (what text, at timestamptz DEFAULT now());
	CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql SET search_path = clinic, public AS
		$$BEGIN INSERT INTO changes (what) VALUES (tg_name || ' ' || new.id); RETURN new; END$$;
	CREATE TRIGGER ssn_changes AFTER UPDATE OF ssn ON patients FOR EACH ROW
		WHEN (old.ssn IS DISTINCT FROM new.ssn) EXECUTE FUNCTION note_change();
	COMMENT ON TRIGGER ssn_changes ON patients IS 'for the auditors';
	CREATE TRIGGER never BEFORE UPDATE OF name ON patients FOR EACH ROW EXECUTE FUNCTION note_change();
	ALTER TABLE patients DISABLE TRIGGER never;
	ALTER TABLE patients ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own_row ON patients FOR SELECT TO clerk USING (ssn = current_setting('app.ssn', true));
	CREATE VIEW directory WITH (security_barrier = true) AS
		SELECT p.id, p.name, p.ssn, v.day FROM patients p JOIN visits v ON v.patient = p.ssn WHERE p.state <> 'gone';
	CREATE VIEW there AS SELECT id FROM patients WHERE "Post code" = 'B1x' OR 'it''s' <> "Post code";
	CREATE VIEW days AS SELECT name, count(*) AS visits FROM directory GROUP BY name;
	CREATE MATERIALIZED VIEW found AS SELECT id, passport FROM patients WHERE ssn = '999-76-6866' OR ssn LIKE '%73%' WITH NO DATA;
	CREATE INDEX found_id ON found (id);
	COMMENT ON VIEW directory IS 'all of them'; COMMENT ON COLUMN directory.name IS 'first and last';
	GRANT USAGE ON SCHEMA clinic TO clerk, stranger;
	GRANT SELECT ON patients, visits TO clerk; GRANT SELECT ON directory TO clerk WITH GRANT OPTION; GRANT SELECT (name) ON days TO PUBLIC;
	CREATE FUNCTION visits_by(text) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT visits FROM days WHERE name = $1; END;
	REVOKE EXECUTE ON FUNCTION visits_by FROM PUBLIC; GRANT EXECUTE ON FUNCTION visits_by TO clerk;
	CREATE RULE no_delete AS ON DELETE TO patients WHERE old.ssn = 'keep' DO INSTEAD NOTHING;
	CREATE PUBLICATION outside FOR TABLE patients (id, ssn), TABLE visits;
});

my @columns = ([ 'clinic.patients', 'ssn', 'ssn', 'varchar' ], [ 'clinic.patients', 'passport', 'passport', 'clinic.passport_no' ],
	[ 'clinic.patients', 'name', 'name', 'text' ], [ 'clinic.patients', 'Post code', 'postcode', 'citext' ]);
my @all_columns = (@columns, [ 'clinic.visits', 'patient', 'ssn', 'varchar' ]);

sub schema
{
	my ($out, $err);
	IPC::Run::run([ 'pg_dump', '-p', $node->port, '-h', $node->host, '--schema-only', '--schema=clinic', 'postgres' ], '>', \$out, '2>', \$err) or die $err;
	$out =~ s/^(?:--|\\(?:un)?restrict).*\n//gm;  # the latter with a number that changes
	$out =~ s/\n{2,}/\n/g;
	return $out . $node->safe_psql('postgres', q{SELECT tablename, attnames, rowfilter FROM pg_publication_tables ORDER BY 1});
}

sub data
{
	return join "\n", map { my ($rows) = as_owner($_); join "\n", sort split /\n/, $rows }
		'SELECT id, ssn, passport, name, address, "Post code", birthdate, state FROM clinic.patients ORDER BY id', 'SELECT id, patient, day FROM clinic.visits ORDER BY id',
		'SELECT * FROM clinic.directory ORDER BY id, day', 'SELECT * FROM clinic.days';
}

sub files
{
	return $node->safe_psql('postgres', q{SELECT oid::regclass, relfilenode FROM pg_class WHERE oid IN ('clinic.patients'::regclass, 'clinic.visits'::regclass)});
}

sub quoted { my ($sql) = @_; return "'" . $node->safe_psql('postgres', $sql) =~ s/'/''/gr . "'"; }

my %query = (
	search => q{SELECT id FROM clinic.patients WHERE ssn = (SELECT ssn FROM clinic.patients WHERE id = 7)},
	join => q{SELECT count(*) FROM clinic.patients p JOIN clinic.visits v ON v.patient = p.ssn},
	function => 'SELECT clinic.visits_by(' . quoted('SELECT name FROM clinic.patients WHERE id = 5') . ')',
	view => q{SELECT count(*), min(day) FROM clinic.directory},
	names => q{SELECT count(*) FROM (SELECT DISTINCT name FROM clinic.patients) n},
	citext => q{SELECT count(*) FROM clinic.patients WHERE "Post code" = (SELECT "Post code" FROM clinic.patients WHERE id = 3)});
sub answers { return join ', ', map { my ($rows) = as_owner($query{$_}); "$_: $rows" } sort keys %query; }

my $first_ssn = $node->safe_psql('postgres', 'SELECT ssn FROM clinic.patients WHERE id = 1');

# What protected the plaintext protects.
sub is_protected
{
	my ($state) = @_;
	my $insert = 'INSERT INTO clinic.patients (ssn, name)';
	$node->fails("$insert VALUES ('$first_ssn', 'x')", '23505', qr/patients_ssn_key/, "$state: a value is unique", user => 'owner');
	$node->fails("$insert VALUES ('', 'x')", '23514', qr/ssn_is_filled/, "$state: a check", user => 'owner');
	$node->fails("$insert VALUES ('abcdef', 'x')", '23514', qr/ssn_has_digits/, "$state: a check by expression", user => 'owner');
	$node->fails("$insert VALUES (NULL, 'x')", '23502', qr/ssn/, "$state: not null", user => 'owner');
	$node->fails("INSERT INTO clinic.visits (patient) VALUES ('000-11-0000')", '23503', qr/visits_patient_fkey/, "$state: a foreign key", user => 'owner');
	$node->fails("UPDATE clinic.patients SET ssn = '000-11-0001' WHERE id = 1", '23503', qr/visits_patient_fkey/, "$state: and its other side", user => 'owner');
	$node->gives("BEGIN; DELETE FROM clinic.patients WHERE id = 1; SELECT count(*) FROM clinic.visits WHERE patient = '$first_ssn'; ROLLBACK", '0',
		"$state: a foreign key cascades", user => 'owner');
	$node->gives("BEGIN; DELETE FROM clinic.visits WHERE id = 1; UPDATE clinic.patients SET ssn = '000-11-0001' WHERE id = 1; SELECT count(*) FROM clinic.changes; ROLLBACK", '1',
		"$state: a trigger runs when the value changes", user => 'owner');
	$node->gives("BEGIN; UPDATE clinic.patients SET ssn = ssn; SELECT count(*) FROM clinic.changes; ROLLBACK", '0', "$state: and not when it does not", user => 'owner');
	$node->gives("SET app.ssn = '$first_ssn'; SELECT id FROM clinic.patients", '1', "$state: a policy shows one row", user => 'clerk');
	$node->gives("SELECT count(*) FROM clinic.patients", '0', "$state: and no other", user => 'clerk');
	$node->fails("SELECT clinic.visits_by('x')", '42501', qr/visits_by/, "$state: a function is nobody else's", user => 'stranger');
	$node->gives("SELECT has_table_privilege('clerk', 'clinic.directory', 'SELECT WITH GRANT OPTION')", 't', "$state: grants on a view");
	$node->gives(q{SELECT string_agg(tablename || ': ' || attnames::text, ', ' ORDER BY tablename) ~ 'patients: \{id,ssn\}, visits' FROM pg_publication_tables}, 't', "$state: a publication");
	$node->fails("INSERT INTO clinic.patients (id, ssn, passport) VALUES (1, '000-22-0000', 'x')", '23505', qr/patients_pkey/, "$state: another key", user => 'owner');
}

sub seals
{
	my ($state, @sealed) = @_;
	foreach my $column (@sealed)
	{
		as_owner("CALL pii_seal_column('$column->[0]', '$column->[1]')");
		$node->gives("SELECT count(*) FROM $column->[0] WHERE NOT pii_is_sealed(\"$column->[1]\")", '0', "$state: $column->[1] is sealed");
	}
}

my ($schema, $data, $answers) = (schema(), data(), answers());

# Without all that does not differ.
sub is_same
{
	my ($now, $before, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 2;
	my %rest;
	$rest{$_}++ foreach split /\n/, $before;
	my @other = grep { !$rest{$_} || $rest{$_}-- < 1 } split /\n/, $now;
	return is(join("\n", @other), join("\n", grep { $rest{$_} } sort keys %rest), $name);
}
sub has_same_data { return is_same(data(), $data, @_); }
sub has_same_schema { return is_same(schema(), $schema, @_); }

is_protected('plaintext');

# ---------------------------------------------------------------------------------------------------------------------
# What is in the way

my ($obstacles) = as_owner(q{SELECT kind, object FROM pii_adoption_obstacles('clinic.patients', 'ssn', 'ssn') WHERE kind NOT IN ('note', 'comment') ORDER BY 1, 2});
is($obstacles, join("\n", map { s/\s*\|\s*/|/r } 'check constraint|ssn_has_digits on clinic.patients', 'check constraint|ssn_is_filled on clinic.patients',
	'foreign key|visits_patient_fkey on clinic.visits', 'function|clinic.visits_by(text)', 'index|clinic.found_id', 'materialized view|clinic.found', 'policy|own_row on clinic.patients',
	'publication|outside of clinic.patients', 'rule|no_delete on clinic.patients', 'trigger|ssn_changes on clinic.patients', 'unique constraint|patients_ssn_key on clinic.patients',
	'view|clinic.days', 'view|clinic.directory'), 'all that depends on the column is named');
my $error = $node->fails("CALL pii_adopt('clinic.patients', 'ssn', 'ssn')", '2BP01', qr/stand in the way/, 'nothing is converted around it', user => 'owner');
like($error, qr/DETAIL:.*foreign key visits_patient_fkey on clinic\.visits.*view clinic\.directory/, 'the error names them');
unlike($error, qr/$first_ssn|\[0-9\]/, 'and nothing of what they hold');
$node->fails("CALL pii_adopt('clinic.patients', 'ssn', 'ssn', replace => true)", '42501', qr/must be owner/, 'only the owner may', user => 'clerk');
has_same_schema('nothing has changed');

# ---------------------------------------------------------------------------------------------------------------------
# By replace

foreach my $column (@columns)
{
	my ($table, $name, $class) = @$column;
	my (undef, $messages) = as_owner("CALL pii_adopt('$table', '$name', '$class', replace => true)");
	like($messages, qr/column "\Q$name\E" of relation "patients" is of type pii_text.*pii_seal_column/s, "$name: adopted, and told what is next");
	(undef, $messages) = as_owner("CALL pii_adopt('$table', '$name', '$class', replace => true)");
	like($messages, qr/of this class already/, "$name: again, nothing happens");
}
has_same_data('adopted: the same rows');
is(answers(), $answers, 'adopted: the same answers');
is_protected('adopted');
$node->gives(q{SELECT count(*) > 0 FROM clinic.patients WHERE NOT pii_is_sealed(ssn)}, 't', 'adopted: the rows are as they were');
$node->gives("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'clinic.visits'::regclass AND attname = 'patient'", 'pii_text(ssn)', 'the other side of the foreign key, too');
seals('sealed', @all_columns);
has_same_data('sealed: the same rows');
is(answers(), $answers, 'sealed: the same answers');
is_protected('sealed');

$node->fails("CALL pii_release('clinic.patients', 'ssn', 'varchar', replace => true)", '55000', qr/values of column "ssn" of relation "patients" are sealed.*pii_unseal_column/s,
	'no sealed value is released', user => 'owner');
$node->fails("CALL pii_release('clinic.patients', 'ssn')", '2BP01', qr/generated column clinic\.patients\.ssn_key/, 'nor around what depends on it', user => 'owner');
as_owner("CALL pii_unseal_column('$_->[0]', '$_->[1]')") foreach @all_columns;
has_same_data('unsealed: the same rows');
as_owner("CALL pii_release('$_->[0]', '$_->[1]', '$_->[3]', replace => true)") foreach @columns;
has_same_schema('released: the same schema');
has_same_data('released: the same rows');
is(answers(), $answers, 'released: the same answers');
is_protected('released');

# ---------------------------------------------------------------------------------------------------------------------
# By hand: every statement on its own, as psql would run them

# The rows of the obstacles of all columns, each object once.
sub statements
{
	my (%seen, @statements);
	foreach my $column (@all_columns)
	{
		my ($rows) = as_owner("SELECT json_build_object('kind', kind, 'object', object, 'drop', drop_statement, 'create', create_statement)
			FROM pii_adoption_obstacles('$column->[0]', '$column->[1]', '$column->[2]') WHERE kind <> 'note'");
		push @statements, grep { !$seen{"$_->{kind} $_->{object}"}++ } map { JSON::PP->new->decode($_) } split /\n/, $rows;
	}
	return @statements;
}

sub run_each { my (@statements) = @_; as_owner($_) foreach grep { defined && !/^--/ } @statements; return; }

my @way_there = statements();
my @no_counterpart = grep { $_->{kind} ne 'comment' && ($_->{create} // '--') =~ /^--/ } @way_there;
is(join(', ', map { $_->{object} } @no_counterpart), '', 'everything has a counterpart');
run_each(map { $_->{drop} } @way_there);
my $bare_files = files();
as_owner("CALL pii_adopt('$_->[0]', '$_->[1]', '$_->[2]')") foreach @all_columns;
is(files(), $bare_files, 'by hand: no table was rewritten');
$node->gives('SELECT count(*) FROM clinic.patients WHERE pii_is_sealed(ssn)', '0', 'by hand: every value is as it was');
run_each(map { $_->{create} } reverse @way_there);
has_same_data('by hand, adopted: the same rows');
is(answers(), $answers, 'by hand, adopted: the same answers');
is_protected('by hand, adopted');
seals('by hand', @all_columns);
has_same_data('by hand, sealed: the same rows');
is_protected('by hand, sealed');
as_owner("CALL pii_unseal_column('$_->[0]', '$_->[1]')") foreach @all_columns;
my @way_back = statements();
run_each(map { $_->{drop} } @way_back);
$bare_files = files();
as_owner("CALL pii_release('$_->[0]', '$_->[1]', '$_->[3]')") foreach @all_columns;
is(files(), $bare_files, 'by hand: nor on the way back');
run_each(map { $_->{create} } reverse @way_back);
has_same_schema('by hand, released: the same schema');
has_same_data('by hand, released: the same rows');
is(answers(), $answers, 'by hand, released: the same answers');
is_protected('by hand, released');

# ---------------------------------------------------------------------------------------------------------------------
# The lock

$node->safe_psql('postgres', "CREATE TABLE busy (id int, v text); INSERT INTO busy VALUES (1, 'a'); ALTER TABLE busy OWNER TO owner");
my $reader = WireSession->connected($node);
my $adopter = WireSession->connected($node, user => 'owner');
$reader->run('BEGIN; SELECT count(*) FROM busy');
$node->fails("CALL pii_adopt('busy', 'v', 'name', lock_timeout => '10 ms', attempts => 3)", '55P03', qr/could not lock relation "busy" within 10 ms in 3 attempts/,
	'who does not get the lock gives up', user => 'owner');
$node->gives(q{SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'busy'::regclass AND attname = 'v'}, 'text', 'and has changed nothing');
$adopter->begin("CALL pii_adopt('busy', 'v', 'name', lock_timeout => '20 ms', attempts => 10000)");
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CALL pii_adopt%' AND state = 'active'}) or die;
$node->gives(q{SET statement_timeout = '10s'; SELECT count(*) FROM busy}, '1', 'others read while it tries') for 1 .. 20;
$reader->run('COMMIT');
my (undef, $problem) = $adopter->finish;
is($problem, undef, 'it succeeds when the reader is done');
$node->gives(q{SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'busy'::regclass AND attname = 'v'}, 'pii_text(name)', 'and the column is adopted');

# ---------------------------------------------------------------------------------------------------------------------
# A tree of tables

$node->safe_psql('postgres', q{
	CREATE TABLE parts (id int, ssn text) PARTITION BY RANGE (id);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
	CREATE TABLE parts_2 (ssn text, gone int, id int); ALTER TABLE parts_2 DROP gone;
	ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (100) TO (200);
	CREATE INDEX parts_ssn ON parts (ssn);
	INSERT INTO parts SELECT i, '912-00-' || 1000 + i FROM generate_series(0, 199) i;
	CREATE TABLE base (id int, ssn text); CREATE TABLE child (more int) INHERITS (base);
	INSERT INTO base VALUES (1, '912-00-0001'); INSERT INTO child VALUES (2, '912-00-0002', 3);
});
$node->fails("CALL pii_adopt('parts_1', 'ssn', 'ssn')", '2BP01', qr/inheritance public\.parts_1\.ssn/, 'a partition is adopted with its parent');
$node->succeeds("CALL pii_adopt('parts', 'ssn', 'ssn', replace => true)", 'a partitioned table');
$node->succeeds("CALL pii_adopt('base', 'ssn', 'ssn')", 'a table with a child');
$node->gives("SELECT count(*), count(*) FILTER (WHERE pii_is_sealed(ssn)) FROM parts WHERE pii_reveal(ssn) = '912-00-' || 1000 + id", '200|0', 'its rows are as they were');
$node->gives("SELECT id FROM parts WHERE ssn = '912 00 1150'", '150', 'a search finds them');
$node->gives("SELECT string_agg(pii_reveal(ssn), ' ' ORDER BY id) FROM base", '912-00-0001 912-00-0002', 'rows of the child');
$node->gives("SELECT count(*) FROM pii_adopted_column WHERE relation::text ~ 'parts|base|child'", '5', 'each member is written down');
foreach my $table (qw(parts base))
{
	$node->succeeds("CALL pii_seal_column('$table', 'ssn')", "$table: seal");
	$node->succeeds("CALL pii_unseal_column('$table', 'ssn')", "$table: unseal");
	$node->succeeds("CALL pii_release('$table', 'ssn', replace => true)", "$table: release");
}
$node->gives("SELECT pg_get_indexdef('parts_ssn'::regclass)", 'CREATE INDEX parts_ssn ON ONLY public.parts USING btree (ssn)', 'with its index');
$node->gives("SELECT count(*) FROM parts WHERE ssn = '912-00-' || 1000 + id", '200', 'as it was');
$node->gives("SELECT count(*) FROM pii_adopted_column WHERE relation::text ~ 'parts|base|child'", '0', 'and nothing is left of it');

# An UPDATE of the partition key moves a row as it is stored, also to a partition that is younger than the sweep. A row that is held
# keeps the sweep at the first partition.
$node->safe_psql('postgres', q{
	CREATE TABLE moved (id int, ssn char(15)) PARTITION BY RANGE (id);
	CREATE TABLE moved_1 PARTITION OF moved FOR VALUES FROM (0) TO (100);
	CREATE TABLE moved_2 PARTITION OF moved FOR VALUES FROM (100) TO (200);
	INSERT INTO moved SELECT i, '912-00-' || 1000 + i FROM generate_series(0, 199) i;
	CALL pii_adopt('moved', 'ssn', 'ssn')});
my ($holder, $sweeper) = map { WireSession->connected($node) } 1 .. 2;
$holder->run('BEGIN; SELECT FROM moved_1 WHERE id = 1 FOR UPDATE');
$sweeper->begin(q{CALL pii_seal_column('moved', 'ssn')});
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CALL pii_seal_column%' AND wait_event = 'transactionid'}) or die;
$node->safe_psql('postgres', q{
	CREATE TABLE moved_3 (ssn pii_text(ssn), id int); ALTER TABLE moved ATTACH PARTITION moved_3 FOR VALUES FROM (200) TO (300);
	UPDATE moved SET id = id + 100 WHERE id IN (150, 151)});
$node->gives('SELECT count(*) FROM moved_3 WHERE NOT pii_is_sealed(ssn)', '2', 'rows that are not sealed yet move to a new partition');
$holder->run('COMMIT');
(undef, $problem) = $sweeper->finish;
is($problem, undef, 'the sweep ends');
$node->gives(q{SELECT count(*), count(*) FILTER (WHERE pii_is_sealed(ssn)) FROM moved WHERE pii_reveal(ssn) = '912-00-' || 1000 + id - 100 * (id / 200)}, '200|200', 'when they are sealed, too');
$node->gives(q{SELECT count(*) FROM pii_adopted_column WHERE relation::text ~ 'moved' AND phase = 'sealed' AND is_padded AND sealed_by IS NOT NULL}, '4', 'and all of it is written down');
$_->quit foreach $holder, $sweeper;

# ---------------------------------------------------------------------------------------------------------------------
# Who may release

$node->safe_psql('postgres', q{SELECT pii_revoke('owner', '*', 'REVEAL')});
$node->fails("CALL pii_release('busy', 'v')", '42501', qr/may not reveal values of class name/, 'who may not reveal does not release', user => 'owner');
$node->fails("CALL pii_unseal_column('busy', 'v')", '42501', qr/the owner of table "busy" may not reveal its values.*pii_grant\('owner', 'name', 'REVEAL'\)/s,
	'nobody unseals for an owner who may not reveal: what others write would stay sealed');

$node->stop;
done_testing();

# What pii_discover() finds in data that looks like real one, and leaves alone in data that does not; and pii_check():
# every finding is provoked, its advice followed, and then it is gone.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WireSession;

my $node = PiiCluster->new('main');
$node->init(allows_streaming => 1, conf => "max_prepared_transactions = 0\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pii');

# ---------------------------------------------------------------------------------------------------------------------
# pii_discover: the classes of the columns of a table, as column=class

sub discovered
{
	my ($schema, $table) = @_;
	return $node->safe_psql('postgres',
		qq{SELECT string_agg("column" || '=' || class, ' ' ORDER BY "column" COLLATE "C") FROM pii_discover('$schema') WHERE "table" = '$schema.$table'::regclass});
}

my $csv = path_of_input('data/synthea_patients.csv', 'examples/patients.csv');
my ($header) = split /\R/, slurp_file($csv);
my $columns = join ', ', map { qq("$_" text) } split /;/, $header;
my $is_synthea = $csv =~ /synthea/;
$node->safe_psql('postgres', "CREATE SCHEMA hospital; CREATE TABLE hospital.patients ($columns); CREATE TABLE hospital.t ($columns)");
$node->safe_psql('postgres', "\\copy hospital.$_ FROM '$csv' (FORMAT csv, DELIMITER ';', HEADER)") foreach qw(patients t);
my $expected = 'ADDRESS=address BIRTHDATE=dob DRIVERS=driver_license' . ($is_synthea ? '' : ' EMAIL=email');
$expected .= ' FIRST=name' . ($is_synthea ? '' : ' IBAN=iban') . ' LAST=name MAIDEN=name' . ($is_synthea ? '' : ' PAN=pan');
$expected .= ' PASSPORT=passport' . ($is_synthea ? '' : ' PHONE=phone') . ' SSN=ssn ZIP=postcode';
is(discovered('hospital', 'patients'), $expected, 'patients: each column of its class, and no other');
is(discovered('hospital', 't'), $expected, 'also when the table has a name that says nothing');

# What the statement says can be sealed; no row of the table is changed by looking.
my $before = $node->safe_psql('postgres', 'SELECT md5(string_agg(p::text, chr(10) ORDER BY p::text)) FROM hospital.patients p');
my ($status, $out, $err) = $node->sql('SET client_min_messages = debug1; SELECT * FROM pii_discover()');
my $value = $node->safe_psql('postgres', q{SELECT "SSN" FROM hospital.patients LIMIT 1});
unlike("$out$err", qr/\Q$value\E/, 'no value in results and messages');
is($node->safe_psql('postgres', 'SELECT md5(string_agg(p::text, chr(10) ORDER BY p::text)) FROM hospital.patients p'), $before, 'nothing changed');

$node->safe_psql('postgres', q{
	CREATE SCHEMA traps;
	CREATE TABLE traps.orders (id bigint, order_no text, tracking text, version text, product text, name text, amount text, sku text,
		ordered_on text, commit text, views text, shipped date, quantity int, drivers text, last text, first text, zip text, title text,
		description text, email_sent text, address_type text, ip_version text, ean text, imei text, part text, uuid text, a text);
	INSERT INTO traps.orders SELECT i, (100000000 + i * 7919)::text, (4000000000000001 + i::bigint * 10)::text, i % 12 || '.' || i % 30 || '.' || i % 9 || '.' || i % 50,
		'Garden chair ' || i, (ARRAY['Oak table', 'Floor lamp', '5 way valve', 'Road bike'])[1 + i % 4], (10000 + i)::text, 'AB-' || 1000 + i || '-X',
		(date '2024-01-01' + i)::text, md5(i::text), (5551234567 + i)::text, date '2024-01-01' + i, i, 'nvidia-' || i, (100 + i)::text, (90 + i)::text, 'archive_' || i || '.zip', 'Mr.',
		'On the road to a street', 'true', 'home', '4', (4006381333000 + i)::text, (350000000000000 + i * 11)::text, '123-45-' || 1000 + i, gen_random_uuid()::text, i % 9 + 1 || '.2.' || i % 40 || '.1'
		FROM generate_series(1, 500) i;
	CREATE TABLE traps.kunden (kundennr text, nachname text, vorname text, geburtsdatum date, plz text, strasse text, ort text, telefonnummer text,
		"E-Mail" text, steuer_id text, kontonummer text, geburtsort text, iban text, bemerkung text);
	INSERT INTO traps.kunden SELECT 'K' || i, 'Müller', 'Jörg', date '1960-01-01' + i * 20, (10000 + i)::text, 'Hauptstraße ' || i, 'Köln', '0221 12345' || i % 100, 'j' || i || '@example.de',
		(12345678900 + i)::text, (1234567890 + i)::text, 'Bonn', 'DE89370400440532013000', 'ruft 2024 wieder an' FROM generate_series(1, 300) i;
	CREATE TABLE traps.clients ("prénom" text, nom text, date_naissance text, code_postal text, adresse text, ville text, "téléphone" text, numero_secu text, permis_de_conduire text);
	INSERT INTO traps.clients SELECT 'Élodie', 'Dupont', '12/03/1980', '75011', '12 rue de la Paix', 'Paris', '01 23 45 67 89', '1 80 03 75 116 001 34', '12AA34567' FROM generate_series(1, 50);
	CREATE TABLE traps.clientes (nombre text, apellidos text, fecha_nacimiento text, dni text, "dirección" text, "código_postal" text, ciudad text, "teléfono_móvil" text, pasaporte text);
	INSERT INTO traps.clientes SELECT 'María', 'García López', '1990-01-02', '12345678Z', 'Calle Mayor 5', '28013', 'Madrid', '+34 600 123 456', 'AAB123456' FROM generate_series(1, 50)});
is(discovered('traps', 'orders'), '', 'orders: no column is taken for one of persons');
is(discovered('traps', 'kunden'),
	'E-Mail=email geburtsdatum=dob iban=iban kontonummer=account nachname=name plz=postcode steuer_id=national_id strasse=address telefonnummer=phone vorname=name', 'German');
is(discovered('traps', 'clients'),
	'adresse=address code_postal=postcode date_naissance=dob nom=name numero_secu=national_id permis_de_conduire=driver_license prénom=name téléphone=phone', 'French');
is(discovered('traps', 'clientes'),
	'apellidos=name código_postal=postcode dirección=address dni=national_id fecha_nacimiento=dob nombre=name pasaporte=passport teléfono_móvil=phone', 'Spanish');

# A big table is read in part: the blocks that were read are counted by the server.
$node->safe_psql('postgres', q{
	CREATE SCHEMA big;
	CREATE TABLE big.people (id int, ssn text, filler text) WITH (autovacuum_enabled = off);
	INSERT INTO big.people SELECT i, '900-10-' || i % 9000 + 1000, repeat('x', 500) FROM generate_series(1, 100000) i;
	ANALYZE big.people});
my ($all, $read, $found) = split /\|/, $node->safe_psql('postgres', q{
	SELECT pg_stat_reset_single_table_counters('big.people'::regclass) \g /dev/null
	SELECT count(*) FROM pii_discover('big') WHERE sampled BETWEEN 500 AND 1000 \gset
	SELECT pg_stat_force_next_flush() \g /dev/null
	SELECT pg_relation_size('big.people') / 8192, heap_blks_read + heap_blks_hit, :count FROM pg_statio_user_tables WHERE relname = 'people'});
is($found, 1, 'a big table: found in a sample');
cmp_ok($read, '<', $all / 20, "of $all pages it reads $read");

# ---------------------------------------------------------------------------------------------------------------------
# pii_check: a finding is provoked, and gone after what the advice says

# Findings about objects that match, one line each: severity|object|finding|advice
sub findings
{
	my ($object, %params) = @_;
	my $dbname = $params{dbname} // 'postgres';
	my ($status, $out, $err) = ($params{node} // $node)->sql(($params{before} // '') . "SELECT * FROM pii_check() WHERE object ~ '$object'", %params);
	fail("pii_check() ends without an error: $err") if $status != 0;
	return $out;
}

# provoke OBJECT, SQL, FINDING, NAME, what to run after: the advice itself when undef
sub provoke
{
	my ($object, $sql, $finding, $name, $cure) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	unlike(findings($object), $finding, "$name: not there at first");
	$node->safe_psql('postgres', $sql);
	my ($line) = grep { $_ =~ $finding } split /\n/, findings($object);
	ok(defined $line, "$name: found") or do { diag(findings('.')); return; };
	$cure //= (split /\|/, $line)[3];
	my ($status, $out, $err) = $node->sql($cure);
	is($status, 0, "$name: the advice can be followed") or diag("$cure\n$err");
	unlike(findings($object), $finding, "$name: gone");
	return;
}

$node->safe_psql('postgres', q{
	DROP SCHEMA hospital, traps, big CASCADE;
	CREATE ROLE clerk LOGIN; CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher;
	CREATE TABLE people (id int PRIMARY KEY, ssn pii_text(ssn), email pii_text(email));
	INSERT INTO people SELECT i, '900-20-' || 1000 + i, 'u' || i || '@example.org' FROM generate_series(1, 2000) i;
	ANALYZE people});
is(join(' ', sort map { (split /\|/)[1] } split /\n/, findings('.')), 'data_checksums pii.keyring_file', 'a new server: two hints and no more');

provoke('log_scrubbing', 'ALTER SYSTEM SET pii.log_scrubbing = off; SELECT pg_reload_conf()', qr/^error.*server log \(the server\)/, 'log in plain');
provoke('log_scrubbing', 'ALTER DATABASE postgres SET pii.log_scrubbing = off', qr/^error.*\(database postgres\)/, 'log in plain, by the database');
provoke('log_scrubbing', 'ALTER ROLE clerk IN DATABASE postgres SET pii.log_scrubbing = off', qr/^error.*\(role clerk in database postgres\)/, 'log in plain, by a role');
provoke('core_dumps', 'ALTER SYSTEM SET pii.core_dumps = on; SELECT pg_reload_conf()', qr/^error/, 'core dumps');
provoke('accept_unverified', 'ALTER ROLE clerk SET pii.accept_unverified = on', qr/^warning.*role clerk/, 'unverified values');
provoke('write_mode', 'ALTER DATABASE postgres SET pii.write_mode = plain', qr/^error.*in plain/, 'write mode');
provoke('sealed_applications', q{ALTER DATABASE postgres SET pii.sealed_applications = ''}, qr/^warning/, 'no sealed applications');
provoke('public on ssn', q{SELECT pii_grant('public', 'ssn', 'REVEAL')}, qr/^error/, 'REVEAL to everybody');
provoke('public on ssn', q{SELECT pii_grant('public', 'ssn', 'SEARCH')}, qr/^warning/, 'SEARCH to everybody');
provoke('clerk on', q{SELECT pii_grant('clerk', '*', 'REVEAL')}, qr/^warning.*REVEAL/, 'every class', q{SELECT pii_revoke('clerk', '*', 'REVEAL')});
provoke('people.note', 'ALTER TABLE people ADD note pii_text', qr/^warning.*no class/, 'no class', 'ALTER TABLE people ALTER COLUMN note TYPE pii_text(name)');
provoke('people.email', q{ANALYZE people; SELECT count(*) FROM people WHERE email = 'u5@example.org'}, qr/^info.*no blind index/, 'no index');
provoke('people.ssn_md5', 'ALTER TABLE people ADD ssn_md5 text', qr/^warning.*by its name, a hash/, 'hash without a key', 'ALTER TABLE people DROP COLUMN ssn_md5');
provoke('people_old.ssn', 'CREATE TABLE people_old (ssn text)', qr/^warning.*by its name, a copy/, 'copy by name', 'ALTER TABLE people_old DROP COLUMN ssn');
provoke('people.login', 'ALTER TABLE people ADD login text; UPDATE people SET login = upper(pii_reveal(email))', qr/^error.*1000 of 1000 rows/, 'copy in the table', 'ALTER TABLE people DROP COLUMN login');
provoke('mailing.k', 'CREATE TABLE mailing AS SELECT pii_reveal(email) AS k FROM people LIMIT 50', qr/^error.*50 of 50/, 'copy in another table', 'DROP TABLE mailing');
provoke('old.ssn', q{
	CREATE TABLE old AS SELECT i AS id, '900-30-' || 1000 + i AS ssn FROM generate_series(1, 30) i; ANALYZE old;
	ALTER TABLE old ALTER COLUMN ssn TYPE pii_text(ssn) USING ssn::pii_unsealed::pii_text}, qr/^error.*30 of 30 values are not sealed/, 'unsealed');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stats WHERE tablename = 'old' AND attname = 'ssn'}), '0',
	'ALTER TABLE took the statistics of the plaintext away');
# Nothing else would: what if somebody had brought them back.
provoke('old.ssn', q{
	SET allow_system_table_mods = on;
	CREATE TABLE plain AS SELECT '900-30-' || 1000 + i AS v FROM generate_series(1, 300) i; ANALYZE plain;
	CREATE TEMPORARY TABLE copied AS SELECT attnum FROM pg_attribute WHERE attrelid = 'old'::regclass AND attname = 'ssn';
	DELETE FROM pg_statistic WHERE starelid = 'old'::regclass AND staattnum = (SELECT attnum FROM copied);
	UPDATE pg_statistic SET starelid = 'old'::regclass, staattnum = (SELECT attnum FROM copied) WHERE starelid = 'plain'::regclass;
	DROP TABLE plain}, qr/^error.*pg_statistic holds values/, 'statistics with values');
provoke('subscription|publication', 'CREATE PUBLICATION pub FOR TABLE people (id, ssn)', qr/^info.*people.ssn as sealed text/, 'a publication', 'DROP PUBLICATION pub');

provoke('pii.domain', q{ALTER DATABASE postgres SET pii.domain = 'nowhere'}, qr/^warning.*domain "nowhere" is not in the keyring/, 'a domain without keys', 'ALTER DATABASE postgres RESET pii.domain');
my $application = WireSession->connected($node, user => getpwuid($<) || 'postgres');
$application->run(q{SET application_name = 'shop'});
like(findings('^role'), qr/^info\|role \w+\|1 connections of an application are a superuser's/, 'a superuser connection of an application');
$application->run(q{SET application_name = 'psql'});
is(findings('^role'), '', 'gone when it is a person');

provoke('^job', q{
	CREATE TABLE taken (ssn pii_text(ssn));
	INSERT INTO pii_job (kind, relation, attribute, owner, batch, pause, state, last_error)
		VALUES ('rewrap', 'taken', 'ssn', current_user::regrole, 1, '0', 'failed', '42501: permission denied for table taken')},
	qr/^warning.*rewrap of public.taken.ssn failed: 42501: permission denied/, 'a job that failed');

# A table that somebody holds for himself is not waited for; a check that needs it says so.
my $holder = WireSession->connected($node, user => getpwuid($<) || 'postgres');
$holder->run('BEGIN; LOCK TABLE taken');
is($node->safe_psql('postgres', q{SET statement_timeout = '60s'; SELECT count(*), count(indexes) FROM pii_columns WHERE "table" = 'taken'::regclass}), '1|0', 'pii_columns does not wait');
like(findings('.', before => q{SET statement_timeout = '120s';}), qr/could not be checked \(SQLSTATE 55P03\)/, 'pii_check() does not wait for ever');
$holder->run('ROLLBACK');

# Who looks does not run what somebody made a cast of: a type has to be what it is called.
$node->safe_psql('postgres', 'CREATE SCHEMA clerk AUTHORIZATION clerk');
$node->safe_psql('postgres', q{CREATE TYPE clerk.citext AS ENUM ('a'); CREATE DOMAIN clerk.d AS clerk.citext; CREATE TABLE clerk.called (who text);
	CREATE FUNCTION clerk.text(clerk.citext) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'called as %', current_user; RETURN 'a'; END $$;
	CREATE CAST (clerk.citext AS text) WITH FUNCTION clerk.text(clerk.citext);
	CREATE TABLE clerk.bait (email clerk.citext, ssn clerk.d); INSERT INTO clerk.bait VALUES ('a', 'a')}, extra_params => [ '-U', 'clerk' ]);
foreach my $look ('pii_check()', q{pii_discover('clerk')})
{
	(undef, undef, my $told) = $node->sql("SELECT count(*) FROM $look");
	unlike($told, qr/called as/, "$look: a type called citext");
}

# Nor what the expression of an index calls, but as the owner of the table.
$node->safe_psql('postgres', q{CREATE TABLE clerk.indexed (email text, ssn pii_text(ssn)); INSERT INTO clerk.indexed VALUES ('a@b.example', '900-77-0001');
	CREATE FUNCTION clerk.fold(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE WARNING 'called as %', current_user; RETURN 'x'; END $$;
	CREATE INDEX ON clerk.indexed ((clerk.fold(1) || email)); CREATE INDEX ON clerk.indexed (email) WHERE email <> clerk.fold(2);
	CREATE TABLE clerk.forced (v text); INSERT INTO clerk.forced VALUES ('900-77-0002');
	ALTER TABLE clerk.forced ALTER v TYPE pii_text(ssn) USING v::pii_unsealed::pii_text;
	ALTER TABLE clerk.forced ENABLE ROW LEVEL SECURITY; ALTER TABLE clerk.forced FORCE ROW LEVEL SECURITY}, extra_params => [ '-U', 'clerk' ]);
my @looks = ('count(*) FROM pii_check()', q{count(*) FROM pii_discover('clerk')});
foreach my $user (undef, 'watcher')
{
	(undef, undef, my $told) = $node->sql('SELECT count(indexes) FROM pii_columns', user => $user);
	unlike($told, qr/called as/, 'pii_columns calls nothing');
}
foreach my $look (@looks)
{
	(undef, undef, my $told) = $node->sql("SELECT $look");
	like($told, qr/called as clerk/, "$look: the expression of an index");
	unlike($told, qr/called as (?!clerk)/, "$look: is the owner's");
}
like(findings('clerk.forced.v'), qr/^error.*1 of 1 values are not sealed/m, 'a table whose owner sees no rows is looked at all the same');
# Not even where the owner may not read it: PostgreSQL computes more than indexes when it plans.
$node->safe_psql('postgres', q{CREATE TABLE clerk.counted (id int, ssn pii_text(ssn), email text); CREATE STATISTICS clerk.counts ON (id + length(clerk.fold(3))), id FROM clerk.counted;
	CREATE TABLE clerk.parted (id int, ssn pii_text(ssn), email text) PARTITION BY RANGE ((id + length(clerk.fold(4)))); CREATE TABLE clerk.part PARTITION OF clerk.parted FOR VALUES FROM (0) TO (9);
	CREATE TYPE clerk.mood AS ENUM ('ssn', 'b'); CREATE FUNCTION clerk.spelled(clerk.mood) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE WARNING 'called as %', current_user; RETURN 'ssn'; END $$;
	CREATE TABLE clerk.facts (attribute clerk.mood, value pii_text)}, extra_params => [ '-U', 'clerk' ]);
$node->safe_psql('postgres', q{SELECT pii_seal_when('clerk.facts', 'value', 'attribute'); INSERT INTO pii_sealed_attribute VALUES ('clerk.facts', 'ssn', 'ssn');
	UPDATE pii_sealed_attribute SET phase = 'sealed' WHERE "table" = 'clerk.facts'::regclass;
	INSERT INTO clerk.counted VALUES (1, '900-77-0003', 'a@b.example'); INSERT INTO clerk.part VALUES (1, '900-77-0004', 'a@b.example'); INSERT INTO clerk.facts VALUES ('b', '900-77-0005')});
$node->safe_psql('postgres', q{CREATE CAST (clerk.mood AS text) WITH FUNCTION clerk.spelled(clerk.mood);
	REVOKE ALL ON clerk.indexed, clerk.counted, clerk.parted, clerk.facts FROM clerk}, extra_params => [ '-U', 'clerk' ]);
foreach my $look (@looks)
{
	(undef, undef, my $told) = $node->sql("SELECT $look");
	unlike($told, qr/called as (?!clerk)/, "$look: nothing that a table's owner wrote, where he may not read it");
}
like(findings("clerk.$_"), qr/could not be checked \(SQLSTATE 42501\)/, "which is told: $_") foreach qw(indexed.ssn counted.ssn parted.ssn facts.value);
$node->safe_psql('postgres', 'GRANT SELECT ON clerk.facts TO clerk');
unlike(findings('clerk.facts'), qr/could not be checked/, 'an attribute of a type with a cast to text');
(undef, undef, my $cast) = $node->sql('SELECT count(*) FROM pii_check()');
unlike($cast, qr/called as/, 'which nobody calls');
$node->safe_psql('postgres', 'DROP TABLE clerk.counted, clerk.parted, clerk.facts');
$node->safe_psql('postgres', 'DROP TABLE clerk.indexed, clerk.forced');

# Nor operators that were in the schema before the extension, which fit better than PostgreSQL's.
$node->safe_psql('postgres', 'CREATE DATABASE spiked');
$node->safe_psql('spiked', q{DO $$ DECLARE o text; l text; r text; BEGIN
	FOREACH o IN ARRAY '{=,<>,<,>,<=,>=,+,-,*,/}'::text[] LOOP FOREACH l IN ARRAY '{int2,int4,int8,numeric,real,float8,oid,text,name,"\"char\"",regclass,regrole}'::text[] LOOP
	FOREACH r IN ARRAY '{int2,int4,int8,numeric,real,float8,oid,text,name,"\"char\"",regclass,regrole}'::text[] LOOP
		CONTINUE WHEN EXISTS (SELECT FROM pg_operator WHERE oprname = o AND oprleft = l::regtype AND oprright = r::regtype);
		EXECUTE format('CREATE OR REPLACE FUNCTION %I(%s, %s) RETURNS %4$s LANGUAGE sql RETURN NULL::%4$s', 'spike' || o, l, r, CASE WHEN o ~ '[=<>]' THEN 'bool' ELSE 'numeric' END);
		EXECUTE format('CREATE OPERATOR %s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = %I)', o, l, r, 'spike' || o);
	END LOOP; END LOOP; END LOOP; END $$; CREATE EXTENSION pii});
$node->gives(q{SET search_path = pg_catalog; SELECT count(*), string_agg(DISTINCT objid::regclass::text || ' ' || refobjid::regoperator, ', ') FROM (SELECT r.ev_class AS objid, d.refobjid FROM pg_depend AS d
	JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid WHERE d.refclassid = 'pg_operator'::regclass AND d.refobjid >= 16384) AS d}, '0|',
	'no view of the extension uses an operator of somebody else', dbname => 'spiked');
$node->safe_psql('postgres', 'DROP DATABASE spiked');

# Keys: versions, files, and none at all.
my $keyring = $node->keyring;
chmod 0640, $keyring;
like(findings('key files'), qr/^error\|key files\|pii.keyring_file: it has group or world access/, 'the keyring can be read by a group');
chmod 0600, $keyring;
is(findings('key files'), '', 'gone');
rename $keyring, $node->pgdata . '/keyring.json';
symlink $node->pgdata . '/keyring.json', $keyring;
like(findings('key files'), qr/^error.*inside the data directory/, 'a link into the data directory');
unlink $keyring;
rename $node->pgdata . '/keyring.json', $keyring;
is(findings('key files'), '', 'gone');
pii_keyring('add', $keyring, 'seal');
pii_keyring('promote', $keyring, 'seal', '2');
$node->safe_psql('postgres', 'SELECT pii_reload_keyring()');
like(findings('people.ssn'), qr/^info.*2000 of 2000 values are under key version 1, which is not the primary one/m, 'an old version');
$node->safe_psql('postgres', q{CALL pii_rewrap_column('people', 'ssn')});
unlike(findings('people.ssn'), qr/key version/, 'gone');
pii_keyring('disable', $keyring, 'seal', '1');
$node->sql('SELECT pii_reload_keyring()');
like(findings('people.email'), qr/^warning.*2000 of 2000 values cannot be read: their key version 1 is disabled/m, 'a disabled version');
write_private($keyring, '{');
$node->sql('SELECT pii_reload_keyring()');
like(findings('pii_keyring'), qr/^warning\|pii_keyring\|the keyring was refused when it was read again/, 'a keyring that is refused');
$node->restart;
like(findings('pii_keyring'), qr/^warning\|pii_keyring\|no keyring is loaded, personal data is locked/, 'no keyring');
$node->safe_psql('postgres', q{CREATE TABLE locked (v text); INSERT INTO locked VALUES ('900-40-0001'); ALTER TABLE locked ALTER COLUMN v TYPE pii_text(ssn) USING v::pii_unsealed::pii_text});
like(findings('locked.v'), qr/^error.*1 of 1 values are not sealed/m, 'unsealed values are found without keys');

# Who may look, and what comes of what may not be read.
$node->fails('SELECT * FROM pii_check()', '42501', qr/permission denied for function pii_check/, 'not for everybody', user => 'clerk');
like(findings('locked', user => 'watcher'), qr/^warning\|public\.locked\.v\|could not be checked \(SQLSTATE 42501\)/, 'pg_monitor: a table that may not be read is told');

# Without the library most checks cannot run, and say so.
$node->configure(shared_preload_libraries => '', 'pii.keyring_file' => '');
$node->restart;
like(findings('.'), qr/^warning\|shared_preload_libraries\|pii is not preloaded.*^warning\|public\.locked\.v\|could not be checked \(SQLSTATE 55000\)/ms, 'not preloaded');
$node->configure(shared_preload_libraries => 'pii', 'pii.keyring_file' => $keyring);
$node->restart;

# A standby looks at its own keys.
$node->backup('base');
my $standby = PiiCluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
like(findings('standby'), qr/^info\|standby standby\|this server cannot see whether the standby holds the keys/, 'the primary names the standby');
like(findings('pii_keyring', node => $standby), qr/^warning\|pii_keyring\|no keyring is loaded/, 'on the standby its own keys are looked at');
like(findings('locked', node => $standby), qr/^error.*1 of 1 values are not sealed/m, 'and values');

done_testing();

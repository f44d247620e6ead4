# Attacks on adopted columns: plaintext that is stored where nobody adopted a column, rows that nobody can read, results that differ
# from those of sealed values, and commands that mislead what keeps the books.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PiiCluster;
use PostgreSQL::Test::Utils;
use Test::More;

local $SIG{ALRM} = sub { die "the test hangs\n" };
alarm 300;

my $node = PiiCluster->started('main', conf => "autovacuum = off\n");
my $adopt = 'ALTER ssn TYPE pii_text(ssn) USING ssn::pii_unsealed::pii_text';

# Makes a table of n rows with an adopted column.
sub adopted
{
	my ($table, $rows) = @_;
	$node->safe_psql('postgres', "CREATE TABLE $table (id int PRIMARY KEY, ssn text, note text);
		INSERT INTO $table SELECT i, '123-45-' || to_char(i, 'FM0000') FROM generate_series(1, $rows) i; ALTER TABLE $table $adopt");
	return;
}

# ---------------------------------------------------------------------------------------------------------------------
# Another column than the adopted one holds no plaintext

adopted('people', 8);
$node->safe_psql('postgres', q{ALTER TABLE people ADD former pii_text(ssn); CREATE TABLE history (way text, ssn pii_text(ssn));
	CREATE FUNCTION by_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO history VALUES ('value', OLD.ssn);
		INSERT INTO history SELECT 'row', (OLD).ssn; INSERT INTO history VALUES ('one', OLD.ssn), ('two', OLD.ssn); RETURN NULL; END $$;
	CREATE FUNCTION by_table() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO history SELECT 'table', ssn FROM gone; RETURN NULL; END $$;
	CREATE TRIGGER by_row AFTER DELETE ON people FOR EACH ROW EXECUTE FUNCTION by_row();
	CREATE TRIGGER by_table AFTER DELETE ON people REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION by_table()});
my %writes = (
	'OLD and a transition table' => ['DELETE FROM people WHERE id = 1', 'history'],
	'ON CONFLICT' => [q{INSERT INTO people (id, ssn) VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET former = people.ssn}, 'people', 'former'],
	'MERGE' => ['MERGE INTO people p USING (VALUES (3)) v (i) ON p.id = v.i WHEN MATCHED THEN UPDATE SET former = p.ssn', 'people', 'former'],
	'UPDATE' => ['UPDATE people SET former = ssn WHERE id = 4', 'people', 'former'],
	'a question about the stored form' => ['CREATE TABLE asked AS SELECT ssn FROM people ORDER BY pii_is_sealed(ssn), id', 'asked'],
	'a question above' => ['CREATE TABLE above AS SELECT s.ssn, o.id FROM people s JOIN people o USING (id) WHERE pii_is_sealed(s.ssn) OR NOT pii_is_sealed(o.ssn)', 'above'],
	'INSERT with a question' => [q{INSERT INTO history SELECT 'asks', ssn FROM (SELECT ssn FROM people OFFSET 0) s ORDER BY pii_is_sealed(ssn)}, 'history']);
foreach my $way (sort keys %writes)
{
	my ($statement, $table, $column) = (@{ $writes{$way} }, 'ssn');
	$node->safe_psql('postgres', $statement);
	$node->gives("SELECT count(*) FILTER (WHERE NOT pii_is_sealed($column)), bool_and($column\::text LIKE '123-45-%') FROM $table WHERE $column IS NOT NULL",
		'0|t', "$way: values are sealed and whole");
}
$node->gives('SELECT string_agg(DISTINCT way, $$ $$ ORDER BY way) FROM history', 'asks one row table two value', 'all ways were gone');

# ---------------------------------------------------------------------------------------------------------------------
# Conditions show values as the rest of the statement does

adopted('mixed', 4);
$node->safe_psql('postgres', q{UPDATE mixed SET ssn = '123-45-0002' WHERE id = 2});
foreach my $condition (q{ssn::text LIKE '123-45-%'}, q{to_jsonb(mixed)->>'ssn' LIKE '123%'}, q{format('%s', ssn) <> '****'}, 'ssn IS NOT NULL', q{ssn <> 'x'})
{
	$node->gives("SELECT count(*) FROM mixed WHERE $condition", '4', "WHERE $condition");
}
foreach my $condition (q{ssn = '123450002'}, q{ssn = '123 45 0001'}, q{ssn IN ('123450001', 'x')}, q{ssn = ANY (ARRAY['123450001', 'x'])})
{
	$node->gives("SELECT count(*) FROM mixed WHERE $condition", '1', "WHERE $condition");
}
$node->gives('SELECT count(*) FROM (SELECT ssn FROM mixed OFFSET 0) s WHERE NOT pii_is_sealed(ssn)', '3', 'who counts what is not sealed sees it');
$node->safe_psql('postgres', q{CREATE TABLE open (id int, ssn text); INSERT INTO open VALUES (1, '123-45-6789');
	ALTER TABLE open ALTER ssn TYPE pii_text USING ssn::pii_unsealed::pii_text});
$node->gives(q{SELECT ssn FROM open}, '123-45-6789', 'a column without a class');
$node->safe_psql('postgres', 'CREATE TABLE copied AS SELECT ssn FROM open');
$node->gives('SELECT pii_is_sealed(ssn) FROM copied', 't', 'a copy of a column without a class');

# PostgreSQL has scans hand up whole rows below joins and aggregates.
$node->gives("SET pii.domain = 'none'; $_", '4', "without keys, what reads no value: $_")
  foreach 'SELECT count(*) FROM mixed', 'SELECT max(id) FROM mixed', 'SELECT count(a.id) FROM mixed a JOIN mixed b ON a.id < b.id + 1 AND b.id = 4';
$node->fails("SET pii.domain = 'none'; SELECT count(*) FROM (SELECT DISTINCT ssn FROM mixed) s", '55000', qr//, 'without keys, what reads them');
$node->gives('SET enable_hashjoin = off; SET enable_mergejoin = off; SELECT count(a.ssn), min(b.ssn::text), max(b.note) FROM mixed a JOIN mixed b ON a.id <= b.id GROUP BY a.note',
	'10|123-45-0001|', 'what a join and an aggregate read is there');

# ---------------------------------------------------------------------------------------------------------------------
# A session that lives through it

$node->safe_psql('postgres', q{CREATE TABLE live (id int, ssn text); INSERT INTO live VALUES (1, '123-45-6789');
	CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.ssn = 'x' THEN RAISE 'x'; END IF; NEW.ssn := NEW.ssn; RETURN NEW; END $$;
	CREATE TRIGGER keep BEFORE UPDATE ON live FOR EACH ROW EXECUTE FUNCTION keep();
	CREATE FUNCTION loop() RETURNS SETOF text LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM live LOOP RETURN NEXT r.ssn; END LOOP; END $$});
my $uses = q{EXECUTE one; EXECUTE renewed('123-45-6789'); SELECT loop();};
$node->gives(qq{PREPARE one AS SELECT ssn FROM live; PREPARE renewed(text) AS UPDATE live SET ssn = \$1 RETURNING ssn; $uses
	BEGIN; ALTER TABLE live $adopt; $uses ROLLBACK; $uses ALTER TABLE live $adopt; $uses},
	join("\n", ('123-45-6789') x 12), 'prepared statements, triggers and functions, also when it is rolled back');

# ---------------------------------------------------------------------------------------------------------------------
# What is stored already is data

my @dirty = ('***-**-6789', '****', '[ssn]', '', 'pii:v1:garbage');
$node->safe_psql('postgres', 'CREATE TABLE dirty (id int, ssn text); INSERT INTO dirty VALUES '
	. join(', ', map { "($_, '$dirty[$_]')" } 0 .. $#dirty) . "; ALTER TABLE dirty $adopt");
my $sealed = $node->safe_psql('postgres', q{SET pii.view = sealed; SELECT ssn FROM mixed WHERE id = 2});
$node->safe_psql('postgres', "CREATE TABLE stolen (id int, ssn text); INSERT INTO stolen VALUES (1, '$sealed'); ALTER TABLE stolen $adopt");
foreach my $phase (qw(adopted sealed))
{
	$node->gives('SELECT ssn FROM dirty ORDER BY id', join("\n", @dirty), "$phase: what looks like a mask or sealed text is shown as it is");
	$node->gives('SELECT ssn FROM stolen', $sealed, "$phase: sealed text that was stored as text is not opened");
	$node->safe_psql('postgres', "CALL pii_seal_column('$_', 'ssn')") foreach qw(dirty stolen);
}
$node->gives('SELECT count(*) FROM dirty WHERE pii_is_sealed(ssn)', scalar @dirty, 'all of it is sealed');
$node->safe_psql('postgres', "CALL pii_unseal_column('dirty', 'ssn')");
$node->gives('SELECT ssn FROM dirty ORDER BY id', join("\n", @dirty), 'and comes back as it was');
$node->fails(q{INSERT INTO dirty VALUES (9, '***-**-6789')}, '22023', qr/a masked value cannot be stored/, 'a new mask is refused all the same');

# ---------------------------------------------------------------------------------------------------------------------
# Plaintext of one class does not become another one, which a role may reveal

$node->safe_psql('postgres', q{CREATE ROLE mailer LOGIN; SELECT pii_grant('mailer', 'email', 'REVEAL'); GRANT SELECT ON mixed TO mailer});
foreach my $call ('pii_seal_adopted(ssn, 2, false)', 'pii_seal_adopted(ssn, 0, false)', 'ssn::pii_text(email)', 'pii_rewrap(ssn)')
{
	$node->fails("SELECT pii_reveal($call) FROM mixed", '42501', qr/role "mailer" may not reveal values of class ssn/, "$call of plaintext", user => 'mailer');
}

# A question about the stored form lets plaintext up. A function that gets it does not know its class.
$node->safe_psql('postgres', q{CREATE FUNCTION leak(v pii_text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN pii_reveal(pii_rewrap(v)); END $$;
	CREATE DOMAIN checked AS pii_text CHECK (leak(VALUE) IS NOT NULL);
	CREATE FUNCTION pick_leaking(a text, v pii_text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN coalesce(a, leak(v)); END';
	CREATE AGGREGATE leaked(pii_text) (SFUNC = pick_leaking, STYPE = text); GRANT USAGE ON TYPE checked TO mailer});
foreach my $leak ('max(leak(s.ssn))', 'leaked(s.ssn)', 'max(s.ssn::checked::text)', 'count(*) FILTER (WHERE leak(s.ssn) > $$$$)')
{
	$node->fails("SELECT $leak FROM (SELECT ssn FROM mixed OFFSET 0) s WHERE NOT pii_is_sealed(s.ssn) OR leak(s.ssn) > ''", '42501', qr/may not reveal/,
		"$leak beside a question", user => 'mailer');
	$node->gives("SELECT coalesce(($leak)::text, '0') IN ('0') FROM (SELECT ssn FROM mixed OFFSET 0) s WHERE NOT pii_is_sealed(s.ssn)", 't',
		"$leak behind a question", user => 'mailer');
}

foreach my $how (qw(hash nest))
{
	my $off = $how eq 'hash' ? 'SET enable_nestloop = off' : 'SET enable_hashjoin = off; SET enable_mergejoin = off';
	$node->gives("$off; SELECT count(*) FROM (SELECT ssn FROM mixed OFFSET 0) s JOIN pg_class c ON c.relname = leak(s.ssn) WHERE NOT pii_is_sealed(s.ssn)",
		'0', "a join by a function, behind a question: $how", user => 'mailer');
}

# Nor is plaintext behind a question compared by what asks for no privilege: its bytes would tell order and length.
$node->safe_psql('postgres', q{CREATE ROLE peeper LOGIN; CREATE SCHEMA peeper AUTHORIZATION peeper; GRANT SELECT, UPDATE ON mixed TO peeper});
$node->safe_psql('postgres', q{CREATE TABLE peeper.mine (ssn text); INSERT INTO peeper.mine VALUES ('123-45-0003'), ('2');
	ALTER TABLE peeper.mine ALTER ssn TYPE pii_text(ssn) USING ssn::pii_unsealed::pii_text}, extra_params => [ '-U', 'peeper' ]);
my $both_stored = '(SELECT ssn FROM mixed OFFSET 0) a, (SELECT ssn FROM peeper.mine OFFSET 0) b WHERE NOT pii_is_sealed(a.ssn) AND NOT pii_is_sealed(b.ssn)';
foreach my $use ('record_image_eq(ROW(a.ssn), ROW(b.ssn))', 'record_image_lt(ROW(a.ssn), ROW(b.ssn))', 'record_image_eq(a, b)', 'btrecordimagecmp(a, b) < 0',
	'record_image_eq(ROW(ARRAY[a.ssn]), ROW(ARRAY[b.ssn]))', 'record_image_eq(ROW(ARRAY(SELECT a.ssn)), ROW(ARRAY(SELECT b.ssn)))',
	'record_image_eq(ROW(coalesce(a.ssn)), ROW(CASE WHEN true THEN b.ssn END))', 'pg_column_size(a.ssn) < 20', q{(a.ssn || '') IS NOT NULL})
{
	$node->gives("SELECT count(*) FROM $both_stored AND $use", '0', "$use behind a question", user => 'peeper');
}
$node->gives("SELECT count(*), sum(pg_column_size(a.ssn)), max(pg_column_size(ROW(b.ssn))) FROM $both_stored", '0||', 'what is given behind a question', user => 'peeper');
my $inner = 'SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET cpu_tuple_cost = 10';
$node->gives("$inner; SELECT count(*) FROM (SELECT ssn FROM mixed OFFSET 0) a, LATERAL (SELECT a.ssn AS v FROM peeper.mine OFFSET 0) b WHERE NOT pii_is_sealed(a.ssn)",
	'0', 'values that are kept by their bytes', user => 'peeper');
$node->gives(q{SELECT count(*), count(ssn), count(ssn::text) FROM (SELECT ssn FROM mixed OFFSET 0) s WHERE NOT pii_is_sealed(ssn)}, '3|3|3',
	'who counts still sees the truth', user => 'peeper');

# Nor by a function that is called while pii_verify_column() plans how it reads what is stored.
$node->safe_psql('postgres', q{CREATE TABLE peeper.verified (v pii_text(ssn)); INSERT INTO peeper.verified VALUES ('1');
	CREATE FUNCTION peeper.fold(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE n int; BEGIN
		EXECUTE 'SELECT count(*) FROM mixed a, peeper.mine b WHERE record_image_eq(ROW(a.ssn), ROW(b.ssn))' INTO n; RAISE NOTICE '% alike', n; RETURN true; END $$;
	ALTER TABLE peeper.verified ENABLE ROW LEVEL SECURITY; ALTER TABLE peeper.verified FORCE ROW LEVEL SECURITY;
	CREATE POLICY folded ON peeper.verified USING (peeper.fold(1))}, extra_params => [ '-U', 'peeper' ]);
my (undef, $verified, $folded) = $node->sql(q{CALL pii_verify_column('peeper.verified', 'v')}, user => 'peeper');
is($verified, '1|0|0|0', 'pii_verify_column() of a table with a policy');
is(join(' ', $folded =~ /NOTICE:  (?:00000: )?(.* alike)/g), '0 alike', 'whose functions see no plaintext');

# The condition of a view gets a row that is to be stored, and plaintext in it.
$node->safe_psql('postgres', q{CREATE FUNCTION peeper.look(v pii_text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'sealed %, %', pii_is_sealed(v), v; RETURN true; END $$;
	CREATE VIEW peeper.looking AS SELECT * FROM mixed WHERE peeper.look(ssn) WITH CHECK OPTION}, extra_params => [ '-U', 'peeper' ]);
my ($status, $shown, $notices) = $node->sql(q{UPDATE peeper.looking SET note = 'x' WHERE id = 1}, user => 'peeper');
is(join(' ', $notices =~ /NOTICE:  (?:00000: )?(sealed .*)/g), 'sealed t, ***-**-0001 sealed t, ***-**-0001', 'WITH CHECK OPTION');

# What is unsealed somebody may reveal. Everybody can have a table of his own unsealed, and copy to it what he sees masked.
$node->safe_psql('postgres', q{CREATE SCHEMA mailer AUTHORIZATION mailer; CREATE TABLE sealed (ssn pii_text(ssn)); INSERT INTO sealed VALUES ('123-45-6789');
	GRANT SELECT ON sealed TO mailer});
my $mine = q{CREATE TABLE mailer.mine (v text); ALTER TABLE mailer.mine ALTER v TYPE pii_text(email) USING v::pii_unsealed::pii_text};
my $copied = q{INSERT INTO mailer.mine SELECT ssn FROM sealed};
my $form = q{SELECT v, pii_is_sealed(v) FROM mailer.mine; DROP TABLE mailer.mine};
my @mailer = (user => 'mailer');
$node->gives(qq{$mine; CALL pii_unseal_column('mailer.mine', 'v'); ALTER TABLE mailer.mine ALTER v TYPE pii_text; $copied; $form},
	"0\n***-**-6789|t", 'a column that is unsealed and loses its class', @mailer);
$node->gives(qq{$mine; CALL pii_unseal_column('mailer.mine', 'v'); ALTER TABLE mailer.mine ALTER v TYPE pii_text(ssn); $copied; ALTER TABLE mailer.mine ALTER v TYPE pii_text; $form},
	"0\n***-**-6789|t", 'one that takes another class', @mailer);
$node->gives(qq{$mine; CALL pii_unseal_column('mailer.mine', 'v'); ALTER TABLE mailer.mine ALTER v TYPE text USING '';
	ALTER TABLE mailer.mine ALTER v TYPE pii_text(ssn) USING pii_seal(v, 'ssn'); $copied; ALTER TABLE mailer.mine ALTER v TYPE pii_text; $form},
	"0\n***-**-6789|t", 'one that was text meanwhile', @mailer);
$node->gives(qq{$mine; CALL pii_unseal_column('mailer.mine', 'v'); INSERT INTO mailer.mine VALUES ('a\@b.example'); $form}, "0\na\@b.example|f",
	'what he may reveal becomes plaintext', @mailer);
$node->safe_psql('postgres', q{ALTER ROLE mailer SET pii.write_mode = plain});
(my $of_ssn = $mine) =~ s/email/ssn/;
$node->gives(qq{$of_ssn; $copied; ALTER TABLE mailer.mine ALTER v TYPE pii_text; $form}, '***-**-6789|t', 'nor does pii.write_mode unseal it', @mailer);
$node->gives(qq{$mine; INSERT INTO mailer.mine VALUES ('a\@b.example'); $form}, 'a@b.example|f', 'but what he may reveal', @mailer);
$node->safe_psql('postgres', q{ALTER ROLE mailer RESET pii.write_mode});
$node->safe_psql('postgres', q{CREATE TABLE mailer.theirs (v pii_text(ssn)); INSERT INTO mailer.theirs SELECT ssn FROM sealed}, extra_params => [ '-U', 'mailer' ]);
$node->fails(q{CALL pii_unseal_column('mailer.theirs', 'v')}, '42501', qr/the owner of table "theirs" may not reveal its values/, 'nobody unseals the table of one who may not reveal');
$node->gives(q{SELECT v, pii_is_sealed(v) FROM mailer.theirs}, '123-45-6789|t', 'and its values stay sealed');
$node->safe_psql('postgres', q{SELECT pii_grant('mailer', 'ssn', 'REVEAL')});
$node->gives(q{CALL pii_unseal_column('mailer.theirs', 'v'); SELECT v, pii_is_sealed(v) FROM mailer.theirs}, "1\n123-45-6789|f", 'that of one who may is unsealed');
$node->safe_psql('postgres', q{SELECT pii_revoke('mailer', 'ssn', 'REVEAL')});

# ---------------------------------------------------------------------------------------------------------------------
# Who adopts runs nothing of somebody else's

$node->safe_psql('postgres', q{CREATE TABLE plain (id int, ssn text, note text); INSERT INTO plain VALUES (1, '123-45-6789'); GRANT SELECT ON plain TO peeper});
foreach my $type (qw(text pii_text))
{
	$node->safe_psql('postgres', qq{CREATE FUNCTION peeper.boom($type) RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN RAISE WARNING 'called as %', current_user; RETURN 'x'; END \$\$},
		extra_params => [ '-U', 'peeper' ]);
}
$node->safe_psql('postgres', 'CREATE MATERIALIZED VIEW peeper.filled AS SELECT id, peeper.boom(ssn) FROM plain', extra_params => [ '-U', 'peeper' ]);
($status, $shown, $notices) = $node->sql(q{CALL pii_adopt('plain', 'ssn', 'ssn', replace => true)});
like($notices, qr/called as peeper/, 'a materialized view is filled again');
unlike($notices, qr/called as (?!peeper)/, 'with the rights of its owner');
$node->gives('SELECT * FROM peeper.filled', '1|x', 'and holds what it held');

$node->safe_psql('postgres', qq{CREATE TABLE peeper.bait (a text, b text); CREATE INDEX "x\nALTER ROLE peeper SUPERUSER; --" ON peeper.bait ((a || b))}, extra_params => [ '-U', 'peeper' ]);
$node->gives(q{SELECT create_statement ~ '^-- CREATE INDEX "x ALTER', create_statement ~ '[\n\r]' FROM pii_adoption_obstacles('peeper.bait', 'a', 'ssn') WHERE kind = 'index'},
	't|f', 'a name with a line break does not end a comment');

# ---------------------------------------------------------------------------------------------------------------------
# The books

adopted('numbers', 1);
$node->safe_psql('postgres', q{ALTER TABLE numbers ALTER ssn TYPE int USING replace(pii_reveal(ssn), '-', '')::int});
$node->succeeds('SET pii.write_mode = plain; INSERT INTO numbers VALUES (2, 77); UPDATE numbers SET ssn = ssn + 1', 'a column that is a number by now');
$node->gives('SELECT ssn FROM numbers WHERE id = 2', '78', 'and what it holds');

$node->safe_psql('postgres', q{CREATE TABLE pair (a text, b text); INSERT INTO pair VALUES ('1-1', '2-2')});
$node->fails('ALTER TABLE pair ALTER a TYPE pii_text(ssn) USING a::pii_unsealed::pii_text, ALTER b TYPE pii_text(ssn) USING a::pii_unsealed::pii_text',
	'0A000', qr/USING takes the plaintext of another column over pii_unsealed/, 'a column that takes along what another one adopts');
$node->succeeds('ALTER TABLE pair ALTER a TYPE pii_text(ssn) USING a::pii_unsealed::pii_text, ALTER b TYPE pii_text(ssn) USING b::pii_unsealed::pii_text',
	'two columns, each with its own');

adopted('victim', 1);
$node->safe_psql('postgres', q{CALL pii_seal_column('victim', 'ssn'); CREATE ROLE eve LOGIN; CREATE SCHEMA eve AUTHORIZATION eve;
	CREATE TRIGGER pii_write_mode BEFORE INSERT OR UPDATE ON victim FOR EACH ROW EXECUTE FUNCTION pii_write_mode()});
$node->fails(q{CREATE TABLE eve.victim (id int, ssn text); CREATE FUNCTION eve.lead() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN SET search_path = public; RETURN true; END $$;
	INSERT INTO eve.victim VALUES (1, 'x'); SET search_path = eve, public;
	ALTER TABLE victim ALTER ssn TYPE pii_text USING CASE WHEN eve.lead() THEN ssn::pii_unsealed::pii_text END},
	'55006', qr/the altered table has another name now/, 'another table by the same name', user => 'eve');
$node->gives(q{SELECT phase FROM pii_adopted_column WHERE relation = 'victim'::regclass}, 'sealed', 'and its phase');

$node->safe_psql('postgres', q{CREATE TABLE parts (id int, ssn text) PARTITION BY LIST (id); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
	INSERT INTO parts VALUES (1, '123-45-6789')});
$node->safe_psql('postgres', "ALTER TABLE parts $adopt; CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2); UPDATE parts SET id = 2");
$node->gives(q{SELECT ssn, pii_is_sealed(ssn) FROM parts_2}, '123-45-6789|f', 'a row that moved to a partition made since');
$node->safe_psql('postgres', q{SET pii.write_mode = plain; INSERT INTO parts VALUES (2, '912-00-1234')});
$node->gives(q{SELECT count(*) FROM parts_2 WHERE NOT pii_is_sealed(ssn)}, '2', 'pii.write_mode counts for it');
$node->safe_psql('postgres', q{CALL pii_seal_column('parts', 'ssn')});
$node->gives(q{SELECT count(*) FROM parts WHERE NOT pii_is_sealed(ssn)}, '0', 'it is sealed with the others');

# Sealing that waits for a writer does not end after another session has begun to unseal.
adopted('race', 3);
my $writer = $node->background_psql('postgres', on_error_stop => 1);
$writer->query_safe('BEGIN; LOCK TABLE race IN ROW EXCLUSIVE MODE');
my $seal = IPC::Run::start([ 'psql', '-XAt', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres'), '-c', q{CALL pii_seal_column('race', 'ssn')} ],
	'>', \my $out, '2>', \my $err);
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND locktype = 'virtualxid'}) or die 'the sealing does not wait';
$node->safe_psql('postgres', q{UPDATE pii_adopted_column SET phase = 'unsealing' WHERE relation = 'race'::regclass});
$writer->query_safe('COMMIT');
$seal->finish;
like($err, qr/55006: another session unseals the column/, 'sealing that another session undoes does not end as if it were done');
$node->gives(q{SELECT phase FROM pii_adopted_column WHERE relation = 'race'::regclass}, 'unsealing', 'and the phase is that of the other');
$writer->quit;

$node->stop;
done_testing();

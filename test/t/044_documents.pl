# Sealed values in jsonb documents: a trigger for every writer, search by an index while keys rotate, dumps, the log, other
# encodings, large and deep documents, and what goes wrong.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use LogMarkers;
use LoudServer;
use PiiCluster;
use PostgreSQL::Test::Utils;
use RotatingServer;
use Test::More;
use WireSession;

srand 44;
my $node = RotatingServer->started('main', conf => "max_stack_depth = '1MB'\nautovacuum = off\n");
my $paths = q('{"$.ssn": "ssn", "$.people[*].name": "name", "$.account": "account"}');
my @clerk = (user => 'clerk');
$node->safe_psql('postgres', qq{
	CREATE ROLE clerk LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE searcher LOGIN;
	SELECT pii_grant('reader', '*', 'REVEAL'), pii_grant('searcher', 'ssn', 'SEARCH');
	CREATE TABLE docs (id int PRIMARY KEY, doc jsonb, n int DEFAULT 0);
	CREATE TRIGGER seal BEFORE INSERT OR UPDATE ON docs FOR EACH ROW EXECUTE FUNCTION pii_seal_json_trigger('doc', $paths);
	GRANT ALL ON docs TO clerk, reader, searcher});

# ---------------------------------------------------------------------------------------------------------------------
# Writers without any privilege on values

my @rows = map { sprintf '%d	{"ssn": "912-31-%04d", "people": [{"name": "Marker Name%d"}, {"name": "Marker Other%d", "age": 7}], "account": {"no": %d}, "city": "Springfield"}',
	$_, 6000 + $_, $_, $_, 4711000 + $_ } 1 .. 300;
$node->succeeds("COPY docs (id, doc) FROM STDIN;\n" . join("\n", @rows) . "\n\\.\n", 'COPY by a clerk', @clerk);
$node->gives('SELECT count(*), count(*) FILTER (WHERE doc::text ~ \'Marker|912-31|4711\') FROM docs', '300|0', 'nothing is left in plain');
$node->gives(q{SELECT count(*) FROM docs WHERE doc @> '{"city": "Springfield"}'}, '300', 'the rest of a document can be queried', @clerk);
$node->gives('SELECT pii_show_json(doc) FROM docs WHERE id = 7',
	'{"ssn": "***-**-6007", "city": "Springfield", "people": [{"name": "M*** N***"}, {"age": 7, "name": "M*** O***"}], "account": "****"}',
	'the clerk sees masks', @clerk);
$node->gives('SELECT pii_reveal_json(doc) FROM docs WHERE id = 7',
	'{"ssn": "912-31-6007", "city": "Springfield", "people": [{"name": "Marker Name7"}, {"age": 7, "name": "Marker Other7"}], "account": {"no": 4711007}}',
	'a reader all of it', user => 'reader');
$node->safe_psql('postgres', 'CHECKPOINT');
my %needles = map { $_ => $_ } ('Marker Name', 'Marker Other', '912-31-6', '4711007');
is(join("\n", search_files(\%needles, files_below($node->pgdata . '/base', $node->pgdata . '/pg_wal'))), '', 'no plaintext in tables and WAL');

$node->succeeds('UPDATE docs SET n = n + 1', 'the clerk writes another column', @clerk);
$node->succeeds(q{UPDATE docs SET doc = jsonb_set(doc, '{city}', '"Shelbyville"')}, 'and another member', @clerk);
$node->succeeds(q{UPDATE docs SET doc = jsonb_set(doc, '{people}', jsonb_build_array('{"name": "Marker New"}'::jsonb) || (doc -> 'people')) WHERE id = 1},
	'an element in front of those that are sealed', @clerk);
$node->gives(q{SELECT pii_show_json(doc) -> 'people' FROM docs WHERE id = 1},
	'[{"name": "Marker New"}, {"name": "Marker Name1"}, {"age": 7, "name": "Marker Other1"}]', 'they are there', user => 'reader');
$node->fails('UPDATE docs SET doc = pii_show_json(doc)', '22023', qr/a masked value cannot be stored/, 'what the clerk was shown is no data', @clerk);
$node->succeeds('DO $$ BEGIN FOR i IN 1..3 LOOP UPDATE docs SET doc = doc || jsonb_build_object(\'i\', i) WHERE id = 2; END LOOP; END $$', 'in a loop of PL/pgSQL', @clerk);
$node->gives(qq{SELECT count(*) FROM docs AS d, LATERAL (SELECT pii_seal_json(pii_reveal_json(d.doc), $paths) AS doc) AS again WHERE again.doc = d.doc},
	'0', 'sealed again, a document has other bytes');

# ---------------------------------------------------------------------------------------------------------------------
# Stolen text

my ($stolen, $sealed_doc, $from_doc) = split /\|/, $node->safe_psql('postgres', qq{
	SELECT pii_sealed(pii_seal('912-31-7777', 'ssn')), doc, doc ->> 'ssn' FROM docs WHERE id = 3});
$node->gives("SELECT pii_reveal_json(jsonb_build_object('ssn', '$stolen')) ->> 'ssn' = '$stolen'", 't', 'text of a column does not open in a document', user => 'reader');
$node->gives("SELECT pii_show_json(jsonb_build_object('ssn', '$stolen')) ->> 'ssn' = '$stolen'", 't', 'and is not shown', user => 'reader');
foreach my $text ($stolen, $from_doc)
{
	my $what = $text eq $stolen ? 'a column' : 'another row';
	$node->fails("INSERT INTO docs VALUES (1000, jsonb_build_object('ssn', '$text'))", '42501', qr/role "reader" may not import values of class ssn/,
		"text of $what takes IMPORT to come in", user => 'reader');
	$node->fails("UPDATE docs SET doc = jsonb_build_object('ssn', '$text') WHERE id = 4", '42501', qr/may not import values of class ssn/,
		"text of $what takes IMPORT in an UPDATE", user => 'reader');
	$node->fails("INSERT INTO docs VALUES (1, jsonb_build_object('ssn', '$text')) ON CONFLICT (id) DO UPDATE SET doc = excluded.doc", '42501',
		qr/may not import values of class ssn/, "text of $what takes IMPORT in ON CONFLICT", user => 'reader');
	$node->fails("BEGIN; SAVEPOINT a; INSERT INTO docs VALUES (1000, jsonb_build_object('ssn', '$text')); ROLLBACK TO a;
		INSERT INTO docs VALUES (1000, jsonb_build_object('ssn', '$text'))", '42501', qr/may not import values/, "text of $what, tried before", user => 'reader');
}
$node->fails("SELECT '$from_doc'::pii_text(ssn)", '0A000', qr/sealed value is bound to the context/, 'text of a document does not open in a column');
$node->fails(qq{SELECT pii_blind_index(jsonb_build_object('ssn', '$stolen'), '\$.ssn', 'ssn')}, '22023', qr/has sealed text of a column where it is searched/,
	'text of a column cannot be compared by way of a document', user => 'searcher');
$node->fails(qq{SELECT pii_blind_index('$sealed_doc'::jsonb, '\$.account', 'ssn')}, '42501', qr/may not search values of class account/,
	'SEARCH on the class of the index is not enough', user => 'searcher');
$node->fails(qq{SELECT pii_blind_index('$sealed_doc'::jsonb, '\$.account.no', 'ssn')}, '42501', qr/may not search values of class account/,
	'nor for what is within a sealed object', user => 'searcher');

# ---------------------------------------------------------------------------------------------------------------------
# Damage and missing keys

my $damaged = $from_doc;
substr($damaged, 60, 1) = substr($damaged, 60, 1) eq 'A' ? 'B' : 'A';
foreach my $function (qw(reveal mask show rewrap))
{
	my $error = $node->fails("SELECT pii_${function}_json(jsonb_build_object('a', 1, 'ssn', '$damaged'))", 'XX001', qr/could not authenticate sealed value/, "pii_${function}_json: a damaged value");
	unlike($error, qr/\Q$damaged\E/, 'it is not repeated');
	$node->fails("SELECT pii_${function}_json(jsonb_build_object('ssn', left('$damaged', 40)))", '22P02', qr/malformed sealed text/, "pii_${function}_json: half a value");
}
$node->safe_psql('postgres', "CREATE TABLE bad (doc jsonb); INSERT INTO bad VALUES (jsonb_build_object('ssn', '$damaged')), ('$sealed_doc')");
$node->fails(q{CREATE INDEX ON bad (pii_blind_index(doc, '$.ssn', 'ssn'))}, 'XX001', qr/could not authenticate sealed value/, 'no index of what cannot be read');
$node->safe_psql('postgres', q{DELETE FROM bad WHERE pii_json_key_versions(doc) = '{1}' AND NOT doc ? 'city';
	CREATE INDEX bad_ssn ON bad (pii_blind_index(doc, '$.ssn', 'ssn')); CREATE INDEX bad_names ON bad USING gin (pii_json_index(doc, '$.people[*].name', 'name'))});
$node->succeeds('ANALYZE bad', 'ANALYZE');

my $keyring = $node->keyring;
rename $keyring, "$keyring.away";
$node->restart;
$node->fails('SELECT pii_reveal_json(doc) FROM docs', '55000', qr/no keyring is loaded|keyring is not loaded|keys/, 'no keys: nothing is revealed');
$node->fails('SELECT pii_mask_json(doc) FROM docs', '55000', qr/key/, 'no keys: no masks');
$node->fails(q{INSERT INTO docs VALUES (1000, '{"ssn": "912-31-8888"}')}, '55000', qr/key/, 'no keys: nothing is stored in plain');
$node->succeeds(q{INSERT INTO docs VALUES (1000, '{"city": "Springfield"}')}, 'no keys: a document without values is written');
$node->succeeds('UPDATE docs SET n = n + 1', 'no keys: sealed documents stay as they are');
$node->gives('SELECT DISTINCT pii_json_key_versions(doc) FROM docs ORDER BY 1', "{}\n{1}", 'no keys: versions can be counted');
$node->succeeds('ANALYZE bad; ANALYZE docs', 'no keys: ANALYZE');
rename "$keyring.away", $keyring;
$node->restart;
$node->gives(q{SELECT count(*) FROM docs WHERE pii_reveal_json(doc) ->> 'ssn' LIKE '912-31-6%'}, '300', 'with the keys all is there');
$node->safe_psql('postgres', 'DELETE FROM docs WHERE id = 1000; DROP TABLE bad');

# ---------------------------------------------------------------------------------------------------------------------
# Search, while documents are sealed and while keys rotate

$node->safe_psql('postgres', q{
	CREATE TABLE mixed (id int PRIMARY KEY, doc jsonb);
	INSERT INTO mixed SELECT id, pii_reveal_json(doc) FROM docs;
	CREATE INDEX mixed_ssn ON mixed (pii_blind_index(doc, '$.ssn', 'ssn'));
	CREATE INDEX mixed_names ON mixed USING gin (pii_json_index(doc, '$.people[*].name', 'name'));
	ANALYZE mixed});
my $by_ssn = q{SELECT count(*) FROM generate_series(1, 300) AS i WHERE i = (SELECT id FROM mixed
	WHERE pii_blind_index(doc, '$.ssn', 'ssn') = ANY (pii_search_terms('91231' || 6000 + i, 'ssn')))};
my $by_name = q{SELECT count(*) FROM generate_series(1, 300) AS i WHERE i = (SELECT id FROM mixed
	WHERE pii_json_index(doc, '$.people[*].name', 'name') @> pii_json_terms('MARKER OTHER' || i, 'name'))};
sub finds_all
{
	my ($when) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach ([ $by_ssn, 'mixed_ssn' ], [ $by_name, 'mixed_names' ])
	{
		my ($query, $index) = @$_;
		$node->gives($query, '300', "$when: $index finds every row");
		like($node->safe_psql('postgres', "EXPLAIN $query"), qr/\b$index\b/, "$when: it is used");
	}
	return;
}
finds_all('plain');
$node->safe_psql('postgres', "UPDATE mixed SET doc = pii_seal_json(doc, $paths) WHERE id % 2 = 0");
finds_all('half of them sealed');
$node->safe_psql('postgres', "UPDATE mixed SET doc = pii_seal_json(doc, $paths)");
$node->gives(q{SELECT count(*) FROM mixed WHERE doc::text LIKE '%Marker%'}, '0', 'all sealed');
finds_all('all sealed');
$node->fails(q{SELECT * FROM mixed WHERE pii_blind_index(doc, '$.ssn', 'ssn') > '00000000000000000000000000000000'}, '42501', qr/permission denied/, 'SELECT is needed', @clerk);
$node->safe_psql('postgres', 'GRANT SELECT ON mixed TO clerk, searcher');
$node->fails(q{SET enable_seqscan = off; SELECT count(*) FROM mixed WHERE pii_blind_index(doc, '$.ssn', 'ssn') > '00000000000000000000000000000000'},
	'42501', qr/may not search values of class ssn/, 'an index is read with SEARCH alone', @clerk);
$node->gives(q{SELECT id FROM mixed WHERE pii_blind_index(doc, '$.ssn', 'ssn') = ANY (pii_search_terms('912-31-6042', 'ssn'))}, '42', 'SEARCH finds', user => 'searcher');

my ($old) = $node->rotate('seal');
my $new = $old + 1;
$node->gives("SELECT count(*) FROM mixed WHERE NOT pii_json_key_versions(doc) <@ ARRAY[$new]", '300', 'what is due can be asked for');
my $batches = 0;
$batches++ while $batches < 20 && $node->safe_psql('postgres', "WITH due AS (SELECT id FROM mixed WHERE NOT pii_json_key_versions(doc) <@ ARRAY[$new] LIMIT 50),
	moved AS (UPDATE mixed SET doc = pii_rewrap_json(doc) FROM due WHERE mixed.id = due.id RETURNING 1) SELECT count(*) FROM moved") ne '0';
is($batches, 6, 'in six batches');
$node->gives("SELECT DISTINCT pii_json_key_versions(doc) FROM mixed", "{$new}", 'all are of the new version');
finds_all('sealed again');
$node->succeeds('UPDATE docs SET doc = pii_rewrap_json(doc)', 'behind a trigger');
pii_keyring('disable', $keyring, 'seal', $old);
$node->reload_keyring;
$node->gives(q{SELECT count(*) FROM (SELECT doc FROM docs UNION ALL SELECT doc FROM mixed) AS t WHERE pii_reveal_json(doc) ->> 'ssn' LIKE '912-31-6%'}, '600', 'without the old version');
$node->fails("SELECT pii_reveal_json('$sealed_doc')", '55000', qr/key version $old of domain "default" is disabled/, 'an older copy needs it');

($old, $new) = $node->rotate('blind_index');
finds_all('two index versions');
$node->safe_psql('postgres', q{UPDATE mixed SET doc = pii_rewrap_json(doc) WHERE id <= 150});
finds_all('entries of two versions');
like($node->finish_rotation('blind_index'), qr/index mixed_ssn still needs it/, 'a reload names an index that has entries of a version that is gone');
pii_keyring('enable', $keyring, 'blind_index', $old);
$node->reload_keyring;
finds_all('it is back');
$node->safe_psql('postgres', 'REINDEX TABLE CONCURRENTLY mixed');
unlike($node->finish_rotation('blind_index'), qr/still needs it/, 'after REINDEX none needs it');
finds_all('one version again');

# ---------------------------------------------------------------------------------------------------------------------
# Dump and restore

my $dump = $node->root_dir . '/documents.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump');
is(join("\n", search_files(\%needles, $dump)), '', 'no plaintext in it');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'restore');
my $digest = q{SELECT md5(string_agg(doc::text, ',' ORDER BY id)) FROM docs};
is($node->safe_psql('restored', $digest), $node->safe_psql('postgres', $digest), 'the same bytes');
$node->gives($by_ssn, '300', 'search finds every row there', dbname => 'restored');
my $data = $node->root_dir . '/data.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '--data-only', '--inserts', '-t', 'docs', '-f', $data ], 'data alone, as INSERT');
$node->safe_psql('restored', 'TRUNCATE docs');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $data ], 'it comes back through the trigger');
is($node->safe_psql('restored', $digest), $node->safe_psql('postgres', $digest), 'the same bytes again');

# ---------------------------------------------------------------------------------------------------------------------
# Counters

$node->safe_psql('postgres', 'SELECT pii_stat_access_reset()');
$node->safe_psql('postgres', q{INSERT INTO docs VALUES (2000, '{"ssn": "912-31-9000", "people": [{"name": "a"}, {"name": "b"}]}');
	SELECT pii_mask_json(doc), pii_reveal_json(doc) FROM docs WHERE id = 2000;
	SELECT pii_blind_index(doc, '$.ssn', 'ssn') FROM docs WHERE id = 2000; DELETE FROM docs WHERE id = 2000});
$node->gives(q{SELECT class, sealed, revealed, masked, searched FROM pii_stat_access WHERE database = 'postgres' AND class IN ('ssn', 'name') ORDER BY 1},
	"name|2|2|2|0\nssn|1|1|1|1", 'each value is counted');
$node->fails('SELECT pii_reveal_json(doc) FROM docs WHERE id = 7', '42501', qr/may not reveal values of class/, 'a denial', @clerk);
$node->gives(q{SELECT sum(denied) FROM pii_stat_access WHERE role = 'clerk'}, '1', 'is counted');

# A canary of a column stays one in a document.
my $canary = $node->safe_psql('postgres', q{SELECT pii_seal_json(jsonb_build_object('ssn', pii_sealed(pii_seal_canary('900-66-6666', 'ssn'))), '{"$.ssn": "ssn"}')});
foreach ([ 'mask', 0 ], [ 'reveal', 1 ], [ 'show', 1 ])
{
	my ($function, $tells) = @$_;
	my $log_begin = $node->log_size;
	$node->succeeds("SELECT pii_${function}_json(pii_rewrap_json('$canary'))", "pii_${function}_json of a canary");
	is($node->log_since($log_begin) =~ /a honey value was revealed/ ? 1 : 0, $tells, $tells ? 'is reported' : 'is not reported');
}

# ---------------------------------------------------------------------------------------------------------------------
# Large and deep

$node->safe_psql('postgres', q{CREATE TABLE large (id int, doc jsonb); INSERT INTO large
	SELECT 1, jsonb_build_object('people', jsonb_agg(jsonb_build_object('name', 'Person ' || i, 'i', i))) FROM generate_series(1, 100000) AS i});
$node->safe_psql('postgres', q{INSERT INTO large SELECT 2, pii_seal_json(doc, '{"$.people[*].name": "name"}') FROM large});
$node->gives('SELECT (SELECT pii_reveal_json(doc) FROM large WHERE id = 2) = (SELECT doc FROM large WHERE id = 1)', 't', '100,000 values in a document');
$node->safe_psql('postgres', q{CREATE TRIGGER seal BEFORE UPDATE ON large FOR EACH ROW EXECUTE FUNCTION pii_seal_json_trigger('doc', '{"$.people[*].name": "name"}');
	GRANT ALL ON large TO clerk});
$node->succeeds(q{UPDATE large SET doc = jsonb_set(doc, '{people}', (doc -> 'people') - 0) WHERE id = 2}, 'all of them move', @clerk);
$node->gives(q{SELECT cardinality(pii_json_index(doc, '$.people[*].name', 'name')) FROM large WHERE id = 2}, '99999', 'and are hashed');
$node->fails(q{SET statement_timeout = 50; SELECT pii_seal_json(doc, '{"$.people[*].name": "name"}') FROM large, generate_series(1, 100) WHERE large.id = 1}, '57014',
	qr/canceling statement/, 'it can be cancelled');
my $megabytes = 20;
$node->gives(qq{SELECT length(pii_reveal_json(pii_seal_json(jsonb_build_object('a', repeat('x', $megabytes << 20)), '{"\$.a": "text"}')) ->> 'a')}, $megabytes << 20, 'a value of 20 MB');
$node->fails(q{SELECT pii_seal_json(jsonb_build_object('a', repeat('x', 220 << 20)), '{"$.a": "text"}')}, '54000', qr/exceeds the maximum of/, 'one whose text is too long');
foreach my $depth (100, 1000)
{
	my $deep = "(repeat('[', $depth) || '{\"a\": \"x\"}' || repeat(']', $depth))::jsonb";
	my $path = '$' . '[0]' x $depth . '.a';
	$node->gives(qq{SELECT pii_reveal_json(pii_seal_json($deep, jsonb_build_object('$path', 'name'))) = $deep}, 't', "$depth levels");
	$node->gives(qq{SELECT pii_reveal_json(pii_seal_json($deep, '{"\$": "name"}')) = $deep}, 't', "$depth levels as one value");
	$node->gives(qq{SELECT pii_blind_index(pii_seal_json($deep, '{"\$[0]": "name"}'), '$path', 'name') = ANY (pii_search_terms('X', 'name'))}, 't', "$depth levels, search");
}
# As deep as the text of a document can be read; what cannot be done ends with an error, and the server lives.
my $pid = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
foreach my $depth (3000, 6000, 20_000)
{
	my ($status, undef, $err) = $node->sql(qq{SELECT length(pii_reveal_json(pii_seal_json((repeat('[', $depth) || repeat(']', $depth))::jsonb, '{"\$[0]": "name"}'))::text)});
	ok($status == 0 || $err =~ /54001: stack depth limit exceeded/, "$depth levels end well") or diag($err);
}
$node->gives('SELECT pg_postmaster_start_time()', $pid, 'no crash');

# ---------------------------------------------------------------------------------------------------------------------
# Another encoding

$node->safe_psql('postgres', q{CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'});
$node->safe_psql('latin1', 'CREATE EXTENSION pii');
my $utf8 = q{SET client_encoding = 'UTF8';};
my @in = (dbname => 'latin1');
my $french = $node->safe_psql('latin1', qq{$utf8 SELECT pii_seal_json('{"clé": {"é": "Zoë"}}', '{"\$.clé.é": "name"}')});
$node->gives("$utf8 SELECT pii_reveal_json('$french')", '{"clé": {"é": "Zoë"}}', 'LATIN1: a value comes back', @in);
$node->gives("$utf8 SELECT pii_reveal_json('$french')", '{"clé": {"é": "Zoë"}}', 'and in a database in UTF-8');
$node->gives(qq{$utf8 SELECT pii_blind_index('$french'::jsonb, '\$.clé.é', 'name') = ANY (pii_search_terms('ZOË', 'name'))}, 't', 'LATIN1: search', @in);
$node->gives(qq{$utf8 SELECT pii_mask_json(pii_seal_json('["Éva Nagy"]', '{"\$[0]": "name"}'))}, '["É*** N***"]', 'LATIN1: a mask', @in);
my $cyrillic = $node->safe_psql('postgres', qq{$utf8 SELECT pii_seal_json('["Ольга"]', '{"\$[0]": "name"}')});
foreach my $function (qw(reveal mask show))
{
	my $error = $node->fails("$utf8 SELECT pii_${function}_json('$cyrillic')", '22P05', qr/value cannot be shown in the encoding of this database/, "LATIN1: pii_${function}_json of what it cannot show", @in);
	unlike($error, qr/0x|[\x80-\xff]/, 'without showing it');
}
$node->gives("$utf8 SELECT pii_json_key_versions(pii_rewrap_json('$cyrillic')) = pii_json_key_versions('$cyrillic')", 't', 'LATIN1: it can be sealed again', @in);
$node->stop;

# ---------------------------------------------------------------------------------------------------------------------
# The log

my $loud = LoudServer->started('loud');
$loud->safe_psql('postgres', qq{CREATE TABLE docs (id int PRIMARY KEY, doc jsonb); CREATE ROLE clerk LOGIN; GRANT ALL ON docs TO clerk;
	CREATE INDEX ON docs (pii_blind_index(doc, '\$.ssn', 'ssn'));
	CREATE TRIGGER seal BEFORE INSERT OR UPDATE ON docs FOR EACH ROW EXECUTE FUNCTION pii_seal_json_trigger('doc', '{"\$.ssn": "ssn"}')});
my %log_begins = $loud->log_ends;
my @markers = make_markers(9, 'ssn');
my @v = map { $_->{value} } @markers;
my $session = WireSession->connected($loud, dbname => 'postgres');
$session->query($_)
  foreach qq{INSERT INTO docs VALUES (1, '{"ssn": "$v[0]"}')}, qq{SELECT pii_seal_json('{"ssn": "$v[1]"}', '{"\$.ssn": "ssn"}')},
  qq{SELECT pii_seal_json('{"ssn": "$v[2]"}', '{"\$.ssn": "no_class"}')}, qq{SELECT pii_seal_json('{"ssn": "$v[3]}', '{"\$.ssn": "ssn"}')},
  qq{SELECT id FROM docs WHERE pii_blind_index(doc, '\$.ssn', 'ssn') = ANY (pii_search_terms('$v[4]', 'ssn'))},
  qq{SELECT pii_reveal_json(doc), 1 / (id - 1) FROM docs}, qq{SELECT (pii_reveal_json(doc) ->> 'ssn')::int FROM docs},
  qq{INSERT INTO docs VALUES (1, '{"ssn": "$v[5]"}')}, qq{UPDATE docs SET doc = '{"ssn": "$v[6]"}', id = NULL},
  qq{SELECT pii_mask_json('{"ssn": "$v[7]"}')}, qq{DO \$\$ BEGIN PERFORM pii_seal_json('{"ssn": "$v[8]"}', '{"\$.ssn": "ssn"}'); RAISE division_by_zero; END \$\$};
$session->query('SELECT 1 AS here_it_ends');
my %logged = $loud->logged_until('here_it_ends', %log_begins);
my ($found, $excerpts) = markers_in(\@markers, %logged);
is(scalar keys %$found, 0, 'no value is logged') or diag(map { "$_\n" } @$excerpts);
like(${ $logged{stderr} }, qr/pii_seal_json\(/, 'the statements are');
%log_begins = $loud->log_ends;
$session->query('SET pii.log_scrubbing = off');
$session->query(qq{SELECT pii_mask_json('{"ssn": "$v[0]"}')});
$session->query('SELECT 1 AS there_it_ends');
%logged = $loud->logged_until('there_it_ends', %log_begins);
($found) = markers_in(\@markers, %logged);
is(join(',', keys %$found), '0', 'without scrubbing the search finds one');
$session->quit;

done_testing();

# Attacks is the suite of attacks: what a role tries that may not see, or not search, the values of the table people. Those that
# guess, or want a hash, are in Oracles.pm.
# One line is one attack: what it is called, the SQL, and now and then
#
#   as      who tries: masked (reads), writer (may also write, and make triggers on app.bare), pooler (a session that changes its role
#           to {me}); masked unless said
#   proof   who is known to succeed: almighty (reveals, searches, imports) unless said, or superuser
#   shows   what success looks like, when it is none of the values themselves
#   dud     nobody succeeds, and why: PostgreSQL has no such way, or it is closed to all
#   open    1: not in a transaction that is rolled back
#   needs   an extension
#
# A line that has {ssn}, {name}, {email}, {note} or {dob} in it is an oracle: it is tried with the value of person 1 and with
# another one of the same form and mask, and must answer the same. Any other line must give nothing of any value.
# What is about class text (a guess that is text yet, a column without a class) has `text`: who has a privilege on any class has it
# on class text.
#
# {me} is who tries. Everybody has a schema of the same name, first in the search path; the tables are in app.
#
# Known limits, which no line is about: the length of a value (pg_column_size); the class and key version (pii_class_of,
# pii_key_version); which rows have equal hashes in a generated column that a role may read; a role that reveals and runs
# the attacker's code, as a trigger, a function, an operator = found first in its search_path, or a view with such code in it:
# the code runs with the rights of who runs it, in PostgreSQL, and the masked role gets what it sends on; what a
# SECURITY DEFINER function, a foreign server's user mapping or a held cursor of a revealing role gives away as text; what a cursor
# on a blind index gives on that a searching role opened; CREATEROLE, which in PostgreSQL 15 may join any role but superusers.

package Attacks;

use strict;
use warnings;

use Oracles;
use parent 'Exporter';

our @EXPORT = qw(attacks protocol_attacks);

my @owner     = (as => 'writer');
my @root      = (proof => 'superuser');
my @superuser = (dud => 'it wants a superuser');

sub attacks
{
	return map { { name => $_->[0], sql => $_->[1], @$_[ 2 .. $#$_ ] } } (
		_reading(), _functions(), _bulk(), _sessions(), _objects(), _copies(), Oracles::lines(), _messages(), _settings(),
		_administration());
}

# Every form of a value that is no comparison
sub _reading
{
	return (
	[ 'a column',                        q{SET pii.view = plain; SELECT * FROM people} ],
	[ 'cast to text',                    q{SELECT ssn::text, name::text, email::text, note::text, dob::text FROM people} ],
	[ 'cast to varchar',                 q{SELECT ssn::varchar, name::varchar(50) FROM people} ],
	[ 'cast to char',                    q{SELECT ssn::char(11), name::char(22) FROM people} ],
	[ 'cast to name',                    q{SELECT ssn::name FROM people} ],
	[ 'cast by name of a function',      q{SELECT text(ssn), "varchar"(ssn), name(ssn), bpchar(ssn) FROM people} ],
	[ 'cast to every type',              q{DO $$ DECLARE t record; v text; BEGIN FOR t IN SELECT oid::regtype::text AS name FROM pg_type WHERE typtype IN ('b', 'd', 'p', 'r', 'm') ORDER BY oid LOOP BEGIN EXECUTE format('SELECT (ssn::%s)::text FROM people', t.name) INTO v; RAISE NOTICE '% %', t.name, v; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', t.name, SQLERRM; END; END LOOP; END $$} ],
	[ 'cast to every type through text', q{DO $$ DECLARE t record; v text; BEGIN FOR t IN SELECT oid::regtype::text AS name FROM pg_type WHERE typtype IN ('b', 'd', 'p', 'r', 'm') ORDER BY oid LOOP BEGIN EXECUTE format('SELECT ssn::text::%s FROM people', t.name) INTO v; RAISE NOTICE '% %', t.name, v; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', t.name, SQLERRM; END; END LOOP; END $$} ],
	[ 'input function of every type',    q{DO $$ DECLARE t record; v text; BEGIN FOR t IN SELECT p.oid::regproc::text AS f, p.pronargs AS n FROM pg_type JOIN pg_proc p ON p.oid = typinput WHERE typtype = 'b' ORDER BY typname LOOP BEGIN EXECUTE format('SELECT %s(pii_text_out(ssn)%s)::text FROM people', t.f, CASE t.n WHEN 1 THEN '' WHEN 2 THEN ', 0' ELSE ', 0, -1' END) INTO v; RAISE NOTICE '% %', t.f, v; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', t.f, SQLERRM; END; END LOOP; END $$} ],
	[ 'arrays of every type',            q{DO $$ DECLARE t record; v text; BEGIN FOR t IN SELECT oid::regtype::text AS name FROM pg_type WHERE typtype = 'b' AND typcategory <> 'A' ORDER BY oid LOOP BEGIN EXECUTE format('SELECT (ARRAY[ssn]::%s[])::text FROM people', t.name) INTO v; RAISE NOTICE '% %', t.name, v; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', t.name, SQLERRM; END; END LOOP; END $$} ],
	[ 'every function of one any',       q{DO $$ DECLARE f record; v text; BEGIN FOR f IN SELECT oid::regproc::text AS name FROM pg_proc WHERE prokind = 'f' AND pronargs = 1 AND proargtypes[0] IN ('"any"'::regtype, 'anyelement'::regtype, 'anycompatible'::regtype, 'anynonarray'::regtype) ORDER BY proname LOOP BEGIN EXECUTE format('SELECT (%s(ssn))::text FROM people', f.name) INTO v; RAISE NOTICE '% %', f.name, v; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', f.name, SQLERRM; END; END LOOP; END $$} ],
	[ 'every function of text',          q{DO $$ DECLARE f record; v text; BEGIN FOR f IN SELECT proname AS name FROM pg_proc WHERE prokind = 'f' AND pronargs = 1 AND proargtypes[0] IN (25, 17, 114, 3802, 2275) AND provolatile = 'i' ORDER BY proname LOOP BEGIN EXECUTE format('SELECT pg_catalog.%I(pii_text_out(ssn)::text)::text FROM people', f.name) INTO v; RAISE NOTICE '% %', f.name, v; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', f.name, SQLERRM; END; END LOOP; END $$} ],
	[ 'every function of a row',         q{DO $$ DECLARE f record; v text; BEGIN FOR f IN SELECT oid::regproc::text AS name FROM pg_proc WHERE prokind = 'f' AND pronargs = 1 AND proargtypes[0] = 'record'::regtype ORDER BY proname LOOP BEGIN EXECUTE format('SELECT (%s(p))::text FROM people p', f.name) INTO v; RAISE NOTICE '% %', f.name, v; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', f.name, SQLERRM; END; END LOOP; END $$} ],
	[ 'every function of the type',      q{DO $$ DECLARE f record; v text; BEGIN FOR f IN SELECT oid::regproc::text AS name FROM pg_proc WHERE pronargs = 1 AND proargtypes[0] = 'pii_text'::regtype ORDER BY proname LOOP BEGIN EXECUTE format('SELECT (%s(ssn))::text FROM people', f.name) INTO v; RAISE NOTICE '% %', f.name, v; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', f.name, SQLERRM; END; END LOOP; END $$} ],
	[ 'its output function',             q{SELECT pii_text_out(ssn) FROM people} ],
	[ 'its send function',               q{SELECT pii_text_send(ssn) FROM people} ],
	[ 'its send function, escaped',      q{SET bytea_output = escape; SELECT pii_text_send(ssn) FROM people} ],
	[ 'send, as text',                   q{SELECT convert_from(pii_text_send(ssn), 'UTF8') FROM people} ],
	[ 'pii_reveal',                      q{SELECT pii_reveal(ssn) FROM people} ],
	[ 'pii_try_reveal',                  q{SELECT pii_try_reveal(name) FROM people} ],
	[ 'pii_mask under another class',    q{SELECT pii_mask(email::pii_text(account)), pii_mask(note::pii_text(name)) FROM people}, shows => qr/z\*\*\* a/ ],
	[ 'textin of the output',            q{SELECT textin(pii_text_out(ssn)) FROM people} ],
	[ 'record_out',                      q{SELECT record_out(p) FROM people p} ],
	[ 'record_send',                     q{SELECT record_send(p) FROM people p} ],
	[ 'array_out',                       q{SELECT array_out(array_agg(ssn)) FROM people} ],
	[ 'array_send',                      q{SELECT array_send(array_agg(ssn)) FROM people} ],
	[ 'a row',                           q{SELECT p FROM people p} ],
	[ 'a row as text',                   q{SELECT p::text, ROW(ssn, name)::text FROM people p} ],
	[ 'a field of a row',                q{SELECT (p).ssn::text FROM people p} ],
	[ 'an array',                        q{SELECT ARRAY[ssn, name], array_agg(email) OVER () FROM people} ],
	[ 'an array as text',                q{SELECT array_to_string(array_agg(ssn), ' ') FROM people} ],
	[ 'elements of an array',            q{SELECT unnest(array_agg(ssn))::text FROM people} ],
	[ 'a two-dimensional array',         q{SELECT ARRAY[[ssn, ssn], [name, name]] FROM people} ],
	[ 'array slices',                    q{SELECT (array_agg(ssn))[1:2], (array_agg(name))[1] FROM people} ],
	[ 'the first characters',            q{SELECT left(ssn::text, 6), substr(name::text, 2, 9) FROM people} ],
	[ 'one character a line',            q{SELECT string_to_table(ssn::text, NULL) FROM people WHERE id = 1} ],
	[ 'codes of characters',             q{SELECT ascii(substr(ssn::text, n, 1)) FROM people, generate_series(1, 11) n WHERE id = 1} ],
	[ 'bytes',                           q{SELECT encode(convert_to(ssn::text, 'UTF8'), 'hex') FROM people} ],
	[ 'base64',                          q{SELECT encode(ssn::text::bytea, 'base64') FROM people} ],
	[ 'backwards',                       q{SELECT reverse(ssn::text), reverse(name::text) FROM people} ],
	[ 'as a number',                     q{SELECT to_number(ssn::text, '999-99-9999'), replace(ssn::text, '-', '')::bigint FROM people WHERE id = 1} ],
	[ 'as money',                        q{SELECT replace(ssn::text, '-', '')::bigint::money FROM people WHERE id = 1}, shows => qr/527,816,789/ ],
	[ 'as a date',                       q{SELECT dob::text::date + 0 FROM people} ],
	[ 'digests',                         q{SELECT md5(ssn::text), sha256(ssn::text::bytea) FROM people} ],
	[ 'a common hash of the text',       q{SELECT hashtext(ssn::text) = hashtext('{ssn}') FROM people WHERE id = 1} ],
	[ 'length of the text',              q{SELECT length(name::text), name::text LIKE '%ilhelmina%' FROM people WHERE id = 1}, shows => qr/22\|t/ ],
	[ 'a regular expression',            q{SELECT ssn::text ~ '^{ssn}$' FROM people WHERE id = 1} ],
	[ 'LIKE',                            q{SELECT count(*) FROM people WHERE name::text LIKE '{name}%'} ],
	[ 'order of the text',               q{SELECT ssn::text >= '{ssn}', ssn::text <= '{ssn}' FROM people WHERE id = 1} ],
	[ 'min and max of the text',         q{SELECT min(ssn::text), max(ssn::text), min(name::text), max(name::text) FROM people} ],
	[ 'full text search',                q{SELECT to_tsvector('simple', name::text), to_tsvector('simple', name::text) @@ to_tsquery('simple', 'wilhelmina') FROM people} ],
	[ 'soundex and the like',            q{SELECT initcap(name::text), upper(name::text), lower(email::text), quote_ident(name::text), translate(ssn::text, '-', '') FROM people} ]);
}

# Functions that take any value
sub _functions
{
	return (
	[ 'concat',                          q{SELECT concat(ssn, name), concat_ws(' ', email, note) FROM people} ],
	[ 'operator ||',                     q{SELECT ssn || '', '' || name FROM people} ],
	[ 'operator || of arrays',           q{SELECT array_agg(ssn) || array_agg(name), array_append(array_agg(ssn), NULL), array_cat(array_agg(ssn), NULL) FROM people} ],
	[ 'format %s',                       q{SELECT format('%s %s', ssn, name) FROM people} ],
	[ 'format %L and %I',                q{SELECT format('%L %I', ssn, name) FROM people} ],
	[ 'quote_literal, quote_nullable',   q{SELECT quote_literal(ssn), quote_nullable(name) FROM people} ],
	[ 'to_json',                         q{SELECT to_json(ssn), to_jsonb(name) FROM people} ],
	[ 'row_to_json',                     q{SELECT row_to_json(p), to_jsonb(p) FROM people p} ],
	[ 'json_build',                      q{SELECT json_build_object('a', ssn), jsonb_build_array(name, email) FROM people} ],
	[ 'json_object of arrays',           q{SELECT json_object(ARRAY['a'], ARRAY[ssn::text]), jsonb_object(ARRAY[ssn::text, name::text]) FROM people} ],
	[ 'json_agg',                        q{SELECT json_agg(p), jsonb_agg(ssn), json_object_agg(id, ssn), jsonb_object_agg(id, name) FROM people p} ],
	[ 'values as keys of JSON',          q{SELECT jsonb_object_agg(ssn, name), json_build_object(ssn, 1) FROM people GROUP BY id, ssn} ],
	[ 'array_to_json',                   q{SELECT array_to_json(array_agg(ssn)) FROM people} ],
	[ 'JSON and back',                   q{SELECT (json_populate_record(NULL::app.people, row_to_json(p))).ssn::text FROM people p} ],
	[ 'JSON paths',                      q{SELECT jsonb_path_query(to_jsonb(p), '$.ssn'), to_jsonb(p) ->> 'name' FROM people p} ],
	[ 'JSON path as an oracle',          q{SELECT to_jsonb(p) @> jsonb_build_object('ssn', '{ssn}') FROM people p WHERE id = 1} ],
	[ 'jsonb_each of a row',             q{SELECT key, value FROM people p, jsonb_each_text(to_jsonb(p))} ],
	[ 'xmlelement',                      q{SELECT xmlelement(name a, xmlattributes(ssn AS b), name) FROM people} ],
	[ 'xmlforest, xmlconcat',            q{SELECT xmlforest(ssn, name), xmlconcat(xmlelement(name a, email)) FROM people} ],
	[ 'xmlagg',                          q{SELECT xmlagg(xmlelement(name a, ssn)) FROM people} ],
	[ 'xmlcomment, xmlpi, xmlparse',     q{SELECT xmlparse(content ssn::text), xmlpi(name a, ssn::text), xmlserialize(content xmlelement(name a, ssn) AS text) FROM people} ],
	[ 'table_to_xml',                    q{SELECT table_to_xml('people', true, false, '')} ],
	[ 'query_to_xml',                    q{SELECT query_to_xml('SELECT ssn, name FROM people', true, true, '')} ],
	[ 'query_to_xml_and_xmlschema',      q{SELECT query_to_xml_and_xmlschema('SELECT ssn FROM people', true, true, '')} ],
	[ 'schema_to_xml',                   q{SELECT schema_to_xml('app', false, false, '')} ],
	[ 'database_to_xml',                 q{SELECT database_to_xml(false, false, '')} ],
	[ 'cursor_to_xml',                   q{DECLARE c CURSOR FOR SELECT ssn FROM people; SELECT cursor_to_xml('c', 10, false, false, '')} ],
	[ 'xmltable, xpath',                 q{SELECT x.* FROM people, xmltable('/a' PASSING xmlelement(name a, ssn) COLUMNS b text PATH '.') x} ],
	[ 'hstore',                          q{SELECT hstore(p), hstore('a', ssn::text), each(hstore(p)) FROM people p}, needs => 'hstore' ],
	[ 'citext',                          q{SELECT ssn::text::citext, name::text::citext = '{name}' FROM people WHERE id = 1}, needs => 'citext' ],
	[ 'pgcrypto',                        q{SELECT digest(ssn::text, 'sha256'), armor(ssn::text::bytea) FROM people}, needs => 'pgcrypto' ],
	[ 'crosstab',                        q{SELECT * FROM crosstab('SELECT 1, id, ssn::text FROM people ORDER BY 1, 2') AS (a int, b text, c text)}, needs => 'tablefunc' ],
	[ 'trigrams',                        q{SELECT similarity(name::text, '{name}'), show_trgm(name::text) FROM people WHERE id = 1}, needs => 'pg_trgm' ],
	[ 'edit distance',                   q{SELECT levenshtein(ssn::text, '{ssn}'), metaphone(name::text, 20), soundex(name::text) FROM people WHERE id = 1}, needs => 'fuzzystrmatch' ],
	[ 'string_agg',                      q{SELECT string_agg(ssn::text, ','), string_agg(pii_text_send(name), '') FROM people} ],
	[ 'window functions',                q{SELECT lag(ssn) OVER (ORDER BY id), first_value(name) OVER (), nth_value(ssn, 2) OVER (), lead(email, 1, email) OVER () FROM people} ],
	[ 'ordered-set aggregates of text',  q{SELECT mode() WITHIN GROUP (ORDER BY ssn::text), percentile_disc(1) WITHIN GROUP (ORDER BY name::text) FROM people} ],
	[ 'greatest, least, coalesce',       q{SELECT coalesce(ssn, name), greatest(ssn::text), least(name::text) FROM people} ],
	[ 'CASE without a comparison',       q{SELECT CASE WHEN id > 0 THEN ssn ELSE name END FROM people} ],
	[ 'sub-selects',                     q{SELECT (SELECT ssn FROM people WHERE id = 1), ARRAY(SELECT name FROM people) } ],
	[ 'LATERAL',                         q{SELECT x.v::text FROM people p, LATERAL (SELECT p.ssn AS v) x} ],
	[ 'WITH RECURSIVE',                  q{WITH RECURSIVE r(id, v) AS (SELECT id, ssn FROM people WHERE id = 1 UNION ALL SELECT id + 1, v FROM r WHERE id < 3) SELECT id, v::text FROM r} ],
	[ 'WITH MATERIALIZED',               q{WITH r AS MATERIALIZED (SELECT * FROM people) SELECT ssn::text FROM r} ],
	[ 'VALUES',                          q{SELECT * FROM (VALUES ((SELECT ssn FROM people WHERE id = 1))) AS v(x)} ],
	[ 'TABLESAMPLE',                     q{SELECT ssn FROM people TABLESAMPLE SYSTEM (100)} ],
	[ 'UNION ALL with another class',    q{SELECT ssn FROM people UNION ALL SELECT name FROM people UNION ALL SELECT 'x'} ],
	[ 'UNION ALL with text',             q{SELECT ssn::text FROM people UNION ALL SELECT 'x'} ],
	[ 'ROWS FROM',                       q{SELECT * FROM ROWS FROM (unnest((SELECT array_agg(ssn) FROM people)), generate_series(1, 3))} ],
	[ 'GROUPING SETS by another column', q{SELECT array_agg(ssn) FROM people GROUP BY GROUPING SETS ((id), ())} ],
	[ 'large objects',                   q{SELECT lo_from_bytea(424242, pii_text_send(ssn)) FROM people WHERE id = 1; SELECT lo_get(424242)} ],
	[ 'ts_stat, ts_headline',            q{SELECT * FROM ts_stat('SELECT to_tsvector(''simple'', name::text) FROM people')}],
	[ 'pg_size, pg_typeof and others',   q{SELECT pg_typeof(ssn), pg_column_compression(ssn), num_nulls(ssn), pg_collation_for(ssn::text), pii_class_of(ssn) FROM people}, dud => 'they tell no value' ],
	[ 'LISTEN and NOTIFY',               q{LISTEN c; SELECT pg_notify('c', pii_text_out(ssn)::text) FROM people; SELECT 1}, open => 1 ]);
}

# What moves data in bulk
sub _bulk
{
	return (
	[ 'COPY',                            q{SET pii.view = plain; COPY people TO STDOUT} ],
	[ 'COPY as it is',                   q{COPY people TO STDOUT}, dud => 'sealed text, for all' ],
	[ 'COPY CSV',                        q{SET pii.view = plain; COPY people TO STDOUT (FORMAT csv, FORCE_QUOTE *, HEADER)} ],
	[ 'COPY BINARY',                     q{SET pii.view = plain; COPY people TO STDOUT (FORMAT binary)} ],
	[ 'COPY of a query',                 q{SET pii.view = plain; COPY (SELECT ssn, name::text, row_to_json(p) FROM people p) TO STDOUT} ],
	[ 'COPY that raises its view',       q{COPY (SELECT set_config('pii.view', 'plain', false), ssn::text, pii_text_out(name) FROM people) TO STDOUT} ],
	[ 'COPY of a cast, unsealed',        q{COPY (SELECT pii_reveal(ssn) FROM people) TO STDOUT} ],
	[ 'COPY of RETURNING',               q{SET pii.view = plain; COPY (UPDATE bare SET id = id RETURNING ssn) TO STDOUT}, @owner ],
	[ '\copy',                           q{SET pii.view = plain;
\copy people TO STDOUT
} ],
	[ 'a binary cursor',                 q{DECLARE c BINARY CURSOR FOR SELECT ssn, name, email FROM people; FETCH ALL FROM c} ],
	[ 'COPY TO a program',               q{COPY people TO PROGRAM 'cat'}, dud => 'it wants pg_execute_server_program' ],
	[ 'COPY TO a file',                  q{COPY people TO '/tmp/pii_attack'}, dud => 'it wants pg_write_server_files' ],
	[ 'the name of pg_dump',             q{SET pii.view = plain; SET application_name = pg_dump; SELECT ssn FROM people}, dud => 'sealed text, for all' ],
	[ 'the name of postgres_fdw',        q{SET pii.view = plain; SET application_name = postgres_fdw; SELECT ssn::text, to_json(name) FROM people}, dud => 'sealed text, for all' ],
	[ 'the name of pg_dump, taken back', q{SET application_name = pg_dump; SELECT ssn FROM people; SET application_name = x; SET pii.view = plain; SELECT ssn FROM people} ],
	[ 'a name with a comma',             q{SET application_name = 'x, pg_dump'; SET pii.view = plain; SELECT ssn FROM people} ],
	[ 'the transaction of pg_dump',      q{BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET synchronize_seqscans = off; SELECT set_config('search_path', '', false); SELECT ssn FROM app.people; ROLLBACK}, open => 1, dud => 'sealed text, for all' ],
	[ 'dblink, to itself',               q{SELECT * FROM dblink('dbname=postgres user=keeper port=' || current_setting('port') || ' host=' || current_setting('unix_socket_directories'), 'SELECT pii_reveal(ssn) FROM app.people') AS t(v text)}, needs => 'dblink', @root ],
	[ 'a foreign table, to itself',      q{CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw}, needs => 'postgres_fdw', dud => 'it wants USAGE on the wrapper' ],
	[ 'pageinspect',                     q{SELECT encode(get_raw_page('people', 0), 'escape')}, needs => 'pageinspect', dud => 'sealed bytes, for superusers alone' ],
	[ 'the pages, through pgstattuple',  q{SELECT t_data FROM heap_page_items(get_raw_page('people', 0))}, needs => 'pageinspect', dud => 'sealed bytes, for superusers alone' ],
	[ 'files of the server',             q{SELECT pg_read_binary_file(pg_relation_filepath('people'))}, dud => 'sealed bytes, for superusers alone' ],
	[ 'logical decoding',                q{SELECT * FROM pg_create_logical_replication_slot('attack', 'test_decoding')}, dud => 'it wants REPLICATION' ],
	[ 'sealed text is no help',          q{SET pii.view = sealed; SELECT * FROM people}, dud => 'ciphertext, for all' ],
	[ 'pii_sealed, pii_rewrap',          q{SELECT pii_sealed(ssn), pii_sealed(pii_rewrap(ssn)) FROM people}, dud => 'ciphertext, for all' ],
	[ 'pii_rewrap and its output',       q{SELECT pii_rewrap(ssn)::text FROM people} ]);
}

# Cursors, prepared statements, roles
sub _sessions
{
	return (
	[ 'a cursor',                        q{DECLARE c SCROLL CURSOR FOR SELECT ssn, name::text FROM people; FETCH ALL FROM c; FETCH FIRST FROM c} ],
	[ 'a cursor WITH HOLD',              q{BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT ssn FROM people; COMMIT; FETCH ALL FROM c}, open => 1 ],
	[ 'a cursor of a revealing role',    q{SET ROLE keeper; DECLARE c CURSOR FOR SELECT ssn, name::text, to_json(email) FROM people; SET ROLE {me}; FETCH ALL FROM c}, as => 'pooler' ],
	[ 'a cursor of a revealing role, pii_reveal', q{SET ROLE keeper; DECLARE c CURSOR FOR SELECT pii_reveal(ssn) FROM people; SET ROLE {me}; FETCH ALL FROM c}, as => 'pooler' ],
	[ 'a revealing role\'s cursor that is part read', q{SET ROLE keeper; DECLARE c CURSOR FOR SELECT ssn FROM people ORDER BY id DESC; MOVE 1 IN c; SET ROLE {me}; FETCH ALL FROM c}, as => 'pooler' ],
	[ 'a revealing role\'s cursor WITH HOLD', q{BEGIN; SET ROLE keeper; DECLARE c CURSOR WITH HOLD FOR SELECT ssn FROM people; COMMIT; SET ROLE {me}; FETCH ALL FROM c}, as => 'pooler', open => 1 ],
	[ 'a searching role\'s cursor',      q{SET ROLE keeper; DECLARE c CURSOR FOR SELECT id FROM people WHERE ssn = '{ssn}'; SET ROLE {me}; FETCH ALL FROM c}, as => 'pooler' ],
	[ 'a prepared statement',            q{PREPARE s AS SELECT ssn FROM people; EXECUTE s} ],
	[ 'a prepared statement of a revealing role', q{SET search_path = app, public; SET ROLE keeper; PREPARE s AS SELECT ssn::text, name FROM people; EXECUTE s \g /dev/null
SET ROLE {me}; EXECUTE s}, as => 'pooler' ],
	[ 'the same with pii_reveal',        q{SET search_path = app, public; SET plan_cache_mode = force_generic_plan; SET ROLE keeper; PREPARE s AS SELECT pii_reveal(ssn) FROM people; EXECUTE s \g /dev/null
SET ROLE {me}; EXECUTE s}, as => 'pooler' ],
	[ 'a statement with a literal, prepared by a searching role', q{SET search_path = app, public; SET plan_cache_mode = force_generic_plan; SET ROLE keeper; PREPARE s AS SELECT id FROM people WHERE ssn = '{ssn}'; EXECUTE s \g /dev/null
SET ROLE {me}; EXECUTE s}, as => 'pooler' ],
	[ 'a statement with a parameter, prepared by a searching role', q{SET search_path = app, public; SET plan_cache_mode = force_generic_plan; SET ROLE keeper; PREPARE s(text) AS SELECT id FROM people WHERE ssn = $1; EXECUTE s('{ssn}') \g /dev/null
SET ROLE {me}; EXECUTE s('{ssn}')}, as => 'pooler' ],
	[ 'the same through an index',       q{SET search_path = app, public; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET ROLE keeper; PREPARE s(text) AS SELECT id FROM people WHERE ssn = $1; EXECUTE s('{ssn}') \g /dev/null
SET ROLE {me}; EXECUTE s('{ssn}'); EXPLAIN (COSTS OFF) EXECUTE s('{ssn}')}, as => 'pooler' ],
	[ 'SET ROLE',                        q{SET ROLE keeper; SELECT ssn FROM people}, @root ],
	[ 'SET ROLE in a function',          q{CREATE FUNCTION f() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN SET ROLE keeper; RETURN QUERY SELECT ssn::text FROM people; END $$; SELECT f()}, @root ],
	[ 'SET ROLE in the SET of a function', q{CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql SET role = keeper AS 'SELECT ssn::text FROM people'; SELECT f()}, @root ],
	[ 'set_config of role',              q{SELECT set_config('role', 'keeper', false); SELECT ssn FROM people}, @root ],
	[ 'SET SESSION AUTHORIZATION',       q{SET SESSION AUTHORIZATION keeper; SELECT ssn FROM people}, @root ],
	[ 'RESET ROLE',                      q{RESET ROLE; RESET SESSION AUTHORIZATION; SET ROLE NONE; SELECT ssn FROM people} ],
	[ 'a superuser\'s role in PGOPTIONS', q{\setenv PGOPTIONS '-c role=keeper'
\c -
SELECT ssn FROM people}, open => 1, @root ],
	[ 'DISCARD ALL',                     q{DISCARD ALL; SELECT ssn FROM app.people}, open => 1 ],
	[ 'membership without its rights',   q{SET ROLE {me}; SELECT ssn FROM people}, as => 'pooler' ]);
}

# Functions, views, triggers and tables of one's own
sub _objects
{
	return (
	[ 'an SQL function',                 q{CREATE FUNCTION f(pii_text) RETURNS text LANGUAGE sql AS 'SELECT $1::text'; SELECT f(ssn) FROM people} ],
	[ 'an SQL function, not inlined',    q{CREATE FUNCTION f(pii_text) RETURNS text LANGUAGE sql STRICT VOLATILE SET enable_hashagg = on AS 'SELECT $1::text'; SELECT f(ssn) FROM people} ],
	[ 'an SQL function that reveals',    q{CREATE FUNCTION f(pii_text) RETURNS text LANGUAGE sql AS 'SELECT pii_reveal($1)'; SELECT f(ssn) FROM people} ],
	[ 'an SQL function, SECURITY DEFINER', q{CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT ssn::text FROM people'; SELECT f()} ],
	[ 'a function of the new form',      q{CREATE FUNCTION f(a pii_text) RETURNS text RETURN a::text; SELECT f(ssn) FROM people} ],
	[ 'a PL/pgSQL function',             q{CREATE FUNCTION f(a pii_text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN a; END $$; SELECT f(ssn) FROM people} ],
	[ 'PL/pgSQL, SECURITY DEFINER',      q{CREATE FUNCTION f(a pii_text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN pii_reveal(a); END $$; SELECT f(ssn) FROM people} ],
	[ 'PL/pgSQL, raising its view',      q{CREATE FUNCTION f() RETURNS SETOF text LANGUAGE plpgsql SET pii.view = plain AS $$ BEGIN RETURN QUERY SELECT ssn::text FROM people; END $$; SELECT f()} ],
	[ 'PL/pgSQL, variable of type text', q{DO $$ DECLARE v text; r record; BEGIN SELECT ssn INTO v FROM people WHERE id = 1; RAISE NOTICE '%', v; FOR r IN SELECT * FROM people LOOP v := r.name; RAISE NOTICE '% %', v, r; END LOOP; END $$} ],
	[ 'PL/pgSQL, variable of the type',  q{DO $$ DECLARE v app.people.ssn%TYPE; w pii_text; r people%ROWTYPE; BEGIN SELECT ssn, ssn INTO v, w FROM people WHERE id = 1; SELECT * INTO r FROM people WHERE id = 1; RAISE NOTICE '% % %', v, w, r; END $$} ],
	[ 'PL/pgSQL, EXECUTE',               q{DO $$ DECLARE v text; BEGIN EXECUTE 'SELECT ssn FROM people WHERE id = 1' INTO v; EXECUTE format('SELECT %L', v) INTO v; RAISE NOTICE '%', v; END $$} ],
	[ 'PL/pgSQL, EXECUTE USING',         q{DO $$ DECLARE v text; s pii_text; BEGIN SELECT ssn INTO s FROM people WHERE id = 1; EXECUTE 'SELECT $1' INTO v USING s; RAISE NOTICE '%', v; END $$} ],
	[ 'PL/pgSQL, arrays',                q{DO $$ DECLARE a pii_text[]; v text; BEGIN a := ARRAY(SELECT ssn FROM people); FOREACH v IN ARRAY a LOOP RAISE NOTICE '%', v; END LOOP; END $$} ],
	[ 'a function of any type',          q{CREATE FUNCTION f(anyelement) RETURNS text LANGUAGE sql AS 'SELECT $1::text'; SELECT f(ssn), f(p) FROM people p} ],
	[ 'VARIADIC "any"',                  q{SELECT concat(VARIADIC array_agg(ssn)), format('%s', VARIADIC array_agg(name)) FROM people} ],
	[ 'a function of a row',             q{CREATE FUNCTION f(people) RETURNS text LANGUAGE sql AS 'SELECT $1.ssn::text'; SELECT f(p), (p).f FROM people p} ],
	[ 'a procedure',                     q{CREATE PROCEDURE f(INOUT v text) LANGUAGE plpgsql AS $$ BEGIN SELECT ssn INTO v FROM people WHERE id = 1; END $$; CALL f(NULL)} ],
	[ 'a refcursor',                     q{CREATE FUNCTION f() RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE c refcursor := 'c'; BEGIN OPEN c FOR SELECT ssn FROM people; RETURN c; END $$; SELECT f(); FETCH ALL FROM c} ],
	[ 'an aggregate',                    q{CREATE FUNCTION f(text, pii_text) RETURNS text LANGUAGE sql AS $$ SELECT concat($1, ' ', $2) $$; CREATE AGGREGATE a(pii_text) (SFUNC = f, STYPE = text); SELECT a(ssn), a(name) FROM people} ],
	[ 'an aggregate of built-in parts',  q{CREATE AGGREGATE a(pii_text) (SFUNC = array_append, STYPE = pii_text[], FINALFUNC = array_out); SELECT a(ssn) FROM people}],
	[ 'an operator',                     q{CREATE OPERATOR ~> (RIGHTARG = pii_text, FUNCTION = pii_reveal); SELECT ~> ssn FROM people} ],
	[ 'an operator that compares',       q{CREATE OPERATOR === (LEFTARG = pii_text, RIGHTARG = text, FUNCTION = pii_text_eq_text, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES); SELECT id FROM people WHERE ssn === '{ssn}'} ],
	[ 'a cast to a type of one\'s own',  q{CREATE TYPE t AS (v text); CREATE FUNCTION f(pii_text) RETURNS t LANGUAGE sql AS 'SELECT ROW(pii_reveal($1))::t'; CREATE CAST (pii_text AS t) WITH FUNCTION f(pii_text); SELECT ssn::t FROM people} ],
	[ 'a cast WITH INOUT',               q{CREATE TYPE t AS ENUM ('***-**-6789', '527-81-6789'); CREATE CAST (pii_text AS t) WITH INOUT AS IMPLICIT; SELECT ssn::t FROM people WHERE id = 1} ],
	[ 'a cast WITHOUT FUNCTION',         q{CREATE CAST (pii_text AS bytea) WITHOUT FUNCTION}, @superuser ],
	[ 'a function in C or internal',     q{CREATE FUNCTION f(pii_text) RETURNS text LANGUAGE internal AS 'textin'}, @superuser ],
	[ 'a base type',                     q{CREATE TYPE t}, @superuser ],
	[ 'an operator class',               q{CREATE OPERATOR CLASS c FOR TYPE pii_text USING btree AS OPERATOR 1 <}, @superuser ],
	[ 'an event trigger',                q{CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()}, @superuser ],
	[ 'a range of values',               q{CREATE TYPE r AS RANGE (subtype = pii_text)}, dud => 'there is no order' ],
	[ 'a view',                          q{CREATE VIEW v AS SELECT ssn::text, name FROM people; SELECT * FROM v} ],
	[ 'a view that reveals',             q{CREATE VIEW v AS SELECT pii_reveal(ssn) FROM people; SELECT * FROM v} ],
	[ 'a revealing role\'s view',        q{SELECT * FROM people_view} ],
	[ 'a revealing role\'s view, by text', q{SELECT ssn_text FROM people_view} ],
	[ 'a revealing role\'s view that reveals', q{SELECT * FROM people_revealed} ],
	[ 'a security_barrier view and a leaky function', q{CREATE FUNCTION f(pii_text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'leak %', $1; RETURN true; END $$; SELECT id FROM people_barrier WHERE f(ssn)} ],
	[ 'a revealing role\'s materialized view', q{SELECT * FROM people_kept} ],
	[ 'a policy and a leaky function',   q{CREATE FUNCTION f(pii_text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'leak %', $1; RETURN true; END $$; SET app.ssn = '527-81-6789'; SELECT id FROM guarded WHERE f(name)}, shows => qr/leak Wilh/ ],
	[ 'a policy as an oracle',           q{SET app.ssn = '{ssn}'; SELECT count(*) FROM guarded} ],
	[ 'a policy as an oracle, on insert', q{SET app.ssn = '{ssn}'; UPDATE guarded SET id = id RETURNING id}, @owner ],
	[ 'a trigger on one\'s own table',   q{CREATE TABLE own (v pii_text); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RAISE NOTICE '% %', NEW.v, NEW; RETURN NEW; END $$; CREATE TRIGGER t BEFORE INSERT ON own FOR EACH ROW EXECUTE FUNCTION f(); INSERT INTO own SELECT ssn FROM people} ],
	[ 'a trigger on the table',          q{CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% % %', OLD.ssn, OLD, to_json(NEW); RETURN NEW; END $$; CREATE TRIGGER t BEFORE UPDATE ON bare FOR EACH ROW EXECUTE FUNCTION f(); UPDATE bare SET id = id}, @owner ],
	[ 'a trigger with transition tables', q{CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', (SELECT json_agg(o) FROM o); RETURN NULL; END $$; CREATE TRIGGER t AFTER DELETE ON bare REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION f(); DELETE FROM bare}, @owner ],
	[ 'arguments of a trigger\'s WHEN',  q{CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'fired'; RETURN NEW; END $$; CREATE TRIGGER t BEFORE UPDATE ON bare FOR EACH ROW WHEN (OLD.ssn = '{ssn}') EXECUTE FUNCTION f(); UPDATE bare SET id = id}, @owner ],
	[ 'a rule',                          q{CREATE TABLE own (v text); CREATE VIEW w AS SELECT ssn AS v FROM people; CREATE RULE r AS ON UPDATE TO w DO INSTEAD INSERT INTO own SELECT OLD.v::text RETURNING v::text::pii_text; UPDATE w SET v = v RETURNING v::text; SELECT * FROM own} ],
	[ 'RETURNING of an UPDATE',          q{UPDATE bare SET id = id RETURNING ssn, email::text}, @owner ],
	[ 'RETURNING of a DELETE',           q{DELETE FROM bare RETURNING *}, @owner ],
	[ 'RETURNING in WITH',               q{WITH d AS (DELETE FROM bare RETURNING *) SELECT ssn::text FROM d}, @owner ],
	[ 'MERGE into one\'s own table',     q{CREATE TABLE own (id int, v text); MERGE INTO own USING people p ON own.id = p.id WHEN NOT MATCHED THEN INSERT VALUES (p.id, p.ssn::text); SELECT * FROM own} ]);
}

# Values copied into what one owns
sub _copies
{
	return (
	[ 'CREATE TABLE AS',                 q{CREATE TABLE own AS SELECT ssn, name::text FROM people; SELECT * FROM own} ],
	[ 'SELECT INTO',                     q{SELECT ssn, ssn::text AS t INTO own FROM people; SELECT * FROM own} ],
	[ 'a temporary table',               q{CREATE TEMP TABLE own AS SELECT * FROM people; SELECT * FROM own} ],
	[ 'a materialized view',             q{CREATE MATERIALIZED VIEW own AS SELECT ssn, ssn::text AS t FROM people; REFRESH MATERIALIZED VIEW own; SELECT * FROM own} ],
	[ 'LIKE the table',                  q{CREATE TABLE own (LIKE bare INCLUDING ALL); INSERT INTO own SELECT * FROM bare; SELECT * FROM own} ],
	[ 'a column without a class',        q{CREATE TABLE own (v pii_text); INSERT INTO own SELECT ssn FROM people; SELECT v, v::text FROM own} ],
	[ 'a column of class text',          q{CREATE TABLE own (v pii_text(text)); INSERT INTO own SELECT ssn FROM people; SELECT v FROM own} ],
	[ 'a column of another class',       q{CREATE TABLE own (v pii_text(postcode)); INSERT INTO own SELECT ssn FROM people; SELECT v FROM own} ],
	[ 'another class, with longer mask', q{CREATE TABLE own (v pii_text(name)); INSERT INTO own SELECT note FROM people WHERE id = 1 UNION ALL SELECT ssn FROM people; SELECT v FROM own} ],
	[ 'a cast to another class',         q{SELECT ssn::pii_text(name), email::pii_text(ssn), name::pii_text(account), dob::pii_text(ssn) FROM people} ],
	[ 'a cast to class text',            q{SELECT ssn::pii_text(text)::text FROM people} ],
	[ 'a cast to the same class',        q{SELECT ssn::pii_text(ssn)::text FROM people} ],
	[ 'the cast function',               q{SELECT pii_text(ssn, 2, true), pii_text(ssn, 1, false) FROM people} ],
	[ 'the cast function to text',       q{SELECT pii_text(ssn, 0, true)::text FROM people} ],
	[ 'a modifier that is none',         q{SELECT pii_text(ssn, -1, true), pii_text(ssn, 65535, true), pii_text(ssn, 99999, true) FROM people}, dud => 'there is no such class' ],
	[ 'the output, as input',            q{SELECT pii_text_in(pii_text_out(ssn), 0, -1)::text, pii_text_in(pii_text_out(name), 0, 1) FROM people} ],
	[ 'pii_seal of the text',            q{SELECT pii_seal(ssn::text, 'account'), pii_seal(email::text) FROM people} ],
	[ 'an array of another class',       q{SELECT (ARRAY[ssn])::pii_text(name)[] FROM people} ],
	[ 'a row of another class',          q{CREATE TYPE t AS (v pii_text(name)); SELECT ROW(ssn)::t FROM people} ],
	[ 'INSERT of another class',         q{INSERT INTO bare (id, email) SELECT id + 100, ssn FROM people RETURNING email}, @owner, ],
	[ 'UPDATE to another class',         q{UPDATE bare SET email = ssn RETURNING email}, @owner ],
	[ 'ALTER COLUMN to another class',   q{CREATE TABLE own (v pii_text(ssn)); INSERT INTO own SELECT ssn FROM people; ALTER TABLE own ALTER v TYPE pii_text(name); SELECT v FROM own} ],
	[ 'ALTER COLUMN to no class, and on', q{CREATE TABLE own (v pii_text(ssn)); INSERT INTO own SELECT ssn FROM people; ALTER TABLE own ALTER v TYPE pii_text; ALTER TABLE own ALTER v TYPE pii_text(name); SELECT v FROM own} ],
	[ 'ALTER COLUMN to text',            q{CREATE TABLE own (v pii_text(ssn)); INSERT INTO own SELECT ssn FROM people; ALTER TABLE own ALTER v TYPE text USING v::text; SELECT v FROM own} ],
	[ 'ALTER COLUMN USING pii_reveal',   q{CREATE TABLE own (v pii_text(ssn)); INSERT INTO own SELECT ssn FROM people; ALTER TABLE own ALTER v TYPE text USING pii_reveal(v); SELECT v FROM own} ],
	[ 'a domain',                        q{CREATE DOMAIN d AS pii_text(ssn); SELECT ssn::d, ssn::d::text FROM people} ],
	[ 'a domain of another class',       q{CREATE DOMAIN d AS pii_text(name); SELECT ssn::d FROM people} ],
	[ 'a domain over text',              q{CREATE DOMAIN d AS text CHECK (length(VALUE) > 0); SELECT ssn::text::d FROM people} ],
	[ 'a domain with a CHECK',           q{CREATE DOMAIN d AS pii_text(ssn) CHECK (VALUE <> '{ssn}'); SELECT count(ssn::d) FROM people} ],
	[ 'a domain with a CHECK that shows', q{CREATE FUNCTION f(pii_text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'leak %', $1; RETURN true; END $$; CREATE DOMAIN d AS pii_text(ssn) CHECK (f(VALUE)); SELECT count(ssn::d) FROM people} ],
	[ 'a generated column of text',      q{CREATE FUNCTION f(pii_text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1::text'; CREATE TABLE own (v pii_text, t text GENERATED ALWAYS AS (f(v)) STORED)}, dud => 'expressions that reveal are refused' ],
	[ 'a generated column by XML',       q{CREATE TABLE own (v pii_text, t xml GENERATED ALWAYS AS (xmlelement(name a, v)) STORED)}, dud => 'expressions that reveal are refused' ],
	[ 'an index of text',                q{CREATE FUNCTION f(pii_text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1::text'; CREATE TABLE own (v pii_text); CREATE INDEX ON own (f(v))}, dud => 'expressions that reveal are refused' ],
	[ 'sealed text, pasted',             q{CREATE TABLE own (v pii_text(ssn)); INSERT INTO own SELECT pii_sealed(ssn) FROM people; SELECT v FROM own} ],
	[ 'sealed text, pasted as class text', q{CREATE TABLE own (v pii_text(text)); INSERT INTO own SELECT pii_sealed(ssn) FROM people; SELECT v FROM own} ],
	[ 'sealed text, pasted without class', q{CREATE TABLE own (v pii_text); INSERT INTO own SELECT pii_sealed(ssn) FROM people; SELECT v::text FROM own} ],
	[ 'sealed text of class text, pasted', q{CREATE TABLE own (v pii_text(name)); INSERT INTO own SELECT pii_sealed(note) FROM people; SELECT v FROM own} ],
	[ 'sealed text by pii_seal',         q{SELECT pii_seal(pii_sealed(ssn), 'ssn')::text, pii_seal(pii_sealed(ssn))::text FROM people} ],
	[ 'sealed text by pii_seal to another class', q{SELECT pii_seal(pii_sealed(ssn), 'name')::text FROM people} ],
	[ 'sealed text by input function',   q{SELECT pii_text_in(pii_sealed(ssn)::cstring, 0, 4)::text FROM people} ],
	[ 'sealed text by cast function',    q{SELECT pii_text(pii_sealed(ssn), 4, true)::text FROM people} ],
	[ 'sealed text by JSON',             q{CREATE TABLE own (v pii_text); SELECT v::text FROM people, json_populate_record(NULL::own, json_build_object('v', pii_sealed(ssn)))} ],
	[ 'sealed text by an array literal', q{SELECT (('{' || pii_sealed(ssn) || '}')::pii_text[])[1]::text FROM people} ],
	[ 'sealed text by a row literal',    q{CREATE TYPE t AS (v pii_text); SELECT ((('(' || pii_sealed(ssn) || ')')::t).v)::text FROM people} ],
	[ 'sealed text by PL/pgSQL',         q{DO $$ DECLARE v pii_text; BEGIN SELECT pii_sealed(ssn) INTO v FROM people WHERE id = 1; RAISE NOTICE '%', v; END $$} ],
	[ 'sealed text by XML',              q{SELECT v::text FROM people, xmltable('/a' PASSING xmlelement(name a, pii_sealed(ssn)) COLUMNS v pii_text PATH '.')} ],
	[ 'sealed text as a default',        q{DO $$ BEGIN EXECUTE (SELECT format('CREATE TABLE own (id int, v pii_text DEFAULT %L)', pii_sealed(ssn)) FROM people WHERE id = 1); END $$; INSERT INTO own (id) VALUES (1); SELECT v::text FROM own} ],
	[ 'sealed text in COPY',             q{CREATE TABLE own (v pii_text(ssn));
SELECT 'COPY own FROM STDIN' || E';\n' || pii_sealed(ssn) || E'\n\\.\n' AS line FROM people WHERE id = 1 \g (tuples_only=on format=unaligned) {file}
\i {file}
SELECT v FROM own} ],
	[ 'sealed text compared',            q{SELECT count(*) FROM people WHERE ssn = (SELECT pii_sealed(ssn) FROM people WHERE id = 1)}, shows => qr/^1$/m ],
	[ 'sealed text of class text compared with', q{SELECT ssn = pii_sealed('{ssn}'::pii_text(text)) FROM people WHERE id = 1} ],
	[ 'sealed text in search terms',     q{SELECT pii_search_terms(pii_sealed(ssn), 'ssn') FROM people}, shows => qr/\{0001/ ],
	[ 'sealed text in search terms, array', q{SELECT pii_search_terms(ARRAY[pii_sealed(ssn)], 'ssn') FROM people}, shows => qr/\{0001/ ],
	[ 'sealed text in word terms',       q{SELECT pii_word_terms(pii_sealed(name), 'name') FROM people}, shows => qr/\{0001/ ],
	[ 'sealed text in hashes',           q{SELECT pii_text_hash(pii_sealed(ssn)) IS NOT NULL FROM people}, shows => qr/^t$/m ],
	[ 'sealed text, damaged',            q{SELECT pii_seal(overlay(pii_sealed(ssn) PLACING 'AAAA' FROM 60), 'ssn') FROM people WHERE id = 1}, shows => qr/could not authenticate/ ],
	[ 'a mask written back',             q{UPDATE bare SET ssn = ssn::text RETURNING ssn}, @owner ],
	[ 'a value moved between rows',      q{UPDATE bare SET ssn = (SELECT ssn FROM bare WHERE id = 1) RETURNING ssn}, @owner ]);
}

# Errors and notices
sub _messages
{
	return (
	[ 'an invalid cast',                 q{SELECT ssn::text::int FROM people} ],
	[ 'an invalid cast of XML',          q{SELECT xmlparse(document name::text) FROM people WHERE id = 1} ],
	[ 'an invalid cast of JSON',         q{SELECT name::text::json FROM people WHERE id = 1} ],
	[ 'an invalid date',                 q{SELECT ssn::text::date FROM people} ],
	[ 'an invalid regular class',        q{SELECT ssn::text::regclass FROM people WHERE id = 1} ],
	[ 'an invalid encoding',             q{SELECT encode('x', ssn::text) FROM people WHERE id = 1} ],
	[ 'an invalid setting',              q{SELECT set_config('work_mem', ssn::text, true) FROM people WHERE id = 1} ],
	[ 'a setting',                       q{SELECT set_config('app.x', ssn::text, true) FROM people WHERE id = 1} ],
	[ 'pii.purpose as a store',          q{SELECT set_config('pii.purpose', ssn::text, true) FROM people WHERE id = 1} ],
	[ 'the application name as a store', q{SELECT set_config('application_name', ssn::text, true) FROM people WHERE id = 1; SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()} ],
	[ 'division by zero',                q{SELECT 1 / (CASE WHEN ssn = '{ssn}' THEN 0 ELSE 1 END) FROM people WHERE id = 1} ],
	[ 'division by zero, by a boolean',  q{SELECT 1 / (ssn <> '{ssn}')::int FROM people WHERE id = 1} ],
	[ 'SQLSTATE',                        q{DO $$ DECLARE g text; BEGIN FOREACH g IN ARRAY ARRAY['{ssn}', 'x'] LOOP BEGIN PERFORM 1 / (ssn <> g)::int FROM people WHERE id = 1; RAISE NOTICE 'no'; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%', SQLSTATE; END; END LOOP; END $$} ],
	[ 'GET STACKED DIAGNOSTICS',         q{DO $$ DECLARE a text; b text; c text; BEGIN PERFORM 1 / (ssn <> '{ssn}')::int FROM people WHERE id = 1; RAISE NOTICE 'none'; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS a = MESSAGE_TEXT, b = PG_EXCEPTION_DETAIL, c = PG_EXCEPTION_CONTEXT; RAISE NOTICE '% % %', a, b, c; END $$} ],
	[ 'RAISE NOTICE',                    q{DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM people LOOP RAISE NOTICE '% %', r.ssn, r; END LOOP; END $$} ],
	[ 'RAISE EXCEPTION',                 q{DO $$ DECLARE r record; BEGIN SELECT * INTO r FROM people WHERE id = 1; RAISE EXCEPTION '%', r.ssn USING DETAIL = r.name, HINT = r.email, COLUMN = r.note::text, SCHEMA = r.dob::text; END $$} ],
	[ 'ASSERT',                          q{DO $$ DECLARE r record; BEGIN SELECT * INTO r FROM people WHERE id = 1; ASSERT false, r.ssn; END $$} ],
	[ 'print_strict_params',             q{DO $$ #print_strict_params on
DECLARE s pii_text; i int; BEGIN SELECT ssn INTO s FROM people WHERE id = 1; SELECT id INTO STRICT i FROM people WHERE id = -1 AND pii_class_of(s) = 'x'; END $$} ],
	[ 'statement_timeout',               q{SET statement_timeout = '1s'; SELECT CASE WHEN ssn = '{ssn}' THEN pg_sleep(2) END FROM people WHERE id = 1} ],
	[ 'an advisory lock',                q{SELECT pg_advisory_xact_lock(1) FROM people WHERE ssn = '{ssn}'; SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'} ],
	[ 'NOTICE from a function in WHERE', q{CREATE FUNCTION f(pii_text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', $1; RETURN false; END $$; SELECT FROM people WHERE f(ssn)} ],
	[ 'parameters in an error',          q{SET log_parameter_max_length_on_error = -1; PREPARE s(pii_text) AS SELECT 1 / (id - id) FROM people WHERE $1 IS NOT NULL; EXECUTE s((SELECT ssn FROM people WHERE id = 1))}, dud => 'PostgreSQL allows no sub-select there' ],
	[ 'debug messages',                  q{SET client_min_messages = debug1; SELECT count(*) FROM people WHERE ssn = '{ssn}'} ]);
}

# Settings that decide what is seen
sub _settings
{
	my $show = q{SELECT ssn, name::text FROM people};
	return (
	(map { [ "pii.view = $_", qq{SET pii.view = $_; SET pii.view = plain; $show} ] } qw(auto masked redacted sealed)),
	[ 'SET LOCAL pii.view',              qq{SET LOCAL pii.view = plain; $show} ],
	[ 'RESET pii.view',                  qq{SET pii.view = redacted; RESET pii.view; $show} ],
	[ 'set_config of pii.view',          qq{SELECT set_config('pii.view', 'plain', false); $show} ],
	[ 'pii.view by UPDATE of pg_settings', qq{UPDATE pg_settings SET setting = 'plain' WHERE name = 'pii.view'; $show} ],
	[ 'pii.view in the middle',          q{SELECT CASE WHEN id > 0 THEN set_config('pii.view', 'plain', true) END, ssn::text FROM people} ],
	[ 'ALTER ROLE SET pii.view',         qq{ALTER ROLE {me} SET pii.view = plain;
\\c -
$show; ALTER ROLE {me} RESET pii.view}, open => 1, ],
	[ 'pii.view in PGOPTIONS',           qq{\\setenv PGOPTIONS '-c pii.view=plain'
\\c -
$show}, open => 1 ],
	[ 'ALTER DATABASE SET pii.view',     qq{ALTER DATABASE postgres SET pii.view = plain; $show}, @root ],
	[ 'ALTER SYSTEM',                    q{ALTER SYSTEM SET pii.require_purpose = off}, open => 1, dud => 'it wants a superuser' ],
	[ 'pii.sealed_applications',         qq{SET pii.sealed_applications = ''; SET application_name = pg_dump; $show}, @root ],
	[ 'pii.sealed_applications in PGOPTIONS', qq{\\setenv PGOPTIONS '-c pii.sealed_applications=x'
\\setenv PGAPPNAME pg_dump
\\c -
$show}, open => 1, @root ],
	[ 'pii.accept_unverified',           qq{SET pii.accept_unverified = on; CREATE TABLE own (v pii_text); INSERT INTO own SELECT pii_sealed(ssn) FROM people; SELECT v FROM own; $show}, @root ],
	[ 'pii.domain',                      qq{SET pii.domain = 'other'; SET pii.domain = 'default'; $show}, @root ],
	[ 'pii.log_scrubbing',               qq{SET pii.log_scrubbing = off; $show}, @root ],
	[ 'pii.audit',                       qq{SET pii.audit = off; $show}, @root ],
	[ 'pii.require_purpose',             qq{SET pii.require_purpose = off; SET pii.purpose = 'curiosity'; $show}, @root ],
	[ 'pii.core_dumps, pii.keyring_file', q{SET pii.core_dumps = on; SET pii.keyring_file = '/tmp/x'; SHOW pii.keyring_command}, dud => 'they are set when the server starts' ],
	[ 'session_replication_role',        qq{SET session_replication_role = replica; $show}, @root ],
	[ 'a reserved name',                 qq{SET pii.reveal = on; SET pii.superuser = on; $show} ],
	[ 'row_security',                    qq{SET row_security = off; $show} ],
	[ 'in a read-only, serializable transaction', qq{BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE; $show; ROLLBACK}, open => 1 ],
	[ 'in a subtransaction',             qq{SAVEPOINT a; SET pii.view = plain; ROLLBACK TO a; $show} ],
	[ 'after an error',                  qq{SAVEPOINT a; SELECT pii_reveal(ssn) FROM people; ROLLBACK TO a; $show} ]);
}

# The privileges themselves
sub _administration
{
	my $show = q{SELECT pii_reveal(ssn) FROM people};
	return (
	(map { [ "pii_grant to oneself, $_", qq{SELECT pii_grant('{me}', 'ssn', '$_'); $show}, @root ] } qw(REVEAL ALL)),
	[ 'pii_grant by regrole',            qq{SELECT pii_grant('{me}'::regrole, '*', 'REVEAL'); $show}, @root ],
	[ 'pii_grant to PUBLIC',             qq{SELECT pii_grant('public', '*', 'REVEAL'); $show}, @root ],
	[ 'pii_revoke',                      qq{SELECT pii_revoke('public', '*', 'MASK'); $show}, @root ],
	[ 'pii_grant in a function',         qq{CREATE FUNCTION f() RETURNS void LANGUAGE sql SECURITY DEFINER AS \$\$ SELECT pii_grant('{me}', '*', 'ALL') \$\$; SELECT f(); $show}, @root ],
	[ 'GRANT EXECUTE ON pii_grant',      qq{GRANT EXECUTE ON FUNCTION pii_grant(text, text, text) TO {me}; SELECT pii_grant('{me}', '*', 'ALL'); $show}, @root ],
	[ 'INSERT INTO pii_privilege',       qq{INSERT INTO pii_privilege VALUES ('{me}'::regrole, 4, 'REVEAL'); $show}, @root ],
	[ 'UPDATE pii_privilege',            qq{UPDATE pii_privilege SET role = '{me}'::regrole WHERE role = 'keeper'::regrole; $show}, @root ],
	[ 'COPY pii_privilege',              qq{COPY pii_privilege FROM STDIN;\n{me}\t4\tREVEAL\n\\.\n$show}, @root ],
	[ 'INSERT INTO pii_public_privilege', qq{INSERT INTO pii_public_privilege VALUES (4, 'REVEAL', true); $show}, @root ],
	[ 'DELETE FROM pii_public_privilege', qq{DELETE FROM pii_public_privilege; TRUNCATE pii_public_privilege; $show}, @root ],
	[ 'a trigger or a rule on the grants', qq{CREATE RULE r AS ON INSERT TO pii_privilege DO NOTHING; ALTER TABLE pii_privilege DISABLE TRIGGER ALL; $show}, @root ],
	[ 'a table of the same name',        qq{CREATE TABLE pii_privilege (role oid, class_id int, privilege text); INSERT INTO pii_privilege VALUES ('{me}'::regrole, 4, 'REVEAL'); $show} ],
	[ 'a temporary table of the same name', qq{CREATE TEMP TABLE pii_privilege (role oid, class_id int, privilege text); INSERT INTO pii_privilege VALUES ('{me}'::regrole, -1, 'REVEAL'); SET search_path = pg_temp, app, public; $show} ],
	[ 'functions of the same name',      q{CREATE FUNCTION pii_reveal(pii_text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT public.pii_reveal($1)'; SELECT pii_reveal(ssn) FROM people} ],
	[ 'a type of the same name',         q{CREATE DOMAIN pii_text AS text; SELECT ssn::pii_text FROM people} ],
	[ 'DROP EXTENSION',                  q{DROP EXTENSION pii CASCADE}, dud => 'nothing is left to see' ],
	[ 'ALTER EXTENSION',                 q{ALTER EXTENSION pii DROP TABLE pii_privilege}, dud => 'it wants the owner' ],
	[ 'ALTER FUNCTION',                  q{ALTER FUNCTION pii_reveal(pii_text) SECURITY DEFINER; SELECT pii_reveal(ssn) FROM people}, @root ],
	[ 'a trigger function, called',      q{SELECT pii_privilege_changed()}, dud => 'PostgreSQL calls no trigger function so' ],
	[ 'a trigger function, on one\'s own', qq{CREATE TABLE own (v pii_text); CREATE TRIGGER t AFTER INSERT ON own FOR EACH STATEMENT EXECUTE FUNCTION pii_privilege_changed(); INSERT INTO own SELECT ssn FROM people; $show} ],
	[ 'GRANT of the revealing role',     qq{GRANT keeper TO {me}; $show}, @root ],
	[ 'CREATE ROLE IN ROLE',             q{CREATE ROLE x IN ROLE keeper}, dud => 'it wants CREATEROLE' ],
	[ 'OWNER TO a revealing role',       qq{CREATE VIEW v AS SELECT pii_reveal(ssn) FROM people; ALTER VIEW v OWNER TO keeper; SELECT * FROM v}, @root ],
	[ 'a function OWNER TO a revealing role', q{CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT pii_reveal(ssn) FROM app.people'; GRANT ALL ON SCHEMA "{me}" TO keeper; ALTER FUNCTION f() OWNER TO keeper; SELECT f()}, @root ],
	[ 'the rows behind the views',       q{SELECT * FROM pii_stat_access_rows(); SELECT * FROM pii_keyring_rows()}, @root, shows => qr/^default\|seal/m ],
	[ 'the counters',                    q{SELECT * FROM pii_stat_access}, @root, shows => qr/\|ssn\|/ ],
	[ 'the keyring',                     q{SELECT * FROM pii_keyring}, @root, shows => qr/^default\|seal/m ],
	[ 'the counters, set to zero',       q{SELECT 'done', pii_stat_access_reset()}, @root, shows => qr/^done/m ]);
}

# What psql cannot do: parameters. Each line is a statement with $1, the type of the parameter (0: PostgreSQL finds out) and the
# value; tried with parameters and results as text and as binary.
sub protocol_attacks
{
	return map { { name => $_->[0], sql => $_->[1], type => $_->[2], value => $_->[3], @$_[ 4 .. $#$_ ] } } (
	[ 'a parameter of unknown type',     q{SELECT id FROM people WHERE ssn = $1}, 'unknown', '{ssn}' ],
	[ 'a parameter of type text',        q{SELECT id FROM people WHERE ssn = $1}, 'text', '{ssn}' ],
	[ 'a parameter of type varchar',     q{SELECT id FROM people WHERE ssn = $1}, 'varchar', '{ssn}' ],
	[ 'a parameter of type pii_text',    q{SELECT id FROM people WHERE ssn = $1}, 'pii_text', '{ssn}' ],
	[ 'a parameter, other way round',    q{SELECT id FROM people WHERE $1 = ssn}, 'pii_text', '{ssn}' ],
	[ 'a parameter, <>',                 q{SELECT id FROM people WHERE ssn <> $1}, 'text', '{ssn}' ],
	[ 'a parameter, cast',               q{SELECT id FROM people WHERE ssn = $1::text::pii_text(ssn)}, 'text', '{ssn}' ],
	[ 'a parameter in a CASE',           q{SELECT CASE ssn WHEN $1 THEN 1 ELSE 0 END FROM people}, 'pii_text', '{ssn}' ],
	[ 'a parameter, hashed',             q{SELECT pii_search_terms($1, 'ssn')::text}, 'text', '{ssn}' ],
	[ 'a parameter, blind index',        q{SELECT pii_blind_index($1::pii_text(ssn))}, 'pii_text', '{ssn}' ],
	[ 'a parameter, inserted',           q{INSERT INTO people (id, email) VALUES (77, $1)}, 'pii_text', '{email}', @owner ],
	[ 'columns as results',              q{SELECT ssn, name, email, note, dob, $1 FROM people}, 'text', 'x' ],
	[ 'a row as result',                 q{SELECT p, $1 FROM people p}, 'text', 'x' ],
	[ 'an array as result',              q{SELECT array_agg(ssn), $1 FROM people}, 'text', 'x' ],
	[ 'sealed text as parameter',        q{SELECT $1::text}, 'pii_text', '{sealed}' ],
	[ 'sealed text as text parameter',   q{SELECT pii_reveal($1::pii_text)}, 'text', '{sealed}' ],
	[ 'sealed text as parameter, back',  q{SELECT $1}, 'pii_text', '{sealed}' ]);
}

1;

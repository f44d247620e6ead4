-- Sealed values in jsonb documents.
CREATE FUNCTION short(doc jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT regexp_replace(doc::text, 'pii:v(\d+):[A-Za-z0-9_-]+', 'pii:v\1:...', 'g')$$;
CREATE FUNCTION reads(doc jsonb, paths jsonb) RETURNS text LANGUAGE sql AS $$SELECT short(sealed) || ' -> ' || pii_reveal_json(sealed) FROM pii_seal_json(doc, paths) AS sealed$$;

-- Every kind of step, and of value; what is missing, null, or of another kind is left alone.
SELECT reads('{"account": {"number": "DE-123", "kind": "savings"}, "people": [{"ssn": "123-45-6789"}, {"ssn": null}, {"name": "x"}, 7]}', '{"$.account.number": "account", "$.people[*].ssn": "ssn"}');
SELECT reads('{"s": "", "n": 12.50, "t": true, "f": false, "z": null, "o": {"a": [1, {"b": null}]}, "a": [], "rest": "plain"}', '{"$.s": "text", "$.n": "account", "$.t": "text", "$.f": "text", "$.z": "text", "$.o": "secret", "$.a": "text"}');
SELECT reads('[[1, 2], [3, [4, 5]], "x", {"0": 6}]', '{"$[0][*]": "text", "$[1][1][0]": "text", "$[3].*": "text", "$[9]": "text"}');
SELECT reads('{"a b": {"\"\\": "x"}, "é": "y", "2fa": "z", "*": "w", "": "v"}', '{"$.\"a b\".\"\\\"\\\\\"": "text", "$.é": "text", "$.\"2fa\"": "text", "$.\"*\"": "text", "$.\"\"": "text"}');
SELECT reads('{"a": {"b": 1}, "b": [{"c": [1]}, {"c": []}]}', '{"$.a.b.c": "text", "$.b.c": "text", "$.b[*].c[0]": "text", "$.a[*]": "text"}');
SELECT reads('{"a": "x"}', '{"$": "text"}'), reads('"x"', '{"$": "text"}'), reads('[]', '{"$": "text"}'), reads('null', '{"$": "text"}'), reads('"x"', '{"$.a": "text"}'), reads('{"a": 1}', '{}');
SELECT reads('{"a": "  spaces \" \\ / \n \u00e9 漢 👤 "}', '{"$.a": "name"}');
SELECT pii_seal_json(NULL, '{"$.a": "text"}'), pii_seal_json('{}', NULL), pii_reveal_json(NULL);
-- The length does not tell which boolean it is.
SELECT length(pii_seal_json('true', '{"$": "text"}') ->> 0) = length(pii_seal_json('false', '{"$": "text"}') ->> 0) AS same_length;

-- Paths that are none, and declarations that are none.
SELECT path, state, message, hint FROM unnest(ARRAY['', 'a', '$a', '$.', '$..a', '$.a-b', '$.2fa', '$[-1]', '$[01]', '$[', '$["a"]', '$.**', '$.a ? (@ > 1)', '$.a.size()', '$[last]', '$[2147483648]', '$."a']) AS path, error_of(format('SELECT pii_seal_json(''{}'', jsonb_build_object(%L, ''text''))', path));
SELECT paths, state, message FROM unnest(ARRAY['[]', '"$.a"', '{"$.a": 1}', '{"$.a": {"class": "ssn"}}', '{"$.a": "no_class"}', '{"$.a": "text", "$.*": "text"}', '{"$.a": "text", "$.a.b": "text"}', '{"$": "text", "$[0]": "text"}', '{"$[*]": "text", "$[2]": "ssn"}']) AS paths, error_of(format('SELECT pii_seal_json(''{"a": 1}'', %L)', paths));
SELECT error_of(format('SELECT pii_seal_json(''{}'', %L)', (SELECT jsonb_object_agg('$.k' || i, 'text') FROM generate_series(1, 65) AS i)));
SELECT short(pii_seal_json('{"k64": 1}', (SELECT jsonb_object_agg('$.k' || i, 'text') FROM generate_series(1, 64) AS i)));

-- Sealed once: again, and for another class.
SELECT pii_seal_json('{"ssn": "123-45-6789", "n": 1}', '{"$.ssn": "ssn"}') AS doc \gset
SELECT pii_seal_json(:'doc', '{"$.ssn": "ssn"}') = :'doc'::jsonb AS stays, pii_seal_json(:'doc', '{"$.ssn": "ssn", "$.n": "text"}') -> 'ssn' = :'doc'::jsonb -> 'ssn' AS stays_beside;
SELECT pii_mask_json(pii_seal_json(:'doc', '{"$.ssn": "phone"}')) AS other_class, pii_reveal_json(pii_seal_json(:'doc', '{"$.ssn": "phone"}'));
SELECT error_of(format('SELECT pii_seal_json(%L, ''{"$": "text"}'')', :'doc'));
-- A mask that comes back is no data.
SELECT value, state, message FROM unnest(ARRAY['"***-**-6789"', '"[ssn]"', '" [name] "', '"****"', '["****"]', '"6789"']) AS value, error_of(format('SELECT pii_seal_json(''{"ssn": %s}'', ''{"$.ssn": "ssn"}'')', value));
-- Text of a column is sealed for the document, and no other way round.
SELECT pii_sealed(pii_seal('123-45-6789', 'ssn')) AS text \gset
SELECT pii_reveal_json(jsonb_build_object('x', :'text')) = jsonb_build_object('x', :'text') AS does_not_open, pii_reveal_json(pii_seal_json(jsonb_build_object('x', :'text'), '{"$.x": "ssn"}'));
SELECT error_of(format('SELECT %L::pii_text(ssn)', :'doc'::jsonb ->> 'ssn'));

-- Damage.
SELECT what, state, message FROM (VALUES
    ('last character', overlay(:'doc'::jsonb ->> 'ssn' PLACING CASE right(:'doc'::jsonb ->> 'ssn', 1) WHEN 'A' THEN 'Q' ELSE 'A' END FROM length(:'doc'::jsonb ->> 'ssn'))),
    ('a character', overlay(:'doc'::jsonb ->> 'ssn' PLACING CASE substr(:'doc'::jsonb ->> 'ssn', 70, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM 70)),
    ('another class', overlay(:'doc'::jsonb ->> 'ssn' PLACING 'ADEAAg' FROM 8)),
    ('cut', left(:'doc'::jsonb ->> 'ssn', 60)), ('cut more', left(:'doc'::jsonb ->> 'ssn', 20)), ('no base64', 'pii:v1:?'), ('empty', 'pii:v2:'), ('another version', replace(:'doc'::jsonb ->> 'ssn', 'pii:v2', 'pii:v1'))) AS damaged(what, text),
    unnest(ARRAY['SELECT pii_reveal_json(%L)', 'SELECT pii_mask_json(%L)', 'SELECT pii_rewrap_json(%L)', 'SELECT pii_seal_json(%L, ''{"$.ssn": "ssn"}'')', 'SELECT pii_blind_index(%L::jsonb, ''$.ssn'', ''ssn'')']) AS statement,
    error_of(format(statement, jsonb_build_object('ssn', text)));
SELECT pii_reveal_json('{"a": "pii:", "b": "pii:vx:1", "c": "pii:v", "d": "see pii:v1:abc"}') AS no_sealed_text;

-- What another program sealed: JSON text of its own making, and what is none. No message shows it.
SELECT pii_reveal_json('["pii:v1:ACEAAAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXsqhdFxSML2sHqV3nuxosgg_vFTXicH4HNmY1Q66aJUBNQ7utIPk"]');
SELECT what, error_of(format('SELECT pii_reveal_json(jsonb_build_array(%L))', text)) FROM (VALUES
    ('no JSON', 'pii:v1:ADEAAAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX37INHVPEBVlFpROqxyVP_SRWN2ifUG92TBm4DE00lWoyHU3jeiVABnA1gO_LrTKv'),
    ('more than a value', 'pii:v1:ADEAAAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXsJ4eBF3TVxIWtP3F528csju0khxTPYsDYKv2YzxbSHw'),
    ('zero byte', 'pii:v1:ADEAAAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX6fEeVAyWB31X9xaglTNpglrmB0ri0G92TBm4DE00lWpmGU7sNkL3_CS7sJyh0XOO'),
    ('large number', 'pii:v1:ADEAAAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXo7ZGTw-PHAkPvF1F528cspVc5hgpAkg23RjSCxbNPVo'),
    ('half a character', 'pii:v1:ADEAAAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXsI8KEg6GFRK2hX3F528cstkzcBbh3QUf4tumGyAv7Ro')) AS t(what, text);

-- The forms; keys and all else stay.
SELECT pii_seal_json('{"ssn": "123-45-6789", "num": 123456789, "who": ["Ann Lee", "Bob"], "acct": {"no": 1}, "yes": true, "id": 17}', '{"$.ssn": "ssn", "$.num": "ssn", "$.who[*]": "name", "$.acct": "account", "$.yes": "text"}') AS doc \gset
SELECT pii_mask_json(:'doc');
SELECT view, short(shown) FROM unnest(ARRAY['auto', 'plain', 'masked', 'redacted', 'sealed']) AS view, LATERAL (SELECT set_config('pii.view', view, true) = view AS set, pii_show_json(:'doc') AS shown) AS t WHERE set;
CREATE ROLE regress_reader;
GRANT USAGE ON SCHEMA pii_schema TO regress_reader;
SELECT pii_grant('regress_reader', 'name', 'REVEAL');
SET ROLE regress_reader;
SELECT pii_show_json(:'doc');
SELECT pii_mask_json(:'doc');
SELECT error_of(format('SELECT pii_reveal_json(%L)', :'doc'));
SELECT error_of(format('SELECT pii_seal_json(%L, ''{"$.ssn": "ssn"}'')', :'doc'));
SELECT error_of(format('SELECT pii_blind_index(%L::jsonb, ''$.ssn'', ''ssn'')', :'doc'));
SELECT error_of('SELECT pii_json_index(''{}''::jsonb, ''$.ssn'', ''ssn'')'), error_of('SELECT pii_json_terms(''x'', ''ssn'')');
SELECT short(pii_rewrap_json(:'doc'));
RESET ROLE;
BEGIN;
SELECT pii_revoke('public', 'ssn', 'MASK');
SET ROLE regress_reader;
SELECT pii_show_json(:'doc');
SELECT pii_mask_json(:'doc');
ROLLBACK;

-- Key versions. A value that was sealed under version 1, by the other implementation of FORMAT.md.
SELECT '{"a": {"old": "pii:v1:ADEABwABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXavdaE6Feru-aagytbX__LvwNbsbuPAeMXqiTO9iqs3Y"}}'::jsonb || pii_seal_json('{"b": "x", "c": "y"}', '{"$.b": "text", "$.c": "text"}') AS doc \gset
SELECT pii_json_key_versions(:'doc'), pii_reveal_json(:'doc'), pii_json_key_versions(pii_rewrap_json(:'doc')), pii_reveal_json(pii_rewrap_json(:'doc')) = pii_reveal_json(:'doc') AS same;
SELECT pii_json_key_versions('{"a": 1}'), pii_json_key_versions(jsonb_build_array(:'text'));
SELECT error_of('SELECT pii_json_key_versions(''["pii:v1:x"]'')'), error_of('SELECT pii_reveal_json(''["pii:v3:ADEABwADQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXavdaE6Feru-aagytbX__LvwNbsbuPAeMXqiTO9iqs3Y"]'')');

-- Search finds sealed and plain documents.
CREATE TABLE accounts (id int PRIMARY KEY, doc jsonb, n int DEFAULT 0);
INSERT INTO accounts SELECT i, jsonb_build_object('account', jsonb_build_object('number', 'DE-' || i), 'people', jsonb_build_array(jsonb_build_object('ssn', 100000000 + i), jsonb_build_object('ssn', (200000000 + i)::text))) FROM generate_series(1, 300) AS i;
UPDATE accounts SET doc = pii_seal_json(doc, '{"$.account.number": "account", "$.people[*].ssn": "ssn"}') WHERE id % 3 = 0;
UPDATE accounts SET doc = pii_seal_json(doc, '{"$.account": "account", "$.people[0]": "ssn"}') WHERE id % 3 = 1;
CREATE INDEX accounts_number ON accounts (pii_blind_index(doc, '$.account.number', 'account'));
CREATE INDEX accounts_ssn ON accounts USING gin (pii_json_index(doc, '$.people[*].ssn', 'ssn'));
ANALYZE accounts;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM accounts WHERE pii_blind_index(doc, '$.account.number', 'account') = ANY (pii_search_terms('DE-123', 'account'));
EXPLAIN (COSTS OFF) SELECT id FROM accounts WHERE pii_json_index(doc, '$.people[*].ssn', 'ssn') @> pii_json_terms('100-00-0007', 'ssn');
SELECT array_agg(id ORDER BY id) FROM accounts WHERE pii_blind_index(doc, '$.account.number', 'account') = ANY (pii_search_terms(ARRAY['de 7', 'DE-8', 'DE 9', 'DE-999'], 'account'));
SELECT array_agg(id ORDER BY id) FROM accounts WHERE pii_json_index(doc, '$.people[*].ssn', 'ssn') @> pii_json_terms('100-00-0007', 'ssn') OR pii_json_index(doc, '$.people[*].ssn', 'ssn') @> pii_json_terms('200 00 0008', 'ssn') OR pii_json_index(doc, '$.people[*].ssn', 'ssn') @> pii_json_terms('200000009', 'ssn');
RESET enable_seqscan;
SELECT id FROM accounts WHERE pii_blind_index(doc, '$.account.number', 'account') = ANY (pii_search_terms('DE-123', 'account'));
SELECT doc, pii_blind_index(doc, '$.a', 'text') = ANY (pii_search_terms(doc #>> '{a}', 'text')) AS found FROM (VALUES ('{"a": "x"}'::jsonb), ('{"a": 1.50}'), ('{"a": true}'), ('{"a": {"b": [1,   2]}}'), ('{"a": null}'), ('{}'), ('[1]'), ('"a"')) AS t(doc);
SELECT pii_blind_index('"x"'::jsonb, '$', 'text') = pii_blind_index('["x"]'::jsonb, '$[0]', 'text') AS same, pii_json_index('{"a": [1, 1, null, 2]}'::jsonb, '$.a[*]', 'text') = pii_json_index('{"a": [2, 1]}'::jsonb, '$.a[*]', 'text') AS same_set, pii_json_index('{}'::jsonb, '$.a[*]', 'text'), array_ndims(pii_json_terms('x', 'text'));
SELECT statement, state, message, hint FROM unnest(ARRAY['pii_blind_index(''{}''::jsonb, ''$.a[*]'', ''text'')', 'pii_blind_index(''{}''::jsonb, ''a'', ''text'')', 'pii_blind_index(''{}''::jsonb, ''$.a'', ''no_class'')', 'pii_blind_index(''{"a": 1}''::jsonb, ''$.a'', ''secret'')', 'pii_blind_index(jsonb_build_array(pii_sealed(pii_seal(''x'', ''ssn''))), ''$[0]'', ''ssn'')', 'pii_blind_index(pii_seal_json(''{"a": {"b": 1}}'', ''{"$.a": "secret"}''), ''$.a.b'', ''text'')']) AS statement, error_of('SELECT ' || statement);
-- An argument that changes from row to row.
SELECT path, pii_blind_index('{"a": "x", "b": "y"}'::jsonb, path, 'text') = ANY (pii_search_terms(value, 'text')) AS found FROM (VALUES ('$.a', 'x'), ('$.b', 'y'), ('$.a', 'y')) AS t(path, value);
SELECT reads('{"a": "x", "b": "y"}', paths) FROM (VALUES ('{"$.a": "text"}'::jsonb), ('{"$.b": "text"}')) AS t(paths);

-- What would keep plaintext, or a hash where nobody asks for SEARCH, and a rule that rotation would break.
SELECT statement, state, message FROM unnest(ARRAY[
    'CREATE STATISTICS shown ON (pii_reveal_json(doc)), id FROM accounts',
    'CREATE STATISTICS shown ON (pii_mask_json(doc) ->> 1), id FROM accounts',
    'CREATE STATISTICS shown ON (pii_show_json(doc)), id FROM accounts',
    'CREATE STATISTICS hashes ON (pii_blind_index(doc, ''$.a'', ''text'')), id FROM accounts',
    'CREATE STATISTICS hashes ON (pii_json_index(doc, ''$.a'', ''text'')), id FROM accounts',
    'CREATE INDEX ON accounts ((pii_reveal_json(doc)))',
    'CREATE INDEX ON accounts ((pii_blind_index(doc, ''$.a'', ''text'')::text))',
    'CREATE UNIQUE INDEX ON accounts (pii_blind_index(doc, ''$.a'', ''text''))',
    'CREATE UNIQUE INDEX ON accounts (id, pii_json_index(doc, ''$.a'', ''text''))',
    'ALTER TABLE accounts ADD hash pii_blind_index UNIQUE GENERATED ALWAYS AS (pii_blind_index(doc, ''$.a'', ''text'')) STORED',
    'ALTER TABLE accounts ADD EXCLUDE USING hash (pii_blind_index(doc, ''$.a'', ''text'') WITH =)',
    'ALTER TABLE accounts ADD plain jsonb GENERATED ALWAYS AS (pii_reveal_json(doc)) STORED',
    'ALTER TABLE accounts ADD hash pii_blind_index GENERATED ALWAYS AS (pii_blind_index(doc, ''$.a'', ''text'')) STORED',
    'CREATE INDEX ON accounts USING gin ((pii_json_key_versions(doc)))']) AS statement, error_of(statement);
-- Nor by way of a function.
CREATE FUNCTION shown(doc jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT pii_reveal_json(doc) #>> '{account,number}'$$;
CREATE STATISTICS shown ON (shown(doc)), (id / 10) FROM accounts;
UPDATE accounts SET doc = pii_seal_json(pii_reveal_json(doc), '{"$.account.number": "account", "$.people[*].ssn": "ssn"}');
VACUUM accounts;
ANALYZE accounts;
SELECT count(*) AS statistics, count(*) FILTER (WHERE d::text LIKE '%DE-%') AS in_plain FROM pg_statistic_ext_data AS d JOIN pg_statistic_ext AS s ON s.oid = stxoid WHERE stxname = 'shown';
DROP STATISTICS shown;
DROP FUNCTION shown(jsonb);
-- An index is not read past the check in the function.
GRANT SELECT ON accounts TO regress_reader;
SET enable_seqscan = off;
SET ROLE regress_reader;
SELECT error_of('SELECT id FROM accounts WHERE pii_blind_index(doc, ''$.account.number'', ''account'') > ''00000000000000000000000000000000''');
RESET ROLE;
RESET enable_seqscan;
DROP TABLE accounts;

-- The trigger.
CREATE TABLE letters (id int PRIMARY KEY, doc jsonb, meta jsonb, n int DEFAULT 0);
CREATE TRIGGER seal_doc BEFORE INSERT OR UPDATE ON letters FOR EACH ROW EXECUTE FUNCTION pii_seal_json_trigger('doc', '{"$.to[*].name": "name", "$.ssn": "ssn"}');
CREATE TRIGGER seal_meta BEFORE INSERT OR UPDATE ON letters FOR EACH ROW EXECUTE FUNCTION pii_seal_json_trigger('meta', '{"$.ip": "ip"}');
GRANT ALL ON letters TO regress_reader;
SET ROLE regress_reader;
INSERT INTO letters VALUES (1, '{"to": [{"name": "Ann"}, {"name": "Bob"}], "ssn": "123-45-6789"}', '{"ip": "203.0.113.7"}'), (2, NULL, '{"ip": null}'), (3, '{"x": 1}', '[]');
SELECT id, short(doc), short(meta), pii_show_json(doc) FROM letters ORDER BY id;
-- What the row had needs no IMPORT: other columns, other members, elements that move.
UPDATE letters SET n = n + 1;
UPDATE letters SET doc = doc || '{"seen": true}' WHERE id = 1;
UPDATE letters SET doc = jsonb_set(doc, '{to}', (doc -> 'to') - 0) WHERE id = 1;
INSERT INTO letters VALUES (1, '{"to": [{"name": "Cyd"}]}', '{"ip": "198.51.100.1"}') ON CONFLICT (id) DO UPDATE SET doc = excluded.doc || jsonb_build_object('ssn', letters.doc -> 'ssn'), meta = excluded.meta;
SELECT id, short(doc), short(meta), pii_show_json(doc), n FROM letters ORDER BY id;
-- What it had not needs it, and what it had elsewhere.
SELECT error_of('INSERT INTO letters SELECT 4, doc FROM letters WHERE id = 1');
SELECT error_of('UPDATE letters SET doc = (SELECT doc FROM letters WHERE id = 1) WHERE id = 3');
SELECT error_of('UPDATE letters SET doc = jsonb_set(doc, ''{ssn}'', doc #> ''{to,0,name}'') WHERE id = 1');
SELECT error_of('UPDATE letters SET doc = pii_show_json(doc) WHERE id = 1');
RESET ROLE;
SELECT id, pii_reveal_json(doc), pii_reveal_json(meta), n FROM letters ORDER BY id;
-- An update writes nothing that is not asked for.
SELECT doc AS before FROM letters WHERE id = 1 \gset
UPDATE letters SET n = 0, doc = doc WHERE id = 1;
SELECT doc = :'before' AS stays FROM letters WHERE id = 1;
-- Partitions, and a row that moves.
CREATE TABLE mail (id int, doc jsonb) PARTITION BY RANGE (id);
CREATE TABLE mail_old PARTITION OF mail FOR VALUES FROM (0) TO (10);
CREATE TABLE mail_new (doc jsonb, dropped int, id int);
ALTER TABLE mail_new DROP dropped;
ALTER TABLE mail ATTACH PARTITION mail_new FOR VALUES FROM (10) TO (20);
CREATE TRIGGER seal BEFORE INSERT OR UPDATE ON mail FOR EACH ROW EXECUTE FUNCTION pii_seal_json_trigger('doc', '{"$.name": "name"}');
GRANT ALL ON mail TO regress_reader;
SET ROLE regress_reader;
INSERT INTO mail VALUES (1, '{"name": "Ann"}'), (2, '{"name": "Bob"}'), (11, '{"name": "Cyd"}');
UPDATE mail SET id = (id + 10) % 20;
SELECT tableoid::regclass, id, short(doc), pii_reveal_json(doc) FROM mail ORDER BY id;
RESET ROLE;
DROP TABLE mail;
-- Declarations that are none.
CREATE TABLE notes (id int, doc jsonb, js json);
CREATE FUNCTION error_of_trigger(arguments text, event text DEFAULT 'BEFORE INSERT', level text DEFAULT 'ROW', OUT state text, OUT message text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER t %s ON notes FOR EACH %s EXECUTE FUNCTION pii_seal_json_trigger(%s)', event, level, arguments);
    SELECT e.state, e.message, e.hint INTO state, message, hint FROM error_of('INSERT INTO notes VALUES (1, ''{"a": "x"}'')') AS e;
    DROP TRIGGER t ON notes;
END $$;
SELECT arguments, (error_of_trigger(arguments)).* FROM unnest(ARRAY['', '''doc''', '''doc'', ''{}'', ''x''', '''nothing'', ''{}''', '''js'', ''{}''', '''id'', ''{}''', '''ctid'', ''{}''', '''doc'', ''[]''', '''doc'', ''{"a": "text"}''', '''doc'', ''{"$.a": "no_class"}''', '''doc'', ''{"$.a": "text"}''']) AS arguments;
SELECT (error_of_trigger('''doc'', ''{}''', event, level)).state FROM (VALUES ('AFTER INSERT', 'ROW'), ('BEFORE INSERT', 'STATEMENT')) AS t(event, level);
DROP TABLE notes, letters;
DROP FUNCTION error_of_trigger(text, text, text), reads(jsonb, jsonb), short(jsonb);
SELECT pii_revoke('regress_reader', 'name', 'REVEAL');
DROP OWNED BY regress_reader;
DROP ROLE regress_reader;

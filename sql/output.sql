-- How values get out: pii.view, masks, functions.

CREATE TABLE people (id int PRIMARY KEY, name pii_text(name), email pii_text(email), phone pii_text(phone), ssn pii_text(ssn),
    pan pii_text(pan), iban pii_text(iban), account pii_text(account), address pii_text(address), dob pii_text(dob), ip pii_text(ip),
    passport pii_text(passport), postcode pii_text(postcode), secret pii_text(secret), member pii_text(member_no), any_class pii_text);
INSERT INTO people VALUES
    (1, 'John Doe', 'maria.gonzalez@example.org', '+1 202 555 0123', '123-45-6789', '4111 1111 1111 1111', 'DE75512108001245126199',
     'ACC-0012-3456-6789', '1 Main St', '1980-01-31', '203.0.113.9', 'X19277260', '02139', 'hunter2', '123456789', 'anything'),
    (2, 'Jo', 'a@b.c', '555', '123', '4111', 'DE75', '6789', '', '31.1.1980', '203.0.113', '', '', '', '12', ''),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
\x on
SELECT * FROM people ORDER BY id;
SET pii.view = masked;
SELECT * FROM people ORDER BY id;
SET pii.view = redacted;
SELECT * FROM people ORDER BY id;
\x off
SET pii.view = plain;
SELECT ssn FROM people ORDER BY id;
SET pii.view = sealed;
SELECT substr(ssn::text, 1, 15) FROM people ORDER BY id;
SELECT (error_of('SET pii.view = everything')).*;
RESET pii.view;

-- pii_mask() masks and pii_reveal() reveals, whatever the view.
SET pii.view = redacted;
SELECT pii_mask(ssn), pii_reveal(ssn), pii_try_reveal(ssn), ssn FROM people ORDER BY id;
RESET pii.view;

-- Everything that turns a value into text obeys the view.
SET pii.view = masked;
SELECT ssn::text, ssn::varchar, ssn::varchar(5), ssn::char(13), ssn::name, CAST(ssn AS text) FROM people WHERE id = 1;
SELECT format('%s|%L|%I', ssn, ssn, ssn), concat(ssn, '|', dob), concat_ws(',', ssn, dob), ssn || '!', quote_literal(ssn) FROM people WHERE id = 1;
SELECT to_json(ssn), to_jsonb(ssn), json_build_object('ssn', ssn), row_to_json(ROW(ssn, dob)), jsonb_agg(ssn), array_to_json(ARRAY[ssn]) FROM people WHERE id = 1 GROUP BY people.id;
SELECT ARRAY[ssn, dob::pii_text], ROW(ssn, dob), string_agg(ssn::text, ',') FROM people WHERE id = 1 GROUP BY people.id;
SELECT p FROM people p WHERE id = 1;
COPY (SELECT ssn, dob FROM people ORDER BY id) TO STDOUT;
COPY (SELECT ssn, dob FROM people ORDER BY id) TO STDOUT (FORMAT csv);
DO $$ DECLARE t text; v pii_text; BEGIN SELECT ssn INTO v FROM people WHERE id = 1; RAISE NOTICE '%', v; t := v; RAISE NOTICE '%', t; END $$;
RESET pii.view;

-- No value becomes text of a column unnoticed.
CREATE TABLE plain (t text, v varchar, c char(20), n name);
SELECT (error_of(format('INSERT INTO plain (%s) SELECT ssn FROM people', c))).* FROM unnest(ARRAY['t', 'v', 'c', 'n']) AS c;
SELECT (error_of('UPDATE plain SET t = ssn FROM people')).*;
INSERT INTO plain (t) SELECT ssn::text FROM people WHERE id = 1;
SELECT t FROM plain;

-- What cannot work fails when it is parsed.
SELECT (error_of(s)).state, (error_of(s)).message FROM (VALUES
    ('SELECT ssn FROM people ORDER BY ssn'), ('SELECT max(ssn) FROM people'), ('SELECT * FROM people WHERE ssn < ''1'''),
    ('SELECT * FROM people WHERE ssn LIKE ''1%'''), ('SELECT * FROM people WHERE ssn BETWEEN ''1'' AND ''2'''),
    ('CREATE INDEX ON people (ssn)'), ('CREATE INDEX ON people (pii_reveal(ssn))'), ('CREATE INDEX ON people ((ssn::text))'),
    ('CREATE INDEX ON people (pii_mask(ssn))'), ('ALTER TABLE people ADD g text GENERATED ALWAYS AS (pii_reveal(ssn)) STORED'),
    ('ALTER TABLE people ADD g text GENERATED ALWAYS AS (ssn::text) STORED'), ('SELECT length(ssn) FROM people'),
    ('CREATE TABLE bad (s pii_text) PARTITION BY LIST (s)')) AS t(s);

-- ANALYZE keeps no value: no most common values, no histogram, not even through an expression.
ANALYZE people;
SELECT attname, null_frac, n_distinct, avg_width > 40 AS wide, most_common_vals, histogram_bounds, correlation FROM pg_stats
WHERE tablename = 'people' AND attname IN ('ssn', 'email') ORDER BY 1;
SELECT (error_of(format('CREATE STATISTICS leak ON %s FROM people', e))).* FROM (VALUES
    ('(pii_reveal(ssn))'), ('(ssn::text)'), ('(pii_mask(ssn))'), ('(id + 1), (length(pii_try_reveal(dob)))'),
    ('(to_jsonb(ssn))'), ('(concat(ssn, 1))'), ('((ARRAY[ssn])::text)')) AS t(e);
-- Nor do an index or a generated column: expressions that PostgreSQL takes for immutable and that reveal all the same.
CREATE FUNCTION lying(pii_text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pii_reveal($1)';
CREATE TYPE holder AS (n int, s pii_text(ssn));
CREATE TABLE holders (id int, h holder, a pii_text[], d pii_text(ssn));
SELECT s, (error_of(s)).* FROM (VALUES
    ('CREATE INDEX ON people ((xmlforest(ssn)::text))'), ('CREATE INDEX ON people (id) WHERE xmlelement(name x, ssn)::text = ''x'''),
    ('CREATE INDEX ON people (lying(ssn))'), ('CREATE UNIQUE INDEX ON people ((id + 1), lying(email))'),
    ('ALTER TABLE people ADD g text GENERATED ALWAYS AS (xmlelement(name x, ssn)::text) STORED'),
    ('CREATE TABLE leaky (s pii_text(ssn), g text GENERATED ALWAYS AS (lying(s)) STORED)'),
    ('CREATE STATISTICS leak ON (xmlelement(name x, ssn)::text) FROM people'),
    ('CREATE STATISTICS leak ON ((h).s::text) FROM holders'), ('CREATE STATISTICS leak ON (h::text) FROM holders'),
    ('CREATE STATISTICS leak ON (a::text) FROM holders'), ('CREATE STATISTICS leak ON (ROW(id, d)::text) FROM holders'),
    ('CREATE INDEX ON holders (lying((h).s))')) AS t(s);
-- What reads the header alone, asks for NULL or has nothing to do with a value goes on.
CREATE INDEX ON people (pii_key_version(ssn)) WHERE ssn IS NOT NULL AND pii_is_sealed(email);
CREATE INDEX ON holders (((h).n)) WHERE (h).s IS NOT NULL;
CREATE INDEX ON holders ((ARRAY[id, 1])) WHERE d IS NULL;
CREATE TABLE harmless (s pii_text(ssn), version int GENERATED ALWAYS AS (pii_key_version(s)) STORED, copy pii_text(ssn) GENERATED ALWAYS AS (s) STORED, n int DEFAULT 1);
INSERT INTO harmless VALUES ('123-45-6789');
SELECT s, version, copy, pii_sealed(s) = pii_sealed(copy) AS same FROM harmless;
-- Nor does an index of whole rows that was there before the column was sealed.
CREATE TABLE rows_text (id int, s text);
CREATE FUNCTION lying_row(record) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1::text; END';
CREATE INDEX whole_row ON rows_text (lying_row(rows_text));
CREATE TYPE grows AS (n int);
CREATE TABLE of_grows (g grows);
CREATE INDEX grown ON of_grows (lying_row(g));
SELECT s, (error_of(s)).* FROM (VALUES
    ('ALTER TABLE rows_text ALTER s TYPE pii_text(ssn)'), ('ALTER TABLE rows_text ADD t pii_text(ssn)'),
    ('ALTER TYPE grows ADD ATTRIBUTE s pii_text(ssn)')) AS t(s);
DROP INDEX whole_row, grown;
ALTER TABLE rows_text ALTER s TYPE pii_text(ssn);
ALTER TYPE grows ADD ATTRIBUTE s pii_text(ssn);
DROP TABLE rows_text, of_grows;
DROP TYPE grows;
DROP FUNCTION lying_row;
DROP TABLE holders, harmless;
DROP TYPE holder;
DROP FUNCTION lying;
CREATE STATISTICS no_leak ON (pii_key_version(ssn)), (id % 2) FROM people;
ANALYZE people;
DROP STATISTICS no_leak;

-- pii_rewrap: the same value under the primary version, with another nonce; the class stays.
SELECT pii_key_version(v), pii_key_version(pii_rewrap(v)), pii_class_of(pii_rewrap(v)), pii_reveal(pii_rewrap(v)), pii_sealed(pii_rewrap(v)) = pii_sealed(v)
FROM (SELECT 'pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'::pii_text AS v OFFSET 0) AS t;
-- A padded value stays padded.
SELECT length(pii_sealed(v)) = length(pii_sealed(pii_rewrap(v))), pii_reveal(pii_rewrap(v))
FROM (SELECT 'pii:v1:ABEAAgABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX8OA8G6i0oUUSkjlrFz7pR-QWbSlQNTBidTkAYPN-9Ub9uhf9pgm9lRjLW8xWm-AO'::pii_text AS v OFFSET 0) AS t;

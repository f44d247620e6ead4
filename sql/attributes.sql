-- Attribute tables: pii_seal_when(), the rules, what is stored, shown, compared and found, and the way back.

CREATE TABLE facts (id int PRIMARY KEY, attribute text, value text);
INSERT INTO facts VALUES (1, 'ssn', '123-45-6789'), (2, 'city', 'Rome'), (3, 'email', 'Ann@X.org'), (4, 'ssn', NULL), (5, NULL, 'no-one'), (6, 'ssn', '987654321'), (7, 'city', '123-45-6789');
ALTER TABLE facts ALTER value TYPE pii_text USING value::pii_unsealed::pii_text;
-- The plan of a query without the OIDs in it.
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP RETURN NEXT regexp_replace(line, '''\d+''::oid', 'table'); END LOOP;
END
$$;
CREATE VIEW stored AS SELECT id, attribute, pii_is_sealed(value) AS sealed, pii_class_of(value) AS class, value FROM facts;

-- What is refused.
SELECT * FROM error_of($$SELECT pii_seal_when('facts', 'nothing', 'attribute')$$);
SELECT * FROM error_of($$SELECT pii_seal_when('facts', 'attribute', 'value')$$);
SELECT * FROM error_of($$SELECT pii_seal_when('facts', 'value', 'value')$$);
SELECT * FROM error_of($$SELECT pii_seal_when('stored', 'value', 'attribute')$$);
SELECT * FROM error_of($$SELECT pii_seal_always('facts', 'value')$$);
CREATE TABLE generated (raw text, attribute text GENERATED ALWAYS AS (lower(raw)) STORED, value pii_text);
SELECT * FROM error_of($$SELECT pii_seal_when('generated', 'value', 'attribute')$$);
DROP TABLE generated;
CREATE TABLE classed (attribute text, value pii_text(ssn));
SELECT * FROM error_of($$SELECT pii_seal_when('classed', 'value', 'attribute')$$);
CREATE TRIGGER by_hand BEFORE INSERT OR UPDATE OF value, attribute ON classed FOR EACH ROW EXECUTE FUNCTION pii_seal_when();
SELECT * FROM error_of($$INSERT INTO classed VALUES ('a', 'b')$$);
DROP TABLE classed;
SELECT * FROM error_of($$INSERT INTO pii_sealed_attribute VALUES ('facts', 'ssn', 'nonsense')$$);
SELECT * FROM error_of($$TRUNCATE pii_sealed_attribute$$);
CREATE TABLE padded (attribute text, value char(20));
ALTER TABLE padded ALTER value TYPE pii_text USING value::pii_unsealed::pii_text;
SELECT * FROM error_of($$SELECT pii_seal_when('padded', 'value', 'attribute')$$);
DROP TABLE padded;

-- Nothing is declared: all of it is plaintext, and shown as class text is.
SELECT pii_seal_when('facts', 'value', 'attribute');
SELECT pii_seal_when('facts', 'value', 'attribute');
SELECT * FROM error_of($$SELECT pii_seal_when('facts', 'value', 'id')$$);
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'facts'::regclass;
INSERT INTO facts VALUES (8, 'city', 'Oslo');
SELECT * FROM stored ORDER BY id;

-- A rule: new values are sealed, old ones shown by their class at once and sealed by the sweep.
INSERT INTO pii_sealed_attribute VALUES ('facts', 'ssn', 'ssn');
INSERT INTO facts VALUES (9, 'ssn', '111 22 3333'), (10, 'city', 'Bonn') RETURNING *, pii_is_sealed(value);
SET pii.view = masked;
SELECT * FROM facts ORDER BY id;
SELECT id, pii_mask(value) FROM facts WHERE attribute = 'ssn' ORDER BY id;
SELECT facts FROM facts WHERE id IN (1, 2, 9) ORDER BY id;
SELECT id FROM facts WHERE value::text LIKE '***-**%' ORDER BY id;
SELECT value, count(*) FROM facts GROUP BY value ORDER BY count(*) DESC, value::text LIMIT 2;
RESET pii.view;
-- Until then the old ones compare as class text: with an index and without.
SELECT id FROM facts WHERE value = '123 45 6789' ORDER BY id;
SELECT id FROM facts WHERE value = '123-45-6789' ORDER BY id;
SELECT id FROM facts WHERE value = '111-22-3333' ORDER BY id;
CREATE INDEX facts_index ON facts (pii_blind_index(value));
SET enable_seqscan = off;
SELECT plan_of($$SELECT id FROM facts WHERE attribute = 'ssn' AND value = '123-45-6789'$$);
SELECT id FROM facts WHERE value = '123 45 6789' ORDER BY id;
SELECT id FROM facts WHERE value = '123-45-6789' ORDER BY id;
SELECT id FROM facts WHERE value = '111-22-3333' ORDER BY id;
-- A join is decided by the rule already, so no index helps it before the sweep.
SELECT plan_of($$SELECT f.id FROM (VALUES ('123456789'), ('x')) AS v (x) JOIN facts f ON f.attribute = 'ssn' AND f.value = v.x$$);
SELECT f.id FROM (VALUES ('123456789'), ('x')) AS v (x) JOIN facts f ON f.attribute = 'ssn' AND f.value = v.x;
CALL pii_seal_column('facts', 'value');
SELECT * FROM pii_sealed_attribute WHERE "table" = 'facts'::regclass;
-- What a later trigger makes of the attribute is not seen, but told.
CREATE FUNCTION lower_case() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.attribute := lower(new.attribute); RETURN new; END';
CREATE TRIGGER zz_lower_case BEFORE INSERT ON facts FOR EACH ROW EXECUTE FUNCTION lower_case();
INSERT INTO facts VALUES (80, 'SSN', '222-33-4444');
DROP FUNCTION lower_case CASCADE;
SELECT severity, finding FROM pii_check() WHERE object = 'public.facts.value';
CALL pii_seal_column('facts', 'value');
SELECT severity, finding FROM pii_check() WHERE object = 'public.facts.value';
DELETE FROM facts WHERE id = 80;
SELECT * FROM stored ORDER BY id;
SELECT id FROM facts WHERE value = '123 45 6789' ORDER BY id;
SELECT id FROM facts WHERE attribute = 'ssn' AND value IN ('123 45 6789', '111223333') ORDER BY id;
SELECT plan_of($$SELECT id FROM facts WHERE attribute = 'ssn' AND value IN ('123 45 6789', '111223333')$$);
SELECT plan_of($$SELECT f.id FROM (VALUES ('123456789'), ('x')) AS v (x) JOIN facts f ON f.attribute = 'ssn' AND f.value = v.x$$);
SELECT f.id FROM (VALUES ('123456789'), ('x')) AS v (x) JOIN facts f ON f.attribute = 'ssn' AND f.value = v.x;
PREPARE found(text, text) AS SELECT id FROM facts WHERE attribute = $1 AND value = $2;
SET plan_cache_mode = force_generic_plan;
SELECT plan_of($$EXECUTE found('ssn', '123456789')$$);
EXECUTE found('ssn', '123456789');
-- Another rule drops the plan, and the terms have its class.
INSERT INTO pii_sealed_attribute VALUES ('facts', 'email', 'email');
UPDATE facts SET value = value WHERE id = 3;
EXECUTE found('email', 'ann@x.ORG');
RESET plan_cache_mode;
RESET enable_seqscan;
CALL pii_verify_column('facts', 'value');
SELECT * FROM pii_column_status('facts', 'value') ORDER BY 1, 2, 3;
CALL pii_rewrap_column('facts', 'value');

-- Writes. A value keeps the class it was sealed with, unless it is class text; search finds it all the same.
UPDATE facts SET attribute = 'ssn' WHERE id = 10 RETURNING *, pii_class_of(value);
UPDATE facts SET attribute = 'city' WHERE id = 10 RETURNING *, pii_class_of(value);
UPDATE facts SET value = 'Bonn' WHERE id = 10 RETURNING *, pii_is_sealed(value);
UPDATE facts SET id = 11 WHERE id = 10 RETURNING *, pii_is_sealed(value);
INSERT INTO facts VALUES (12, 'city', pii_seal('DE89370400440532013000', 'iban')) RETURNING *, pii_class_of(value);
INSERT INTO facts VALUES (1, 'ssn', '555-66-7777') ON CONFLICT (id) DO UPDATE SET value = excluded.value RETURNING *, pii_class_of(value);
INSERT INTO facts VALUES (2, 'city', 'Roma') ON CONFLICT (id) DO UPDATE SET value = excluded.value RETURNING *, pii_is_sealed(value);
SELECT * FROM pii_attribute_class;
SET enable_seqscan = off;
SELECT id FROM facts WHERE value = 'DE89 3704 0044 0532 0130 00';
-- A rule that is gone leaves sealed values, which are still found.
DELETE FROM pii_sealed_attribute WHERE "table" = 'facts'::regclass AND attribute = 'ssn';
SELECT * FROM pii_attribute_class ORDER BY class;
SELECT id, value, pii_class_of(value) FROM facts WHERE value = '555667777';
INSERT INTO facts VALUES (13, 'ssn', '444-55-6666') RETURNING *, pii_is_sealed(value);
RESET enable_seqscan;
INSERT INTO pii_sealed_attribute VALUES ('facts', 'ssn', 'ssn');
UPDATE pii_sealed_attribute SET phase = 'sealed' WHERE "table" = 'facts'::regclass;
UPDATE pii_sealed_attribute SET class = 'account' WHERE attribute = 'ssn' AND "table" = 'facts'::regclass RETURNING *;
UPDATE pii_sealed_attribute SET class = 'ssn' WHERE attribute = 'ssn' AND "table" = 'facts'::regclass;

-- COPY.
COPY facts FROM stdin;
20	city	Lima
21	ssn	222-33-4444
22	\N	nowhere
\.
SET pii.view = plain;
COPY (SELECT * FROM facts WHERE id >= 20 ORDER BY id) TO stdout;
RESET pii.view;
CREATE TEMP TABLE copied (line text);
COPY facts TO '/tmp/pii_attributes.copy';
COPY copied FROM '/tmp/pii_attributes.copy' (DELIMITER E'\x01');
SELECT count(*), count(*) FILTER (WHERE line ~ '\tpii:v\d+:') AS sealed, count(*) FILTER (WHERE line ~ 'Lima|\d{3}-\d\d-') AS plain FROM copied;
CREATE TABLE facts_again (LIKE facts);
SELECT pii_seal_when('facts_again', 'value', 'attribute');
INSERT INTO pii_sealed_attribute SELECT 'facts_again', attribute, class FROM pii_sealed_attribute WHERE "table" = 'facts'::regclass;
COPY facts_again FROM '/tmp/pii_attributes.copy';
SELECT a.id FROM facts a JOIN facts_again b USING (id) WHERE a.value::text <> b.value::text OR a.attribute = 'city' AND pii_is_sealed(a.value) <> pii_is_sealed(b.value);
DROP TABLE facts_again;

-- Values without a class by its type go nowhere else as plaintext of theirs.
CREATE FUNCTION peek() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', NEW.value; PERFORM pii_shown(NEW.value, NULL, 0, false); RETURN NEW; END $$;
CREATE TRIGGER zz_peek BEFORE INSERT ON facts FOR EACH ROW EXECUTE FUNCTION peek();
SELECT * FROM error_of($$INSERT INTO facts VALUES (60, 'city', 'Rome')$$);
DROP TRIGGER zz_peek ON facts;
DO $$ DECLARE v pii_text; BEGIN SELECT value INTO v FROM facts WHERE id = 20; RAISE NOTICE '% %', v, pii_is_sealed(v); END $$;
CREATE TABLE elsewhere AS SELECT * FROM facts;
SELECT bool_and(pii_is_sealed(value)) FROM elsewhere;

-- Index and sequential scan agree.
CREATE TABLE many (id int, kind varchar(10), value pii_text);
SELECT pii_seal_when('many', 'value', 'kind');
INSERT INTO pii_sealed_attribute VALUES ('many', 'ssn', 'ssn'), ('many', 'mail', 'email'), ('many', 'name', 'name');
INSERT INTO many SELECT g, (ARRAY['ssn', 'mail', 'name', 'free', NULL])[g % 5 + 1],
    (ARRAY['123-45-6789', '123456789', 'A@b.C', 'a@B.c', 'a  B', 'A b', ' a b', U&'e\0301', U&'\00e9', '1 2', '', ' ', 'x''y', '**'])[g % 14 + 1] FROM generate_series(1, 700) g;
CREATE INDEX ON many (pii_blind_index(value));
CREATE FUNCTION found_in(scan text) RETURNS TABLE (sought text, ids int[]) LANGUAGE plpgsql AS $$
DECLARE sought text;
BEGIN
    PERFORM set_config('enable_seqscan', (scan = 'seq')::text, true), set_config('enable_indexscan', (scan = 'index')::text, true), set_config('enable_bitmapscan', (scan = 'bitmap')::text, true);
    FOR sought IN SELECT DISTINCT value::text FROM many LOOP
        RETURN QUERY EXECUTE 'SELECT $1, array_agg(id ORDER BY id) FROM many WHERE value = $1' USING sought;
    END LOOP;
END
$$;
SET enable_seqscan = off;
SELECT plan_of($$SELECT id FROM many WHERE value = 'x'$$);
RESET enable_seqscan;
CREATE TEMP TABLE by_seq AS SELECT * FROM found_in('seq');
CREATE TEMP TABLE by_index AS SELECT * FROM found_in('index');
CREATE TEMP TABLE by_bitmap AS SELECT * FROM found_in('bitmap');
SELECT count(*), min(cardinality(ids)), max(cardinality(ids)), (SELECT count(*) FROM by_index NATURAL JOIN by_seq), (SELECT count(*) FROM by_bitmap NATURAL JOIN by_seq) FROM by_seq;

-- Attributes of other types, partitions, children.
CREATE TYPE kind AS ENUM ('city', 'ssn');
CREATE TABLE parted (kind kind, year int, value pii_text) PARTITION BY LIST (year);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
SELECT pii_seal_when('parted', 'value', 'kind');
CREATE TABLE parted_2 (dropped int, value pii_text, year int, kind kind);
ALTER TABLE parted_2 DROP COLUMN dropped;
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES IN (2);
INSERT INTO pii_sealed_attribute VALUES ('parted', 'ssn', 'ssn');
INSERT INTO parted VALUES ('ssn', 1, '111-22-3333'), ('city', 1, 'Rome'), ('ssn', 2, '444-55-6666'), ('city', 2, 'Oslo');
SELECT tableoid::regclass, kind, value, pii_is_sealed(value), pii_class_of(value) FROM parted ORDER BY 1, 2;
CREATE INDEX ON parted (pii_blind_index(value));
SET enable_seqscan = off;
SELECT plan_of($$SELECT * FROM parted WHERE kind = 'ssn' AND value = '444556666'$$);
SELECT kind, year, value FROM parted WHERE kind = 'ssn' AND value = '444556666';
RESET enable_seqscan;
SELECT * FROM error_of($$SELECT pii_seal_always('parted_1', 'value')$$);
CREATE TABLE family (number int, value pii_text);
CREATE TABLE niece (more int) INHERITS (family);
SELECT pii_seal_when('family', 'value', 'number');
INSERT INTO pii_sealed_attribute VALUES ('family', '7', 'phone'), ('niece', '8', 'name');
INSERT INTO family VALUES (7, '+1 555'), (8, 'Ann');
INSERT INTO niece VALUES (7, '+1 556'), (8, 'Ben');
SELECT tableoid::regclass, number, value FROM family ORDER BY 1, 2;
SELECT tableoid::regclass, number, pii_is_sealed(value) FROM family ORDER BY 1, 2;
SELECT * FROM error_of($$SELECT pii_shown(value, NULL, 0, false), pii_is_sealed(value), tableoid::regclass FROM family ORDER BY 3$$);
SELECT pii_seal_always('family', 'value');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgrelid IN ('family'::regclass, 'niece'::regclass) AND tgname = 'pii_seal_when';
SELECT count(*) FROM pii_sealed_attribute WHERE "table" IN ('family'::regclass, 'niece'::regclass);
DROP TABLE parted, niece, family;

-- Columns are renamed with the table's, and hold it together.
ALTER TABLE facts RENAME value TO data;
ALTER TABLE facts RENAME attribute TO property;
INSERT INTO facts VALUES (30, 'ssn', '333-44-5555') RETURNING *, pii_class_of(data);
SELECT * FROM error_of($$ALTER TABLE facts ALTER data TYPE pii_text(ssn)$$);

-- Roles. SEARCH on all classes of the table for its index; without, there is a plan that asks for those of the rows it meets.
DELETE FROM facts WHERE id = 12;
CREATE ROLE regress_desk_2;
CREATE ROLE regress_owner;
GRANT USAGE ON SCHEMA pii_schema TO regress_desk_2, regress_owner;
GRANT ALL ON facts TO regress_desk_2;
SELECT pii_grant('regress_desk_2', 'text', 'REVEAL'), pii_grant('regress_desk_2', 'text', 'SEARCH');
SET enable_seqscan = off;
SET ROLE regress_desk_2;
SELECT id, property, data FROM facts WHERE id IN (1, 2, 3, 8) ORDER BY id;
SELECT id FROM facts WHERE property = 'city' AND data = 'Oslo';
SELECT plan_of($$SELECT id FROM facts WHERE property = 'city' AND data = 'Oslo'$$);
SELECT * FROM error_of($$SELECT id FROM facts WHERE property = 'ssn' AND data = '555-66-7777'$$);
SELECT * FROM error_of($$SELECT pii_attribute_terms('Oslo', 'facts'::regclass)$$);
SELECT * FROM error_of($$INSERT INTO facts VALUES (40, 'city', 'Riga')$$);
SELECT * FROM error_of($$INSERT INTO pii_sealed_attribute VALUES ('facts', 'city', 'address')$$);
SELECT * FROM error_of($$DELETE FROM pii_sealed_attribute$$);
SELECT * FROM error_of($$UPDATE pii_sealed_attribute SET class = 'text'$$);
SELECT * FROM error_of($$INSERT INTO pii_attribute_class VALUES ('facts', 'phone')$$);
SELECT * FROM error_of($$SELECT pii_seal_when('facts', 'data', 'property')$$);
SELECT * FROM error_of($$SELECT pii_seal_always('facts', 'data')$$);
RESET ROLE;
SELECT count(pii_grant('regress_desk_2', class, 'SEARCH')) FROM unnest(ARRAY['ssn', 'email', 'iban', 'account']) class;
SET ROLE regress_desk_2;
SELECT plan_of($$SELECT id FROM facts WHERE property = 'city' AND data = 'Oslo'$$);
INSERT INTO facts VALUES (40, 'city', 'Riga') RETURNING *, pii_is_sealed(data);
-- An unsealed value of a declared attribute is nobody's who may not reveal its class, nor to be guessed.
RESET ROLE;
INSERT INTO facts VALUES (41, 'dob', '1980-01-31');
INSERT INTO pii_sealed_attribute VALUES ('facts', 'dob', 'dob');
SET ROLE regress_desk_2;
SELECT id, property, data FROM facts WHERE id = 41;
SELECT id FROM facts WHERE data::text LIKE '1980-01%';
SELECT id FROM facts WHERE pii_seal_adopted(data, 0, false)::text LIKE '1980-01%';
SELECT * FROM error_of($$SELECT id FROM facts WHERE property = 'dob' AND data = '1980-01-31'$$);
SELECT * FROM error_of($$SELECT pii_blind_index(data) FROM facts WHERE id = 41$$);
SELECT * FROM error_of($$SELECT pii_reveal(data) FROM facts WHERE id = 41$$);
RESET ROLE;
SELECT pii_blind_index(data) = pii_blind_index('1980-01-31'::pii_text) AS as_in_an_index FROM facts WHERE id = 41;
RESET enable_seqscan;
SELECT count(pii_revoke('regress_desk_2', class, 'SEARCH')) FROM unnest(ARRAY['text', 'ssn', 'email', 'iban', 'account']) class;
SELECT pii_revoke('regress_desk_2', 'text', 'REVEAL');
CREATE TABLE owned (attribute text, value pii_text);
ALTER TABLE owned OWNER TO regress_owner;
SET ROLE regress_owner;
SELECT pii_seal_when('owned', 'value', 'attribute');
INSERT INTO pii_sealed_attribute VALUES ('owned', 'ssn', 'ssn');
INSERT INTO owned VALUES ('ssn', '123-45-6789'), ('city', 'Rome') RETURNING *;
RESET ROLE;
DROP TABLE owned;

-- The way back: all of it plaintext, and all of it sealed.
CALL pii_unseal_column('facts', 'data');
SELECT count(*), count(*) FILTER (WHERE pii_is_sealed(data)) AS sealed FROM facts WHERE data IS NOT NULL;
SELECT id, data FROM facts WHERE id IN (1, 2, 3) ORDER BY id;
CALL pii_seal_column('facts', 'data');
SELECT property, pii_is_sealed(data), pii_class_of(data), count(*) FROM facts GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT pii_seal_always('facts', 'data');
SELECT count(*) FROM pii_sealed_attribute WHERE "table" = 'facts'::regclass;
INSERT INTO facts VALUES (50, 'city', 'Bern') RETURNING *, pii_is_sealed(data);
SELECT id, data, pii_is_sealed(data) FROM facts WHERE id IN (2, 50) ORDER BY id;
CALL pii_seal_column('facts', 'data');
SELECT count(*), count(*) FILTER (WHERE pii_is_sealed(data)) AS sealed FROM facts WHERE data IS NOT NULL;

DROP TABLE facts, elsewhere, many CASCADE;
-- Rules of a table that is gone are taken out with the next table.
SELECT count(*) > 0 AS has FROM pii_sealed_attribute AS a WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = a."table");
CREATE TABLE next (attribute text, value pii_text);
SELECT pii_seal_when('next', 'value', 'attribute');
SELECT count(*) FROM pii_sealed_attribute AS a WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = a."table");
DROP TABLE next;
DROP FUNCTION plan_of, found_in, peek;
DROP TYPE kind;
DROP OWNED BY regress_desk_2, regress_owner;
DROP ROLE regress_desk_2, regress_owner;

-- The inventory and the doctor know such tables: plaintext is as it should be, but for what a rule waits for.
CREATE TABLE checked (attribute text, value pii_text);
SELECT pii_seal_when('checked', 'value', 'attribute');
INSERT INTO checked VALUES ('ssn', '123-45-6789'), ('size', '42');
SELECT "column", class, attribute FROM pii_columns WHERE "table" = 'checked'::regclass;
SELECT severity, finding FROM pii_check() WHERE object LIKE '%.checked.value';
INSERT INTO pii_sealed_attribute VALUES ('checked', 'ssn', 'ssn');
SELECT severity, finding FROM pii_check() WHERE object LIKE '%.checked.value';
CALL pii_seal_column('checked', 'value');
SELECT severity, finding FROM pii_check() WHERE object LIKE '%.checked.value';
DROP TABLE checked;

-- Plaintext that a rule waits for goes nowhere else, although nothing was adopted.
CREATE TABLE awaited (id int, attribute text, value pii_text);
CREATE TABLE audited (value pii_text);
SELECT pii_seal_when('awaited', 'value', 'attribute');
CREATE FUNCTION keep_old() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audited VALUES (old.value); RETURN new; END';
CREATE TRIGGER keep_old AFTER UPDATE ON awaited FOR EACH ROW EXECUTE FUNCTION keep_old();
INSERT INTO awaited VALUES (1, 'ssn', '123-45-6789');
INSERT INTO pii_sealed_attribute VALUES ('awaited', 'ssn', 'ssn');
UPDATE awaited SET value = '987-65-4321';
SELECT pii_is_sealed(value) FROM audited;
DROP TABLE awaited, audited;
DROP FUNCTION keep_old;

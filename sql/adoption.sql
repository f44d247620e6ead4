-- Everything that can depend on a column: what pii_adoption_obstacles() says of it, and what it gives to take its place. The way there and
-- back with data is in test/t/042_adopt_schema.pl.
SET client_min_messages = warning;
CREATE EXTENSION pg_trgm;
CREATE ROLE adoption_reader;
CREATE SCHEMA adoption;
SET search_path = adoption, pii_schema, public;

CREATE TABLE people (id int PRIMARY KEY, ssn varchar(11) NOT NULL DEFAULT '000-00-0000' UNIQUE CHECK (ssn ~ '^[0-9-]+$'), name text, state text,
    last4 text GENERATED ALWAYS AS (right(ssn, 4)) STORED, CONSTRAINT filled CHECK (ssn <> '' AND ssn IS NOT NULL));
CREATE INDEX by_ssn ON people (ssn DESC, id) INCLUDE (name) WHERE ssn IS NOT NULL;
COMMENT ON INDEX by_ssn IS 'the main one';
CREATE INDEX by_hash ON people USING hash (ssn);
CREATE INDEX by_prefix ON people (ssn varchar_pattern_ops);
CREATE INDEX by_lower ON people (lower(ssn));
CREATE INDEX by_part ON people USING gin (ssn gin_trgm_ops);
CREATE INDEX by_condition ON people (id) WHERE ssn LIKE '9%';
CREATE FUNCTION row_state(people) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1.state';
CREATE INDEX by_row ON people (row_state(people.*));
ALTER TABLE people ADD CONSTRAINT only_one EXCLUDE USING hash (ssn WITH =);
ALTER TABLE people ADD CONSTRAINT row_check CHECK (row_state(people.*) <> 'x');
CREATE STATISTICS ssn_state ON ssn, state FROM people;
CREATE TABLE orders (id int, person varchar(11) REFERENCES people (ssn) ON DELETE CASCADE);
CREATE TABLE letters (id int, person varchar(11) REFERENCES people (ssn) ON UPDATE CASCADE);
CREATE VIEW one WITH (security_barrier) AS SELECT id, ssn, state FROM people WHERE ssn = '1' OR upper(ssn) = 'X';
COMMENT ON VIEW one IS 'the first';
GRANT SELECT ON one TO adoption_reader WITH GRANT OPTION;
GRANT SELECT (id), UPDATE (id) ON one TO PUBLIC;
ALTER VIEW one ALTER id SET DEFAULT 5;
CREATE VIEW two AS SELECT one.* FROM one JOIN orders ON person = ssn;
CREATE MATERIALIZED VIEW three AS SELECT ssn FROM two WITH NO DATA;
CREATE INDEX three_ssn ON three (ssn);
CREATE FUNCTION twos() RETURNS SETOF two LANGUAGE sql BEGIN ATOMIC SELECT * FROM two; END;
CREATE TABLE log (what text);
CREATE RULE logged AS ON INSERT TO people WHERE new.ssn = '2' DO ALSO INSERT INTO log VALUES (new.ssn);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER on_ssn BEFORE UPDATE OF ssn ON people FOR EACH ROW WHEN (old.ssn IS DISTINCT FROM new.ssn AND new.ssn LIKE '9%') EXECUTE FUNCTION nothing();
ALTER TABLE people ENABLE ALWAYS TRIGGER on_ssn;
CREATE TRIGGER on_row BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER on_view INSTEAD OF INSERT ON one FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE POLICY own ON people AS RESTRICTIVE FOR UPDATE TO adoption_reader USING (ssn = current_setting('a.b') OR ssn IN ('a', 'b') OR 'c' = ssn) WITH CHECK (ssn LIKE 'x%');
SET client_min_messages = error; -- of wal_level
CREATE PUBLICATION adoption_some FOR TABLE people (id, ssn) WHERE (id > 0);
CREATE PUBLICATION adoption_more FOR TABLE people WHERE (ssn > '1');
CREATE PUBLICATION adoption_all FOR ALL TABLES;
SET client_min_messages = warning;
ALTER TABLE people REPLICA IDENTITY USING INDEX people_ssn_key;
CREATE DOMAIN person AS people;
CREATE TABLE copies (person people, people person[]);

\pset format unaligned
\pset tuples_only on
\pset fieldsep '\n    '
\pset recordsep '\n\n'
SELECT kind || ': ' || object, reason, drop_statement, replace(create_statement, 'OWNER TO ' || quote_ident(current_user), 'OWNER TO owner')
FROM pii_adoption_obstacles('people', 'ssn', 'ssn');
\pset fieldsep ' | '
\pset recordsep '\n'

-- What the class says: one that is not searched, one that folds case, one with words.
SELECT object, left(create_statement, 2) = '--' FROM pii_adoption_obstacles('people', 'ssn', 'secret') WHERE kind = 'index' ORDER BY 1;
SELECT object, create_statement FROM pii_adoption_obstacles('people', 'ssn', 'name') WHERE object LIKE '%.by_lower' OR object LIKE '%.by_part' ORDER BY 1;

-- What no statement takes away.
CREATE TABLE part (id int, ssn text) PARTITION BY LIST (ssn);
CREATE TABLE part_expression (id int, ssn text) PARTITION BY LIST (lower(ssn));
CREATE TABLE base (id int, ssn text);
CREATE TABLE child () INHERITS (base);
CREATE TYPE item AS (ssn text);
CREATE TABLE items OF item;
CREATE TABLE others (birthdate date, code char(8), made text GENERATED ALWAYS AS ('x') STORED);
CREATE VIEW shown AS SELECT ssn FROM base;
SELECT o.kind, o.object, o.reason FROM (VALUES ('part'::regclass, 'ssn'::name, 'ssn'), ('part_expression', 'ssn', 'ssn'), ('child', 'ssn', 'ssn'), ('items', 'ssn', 'ssn'),
    ('others', 'birthdate', 'dob'), ('others', 'code', 'text'), ('others', 'code', NULL), ('others', 'code', 'account'), ('others', 'made', 'text'), ('others', 'missing', 'text'),
    ('shown', 'ssn', 'ssn'), ('pg_catalog.pg_class', 'relname', 'name')) AS t(relation, attribute, class), pii_adoption_obstacles(relation, attribute, class) AS o
    WHERE o.object NOT LIKE 'publication %' AND kind IN ('table', 'type', 'column', 'generated column', 'inheritance', 'partition key', 'row type', 'note');

-- Names and literals that look like others.
CREATE TABLE "Odd ""table" (id int, "Odd ""column" text, odd text, CHECK ("Odd ""column" <> 'odd ''"Odd ""column"''' AND odd > 'a' AND length("Odd ""column") > 3));
CREATE INDEX "an ""index" ON "Odd ""table" ("Odd ""column", odd COLLATE "C" DESC) WITH (fillfactor = 70);
SELECT drop_statement, create_statement FROM pii_adoption_obstacles('"Odd ""table"', 'Odd "column', 'ssn') WHERE kind <> 'note';
SELECT create_statement FROM pii_adoption_obstacles('"Odd ""table"', 'odd', 'ssn') WHERE kind <> 'note';
\pset format aligned
\pset tuples_only off

-- The procedures, and what they refuse.
CALL pii_adopt('people', 'ssn', 'ssn');
CALL pii_adopt('people', 'ssn', 'ssn', replace => true);
CALL pii_adopt('people', 'missing', 'ssn');
CALL pii_adopt('people', 'ssn', 'nonsense');
CALL pii_adopt('people', 'ssn', 'ssn', lock_timeout => '0');
CALL pii_adopt('people', NULL, 'ssn');
CALL pii_adopt('shown', 'ssn', 'ssn');
CALL pii_adopt('others', 'birthdate', 'dob');
CALL pii_adopt('child', 'ssn', 'ssn');
BEGIN;
CALL pii_adopt('log', 'what', 'name');
ROLLBACK;
DROP PUBLICATION adoption_some, adoption_more, adoption_all;
SET client_min_messages = notice;
CREATE TABLE accounts (id int, number text, code char(6), born date, mail text);
INSERT INTO accounts VALUES (1, '1234567', 'ab', '1980-01-31', 'a@b.org');
CALL pii_adopt('accounts', 'number', 'account');
CALL pii_adopt('accounts', 'number', 'account');
CALL pii_adopt('accounts', 'number', 'iban');
CALL pii_adopt('accounts', 'number');
CALL pii_adopt('accounts', 'code', 'account');
CALL pii_adopt('accounts', 'born', 'dob', rewrite => true);
CALL pii_adopt('accounts', 'mail');
\d accounts
SELECT number, code, born, pii_is_sealed(number) AS number_is_sealed, pii_is_sealed(code) AS code_is_sealed, pii_is_sealed(born) AS born_is_sealed FROM accounts;
SELECT id FROM accounts WHERE number = '123-4567' AND code = 'AB' AND born = '1980-01-31';
CALL pii_seal_column('accounts', 'number');
CALL pii_release('accounts', 'number');
CALL pii_release('accounts', 'id');
CALL pii_release('accounts', 'number', NULL);
CALL pii_release('accounts', 'number', 'varchar(20)');
CALL pii_release('accounts', 'number', 'integer');
-- Nothing is cut.
CALL pii_release('accounts', 'number', 'varchar(3)', rewrite => true);
CALL pii_release('accounts', 'number', 'char(3)', rewrite => true);
CREATE DOMAIN short AS varchar(3);
CALL pii_release('accounts', 'number', 'short', rewrite => true);
CALL pii_release('accounts', 'number', 'varchar(20)', rewrite => true);
CALL pii_release('accounts', 'code', 'char(6)', rewrite => true);
CALL pii_release('accounts', 'born', 'date', rewrite => true);
CALL pii_release('accounts', 'mail');
\d accounts
SELECT * FROM accounts;
SELECT count(*) FROM pii_adopted_column WHERE relation = 'accounts'::regclass;

-- ALTER TABLE stores what its expressions give: no mask, which nothing could undo, and no plaintext in another sealed column.
CREATE TABLE changed (id int, number text, copy text);
INSERT INTO changed VALUES (1, '1234567', 'x');
CALL pii_adopt('changed', 'number', 'account');
INSERT INTO changed VALUES (2, '2345678', 'y');
ALTER TABLE changed ALTER number TYPE text USING number::text;
ALTER TABLE changed ALTER copy TYPE text USING coalesce(number::text, copy), ADD more int;
ALTER TABLE changed ALTER copy TYPE pii_text(account) USING number;
ALTER TABLE changed ALTER copy TYPE pii_text(account) USING (changed).number;
ALTER TABLE changed ALTER copy TYPE pii_text(account) USING (changed.*).number;
ALTER TABLE changed ALTER copy TYPE pii_text[] USING ARRAY[number];
ALTER TABLE changed ALTER copy TYPE pii_text(account) USING pii_reveal(number);
SELECT *, pii_is_sealed(number) AS number_is_sealed, pii_is_sealed(copy) AS copy_is_sealed FROM changed;
SET pii.view = masked;
ALTER TABLE changed ALTER copy TYPE text USING copy::text;
SET pii.view = redacted;
ALTER TABLE changed ALTER copy TYPE text USING copy::text;
SET pii.view = sealed;
ALTER TABLE changed ALTER copy TYPE text USING copy::text;
RESET pii.view;
SELECT left(copy, 4) FROM changed;
ALTER TABLE changed ALTER copy TYPE text USING pii_mask(number);
ALTER TABLE changed ALTER number TYPE text USING pii_reveal(number);
SELECT * FROM changed;

-- What a trigger hands on is sealed before PostgreSQL computes anything with it: arrays, rows and functions that are IMMUTABLE.
CREATE TABLE watched (id int, gone int, number text);
INSERT INTO watched VALUES (1, 0, '1234567');
ALTER TABLE watched DROP gone;
CALL pii_adopt('watched', 'number', 'account');
CREATE TYPE pair AS (id int, number pii_text(account));
CREATE TABLE handed_on (way text, list pii_text[], rows watched[], pair pair, shown text);
CREATE FUNCTION same(pii_text) RETURNS pii_text[] IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN ARRAY[$1]; END';
CREATE FUNCTION hand_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO handed_on (way, list) VALUES ('array', ARRAY[old.number]);
    INSERT INTO handed_on (way, list) VALUES ('append', array_append('{}'::pii_text[], old.number)), ('fill', array_fill(old.number, '{2}'));
    INSERT INTO handed_on (way, list) SELECT 'select', ARRAY[old.number];
    INSERT INTO handed_on (way, list) SELECT 'sub-select', ARRAY[s.number] FROM (SELECT old.number) AS s;
    INSERT INTO handed_on (way, list) SELECT 'from', array_agg(f) FROM unnest(ARRAY[old.number]) AS f;
    INSERT INTO handed_on (way, list) SELECT 'having', ARRAY[old.number] FROM watched GROUP BY ARRAY[old.number] HAVING cardinality(ARRAY[old.number]) = 1;
    INSERT INTO handed_on (way, list) VALUES ('function', same(old.number));
    INSERT INTO handed_on (way, pair) VALUES ('row', ROW(1, old.number)::pair);
    INSERT INTO handed_on (way, rows) VALUES ('rows', ARRAY[old]);
    INSERT INTO handed_on (way, shown) VALUES ('shown', array_to_string(ARRAY[old.number], ','));
    UPDATE handed_on SET list = list || old.number, pair = ROW((pair).id, old.number)::pair WHERE way IN ('array', 'row');
    RETURN new;
END
$$;
CREATE TRIGGER hand_on AFTER UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION hand_on();
CREATE FUNCTION hand_on_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO handed_on (way, shown) SELECT 'statement', to_jsonb(o) || to_jsonb(concat(o)) FROM o;
    RETURN NULL;
END
$$;
CREATE TRIGGER hand_on_all AFTER UPDATE ON watched REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION hand_on_all();
-- Without a class, too.
CREATE TABLE watched_too (id int, mail text);
INSERT INTO watched_too VALUES (1, 'a@b.org');
CALL pii_adopt('watched_too', 'mail');
CREATE FUNCTION hand_on_too() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO handed_on (way, list) VALUES ('without a class', ARRAY[old.mail, NULL]);
    INSERT INTO handed_on (way, list) VALUES ('without a class, update', '{}') ;
    UPDATE handed_on SET list = ARRAY[old.mail] WHERE way = 'without a class, update';
    INSERT INTO rows_too VALUES (ARRAY[old], to_jsonb(old));
    RETURN new;
END
$$;
CREATE TABLE rows_too (rows watched_too[], shown text);
CREATE TRIGGER hand_on_too AFTER UPDATE ON watched_too FOR EACH ROW EXECUTE FUNCTION hand_on_too();
UPDATE watched_too SET id = 2;
SELECT rows, pii_is_sealed(rows[1].mail), shown FROM rows_too;
UPDATE watched SET id = 2;
SELECT way, list, (SELECT bool_and(pii_is_sealed(l)) FROM unnest(list) AS l WHERE l IS NOT NULL) AS list_is_sealed, rows, pii_is_sealed(rows[1].number) AS rows_are_sealed,
    pair, pii_is_sealed((pair).number) AS pair_is_sealed, shown FROM handed_on ORDER BY way;

SET client_min_messages = warning;
DROP SCHEMA adoption CASCADE;
DROP EXTENSION pg_trgm;
DROP ROLE adoption_reader;

-- The type in every place where PostgreSQL puts a type.

-- Arrays.
CREATE TABLE arrays (a pii_text(ssn)[]);
INSERT INTO arrays VALUES ('{123-45-6789,NULL,"a,b"}'), (ARRAY['1', '2']), (NULL), ('{}');
SELECT a, a[1], array_length(a, 1) FROM arrays;
SELECT pii_class_of(u), pii_key_version(u), u FROM arrays, unnest(a) AS u WHERE u IS NOT NULL;
-- Domains.
CREATE DOMAIN ssn AS pii_text(ssn) CHECK (pii_is_sealed(VALUE));
CREATE TABLE domains (s ssn NOT NULL);
INSERT INTO domains VALUES ('123-45-6789'), ('2'::text);
SELECT s, pii_class_of(s) FROM domains;
INSERT INTO domains SELECT s FROM domains;
SELECT count(*) FROM domains;
-- Composite types.
CREATE TYPE person AS (name pii_text(name), ssn pii_text(ssn));
CREATE TABLE composites (p person);
INSERT INTO composites VALUES (ROW('John Doe', '123-45-6789')), ('("Jane Roe",2)');
SELECT p, (p).ssn, pii_class_of((p).name) FROM composites;
UPDATE composites SET p.ssn = '3' WHERE (p).name::text = 'John Doe';
SELECT p FROM composites ORDER BY (p).ssn::text;
CREATE TYPE altered AS (a int, b text);
ALTER TYPE altered ALTER ATTRIBUTE a TYPE bigint, ALTER ATTRIBUTE b TYPE pii_text(ssn);
SELECT ROW(1, '123-45-6789')::altered;
-- Ranges need an order.
SELECT (error_of('CREATE TYPE pii_range AS RANGE (SUBTYPE = pii_text)')).state;

-- Columns: DEFAULT, NOT NULL, CHECK, generated from the header alone.
CREATE TABLE columns (id int, s pii_text(ssn) DEFAULT '000-00-0000' NOT NULL CHECK (pii_is_sealed(s)),
    version int GENERATED ALWAYS AS (pii_key_version(s)) STORED);
INSERT INTO columns (id) VALUES (1);
INSERT INTO columns VALUES (2, '123-45-6789'), (3, DEFAULT);
SELECT *, pii_class_of(s) FROM columns ORDER BY id;
ALTER TABLE columns ADD t pii_text(email) DEFAULT 'nobody@example.org';
SELECT t, pii_class_of(t) FROM columns;
SELECT count(DISTINCT pii_sealed(t)) FROM columns;
-- A default is kept sealed in the catalog.
SELECT adbin::text LIKE '%000-00-0000%' AS plaintext_in_catalog FROM pg_attrdef WHERE adrelid = 'columns'::regclass;
-- Another class is another type modifier: revealed and sealed again, by a rewrite of the table.
ALTER TABLE columns ALTER s DROP DEFAULT, DROP COLUMN version;
ALTER TABLE columns ALTER s TYPE pii_text(national_id);
SELECT s, pii_class_of(s) FROM columns ORDER BY id;
-- From text and back. A direct cast from text seals.
CREATE TABLE converted (s text);
INSERT INTO converted VALUES ('123-45-6789'), (NULL), ('');
ALTER TABLE converted ALTER s TYPE pii_text(ssn);
SELECT s, pii_is_sealed(s), pii_class_of(s) FROM converted;
SELECT (error_of('ALTER TABLE converted ALTER s TYPE text')).*;
ALTER TABLE converted ALTER s TYPE text USING pii_reveal(s);
SELECT s, s IS NULL FROM converted;

-- Storage: no compression is tried, large values go out of line.
SELECT typstorage, typcategory, typlen, typcollation FROM pg_type WHERE typname = 'pii_text';
CREATE TABLE large (id int, s pii_text(account));
INSERT INTO large SELECT n, repeat('0123456789', n) FROM (VALUES (1), (100), (1000), (100000)) AS t(n);
SELECT id, length(pii_reveal(s)), pii_reveal(s) = repeat('0123456789', id) FROM large ORDER BY id;
SELECT id, pg_column_size(s) - 10 * id AS overhead FROM large ORDER BY id;
UPDATE large SET s = pii_rewrap(s);
SELECT id, pii_reveal(s) = repeat('0123456789', id) FROM large ORDER BY id;

-- What PostgreSQL keeps in its catalogs as text is no plaintext.
CREATE DOMAIN kept AS pii_text(name) DEFAULT 'Maria Gonzalez';
SELECT typdefault ~ '^''pii:v2:[A-Za-z0-9_-]+''::(pii_schema\.)?pii_text$' AS sealed FROM pg_type WHERE typname = 'kept';
ALTER DOMAIN kept SET DEFAULT 'John Doe';
SELECT typdefault ~ '^''pii:v2:[A-Za-z0-9_-]+''::(pii_schema\.)?pii_text$' AS sealed FROM pg_type WHERE typname = 'kept';
CREATE TABLE keeping (id int, name kept);
INSERT INTO keeping VALUES (1);
SELECT * FROM keeping;
CREATE FUNCTION first_of(pii_text, pii_text) RETURNS pii_text LANGUAGE sql AS 'SELECT $1';
SELECT (error_of($$CREATE AGGREGATE first_value_of(pii_text) (SFUNC = first_of, STYPE = pii_text, INITCOND = 'Maria Gonzalez')$$)).*;
DROP FUNCTION first_of;
DROP TABLE keeping;
DROP DOMAIN kept;

-- What is sealed, what is not, and what leaves it readable.
SET client_min_messages = warning;
CREATE SCHEMA inventory;

-- The sealed columns: domains too, a partitioned table for its partitions, no arrays.
CREATE DOMAIN inventory.sealed_ssn AS pii_text(ssn);
CREATE DOMAIN inventory.staff_ssn AS inventory.sealed_ssn NOT NULL;
CREATE TABLE inventory.people (id int, "Full Name" pii_text(name), ssn inventory.sealed_ssn, note pii_text, email pii_text(email),
    email_index pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED, codes pii_text(ssn)[], plain text);
CREATE INDEX people_words ON inventory.people USING gin (pii_word_index("Full Name"));
CREATE INDEX people_id_ssn ON inventory.people (id, pii_blind_index(ssn));
CREATE INDEX people_last4 ON inventory.people (pii_blind_index(ssn, 'last4')) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX people_email ON inventory.people (email_index);
CREATE INDEX people_plain ON inventory.people (plain);
CREATE TABLE inventory.staff (ssn inventory.staff_ssn, gone pii_text(email)) PARTITION BY HASH (ssn);
ALTER TABLE inventory.staff DROP COLUMN gone;
CREATE TABLE inventory.staff_0 PARTITION OF inventory.staff FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE inventory.staff_1 PARTITION OF inventory.staff FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX staff_ssn ON inventory.staff (pii_blind_index(ssn));
CREATE VIEW inventory.seen AS SELECT ssn FROM inventory.people;
SELECT * FROM pii_columns WHERE "table" IN (SELECT oid FROM pg_class WHERE relnamespace = 'inventory'::regnamespace) ORDER BY "table"::text, "column";
INSERT INTO inventory.staff VALUES ('900-00-0001'), ('900-00-0002'), ('900-00-0003');
ANALYZE inventory.staff;
SELECT "table", estimated_rows FROM pii_columns WHERE "table" = 'inventory.staff'::regclass;
SELECT pii_column_indexes('inventory.people', 'plain') AS none, pii_column_indexes('inventory.people', 'nothing') AS no_column, pii_column_indexes(1, 'x') AS no_table;

-- What looks as if it should be sealed. Values are in no result.
CREATE SCHEMA shop;
CREATE TABLE shop.customers (id uuid, "Last Name" text, name varchar(40), birthdate date, ssn bigint, phone char(20), mail text, street text, city text,
    order_no text, sealed pii_text(ssn), twice text GENERATED ALWAYS AS (lower(mail)) STORED);
INSERT INTO shop.customers SELECT '00000000-0000-0000-0000-000000000000', 'Doe', 'Jane', date '1980-01-01' + i, 900000000 + i, '+49 30 ' || 1234567 + i, 'jane' || i || '@example.org',
    i || ' Elm Street', 'Springfield', (100000000 + i)::text FROM generate_series(1, 30) AS i;
CREATE TABLE shop.products (name text, version text, ean text, price text, description text);
INSERT INTO shop.products SELECT 'Oak table', '1.2.3.' || i, (4006381333000 + i)::text, '10000', repeat('jane@example.org ', 30) FROM generate_series(1, 30) AS i;
CREATE TABLE shop.visits (remote_ip text) PARTITION BY HASH (remote_ip);
CREATE TABLE shop.visits_0 PARTITION OF shop.visits FOR VALUES WITH (MODULUS 1, REMAINDER 0);
INSERT INTO shop.visits SELECT '203.0.113.' || i FROM generate_series(1, 9) AS i;
CREATE TEMPORARY TABLE temporary (ssn text);
\x
SELECT * FROM pii_discover('shop');
\x
SELECT "column", sampled FROM pii_discover('shop', 7) WHERE "column" = 'mail';
SELECT "table" FROM pii_discover() WHERE "table"::text ~ 'temporary|pii_|pg_' OR "table" IN (SELECT "table" FROM pii_columns) AND "column" IN ('sealed', 'email_index');
SELECT (error_of('SELECT pii_discover(''nowhere'')')).*;
SELECT (error_of('SELECT pii_discover(sample_rows => 0)')).*;
-- Each statement of a column that is no text runs.
SELECT statement FROM pii_discover('shop') WHERE statement LIKE 'ALTER%' \gexec
SELECT "table", "column", class FROM pii_columns WHERE "table" = 'shop.customers'::regclass;
SET pii.view = plain; SELECT birthdate, ssn FROM shop.customers ORDER BY id LIMIT 1; RESET pii.view;

-- With the rights of the caller.
CREATE ROLE pii_regress_reader;
GRANT USAGE ON SCHEMA shop, pii_schema TO pii_regress_reader;
GRANT SELECT ON shop.visits TO pii_regress_reader;
GRANT SELECT (mail, city) ON shop.customers TO pii_regress_reader;
SET ROLE pii_regress_reader;
SET client_min_messages = notice;
SELECT "table", "column", class FROM pii_discover('shop');
SET client_min_messages = warning;
SELECT count(*) > 0 AS columns FROM pii_columns;
SELECT (error_of('SELECT pii_check()')).*;
RESET ROLE;

-- What leaves values readable. Only these objects: the rest depends on the server.
CREATE TABLE shop.adopted (id int, ssn text, email text);
INSERT INTO shop.adopted SELECT i, '900-11-' || 1000 + i, 'u' || i || '@example.net' FROM generate_series(1, 10) AS i;
ALTER TABLE shop.adopted ALTER COLUMN ssn TYPE pii_text(ssn) USING ssn::pii_unsealed::pii_text;
UPDATE shop.adopted SET ssn = '900-22-3333' WHERE id = 1;
ALTER TABLE shop.adopted ADD login text, ADD ssn_sha256 bytea;
UPDATE shop.adopted SET login = email;
ALTER TABLE shop.adopted ALTER COLUMN email TYPE pii_text(email);
CREATE TABLE shop.mailing AS SELECT pii_reveal(email) AS recipient FROM shop.adopted;
CREATE TABLE shop.adopted_old (ssn text);
SELECT pii_grant('public', 'phone', 'REVEAL'), pii_grant('public', 'phone', 'IMPORT'), pii_grant('pii_regress_reader', '*', 'SEARCH');
\x
SELECT * FROM pii_check() WHERE object ~ '^(shop.(adopted|mailing)|public on phone|pii_regress_reader|.*people.note)' ORDER BY severity, object, finding COLLATE "C";
\x
CALL pii_seal_column('shop.adopted', 'ssn');
SELECT pii_revoke('public', 'phone', 'REVEAL'), pii_revoke('public', 'phone', 'IMPORT'), pii_revoke('pii_regress_reader', '*', 'SEARCH');
ALTER TABLE shop.adopted DROP COLUMN login, DROP COLUMN ssn_sha256;
DROP TABLE shop.mailing, shop.adopted_old;
SELECT * FROM pii_check() WHERE object ~ '^(shop.(adopted|mailing)|public on phone|pii_regress_reader)';

RESET client_min_messages;
SET client_min_messages = warning;
DROP SCHEMA shop, inventory CASCADE;
REVOKE USAGE ON SCHEMA pii_schema FROM pii_regress_reader;
DROP ROLE pii_regress_reader;
RESET client_min_messages;

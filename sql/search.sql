-- Equality of sealed values, its operators and hashes, and the indexes that serve it.
CREATE TABLE customers (id int PRIMARY KEY, ssn pii_text(ssn), email pii_text(email), email_key pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED, name pii_text(name));
INSERT INTO customers (id, ssn, email, name) SELECT n, lpad(n::text, 9, '0'), 'user' || n || '@example.org', 'Name ' || n FROM generate_series(1, 2000) AS n;
UPDATE customers SET ssn = '000-00-0001' WHERE id = 2000;
CREATE TABLE orders (id int, ssn pii_text(ssn));
INSERT INTO orders SELECT n, substr(lpad(n::text, 9, '0'), 1, 3) || '-' || substr(lpad(n::text, 9, '0'), 4) FROM generate_series(1, 5) AS n;

-- Without an index.
SELECT id FROM customers WHERE ssn = '000 000 001' ORDER BY id;
EXPLAIN (COSTS OFF) SELECT id FROM customers WHERE ssn = '000 000 001';
EXPLAIN (COSTS OFF) SELECT id FROM customers WHERE ssn IN ('000 000 001', '000 000 002');
SELECT ssn, count(*) FROM customers GROUP BY ssn HAVING count(*) > 1;
SELECT count(*) FROM (SELECT DISTINCT ssn FROM customers) AS d;
SELECT c.id, o.id FROM customers c JOIN orders o USING (ssn) ORDER BY 1, 2;
SELECT c.id FROM customers c WHERE ssn = ANY (ARRAY['000000001', NULL, '000-00-0003']::text[]) ORDER BY 1;
SELECT count(*) FILTER (WHERE ssn <> '000000001') AS ne, count(*) FILTER (WHERE ssn <> ALL ('{000000001,000000002}')) AS ne_all, count(*) FILTER (WHERE ssn NOT IN ('1', NULL)) AS not_in_null FROM customers;

-- Equality is that of the class. Text takes the class of the other side; values of two classes are compared as each says.
SELECT 'Ann@X.org'::pii_text(email) = 'ann@x.ORG', 'Ann@X.org'::pii_text(email) = 'ann@x.ORG'::text, 'ann@x.ORG'::varchar = 'Ann@X.org'::pii_text(email), 'A'::pii_text = 'a', 'A'::pii_text(name) = 'a'::pii_text(email), '12-3'::pii_text(ssn) = '123'::pii_text(account), '12'::pii_text(ssn) <> '21';
SELECT U&'Zo\00eb'::pii_text(text) = U&'Zoe\0308', pii_text_hash(U&'Zo\00eb'::pii_text) = pii_text_hash(U&'Zoe\0308'::text), pii_text_hash('12-3'::pii_text(ssn)) = pii_text_hash('123'::pii_text(account));
SELECT NULL::pii_text(ssn) = '1' IS NULL AS null_left, ('1'::pii_text(ssn) = NULL) IS NULL AS null_right, '1'::pii_text(ssn) IS DISTINCT FROM NULL AS distinct_from, NULLIF('1'::pii_text(ssn), '1') IS NULL AS nullif;

-- With an index on an expression, and one on a generated column.
CREATE INDEX customers_ssn ON customers (pii_blind_index(ssn));
CREATE UNIQUE INDEX customers_email ON customers (email_key);
ANALYZE customers, orders;
EXPLAIN (COSTS OFF) SELECT id FROM customers WHERE ssn = '000 000 001';
EXPLAIN (COSTS OFF) SELECT id FROM customers WHERE '000 000 001'::varchar = ssn;
-- A search for one value is one descent, cheaper than a few rows, for the generic plan as well.
EXPLAIN (COSTS OFF) SELECT id FROM customers WHERE email = 'USER1@example.org' AND id < 10;
PREPARE by_ssn(text) AS SELECT id FROM customers WHERE ssn = $1;
EXECUTE by_ssn('000 000 001');
EXECUTE by_ssn('000 000 001');
EXECUTE by_ssn('000 000 001');
EXECUTE by_ssn('000 000 001');
EXECUTE by_ssn('000 000 001');
EXECUTE by_ssn('000 000 002');
EXECUTE by_ssn('000 000 002');
SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = 'by_ssn';
DEALLOCATE by_ssn;
-- The planner computes no terms.
SELECT sum(searched) AS before FROM pii_stat_access WHERE database = current_database() AND class = 'ssn' \gset
SELECT id FROM customers WHERE ssn = '000 000 002';
SELECT sum(searched) - :before AS searched FROM pii_stat_access WHERE database = current_database() AND class = 'ssn';
EXPLAIN (COSTS OFF) SELECT id FROM customers WHERE ssn IN ('000 000 001', '000 000 002');
EXPLAIN (COSTS OFF) SELECT id FROM customers WHERE ssn = '000 000 001' OR email = 'user2@example.org';
EXPLAIN (COSTS OFF) SELECT c.id FROM customers c JOIN orders o USING (ssn);
EXPLAIN (COSTS OFF) SELECT id FROM customers WHERE ssn = (SELECT ssn FROM orders WHERE id = 1);
EXPLAIN (COSTS OFF) SELECT id FROM customers WHERE ssn IN (SELECT ssn FROM orders);
EXPLAIN (COSTS OFF) SELECT id FROM orders o WHERE EXISTS (SELECT FROM customers c WHERE c.ssn = o.ssn AND c.email = 'user1@example.org');
PREPARE by_array(text[]) AS SELECT id FROM customers WHERE ssn = ANY ($1) ORDER BY id;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE by_array('{000000001,000-00-0002}');
EXECUTE by_array('{000000001,000-00-0002}');
RESET plan_cache_mode;
SELECT id FROM customers WHERE ssn = '000 000 001' ORDER BY id;
SELECT c.id, o.id FROM customers c JOIN orders o USING (ssn) ORDER BY 1, 2;
SELECT id FROM customers WHERE ssn IS NULL;
EXPLAIN (COSTS OFF) SELECT id FROM customers WHERE ssn = '000 000 001'::pii_text(ssn);
-- Where nothing says which class the column has, or which row to compare with, no index serves.
EXPLAIN (COSTS OFF) SELECT id FROM customers WHERE ssn = email::text;
EXPLAIN (COSTS OFF) SELECT id FROM customers WHERE pii_blind_index(ssn, 'last4') = ANY (pii_search_terms('0001', 'ssn', 'last4'));

-- Unique values, upsert and foreign keys. The errors hold the keyed hash, not the value.
SELECT e.* FROM error_of($$INSERT INTO customers (id, email) VALUES (3000, 'User1@Example.org')$$) AS e;
INSERT INTO customers (id, email, name) VALUES (3000, 'User1@Example.org', 'Upserted') ON CONFLICT (email_key) DO UPDATE SET name = excluded.name RETURNING id, email, name;
CREATE TABLE mails (email pii_text(email), email_key pii_blind_index GENERATED ALWAYS AS (pii_blind_index(email)) STORED REFERENCES customers (email_key));
INSERT INTO mails (email) VALUES ('USER7@example.org');
SELECT e.* FROM error_of($$INSERT INTO mails (email) VALUES ('nobody@example.org')$$) AS e;
SELECT e.* FROM error_of($$DELETE FROM customers WHERE email = 'user7@example.org'$$) AS e;

-- What has no order fails when it is parsed.
SELECT s, e.state, e.message FROM (VALUES
    ($$SELECT FROM customers WHERE ssn < '1'$$), ($$SELECT FROM customers WHERE ssn BETWEEN '1' AND '2'$$), ($$SELECT FROM customers WHERE ssn LIKE '1%'$$), ($$SELECT FROM customers WHERE ssn ~ '1'$$),
    ($$SELECT FROM customers ORDER BY ssn$$), ($$SELECT min(ssn) FROM customers$$), ($$SELECT max(ssn) FROM customers$$), ($$SELECT count(DISTINCT ssn) FROM customers$$),
    ($$CREATE INDEX ON customers (ssn)$$), ($$ALTER TABLE customers ADD UNIQUE (ssn)$$), ($$ALTER TABLE orders ADD PRIMARY KEY (ssn)$$)) AS t(s), error_of(s) AS e;
-- Indexes of keyed hashes are welcome, what reveals is not.
SELECT s, e.state, e.message FROM (VALUES
    ($$CREATE INDEX ON customers USING hash (ssn)$$), ($$CREATE INDEX ON customers (pii_blind_index(ssn, 'last4'))$$), ($$CREATE INDEX ON customers ((ssn = '1'))$$),
    ($$CREATE INDEX ON customers (id) WHERE ssn = '1'$$), ($$CREATE INDEX ON customers (pii_text_hash(ssn))$$), ($$ALTER TABLE orders ADD same boolean GENERATED ALWAYS AS (ssn = '1') STORED$$)) AS t(s), error_of(s) AS e;

-- What ANALYZE keeps: no values, no hashes.
SELECT attname, null_frac, n_distinct, most_common_vals IS NULL AS no_values, histogram_bounds IS NULL AS no_histogram FROM pg_stats WHERE tablename = 'customers' AND attname <> 'id' ORDER BY 1;
SELECT * FROM pii_column_status('customers', 'email');
SELECT * FROM pii_column_status('customers', 'ssn');
SELECT (error_of($$SELECT pii_column_status('customers', 'id')$$)).*;
SELECT (error_of($$SELECT pii_column_status('customers', 'nothing')$$)).*;

-- A session that changes its domain drops what a plan has folded.
PREPARE folded AS SELECT pii_blind_index('123-45-6789'::pii_text(ssn)) = ANY (pii_search_terms('123-45-6789', 'ssn'));
EXECUTE folded;
SET pii.domain = 'eu-west';
EXECUTE folded;
RESET pii.domain;
DROP TABLE mails, customers, orders;

-- An index whose second key is the hash gives rows of several terms out of order: a sort has to follow.
CREATE TABLE ordered (id int, ssn pii_text(ssn));
INSERT INTO ordered SELECT n, (100000000 + n % 500)::text FROM generate_series(1, 2000) AS n;
CREATE INDEX ON ordered (id, pii_blind_index(ssn));
ANALYZE ordered;
SELECT min(id), max(id) FROM ordered WHERE ssn = ANY ('{100000007,100000003}'::text[]);
SELECT id FROM ordered WHERE ssn = ANY ('{100000007,100000003}'::text[]) ORDER BY id LIMIT 5;
-- A hash index on the hash serves, by a bitmap scan.
CREATE INDEX ordered_hash ON ordered USING hash (pii_blind_index(ssn));
SELECT count(*) FROM ordered WHERE ssn = (SELECT '100-00-0003'::text);
-- Comparisons of rows.
SELECT id FROM ordered WHERE (ssn, id) IN (('100 000 007', 7), ('100000008', 7));
-- NULL is in no empty list.
INSERT INTO ordered VALUES (-1, NULL);
SELECT count(*) FROM ordered WHERE NOT (ssn = ANY ('{}'::text[]));

-- Text without a class takes that of the other side, so two values can equal a third and not each other. Joins, lists and
-- caches of inner rows have to bear with that, and an index of class text serves class text alone.
CREATE TABLE classless (id int, v pii_text);
INSERT INTO classless SELECT n, v FROM generate_series(1, 10) AS n, (VALUES ('A@x.org'), ('a@X.org')) AS t(v);
CREATE TABLE mails (email pii_text(email));
INSERT INTO mails SELECT n || '@x.org' FROM generate_series(1, 1000) AS n;
INSERT INTO mails VALUES ('a@x.org');
CREATE INDEX ON mails (pii_blind_index(email));
ANALYZE classless, mails;
SELECT count(*) FROM mails WHERE email IN (SELECT v FROM classless);
SELECT count(*) FROM mails WHERE email IN (SELECT pii_reveal(v) FROM classless);
SELECT count(*) FROM mails WHERE email NOT IN (SELECT pii_reveal(v) FROM classless);
TRUNCATE classless;
INSERT INTO classless SELECT 1, pii_seal('a@X.org', 'account') FROM generate_series(1, 300);
INSERT INTO classless SELECT 2, 'a@X.org' FROM generate_series(1, 300);
ANALYZE classless;
SELECT c.id, count(*) FROM classless c JOIN mails m ON c.v = m.email GROUP BY c.id;
CREATE TABLE notes (note pii_text(text));
INSERT INTO notes VALUES ('A@X.org');
CREATE INDEX ON notes (pii_blind_index(note));
SET enable_seqscan = off;
SET enable_hashjoin = off;
SELECT count(*) FROM notes JOIN mails ON note = email;
SELECT count(*) FROM notes WHERE note = (SELECT email FROM mails WHERE email = 'a@x.org');
SELECT count(*) FROM notes WHERE note = 'A@X.org';
RESET enable_seqscan;
RESET enable_hashjoin;

-- A role needs no privilege on the extension's schema to read a view that searches.
CREATE ROLE regress_reader;
CREATE VIEW found_mails AS SELECT email FROM mails WHERE email = 'A@X.ORG' UNION ALL SELECT email FROM mails WHERE email IN ('1@x.org', '2@X.org');
GRANT SELECT ON found_mails TO regress_reader;
SELECT pii_grant('regress_reader', 'email', 'SEARCH');
SET ROLE regress_reader;
SELECT count(*) FROM found_mails;
RESET ROLE;
DROP VIEW found_mails;
DROP ROLE regress_reader;
DROP TABLE ordered, classless, mails, notes;

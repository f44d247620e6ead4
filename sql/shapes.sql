-- The statements that applications send.

CREATE TABLE shapes (id serial PRIMARY KEY, ssn pii_text(ssn), email pii_text(email), note text);
INSERT INTO shapes (ssn, email, note) VALUES ('1', 'a@example.org', 'x') RETURNING *;
INSERT INTO shapes (ssn, email) SELECT n::text, n || '@example.org' FROM generate_series(2, 5) AS n;
INSERT INTO shapes (ssn, email) SELECT ssn, email FROM shapes WHERE id = 1;
INSERT INTO shapes (ssn, email) SELECT email, ssn FROM shapes WHERE id = 1; -- crosswise: each takes the class of its column
SELECT id, ssn, email, pii_class_of(ssn), pii_class_of(email) FROM shapes ORDER BY id;

-- UPDATE of another column leaves the bytes alone.
CREATE TEMP TABLE before AS SELECT id, pii_sealed(ssn) AS sealed FROM shapes;
UPDATE shapes SET note = 'y';
SELECT count(*) FROM shapes JOIN before USING (id) WHERE pii_sealed(ssn) = sealed;
UPDATE shapes SET ssn = '9' WHERE id = 2 RETURNING id, ssn;
UPDATE shapes SET ssn = email, email = ssn WHERE id = 3 RETURNING ssn, email, pii_class_of(ssn), pii_class_of(email);
INSERT INTO shapes (id, ssn) VALUES (1, '77') ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn RETURNING ssn;
MERGE INTO shapes s USING (VALUES (1, '78'::text)) AS v(id, ssn) ON s.id = v.id WHEN MATCHED THEN UPDATE SET ssn = v.ssn;
SELECT ssn FROM shapes WHERE id = 1;
DELETE FROM shapes WHERE pii_reveal(ssn) = '78' RETURNING id, ssn;

-- COPY: text, csv, binary; by hand and around.
COPY shapes (ssn, email) FROM STDIN;
10	ten@example.org
\N	
\\N	\t
\.
COPY shapes (ssn, email) FROM STDIN (FORMAT csv, FORCE_NOT_NULL (email));
11,"e,""leven@example.org"
,
\.
SELECT ssn, email, ssn IS NULL AS ssn_null, email IS NULL AS email_null FROM shapes WHERE id > 7 ORDER BY id;
\set file `echo "${TMPDIR:-/tmp}/pii_regression.$$"`
COPY (SELECT id, ssn, email FROM shapes ORDER BY id) TO :'file' (FORMAT binary);
CREATE TABLE copied (id int, ssn pii_text(ssn), email pii_text(email));
COPY copied FROM :'file' (FORMAT binary);
SELECT count(*) FROM shapes s JOIN copied c USING (id)
WHERE pii_reveal(s.ssn) IS DISTINCT FROM pii_reveal(c.ssn) OR pii_reveal(s.email) IS DISTINCT FROM pii_reveal(c.email) OR pii_class_of(c.email) <> 'email';
-- In the sealed view nothing is sealed twice: the bytes come back as they went.
SET pii.view = sealed;
COPY (SELECT id, ssn, email FROM shapes ORDER BY id) TO :'file';
RESET pii.view;
TRUNCATE copied;
COPY copied FROM :'file';
SELECT count(*), count(*) FILTER (WHERE pii_sealed(s.ssn) IS NOT DISTINCT FROM pii_sealed(c.ssn) AND pii_sealed(s.email) IS NOT DISTINCT FROM pii_sealed(c.email)) AS same
FROM shapes s JOIN copied c USING (id);
\! rm -f "${TMPDIR:-/tmp}"/pii_regression.*

-- Prepared statements, with parameters of every type that drivers send.
PREPARE untyped AS INSERT INTO shapes (ssn) VALUES ($1) RETURNING ssn, pii_class_of(ssn);
PREPARE as_text(text) AS INSERT INTO shapes (ssn) VALUES ($1) RETURNING ssn, pii_class_of(ssn);
PREPARE as_varchar(varchar) AS INSERT INTO shapes (ssn) VALUES ($1) RETURNING ssn, pii_class_of(ssn);
EXECUTE untyped('20'); EXECUTE untyped('20'); EXECUTE as_text('21'); EXECUTE as_varchar('22'); EXECUTE untyped(NULL);
SET plan_cache_mode = force_generic_plan;
EXECUTE untyped('23'); EXECUTE as_text('24'); EXECUTE as_varchar('25');
RESET plan_cache_mode;

-- PL/pgSQL, triggers, SQL functions, cursors.
CREATE FUNCTION ssn_of(wanted int) RETURNS pii_text LANGUAGE plpgsql AS $$
DECLARE v pii_text(ssn); w pii_text(email) := 'x@example.org';
BEGIN
    SELECT ssn INTO v FROM shapes WHERE id = wanted;
    w := v;
    RETURN w;
END $$;
SELECT ssn_of(2), pii_class_of(ssn_of(2));
CREATE FUNCTION email_of(wanted int) RETURNS pii_text LANGUAGE sql STABLE AS 'SELECT email FROM shapes WHERE id = wanted';
SELECT email_of(2), pii_class_of(email_of(2));
CREATE FUNCTION set_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.ssn := '555'; NEW.note := pii_mask(NEW.email); RETURN NEW; END $$;
CREATE TRIGGER note BEFORE INSERT ON shapes FOR EACH ROW EXECUTE FUNCTION set_note();
INSERT INTO shapes (email) VALUES ('maria.gonzalez@example.org') RETURNING ssn, pii_class_of(ssn), note;
DROP TRIGGER note ON shapes;
BEGIN; DECLARE c CURSOR FOR SELECT ssn FROM shapes WHERE id IN (4, 5) ORDER BY id; FETCH ALL FROM c; COMMIT;
CREATE VIEW shape_view AS SELECT id, ssn, coalesce(email, 'none@example.org') AS email FROM shapes;
SELECT * FROM shape_view WHERE id IN (4, 9) ORDER BY id;
CREATE RULE shape_rule AS ON INSERT TO shape_view DO INSTEAD INSERT INTO shapes (ssn, email) VALUES (NEW.ssn, NEW.email);
INSERT INTO shape_view (ssn, email) VALUES ('600', 'rule@example.org');
SELECT ssn, pii_class_of(ssn), pii_class_of(email) FROM shapes WHERE pii_reveal(ssn) = '600';

-- Expressions that give a value or another.
SELECT coalesce(ssn, '0') AS a, CASE WHEN id = 4 THEN ssn ELSE email END AS b, nullif(id, 4) FROM shapes WHERE id IN (4, 5) ORDER BY id;
SELECT ssn FROM shapes WHERE id = 4 UNION ALL SELECT 'literal' UNION ALL SELECT email FROM shapes WHERE id = 5;
SELECT count(ssn), count(*) FROM shapes;
SELECT id, lag(ssn) OVER (ORDER BY id) FROM shapes WHERE id IN (4, 5) ORDER BY id;

-- Tables of every kind.
CREATE TEMP TABLE temporary AS SELECT * FROM shapes;
SELECT pii_class_of(ssn), format_type(atttypid, atttypmod) FROM temporary, pg_attribute WHERE attrelid = 'temporary'::regclass AND attname = 'ssn' AND id = 4;
CREATE TABLE ctas AS SELECT id, ssn, pii_seal('x', 'name') AS name FROM shapes;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'ctas'::regclass AND attnum > 0 ORDER BY attnum;
CREATE MATERIALIZED VIEW matview AS SELECT id, ssn FROM shapes;
REFRESH MATERIALIZED VIEW matview;
SELECT ssn FROM matview WHERE id = 4;
CREATE UNLOGGED TABLE unlogged (LIKE shapes INCLUDING ALL);
INSERT INTO unlogged SELECT * FROM shapes;
CREATE TABLE partitioned (id int, ssn pii_text(ssn)) PARTITION BY RANGE (id);
CREATE TABLE partition_1 PARTITION OF partitioned FOR VALUES FROM (0) TO (5);
CREATE TABLE partition_2 PARTITION OF partitioned DEFAULT;
INSERT INTO partitioned SELECT id, ssn FROM shapes;
UPDATE partitioned SET id = id + 100 WHERE id = 4;
SELECT tableoid::regclass, id, ssn FROM partitioned WHERE id IN (5, 104) ORDER BY id;
CREATE TABLE child (extra pii_text(dob)) INHERITS (shapes);
INSERT INTO child (ssn, extra) VALUES ('700', '1980-01-31');
SELECT s.ssn FROM shapes s WHERE pii_reveal(s.ssn) = '700';
TRUNCATE child;

-- Parallel workers hold no keys at first; they get them from shared memory.
CREATE TABLE parallel (id int, ssn pii_text(ssn)) WITH (parallel_workers = 2);
INSERT INTO parallel SELECT n, to_char(n, 'FM000000000') FROM generate_series(1, 20000) AS n;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT count(*), sum(pii_reveal(ssn)::int) FROM parallel WHERE pii_mask(ssn) LIKE '%9';
SELECT count(*), sum(pii_reveal(ssn)::int) FROM parallel WHERE pii_mask(ssn) LIKE '%9';
SELECT count(*), sum(n) FROM (SELECT n FROM generate_series(1, 20000) AS n WHERE n % 10 = 9) AS t;
SET force_parallel_mode = on;
SELECT ssn FROM parallel WHERE id = 17;
SELECT pii_class_of(pii_seal('x', 'dob'));
RESET force_parallel_mode;

-- Transactions: what is rolled back is gone, what is prepared waits.
BEGIN; INSERT INTO shapes (ssn) VALUES ('800'); SAVEPOINT s; INSERT INTO shapes (ssn) VALUES ('801'); ROLLBACK TO s; COMMIT;
SELECT ssn FROM shapes WHERE pii_reveal(ssn) IN ('800', '801');

-- Another extension's string types are reached by explicit casts alone too.
SELECT (error_of('CREATE TABLE jsonb_cast AS SELECT ssn::jsonb FROM shapes')).state, (error_of('SELECT ssn::bytea FROM shapes')).state,
    (error_of('SELECT ssn::xml FROM shapes')).state, (error_of('SELECT ssn::int FROM shapes')).state;

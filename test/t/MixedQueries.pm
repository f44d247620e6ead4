# MixedQueries are tables with columns of personal data, as pii_text from the beginning or as plaintext that is to be adopted, and
# statements that get values of them out by every way there is.

package MixedQueries;

use strict;
use warnings;

use parent 'Exporter';

our @EXPORT = qw(tables_sql adoptions rows_sql objects_sql queries plaintexts);

# Column => [class, type of the plaintext].
my %columns = (ssn => [ 'ssn', 'text' ], email => [ 'email', 'varchar(60)' ], name => [ 'name', 'char(24)' ], nick => [ 'name', 'citext' ],
	phone => [ 'phone', 'phone_text' ], code => [ 'text', 'char(8)' ]);
my @tables = ([ people => qw(ssn email name nick phone code) ], [ orders => qw(ssn) ], [ events => qw(ssn email) ], [ base => qw(ssn) ], [ guarded => qw(ssn) ]);

sub _list
{
	my ($native, @names) = @_;
	return join ', ', map { "$_ " . ($native ? "pii_text($columns{$_}[0])" : $columns{$_}[1]) } @names;
}

sub tables_sql
{
	my ($native) = @_;
	my $of = sub { return _list($native, @_) };
	return ('CREATE DOMAIN phone_text AS text',
		'CREATE TABLE people (gone int, id int PRIMARY KEY, dept int, ' . $of->(qw(ssn email name nick phone code)) . ', note text)',
		'ALTER TABLE people DROP COLUMN gone',
		'CREATE TABLE orders (id int PRIMARY KEY, person int, ' . $of->('ssn') . ', amount int)',
		'CREATE TABLE events (id int, dept int, ' . $of->(qw(ssn email)) . ', PRIMARY KEY (id, dept)) PARTITION BY LIST (dept)',
		'CREATE TABLE events_1 (' . $of->(qw(email ssn)) . ', dept int NOT NULL, gone int, id int NOT NULL)',
		'ALTER TABLE events_1 DROP COLUMN gone',
		'ALTER TABLE events ATTACH PARTITION events_1 FOR VALUES IN (1)',
		'CREATE TABLE events_rest PARTITION OF events DEFAULT PARTITION BY RANGE (id)',
		'CREATE TABLE events_low PARTITION OF events_rest FOR VALUES FROM (MINVALUE) TO (10)',
		'CREATE TABLE events_high PARTITION OF events_rest FOR VALUES FROM (10) TO (MAXVALUE)',
		'CREATE TABLE base (id int PRIMARY KEY, ' . $of->('ssn') . ')',
		'CREATE TABLE child (extra text, ' . $of->('ssn') . ', id int PRIMARY KEY)',
		'ALTER TABLE child INHERIT base',
		'CREATE TABLE guarded (id int PRIMARY KEY, ' . $of->('ssn') . ')',
		'CREATE TABLE changes (id int GENERATED ALWAYS AS IDENTITY, line text)');
}

# [table, column, class, expression that the bridge type takes] of each column to be adopted.
sub adoptions
{
	return map {
		my ($table, @names) = @$_;
		map { [ $table, $_, $columns{$_}[0], $columns{$_}[1] eq 'citext' ? "$_\::text" : $_ ] } @names
	} @tables;
}

# The same rows for both; some values are the same as others, written otherwise.
sub rows_sql
{
	my $ssn = q{CASE WHEN i % 7 = 0 THEN NULL WHEN i % 2 = 0 THEN '912-31-67' || to_char(i % 9, 'FM00') ELSE '9123167' || to_char(i % 9, 'FM00') END};
	my $email = q{CASE WHEN i % 3 = 0 THEN 'person.' ELSE 'PERSON.' END || i % 11 || '@example.org'};
	return ("INSERT INTO people SELECT i, i % 3, $ssn, $email, 'Maria Gonzalez' || repeat('x', i % 4), 'Mighty Mary' || i % 5, '+1 202 555 01' || to_char(i, 'FM00'), 'code' || i % 4, 'n' || i
			FROM generate_series(1, 24) i",
		"INSERT INTO orders SELECT i, i % 24, $ssn, i * 10 FROM generate_series(1, 30) i",
		"INSERT INTO events SELECT i, i % 3, $ssn, $email FROM generate_series(1, 24) i",
		"INSERT INTO base SELECT i, $ssn FROM generate_series(1, 6) i",
		"INSERT INTO child SELECT 'x', $ssn, i FROM generate_series(11, 16) i",
		"INSERT INTO guarded SELECT i, $ssn FROM generate_series(1, 12) i");
}

# What of a value nobody sees who may only see masks.
sub plaintexts { return qr/912-?31|person\.\d|Gonzalez|Mighty|202 555/i; }

# What an application has around its tables.
sub objects_sql
{
	my ($schema, @roles) = @_;
	my $roles = join ', ', @roles;
	my @objects = ('CREATE VIEW v AS SELECT id, dept, ssn, email, name FROM people',
		'CREATE VIEW v_barrier WITH (security_barrier) AS SELECT * FROM people WHERE dept < 2',
		'CREATE VIEW v_join AS SELECT o.id, p.ssn, p.name, o.ssn AS other FROM orders o LEFT JOIN people p ON p.ssn = o.ssn',
		'CREATE VIEW v_all AS SELECT id, ssn FROM people UNION ALL SELECT id, ssn FROM events',
		'CREATE MATERIALIZED VIEW m AS SELECT id, ssn, name FROM people',
		q{CREATE FUNCTION sql_value(int) RETURNS pii_text LANGUAGE sql STABLE AS 'SELECT ssn FROM people WHERE id = $1'},
		q{CREATE FUNCTION sql_set() RETURNS SETOF people LANGUAGE sql STABLE AS 'SELECT * FROM people'},
		q{CREATE FUNCTION pl_value(int) RETURNS pii_text LANGUAGE plpgsql AS 'DECLARE v pii_text; BEGIN SELECT ssn INTO v FROM people WHERE id = $1; RETURN v; END'},
		q{CREATE FUNCTION pl_typed(int) RETURNS text LANGUAGE plpgsql AS
			'DECLARE v people.ssn%TYPE; BEGIN SELECT ssn INTO v FROM people WHERE id = $1; RETURN v::text; END'},
		q{CREATE FUNCTION pl_row(int) RETURNS text LANGUAGE plpgsql AS 'DECLARE r people; BEGIN SELECT * INTO r FROM people WHERE id = $1; RETURN concat(r.ssn, r.name, r); END'},
		q{CREATE FUNCTION pl_loop() RETURNS SETOF text LANGUAGE plpgsql AS
			'DECLARE r record; BEGIN FOR r IN SELECT ssn, name FROM people ORDER BY id LIMIT 3 LOOP RETURN NEXT concat(r.ssn, r.name); END LOOP; END'},
		q{CREATE FUNCTION pl_dynamic(int) RETURNS text LANGUAGE plpgsql AS
			'DECLARE t text; BEGIN EXECUTE ''SELECT ssn::text FROM people WHERE id = $1'' INTO t USING $1; RETURN t; END'},
		q{CREATE FUNCTION show(pii_text) RETURNS text LANGUAGE sql AS 'SELECT $1::text'},
		q{CREATE FUNCTION show_row(people) RETURNS text LANGUAGE sql AS 'SELECT concat($1.ssn, $1.name)'},
		q{CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
				INSERT INTO changes (line) VALUES (concat_ws(' ', TG_OP, CASE WHEN TG_OP <> 'INSERT' THEN OLD.ssn::text END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.ssn::text END));
				RETURN NULL;
			END $$},
		'CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION note_change()',
		q{CREATE FUNCTION note_what() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
				INSERT INTO changes (line) VALUES (concat_ws(' ', OLD.ssn IS DISTINCT FROM NEW.ssn, pii_mask(OLD.ssn), pii_mask(NEW.ssn), pii_class_of(OLD.ssn)));
				RETURN NEW;
			END $$},
		'CREATE TRIGGER before_change BEFORE UPDATE ON guarded FOR EACH ROW EXECUTE FUNCTION note_what()',
		'CREATE TRIGGER what_changes AFTER UPDATE ON guarded FOR EACH ROW EXECUTE FUNCTION note_what()',
		q{CREATE POLICY by_setting ON guarded USING (ssn = current_setting('mixed.ssn', true))},
		'ALTER TABLE guarded ENABLE ROW LEVEL SECURITY',
		"GRANT USAGE ON SCHEMA $schema TO $roles", "GRANT ALL ON ALL TABLES IN SCHEMA $schema TO $roles", "GRANT ALL ON ALL SEQUENCES IN SCHEMA $schema TO $roles");
	s/INTO changes/INTO $schema.changes/ foreach @objects;    # jobs have no such search_path
	return @objects;
}

# Statements, each in a transaction that is rolled back. Parts of one are separated by ;;
sub queries
{
	my @queries = split /\n/, <<'END';
SELECT ssn, email, name, nick, phone FROM people
SELECT * FROM people
SELECT p FROM people p
SELECT p.*::text FROM people p
SELECT (p).ssn, (p).name FROM (SELECT p FROM people p) s
SELECT row_to_json(p), to_jsonb(p) FROM people p
SELECT to_json(ssn), to_jsonb(name), json_build_object('a', email) FROM people
SELECT ssn::text, name::text, '[' || name::text || ']', email::varchar(3), phone::name FROM people
SELECT format('%s|%L', ssn, name), concat(ssn, '|', nick), concat_ws(',', email, phone) FROM people
SELECT ROW(ssn, name), ARRAY[ssn, ssn], ARRAY[name::pii_text, email::pii_text] FROM people
SELECT array_agg(ssn ORDER BY id), string_agg(name::text, ',' ORDER BY id), json_agg(email ORDER BY id) FROM people
SELECT array_agg(p ORDER BY id) FROM people p WHERE id < 5
SELECT dept, array_agg(ssn ORDER BY id) FROM people GROUP BY dept
SELECT coalesce(ssn, '0'), CASE WHEN id < 5 THEN ssn ELSE email END, nullif(name, 'x'), greatest(id, 2) FROM people
SELECT ssn IS NULL, ssn IS NOT NULL, count(*) OVER () FROM people
SELECT pii_reveal(ssn), pii_reveal(name) FROM people
SELECT pii_try_reveal(ssn), pii_try_reveal(name) FROM people
SELECT pii_mask(ssn), pii_mask(name), pii_mask(phone) FROM people
SELECT pii_sealed(ssn) IS NULL, left(pii_sealed(name), 4) FROM people
SELECT pii_class_of(ssn), pii_class_of(phone) FROM people
SELECT pii_class_of(x) FROM (SELECT ssn AS x FROM people OFFSET 0) s
SELECT pii_blind_index(ssn), pii_blind_index(email), pii_blind_index(name), pii_blind_index(phone) FROM people
SELECT pii_blind_index(ssn, 'last4'), pii_word_index(name) FROM people
SELECT id FROM people WHERE ssn = '912-31-6701'
SELECT id FROM people WHERE email = 'Person.3@Example.ORG'
SELECT id FROM people WHERE name = 'maria gonzalez'
SELECT id FROM people WHERE name = 'maria gonzalez          '
SELECT id FROM people WHERE nick = 'MIGHTY mary2'
SELECT id FROM people WHERE phone = '+1 (202) 555-0107'
SELECT id FROM people WHERE code = 'code2'
SELECT id FROM people WHERE code = 'code2   '
SELECT id, code IN ('code1', 'code3'), code, pii_reveal(code) FROM people
SELECT a.id, b.id FROM people a JOIN people b ON a.code = b.code WHERE a.id < 4
SELECT id FROM people WHERE ssn::text = '912-31-6702' OR name::text = 'Maria Gonzalez'
SELECT id FROM people WHERE concat(ssn, name) LIKE '912%' OR format('%s', nick) = 'Mighty Mary1'
SELECT id FROM people p WHERE to_jsonb(p)->>'ssn' = '912-31-6702' OR p::text LIKE '%Gonzalezxx%'
SELECT id FROM people WHERE pii_reveal(name) = 'Maria Gonzalez' OR pii_reveal(code) = 'code1'
SELECT id FROM people WHERE pii_mask(ssn) LIKE '%02' OR pii_mask(name) = 'M*** G***' OR pii_mask(code) = 'x'
SELECT id FROM people WHERE show(ssn) = '912-31-6702' OR pii_class_of(name) = 'ssn'
SELECT id FROM people WHERE CASE WHEN dept = 1 THEN ssn ELSE name END = '912-31-6701'
SELECT id FROM people WHERE coalesce(ssn, email) = '912-31-6701'
SELECT id FROM people WHERE ARRAY[ssn] = ARRAY['912-31-6701'::pii_text(ssn)] OR ROW(ssn, 1) = ROW('912-31-6702'::pii_text(ssn), 1)
SELECT id FROM people WHERE left(pii_sealed(ssn), 4) = 'pii:' AND left(ssn::text, 4) <> 'pii:'
SELECT id FROM people WHERE pii_blind_index(ssn) = ANY (pii_search_terms('912-31-6701', 'ssn')) OR pii_blind_index(code) = ANY (pii_search_terms('code1', 'text'))
SELECT p.id, o.id FROM people p JOIN orders o ON p.ssn::text = o.ssn::text AND p.name::text <> o.ssn::text
SELECT p.id, o.id FROM people p LEFT JOIN orders o ON p.ssn = o.ssn AND concat(o.ssn) NOT LIKE 'x%'
SELECT id, count(*) FILTER (WHERE ssn::text LIKE '912%') FROM people GROUP BY id HAVING min(ssn::text) LIKE '9%'
SELECT id FROM people WHERE ssn <> '912-31-6701'
SELECT id FROM people WHERE ssn IN ('912-31-6701', '912316703', '1')
SELECT id FROM people WHERE ssn = ANY ('{912-31-6701,912316704}')
SELECT id FROM people WHERE ssn IS DISTINCT FROM '912-31-6701'
SELECT id, ssn = '912-31-6701', email IN ('person.3@example.org', 'x') FROM people
SELECT id, ssn FROM people WHERE ssn = '912-31-6701' AND dept = 1
SELECT id FROM people WHERE pii_reveal(ssn) = '912-31-6702' OR id = 3
SELECT id FROM people WHERE ssn = (SELECT ssn FROM people WHERE id = 3)
SELECT id FROM people WHERE ssn IN (SELECT ssn FROM orders WHERE amount > 100)
SELECT id FROM people WHERE ssn NOT IN (SELECT ssn FROM orders WHERE amount > 250 AND ssn IS NOT NULL)
SELECT id, (id, ssn) IN (SELECT person, ssn FROM orders) FROM people
SELECT id FROM people p WHERE EXISTS (SELECT FROM orders o WHERE o.ssn = p.ssn AND amount < 50)
SELECT id, (SELECT array_agg(o.ssn ORDER BY id) FROM orders o WHERE o.ssn = p.ssn) FROM people p
SELECT p.id, o.id, p.ssn, o.ssn FROM people p JOIN orders o ON p.ssn = o.ssn
SELECT p.id, o.id, p.ssn, o.ssn FROM people p LEFT JOIN orders o USING (ssn) WHERE p.id < 5
SELECT p.id, o.id, ssn FROM people p FULL JOIN orders o USING (ssn) WHERE coalesce(p.dept, 0) = 0
SELECT p.id, e.id, e FROM people p JOIN events e ON p.ssn = e.ssn AND p.email = e.email
SELECT a.id, b.id, a.name FROM people a JOIN people b ON a.name = b.nick OR a.name = b.name WHERE a.id < b.id
SELECT p.id, x.* FROM people p, LATERAL (SELECT o.ssn, o.id FROM orders o WHERE o.ssn = p.ssn ORDER BY o.id LIMIT 1) x
SELECT count(*), count(ssn), count(*) FILTER (WHERE ssn = '912-31-6701') FROM people
SELECT min(id), count(*) FROM people GROUP BY ssn
SELECT count(*) FROM (SELECT DISTINCT name, nick FROM people) d
SELECT min(id) FROM people GROUP BY GROUPING SETS ((ssn), (email), ())
SELECT min(id), count(*) FROM people GROUP BY ssn HAVING ssn = '912316701' OR count(*) > 2
SELECT id, lag(ssn) OVER (ORDER BY id), first_value(name) OVER (PARTITION BY dept ORDER BY id) FROM people
SELECT count(*) FROM (SELECT ssn FROM people UNION SELECT ssn FROM orders) u
SELECT count(*) FROM (SELECT ssn FROM people INTERSECT SELECT ssn FROM orders) u
SELECT count(*) FROM (SELECT ssn FROM people EXCEPT ALL SELECT ssn FROM orders WHERE id < 9) u
SELECT id, ssn FROM people WHERE id < 3 UNION ALL SELECT id, ssn FROM orders WHERE id < 3
SELECT id, ssn FROM people WHERE id < 3 UNION ALL SELECT id, email FROM events WHERE id < 3 UNION ALL SELECT 0, 'x'
WITH w AS MATERIALIZED (SELECT * FROM people) SELECT id, ssn, w FROM w WHERE ssn = '912-31-6704'
WITH w AS NOT MATERIALIZED (SELECT * FROM people) SELECT id, ssn FROM w WHERE ssn = '912-31-6704'
WITH RECURSIVE w AS (SELECT id, ssn, name FROM people WHERE id = 2 UNION SELECT p.id, p.ssn, p.name FROM w JOIN people p USING (ssn)) SELECT * FROM w
SELECT * FROM (SELECT id, ssn, name FROM people ORDER BY id LIMIT 3) s
SELECT DISTINCT ON (dept) dept, ssn, name FROM people ORDER BY dept, id
SELECT ssn, name FROM people TABLESAMPLE BERNOULLI (100)
SELECT ssn FROM people WHERE ctid = ANY (ARRAY(SELECT ctid FROM people WHERE id < 4))
SELECT id, ssn, email, e FROM events e
SELECT tableoid::regclass, id, ssn FROM events WHERE ssn = '912-31-6701'
SELECT e FROM events_1 e
SELECT (e).email FROM (SELECT e FROM events e) s
SELECT row_to_json(e) FROM events e
SELECT id, b, b.ssn FROM base b
SELECT id, ssn FROM ONLY base
SELECT c FROM child c WHERE ssn = '912-31-6702'
SELECT count(*) FROM base GROUP BY ssn
SELECT * FROM v
SELECT id FROM v WHERE ssn = '912-31-6701' AND name = 'MARIA gonzalezx'
SELECT v FROM v
SELECT * FROM v_barrier
SELECT * FROM v_join
SELECT * FROM v_all WHERE ssn = '912-31-6703'
SELECT m, ssn, name FROM m
SELECT id FROM m WHERE ssn = '912-31-6703'
SELECT id, sql_value(id), pl_value(id), pl_typed(id), pl_dynamic(id) FROM people
SELECT * FROM sql_set()
SELECT sql_set()
SELECT pl_row(id), pl_loop() FROM people WHERE id < 4
SELECT show(ssn), show(name), show_row(p) FROM people p
SELECT pii_class_of(sql_value(id)), sql_value(id) = '912-31-6701' FROM people
SET LOCAL mixed.ssn = '912-31-6703' ;; SELECT id, ssn FROM guarded
SET LOCAL mixed.ssn = '912-31-6703' ;; UPDATE guarded SET id = id + 100 RETURNING id, ssn ;; SELECT line FROM changes
SET LOCAL mixed.ssn = '912-31-6703' ;; UPDATE guarded SET ssn = '912-31-67' || id WHERE id < 5 RETURNING ssn ;; SELECT line FROM changes
SET LOCAL mixed.ssn = '912-31-6703' ;; DELETE FROM guarded RETURNING guarded
DECLARE k SCROLL CURSOR FOR SELECT id, ssn, name FROM people ORDER BY id ;; FETCH 3 FROM k ;; FETCH BACKWARD 1 FROM k ;; FETCH LAST FROM k
DECLARE k CURSOR WITH HOLD FOR SELECT p FROM people p ORDER BY id ;; FETCH 3 FROM k
PREPARE q AS SELECT id, ssn FROM people WHERE ssn = $1 ;; EXECUTE q ('912-31-6701') ;; EXECUTE q ('912316702') ;; DEALLOCATE q
PREPARE q (text) AS SELECT id, p FROM people p WHERE email = $1 ;; EXECUTE q ('PERSON.4@example.org') ;; DEALLOCATE q
CREATE TEMP TABLE k AS SELECT * FROM people ;; SELECT * FROM k ;; SELECT id FROM k WHERE ssn = '912-31-6701'
CREATE TEMP TABLE k AS SELECT p, ssn FROM people p ;; SELECT (p).name, (p).ssn, ssn FROM k
SELECT id, ssn INTO TEMP k FROM people WHERE ssn = '912-31-6701' ;; SELECT * FROM k
INSERT INTO orders SELECT 100 + id, 1, ssn, 2 FROM people WHERE id < 4 RETURNING id, ssn, orders ;; SELECT line FROM changes
INSERT INTO orders VALUES (1, 1, '912-31-6709', 5) ON CONFLICT (id) DO UPDATE SET ssn = excluded.ssn, amount = 1 RETURNING ssn, orders ;; SELECT line FROM changes
INSERT INTO orders VALUES (1, 1, '912-31-6709', 5) ON CONFLICT (id) DO UPDATE SET amount = 1 WHERE orders.ssn = '9123-167-01' RETURNING ssn, amount
INSERT INTO people (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET note = concat(people.ssn, people.name) RETURNING note
INSERT INTO people (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET email = people.nick, note = 'y' WHERE concat(people.name) LIKE 'M%' RETURNING email, note
MERGE INTO people p USING orders o ON p.id = o.id WHEN MATCHED AND p.code = 'code1' THEN DELETE WHEN MATCHED AND p.ssn::text LIKE '9%' THEN UPDATE SET note = concat(p.ssn, p.name) WHEN MATCHED THEN DO NOTHING ;; SELECT id, note FROM people
INSERT INTO events SELECT id + 100, dept, ssn, email FROM events WHERE id < 12 RETURNING ssn, events
UPDATE orders SET amount = 1 WHERE id < 4 RETURNING id, ssn, orders ;; SELECT line FROM changes
UPDATE orders SET ssn = '912-31-6709' WHERE ssn = '912-31-6701' RETURNING id, ssn ;; SELECT id, ssn FROM orders WHERE ssn = '912316709'
UPDATE orders o SET ssn = p.ssn, amount = 0 FROM people p WHERE o.person = p.id RETURNING o.ssn, p.ssn, p, o
UPDATE events SET dept = 2 - dept WHERE dept < 2 RETURNING id, ssn, email, tableoid::regclass, events
UPDATE people SET name = name, ssn = ssn WHERE id < 5 RETURNING name, ssn, nick ;; SELECT name, ssn, pii_is_sealed(ssn) FROM people WHERE id < 5 AND pii_reveal(ssn) = '1'
UPDATE people SET nick = name, name = nick WHERE id < 5 RETURNING name, nick, people
DELETE FROM orders WHERE ssn = '912-31-6702' RETURNING orders ;; SELECT line FROM changes ;; SELECT count(*) FROM orders
DELETE FROM orders o USING people p WHERE o.ssn = p.ssn AND p.id = 2 RETURNING o.id, p.ssn, o.ssn
MERGE INTO orders o USING people p ON o.ssn = p.ssn AND o.id = p.id WHEN MATCHED AND p.ssn = '912-31-6701' THEN DELETE WHEN MATCHED THEN UPDATE SET ssn = p.ssn, amount = 1 WHEN NOT MATCHED THEN INSERT VALUES (p.id + 200, 1, p.ssn, 7) ;; SELECT id, ssn, amount FROM orders ;; SELECT line FROM changes
WITH d AS (DELETE FROM orders WHERE id < 4 RETURNING *) SELECT d, ssn FROM d
WITH u AS (UPDATE orders SET amount = 3 WHERE id < 4 RETURNING *) INSERT INTO orders SELECT id + 500, person, ssn, amount FROM u RETURNING ssn
SELECT ssn, name FROM people WHERE id < 4 FOR UPDATE
COPY people TO STDOUT
COPY orders (id, ssn) TO STDOUT
COPY (SELECT id, ssn, name FROM people) TO STDOUT (FORMAT csv)
COPY (SELECT e FROM events e) TO STDOUT
COPY events_1 (id, email) TO STDOUT
REFRESH MATERIALIZED VIEW m ;; SELECT ssn, name FROM m
SELECT xmlforest(ssn, name), query_to_xml('SELECT ssn FROM people WHERE id < 3 ORDER BY id', false, false, '') FROM people WHERE id = 1
SELECT jsonb_populate_record(p, '{"note": "x"}') FROM people p WHERE id < 4
SELECT hashtext(ssn::text) = hashtext(ssn::text), md5(concat(name, nick)) FROM people WHERE false
SELECT unnest(array_agg(ssn ORDER BY id)) FROM people
SELECT u FROM (SELECT array_agg(name ORDER BY id) AS a FROM people) s, unnest(a) u
SELECT id, ssn = ANY (SELECT ssn FROM orders), ssn <> ALL (SELECT ssn FROM orders WHERE ssn IS NOT NULL) FROM people
SELECT id, ssn = email, name = nick FROM people
SELECT CASE ssn WHEN '912-31-6701' THEN 'one' WHEN '912-31-6702' THEN 'two' END FROM people
SELECT id FROM people WHERE (ssn, dept) = ('912-31-6701', 1)
SELECT id, p = p FROM people p WHERE id < 3
SELECT count(p.ssn) FROM people p JOIN orders o ON p.id = o.person AND (p.ssn = o.ssn OR o.ssn IS NULL)
END
	return map { [ split / ;; / ] } @queries;
}

1;

-- Word search.
CREATE TABLE people_by_word (id int, name pii_text(name), home pii_text(address));
INSERT INTO people_by_word VALUES (1, 'Maria Garcia', '1 Main Street'), (2, 'García, María', '12 Main St.'), (3, 'maria-jose o''brien', NULL), (4, '', 'MAIN'), (5, NULL, '1-12 main'), (6, 'Mariana Lopez', '2 Main Street'), (7, U&'Zoe\0308 Maria', 'Main');
CREATE FUNCTION find(what text) RETURNS int[] LANGUAGE sql AS $$SELECT array_agg(id ORDER BY id) FROM people_by_word WHERE pii_word_index(name) @> pii_word_terms(what, 'name')$$;
SELECT what, find(what) FROM (VALUES ('maria'), ('MARIA'), ('maria garcia'), ('Garcia Maria'), (U&'Mari\0301a'), ('jose'), ('o''brien'), ('maria jose'), (U&'zo\00eb'), ('mari'), ('maria lopez'), (''), ('--'), (NULL)) AS t(what);
SELECT id FROM people_by_word WHERE pii_word_index(home) @> pii_word_terms('12 main', 'address') ORDER BY id;
-- By index, and the same.
CREATE INDEX people_words ON people_by_word USING gin (pii_word_index(name));
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM people_by_word WHERE pii_word_index(name) @> pii_word_terms('maria', 'name');
SELECT what, find(what) FROM (VALUES ('maria'), ('MARIA'), ('maria garcia'), ('Garcia Maria'), (U&'Mari\0301a'), ('jose'), ('o''brien'), ('maria jose'), (U&'zo\00eb'), ('mari'), ('maria lopez'), (''), ('--'), (NULL)) AS t(what);
RESET enable_seqscan;
-- Each word once, in the order of the hashes.
SELECT cardinality(pii_word_index('a b a B'::pii_text(name))), pii_word_index('a b'::pii_text(name)) = pii_word_index('B, A'::pii_text(name)), array_ndims(pii_word_terms('a b', 'name')), array_length(pii_word_terms('a b', 'name'), 1), pii_word_terms('', 'name');
-- Rows of a two-dimensional array are alternatives; elements of any other are all wanted.
SELECT a @> ARRAY[a[1], a[2]] AS both, a @> ARRAY[[a[1], b[1]], [b[1], a[2]]] AS one_of_each, a @> ARRAY[a[1], b[1]] AS not_both, a @> ARRAY[[b[1], b[1]]] AS none, a @> '{}' AS nothing, a @> ARRAY[NULL]::pii_blind_index[] AS null_element
FROM (SELECT pii_word_index('x y'::pii_text(name)), pii_word_index('z'::pii_text(name))) AS t(a, b);
DROP FUNCTION find(text);
DROP TABLE people_by_word;

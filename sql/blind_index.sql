-- The type pii_blind_index, transforms and terms. Keys: test/regress/keyring.json.
SELECT '00013d9e05fab8b3e64e95f6349710df'::pii_blind_index, '00013D9E05FAB8B3E64E95F6349710DF'::pii_blind_index;
SELECT (error_of($$SELECT '123-45-6789'::pii_blind_index$$)).*;
SELECT (error_of($$SELECT '00013d9e05fab8b3e64e95f6349710d'::pii_blind_index$$)).state;
SELECT (error_of($$SELECT '00013d9e05fab8b3e64e95f6349710dfa'::pii_blind_index$$)).state;
SELECT (error_of($$SELECT '00013d9e05fab8b3e64e95f6349710dg'::pii_blind_index$$)).state;
SELECT pii_blind_index_send('00013d9e05fab8b3e64e95f6349710df'), pii_key_version('00013d9e05fab8b3e64e95f6349710df'::pii_blind_index), pg_column_size('00013d9e05fab8b3e64e95f6349710df'::pii_blind_index);

-- Order and hash are those of the bytes.
SELECT v, v::pii_blind_index < repeat('0001', 8)::pii_blind_index AS less FROM (VALUES ('0002'||repeat('0', 28)), ('0001'||repeat('f', 28)), ('0001'||repeat('0', 28)), ('ff'||repeat('0', 30))) AS t(v) ORDER BY v::pii_blind_index;
SELECT a < b, a <= b, a = b, a <> b, a >= b, a > b FROM (SELECT repeat('00', 16)::pii_blind_index, (repeat('00', 15)||'01')::pii_blind_index) AS t(a, b);
SELECT pii_blind_index_hash(repeat('ab', 16)::pii_blind_index) = pii_blind_index_hash(repeat('AB', 16)::pii_blind_index), pii_blind_index_hash_extended(repeat('ab', 16)::pii_blind_index, 1) <> pii_blind_index_hash_extended(repeat('ab', 16)::pii_blind_index, 2);

-- FORMAT.md gives this one.
SELECT pii_blind_index('123-45-6789'::pii_text(ssn));
-- Equal values, whatever they look like, and what they are searched with.
SELECT pii_blind_index('Ann@X.org'::pii_text(email)) = pii_blind_index(' ann@x.ORG '::pii_text(email)), pii_blind_index('a'::pii_text(email)) = pii_blind_index('a'::pii_text(name));
SELECT pii_search_terms('123456789', 'ssn') = ARRAY[pii_blind_index('123-45-6789'::pii_text(ssn))], pii_search_terms('123-45-6789'::pii_text, 'ssn') = pii_search_terms('123456789', 'ssn');
SELECT pii_search_terms(ARRAY['1', NULL, '2'], 'ssn') = pii_search_terms('1', 'ssn') || NULL::pii_blind_index || pii_search_terms('2', 'ssn'), pii_search_terms('{}'::text[], 'ssn'), pii_search_terms(NULL::text, 'ssn');
SELECT pii_search_terms(ARRAY['1']::pii_text[], 'ssn') = pii_search_terms('1', 'ssn'), pii_search_terms(pii_sealed('1'::pii_text(ssn)), 'ssn') = pii_search_terms('1', 'ssn');

-- Transforms: a part of a stored value; the part alone, or the whole, to search for.
SELECT class, transform, stored, sought, pii_blind_index(pii_seal(stored, class), transform) = ANY (pii_search_terms(sought, class, transform)) AS found
FROM (VALUES
    ('ssn', 'last4', '123-45-6789', '6789'), ('ssn', 'last4', '123-45-6789', '000-00-6789'), ('ssn', 'last4', '123-45-6789', '789'), ('ssn', 'last4', '6789', '6789'),
    ('phone', 'last4', '+1 555 010 0123', '0123'), ('account', 'last4', 'ab-12 34', '1234'),
    ('email', 'domain', 'Ann@X.org', 'x.ORG'), ('email', 'domain', 'Ann@X.org', '@x.org'), ('email', 'local', 'Ann@X.org', 'ANN'), ('email', 'domain', 'no address', 'address'),
    ('dob', 'year', '1980-01-31', '1980'), ('dob', 'year', '1980-01-31', '19801231'), ('dob', 'year', '31.1.1980', '1980'),
    ('postcode', 'first3', 'sw1a 1aa', 'SW1'), ('postcode', 'first3', 'sw1a 1aa', 'SW'),
    ('name', 'initials', 'John Ronald Doe', 'J.R.D.'), ('name', 'initials', 'John Ronald Doe', 'jrd'), ('name', 'initials', 'John Ronald Doe', 'Jane Roe Dow'), ('name', 'initials', '...', 'x'),
    ('ssn', 'exact', '123-45-6789', '123456789')) AS t(class, transform, stored, sought);
SELECT pii_blind_index('12'::pii_text(ssn), 'last4') IS NULL AS no_part, pii_search_terms('12', 'ssn', 'last4') AS no_terms;
SELECT count(DISTINCT v) FROM unnest(ARRAY[pii_blind_index('a@a'::pii_text(email)), pii_blind_index('a@a'::pii_text(email), 'domain'), pii_blind_index('a@a'::pii_text(email), 'local')]) AS t(v);

-- What is refused. No message repeats an argument: it may be a value.
SELECT (error_of(s)).* FROM (VALUES
    ($$SELECT pii_blind_index('1'::pii_text(ssn), 'domain')$$), ($$SELECT pii_blind_index('1'::pii_text, 'last4')$$),
    ($$SELECT pii_blind_index('1'::pii_text(secret))$$), ($$SELECT pii_search_terms('1', 'secret')$$),
    ($$SELECT pii_blind_index('1'::pii_text(ssn), '123-45-6789')$$), ($$SELECT pii_search_terms('ssn', '123-45-6789')$$),
    ($$SELECT pii_blind_index('1'::pii_text(name), 'word')$$), ($$SELECT pii_word_index('1'::pii_text(ssn))$$),
    ($$SELECT pii_index_advice('ssn', 'year', 1000)$$), ($$SELECT pii_index_advice('ssn', 'last4', 0)$$)) AS t(s);

-- What an index shows to who reads the disk.
SELECT class, transform, n, (pii_index_advice(class, transform, n)).* FROM (VALUES ('ssn', 'exact', 1000000), ('ssn', 'last4', 1000000), ('dob', 'year', 1000), ('dob', 'year', 1000000), ('email', 'domain', 1000), ('name', 'word', 1000)) AS t(class, transform, n);

-- A keyed hash is stored as it is, or not at all: what is made of it is no pii_blind_index any more.
CREATE TABLE hashes (id int, ssn pii_text(ssn));
SELECT statement, (error_of(statement)).state, (error_of(statement)).message FROM unnest(ARRAY[
    'CREATE INDEX ON hashes (left(pii_blind_index(ssn)::text, 8))',
    'CREATE INDEX ON hashes (id, hashtext(pii_blind_index(ssn)::text))',
    'ALTER TABLE hashes ADD k text GENERATED ALWAYS AS (left(pii_blind_index(ssn)::text, 8)) STORED',
    'CREATE STATISTICS s ON (left(pii_blind_index(ssn)::text, 9)) FROM hashes',
    'CREATE INDEX ON hashes (pii_key_version(pii_blind_index(ssn)))',
    'CREATE INDEX ON hashes (id) WHERE pii_blind_index(ssn) IS NOT NULL']) AS statement;
DROP TABLE hashes;

-- Plaintext that was in a column before it became pii_text. Only a superuser can make such a cast, as here.
CREATE TABLE legacy (id int, v text);
INSERT INTO legacy VALUES (1, '123-45-6789'), (2, ''), (3, NULL), (4, 'pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny');
CREATE TYPE bridge;
CREATE FUNCTION bridge_in(cstring) RETURNS bridge LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION bridge_out(bridge) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE bridge (INPUT = bridge_in, OUTPUT = bridge_out, LIKE = text);
CREATE CAST (text AS bridge) WITHOUT FUNCTION;
CREATE CAST (bridge AS pii_text) WITHOUT FUNCTION;
CREATE TABLE mixed (id int, v pii_text);
INSERT INTO mixed SELECT id, v::bridge::pii_text FROM legacy;
INSERT INTO mixed VALUES (5, '2');

-- Text output shows nothing of it, for it cannot know the class; functions read it.
SELECT id, v, pii_is_sealed(v), pii_key_version(v), pii_class_of(v) FROM mixed ORDER BY id;
SELECT id, pii_reveal(v), pii_try_reveal(v), pii_mask(v) FROM mixed WHERE id <> 4 ORDER BY id;
SET pii.view = redacted; SELECT id, v FROM mixed ORDER BY id; RESET pii.view;
-- In the sealed view it is sealed on the way out.
SET pii.view = sealed; SELECT id, v::text ~ '^pii:v[12]:' AS sealed, v::text LIKE '%123-45%' AS plain FROM mixed ORDER BY id; RESET pii.view;
SELECT id, pii_sealed(v) ~ '^pii:v[12]:' FROM mixed ORDER BY id;
SELECT id, pii_is_sealed(pii_rewrap(v)), pii_reveal(pii_rewrap(v)) FROM mixed ORDER BY id;

-- The type modifier of the argument gives the class.
CREATE TABLE typed (id int, v pii_text(ssn));
INSERT INTO typed SELECT id, v::bridge::pii_text FROM legacy; -- the column's class seals it
SELECT id, pii_is_sealed(v), pii_class_of(v), v FROM typed ORDER BY id;
UPDATE pg_attribute SET atttypmod = 4 WHERE attrelid = 'mixed'::regclass AND attname = 'v';
SELECT id, pii_mask(v), pii_class_of(v), pii_class_of(pii_rewrap(v)) FROM mixed ORDER BY id;
-- Every write of it seals.
UPDATE mixed SET v = pii_rewrap(v) WHERE id = 1;
SELECT pii_is_sealed(v), pii_class_of(v), v FROM mixed WHERE id = 1;
DROP CAST (text AS bridge);
DROP TYPE bridge CASCADE;

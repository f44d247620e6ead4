-- How values get in: literals, sealed text, bad input beside good.

SELECT '123-45-6789'::pii_text(ssn);
SELECT pii_class_of('123-45-6789'::pii_text(ssn));
SELECT pii_class_of('123-45-6789'::pii_text);
SELECT pii_class_of('123-45-6789'::text::pii_text(ssn));
SELECT pii_class_of('123-45-6789'::varchar(20)::pii_text(ssn));
SELECT pii_class_of('123-45-6789'::char(20)::pii_text(ssn)), length(pii_reveal('123-45-6789'::char(20)::pii_text(ssn)));
SELECT pii_seal('123-45-6789', 'ssn');
SELECT pii_class_of(pii_seal('abc'));
SELECT pii_seal(NULL, 'ssn') IS NULL, pii_seal('x', NULL) IS NULL, NULL::pii_text(ssn) IS NULL;

-- Other types by their text, on assignment, as PostgreSQL does for text. Nowhere else: integers are not compared with text.
SET datestyle = 'ISO, MDY';
CREATE TABLE assigned (id int, v pii_text(dob), w pii_text);
INSERT INTO assigned VALUES (1, date '1980-01-02', 12), (2, timestamp '1980-01-02 03:04', true), (3, 'x'::name, 1.50), (4, time '03:04', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid);
PREPARE assigning (date, bigint) AS INSERT INTO assigned VALUES (5, $1, $2);
EXECUTE assigning ('1999-12-31', 42);
INSERT INTO assigned SELECT i, NULL, i FROM generate_series(6, 7) AS i;
UPDATE assigned SET v = id::numeric WHERE id = 7;
SELECT *, pii_class_of(v) FROM assigned ORDER BY id;
SELECT (error_of('SELECT FROM assigned WHERE w = 12')).*;
SELECT (error_of('INSERT INTO assigned (w) VALUES (ARRAY[1])')).*;
-- Not json: in its quotes a mask would pass for data.
SELECT (error_of($$INSERT INTO assigned (w) VALUES ('"***-**-6789"'::jsonb)$$)).*;
CREATE TABLE born (on_day date);
INSERT INTO born VALUES ('1980-01-02');
ALTER TABLE born ALTER on_day TYPE pii_text(dob);
SELECT on_day, pii_is_sealed(on_day) FROM born;
DEALLOCATE assigning;
RESET datestyle;
DROP TABLE assigned, born;

-- '' is a value; so is whatever else does not look like its class.
SELECT pii_reveal(''::pii_text(ssn)) = '', ''::pii_text(ssn) IS NULL;
SELECT pii_reveal(v::pii_text(dob)) = v FROM (VALUES (''), (' '), ('unknown'), ('1980-02-30'), ('Zoë Łukasz 李娜'), (E'a\nb\tc\\'), ('''"{}(),')) AS t(v);

-- 46 bytes over the plaintext, and never the same bytes twice.
SELECT n, octet_length(decode(translate(split_part(pii_sealed(pii_seal(repeat('x', n))), ':', 3), '-_', '+/') || repeat('=', (4 - (length(split_part(pii_sealed(pii_seal(repeat('x', n))), ':', 3)) % 4)) % 4), 'base64')) - n AS overhead
FROM (VALUES (0), (1), (2), (3), (31), (32), (1000)) AS t(n);
SELECT count(DISTINCT pii_sealed(pii_seal('same'))) FROM generate_series(1, 1000);

-- Sealed text is recognised, authenticated, and kept byte for byte. The vectors of FORMAT.md.
SELECT 'pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'::pii_text;
SELECT 'pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'::pii_text(ssn);
SELECT pii_sealed('pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'::pii_text(ssn));
SELECT pii_sealed(pii_seal('pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny', 'ssn'));
SELECT pii_reveal('pii:v1:AAEAAQABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXquIPhQs5a71IRB_BN24ZMeMyEeTi-zzNLTmvj4kmKZCpit0'::text::pii_text);
SELECT pii_reveal('pii:v1:AAEAAAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXuALqgFL99b27aYt2zhnHow') = '' AS empty_text;
SELECT 'pii:v1:ABEAAgABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX8OA8G6i0oUUSkjlrFz7pR-QWbSlQNTBidTkAYPN-9Ub9uhf9pgm9lRjLW8xWm-AO'::pii_text AS padded;
SELECT pii_class_of(pii_seal('pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'));
-- Into a column of another class it is sealed anew.
SELECT pii_class_of(v), pii_key_version(v), v FROM (SELECT 'pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'::pii_text(national_id) AS v) AS t;
-- What only begins like it is a value.
SELECT v::pii_text FROM (VALUES ('pii'), ('pii:'), ('pii:v'), ('pii:v:'), ('pii:v1'), ('pii:variant'), ('PII:v1:AAEA'), (' pii:v1:AAEA')) AS t(v);
-- What is neither is refused: nothing that could be a sealed value is ever sealed again.
SELECT v, (error_of(format('SELECT %L::pii_text', v))).*
FROM (VALUES
    ('pii:v1:'), ('pii:v1:AAEA'), ('pii:v0:AAEA'), ('pii:v01:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'),
    ('pii:v2:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'), -- header says 1
    ('pii:v99999999999:AAEA'),
    ('pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN/90nGOe3Ny'), -- standard alphabet
    ('pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny '),
    ('pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3N'), -- cut
    ('pii:v1:ZZEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'), -- mark
    ('pii:v1:AEEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'), -- format
    ('pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Nz'), -- tag
    ('pii:v1:AAEABQABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'), -- class
    ('pii:v1:ACEABQABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXS234Lhm7WJwoZBTlkCvJunptOL5R6Ud2Tn0W-38XZMw') -- context
) AS t(v);

-- A masked value is not data. A value of class text is one that did not reach its column yet.
SELECT v, class, (error_of(format('SELECT pii_seal(%L, %L)', v, class))).*
FROM (VALUES ('****', 'text'), ('***-**-6789', 'ssn'), ('[ssn]', 'ssn'), ('J*** D***', 'name'), ('j***@e***.com', 'email'),
    ('1980-**-**', 'dob'), ('203.0.113.*', 'ip'), ('****678', 'member_no'),
    ('[email]', 'ssn'), ('[member_no]', 'text'), ('***-**-6789', 'text'), ('five * hotel', 'name'), ('[x]', 'ssn'), ('[]', 'ssn')) AS t(v, class);
SELECT (error_of($$SELECT '***-**-6789'::pii_text::pii_text(ssn)$$)).*;

-- Classes.
SELECT (error_of(format('SELECT NULL::pii_text(%s)', class))).*
FROM (VALUES ('ssn'), ('member_no'), ('"order"'), ('nosuch'), ('"SSN"'), ('ssn, dob'), ('4'), ('999'), ('1000'), ('4711'), ('70000'), ('-1'), ('''ssn''')) AS t(class);
-- Arguments in the wrong order: the value is not repeated.
SELECT (error_of($$SELECT pii_seal('ssn', '123-45-6789')$$)).*;
SELECT format_type('pii_text'::regtype, id) FROM (VALUES (-1), (0), (4), (1000), (1001), (4711)) AS t(id);
SELECT (error_of($$SELECT pii_text('x'::pii_text, -1, false)$$)).*;
SELECT (error_of($$SELECT pii_text('x'::pii_text, 70000, false)$$)).*;
SELECT (error_of($$SELECT pii_text('x'::pii_text, 4711, false)$$)).*;

-- Limits, and what a caller can do wrong by hand.

-- Values, sealed values and sealed text have PostgreSQL's limit of 1 GB. (A value near it: test/t.)
SELECT e.* FROM error_of($$SELECT pii_seal(repeat('x', 1073741800))$$) AS e;

-- I/O functions called by hand obey the view like any other path.
SET pii.view = masked;
SELECT pii_text_out('123-45-6789'::pii_text(ssn)), convert_from(pii_text_send('123-45-6789'::pii_text(ssn)), 'UTF8'), textin(pii_text_out('123-45-6789'::pii_text(ssn)));
RESET pii.view;
SELECT pii_text_in('x', 0, -1), pii_class_of(pii_text_in('x', 0, 4));
SELECT (error_of($$SELECT pii_text_in('x', 0, -2)$$)).*;
SELECT (error_of($$SELECT pii_text_in('x', 0, 99999)$$)).*;
SELECT (error_of($$SELECT pii_text_typmod_out(-5)$$)).*;
SELECT (error_of($$SELECT pii_text_recv('x')$$)).state;

-- The extension cannot be moved, and goes away whole.
SELECT (error_of('ALTER EXTENSION pii SET SCHEMA public')).state;
SELECT (error_of('DROP EXTENSION pii')).state;

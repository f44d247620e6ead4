-- What the server holds, and domains. The keyring is test/regress/keyring.json.
SELECT domain, purpose, key_version, status, is_primary, created, check_value, loaded_at IS NOT NULL AS loaded, last_error FROM pii_keyring ORDER BY 1, 2, 3;
SELECT * FROM pii_classes ORDER BY class_id;
-- Never a byte of a key.
SELECT count(*) FROM pii_keyring k WHERE k::text ~ 'AQEBAQEBAQ|0101010101|AgICAgIC|EhISEhIS';

-- A new value is sealed under the primary version; older versions are read.
SELECT pii_key_version(pii_seal('x')), pii_key_version('pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'::pii_text);
-- A version that is disabled, destroyed, or not there.
SELECT v, (error_of(format('SELECT %L::pii_text', v))).* FROM (VALUES
    ('pii:v3:AAEABAADQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'),
    ('pii:v4:AAEABAAEQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'),
    ('pii:v5:AAEABAAFQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'),
    ('pii:v1:AAESZwABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny') -- class 4711
) AS t(v);

-- Domains: a value opens in its own alone.
CREATE TABLE in_default (v pii_text(ssn));
INSERT INTO in_default VALUES ('123-45-6789');
SET pii.domain = 'eu-west';
SELECT 'pii:v65535:AAED6P__QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXCBtDC0N-LoB8x0yhMsFbJQaywpFG9w'::pii_text(member_no);
SELECT pii_key_version(pii_seal('x'));
SELECT (error_of('SELECT pii_reveal(v) FROM in_default')).*;
SELECT pii_try_reveal(v) IS NULL AS unreadable FROM in_default;
SELECT (error_of($$SELECT 'pii:v1:AAEABAABQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX36P0GZJGf2orOlCkASr6sj1ByN_90nGOe3Ny'::pii_text$$)).*;
SET pii.domain = 'nowhere';
SELECT (error_of('SELECT pii_reveal(v) FROM in_default')).*;
SELECT (error_of($$SELECT 'x'::pii_text$$)).*;
SELECT (error_of('SELECT pii_try_reveal(v) FROM in_default')).*;
SELECT pii_key_version(v), pii_is_sealed(v), pii_class_of(v) FROM in_default;
ANALYZE in_default;
RESET pii.domain;
SELECT v FROM in_default;

-- Settings: who may change what.
CREATE ROLE pii_regress_user;
GRANT ALL ON in_default TO pii_regress_user;
GRANT USAGE ON SCHEMA pii_schema TO pii_regress_user;
SET ROLE pii_regress_user;
SELECT (error_of('SET pii.domain = ''eu-west''')).*;
SELECT (error_of('SET pii.core_dumps = on')).state;
SELECT (error_of('SHOW pii.keyring_file')).*;
SELECT (error_of('SHOW pii.keyring_command')).state;
SELECT (error_of('SELECT * FROM pii_keyring')).*;
SELECT count(*) FROM pii_classes;
SET pii.view = masked;
SELECT v FROM in_default;
RESET pii.view;
SELECT v FROM in_default;
RESET ROLE;
DROP TABLE in_default;
REVOKE USAGE ON SCHEMA pii_schema FROM pii_regress_user;
DROP ROLE pii_regress_user;
SELECT (error_of('SET pii.no_such_setting = 1')).state;

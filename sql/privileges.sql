-- Who sees what. The attacks on it are in test/t/018_attacks.pl.

CREATE ROLE regress_clerk;
CREATE ROLE regress_agent;
CREATE ROLE regress_desk;
GRANT regress_desk TO regress_agent;
GRANT USAGE ON SCHEMA pii_schema TO regress_clerk, regress_agent;
CREATE TABLE staff (id int PRIMARY KEY, name pii_text(name), ssn pii_text(ssn), note pii_text(text), token pii_text(secret), any_class pii_text);
INSERT INTO staff VALUES (1, 'Maria Gonzalez', '912-31-6725', 'calls at noon', 'hunter2', 'left-handed');
GRANT ALL ON staff TO regress_clerk, regress_agent;
SELECT * FROM pii_privileges;

-- The five views, for a role without grants, with REVEAL on one class, and a superuser.
CREATE FUNCTION views_of(who text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE shown text; chosen text;
BEGIN
    FOREACH chosen IN ARRAY ARRAY['auto', 'plain', 'masked', 'redacted', 'sealed'] LOOP
        EXECUTE format('SET ROLE %I', who);
        PERFORM set_config('pii.view', chosen, true);
        SELECT regexp_replace(p::text, 'pii:v(\d+):[A-Za-z0-9_-]+', 'pii:v\1:...', 'g') INTO shown FROM staff AS p;
        RESET ROLE;
        RETURN NEXT rpad(chosen, 9) || shown;
    END LOOP;
END $$;
SELECT views_of('regress_clerk');
SELECT pii_grant('regress_desk', 'ssn', 'REVEAL');
SELECT views_of('regress_agent');
SELECT views_of(current_user);
SELECT pii_revoke('public', 'name', 'mask');
SELECT views_of('regress_clerk');
SELECT * FROM pii_privileges;

-- Functions want their privilege, whatever the value.
SET ROLE regress_clerk;
SELECT use, (error_of(format('SELECT %s FROM staff', use))).*
FROM unnest(ARRAY['pii_reveal(ssn)', 'pii_try_reveal(ssn)', 'pii_mask(name)', 'ssn = ''912-31-6725''', 'ssn <> note', 'ssn IN (''1'', ''2'')',
    'pii_blind_index(ssn)', 'pii_blind_index(ssn, ''last4'')', 'pii_word_index(name)', 'pii_search_terms(''1'', ''ssn'')', 'pii_search_terms(ARRAY[''1''], ''ssn'')',
    'pii_word_terms(''maria'', ''name'')', 'pii_text_hash(ssn)', '(SELECT count(*) FROM (SELECT DISTINCT ssn FROM staff) AS t)',
    'ssn::pii_text(name)', 'pii_seal(pii_sealed(ssn), ''ssn'')', 'ssn = pii_sealed(ssn)', 'pii_seal_canary(''x'', ''ssn'')', 'pii_grant(''regress_clerk'', ''ssn'', ''REVEAL'')']) AS use;
SELECT pii_mask(ssn), left(pii_sealed(ssn), 7) AS sealed, pii_class_of(ssn), pii_key_version(ssn), pii_is_sealed(ssn) FROM staff;
-- Sealed values may be copied and moved, as they are.
CREATE TEMP TABLE mine (v pii_text, w pii_text(ssn));
INSERT INTO mine SELECT ssn, ssn FROM staff;
SELECT * FROM mine;
SELECT count(*) FROM mine, staff WHERE pii_sealed(v) = pii_sealed(ssn);
RESET ROLE;

-- A literal is class text before it has a column: who may reveal or search any class may do that with class text.
SELECT pii_grant('regress_clerk', 'ssn', 'SEARCH');
SET ROLE regress_clerk;
SELECT id, ssn FROM staff WHERE ssn = '912 31 6725';
SELECT id FROM staff WHERE note = 'calls at noon';
SELECT (error_of('SELECT id FROM staff WHERE name = ''Maria Gonzalez''')).*;
RESET ROLE;
SET ROLE regress_agent;
SELECT pii_reveal(note), pii_reveal(any_class), ssn::pii_text(name) FROM staff;
SELECT (error_of('SELECT pii_reveal(token) FROM staff')).*;
RESET ROLE;

-- Grants: names, classes, privileges, everything at once, and what is left after a revocation.
SELECT pii_grant('regress_clerk'::regrole, '*', 'ALL');
SELECT pii_grant('PUBLIC', 'ssn', 'search');
SELECT * FROM pii_privileges;
SELECT pii_revoke('regress_clerk', 'ssn', 'REVEAL');
SELECT pii_revoke('regress_clerk', 'ssn', 'SEARCH');
SELECT pii_revoke('regress_agent', 'ssn', 'REVEAL');
SELECT pii_revoke('regress_clerk', '*', 'ALL');
SELECT pii_revoke('public', '*', 'ALL');
SELECT * FROM pii_privileges;
SELECT pii_grant('public', '*', 'MASK');
SELECT * FROM pii_privileges;
SELECT call, (error_of('SELECT ' || call)).* FROM unnest(ARRAY['pii_grant(''nobody'', ''ssn'', ''REVEAL'')', 'pii_grant(4711::regrole, ''ssn'', ''REVEAL'')',
    'pii_grant(''regress_clerk'', ''shoe_size'', ''REVEAL'')', 'pii_grant(''regress_clerk'', ''ssn'', ''SELECT'')']) AS call;
SELECT pii_grant(NULL, 'ssn', 'REVEAL') IS NULL AS nothing;

-- A purpose may be required for plaintext.
SET pii.require_purpose = on;
SELECT views_of(current_user);
SELECT (error_of('SELECT pii_reveal(ssn) FROM staff')).*;
SET pii.purpose = 'ticket 4711';
SELECT pii_reveal(ssn) FROM staff;
SELECT (error_of(format('SET pii.purpose = %L', repeat('x', 201)))).*;
RESET pii.require_purpose;
RESET pii.purpose;

-- What moves data sees sealed text: COPY TO unless the view is set, dumps and the applications of a list.
CREATE FUNCTION sealed_only(shown text) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(shown, 'pii:v(\d+):[A-Za-z0-9_-]+', 'pii:v\1:...', 'g') $$;
SET application_name = 'pg_dump';
SELECT sealed_only(ssn::text) FROM staff;
SET pii.sealed_applications = 'some_tool, "other tool"';
SELECT sealed_only(ssn::text) FROM staff;
SET application_name = 'other tool';
SELECT sealed_only(ssn::text) FROM staff;
RESET pii.sealed_applications;
SELECT sealed_only(ssn::text) FROM staff;
RESET application_name;
SET pii.view = masked;
COPY (SELECT ssn, ssn::text FROM staff) TO STDOUT;
SET pii.view = plain;
COPY (SELECT ssn, ssn::text FROM staff) TO STDOUT;
RESET pii.view;
SHOW pii.view;

-- Settings that a user could raise his view with are not his.
SET ROLE regress_clerk;
SELECT setting, (error_of(format('SET %s = %L', setting, value))).state
FROM (VALUES ('pii.sealed_applications', ''), ('pii.domain', 'eu-west'), ('pii.audit', 'off'), ('pii.require_purpose', 'off'),
    ('pii.log_scrubbing', 'off'), ('pii.accept_unverified', 'on'), ('pii.view', 'plain'), ('pii.purpose', 'x')) AS t(setting, value);
SELECT (error_of('DELETE FROM pii_privilege')).*, (error_of('SELECT * FROM pii_stat_access')).state AS counters, (error_of('SELECT pii_stat_access_reset()')).state AS reset;
RESET ROLE;

-- Counters.
SELECT pii_stat_access_reset();
SELECT ssn FROM staff;
SELECT count(*) FROM staff WHERE ssn = '1';
SET ROLE regress_clerk;
SELECT ssn FROM staff;
SELECT (error_of('SELECT pii_reveal(ssn) FROM staff')).state;
RESET ROLE;
SELECT role = session_user AS own, CASE WHEN role <> session_user THEN role END AS role, class, sealed, revealed, masked, searched, denied, failed
FROM pii_stat_access WHERE database = current_database() AND class = 'ssn' ORDER BY 1, 2;

-- A blind index is not read without SEARCH, nor written; other columns of the same index are.
CREATE TABLE tenants (tenant int, ssn pii_text(ssn));
INSERT INTO tenants VALUES (1, '912-31-6725'), (2, '912-31-6726');
CREATE INDEX ON tenants (tenant, pii_blind_index(ssn));
GRANT ALL ON tenants TO regress_clerk;
SET enable_seqscan = off;
SET ROLE regress_clerk;
SELECT tenant, ssn FROM tenants WHERE tenant = 1;
SELECT statement, (error_of(statement)).state FROM unnest(ARRAY['SELECT FROM tenants WHERE pii_blind_index(ssn) > ''00010000000000000000000000000000''',
    'EXPLAIN SELECT FROM tenants WHERE pii_blind_index(ssn) = ''00010000000000000000000000000000''', 'INSERT INTO tenants VALUES (3, ''1'')',
    'UPDATE tenants SET tenant = 4 WHERE tenant = 1', 'EXPLAIN UPDATE tenants SET tenant = 4 WHERE tenant = 1', 'DELETE FROM tenants WHERE tenant = 2']) AS statement;
-- What an index asks for is remembered; who has it is asked each time.
RESET ROLE;
SELECT pii_grant('regress_clerk', 'ssn', 'SEARCH');
SET ROLE regress_clerk;
INSERT INTO tenants VALUES (5, '5');
RESET ROLE;
SELECT pii_revoke('regress_clerk', 'ssn', 'SEARCH');
SET ROLE regress_clerk;
SELECT (error_of('INSERT INTO tenants VALUES (6, ''6'')')).state;

-- So is what a function is, until it becomes another one.
RESET ROLE;
CREATE FUNCTION index_of(pii_text) RETURNS pii_blind_index LANGUAGE c IMMUTABLE STRICT AS '$libdir/pii', 'pii_blind_index';
CREATE TABLE hashed (ssn pii_text(ssn));
CREATE INDEX ON hashed (index_of(ssn));
GRANT SELECT ON hashed TO regress_clerk;
CREATE OR REPLACE FUNCTION index_of(pii_text) RETURNS pii_blind_index LANGUAGE c IMMUTABLE STRICT AS '$libdir/pii', 'pii_key_version';
SET ROLE regress_clerk;
SELECT FROM hashed WHERE index_of(ssn) > '00010000000000000000000000000000';
RESET ROLE;
CREATE OR REPLACE FUNCTION index_of(pii_text) RETURNS pii_blind_index LANGUAGE c IMMUTABLE STRICT AS '$libdir/pii', 'pii_blind_index';
SET ROLE regress_clerk;
SELECT (error_of('SELECT FROM hashed WHERE index_of(ssn) > ''00010000000000000000000000000000''')).state;
RESET ROLE;
DROP TABLE hashed;
DROP FUNCTION index_of;
RESET enable_seqscan;

-- Verification.
CALL pii_verify_column('staff', 'ssn');
SELECT call, (error_of('CALL ' || call)).* FROM unnest(ARRAY['pii_verify_column(''staff'', ''id'')', 'pii_verify_column(''staff'', ''none'')', 'pii_verify_column(NULL, ''ssn'')']) AS call;

DROP FUNCTION views_of, sealed_only;
DROP TABLE mine, staff, tenants;
DROP OWNED BY regress_clerk, regress_agent, regress_desk;
DROP ROLE regress_clerk, regress_agent, regress_desk;
SELECT * FROM pii_privileges;

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pii" to load this file. \quit

-- Volatility, all through this file: what seals draws a random nonce, so it is VOLATILE. What reveals depends on the
-- keyring and on pii.view, so it is STABLE. Only what reads the header alone is IMMUTABLE.

-- type: pii_text

CREATE TYPE @extschema@.pii_text;
COMMENT ON TYPE @extschema@.pii_text IS
    'text of personal data, stored encrypted; the type modifier is its class: pii_text(ssn)';

CREATE FUNCTION @extschema@.pii_text_in(cstring, oid, integer) RETURNS @extschema@.pii_text
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_text_in(cstring, oid, integer) IS 'input: seals text, recognises sealed text';

CREATE FUNCTION @extschema@.pii_text_out(@extschema@.pii_text) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_text_out(@extschema@.pii_text) IS 'output: the form that pii.view says';

CREATE FUNCTION @extschema@.pii_text_recv(internal, oid, integer) RETURNS @extschema@.pii_text
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_text_recv(internal, oid, integer) IS 'binary input: the same as text input';

CREATE FUNCTION @extschema@.pii_text_send(@extschema@.pii_text) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_text_send(@extschema@.pii_text) IS 'binary output: the same as text output';

CREATE FUNCTION @extschema@.pii_text_typmod_in(cstring[]) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_text_typmod_in(cstring[]) IS 'type modifier input: the name of a class';

CREATE FUNCTION @extschema@.pii_text_typmod_out(integer) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_text_typmod_out(integer) IS 'type modifier output: the name of a class';

CREATE FUNCTION @extschema@.pii_text_typanalyze(internal) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.pii_text_typanalyze(internal) IS
    'ANALYZE: fraction of NULLs and width; no values, no histogram, no keys needed';

CREATE TYPE @extschema@.pii_text (
    INPUT = @extschema@.pii_text_in,
    OUTPUT = @extschema@.pii_text_out,
    RECEIVE = @extschema@.pii_text_recv,
    SEND = @extschema@.pii_text_send,
    TYPMOD_IN = @extschema@.pii_text_typmod_in,
    TYPMOD_OUT = @extschema@.pii_text_typmod_out,
    ANALYZE = @extschema@.pii_text_typanalyze,
    INTERNALLENGTH = VARIABLE,
    STORAGE = external -- ciphertext does not compress
);

-- functions

CREATE FUNCTION @extschema@.pii_seal(value text, class text DEFAULT 'text') RETURNS @extschema@.pii_text
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_seal(text, text) IS
    'encrypts a value under the primary key of its class; sealed text is authenticated and kept, or sealed for another class';

CREATE FUNCTION @extschema@.pii_reveal(value @extschema@.pii_text) RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_reveal(@extschema@.pii_text) IS 'plaintext of a value, whatever pii.view says';

CREATE FUNCTION @extschema@.pii_try_reveal(value @extschema@.pii_text) RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_try_reveal(@extschema@.pii_text) IS
    'plaintext of a value, NULL when this one is damaged or its key is missing';

CREATE FUNCTION @extschema@.pii_mask(value @extschema@.pii_text) RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_mask(@extschema@.pii_text) IS 'partly hidden form of a value: ***-**-6789';

CREATE FUNCTION @extschema@.pii_sealed(value @extschema@.pii_text) RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_sealed(@extschema@.pii_text) IS 'sealed text of a value: pii:v1:...';

CREATE FUNCTION @extschema@.pii_rewrap(value @extschema@.pii_text) RETURNS @extschema@.pii_text
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_rewrap(@extschema@.pii_text) IS
    'the same value, sealed again under the primary key version';

CREATE FUNCTION @extschema@.pii_class_of(value @extschema@.pii_text) RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_class_of(@extschema@.pii_text) IS 'class that a value is sealed as';

CREATE FUNCTION @extschema@.pii_key_version(value @extschema@.pii_text) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_key_version(@extschema@.pii_text) IS
    'key version that a value is sealed under, NULL for plaintext not sealed yet';

CREATE FUNCTION @extschema@.pii_is_sealed(value @extschema@.pii_text) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_is_sealed(@extschema@.pii_text) IS
    'false for plaintext that was in the column before it became pii_text';

-- casts

CREATE FUNCTION @extschema@.pii_text(@extschema@.pii_text, integer, boolean) RETURNS @extschema@.pii_text
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_text(@extschema@.pii_text, integer, boolean) IS
    'gives a value the class of its column';

CREATE FUNCTION @extschema@.pii_text(text, integer, boolean) RETURNS @extschema@.pii_text
    AS 'MODULE_PATHNAME', 'pii_text_from_text' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_text(text, integer, boolean) IS 'seals text';

CREATE FUNCTION @extschema@.pii_text(character, integer, boolean) RETURNS @extschema@.pii_text
    AS 'MODULE_PATHNAME', 'pii_text_from_bpchar' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_text(character, integer, boolean) IS 'seals text without its trailing blanks';

CREATE CAST (@extschema@.pii_text AS @extschema@.pii_text)
    WITH FUNCTION @extschema@.pii_text(@extschema@.pii_text, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (@extschema@.pii_text AS @extschema@.pii_text) IS 'gives a value the class of its column';

CREATE CAST (text AS @extschema@.pii_text)
    WITH FUNCTION @extschema@.pii_text(text, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (text AS @extschema@.pii_text) IS 'seals text';

CREATE CAST (character varying AS @extschema@.pii_text)
    WITH FUNCTION @extschema@.pii_text(text, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (character varying AS @extschema@.pii_text) IS 'seals text';

CREATE CAST (character AS @extschema@.pii_text)
    WITH FUNCTION @extschema@.pii_text(character, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (character AS @extschema@.pii_text) IS 'seals text without its trailing blanks';

-- PostgreSQL casts any type to a string type on assignment, by its text output, unless a cast is declared. Declared as
-- explicit, so that no INSERT ... SELECT copies a value into a text column unnoticed.

CREATE CAST (@extschema@.pii_text AS text) WITH INOUT;
COMMENT ON CAST (@extschema@.pii_text AS text) IS 'the form that pii.view says';

CREATE CAST (@extschema@.pii_text AS character varying) WITH INOUT;
COMMENT ON CAST (@extschema@.pii_text AS character varying) IS 'the form that pii.view says';

CREATE CAST (@extschema@.pii_text AS character) WITH INOUT;
COMMENT ON CAST (@extschema@.pii_text AS character) IS 'the form that pii.view says';

CREATE CAST (@extschema@.pii_text AS name) WITH INOUT;
COMMENT ON CAST (@extschema@.pii_text AS name) IS 'the form that pii.view says';

-- views

CREATE FUNCTION @extschema@.pii_keyring_rows(
    OUT domain text, OUT purpose text, OUT key_version integer, OUT status text, OUT is_primary boolean,
    OUT created timestamp with time zone, OUT check_value text, OUT loaded_at timestamp with time zone,
    OUT last_error text) RETURNS SETOF record
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_keyring_rows() IS 'rows of the view pii_keyring';

CREATE VIEW @extschema@.pii_keyring AS SELECT * FROM @extschema@.pii_keyring_rows();
COMMENT ON VIEW @extschema@.pii_keyring IS
    'keys that the server holds, without their material; one row with last_error when it holds none';
COMMENT ON COLUMN @extschema@.pii_keyring.domain IS 'named set of keys; a database uses the one in pii.domain';
COMMENT ON COLUMN @extschema@.pii_keyring.purpose IS 'seal or blind_index';
COMMENT ON COLUMN @extschema@.pii_keyring.key_version IS 'version, as in sealed text: pii:v1:...';
COMMENT ON COLUMN @extschema@.pii_keyring.status IS 'enabled, disabled or destroyed';
COMMENT ON COLUMN @extschema@.pii_keyring.is_primary IS 'new values are sealed under this version';
COMMENT ON COLUMN @extschema@.pii_keyring.created IS 'when the key was made';
COMMENT ON COLUMN @extschema@.pii_keyring.check_value IS
    'tells keys apart, and shows that two servers hold the same one; says nothing of the key';
COMMENT ON COLUMN @extschema@.pii_keyring.loaded_at IS 'when the server read the keyring';
COMMENT ON COLUMN @extschema@.pii_keyring.last_error IS 'why the last reading failed, NULL if it did not';

CREATE FUNCTION @extschema@.pii_class_rows(
    OUT class_id integer, OUT name text, OUT normalizer text, OUT mask_example text, OUT keep_first integer,
    OUT keep_last integer, OUT searchable boolean, OUT builtin boolean) RETURNS SETOF record
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_class_rows() IS 'rows of the view pii_classes';

CREATE VIEW @extschema@.pii_classes AS SELECT * FROM @extschema@.pii_class_rows();
COMMENT ON VIEW @extschema@.pii_classes IS 'classes of personal data: the built-in ones and those the keyring declares';
COMMENT ON COLUMN @extschema@.pii_classes.class_id IS 'number in the sealed value and type modifier of the column';
COMMENT ON COLUMN @extschema@.pii_classes.name IS 'as in pii_text(name)';
COMMENT ON COLUMN @extschema@.pii_classes.normalizer IS 'rule that decides which values are equal in search';
COMMENT ON COLUMN @extschema@.pii_classes.mask_example IS 'what a mask leaves of a value; NULL for custom classes';
COMMENT ON COLUMN @extschema@.pii_classes.keep_first IS 'characters that the mask of a custom class shows in front';
COMMENT ON COLUMN @extschema@.pii_classes.keep_last IS 'characters that the mask of a custom class shows at the end';
COMMENT ON COLUMN @extschema@.pii_classes.searchable IS 'false: values of the class are never indexed';
COMMENT ON COLUMN @extschema@.pii_classes.builtin IS 'false: declared in the keyring';

-- privileges

-- last_error can name what is wrong with the server's files.
REVOKE ALL ON FUNCTION @extschema@.pii_keyring_rows() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.pii_keyring_rows() TO pg_monitor;
GRANT SELECT ON @extschema@.pii_keyring TO pg_monitor;
GRANT SELECT ON @extschema@.pii_classes TO PUBLIC;

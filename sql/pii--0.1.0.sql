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

CREATE FUNCTION @extschema@.pii_seal_canary(value text, class text) RETURNS @extschema@.pii_text
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_seal_canary(text, text) IS
    'encrypts a honey value: it reads like any other, and whoever reveals it is written to the server log';

CREATE FUNCTION @extschema@.pii_reveal_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
COMMENT ON FUNCTION @extschema@.pii_reveal_support(internal) IS
    'planner support: pii_release() takes plaintext as it is stored';

CREATE FUNCTION @extschema@.pii_reveal(value @extschema@.pii_text) RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE SUPPORT @extschema@.pii_reveal_support;
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

CREATE FUNCTION @extschema@.pii_text_cast_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
COMMENT ON FUNCTION @extschema@.pii_text_cast_support(internal) IS
    'planner support: ALTER COLUMN ... TYPE pii_text USING column::pii_unsealed::pii_text rewrites nothing';

CREATE FUNCTION @extschema@.pii_text(@extschema@.pii_text, integer, boolean) RETURNS @extschema@.pii_text
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL SAFE SUPPORT @extschema@.pii_text_cast_support;
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

-- What PostgreSQL does for string types by itself: a value of another type is assigned by its text. These are what drivers send for
-- numbers, dates and so on; a column that was text took them.

CREATE CAST (name AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (name AS @extschema@.pii_text) IS 'seals the text of the value';
CREATE CAST (boolean AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (boolean AS @extschema@.pii_text) IS 'seals the text of the value';
CREATE CAST (smallint AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (smallint AS @extschema@.pii_text) IS 'seals the text of the value';
CREATE CAST (integer AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (integer AS @extschema@.pii_text) IS 'seals the text of the value';
CREATE CAST (bigint AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (bigint AS @extschema@.pii_text) IS 'seals the text of the value';
CREATE CAST (numeric AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (numeric AS @extschema@.pii_text) IS 'seals the text of the value';
CREATE CAST (real AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (real AS @extschema@.pii_text) IS 'seals the text of the value';
CREATE CAST (double precision AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (double precision AS @extschema@.pii_text) IS 'seals the text of the value';
CREATE CAST (date AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (date AS @extschema@.pii_text) IS 'seals the text of the value';
CREATE CAST (time AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (time AS @extschema@.pii_text) IS 'seals the text of the value';
CREATE CAST (timestamp AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (timestamp AS @extschema@.pii_text) IS 'seals the text of the value';
CREATE CAST (timestamp with time zone AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (timestamp with time zone AS @extschema@.pii_text) IS 'seals the text of the value';
CREATE CAST (uuid AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (uuid AS @extschema@.pii_text) IS 'seals the text of the value';
CREATE CAST (inet AS @extschema@.pii_text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (inet AS @extschema@.pii_text) IS 'seals the text of the value';

-- The other way PostgreSQL also casts to a string type on assignment, unless a cast is declared. Declared as
-- explicit, so that no INSERT ... SELECT copies a value into a text column unnoticed.

CREATE CAST (@extschema@.pii_text AS text) WITH INOUT;
COMMENT ON CAST (@extschema@.pii_text AS text) IS 'the form that pii.view says';

CREATE CAST (@extschema@.pii_text AS character varying) WITH INOUT;
COMMENT ON CAST (@extschema@.pii_text AS character varying) IS 'the form that pii.view says';

CREATE CAST (@extschema@.pii_text AS character) WITH INOUT;
COMMENT ON CAST (@extschema@.pii_text AS character) IS 'the form that pii.view says';

CREATE CAST (@extschema@.pii_text AS name) WITH INOUT;
COMMENT ON CAST (@extschema@.pii_text AS name) IS 'the form that pii.view says';

-- type: pii_unsealed

-- The bridge over which a column of plaintext becomes pii_text without being rewritten. There are no values of it: what comes
-- over the bridge in any other statement than ALTER TABLE is sealed.

CREATE TYPE @extschema@.pii_unsealed;
COMMENT ON TYPE @extschema@.pii_unsealed IS
    'bridge for adoption: ALTER COLUMN ... TYPE pii_text(ssn) USING column::pii_unsealed::pii_text';

CREATE FUNCTION @extschema@.pii_unsealed_in(cstring) RETURNS @extschema@.pii_unsealed
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_unsealed_in(cstring) IS 'input: refused';

CREATE FUNCTION @extschema@.pii_unsealed_out(@extschema@.pii_unsealed) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_unsealed_out(@extschema@.pii_unsealed) IS 'output: refused';

CREATE TYPE @extschema@.pii_unsealed (
    INPUT = @extschema@.pii_unsealed_in,
    OUTPUT = @extschema@.pii_unsealed_out,
    LIKE = text
);

CREATE FUNCTION @extschema@.pii_text(@extschema@.pii_unsealed, integer, boolean) RETURNS @extschema@.pii_text
    AS 'MODULE_PATHNAME', 'pii_text_from_text' LANGUAGE C VOLATILE STRICT PARALLEL SAFE SUPPORT @extschema@.pii_text_cast_support;
COMMENT ON FUNCTION @extschema@.pii_text(@extschema@.pii_unsealed, integer, boolean) IS
    'seals text, but for ALTER COLUMN ... TYPE, which leaves it as it is';

CREATE CAST (text AS @extschema@.pii_unsealed) WITHOUT FUNCTION;
COMMENT ON CAST (text AS @extschema@.pii_unsealed) IS 'the same bytes';

CREATE CAST (character varying AS @extschema@.pii_unsealed) WITHOUT FUNCTION;
COMMENT ON CAST (character varying AS @extschema@.pii_unsealed) IS 'the same bytes';

CREATE CAST (character AS @extschema@.pii_unsealed) WITHOUT FUNCTION;
COMMENT ON CAST (character AS @extschema@.pii_unsealed) IS 'the same bytes, with trailing blanks';

CREATE CAST (@extschema@.pii_unsealed AS @extschema@.pii_text)
    WITH FUNCTION @extschema@.pii_text(@extschema@.pii_unsealed, integer, boolean);
COMMENT ON CAST (@extschema@.pii_unsealed AS @extschema@.pii_text) IS 'seals, but for ALTER COLUMN ... TYPE';

-- type: pii_blind_index

CREATE TYPE @extschema@.pii_blind_index;
COMMENT ON TYPE @extschema@.pii_blind_index IS
    'keyed hash of a value, for exact search without decrypting; the first two bytes are the version of the key';

CREATE FUNCTION @extschema@.pii_blind_index_in(cstring) RETURNS @extschema@.pii_blind_index
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_blind_index_in(cstring) IS
    'input: 32 hexadecimal digits';

CREATE FUNCTION @extschema@.pii_blind_index_out(@extschema@.pii_blind_index) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_blind_index_out(@extschema@.pii_blind_index) IS
    'output: 32 hexadecimal digits';

CREATE FUNCTION @extschema@.pii_blind_index_recv(internal) RETURNS @extschema@.pii_blind_index
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_blind_index_recv(internal) IS
    'binary input: 16 bytes';

CREATE FUNCTION @extschema@.pii_blind_index_send(@extschema@.pii_blind_index) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_blind_index_send(@extschema@.pii_blind_index) IS
    'binary output: 16 bytes';

CREATE FUNCTION @extschema@.pii_blind_index_typanalyze(internal) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.pii_blind_index_typanalyze(internal) IS
    'ANALYZE: fraction of NULLs and number of distinct values; no values, no histogram, no keys needed';

CREATE TYPE @extschema@.pii_blind_index (
    INPUT = @extschema@.pii_blind_index_in,
    OUTPUT = @extschema@.pii_blind_index_out,
    RECEIVE = @extschema@.pii_blind_index_recv,
    SEND = @extschema@.pii_blind_index_send,
    ANALYZE = @extschema@.pii_blind_index_typanalyze,
    INTERNALLENGTH = 16,
    ALIGNMENT = char
);

CREATE FUNCTION @extschema@.pii_blind_index_eq(@extschema@.pii_blind_index, @extschema@.pii_blind_index) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.pii_blind_index_eq(@extschema@.pii_blind_index, @extschema@.pii_blind_index) IS
    'equal, by bytes';

CREATE FUNCTION @extschema@.pii_blind_index_ne(@extschema@.pii_blind_index, @extschema@.pii_blind_index) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.pii_blind_index_ne(@extschema@.pii_blind_index, @extschema@.pii_blind_index) IS
    'not equal, by bytes';

CREATE FUNCTION @extschema@.pii_blind_index_lt(@extschema@.pii_blind_index, @extschema@.pii_blind_index) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.pii_blind_index_lt(@extschema@.pii_blind_index, @extschema@.pii_blind_index) IS
    'less than, by bytes';

CREATE FUNCTION @extschema@.pii_blind_index_le(@extschema@.pii_blind_index, @extschema@.pii_blind_index) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.pii_blind_index_le(@extschema@.pii_blind_index, @extschema@.pii_blind_index) IS
    'less than or equal, by bytes';

CREATE FUNCTION @extschema@.pii_blind_index_gt(@extschema@.pii_blind_index, @extschema@.pii_blind_index) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.pii_blind_index_gt(@extschema@.pii_blind_index, @extschema@.pii_blind_index) IS
    'greater than, by bytes';

CREATE FUNCTION @extschema@.pii_blind_index_ge(@extschema@.pii_blind_index, @extschema@.pii_blind_index) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.pii_blind_index_ge(@extschema@.pii_blind_index, @extschema@.pii_blind_index) IS
    'greater than or equal, by bytes';

CREATE FUNCTION @extschema@.pii_blind_index_cmp(@extschema@.pii_blind_index, @extschema@.pii_blind_index) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.pii_blind_index_cmp(@extschema@.pii_blind_index, @extschema@.pii_blind_index) IS
    'order by bytes';

CREATE FUNCTION @extschema@.pii_blind_index_hash(@extschema@.pii_blind_index) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.pii_blind_index_hash(@extschema@.pii_blind_index) IS
    'hash of the bytes';

CREATE FUNCTION @extschema@.pii_blind_index_hash_extended(@extschema@.pii_blind_index, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION @extschema@.pii_blind_index_hash_extended(@extschema@.pii_blind_index, bigint) IS
    'hash of the bytes with a seed';

CREATE FUNCTION @extschema@.pii_blind_index_eqsel(internal, oid, internal, integer) RETURNS double precision
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_blind_index_eqsel(internal, oid, internal, integer) IS
    'selectivity of = and of = ANY (terms)';

CREATE OPERATOR @extschema@.= (
    LEFTARG = @extschema@.pii_blind_index, RIGHTARG = @extschema@.pii_blind_index, FUNCTION = @extschema@.pii_blind_index_eq,
    COMMUTATOR = OPERATOR(@extschema@.=), NEGATOR = OPERATOR(@extschema@.<>), HASHES, MERGES, RESTRICT = @extschema@.pii_blind_index_eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR @extschema@.= (@extschema@.pii_blind_index, @extschema@.pii_blind_index) IS 'equal';

CREATE OPERATOR @extschema@.<> (
    LEFTARG = @extschema@.pii_blind_index, RIGHTARG = @extschema@.pii_blind_index, FUNCTION = @extschema@.pii_blind_index_ne,
    COMMUTATOR = OPERATOR(@extschema@.<>), NEGATOR = OPERATOR(@extschema@.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR @extschema@.<> (@extschema@.pii_blind_index, @extschema@.pii_blind_index) IS 'not equal';

CREATE OPERATOR @extschema@.< (
    LEFTARG = @extschema@.pii_blind_index, RIGHTARG = @extschema@.pii_blind_index, FUNCTION = @extschema@.pii_blind_index_lt,
    COMMUTATOR = OPERATOR(@extschema@.>), NEGATOR = OPERATOR(@extschema@.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR @extschema@.< (@extschema@.pii_blind_index, @extschema@.pii_blind_index) IS 'less than, by bytes';

CREATE OPERATOR @extschema@.<= (
    LEFTARG = @extschema@.pii_blind_index, RIGHTARG = @extschema@.pii_blind_index, FUNCTION = @extschema@.pii_blind_index_le,
    COMMUTATOR = OPERATOR(@extschema@.>=), NEGATOR = OPERATOR(@extschema@.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR @extschema@.<= (@extschema@.pii_blind_index, @extschema@.pii_blind_index) IS 'less than or equal, by bytes';

CREATE OPERATOR @extschema@.> (
    LEFTARG = @extschema@.pii_blind_index, RIGHTARG = @extschema@.pii_blind_index, FUNCTION = @extschema@.pii_blind_index_gt,
    COMMUTATOR = OPERATOR(@extschema@.<), NEGATOR = OPERATOR(@extschema@.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR @extschema@.> (@extschema@.pii_blind_index, @extschema@.pii_blind_index) IS 'greater than, by bytes';

CREATE OPERATOR @extschema@.>= (
    LEFTARG = @extschema@.pii_blind_index, RIGHTARG = @extschema@.pii_blind_index, FUNCTION = @extschema@.pii_blind_index_ge,
    COMMUTATOR = OPERATOR(@extschema@.<=), NEGATOR = OPERATOR(@extschema@.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR @extschema@.>= (@extschema@.pii_blind_index, @extschema@.pii_blind_index) IS 'greater than or equal, by bytes';

CREATE OPERATOR CLASS @extschema@.pii_blind_index_ops DEFAULT FOR TYPE @extschema@.pii_blind_index USING btree AS
    OPERATOR 1 @extschema@.<, OPERATOR 2 @extschema@.<=, OPERATOR 3 @extschema@.=, OPERATOR 4 @extschema@.>=, OPERATOR 5 @extschema@.>,
    FUNCTION 1 @extschema@.pii_blind_index_cmp(@extschema@.pii_blind_index, @extschema@.pii_blind_index),
    FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS @extschema@.pii_blind_index_ops USING btree IS 'blind index values, by bytes';
COMMENT ON OPERATOR FAMILY @extschema@.pii_blind_index_ops USING btree IS 'blind index values, by bytes';

CREATE OPERATOR CLASS @extschema@.pii_blind_index_ops DEFAULT FOR TYPE @extschema@.pii_blind_index USING hash AS
    OPERATOR 1 @extschema@.=,
    FUNCTION 1 @extschema@.pii_blind_index_hash(@extschema@.pii_blind_index),
    FUNCTION 2 @extschema@.pii_blind_index_hash_extended(@extschema@.pii_blind_index, bigint);
COMMENT ON OPERATOR CLASS @extschema@.pii_blind_index_ops USING hash IS 'blind index values, by bytes';
COMMENT ON OPERATOR FAMILY @extschema@.pii_blind_index_ops USING hash IS 'blind index values, by bytes';

-- search

-- pii_blind_index() is IMMUTABLE for the sake of indexes and generated columns: one value under one keyring gives one
-- result. A session drops its plans when its keys change. LEAKPROOF: no result and no error tells of a value, but for
-- equality; without it row level security would keep the planner from the indexes. COST is in units of a comparison of
-- two integers.

CREATE FUNCTION @extschema@.pii_blind_index(value @extschema@.pii_text) RETURNS @extschema@.pii_blind_index
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_blind_index(@extschema@.pii_text) IS
    'keyed hash of a value, equal for equal values; what an index for = is made of';

CREATE FUNCTION @extschema@.pii_blind_index(value @extschema@.pii_text, transform text) RETURNS @extschema@.pii_blind_index
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_blind_index(@extschema@.pii_text, text) IS
    'keyed hash of a part of a value: last4, domain, local, year, first3, initials; NULL when there is no such part';

CREATE FUNCTION @extschema@.pii_blind_index(value @extschema@.pii_text, transform text, key_version integer) RETURNS @extschema@.pii_blind_index
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_blind_index(@extschema@.pii_text, text, integer) IS
    'keyed hash under one key version, whichever is primary: a unique index of it guards another one while keys rotate; transform exact is the whole value';

CREATE FUNCTION @extschema@.pii_search_terms(value text, class text) RETURNS @extschema@.pii_blind_index[]
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_search_terms(text, text) IS
    'what pii_blind_index(column) of equal values may be: one for each enabled index key version';

CREATE FUNCTION @extschema@.pii_search_terms(value text, class text, transform text) RETURNS @extschema@.pii_blind_index[]
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_search_terms(text, text, text) IS
    'what pii_blind_index(column, transform) may be for a value, or for the part alone';

CREATE FUNCTION @extschema@.pii_search_terms(value @extschema@.pii_text, class text) RETURNS @extschema@.pii_blind_index[]
    AS 'MODULE_PATHNAME', 'pii_search_terms_of_value' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_search_terms(@extschema@.pii_text, text) IS
    'search terms of a sealed value';

CREATE FUNCTION @extschema@.pii_search_terms(elements @extschema@.pii_text[], class text) RETURNS @extschema@.pii_blind_index[]
    AS 'MODULE_PATHNAME', 'pii_search_terms_of_array' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 300;
COMMENT ON FUNCTION @extschema@.pii_search_terms(@extschema@.pii_text[], text) IS
    'search terms of each element';

CREATE FUNCTION @extschema@.pii_search_terms(elements text[], class text) RETURNS @extschema@.pii_blind_index[]
    AS 'MODULE_PATHNAME', 'pii_search_terms_of_array' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 300;
COMMENT ON FUNCTION @extschema@.pii_search_terms(text[], text) IS
    'search terms of each element';

CREATE FUNCTION @extschema@.pii_key_version(value @extschema@.pii_blind_index) RETURNS integer
    AS 'MODULE_PATHNAME', 'pii_blind_index_key_version' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_key_version(@extschema@.pii_blind_index) IS
    'version of the key that a blind index value was made with';

-- operators on pii_text

-- STABLE: what is equal depends on the keyring. Only equality: sealed values have no order, so there is no B-tree operator
-- class, and <, BETWEEN, ORDER BY, min() and LIKE are refused when a statement is parsed.

CREATE FUNCTION @extschema@.pii_text_eq_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
COMMENT ON FUNCTION @extschema@.pii_text_eq_support(internal) IS
    'planner support: = by an index on pii_blind_index(column)';

CREATE FUNCTION @extschema@.pii_text_eq_any_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT;
COMMENT ON FUNCTION @extschema@.pii_text_eq_any_support(internal) IS
    'planner support: = ANY by an index on pii_blind_index(column)';

CREATE FUNCTION @extschema@.pii_text_eq(@extschema@.pii_text, @extschema@.pii_text) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100 SUPPORT @extschema@.pii_text_eq_support;
COMMENT ON FUNCTION @extschema@.pii_text_eq(@extschema@.pii_text, @extschema@.pii_text) IS
    'equal, by the rule of the class';

CREATE FUNCTION @extschema@.pii_text_ne(@extschema@.pii_text, @extschema@.pii_text) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_text_ne(@extschema@.pii_text, @extschema@.pii_text) IS
    'not equal, by the rule of the class';

CREATE FUNCTION @extschema@.pii_text_eq_text(@extschema@.pii_text, text) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100 SUPPORT @extschema@.pii_text_eq_support;
COMMENT ON FUNCTION @extschema@.pii_text_eq_text(@extschema@.pii_text, text) IS
    'equal, by the rule of the class';

CREATE FUNCTION @extschema@.pii_text_ne_text(@extschema@.pii_text, text) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_text_ne_text(@extschema@.pii_text, text) IS
    'not equal, by the rule of the class';

CREATE FUNCTION @extschema@.text_eq_pii_text(text, @extschema@.pii_text) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100 SUPPORT @extschema@.pii_text_eq_support;
COMMENT ON FUNCTION @extschema@.text_eq_pii_text(text, @extschema@.pii_text) IS
    'equal, by the rule of the class';

CREATE FUNCTION @extschema@.text_ne_pii_text(text, @extschema@.pii_text) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.text_ne_pii_text(text, @extschema@.pii_text) IS
    'not equal, by the rule of the class';

CREATE FUNCTION @extschema@.pii_text_eq_any(@extschema@.pii_text, @extschema@.pii_text[]) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 300 SUPPORT @extschema@.pii_text_eq_any_support;
COMMENT ON FUNCTION @extschema@.pii_text_eq_any(@extschema@.pii_text, @extschema@.pii_text[]) IS
    'column = ANY (array), as the planner sees it; write column = ANY (array)';

CREATE FUNCTION @extschema@.pii_text_eq_any(@extschema@.pii_text, text[]) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 300 SUPPORT @extschema@.pii_text_eq_any_support;
COMMENT ON FUNCTION @extschema@.pii_text_eq_any(@extschema@.pii_text, text[]) IS
    'column = ANY (array), as the planner sees it; write column = ANY (array)';

CREATE OPERATOR @extschema@.= (
    LEFTARG = @extschema@.pii_text, RIGHTARG = @extschema@.pii_text, FUNCTION = @extschema@.pii_text_eq,
    COMMUTATOR = OPERATOR(@extschema@.=), NEGATOR = OPERATOR(@extschema@.<>), HASHES, RESTRICT = eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR @extschema@.= (@extschema@.pii_text, @extschema@.pii_text) IS 'equal, by the rule of the class';

CREATE OPERATOR @extschema@.<> (
    LEFTARG = @extschema@.pii_text, RIGHTARG = @extschema@.pii_text, FUNCTION = @extschema@.pii_text_ne,
    COMMUTATOR = OPERATOR(@extschema@.<>), NEGATOR = OPERATOR(@extschema@.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR @extschema@.<> (@extschema@.pii_text, @extschema@.pii_text) IS 'not equal, by the rule of the class';

CREATE OPERATOR @extschema@.= (
    LEFTARG = @extschema@.pii_text, RIGHTARG = text, FUNCTION = @extschema@.pii_text_eq_text,
    COMMUTATOR = OPERATOR(@extschema@.=), NEGATOR = OPERATOR(@extschema@.<>), HASHES, RESTRICT = eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR @extschema@.= (@extschema@.pii_text, text) IS 'equal, by the rule of the class';

CREATE OPERATOR @extschema@.<> (
    LEFTARG = @extschema@.pii_text, RIGHTARG = text, FUNCTION = @extschema@.pii_text_ne_text,
    COMMUTATOR = OPERATOR(@extschema@.<>), NEGATOR = OPERATOR(@extschema@.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR @extschema@.<> (@extschema@.pii_text, text) IS 'not equal, by the rule of the class';

CREATE OPERATOR @extschema@.= (
    LEFTARG = text, RIGHTARG = @extschema@.pii_text, FUNCTION = @extschema@.text_eq_pii_text,
    COMMUTATOR = OPERATOR(@extschema@.=), NEGATOR = OPERATOR(@extschema@.<>), HASHES, RESTRICT = eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR @extschema@.= (text, @extschema@.pii_text) IS 'equal, by the rule of the class';

CREATE OPERATOR @extschema@.<> (
    LEFTARG = text, RIGHTARG = @extschema@.pii_text, FUNCTION = @extschema@.text_ne_pii_text,
    COMMUTATOR = OPERATOR(@extschema@.<>), NEGATOR = OPERATOR(@extschema@.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR @extschema@.<> (text, @extschema@.pii_text) IS 'not equal, by the rule of the class';

CREATE FUNCTION @extschema@.pii_text_hash(@extschema@.pii_text) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_text_hash(@extschema@.pii_text) IS
    'hash by the hash key of the domain, for GROUP BY, DISTINCT and hash joins';

CREATE FUNCTION @extschema@.pii_text_hash_extended(@extschema@.pii_text, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_text_hash_extended(@extschema@.pii_text, bigint) IS
    'hash by the hash key of the domain, with a seed';

CREATE FUNCTION @extschema@.pii_text_hash(text) RETURNS integer
    AS 'MODULE_PATHNAME', 'pii_text_hash_of_text' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_text_hash(text) IS
    'hash of text that is compared with sealed values';

CREATE FUNCTION @extschema@.pii_text_hash_extended(text, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'pii_text_hash_of_text_extended' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_text_hash_extended(text, bigint) IS
    'hash of text that is compared with sealed values, with a seed';

-- A family with a hash of text wants an equality of text. Not the one of pg_catalog: PostgreSQL takes the hash functions of
-- any family that an operator is in, and would hash joins of plain text by this one.
CREATE OPERATOR @extschema@.== (
    LEFTARG = text, RIGHTARG = text, FUNCTION = texteq, COMMUTATOR = OPERATOR(@extschema@.==), HASHES, RESTRICT = eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR @extschema@.== (text, text) IS 'the same text; for hash tables of text that is compared with sealed values';

CREATE OPERATOR CLASS @extschema@.pii_text_ops DEFAULT FOR TYPE @extschema@.pii_text USING hash AS
    OPERATOR 1 @extschema@.= (@extschema@.pii_text, @extschema@.pii_text),
    OPERATOR 1 @extschema@.= (@extschema@.pii_text, text),
    OPERATOR 1 @extschema@.= (text, @extschema@.pii_text),
    OPERATOR 1 @extschema@.== (text, text),
    FUNCTION 1 (@extschema@.pii_text, @extschema@.pii_text) @extschema@.pii_text_hash(@extschema@.pii_text),
    FUNCTION 2 (@extschema@.pii_text, @extschema@.pii_text) @extschema@.pii_text_hash_extended(@extschema@.pii_text, bigint),
    FUNCTION 1 (text, text) @extschema@.pii_text_hash(text),
    FUNCTION 2 (text, text) @extschema@.pii_text_hash_extended(text, bigint);
COMMENT ON OPERATOR CLASS @extschema@.pii_text_ops USING hash IS 'equality of sealed values, also with text';
COMMENT ON OPERATOR FAMILY @extschema@.pii_text_ops USING hash IS 'equality of sealed values, also with text';

-- Comparisons of rows, (ssn, id) = (...), ask a B-tree family which operator is equality. There is no operator class in it,
-- so nothing can be sorted by it.
CREATE OPERATOR FAMILY @extschema@.pii_text_ops USING btree;
ALTER OPERATOR FAMILY @extschema@.pii_text_ops USING btree ADD
    OPERATOR 3 @extschema@.= (@extschema@.pii_text, @extschema@.pii_text), OPERATOR 3 @extschema@.= (@extschema@.pii_text, text), OPERATOR 3 @extschema@.= (text, @extschema@.pii_text);
COMMENT ON OPERATOR FAMILY @extschema@.pii_text_ops USING btree IS 'which operator is equality, for comparisons of rows; no order';

-- word search

CREATE FUNCTION @extschema@.pii_word_index(value @extschema@.pii_text) RETURNS @extschema@.pii_blind_index[]
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF COST 300;
COMMENT ON FUNCTION @extschema@.pii_word_index(@extschema@.pii_text) IS
    'keyed hash of each word of a value, in the order of the hashes';

CREATE FUNCTION @extschema@.pii_word_terms(value text, class text) RETURNS @extschema@.pii_blind_index[]
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 300;
COMMENT ON FUNCTION @extschema@.pii_word_terms(text, text) IS
    'what to look for in pii_word_index(column): a row for each word, with a term for each enabled index key version';

CREATE FUNCTION @extschema@.pii_word_contains(@extschema@.pii_blind_index[], @extschema@.pii_blind_index[]) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF COST 10;
COMMENT ON FUNCTION @extschema@.pii_word_contains(@extschema@.pii_blind_index[], @extschema@.pii_blind_index[]) IS
    'contains a value of each row of a two-dimensional array, or each value of any other';

CREATE OPERATOR @extschema@.@> (
    LEFTARG = @extschema@.pii_blind_index[], RIGHTARG = @extschema@.pii_blind_index[], FUNCTION = @extschema@.pii_word_contains, RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @extschema@.@> (@extschema@.pii_blind_index[], @extschema@.pii_blind_index[]) IS
    'contains a value of each row of a two-dimensional array, or each value of any other';

CREATE FUNCTION @extschema@.pii_word_values(@extschema@.pii_blind_index[], internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_word_values(@extschema@.pii_blind_index[], internal, internal) IS
    'GIN: the values of an array';

CREATE FUNCTION @extschema@.pii_word_query(@extschema@.pii_blind_index[], internal, smallint, internal, internal, internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_word_query(@extschema@.pii_blind_index[], internal, smallint, internal, internal, internal, internal) IS
    'GIN: the values that @> looks for';

CREATE FUNCTION @extschema@.pii_word_consistent(internal, smallint, @extschema@.pii_blind_index[], integer, internal, internal, internal, internal) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_word_consistent(internal, smallint, @extschema@.pii_blind_index[], integer, internal, internal, internal, internal) IS
    'GIN: do the values found satisfy @>';

CREATE FUNCTION @extschema@.pii_word_triconsistent(internal, smallint, @extschema@.pii_blind_index[], integer, internal, internal, internal) RETURNS "char"
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_word_triconsistent(internal, smallint, @extschema@.pii_blind_index[], integer, internal, internal, internal) IS
    'GIN: do the values found so far satisfy @>';

CREATE OPERATOR CLASS @extschema@.pii_word_ops DEFAULT FOR TYPE @extschema@.pii_blind_index[] USING gin AS
    OPERATOR 7 @extschema@.@> (@extschema@.pii_blind_index[], @extschema@.pii_blind_index[]),
    FUNCTION 1 @extschema@.pii_blind_index_cmp(@extschema@.pii_blind_index, @extschema@.pii_blind_index),
    FUNCTION 2 @extschema@.pii_word_values(@extschema@.pii_blind_index[], internal, internal),
    FUNCTION 3 @extschema@.pii_word_query(@extschema@.pii_blind_index[], internal, smallint, internal, internal, internal, internal),
    FUNCTION 4 @extschema@.pii_word_consistent(internal, smallint, @extschema@.pii_blind_index[], integer, internal, internal, internal, internal),
    FUNCTION 6 @extschema@.pii_word_triconsistent(internal, smallint, @extschema@.pii_blind_index[], integer, internal, internal, internal),
    STORAGE @extschema@.pii_blind_index;
COMMENT ON OPERATOR CLASS @extschema@.pii_word_ops USING gin IS 'words of sealed values';
COMMENT ON OPERATOR FAMILY @extschema@.pii_word_ops USING gin IS 'words of sealed values';

CREATE FUNCTION @extschema@.pii_array_typanalyze(internal) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.pii_array_typanalyze(internal) IS
    'ANALYZE of arrays: fraction of NULLs and width; no elements';

-- PostgreSQL gives every array type an ANALYZE function that keeps the most common elements, and no command changes it.
UPDATE pg_catalog.pg_type SET typanalyze = '@extschema@.pii_array_typanalyze(internal)'::pg_catalog.regprocedure
    WHERE oid IN ('@extschema@.pii_text[]'::pg_catalog.regtype, '@extschema@.pii_blind_index[]'::pg_catalog.regtype);

-- operation

CREATE FUNCTION @extschema@.pii_column_status("table" regclass, "column" name, OUT kind text, OUT name text, OUT key_version integer, OUT rows bigint) RETURNS SETOF record
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.pii_column_status(regclass, name) IS
    'rows of a sealed column and entries of its blind indexes, by key version; unsealed rows; NULL for what cannot be counted';

CREATE PROCEDURE @extschema@.pii_verify_column("table" regclass, "column" name, INOUT verified bigint DEFAULT NULL, INOUT unsealed bigint DEFAULT NULL, INOUT no_key bigint DEFAULT NULL, INOUT damaged bigint DEFAULT NULL)
    AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.pii_verify_column(regclass, name, bigint, bigint, bigint, bigint) IS
    'opens every value of a column and shows none: counts what authenticates, what is not sealed, what lacks its key, and what is damaged or forged; names the first such rows';

CREATE PROCEDURE @extschema@.pii_rewrap_column("table" regclass, "column" name, batch integer DEFAULT 1000, pause interval DEFAULT '0', INOUT rewrapped bigint DEFAULT NULL)
    AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.pii_rewrap_column(regclass, name, integer, interval, bigint) IS
    'moves the values of a column and their blind indexes to the primary key versions, in transactions of so many rows with a pause between two; can be repeated at any time';

CREATE PROCEDURE @extschema@.pii_seal_column("table" regclass, "column" name, batch integer DEFAULT 1000, pause interval DEFAULT '0', INOUT sealed bigint DEFAULT NULL)
    AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.pii_seal_column(regclass, name, integer, interval, bigint) IS
    'seals the plaintext of an adopted column, in transactions of so many rows with a pause between two; can be repeated at any time';

CREATE PROCEDURE @extschema@.pii_unseal_column("table" regclass, "column" name, batch integer DEFAULT 1000, pause interval DEFAULT '0', INOUT unsealed bigint DEFAULT NULL)
    AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.pii_unseal_column(regclass, name, integer, interval, bigint) IS
    'the way back: turns the values of a column into plaintext, also new ones from now on; pii_release() then makes it a column of text';

CREATE FUNCTION @extschema@.pii_index_advice(class text, transform text, rows bigint, OUT results double precision, OUT coincidences double precision, OUT is_safe boolean, OUT advice text) RETURNS record
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_index_advice(text, text, bigint) IS
    'what a blind index of so many rows shows to who reads the disk: number of results that the transform has, rows that share one by chance';

-- views

CREATE FUNCTION @extschema@.pii_keyring_rows(
    OUT domain text, OUT purpose text, OUT key_version integer, OUT status text, OUT is_primary boolean,
    OUT created timestamp with time zone, OUT check_value text, OUT last_used timestamp with time zone, OUT loaded_at timestamp with time zone,
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
COMMENT ON COLUMN @extschema@.pii_keyring.last_used IS
    'when a process last began to use the key, since the server started; NULL if none did';
COMMENT ON COLUMN @extschema@.pii_keyring.loaded_at IS 'when the server read the keyring';
COMMENT ON COLUMN @extschema@.pii_keyring.last_error IS 'why the last reading failed, NULL if it did not';

CREATE FUNCTION @extschema@.pii_reload_keyring() RETURNS void
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.pii_reload_keyring() IS
    'reads the keyring again and, when all of it is good, uses it from the next value on; warns of versions that are gone and still in use';

CREATE FUNCTION @extschema@.pii_class_rows(
    OUT class_id integer, OUT name text, OUT normalizer text, OUT mask_example text, OUT keep_first integer,
    OUT keep_last integer, OUT searchable boolean, OUT transforms text[], OUT builtin boolean) RETURNS SETOF record
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
COMMENT ON COLUMN @extschema@.pii_classes.transforms IS 'what blind indexes of the class may be made of';
COMMENT ON COLUMN @extschema@.pii_classes.builtin IS 'false: declared in the keyring';

-- adopted columns

CREATE TABLE @extschema@.pii_adopted_column (
    relation regclass NOT NULL,
    attribute smallint NOT NULL,
    phase text NOT NULL CHECK (phase IN ('adopted', 'sealing', 'sealed', 'unsealing')),
    is_padded boolean NOT NULL,
    sealed_by bigint,
    changed_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (relation, attribute)
);
COMMENT ON TABLE @extschema@.pii_adopted_column IS
    'columns that were plaintext and became pii_text without being rewritten; ALTER TABLE and the procedures of adoption write it';
COMMENT ON COLUMN @extschema@.pii_adopted_column.relation IS 'table, partition or child table';
COMMENT ON COLUMN @extschema@.pii_adopted_column.attribute IS 'number of the column';
COMMENT ON COLUMN @extschema@.pii_adopted_column.phase IS
    'adopted: plaintext is left, and pii.write_mode says how new values are stored; sealing; sealed; unsealing: the way back';
COMMENT ON COLUMN @extschema@.pii_adopted_column.is_padded IS 'it was character(n), whose trailing blanks are no part of the value';
COMMENT ON COLUMN @extschema@.pii_adopted_column.sealed_by IS 'transaction of the end of sealing; older snapshots still see plaintext';
COMMENT ON COLUMN @extschema@.pii_adopted_column.changed_at IS 'when the phase began';
COMMENT ON CONSTRAINT pii_adopted_column_pkey ON @extschema@.pii_adopted_column IS 'a column has one phase';
COMMENT ON CONSTRAINT pii_adopted_column_phase_check ON @extschema@.pii_adopted_column IS 'phases by name';
COMMENT ON INDEX @extschema@.pii_adopted_column_pkey IS 'a column has one phase';

CREATE FUNCTION @extschema@.pii_adopted_column_guard() RETURNS trigger
    AS 'MODULE_PATHNAME', 'pii_job_guard' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.pii_adopted_column_guard() IS 'keeps out roles that may write all tables';

CREATE TRIGGER pii_adopted_column_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.pii_adopted_column
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.pii_adopted_column_guard();
ALTER TABLE @extschema@.pii_adopted_column ENABLE ALWAYS TRIGGER pii_adopted_column_guard;
COMMENT ON TRIGGER pii_adopted_column_guard ON @extschema@.pii_adopted_column IS 'keeps out roles that may write all tables';

CREATE FUNCTION @extschema@.pii_adopted_column_is_local() RETURNS trigger
    AS 'MODULE_PATHNAME', 'pii_privilege_is_local' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.pii_adopted_column_is_local() IS 'keeps rows that come by logical replication out';

CREATE TRIGGER pii_adopted_column_is_local BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.pii_adopted_column
    FOR EACH ROW EXECUTE FUNCTION @extschema@.pii_adopted_column_is_local();
ALTER TABLE @extschema@.pii_adopted_column ENABLE ALWAYS TRIGGER pii_adopted_column_is_local;
COMMENT ON TRIGGER pii_adopted_column_is_local ON @extschema@.pii_adopted_column IS 'keeps rows that come by logical replication out';

GRANT SELECT ON @extschema@.pii_adopted_column TO PUBLIC;

CREATE FUNCTION @extschema@.pii_write_mode() RETURNS trigger
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.pii_write_mode() IS
    'trigger of tables with adopted columns: stores plaintext where pii.write_mode or pii_unseal_column() says so';

CREATE FUNCTION @extschema@.pii_seal_adopted(value @extschema@.pii_text, class integer, is_padded boolean) RETURNS @extschema@.pii_text
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_seal_adopted(@extschema@.pii_text, integer, boolean) IS
    'a sealed value as it is, plaintext sealed; what statements read of adopted columns goes through it';

-- attribute tables

-- One column names an attribute, another holds its value: pii_seal_when() makes such a table one by a trigger of two columns,
-- and these are the rules. Both tables are in a dump, by the names of tables.
CREATE TABLE @extschema@.pii_sealed_attribute (
    "table" regclass NOT NULL,
    attribute text NOT NULL,
    class text NOT NULL,
    phase text NOT NULL DEFAULT 'declared' CHECK (phase IN ('declared', 'sealing', 'sealed')),
    PRIMARY KEY ("table", attribute)
);
COMMENT ON TABLE @extschema@.pii_sealed_attribute IS
    'attributes whose values are sealed, by table (pii_seal_when); the owner of the table inserts and deletes its rows';
COMMENT ON COLUMN @extschema@.pii_sealed_attribute."table" IS 'attribute table; the rule holds for its partitions and children too';
COMMENT ON COLUMN @extschema@.pii_sealed_attribute.attribute IS 'what the attribute column has, as text';
COMMENT ON COLUMN @extschema@.pii_sealed_attribute.class IS 'class that the values are sealed as';
COMMENT ON COLUMN @extschema@.pii_sealed_attribute.phase IS
    'declared: new values are sealed, old ones when pii_seal_column() or a job comes by; sealing; sealed: all are';
COMMENT ON CONSTRAINT pii_sealed_attribute_pkey ON @extschema@.pii_sealed_attribute IS 'an attribute has one class';
COMMENT ON CONSTRAINT pii_sealed_attribute_phase_check ON @extschema@.pii_sealed_attribute IS 'phases by name';
COMMENT ON INDEX @extschema@.pii_sealed_attribute_pkey IS 'an attribute has one class';

CREATE FUNCTION @extschema@.pii_sealed_attribute_changed() RETURNS trigger
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.pii_sealed_attribute_changed() IS
    'lets the owner of a table alone change its rules, and makes every session read them again';

CREATE TRIGGER pii_sealed_attribute_changed BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.pii_sealed_attribute
    FOR EACH ROW EXECUTE FUNCTION @extschema@.pii_sealed_attribute_changed();
ALTER TABLE @extschema@.pii_sealed_attribute ENABLE ALWAYS TRIGGER pii_sealed_attribute_changed;
COMMENT ON TRIGGER pii_sealed_attribute_changed ON @extschema@.pii_sealed_attribute IS
    'lets the owner of a table alone change its rules, and makes every session read them again';

CREATE TRIGGER pii_sealed_attribute_stays BEFORE TRUNCATE ON @extschema@.pii_sealed_attribute
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.pii_sealed_attribute_changed();
ALTER TABLE @extschema@.pii_sealed_attribute ENABLE ALWAYS TRIGGER pii_sealed_attribute_stays;
COMMENT ON TRIGGER pii_sealed_attribute_stays ON @extschema@.pii_sealed_attribute IS 'refuses TRUNCATE';

CREATE TABLE @extschema@.pii_attribute_class (
    "table" regclass NOT NULL,
    class text NOT NULL,
    PRIMARY KEY ("table", class)
);
COMMENT ON TABLE @extschema@.pii_attribute_class IS
    'classes that values of attribute tables may have without a rule, because it is gone or they were sealed by hand; search looks for them too';
COMMENT ON COLUMN @extschema@.pii_attribute_class."table" IS 'attribute table';
COMMENT ON COLUMN @extschema@.pii_attribute_class.class IS 'class by name';
COMMENT ON CONSTRAINT pii_attribute_class_pkey ON @extschema@.pii_attribute_class IS 'a class is noted once';
COMMENT ON INDEX @extschema@.pii_attribute_class_pkey IS 'a class is noted once';

CREATE FUNCTION @extschema@.pii_attribute_class_guard() RETURNS trigger
    AS 'MODULE_PATHNAME', 'pii_job_guard' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.pii_attribute_class_guard() IS 'keeps out roles that may write all tables';

CREATE TRIGGER pii_attribute_class_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.pii_attribute_class
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.pii_attribute_class_guard();
ALTER TABLE @extschema@.pii_attribute_class ENABLE ALWAYS TRIGGER pii_attribute_class_guard;
COMMENT ON TRIGGER pii_attribute_class_guard ON @extschema@.pii_attribute_class IS 'keeps out roles that may write all tables';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.pii_sealed_attribute',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = "table")');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.pii_attribute_class',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = "table")');

-- Whose table it is, the trigger asks.
GRANT SELECT, INSERT, UPDATE, DELETE ON @extschema@.pii_sealed_attribute TO PUBLIC;
GRANT SELECT ON @extschema@.pii_attribute_class TO PUBLIC;

CREATE FUNCTION @extschema@.pii_seal_when() RETURNS trigger
    AS 'MODULE_PATHNAME', 'pii_seal_when_trigger' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.pii_seal_when() IS
    'trigger of attribute tables: seals the values of declared attributes, and stores the rest as plaintext';

CREATE FUNCTION @extschema@.pii_seal_when("table" regclass, value_column name, attribute_column name) RETURNS void
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.pii_seal_when(regclass, name, name) IS
    'makes a table an attribute table: values are sealed when pii_sealed_attribute declares their attribute, and plaintext otherwise';

CREATE FUNCTION @extschema@.pii_seal_always("table" regclass, value_column name) RETURNS void
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.pii_seal_always(regclass, name) IS
    'undoes pii_seal_when() and forgets the rules of the table: new values are all sealed, as class text';

CREATE FUNCTION @extschema@.pii_shown(value @extschema@.pii_text, attribute text, "table" oid, is_compared boolean) RETURNS @extschema@.pii_text
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_shown(@extschema@.pii_text, text, oid, boolean) IS
    'a sealed value as it is, plaintext as a value of class text, or of the class of its attribute; what statements read of attribute tables goes through it';

CREATE FUNCTION @extschema@.pii_attribute_terms(value @extschema@.pii_text, "table" oid) RETURNS @extschema@.pii_blind_index[]
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_attribute_terms(@extschema@.pii_text, oid) IS
    'what pii_blind_index(value) of equal values may be in an attribute table: one for each class in it and each enabled index key version';

CREATE FUNCTION @extschema@.pii_attribute_terms(value text, "table" oid) RETURNS @extschema@.pii_blind_index[]
    AS 'MODULE_PATHNAME', 'pii_attribute_terms_of_text' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_attribute_terms(text, oid) IS 'search terms of text in an attribute table';

CREATE FUNCTION @extschema@.pii_attribute_terms(elements @extschema@.pii_text[], "table" oid) RETURNS @extschema@.pii_blind_index[]
    AS 'MODULE_PATHNAME', 'pii_attribute_terms_of_array' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 300;
COMMENT ON FUNCTION @extschema@.pii_attribute_terms(@extschema@.pii_text[], oid) IS 'search terms of each element';

CREATE FUNCTION @extschema@.pii_attribute_terms(elements text[], "table" oid) RETURNS @extschema@.pii_blind_index[]
    AS 'MODULE_PATHNAME', 'pii_attribute_terms_of_array' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 300;
COMMENT ON FUNCTION @extschema@.pii_attribute_terms(text[], oid) IS 'search terms of each element';

-- documents

-- Sealed values in jsonb. pii_blind_index() of a document is IMMUTABLE and LEAKPROOF for the same reasons as that of a value.

CREATE FUNCTION @extschema@.pii_seal_json(doc jsonb, paths jsonb) RETURNS jsonb
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.pii_seal_json(jsonb, jsonb) IS
    'puts sealed text in place of the values at paths, {"$.account.number": "account", "$.people[*].ssn": "ssn"}; sealed ones are authenticated and stay';

CREATE FUNCTION @extschema@.pii_reveal_json(doc jsonb) RETURNS jsonb
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.pii_reveal_json(jsonb) IS 'the document with all that pii_seal_json() sealed in plain, whatever pii.view says';

CREATE FUNCTION @extschema@.pii_mask_json(doc jsonb) RETURNS jsonb
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.pii_mask_json(jsonb) IS
    'the document with the masks of its sealed values; [ssn] where the role may not see the mask';

CREATE FUNCTION @extschema@.pii_show_json(doc jsonb) RETURNS jsonb
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.pii_show_json(jsonb) IS
    'the document with each sealed value in the form that the role and pii.view allow';

CREATE FUNCTION @extschema@.pii_rewrap_json(doc jsonb) RETURNS jsonb
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.pii_rewrap_json(jsonb) IS
    'the same document, its values sealed again under the primary key version';

CREATE FUNCTION @extschema@.pii_json_key_versions(doc jsonb) RETURNS integer[]
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.pii_json_key_versions(jsonb) IS
    'key versions that the values of a document are sealed under, each once';

CREATE FUNCTION @extschema@.pii_seal_json_trigger() RETURNS trigger
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.pii_seal_json_trigger() IS
    'seals a document when it is written: BEFORE INSERT OR UPDATE ... FOR EACH ROW EXECUTE FUNCTION pii_seal_json_trigger(column, paths)';

CREATE FUNCTION @extschema@.pii_blind_index(doc jsonb, path text, class text) RETURNS @extschema@.pii_blind_index
    AS 'MODULE_PATHNAME', 'pii_json_blind_index' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_blind_index(jsonb, text, text) IS
    'keyed hash of the value at a path, sealed or not; NULL when there is none';

CREATE FUNCTION @extschema@.pii_json_index(doc jsonb, path text, class text) RETURNS @extschema@.pii_blind_index[]
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF COST 300;
COMMENT ON FUNCTION @extschema@.pii_json_index(jsonb, text, text) IS
    'keyed hashes of all values at a path with wildcards, sealed or not, in the order of the hashes; for a GIN index';

CREATE FUNCTION @extschema@.pii_json_terms(value text, class text) RETURNS @extschema@.pii_blind_index[]
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE LEAKPROOF COST 100;
COMMENT ON FUNCTION @extschema@.pii_json_terms(text, text) IS
    'what to look for in pii_json_index(), by @>: a row with a term for each enabled index key version';
-- adoption

-- The questions to the catalog are asked with the rights of the caller, and find nothing but what is in pg_catalog. All
-- names that they give are quoted, and qualified because the search path is empty. Compiling them would take seconds.

CREATE FUNCTION @extschema@.pii_adoption_expression(expression text, columns name[], way text, replacement text DEFAULT '') RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET jit = off
    AS $$
    -- What PostgreSQL deparses is taken apart into literals, names, operators and the rest.
    WITH pattern AS (
        SELECT format('(?:(?:[[:alpha:]_][[:alnum:]_$]*|"(?:[^"]|"")*")\.)*(?:%s)', string_agg(regexp_replace(quote_ident(c), '([^[:alnum:]_])', '\\\1', 'g'), '|')) AS reference,
            regexp_replace('@extschema@.pii_reveal(', '([^[:alnum:]_])', '\\\1', 'g') AS reveal
        FROM unnest(columns) AS c
    ), token AS (
        SELECT t.found[1] AS token, t.number, reference, reveal
        FROM pattern
        CROSS JOIN LATERAL (SELECT regexp_replace('OPERATOR(@extschema@.', '([^[:alnum:]_])', '\\\1', 'g') || '(?:=|<>)\)' AS operator,
            '(?:\((''(?:[^'']|'''')*'')::[^()]*\)|(''(?:[^'']|'''')*''))::text' AS literal) AS o
        CROSS JOIN LATERAL regexp_matches(CASE way
            -- A literal takes the type of the column that it is compared with: citext compares otherwise than text.
            WHEN 'unseal' THEN regexp_replace(regexp_replace(expression, format('(%s %s) %s', reference, operator, literal), '\1 \2\3', 'g'),
                format('%s (%s %s)', literal, operator, reference), '\1\2 \3', 'g')
            ELSE expression END, format(
            '(''(?:[^'']|'''')*''|\(%1$s\)::text|%2$s%1$s\)|OPERATOR\([^()]+\)|%3$s(?:\.%3$s)*|[-+*/<>=~!@#%%^&|`?]+|\s+|.)',
            reference, reveal, '(?:[[:alpha:]_][[:alnum:]_$]*|"(?:[^"]|"")*")'), 'g') WITH ORDINALITY AS t(found, number)
    ), word AS (
        SELECT *, lead(sign) OVER (ORDER BY number) AS follower, lag(sign) OVER (ORDER BY number) AS leader
        FROM token CROSS JOIN LATERAL regexp_replace(token, '^OPERATOR\(.*\.(.*)\)$', '\1') AS sign WHERE token !~ '^\s+$'
    ), judged AS (
        SELECT *, regexp_replace(token, format('^(?:\(|%s)|\)(?:::text)?$', reveal), '', 'g') AS bare,
            token ~ format('^(?:%s|\(%1$s\)::text)$', reference) AND coalesce(follower, '') <> '(' AND coalesce(leader, '') <> ':' AS is_value,
            token ~ format('^%s%s\)$', reveal, reference) AS is_revealed
        FROM word
    ), placed AS (
        SELECT *, coalesce(lag(is_value) OVER (ORDER BY number), false) OR coalesce(lead(is_value) OVER (ORDER BY number), false) AS has_value FROM judged
    )
    SELECT string_agg(CASE
        WHEN w.number IS NULL THEN t.token
        WHEN t.token <> sign AND sign IN ('=', '<>') THEN CASE WHEN t.token LIKE 'OPERATOR(@extschema@.%' OR (has_value AND way IN ('seal', 'view')) THEN sign ELSE t.token END
        WHEN way = 'rename' THEN CASE WHEN is_value THEN replacement ELSE t.token END
        WHEN way = 'unseal' THEN CASE WHEN is_revealed THEN bare ELSE t.token END
        WHEN NOT is_value OR (way = 'view' AND bare = t.token) THEN t.token
        WHEN follower = 'IS' OR (way <> 'index' AND (follower IN ('=', '<>') OR (leader IN ('=', '<>', 'FROM') AND coalesce(follower, ')') IN (')', ',', 'AND', 'OR', 'THEN')))) THEN bare
        WHEN way = 'view' AND coalesce(follower, '') !~ '^[-+*/<>=~!@#%^&|`?]' THEN t.token
        ELSE '@extschema@.pii_reveal(' || bare || ')' END, '' ORDER BY t.number)
    FROM token AS t LEFT JOIN placed AS w USING (number)
    $$;
COMMENT ON FUNCTION @extschema@.pii_adoption_expression(text, name[], text, text) IS
    'a deparsed expression for a column that becomes sealed (seal, index, view) or plain (unseal), or has another name (rename)';

CREATE FUNCTION @extschema@.pii_adoption_dependents("table" regclass, "column" name, OUT classid oid, OUT objid oid, OUT objsubid integer, OUT depth integer) RETURNS SETOF record
    LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, pg_temp SET jit = off
    AS $$
    -- A view stands for its rule and a generated column for its expression; what depends on those comes along. The
    -- deepest are to be dropped first.
    WITH RECURSIVE member AS (
        SELECT "table"::oid AS relation
        UNION SELECT i.inhrelid FROM member JOIN pg_inherits AS i ON i.inhparent = member.relation
    ), dependent AS (
        SELECT 'pg_class'::regclass::oid AS classid, relation AS objid, attnum::integer AS objsubid, 0 AS depth
        FROM member JOIN pg_attribute ON attrelid = relation AND attname = "column" AND NOT attisdropped
        UNION ALL
        SELECT s.classid, s.objid, s.objsubid, d.depth + 1
        FROM dependent AS d
        JOIN pg_depend AS p ON p.refclassid = d.classid AND p.refobjid = d.objid AND (d.objsubid = 0 OR p.refobjsubid = d.objsubid) AND p.deptype IN ('n', 'a', 'i')
        CROSS JOIN LATERAL (
            SELECT p.classid, p.objid, p.objsubid WHERE p.classid NOT IN ('pg_rewrite'::regclass, 'pg_attrdef'::regclass)
            UNION ALL
            SELECT CASE WHEN r.rulename = '_RETURN' THEN 'pg_class'::regclass ELSE 'pg_rewrite'::regclass END::oid,
                CASE WHEN r.rulename = '_RETURN' THEN r.ev_class ELSE r.oid END, 0
            FROM pg_rewrite AS r WHERE p.classid = 'pg_rewrite'::regclass AND r.oid = p.objid
            UNION ALL
            SELECT CASE WHEN a.attgenerated <> '' THEN 'pg_class'::regclass ELSE 'pg_attrdef'::regclass END::oid,
                CASE WHEN a.attgenerated <> '' THEN e.adrelid ELSE e.oid END, CASE WHEN a.attgenerated <> '' THEN e.adnum ELSE 0 END
            FROM pg_attrdef AS e JOIN pg_attribute AS a ON a.attrelid = e.adrelid AND a.attnum = e.adnum
            WHERE p.classid = 'pg_attrdef'::regclass AND e.oid = p.objid) AS s
        WHERE NOT (s.classid = 'pg_class'::regclass AND s.objsubid = 0 AND s.objid IN (SELECT relation FROM member))
    ) CYCLE classid, objid, objsubid SET is_loop USING trail
    SELECT d.classid, d.objid, d.objsubid, max(d.depth) FROM dependent AS d WHERE d.depth > 0 AND NOT d.is_loop GROUP BY 1, 2, 3
    $$;
COMMENT ON FUNCTION @extschema@.pii_adoption_dependents(regclass, name) IS
    'what depends on a column of a table and its children, by pg_depend, and what depends on that; the deepest first to drop';

CREATE FUNCTION @extschema@.pii_adoption_key("table" regclass, "column" name) RETURNS name
    LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET jit = off
    AS $$
    SELECT coalesce(
        (SELECT a.attname FROM pg_attribute AS a JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = "table" AND a.attgenerated <> ''
           AND pg_get_expr(d.adbin, d.adrelid) = format('@extschema@.pii_blind_index(%I)', "column") LIMIT 1),
        (SELECT n.name FROM (VALUES (1, (left("column", 59) || '_key')::name), (2, (left("column", 55) || '_pii_key')::name)) AS n(rank, name)
         WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = "table" AND attname = n.name) ORDER BY rank LIMIT 1))
    $$;
COMMENT ON FUNCTION @extschema@.pii_adoption_key(regclass, name) IS
    'the generated column that has the blind index of a column, or a name for it';

CREATE FUNCTION @extschema@.pii_adoption_grants(kind text, object text, owner oid, acl aclitem[], attribute text DEFAULT '') RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET jit = off
    AS $$
    SELECT coalesce(string_agg(format('; GRANT %s ON %s %s TO %s%s', privileges, kind, object,
        CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), '' ORDER BY place), '')
    FROM (SELECT grantee, is_grantable, min(number) AS place, string_agg(privilege_type || attribute, ', ' ORDER BY number) AS privileges
          FROM aclexplode(acl) WITH ORDINALITY AS x(grantor, grantee, privilege_type, is_grantable, number)
          WHERE grantee <> owner GROUP BY grantee, is_grantable) AS g
    $$;
COMMENT ON FUNCTION @extschema@.pii_adoption_grants(text, text, oid, aclitem[], text) IS
    'the statements that grant on an object what its access control list says, each after a semicolon';

CREATE FUNCTION @extschema@.pii_adoption_view(view regclass, columns name[], way text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET jit = off
    AS $$
    -- A materialized view is filled as its owner: who makes it again may have more rights, and its query calls whatever its owner wants.
    SELECT format('CREATE %s %s%s AS %s%s; ALTER TABLE %2$s OWNER TO %6$I%7$s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, view,
            ' WITH (' || array_to_string(c.reloptions, ', ') || ')',
            @extschema@.pii_adoption_expression(rtrim(pg_get_viewdef(c.oid), ';'), columns, way),
            CASE WHEN c.relkind = 'm' THEN ' WITH NO DATA' ELSE '' END, pg_get_userbyid(c.relowner),
            CASE WHEN c.relkind = 'm' AND c.relispopulated THEN format('; REFRESH MATERIALIZED VIEW %s', view) ELSE '' END)
        || @extschema@.pii_adoption_grants('TABLE', view::text, c.relowner, c.relacl)
        || (SELECT coalesce(string_agg(@extschema@.pii_adoption_grants('TABLE', view::text, c.relowner, a.attacl, format(' (%I)', a.attname)), '' ORDER BY attnum), '')
            FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL)
        || (SELECT coalesce(string_agg(format('; ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', view, a.attname, pg_get_expr(d.adbin, d.adrelid)), ''), '')
            FROM pg_attrdef AS d JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = c.oid)
        || (SELECT coalesce(string_agg(CASE WHEN o.objsubid > 0 THEN format('; COMMENT ON COLUMN %s.%I IS %L', view, a.attname, description)
                ELSE format('; COMMENT ON %s %s IS %L', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, view, description) END, '' ORDER BY o.objsubid), '')
            FROM pg_description AS o LEFT JOIN pg_attribute AS a ON a.attrelid = o.objoid AND a.attnum = o.objsubid AND o.objsubid > 0
            WHERE o.classoid = 'pg_class'::regclass AND o.objoid = c.oid)
    FROM pg_class AS c WHERE c.oid = view
    $$;
COMMENT ON FUNCTION @extschema@.pii_adoption_view(regclass, name[], text) IS
    'statements that make a view again, with its owner, grants, options, defaults and comments';

CREATE FUNCTION @extschema@.pii_adoption_index(index regclass, "column" name, old_keys text[], new_key text, way text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET jit = off
    AS $$
    -- NULL where the index has no counterpart: another part of it still reads the column.
    SELECT CASE WHEN bool_and(is_possible) AND i.indkey::text IS NOT NULL
        AND (way = 'unseal' OR am.amname IN ('btree', 'hash'))
        AND (i.indpred IS NULL OR way = 'unseal' OR predicate = @extschema@.pii_adoption_expression(predicate, ARRAY["column"], 'index')) THEN
        format('CREATE %sINDEX %s%I ON %s USING %I (%s)', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END,
            CASE WHEN c.relkind = 'i' THEN 'CONCURRENTLY ' ELSE '' END, c.relname, i.indrelid::regclass, am.amname,
            string_agg(definition, ', ' ORDER BY k) FILTER (WHERE k <= i.indnkeyatts))
        || coalesce(' INCLUDE (' || string_agg(definition, ', ' ORDER BY k) FILTER (WHERE k > i.indnkeyatts) || ')', '')
        || CASE WHEN i.indnullsnotdistinct THEN ' NULLS NOT DISTINCT' ELSE '' END
        || coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '')
        || coalesce(' TABLESPACE ' || quote_ident((SELECT spcname FROM pg_tablespace AS s WHERE s.oid = c.reltablespace)), '')
        || coalesce(' WHERE ' || CASE way WHEN 'unseal' THEN @extschema@.pii_adoption_expression(predicate, ARRAY["column"], 'unseal') ELSE predicate END, '') END
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS am ON am.oid = c.relam
    CROSS JOIN LATERAL (SELECT pg_get_expr(i.indpred, i.indrelid) AS predicate) AS p
    CROSS JOIN LATERAL (
        SELECT k, CASE WHEN k <= i.indnkeyatts AND key = ANY (old_keys) THEN new_key || direction
            WHEN way = 'unseal' AND key = ANY (old_keys) THEN new_key
            WHEN k > i.indnkeyatts THEN key
            ELSE key || coalesce(' COLLATE ' || (SELECT format('%I.%I', n.nspname, l.collname) FROM pg_collation AS l JOIN pg_namespace AS n ON n.oid = l.collnamespace
                                                 WHERE l.oid = i.indcollation[k - 1]), '')
                || coalesce(' ' || (SELECT format('%I.%I', n.nspname, o.opcname) FROM pg_opclass AS o JOIN pg_namespace AS n ON n.oid = o.opcnamespace
                                    WHERE o.oid = i.indclass[k - 1]), '') || direction END AS definition,
            key = ANY (old_keys) OR k > i.indnkeyatts OR @extschema@.pii_adoption_expression(key, ARRAY["column"], CASE way WHEN 'unseal' THEN 'rename' ELSE 'index' END) = key AS is_possible
        FROM generate_series(1, i.indnatts) AS k
        CROSS JOIN LATERAL (SELECT pg_get_indexdef(i.indexrelid, k, false) AS key,
            CASE WHEN k > i.indnkeyatts OR am.amname <> 'btree' THEN ''
                ELSE CASE i.indoption[k - 1] WHEN 1 THEN ' DESC NULLS LAST' WHEN 2 THEN ' NULLS FIRST' WHEN 3 THEN ' DESC' ELSE '' END END AS direction) AS d) AS a
    WHERE i.indexrelid = index
    GROUP BY i.indisunique, c.relkind, c.relname, i.indrelid, am.amname, i.indnullsnotdistinct, c.reloptions, c.reltablespace, i.indpred, predicate, i.indkey
    $$;
COMMENT ON FUNCTION @extschema@.pii_adoption_index(regclass, name, text[], text, text) IS
    'the statement that makes an index with another key for a column, NULL when it reads the column elsewhere';

CREATE FUNCTION @extschema@.pii_adoption_columns("table" regclass, "column" name, OUT relation regclass, OUT attribute name) RETURNS SETOF record
    LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, pg_temp SET jit = off
    AS $$
    -- A sealed column takes part in a foreign key by a generated column.
    WITH RECURSIVE source AS (
        SELECT a.attrelid AS relation, a.attnum AS key, s.attnum AS attribute
        FROM pg_attribute AS a JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        JOIN pg_attribute AS s ON s.attrelid = a.attrelid AND s.attnum > 0 AND NOT s.attisdropped
            AND pg_get_expr(d.adbin, d.adrelid) = format('@extschema@.pii_blind_index(%I)', s.attname)
        WHERE a.attgenerated <> '' AND a.atttypid = '@extschema@.pii_blind_index'::regtype
    ), side AS (
        SELECT p.conrelid AS one, coalesce(o.attribute, p.one) AS one_column, p.confrelid AS two, coalesce(t.attribute, p.two) AS two_column
        FROM (SELECT conrelid, confrelid, unnest(conkey) AS one, unnest(confkey) AS two FROM pg_constraint WHERE contype = 'f' AND conparentid = 0) AS p
        LEFT JOIN source AS o ON o.relation = p.conrelid AND o.key = p.one LEFT JOIN source AS t ON t.relation = p.confrelid AND t.key = p.two
    ), linked AS (
        SELECT "table"::oid AS relation, attnum FROM pg_attribute WHERE attrelid = "table" AND attname = "column"
        UNION
        SELECT n.relation, n.attnum FROM linked AS l
        JOIN (SELECT one AS from_table, one_column AS from_column, two AS relation, two_column AS attnum FROM side
              UNION ALL SELECT two, two_column, one, one_column FROM side) AS n ON n.from_table = l.relation AND n.from_column = l.attnum
    )
    SELECT l.relation::regclass, a.attname FROM linked AS l JOIN pg_attribute AS a ON a.attrelid = l.relation AND a.attnum = l.attnum
    ORDER BY l.relation <> "table", l.relation, l.attnum
    $$;
COMMENT ON FUNCTION @extschema@.pii_adoption_columns(regclass, name) IS
    'a column, and those that foreign keys tie to it: they hold the same values, and become sealed or plain together';

CREATE FUNCTION @extschema@.pii_adoption_obstacles("table" regclass, "column" name, class text, OUT kind text, OUT object text, OUT reason text, OUT drop_statement text, OUT create_statement text) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, pg_temp SET jit = off
    AS $$
    WITH RECURSIVE member AS (
        SELECT "table"::oid AS relation UNION SELECT i.inhrelid FROM member JOIN pg_inherits AS i ON i.inhparent = member.relation
    ), layer AS (
        SELECT a.atttypid AS type, a.atttypmod AS modifier, 0 AS depth FROM pg_attribute AS a WHERE a.attrelid = "table" AND a.attname = "column" AND NOT a.attisdropped
        UNION ALL
        SELECT t.typbasetype, t.typtypmod, depth + 1 FROM layer JOIN pg_type AS t ON t.oid = layer.type AND t.typtype = 'd'
    ), subject AS (
        SELECT c.oid AS relation, c.relkind, c.relpersistence, c.relnamespace, c.reloftype, a.attnum, a.attname, a.atttypid, a.attinhcount, a.attgenerated,
            a.attcollation, a.attstorage, a.attcompression, format('%s.%I', c.oid::regclass, a.attname) AS name,
            b.type AS base, b.modifier, b.type = '@extschema@.pii_text'::regtype AS is_sealed, format_type(b.type, b.modifier) AS type_name,
            b.type IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype)
                OR EXISTS (SELECT FROM pg_type AS t JOIN pg_proc AS f ON f.oid = t.typinput WHERE t.oid = b.type AND t.typname = 'citext' AND f.proname = 'citextin') AS is_text
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
        CROSS JOIN LATERAL (SELECT type, modifier FROM layer ORDER BY depth DESC LIMIT 1) AS b
        WHERE c.oid = "table" AND a.attname = "column" AND NOT a.attisdropped AND a.attnum > 0
    ), rule AS (
        SELECT s.*, CASE WHEN s.is_sealed THEN 'unseal' ELSE 'seal' END AS way, format('@extschema@.pii_blind_index(%I)', s.attname) AS hash,
            coalesce(k.searchable, false) AND NOT s.is_sealed AS is_searchable, coalesce(k.normalizer IN ('name', 'email', 'address', 'alphanumeric'), false) AS folds_case,
            coalesce(k.normalizer IN ('nfc', 'none'), true) AS keeps_blanks, coalesce('word' = ANY (k.transforms), false) AS has_words,
            ARRAY(SELECT DISTINCT attribute FROM @extschema@.pii_adoption_columns("table", "column")) AS linked
        FROM subject AS s LEFT JOIN @extschema@.pii_classes AS k ON k.name = class
    ), dependent AS (
        SELECT d.* FROM @extschema@.pii_adoption_dependents("table", "column") AS d
    ), row_type AS (
        SELECT c.reltype AS type FROM member JOIN pg_class AS c ON c.oid = member.relation
        UNION
        SELECT n.type FROM row_type CROSS JOIN LATERAL (
            SELECT t.typarray AS type FROM pg_type AS t WHERE t.oid = row_type.type AND t.typarray <> 0
            UNION ALL
            SELECT d.objid FROM pg_depend AS d
            WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = row_type.type AND d.classid = 'pg_type'::regclass AND d.deptype = 'n'
            UNION ALL
            SELECT c.reltype FROM pg_depend AS d JOIN pg_class AS c ON c.oid = d.objid AND c.relkind = 'c'
            WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = row_type.type AND d.classid = 'pg_class'::regclass AND d.deptype = 'n') AS n
    ), generated AS ( -- columns of the hash that go with the column
        SELECT d.objid AS relation, a.attnum, a.attname, d.depth, quote_ident(a.attname) AS key,
            pg_get_expr(e.adbin, e.adrelid) = r.hash AS is_hash, pg_get_expr(e.adbin, e.adrelid) AS expression
        FROM rule AS r CROSS JOIN dependent AS d
        JOIN pg_attribute AS a ON a.attrelid = d.objid AND a.attnum = d.objsubid AND a.attgenerated <> ''
        JOIN pg_attrdef AS e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
        WHERE d.classid = 'pg_class'::regclass AND d.objsubid > 0
    ), finding AS (
        -- what no statement mends
        SELECT 1000 AS depth, 'column' AS kind, format('%s.%I', "table", "column") AS object, 'does not exist' AS reason, NULL AS drop_statement, NULL AS create_statement
        WHERE NOT EXISTS (SELECT FROM subject)
        UNION ALL
        SELECT 1000, 'table', relation::regclass::text, CASE
            WHEN relkind NOT IN ('r', 'p') THEN 'is no table: the column of the table behind it can be adopted'
            WHEN relation < 16384 THEN 'is a system table'
            WHEN pg_is_other_temp_schema(relnamespace) THEN 'is a temporary table of another session'
            ELSE 'is a table of a type: ALTER TYPE changes it, with a rewrite' END, NULL, NULL
        FROM rule WHERE relkind NOT IN ('r', 'p') OR relation < 16384 OR pg_is_other_temp_schema(relnamespace) OR reloftype <> 0
        UNION ALL
        SELECT 1000, 'foreign table', m.relation::regclass::text, 'its rows are elsewhere: detach it, and adopt the column there', NULL, NULL
        FROM member AS m JOIN pg_class AS c ON c.oid = m.relation WHERE c.relkind = 'f' AND m.relation <> "table"
        UNION ALL
        SELECT 1000, 'type', name, CASE
            WHEN NOT is_text THEN format('is of type %s, not text: CALL pii_adopt(..., rewrite => true) seals each value under the lock', type_name)
            ELSE format('is of type %s, whose trailing blanks a class of this normalizer would keep for the search: CALL pii_adopt(..., rewrite => true) seals each value without them, under the lock', type_name) END, NULL, NULL
        FROM rule WHERE NOT is_sealed AND (NOT is_text OR (base = 'bpchar'::regtype AND keeps_blanks))
        UNION ALL
        SELECT 1000, 'generated column', name, 'PostgreSQL does not change the type of a generated column: make it a plain one first (DROP EXPRESSION)', NULL, NULL
        FROM rule WHERE attgenerated <> ''
        UNION ALL
        SELECT 1000, 'inheritance', r.name, format('is inherited from %s: call it for that', string_agg(i.inhparent::regclass::text, ', ')), NULL, NULL
        FROM rule AS r JOIN pg_inherits AS i ON i.inhrelid = r.relation WHERE r.attinhcount > 0 GROUP BY r.name
        UNION ALL
        SELECT 1000, 'partition key', p.partrelid::regclass::text, 'is partitioned by the column: copy the rows to a table that is partitioned by another one', NULL, NULL
        FROM member AS m JOIN pg_partitioned_table AS p ON p.partrelid = m.relation JOIN pg_attribute AS a ON a.attrelid = m.relation AND a.attname = "column"
        WHERE a.attnum = ANY (p.partattrs) OR EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = p.partrelid AND d.objsubid = 0
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.partrelid AND d.refobjsubid = a.attnum)
        UNION ALL
        SELECT 1000, 'row type', format('%s.%I', c.oid::regclass, a.attname), 'stores rows of the table: PostgreSQL changes no column of such a table', NULL, NULL
        FROM row_type AS t JOIN pg_depend AS d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = t.type AND d.classid = 'pg_class'::regclass AND d.objsubid > 0
        JOIN pg_class AS c ON c.oid = d.objid AND c.relkind IN ('r', 'm', 'p') JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid
        UNION ALL
        SELECT 1000, 'row type', format('%s.%I', c.oid::regclass, a.attname), 'is of a type made of the view', NULL, NULL
        FROM dependent AS d JOIN pg_class AS c ON c.oid = d.objid AND c.relkind IN ('r', 'p', 'f') JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objsubid > 0 AND a.attgenerated = ''
        UNION ALL
        -- views and functions
        SELECT d.depth, CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END, c.oid::regclass::text,
            CASE WHEN r.is_sealed THEN 'reads the column' WHEN c.relkind = 'm' THEN 'reads the column, and would keep plaintext that is made of it'
                ELSE 'reads the column; what it does with it must be what pii_text can' END,
            format('DROP %s %s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, c.oid::regclass),
            @extschema@.pii_adoption_view(c.oid, r.linked, CASE r.way WHEN 'seal' THEN 'view' ELSE r.way END)
        FROM rule AS r CROSS JOIN dependent AS d JOIN pg_class AS c ON c.oid = d.objid AND c.relkind IN ('v', 'm')
        WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0
        UNION ALL
        SELECT d.depth, 'function', f.oid::regprocedure::text, 'its body is bound to the column, or to a view of it', format('DROP ROUTINE %s', f.oid::regprocedure),
            format('%s; ALTER ROUTINE %s OWNER TO %I', @extschema@.pii_adoption_expression(rtrim(pg_get_functiondef(f.oid), E';\n'), r.linked, CASE r.way WHEN 'seal' THEN 'view' ELSE r.way END), f.oid::regprocedure, pg_get_userbyid(f.proowner))
                || CASE WHEN f.proacl IS NOT NULL THEN format('; REVOKE ALL ON ROUTINE %s FROM PUBLIC', f.oid::regprocedure) ELSE '' END
                || @extschema@.pii_adoption_grants('ROUTINE', f.oid::regprocedure::text, f.proowner, f.proacl)
                || coalesce(format('; COMMENT ON ROUTINE %s IS ', f.oid::regprocedure) || quote_literal(obj_description(f.oid, 'pg_proc')), '')
        FROM rule AS r CROSS JOIN dependent AS d JOIN pg_proc AS f ON f.oid = d.objid WHERE d.classid = 'pg_proc'::regclass AND f.prokind IN ('f', 'p', 'w')
        UNION ALL
        SELECT d.depth, 'aggregate', f.oid::regprocedure::text, 'depends on the column', NULL, NULL
        FROM dependent AS d JOIN pg_proc AS f ON f.oid = d.objid WHERE d.classid = 'pg_proc'::regclass AND f.prokind = 'a'
        UNION ALL
        SELECT d.depth, 'rule', format('%I on %s', w.rulename, w.ev_class::regclass), 'reads the column', format('DROP RULE %I ON %s', w.rulename, w.ev_class::regclass),
            rtrim(@extschema@.pii_adoption_expression(pg_get_ruledef(w.oid), r.linked, CASE r.way WHEN 'seal' THEN 'view' ELSE r.way END), ';')
                || CASE w.ev_enabled WHEN 'D' THEN format('; ALTER TABLE %s DISABLE RULE %I', w.ev_class::regclass, w.rulename)
                       WHEN 'A' THEN format('; ALTER TABLE %s ENABLE ALWAYS RULE %I', w.ev_class::regclass, w.rulename)
                       WHEN 'R' THEN format('; ALTER TABLE %s ENABLE REPLICA RULE %I', w.ev_class::regclass, w.rulename) ELSE '' END
                || coalesce(format('; COMMENT ON RULE %I ON %s IS ', w.rulename, w.ev_class::regclass) || quote_literal(obj_description(w.oid, 'pg_rewrite')), '')
        FROM rule AS r CROSS JOIN dependent AS d JOIN pg_rewrite AS w ON w.oid = d.objid WHERE d.classid = 'pg_rewrite'::regclass
        UNION ALL
        SELECT d.depth, 'trigger', format('%I on %s', g.tgname, g.tgrelid::regclass), CASE WHEN g.tgrelid IN (SELECT relation FROM member) THEN 'names the column (UPDATE OF, WHEN)' ELSE 'goes with its view' END, format('DROP TRIGGER %I ON %s', g.tgname, g.tgrelid::regclass),
            coalesce(p.part[1] || @extschema@.pii_adoption_expression(p.part[2], ARRAY[r.attname], r.way), p.definition)
                || CASE g.tgenabled WHEN 'D' THEN format('; ALTER TABLE %s DISABLE TRIGGER %I', g.tgrelid::regclass, g.tgname)
                       WHEN 'A' THEN format('; ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', g.tgrelid::regclass, g.tgname)
                       WHEN 'R' THEN format('; ALTER TABLE %s ENABLE REPLICA TRIGGER %I', g.tgrelid::regclass, g.tgname) ELSE '' END
                || coalesce(format('; COMMENT ON TRIGGER %I ON %s IS ', g.tgname, g.tgrelid::regclass) || quote_literal(obj_description(g.oid, 'pg_trigger')), '')
        FROM rule AS r CROSS JOIN dependent AS d JOIN pg_trigger AS g ON g.oid = d.objid
        CROSS JOIN LATERAL (SELECT definition, regexp_match(definition, '^(.*? FOR EACH (?:ROW|STATEMENT) )(WHEN .*)$') AS part FROM pg_get_triggerdef(g.oid) AS definition) AS p
        WHERE d.classid = 'pg_trigger'::regclass AND NOT g.tgisinternal AND g.tgparentid = 0
        UNION ALL
        SELECT d.depth, 'policy', format('%I on %s', p.polname, p.polrelid::regclass), 'reads the column', format('DROP POLICY %I ON %s', p.polname, p.polrelid::regclass),
            format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, p.polrelid::regclass, CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                (SELECT string_agg(CASE WHEN role = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', ') FROM unnest(p.polroles) AS role))
                || coalesce(' USING (' || @extschema@.pii_adoption_expression(pg_get_expr(p.polqual, p.polrelid), ARRAY[r.attname], r.way) || ')', '')
                || coalesce(' WITH CHECK (' || @extschema@.pii_adoption_expression(pg_get_expr(p.polwithcheck, p.polrelid), ARRAY[r.attname], r.way) || ')', '')
                || coalesce(format('; COMMENT ON POLICY %I ON %s IS ', p.polname, p.polrelid::regclass) || quote_literal(obj_description(p.oid, 'pg_policy')), '')
        FROM rule AS r CROSS JOIN dependent AS d JOIN pg_policy AS p ON p.oid = d.objid WHERE d.classid = 'pg_policy'::regclass
        UNION ALL
        -- constraints
        SELECT d.depth, CASE c.contype WHEN 'p' THEN 'primary key' ELSE 'unique constraint' END, format('%I on %s', c.conname, c.conrelid::regclass),
            CASE WHEN r.is_sealed THEN 'is of the blind index' WHEN NOT r.is_searchable THEN 'has no counterpart: values of the class are not searched'
                ELSE format('a generated column takes its place, which rewrites the table; without a rewrite, and without foreign keys: CREATE UNIQUE INDEX CONCURRENTLY on (%s)', r.hash) END,
            format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname),
            CASE WHEN r.is_sealed THEN format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, (
                    SELECT @extschema@.pii_adoption_expression(pg_get_constraintdef(c.oid), ARRAY[g.attname], 'rename', quote_ident(r.attname))
                    FROM generated AS g WHERE g.relation = c.conrelid AND g.attnum = ANY (c.conkey) AND g.is_hash LIMIT 1))
                WHEN r.is_searchable THEN format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS %I @extschema@.pii_blind_index GENERATED ALWAYS AS (%s) STORED; ALTER TABLE %1$s ADD CONSTRAINT %4$I %5$s',
                    c.conrelid::regclass, k.key, r.hash, c.conname, @extschema@.pii_adoption_expression(pg_get_constraintdef(c.oid), ARRAY[r.attname], 'rename', quote_ident(k.key)))
                ELSE format('-- ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) END
                || coalesce(format('; COMMENT ON CONSTRAINT %I ON %s IS ', c.conname, c.conrelid::regclass) || quote_literal(obj_description(c.oid, 'pg_constraint')), '')
        FROM rule AS r CROSS JOIN dependent AS d JOIN pg_constraint AS c ON c.oid = d.objid AND c.contype IN ('p', 'u') AND c.conparentid = 0
        CROSS JOIN LATERAL (SELECT @extschema@.pii_adoption_key(c.conrelid, r.attname) AS key) AS k
        WHERE d.classid = 'pg_constraint'::regclass
        UNION ALL
        SELECT d.depth, 'exclusion constraint', format('%I on %s', c.conname, c.conrelid::regclass),
            CASE WHEN array_length(c.conkey, 1) = 1 THEN 'compares the values: equality alone has a counterpart' ELSE 'has no counterpart' END,
            format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname),
            CASE WHEN array_length(c.conkey, 1) = 1 AND o.oprname = '=' AND (r.is_sealed OR r.is_searchable) THEN
                format('ALTER TABLE %s ADD CONSTRAINT %I EXCLUDE USING %s (%I WITH OPERATOR(%s.=))', c.conrelid::regclass, c.conname,
                    CASE WHEN r.is_sealed THEN m.amname ELSE 'hash' END, r.attname, CASE WHEN r.is_sealed THEN 'pg_catalog' ELSE '@extschema@' END)
                ELSE format('-- ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) END
        FROM rule AS r CROSS JOIN dependent AS d JOIN pg_constraint AS c ON c.oid = d.objid AND c.contype = 'x' AND c.conparentid = 0
        JOIN pg_operator AS o ON o.oid = c.conexclop[1] JOIN pg_class AS i ON i.oid = c.conindid JOIN pg_am AS m ON m.oid = i.relam
        WHERE d.classid = 'pg_constraint'::regclass
        UNION ALL
        SELECT d.depth, 'check constraint', format('%I on %s', c.conname, c.conrelid::regclass),
            CASE WHEN r.is_sealed THEN 'is written for the sealed column' ELSE 'would be checked for all rows under the lock; who writes needs REVEAL or SEARCH for it then' END,
            format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname),
            format('ALTER TABLE %s ADD CONSTRAINT %I %s%s', c.conrelid::regclass, c.conname, @extschema@.pii_adoption_expression(pg_get_constraintdef(c.oid), ARRAY[r.attname], r.way),
                CASE WHEN c.convalidated THEN format(' NOT VALID; ALTER TABLE %s VALIDATE CONSTRAINT %I', c.conrelid::regclass, c.conname) ELSE '' END)
                || coalesce(format('; COMMENT ON CONSTRAINT %I ON %s IS ', c.conname, c.conrelid::regclass) || quote_literal(obj_description(c.oid, 'pg_constraint')), '')
        FROM rule AS r CROSS JOIN dependent AS d JOIN pg_constraint AS c ON c.oid = d.objid AND c.contype = 'c' AND c.coninhcount = 0 AND c.conname !~ '^pii_release_[0-9]+$'
        WHERE d.classid = 'pg_constraint'::regclass
        UNION ALL
        SELECT d.depth + 500, 'foreign key', format('%I on %s', c.conname, c.conrelid::regclass),
            CASE WHEN r.is_sealed THEN format('is of the blind index; release %s and %s', p.one, p.two)
                WHEN NOT r.is_searchable THEN 'has no counterpart: values of the class are not searched'
                WHEN c.confupdtype NOT IN ('a', 'r') OR c.confdeltype IN ('n', 'd') THEN 'has no counterpart: what it does ON UPDATE or ON DELETE would have to write a hash'
                ELSE format('generated columns take its place; adopt %s and %s as the same class', p.one, p.two) END,
            format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname),
            CASE WHEN r.is_sealed THEN format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, p.released)
                WHEN NOT r.is_searchable OR c.confupdtype NOT IN ('a', 'r') OR c.confdeltype IN ('n', 'd')
                    THEN format('-- ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
                ELSE format('ALTER TABLE %1$s ADD COLUMN IF NOT EXISTS %2$I @extschema@.pii_blind_index GENERATED ALWAYS AS (@extschema@.pii_blind_index(%3$I)) STORED; ALTER TABLE %1$s ADD CONSTRAINT %4$I %5$s',
                    c.conrelid::regclass, p.one_key, p.one_column, c.conname, p.adopted) END
                || coalesce(format('; COMMENT ON CONSTRAINT %I ON %s IS ', c.conname, c.conrelid::regclass) || quote_literal(obj_description(c.oid, 'pg_constraint')), '')
        FROM rule AS r CROSS JOIN dependent AS d JOIN pg_constraint AS c ON c.oid = d.objid AND c.contype = 'f' AND c.conparentid = 0
        LEFT JOIN LATERAL (
            SELECT format('%s.%s', c.conrelid::regclass, coalesce(l.one_source, quote_ident(l.one_column))) AS one, format('%s.%s', c.confrelid::regclass, coalesce(l.two_source, quote_ident(l.two_column))) AS two,
                l.one_column, l.one_key,
                @extschema@.pii_adoption_expression(s.part[1], ARRAY[l.one_column], 'rename', quote_ident(l.one_key)) || ' REFERENCES ' || c.confrelid::regclass
                    || @extschema@.pii_adoption_expression(s.part[2], ARRAY[l.two_column], 'rename', quote_ident(l.two_key)) AS adopted,
                @extschema@.pii_adoption_expression(s.part[1], ARRAY[l.one_column], 'rename', coalesce(l.one_source, quote_ident(l.one_column))) || ' REFERENCES ' || c.confrelid::regclass
                    || @extschema@.pii_adoption_expression(s.part[2], ARRAY[l.two_column], 'rename', coalesce(l.two_source, quote_ident(l.two_column))) AS released
            FROM regexp_match(pg_get_constraintdef(c.oid), '^(FOREIGN KEY \(.*?\)) REFERENCES [^(]*(\(.*)$') AS s(part)
            CROSS JOIN LATERAL (
                SELECT a.attname AS one_column, b.attname AS two_column,
                    @extschema@.pii_adoption_key(c.conrelid, a.attname) AS one_key, @extschema@.pii_adoption_key(c.confrelid, b.attname) AS two_key,
                    (SELECT (regexp_match(pg_get_expr(e.adbin, e.adrelid), '^@extschema@\.pii_blind_index\((.*)\)$'))[1] FROM pg_attrdef AS e WHERE e.adrelid = c.conrelid AND e.adnum = u.one) AS one_source,
                    (SELECT (regexp_match(pg_get_expr(e.adbin, e.adrelid), '^@extschema@\.pii_blind_index\((.*)\)$'))[1] FROM pg_attrdef AS e WHERE e.adrelid = c.confrelid AND e.adnum = u.two) AS two_source
                FROM unnest(c.conkey, c.confkey) AS u(one, two)
                JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = u.one JOIN pg_attribute AS b ON b.attrelid = c.confrelid AND b.attnum = u.two
                WHERE (NOT r.is_sealed AND ((c.conrelid = "table" AND a.attname = "column") OR (c.confrelid = "table" AND b.attname = "column")))
                   OR (r.is_sealed AND EXISTS (SELECT FROM generated AS g WHERE g.is_hash AND ((g.relation = c.conrelid AND g.attnum = u.one) OR (g.relation = c.confrelid AND g.attnum = u.two))))
                LIMIT 1) AS l) AS p ON true
        WHERE d.classid = 'pg_constraint'::regclass
        UNION ALL
        -- indexes
        SELECT d.depth, 'index', i.indexrelid::regclass::text,
            CASE WHEN r.is_sealed AND x.statement IS NULL THEN 'has no counterpart: it is of a part of the values' WHEN r.is_sealed THEN 'is of the blind index'
                WHEN x.statement IS NULL AND r.has_words AND m.amname IN ('gin', 'gist') THEN 'whole words have a counterpart, parts of words have none'
                WHEN NOT r.is_searchable THEN 'has no counterpart: values of the class are not searched' WHEN x.statement IS NULL THEN 'has no counterpart: only equality of the whole value has'
                ELSE 'the blind index finds equal values; it has no order, ranges and prefixes' END,
            format('DROP INDEX %s%s', CASE WHEN c.relkind = 'i' THEN 'CONCURRENTLY ' ELSE '' END, i.indexrelid::regclass),
            CASE WHEN x.statement IS NULL AND r.has_words AND m.amname IN ('gin', 'gist') AND NOT r.is_sealed
                THEN format('CREATE INDEX %s%I ON %s USING gin (@extschema@.pii_word_index(%I))', CASE WHEN c.relkind = 'i' THEN 'CONCURRENTLY ' ELSE '' END, c.relname, i.indrelid::regclass, r.attname)
                WHEN x.statement IS NULL OR NOT (r.is_searchable OR r.is_sealed) THEN '-- ' || pg_get_indexdef(i.indexrelid)
                WHEN c.relkind = 'm' THEN pg_get_indexdef(i.indexrelid) ELSE x.statement END
        FROM rule AS r CROSS JOIN dependent AS d JOIN pg_index AS i ON i.indexrelid = d.objid JOIN pg_class AS c ON c.oid = i.indexrelid AND NOT c.relispartition
        JOIN pg_am AS m ON m.oid = c.relam
        CROSS JOIN LATERAL (SELECT @extschema@.pii_adoption_index(i.indexrelid, r.attname,
            CASE WHEN r.is_sealed THEN array_append((SELECT array_agg(g.key) FROM generated AS g WHERE g.relation = i.indrelid AND g.is_hash), r.hash)
                WHEN r.folds_case THEN ARRAY[quote_ident(r.attname), format('lower(%I)', r.attname), format('upper(%I)', r.attname), format('lower((%I)::text)', r.attname), format('upper((%I)::text)', r.attname)]
                ELSE ARRAY[quote_ident(r.attname)] END,
            CASE WHEN r.is_sealed THEN quote_ident(r.attname) ELSE r.hash END, r.way) AS statement) AS x
        WHERE d.classid = 'pg_class'::regclass AND i.indrelid IN (SELECT relation FROM member) AND NOT EXISTS (SELECT FROM pg_constraint AS o WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x'))
        UNION ALL
        SELECT d.depth, 'index', i.indexrelid::regclass::text, 'goes with its materialized view', format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
        FROM dependent AS d JOIN pg_index AS i ON i.indexrelid = d.objid JOIN pg_class AS c ON c.oid = i.indrelid AND c.relkind = 'm' WHERE d.classid = 'pg_class'::regclass
        UNION ALL
        SELECT 600, 'index', i.indexrelid::regclass::text, 'has no counterpart: it is of whole rows', format('DROP INDEX CONCURRENTLY %s', i.indexrelid::regclass), '-- ' || pg_get_indexdef(i.indexrelid)
        FROM rule AS r JOIN member AS m ON NOT r.is_sealed JOIN pg_index AS i ON i.indrelid = m.relation
        WHERE concat(i.indexprs, i.indpred) ~ ':varattno 0 ' AND NOT EXISTS (SELECT FROM dependent AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid)
        UNION ALL
        SELECT 600, 'statistics', s.name, 'has no counterpart: it is of whole rows', format('DROP STATISTICS %s', s.name), '-- ' || pg_get_statisticsobjdef(s.oid)
        FROM rule AS r JOIN member AS m ON NOT r.is_sealed
        JOIN (SELECT x.oid, x.stxrelid, x.stxexprs, format('%I.%I', n.nspname, x.stxname) AS name FROM pg_statistic_ext AS x JOIN pg_namespace AS n ON n.oid = x.stxnamespace) AS s ON s.stxrelid = m.relation
        WHERE s.stxexprs::text ~ ':varattno 0 ' AND NOT EXISTS (SELECT FROM dependent AS d WHERE d.classid = 'pg_statistic_ext'::regclass AND d.objid = s.oid)
        UNION ALL
        SELECT 900, 'comment', i.indexrelid::regclass::text, 'goes with the index', NULL, format('COMMENT ON INDEX %s IS %L', i.indexrelid::regclass, obj_description(i.indexrelid, 'pg_class'))
        FROM dependent AS d JOIN pg_index AS i ON i.indexrelid = d.objid WHERE d.classid = 'pg_class'::regclass AND obj_description(i.indexrelid, 'pg_class') IS NOT NULL
        UNION ALL
        -- what else belongs to the table
        SELECT d.depth, 'statistics', x.name, 'has no counterpart: sealed columns have no extended statistics', format('DROP STATISTICS %s', x.name), '-- ' || pg_get_statisticsobjdef(x.oid)
        FROM (SELECT s.oid, s.stxrelid, s.stxexprs, format('%I.%I', n.nspname, s.stxname) AS name FROM pg_statistic_ext AS s JOIN pg_namespace AS n ON n.oid = s.stxnamespace) AS x
        JOIN LATERAL (SELECT max(depth) AS depth FROM dependent AS d WHERE d.classid = 'pg_statistic_ext'::regclass AND d.objid = x.oid) AS d ON d.depth IS NOT NULL
        UNION ALL
        SELECT d.depth, 'default', format('%s.%I', e.adrelid::regclass, a.attname), CASE WHEN r.is_sealed THEN 'is sealed, and given back as you may see it' ELSE 'would stay plaintext in the catalog' END,
            format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', e.adrelid::regclass, a.attname),
            format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', e.adrelid::regclass, a.attname, regexp_replace(pg_get_expr(e.adbin, e.adrelid), '^(''(?:[^'']|'''')*'')::.*$', '\1'))
        FROM rule AS r CROSS JOIN dependent AS d JOIN pg_attrdef AS e ON e.oid = d.objid JOIN pg_attribute AS a ON a.attrelid = e.adrelid AND a.attnum = e.adnum
        WHERE d.classid = 'pg_attrdef'::regclass AND e.adrelid IN (SELECT relation FROM member)
          AND (e.adrelid = "table" OR NOT EXISTS (SELECT FROM pg_attribute AS i WHERE i.attrelid = e.adrelid AND i.attnum = e.adnum AND i.attinhcount > 0 AND NOT i.attislocal))
        UNION ALL
        SELECT g.depth, 'generated column', format('%s.%I', g.relation::regclass, g.attname),
            CASE WHEN r.is_sealed AND g.is_hash THEN 'is the blind index of the column' WHEN r.is_sealed THEN 'is made of the column'
                ELSE 'would store plaintext that is made of the column: pii_blind_index(column, transform) may take its place' END,
            format('ALTER TABLE %s DROP COLUMN %I', g.relation::regclass, g.attname),
            CASE WHEN r.is_sealed AND g.is_hash THEN NULL ELSE format('-- ALTER TABLE %s ADD COLUMN %I %s GENERATED ALWAYS AS (%s) STORED', g.relation::regclass, g.attname,
                (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a WHERE a.attrelid = g.relation AND a.attnum = g.attnum), g.expression) END
        FROM rule AS r CROSS JOIN generated AS g JOIN pg_attribute AS a ON a.attrelid = g.relation AND a.attnum = g.attnum AND a.attinhcount = 0
        UNION ALL
        SELECT d.depth, 'publication', format('%I of %s', b.pubname, p.prrelid::regclass), CASE WHEN w.condition <> @extschema@.pii_adoption_expression(w.condition, ARRAY[r.attname], 'rename') THEN 'has a WHERE of the column, where PostgreSQL allows no type of an extension'
                ELSE 'lists the column' END, format('ALTER PUBLICATION %I DROP TABLE ONLY %s', b.pubname, p.prrelid::regclass),
            CASE WHEN w.condition <> @extschema@.pii_adoption_expression(w.condition, ARRAY[r.attname], 'rename') THEN '-- ' ELSE '' END
                || format('ALTER PUBLICATION %I ADD TABLE ONLY %s', b.pubname, p.prrelid::regclass)
                || coalesce((SELECT ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')' FROM pg_attribute AS a WHERE a.attrelid = p.prrelid AND a.attnum = ANY (p.prattrs)), '')
                || coalesce(' WHERE (' || w.condition || ')', '')
        FROM rule AS r CROSS JOIN dependent AS d JOIN pg_publication_rel AS p ON p.oid = d.objid JOIN pg_publication AS b ON b.oid = p.prpubid
        CROSS JOIN LATERAL (SELECT pg_get_expr(p.prqual, p.prrelid) AS condition) AS w
        WHERE d.classid = 'pg_publication_rel'::regclass
        UNION ALL
        SELECT 700, 'replica identity', c.oid::regclass::text, 'an index of the column identifies its rows for subscribers, which get no generated columns',
            format('ALTER TABLE %s REPLICA IDENTITY FULL', c.oid::regclass), format('-- ALTER TABLE %s REPLICA IDENTITY %s', c.oid::regclass,
                CASE c.relreplident WHEN 'i' THEN 'USING INDEX ' || quote_ident((SELECT relname FROM pg_class AS n WHERE n.oid = i.indexrelid)) ELSE 'DEFAULT' END)
        FROM member AS m JOIN pg_class AS c ON c.oid = m.relation JOIN pg_index AS i ON i.indrelid = c.oid JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = "column"
        WHERE a.attnum = ANY (i.indkey) AND ((c.relreplident = 'i' AND i.indisreplident) OR (c.relreplident = 'd' AND i.indisprimary AND (
            EXISTS (SELECT FROM pg_publication_rel AS p WHERE p.prrelid = c.oid) OR EXISTS (SELECT FROM pg_publication AS p WHERE p.puballtables)
            OR EXISTS (SELECT FROM pg_publication_namespace AS p WHERE p.pnnspid = c.relnamespace))))
        UNION ALL
        -- what is worth knowing
        SELECT -1, 'note', name, n.reason, NULL, NULL FROM rule AS r CROSS JOIN LATERAL (VALUES
            (NOT r.is_sealed AND EXISTS (SELECT FROM pg_constraint AS c WHERE c.contypid IN (SELECT type FROM layer)), format('the constraints of domain %s are no longer checked', r.atttypid::regtype)),
            (NOT r.is_sealed AND r.is_text AND r.modifier > 0, format('the length of %s is no longer enforced', r.type_name)),
            (NOT r.is_sealed AND r.is_text AND r.base NOT IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) AND NOT r.folds_case, 'citext compares without regard to case; the class does not'),
            (NOT r.is_sealed AND r.attcollation NOT IN (0, 100), 'its collation does not come back with pii_release()'),
            (NOT r.is_sealed AND r.is_text AND (r.attstorage <> 'x' OR r.attcompression <> ''), 'its storage and compression do not come back with pii_release()')) AS n(is_so, reason)
        WHERE n.is_so
        UNION ALL
        SELECT -1, 'note', format('%I on %s', g.tgname, g.tgrelid::regclass), 'if its function uses the column, it gets pii_text', NULL, NULL
        FROM rule AS r JOIN member AS m ON NOT r.is_sealed JOIN pg_trigger AS g ON g.tgrelid = m.relation AND NOT g.tgisinternal AND g.tgparentid = 0 AND g.tgtype & 1 = 1
            AND g.tgfoid <> '@extschema@.pii_write_mode()'::regprocedure
        UNION ALL
        SELECT -1, 'note', format('publication %I', b.pubname), 'sends sealed text from then on: adopt the column of its subscribers first', NULL, NULL
        FROM rule AS r JOIN pg_publication AS b ON NOT r.is_sealed
        WHERE b.puballtables OR EXISTS (SELECT FROM pg_publication_rel AS p WHERE p.prpubid = b.oid AND p.prrelid IN (SELECT relation FROM member))
           OR EXISTS (SELECT FROM pg_publication_namespace AS p JOIN pg_class AS c ON c.relnamespace = p.pnnspid WHERE p.pnpubid = b.oid AND c.oid IN (SELECT relation FROM member))
        UNION ALL
        SELECT -1, 'note', o.name, 'uses whole rows of the table', NULL, NULL
        FROM rule AS r JOIN member AS m ON NOT r.is_sealed CROSS JOIN LATERAL (
            SELECT format('%I on %s', c.conname, c.conrelid::regclass) AS name FROM pg_constraint AS c WHERE c.conrelid = m.relation AND c.conbin::text ~ ':varattno 0 '
            UNION ALL SELECT format('%I on %s', p.polname, p.polrelid::regclass) FROM pg_policy AS p WHERE p.polrelid = m.relation AND concat(p.polqual, p.polwithcheck) ~ ':varattno 0 '
            UNION ALL SELECT format('%I on %s', g.tgname, g.tgrelid::regclass) FROM pg_trigger AS g WHERE g.tgrelid = m.relation AND g.tgqual::text ~ ':varattno 0 ') AS o
    )
    -- A name with a line break would end a comment, and go on as a statement of whoever chose it.
    SELECT DISTINCT ON (depth, kind, object, reason) f.kind, f.object, f.reason, f.drop_statement,
        CASE WHEN f.create_statement ~ '^--' THEN translate(f.create_statement, E'\n\r', '  ') ELSE f.create_statement END FROM finding AS f
    WHERE f.kind <> 'comment' OR EXISTS (SELECT FROM finding AS i WHERE i.kind = 'index' AND i.object = f.object AND i.create_statement !~ '^--')
    ORDER BY f.depth DESC, f.kind, f.object, f.reason
    $$;
COMMENT ON FUNCTION @extschema@.pii_adoption_obstacles(regclass, name, text) IS
    'what keeps a column from becoming sealed without a rewrite, or a sealed one from becoming plain: drop in the order of the rows, create in the reverse order afterwards; notes and comments are in nobody''s way';

-- They run as the caller, who owns the tables, and commit.
CREATE PROCEDURE @extschema@.pii_adopt("table" regclass, "column" name, class text DEFAULT NULL, replace boolean DEFAULT false, rewrite boolean DEFAULT false, lock_timeout interval DEFAULT '50 ms', attempts integer DEFAULT 100)
    AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.pii_adopt(regclass, name, text, boolean, boolean, interval, integer) IS
    'makes a column of text a column of pii_text without rewriting the table, under a lock that nobody waits behind for longer than lock_timeout; replace: drops what is in the way and makes its counterparts, for small tables';

CREATE PROCEDURE @extschema@.pii_release("table" regclass, "column" name, type text DEFAULT 'text', replace boolean DEFAULT false, rewrite boolean DEFAULT false, lock_timeout interval DEFAULT '50 ms', attempts integer DEFAULT 100)
    AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.pii_release(regclass, name, text, boolean, boolean, interval, integer) IS
    'the end of the way back, after pii_unseal_column(): makes a column of pii_text a column of text, in the same way';

-- jobs

-- Jobs are of a server: no part of a dump. Only the functions below write here, because a row says as whom a process works.
CREATE TABLE @extschema@.pii_job (
    job_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    relation regclass NOT NULL,
    attribute name NOT NULL,
    owner regrole NOT NULL,
    batch integer NOT NULL CHECK (batch >= 1),
    pause interval NOT NULL,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'stopping', 'stopped', 'done', 'failed')),
    rows_done bigint NOT NULL DEFAULT 0,
    rows_total bigint,
    rows_skipped bigint NOT NULL DEFAULT 0,
    member oid NOT NULL DEFAULT 0,
    block bigint NOT NULL DEFAULT 0,
    started_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    run_started_at timestamp with time zone,
    rows_done_before bigint NOT NULL DEFAULT 0,
    updated_at timestamp with time zone,
    ended_at timestamp with time zone,
    pid integer,
    last_error text
);
COMMENT ON TABLE @extschema@.pii_job IS 'what pii_start_job() and the processes of jobs keep; pii_jobs shows it';
COMMENT ON COLUMN @extschema@.pii_job.job_id IS 'number of the job';
COMMENT ON COLUMN @extschema@.pii_job.kind IS 'what is done: rewrap, seal or unseal';
COMMENT ON COLUMN @extschema@.pii_job.relation IS 'table that it is done to';
COMMENT ON COLUMN @extschema@.pii_job.attribute IS 'column of the table';
COMMENT ON COLUMN @extschema@.pii_job.owner IS 'role that started the job, and as which it is done';
COMMENT ON COLUMN @extschema@.pii_job.batch IS 'rows of a transaction';
COMMENT ON COLUMN @extschema@.pii_job.pause IS 'time between two transactions';
COMMENT ON COLUMN @extschema@.pii_job.state IS 'running, stopping, stopped, done or failed';
COMMENT ON COLUMN @extschema@.pii_job.rows_done IS 'rows that it has changed';
COMMENT ON COLUMN @extschema@.pii_job.rows_total IS 'the same, and the rows that were left to do when it last began; NULL before they are counted';
COMMENT ON COLUMN @extschema@.pii_job.rows_skipped IS 'rows that others held, and that it comes back to';
COMMENT ON COLUMN @extschema@.pii_job.member IS 'partition or child table where it goes on';
COMMENT ON COLUMN @extschema@.pii_job.block IS 'block of it where it goes on';
COMMENT ON COLUMN @extschema@.pii_job.started_at IS 'when it was started first';
COMMENT ON COLUMN @extschema@.pii_job.run_started_at IS 'when the process that works on it began';
COMMENT ON COLUMN @extschema@.pii_job.rows_done_before IS 'rows_done at that time';
COMMENT ON COLUMN @extschema@.pii_job.updated_at IS 'when its process last wrote the row';
COMMENT ON COLUMN @extschema@.pii_job.ended_at IS 'when it was stopped, done or failed';
COMMENT ON COLUMN @extschema@.pii_job.pid IS 'process that works on it, or did when the server went down';
COMMENT ON COLUMN @extschema@.pii_job.last_error IS 'why it failed';
COMMENT ON CONSTRAINT pii_job_pkey ON @extschema@.pii_job IS 'jobs have numbers';
COMMENT ON CONSTRAINT pii_job_batch_check ON @extschema@.pii_job IS 'a transaction has rows';
COMMENT ON CONSTRAINT pii_job_state_check ON @extschema@.pii_job IS 'states by name';
COMMENT ON INDEX @extschema@.pii_job_pkey IS 'jobs have numbers';
COMMENT ON SEQUENCE @extschema@.pii_job_job_id_seq IS 'numbers of jobs';

CREATE UNIQUE INDEX pii_job_active ON @extschema@.pii_job (relation, attribute) WHERE state IN ('running', 'stopping');
COMMENT ON INDEX @extschema@.pii_job_active IS 'one job at a time on a column';

CREATE FUNCTION @extschema@.pii_job_guard() RETURNS trigger
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.pii_job_guard() IS 'keeps out roles that may write all tables';

CREATE TRIGGER pii_job_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.pii_job
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.pii_job_guard();
ALTER TABLE @extschema@.pii_job ENABLE ALWAYS TRIGGER pii_job_guard;
COMMENT ON TRIGGER pii_job_guard ON @extschema@.pii_job IS 'keeps out roles that may write all tables';

CREATE FUNCTION @extschema@.pii_job_is_local() RETURNS trigger
    AS 'MODULE_PATHNAME', 'pii_privilege_is_local' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.pii_job_is_local() IS 'keeps jobs that come by logical replication out';

CREATE TRIGGER pii_job_is_local BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.pii_job
    FOR EACH ROW EXECUTE FUNCTION @extschema@.pii_job_is_local();
ALTER TABLE @extschema@.pii_job ENABLE ALWAYS TRIGGER pii_job_is_local;
COMMENT ON TRIGGER pii_job_is_local ON @extschema@.pii_job IS 'keeps jobs that come by logical replication out';

CREATE FUNCTION @extschema@.pii_start_job(
    kind text, "table" regclass, "column" name, batch integer DEFAULT 1000, pause interval DEFAULT '0') RETURNS bigint
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.pii_start_job(text, regclass, name, integer, interval) IS
    'starts a process that does with a column, as the calling role, what the kind says (rewrap, seal, unseal); or goes on with a job that was stopped or failed; returns its number';

CREATE FUNCTION @extschema@.pii_stop_job(job_id bigint) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION @extschema@.pii_stop_job(bigint) IS
    'ends a job so that pii_start_job() can go on with it; false when it has ended already';

-- A process that is gone, with the server for example, is not shown: the job goes on with the server's next start.
-- Operators take the types they are given, here and in pii_columns: one of others in the schema could fit them better.
CREATE VIEW @extschema@.pii_jobs WITH (security_barrier) AS
    SELECT job_id, kind, relation AS "table", attribute AS "column", owner AS role, state, rows_done, rows_total, rows_skipped,
        pg_catalog.round(rate, 1) AS rows_per_second,
        CASE WHEN state = 'running' AND rate > 0::numeric THEN
            pg_catalog.make_interval(secs => pg_catalog.round(greatest(rows_total - rows_done, 0)::numeric / rate)::double precision)
        END AS remaining,
        started_at, updated_at, ended_at,
        (SELECT a.pid FROM pg_catalog.pg_stat_get_activity(coalesce(j.pid, 0)) AS a
         WHERE a.datid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())) AS pid,
        last_error
    FROM (SELECT *, (rows_done - rows_done_before)::numeric
                    / nullif(extract(epoch FROM coalesce(ended_at, pg_catalog.clock_timestamp()) - run_started_at), 0::numeric) AS rate
          FROM @extschema@.pii_job) AS j
    WHERE pg_catalog.pg_has_role(owner, 'USAGE') OR pg_catalog.pg_has_role('pg_monitor', 'USAGE');
COMMENT ON VIEW @extschema@.pii_jobs IS 'jobs of this database: all of them for pg_monitor, to others those of roles they are members of';
COMMENT ON COLUMN @extschema@.pii_jobs.job_id IS 'number of the job, for pii_stop_job()';
COMMENT ON COLUMN @extschema@.pii_jobs.kind IS 'what is done: rewrap, seal or unseal';
COMMENT ON COLUMN @extschema@.pii_jobs."table" IS 'table that it is done to; its OID when it was dropped';
COMMENT ON COLUMN @extschema@.pii_jobs."column" IS 'column of the table';
COMMENT ON COLUMN @extschema@.pii_jobs.role IS 'role that started the job, and as which it is done';
COMMENT ON COLUMN @extschema@.pii_jobs.state IS
    'running (without a pid: interrupted, it goes on when the server is started or by pii_start_job()), stopping, stopped, done or failed';
COMMENT ON COLUMN @extschema@.pii_jobs.rows_done IS 'rows that it has changed';
COMMENT ON COLUMN @extschema@.pii_jobs.rows_total IS 'the same, and the rows that were left to do when it last began; NULL before they are counted';
COMMENT ON COLUMN @extschema@.pii_jobs.rows_skipped IS 'rows that others held, and that it comes back to';
COMMENT ON COLUMN @extschema@.pii_jobs.rows_per_second IS 'rows changed since its process began, by the time, with pauses';
COMMENT ON COLUMN @extschema@.pii_jobs.remaining IS 'time until it is done, should it go on as fast';
COMMENT ON COLUMN @extschema@.pii_jobs.started_at IS 'when it was started first';
COMMENT ON COLUMN @extschema@.pii_jobs.updated_at IS 'when its process last wrote how far it is';
COMMENT ON COLUMN @extschema@.pii_jobs.ended_at IS 'when it was stopped, done or failed';
COMMENT ON COLUMN @extschema@.pii_jobs.pid IS 'process that works on it, NULL when there is none';
COMMENT ON COLUMN @extschema@.pii_jobs.last_error IS 'SQLSTATE and message of the error that it failed with';

-- It takes one of max_worker_processes.
REVOKE ALL ON FUNCTION @extschema@.pii_start_job(text, regclass, name, integer, interval) FROM PUBLIC;
GRANT SELECT ON @extschema@.pii_jobs TO PUBLIC;

-- inventory

-- No part of the view's query, because only the library knows what a key of an index is made of.
CREATE FUNCTION @extschema@.pii_column_indexes("table" regclass, "column" name) RETURNS text[]
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pii_column_indexes(regclass, name) IS
    'names of the indexes that have a blind index of a column as a key: any transform, words, generated columns; NULL while the table is locked';

CREATE VIEW @extschema@.pii_columns AS
    WITH RECURSIVE sealed (type, modifier) AS (
        SELECT '@extschema@.pii_text'::regtype::oid, -1
        UNION ALL
        SELECT t.oid, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE modifier END
        FROM sealed JOIN pg_catalog.pg_type AS t ON t.typbasetype = type AND t.typtype = 'd')
    SELECT c.oid::regclass AS "table", a.attname AS "column",
        CASE WHEN greatest(a.atttypmod, modifier) >= 0 THEN
            pg_catalog.btrim(@extschema@.pii_text_typmod_out(greatest(a.atttypmod, modifier))::text, '()"') END AS class,
        (SELECT n.attname FROM pg_catalog.pg_trigger AS g JOIN pg_catalog.pg_attribute AS n ON n.attrelid = g.tgrelid AND n.attnum = g.tgattr[1]
         WHERE g.tgrelid = c.oid AND g.tgname = 'pii_seal_when' AND g.tgattr[0] = a.attnum) AS attribute,
        @extschema@.pii_column_indexes(c.oid::regclass, a.attname) AS indexes,
        (SELECT CASE WHEN pg_catalog.min(l.reltuples) >= 0::real THEN pg_catalog.sum(l.reltuples) END
         FROM pg_catalog.pg_class AS l
         WHERE CASE WHEN c.relkind = 'p' THEN l.oid IN (SELECT relid::oid FROM pg_catalog.pg_partition_tree(c.oid::regclass) WHERE isleaf)
               ELSE l.oid = c.oid END)::bigint AS estimated_rows
    FROM sealed
    JOIN pg_catalog.pg_attribute AS a ON a.atttypid = type AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition
    WHERE NOT pg_catalog.pg_is_other_temp_schema(c.relnamespace)
    ORDER BY c.oid::regclass::text, a.attnum;
COMMENT ON VIEW @extschema@.pii_columns IS
    'columns of type pii_text and of domains over it; a partitioned table stands for its partitions; without arrays and composite types, which the procedures do not take';
COMMENT ON COLUMN @extschema@.pii_columns."table" IS 'table, partitioned table, materialized view or foreign table';
COMMENT ON COLUMN @extschema@.pii_columns."column" IS 'column of the table';
COMMENT ON COLUMN @extschema@.pii_columns.class IS 'class that the column declares, NULL when it declares none';
COMMENT ON COLUMN @extschema@.pii_columns.attribute IS 'of an attribute table (pii_seal_when): column that says what the value is, NULL for other tables';
COMMENT ON COLUMN @extschema@.pii_columns.indexes IS 'its blind indexes, also those of parts and of words; of a partitioned table, not those that one partition has alone; NULL while the table is locked';
COMMENT ON COLUMN @extschema@.pii_columns.estimated_rows IS 'rows of the table by its last ANALYZE, NULL when there was none';

CREATE FUNCTION @extschema@.pii_check(OUT severity text, OUT object text, OUT finding text, OUT advice text) RETURNS SETOF record
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off SET lock_timeout = '5s' SET jit = off;
COMMENT ON FUNCTION @extschema@.pii_check() IS
    'what leaves personal data readable (error), what may go wrong (warning) and what to know (info), with what to do; looks at settings, keys, grants, copies and samples of the tables, and shows no value';

CREATE FUNCTION @extschema@.pii_discover(
    schema text DEFAULT NULL, sample_rows integer DEFAULT 1000, OUT "table" regclass, OUT "column" name, OUT class text, OUT matches bigint,
    OUT sampled bigint, OUT by text, OUT statement text) RETURNS SETOF record
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.pii_discover(text, integer) IS
    'columns that look as if they held personal data, by their names and a sample of so many rows of each table; reads what the caller may read, and shows no value; with the statement that protects each';

-- It says where to look for plaintext.
REVOKE ALL ON FUNCTION @extschema@.pii_check() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.pii_check() TO pg_monitor;
GRANT SELECT ON @extschema@.pii_columns TO PUBLIC;

-- privileges

-- A dump holds the grants, by the names of roles, but for those that are gone: they would come back as numbers, which may
-- be another role's somewhere else. Class -1 is every class.
CREATE TABLE @extschema@.pii_privilege (
    role regrole NOT NULL CHECK (role <> 0::oid),
    class_id integer NOT NULL CHECK (class_id BETWEEN -1 AND 65535),
    privilege text NOT NULL CHECK (privilege IN ('REVEAL', 'MASK', 'SEARCH', 'IMPORT')),
    PRIMARY KEY (role, class_id, privilege)
);
COMMENT ON TABLE @extschema@.pii_privilege IS 'what pii_grant() and pii_revoke() keep; pii_privileges shows it with names';
COMMENT ON COLUMN @extschema@.pii_privilege.role IS 'who has the privilege';
COMMENT ON COLUMN @extschema@.pii_privilege.class_id IS 'class, -1 for every class';
COMMENT ON COLUMN @extschema@.pii_privilege.privilege IS 'REVEAL, MASK, SEARCH or IMPORT';
COMMENT ON CONSTRAINT pii_privilege_pkey ON @extschema@.pii_privilege IS 'a privilege is granted once';
COMMENT ON CONSTRAINT pii_privilege_role_check ON @extschema@.pii_privilege IS 'PUBLIC has a table of its own';
COMMENT ON CONSTRAINT pii_privilege_class_id_check ON @extschema@.pii_privilege IS 'ids of classes, or -1';
COMMENT ON CONSTRAINT pii_privilege_privilege_check ON @extschema@.pii_privilege IS 'privileges by name';
COMMENT ON INDEX @extschema@.pii_privilege_pkey IS 'a privilege is granted once';

-- Apart, because one role that a restore does not find loses all rows of the table, and here that would give back what was
-- taken from everybody: PUBLIC has MASK until a row says otherwise.
CREATE TABLE @extschema@.pii_public_privilege (
    class_id integer NOT NULL CHECK (class_id BETWEEN -1 AND 65535),
    privilege text NOT NULL CHECK (privilege IN ('REVEAL', 'MASK', 'SEARCH', 'IMPORT')),
    is_granted boolean NOT NULL CHECK (is_granted OR privilege = 'MASK'),
    PRIMARY KEY (class_id, privilege)
);
COMMENT ON TABLE @extschema@.pii_public_privilege IS 'the same for PUBLIC';
COMMENT ON COLUMN @extschema@.pii_public_privilege.class_id IS 'class, -1 for every class';
COMMENT ON COLUMN @extschema@.pii_public_privilege.privilege IS 'REVEAL, MASK, SEARCH or IMPORT';
COMMENT ON COLUMN @extschema@.pii_public_privilege.is_granted IS 'false only for MASK, which was revoked';
COMMENT ON CONSTRAINT pii_public_privilege_pkey ON @extschema@.pii_public_privilege IS 'a privilege is granted or revoked once';
COMMENT ON CONSTRAINT pii_public_privilege_class_id_check ON @extschema@.pii_public_privilege IS 'ids of classes, or -1';
COMMENT ON CONSTRAINT pii_public_privilege_privilege_check ON @extschema@.pii_public_privilege IS 'privileges by name';
COMMENT ON CONSTRAINT pii_public_privilege_check ON @extschema@.pii_public_privilege IS 'only MASK is there without being granted';
COMMENT ON INDEX @extschema@.pii_public_privilege_pkey IS 'a privilege is granted or revoked once';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.pii_privilege',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles WHERE oid = role)');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.pii_public_privilege', '');

CREATE FUNCTION @extschema@.pii_privilege_changed() RETURNS trigger
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.pii_privilege_changed() IS 'makes every session read the grants again';

CREATE TRIGGER pii_privilege_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.pii_privilege
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.pii_privilege_changed();
ALTER TABLE @extschema@.pii_privilege ENABLE ALWAYS TRIGGER pii_privilege_changed;
COMMENT ON TRIGGER pii_privilege_changed ON @extschema@.pii_privilege IS 'makes every session read the grants again';

CREATE TRIGGER pii_privilege_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.pii_public_privilege
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.pii_privilege_changed();
ALTER TABLE @extschema@.pii_public_privilege ENABLE ALWAYS TRIGGER pii_privilege_changed;
COMMENT ON TRIGGER pii_privilege_changed ON @extschema@.pii_public_privilege IS 'makes every session read the grants again';

CREATE FUNCTION @extschema@.pii_privilege_is_local() RETURNS trigger
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION @extschema@.pii_privilege_is_local() IS 'keeps grants that come by logical replication out';

CREATE TRIGGER pii_privilege_is_local BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.pii_privilege
    FOR EACH ROW EXECUTE FUNCTION @extschema@.pii_privilege_is_local();
ALTER TABLE @extschema@.pii_privilege ENABLE ALWAYS TRIGGER pii_privilege_is_local;
COMMENT ON TRIGGER pii_privilege_is_local ON @extschema@.pii_privilege IS 'keeps grants that come by logical replication out';

CREATE TRIGGER pii_privilege_is_local BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.pii_public_privilege
    FOR EACH ROW EXECUTE FUNCTION @extschema@.pii_privilege_is_local();
ALTER TABLE @extschema@.pii_public_privilege ENABLE ALWAYS TRIGGER pii_privilege_is_local;
COMMENT ON TRIGGER pii_privilege_is_local ON @extschema@.pii_public_privilege IS 'keeps grants that come by logical replication out';

-- They run as the owner of the extension; who may administer privileges is who may run them.
CREATE FUNCTION @extschema@.pii_grant(role regrole, class text, privilege text) RETURNS void
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.pii_grant(regrole, text, text) IS
    'lets a role do something with the values of a class, * for every class: REVEAL, MASK, SEARCH, IMPORT or ALL';

CREATE FUNCTION @extschema@.pii_grant(role text, class text, privilege text) RETURNS void
    AS 'MODULE_PATHNAME', 'pii_grant_by_name' LANGUAGE C VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.pii_grant(text, text, text) IS
    'the same with the name of a role, or public';

CREATE FUNCTION @extschema@.pii_revoke(role regrole, class text, privilege text) RETURNS void
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.pii_revoke(regrole, text, text) IS
    'takes a privilege back, and warns when the role still has it from elsewhere';

CREATE FUNCTION @extschema@.pii_revoke(role text, class text, privilege text) RETURNS void
    AS 'MODULE_PATHNAME', 'pii_revoke_by_name' LANGUAGE C VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION @extschema@.pii_revoke(text, text, text) IS
    'the same with the name of a role, or public';

CREATE VIEW @extschema@.pii_privileges AS
    SELECT role, CASE WHEN p.class_id = -1 THEN '*' ELSE coalesce(c.name, p.class_id::text) END AS class, privilege, is_granted
    FROM (SELECT role::text, class_id, privilege, true AS is_granted FROM @extschema@.pii_privilege
          UNION ALL
          SELECT 'public', class_id, privilege, is_granted FROM @extschema@.pii_public_privilege
          UNION ALL
          SELECT 'public', -1, 'MASK', true
          WHERE NOT EXISTS (SELECT FROM @extschema@.pii_public_privilege WHERE class_id = -1 AND privilege = 'MASK')) AS p
    LEFT JOIN @extschema@.pii_classes AS c USING (class_id)
    ORDER BY 1, 2, 3;
COMMENT ON VIEW @extschema@.pii_privileges IS 'who may do what with the values of which class; superusers may do all';
COMMENT ON COLUMN @extschema@.pii_privileges.role IS 'role, with all its members, or public';
COMMENT ON COLUMN @extschema@.pii_privileges.class IS 'class, * for every class';
COMMENT ON COLUMN @extschema@.pii_privileges.privilege IS
    'REVEAL: plaintext and mask; MASK: the masked form; SEARCH: comparisons and keyed hashes; IMPORT: sealed text as input';
COMMENT ON COLUMN @extschema@.pii_privileges.is_granted IS 'false: MASK, which PUBLIC has by default, was revoked';

CREATE FUNCTION @extschema@.pii_stat_access_rows(
    OUT database oid, OUT role oid, OUT class text, OUT sealed bigint, OUT revealed bigint, OUT masked bigint,
    OUT searched bigint, OUT denied bigint, OUT failed bigint, OUT reset_at timestamp with time zone) RETURNS SETOF record
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.pii_stat_access_rows() IS 'rows of the view pii_stat_access';

CREATE FUNCTION @extschema@.pii_stat_access_reset() RETURNS void
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.pii_stat_access_reset() IS 'sets the counters of pii_stat_access to zero, of all databases';

CREATE VIEW @extschema@.pii_stat_access AS
    SELECT d.datname AS database, coalesce(r.rolname, s.role::text) AS role, class, sealed, revealed, masked, searched, denied, failed, reset_at
    FROM @extschema@.pii_stat_access_rows() AS s
    LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.database LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.role;
COMMENT ON VIEW @extschema@.pii_stat_access IS
    'number of values by what was done with them, since the server started or pii_stat_access_reset(); one row without names for what did not fit';
COMMENT ON COLUMN @extschema@.pii_stat_access.database IS 'name of the database';
COMMENT ON COLUMN @extschema@.pii_stat_access.role IS 'current user at the time';
COMMENT ON COLUMN @extschema@.pii_stat_access.class IS 'class of the values; NULL when it was not known';
COMMENT ON COLUMN @extschema@.pii_stat_access.sealed IS 'values that were sealed, also again, or came in as sealed text';
COMMENT ON COLUMN @extschema@.pii_stat_access.revealed IS 'values that were shown in plain';
COMMENT ON COLUMN @extschema@.pii_stat_access.masked IS 'values that were shown masked';
COMMENT ON COLUMN @extschema@.pii_stat_access.searched IS 'values that were hashed or compared';
COMMENT ON COLUMN @extschema@.pii_stat_access.denied IS 'values that were refused for want of a privilege';
COMMENT ON COLUMN @extschema@.pii_stat_access.failed IS 'values that could not be read or sealed';
COMMENT ON COLUMN @extschema@.pii_stat_access.reset_at IS 'when counting began';

REVOKE ALL ON FUNCTION @extschema@.pii_seal_canary(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.pii_grant(regrole, text, text), @extschema@.pii_grant(text, text, text),
    @extschema@.pii_revoke(regrole, text, text), @extschema@.pii_revoke(text, text, text),
    @extschema@.pii_stat_access_reset(), @extschema@.pii_stat_access_rows() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.pii_stat_access_rows() TO pg_read_all_stats;
GRANT SELECT ON @extschema@.pii_stat_access TO pg_read_all_stats;
-- The tables too: whoever dumps the database reads them.
GRANT SELECT ON @extschema@.pii_privileges, @extschema@.pii_privilege, @extschema@.pii_public_privilege TO PUBLIC;

-- last_error can name what is wrong with the server's files.
REVOKE ALL ON FUNCTION @extschema@.pii_keyring_rows(), @extschema@.pii_reload_keyring() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.pii_keyring_rows() TO pg_monitor;
GRANT SELECT ON @extschema@.pii_keyring TO pg_monitor;
GRANT SELECT ON @extschema@.pii_classes TO PUBLIC;

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
CREATE VIEW @extschema@.pii_jobs WITH (security_barrier) AS
    SELECT job_id, kind, relation AS "table", attribute AS "column", owner AS role, state, rows_done, rows_total, rows_skipped,
        pg_catalog.round(rate, 1) AS rows_per_second,
        CASE WHEN state = 'running' AND rate > 0 THEN
            pg_catalog.make_interval(secs => pg_catalog.round(greatest(rows_total - rows_done, 0) / rate)::double precision)
        END AS remaining,
        started_at, updated_at, ended_at,
        (SELECT a.pid FROM pg_catalog.pg_stat_get_activity(coalesce(j.pid, 0)) AS a
         WHERE a.datid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())) AS pid,
        last_error
    FROM (SELECT *, (rows_done - rows_done_before)
                    / nullif(extract(epoch FROM coalesce(ended_at, pg_catalog.clock_timestamp()) - run_started_at), 0) AS rate
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
        @extschema@.pii_column_indexes(c.oid::regclass, a.attname) AS indexes,
        (SELECT CASE WHEN pg_catalog.min(l.reltuples) >= 0 THEN pg_catalog.sum(l.reltuples) END
         FROM pg_catalog.pg_class AS l
         WHERE CASE WHEN c.relkind = 'p' THEN l.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid::regclass) WHERE isleaf)
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

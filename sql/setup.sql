-- The extension in a schema of its own, found by search_path; and the function that the other tests show errors with.
CREATE SCHEMA pii_schema;
CREATE EXTENSION pii SCHEMA pii_schema;
ALTER DATABASE pii_regression SET search_path = public, pii_schema;
SET search_path = public, pii_schema;

-- What a statement raises: SQLSTATE and every text a client gets to see.
CREATE FUNCTION error_of(statement text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    state := 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
END
$$;

-- Every object that the extension made has a comment.
SELECT pg_describe_object(classid, objid, objsubid)
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pii')
  AND obj_description(objid, classid::regclass::name) IS NULL
  AND NOT (classid = 'pg_type'::regclass AND objid IN (SELECT reltype FROM pg_class WHERE relkind = 'v'));

-- Nothing that seals may be folded or cached, nothing that reveals may be indexed.
SELECT proname, pg_get_function_identity_arguments(p.oid) AS arguments, provolatile, proisstrict, proparallel, proleakproof
FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
WHERE nspname = 'pii_schema' ORDER BY 1, 2;

-- The casts. No implicit or assignment cast from pii_text to any string type.
SELECT castsource::regtype, casttarget::regtype, castfunc::regprocedure, castcontext, castmethod
FROM pg_cast WHERE castsource = 'pii_text'::regtype OR casttarget = 'pii_text'::regtype ORDER BY 1, 2;
SELECT oid::regtype AS string_type_with_automatic_cast
FROM pg_type t
WHERE typcategory = 'S' AND typtype = 'b' AND typelem = 0
  AND NOT EXISTS (SELECT FROM pg_cast WHERE castsource = 'pii_text'::regtype AND casttarget = t.oid AND castcontext = 'e');

-- Readable without privileges, but for the keyring.
SELECT has_table_privilege('public', 'pii_classes', 'SELECT') AS classes,
    has_table_privilege('public', 'pii_keyring', 'SELECT') AS keyring,
    has_table_privilege('pg_monitor', 'pii_keyring', 'SELECT') AS keyring_monitor;

// What pii_check() asks of catalogs and settings. search_path is pg_catalog, so that names come out with
// their schema.

#include "check.h"

namespace pii {
namespace {

constexpr char kLibrary[] = R"(
SELECT 'warning', 'shared_preload_libraries', 'pii is not preloaded: the server holds no keys, and no value can be read or sealed',
    'Add pii to shared_preload_libraries and restart the server.'
WHERE current_setting('pii.keyring_file', true) IS NULL)";

constexpr char kKeyring[] = R"(
WITH keyring AS (SELECT * FROM {pii}.pii_keyring)
SELECT 'warning', 'pii_keyring', CASE WHEN loaded_at IS NULL THEN 'no keyring is loaded, personal data is locked'
        ELSE 'the keyring was refused when it was read again, the one before is in use' END || coalesce(': ' || last_error, ''),
    'Correct the keyring (pii-keyring verify), then: SELECT {pii}.pii_reload_keyring();'
FROM (SELECT DISTINCT loaded_at, last_error FROM keyring) AS k WHERE loaded_at IS NULL OR last_error IS NOT NULL
UNION ALL
SELECT 'warning', 'pii.domain', format('domain "%s" is not in the keyring, personal data is locked', current_setting('pii.domain')),
    format('Add it (pii-keyring domain add) and reload, or: ALTER DATABASE %I SET pii.domain = ...;', current_database())
WHERE EXISTS (SELECT FROM keyring WHERE loaded_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM keyring WHERE domain = current_setting('pii.domain'))
UNION ALL
SELECT 'info', 'pii.keyring_file', 'the keys in the file are not wrapped by a root key: whoever reads the file has them',
    'Wrap it: pii-keyring init-root, pii-keyring wrap, then set pii.root_key_file or pii.root_key_command.'
WHERE current_setting('pii.keyring_file', true) <> '' AND current_setting('pii.root_key_file', true) = ''
    AND current_setting('pii.root_key_command', true) = '')";

// A setting of a session, of the server, of a database or of a role. Those of databases and roles are told
// from where they are set, not again where they apply.
constexpr char kSettings[] = R"(
WITH good (name, bad, severity, finding, value) AS (VALUES
    ('pii.log_scrubbing', ARRAY['off'], 'error', 'literals, parameters and failing rows go to the server log', 'sealed'),
    ('pii.core_dumps', ARRAY['on', 'true', 'yes', '1'], 'error', 'a core file of a server process would hold keys and values', 'off'),
    ('pii.write_mode', ARRAY['plain'], 'error', 'new values of adopted columns are stored in plain', 'sealed'),
    ('pii.accept_unverified', ARRAY['on', 'true', 'yes', '1'], 'warning', 'sealed text whose key is not there is stored without a check', 'off'),
    ('pii.sealed_applications', ARRAY['', '""'], 'warning', 'pg_dump --inserts and postgres_fdw read values in plain',
        'pg_dump, pg_dumpall, postgres_fdw, citus_internal, citus_rebalancer')),
found (name, value, place, command) AS (
    SELECT name, setting, CASE source WHEN 'session' THEN 'this session' ELSE 'the server' END,
        CASE source WHEN 'session' THEN 'RESET %1$s;' ELSE 'ALTER SYSTEM SET %1$s = %2$L; SELECT pg_reload_conf();' END
    FROM pg_settings WHERE source NOT IN ('database', 'user', 'database user')
    UNION ALL
    SELECT split_part(item, '=', 1), substr(item, strpos(item, '=') + 1),
        concat_ws(' in ', CASE WHEN setrole <> 0 THEN 'role ' || setrole::regrole END, CASE WHEN setdatabase <> 0 THEN 'database ' || quote_ident(datname) END),
        CASE WHEN setrole <> 0 THEN concat_ws(' ', 'ALTER ROLE', setrole::regrole, 'IN DATABASE ' || quote_ident(datname))
            ELSE 'ALTER DATABASE ' || quote_ident(datname) END || ' RESET %1$s;'
    FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS item LEFT JOIN pg_database AS d ON d.oid = setdatabase
    WHERE setdatabase = 0 OR datname = current_database()),
logged (settings) AS (
    SELECT string_agg(format('%s = %s', name, setting), ', ' ORDER BY name) FROM pg_settings
    WHERE (name = 'log_statement' AND setting <> 'none')
        OR (name IN ('log_min_duration_statement', 'log_min_duration_sample', 'auto_explain.log_min_duration') AND setting <> '-1')
        OR (name IN ('log_min_error_statement', 'log_parameter_max_length_on_error') AND setting NOT IN ('panic', 'fatal', '0')))
SELECT severity, good.name, format('%s (%s)', finding, place) || CASE WHEN good.name = 'pii.log_scrubbing' THEN coalesce(': ' || settings, '') ELSE '' END,
    format(command, good.name, good.value)
FROM good JOIN found USING (name) CROSS JOIN logged WHERE lower(btrim(found.value)) = ANY (bad))";

constexpr char kClasses[] = R"(
SELECT 'warning', format('%s.%I', "table", "column"), 'the column declares no class: its values are masked as ****, and found only as they are written',
    format('ALTER TABLE %s ALTER COLUMN %I TYPE {pii}.pii_text(CLASS); -- one of: SELECT name FROM {pii}.pii_classes', "table", "column")
FROM {pii}.pii_columns WHERE class IS NULL AND attribute IS NULL)";

constexpr char kRules[] = R"(
SELECT 'error', format('%s.%I', r."table", c."column"), format('values that were there before the rule of attribute %L may not be sealed', r.attribute),
    format('CALL {pii}.pii_seal_column(%L, %L);', r."table", c."column")
FROM {pii}.pii_sealed_attribute AS r JOIN {pii}.pii_columns AS c ON c."table" = r."table" AND c.attribute IS NOT NULL
WHERE r.phase <> 'sealed')";

constexpr char kPublicGrants[] = R"(
SELECT CASE privilege WHEN 'REVEAL' THEN 'error' ELSE 'warning' END, format('public on %s', class), CASE privilege
        WHEN 'REVEAL' THEN 'every role may read the values in plain'
        WHEN 'SEARCH' THEN 'every role may find out values by comparing guesses'
        ELSE 'every role may store sealed text that it got elsewhere' END || format(' (%s)', privilege),
    format('SELECT {pii}.pii_revoke(%L, %L, %L);', 'public', class, privilege)
FROM {pii}.pii_privileges WHERE role = 'public' AND is_granted AND privilege <> 'MASK'
UNION ALL
SELECT 'warning', format('%s on *', role), format('the role has %s on every class, also those that come later', string_agg(privilege, ', ' ORDER BY privilege)),
    'Grant the classes it needs by {pii}.pii_grant(), then: ' || string_agg(format('SELECT {pii}.pii_revoke(%L, %L, %L);', role, '*', privilege), ' ' ORDER BY privilege)
FROM {pii}.pii_privileges WHERE role <> 'public' AND class = '*' AND is_granted AND privilege <> 'MASK' GROUP BY role)";

// Superusers see everything. Tools that people use are left out by name.
constexpr char kSuperusers[] = R"(
SELECT 'info', format('role %I', r.rolname), format('%s connections of an application are a superuser''s: to it no value is masked', count(*)),
    'Let the application connect as a role without SUPERUSER, and grant it what it needs by {pii}.pii_grant().'
FROM pg_stat_activity AS a JOIN pg_roles AS r ON r.oid = a.usesysid AND r.rolsuper
WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid() AND a.datname = current_database()
    AND a.application_name !~* '^(psql|pg_|pgadmin|dbeaver|datagrip)'
GROUP BY r.rolname)";

constexpr char kIndexes[] = R"(
SELECT 'info', format('%s.%I', c."table", c."column"),
    format('values of class %s are searched (%s so far), and this column has no blind index: every row is read', c.class, s.searched),
    format('CREATE INDEX ON %s ({pii}.pii_blind_index(%I));', c."table", c."column")
FROM {pii}.pii_columns AS c JOIN {pii}.pii_classes AS k ON k.name = c.class AND k.searchable
    JOIN (SELECT class, sum(searched) AS searched FROM {pii}.pii_stat_access WHERE database = current_database() GROUP BY class) AS s
        ON s.class = c.class AND s.searched > 0
WHERE c.indexes = '{}' AND c.estimated_rows >= 1000)";

// Names tell of copies that nobody thought of. What values tell: check_twins.cpp.
constexpr char kNames[] = R"(
WITH bare AS (
    SELECT a.attrelid, a.attnum, a.attname, c.relname, a.attrelid::regclass AS "table", lower(regexp_replace(a.attname, '[^[:alnum:]]', '', 'g')) AS name,
        a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) OR t.typname = 'citext' AND t.typtype = 'b' OR t.typtype = 'd' AND t.typcategory = 'S' AS is_text,
        a.atttypid = 'bytea'::regtype AS is_bytes
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND c.relpersistence <> 't'
        JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema$)'),
sealed AS (SELECT b.*, s.class FROM {pii}.pii_columns AS s JOIN bare AS b ON b.attrelid = s."table" AND b.attname = s."column"),
affixes (copies, hashes) AS (VALUES
    ('plain|plaintext|clear|cleartext|raw|old|orig|original|bak|backup|tmp|copy|legacy|unencrypted|decrypted', 'hash|hashed|md5|sha|sha1|sha256|digest')),
pairs AS (
    SELECT s.attrelid AS of, s."table" AS sealed_table, s.attname AS sealed_name, s.class, b."table", b.attrelid, b.attname, 0 AS distance, NOT is_copy AS is_hash
    FROM sealed AS s CROSS JOIN affixes JOIN bare AS b ON b.attrelid = s.attrelid AND b.attnum <> s.attnum
        CROSS JOIN LATERAL (SELECT b.is_text AND b.name ~ format('^(%1$s)?%2$s(%1$s)?$', copies, s.name) AS is_copy,
            (b.is_text OR b.is_bytes) AND b.name ~ format('^(%1$s)?%2$s(%1$s)?$', hashes, s.name) AS is_hashed) AS m
    WHERE is_copy OR is_hashed
    UNION ALL
    SELECT s.attrelid, s."table", s.attname, s.class, b."table", b.attrelid, b.attname, CASE WHEN resembles THEN 1 ELSE 2 END, false
    FROM sealed AS s JOIN bare AS b ON b.attrelid <> s.attrelid AND b.is_text AND b.name = s.name
        CROSS JOIN LATERAL (SELECT b.relname ~ format('^(old|bak|backup|tmp|copy|archive)?_?%s_?(old|bak|backup|tmp|copy|archive|history|hist|[0-9_]+)*$',
            regexp_replace(s.relname, '\W', '.', 'g')) AS resembles) AS m
    WHERE resembles OR b.name NOT IN ('name', 'text', 'value', 'address', 'note', 'notes', 'comment', 'title', 'code', 'number', 'key', 'data', 'description', 'id', 'type')),
nearest AS (SELECT DISTINCT ON (attrelid, attname) * FROM pairs ORDER BY attrelid, attname, distance, of)
SELECT 'warning', format('%s.%I', "table", attname),
    CASE WHEN is_hash THEN format('by its name, a hash of %s.%I: a hash without a key gives numbers away to who tries them all', sealed_table, sealed_name)
        ELSE format('by its name, a copy of %s.%I that is not sealed', sealed_table, sealed_name) END,
    CASE WHEN is_hash THEN format('Use {pii}.pii_blind_index(%2$I) in its place, then: ALTER TABLE %1$s DROP COLUMN %3$I;', sealed_table, sealed_name, attname)
        ELSE format('ALTER TABLE %s DROP COLUMN %I; or seal it: CALL {pii}.pii_adopt(%L, %L, %L);', "table", attname, "table"::text, attname, coalesce(class, 'text')) END
FROM nearest ORDER BY 2)";

constexpr char kServer[] = R"(
SELECT 'info', name, finding, advice FROM pg_settings JOIN (VALUES
    ('data_checksums', 'damaged pages are not noticed when they are read; a damaged sealed value is an error', 'Stop the server and run: pg_checksums --enable'),
    ('ssl', 'what clients send and get crosses the network in plain', 'Set ssl_cert_file and ssl_key_file, then: ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf();')) AS i (name, finding, advice) USING (name)
WHERE setting = 'off' AND (name <> 'ssl' OR current_setting('listen_addresses') <> ''))";

constexpr char kReplication[] = R"(
SELECT 'info', format('standby %s', r.application_name), 'this server cannot see whether the standby holds the keys, without which it cannot take over',
    'Run there: SELECT * FROM {pii}.pii_check();'
FROM pg_stat_replication AS r LEFT JOIN pg_replication_slots AS s ON s.active_pid = r.pid
WHERE coalesce(s.slot_type, 'physical') = 'physical' AND r.application_name !~ '^pg_'
UNION ALL
SELECT 'info', format('publication %I', p.pubname), format('sends %s.%I as sealed text: a subscriber needs the same keys, and IMPORT', c."table", c."column"),
    'Give the subscriber the keyring. On it: SELECT * FROM {pii}.pii_check();'
FROM pg_publication_tables AS p JOIN pg_namespace AS n ON n.nspname = p.schemaname
    JOIN pg_class AS t ON t.relnamespace = n.oid AND t.relname = p.tablename JOIN {pii}.pii_columns AS c ON c."table" = t.oid AND c."column" = ANY (p.attnames)
UNION ALL
SELECT 'info', format('subscription %I', s.subname), format('writes %s.%I: it needs the keys of the publisher', c."table", c."column"),
    format('After a change of keys there: SELECT {pii}.pii_reload_keyring(); and CALL {pii}.pii_verify_column(%L, %L);', c."table"::text, c."column")
FROM pg_subscription AS s JOIN pg_subscription_rel AS r ON r.srsubid = s.oid JOIN {pii}.pii_columns AS c ON c."table" = r.srrelid
WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()))";

constexpr char kStatistics[] = R"(
SELECT 'error', format('%s.%I', c."table", c."column"), 'pg_statistic holds values of the column', format('ANALYZE %s (%I);', c."table", c."column")
FROM {pii}.pii_columns AS c JOIN pg_class AS t ON t.oid = c."table" JOIN pg_namespace AS n ON n.oid = t.relnamespace
    JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = t.relname AND s.attname = c."column"
WHERE s.most_common_vals IS NOT NULL OR s.histogram_bounds IS NOT NULL)";

constexpr char kJobs[] = R"(
SELECT 'warning', format('job %s', job_id), format('%s of %s.%I failed: %s', kind, "table", "column", last_error),
    format('SELECT {pii}.pii_start_job(%L, %L, %L);', kind, "table"::text, "column")
FROM {pii}.pii_jobs AS j JOIN pg_class AS c ON c.oid = "table" WHERE state = 'failed'
    AND NOT EXISTS (SELECT FROM {pii}.pii_jobs AS later WHERE later.job_id > j.job_id AND later."table" = j."table" AND later."column" = j."column"))";

constexpr CheckQuery kQueries[] = {
    {"shared_preload_libraries", kLibrary},
    {"pii_keyring", kKeyring},
    {"settings", kSettings},
    {"pii_columns", kClasses},
    {"pii_sealed_attribute", kRules},
    {"pii_privileges", kPublicGrants},
    {"pg_stat_activity", kSuperusers},
    {"pii_stat_access", kIndexes},
    {"names of columns", kNames},
    {"pg_settings", kServer},
    {"replication", kReplication},
    {"pg_stats", kStatistics},
    {"pii_jobs", kJobs},
};

}  // namespace

std::span<const CheckQuery> CheckQueries() { return kQueries; }

}  // namespace pii

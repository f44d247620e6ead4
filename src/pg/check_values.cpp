#include "acting_role.h"
#include "check.h"
#include "pg.h"

namespace pii {
namespace {

/// Columns whose values are in this database, as a query each that gives findings.
constexpr char kColumns[] = R"(
SELECT format('%%s.%%I', s."table", s."column"), s."table"::text, quote_ident(s."column"), c.relkind = 'p',
    quote_literal(s."table"::text) || ', ' || quote_literal(s."column"),
    ((CASE c.relkind WHEN 'p' THEN (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree(c.oid) WHERE isleaf)
      ELSE pg_relation_size(c.oid) END) / current_setting('block_size')::int)::float8,
    CASE WHEN s.attribute IS NOT NULL THEN
        format(' AND (%%s.pii_is_sealed(%%I)%%s)', %s, s."column", (
            SELECT format(' OR pg_catalog.concat(%%I) IN (%%s)', s.attribute, string_agg(quote_literal(r.attribute), ', '))
            FROM %s.pii_sealed_attribute AS r WHERE r."table" = s."table" AND r.phase = 'sealed' HAVING count(*) > 0)) END,
    c.oid
FROM %s.pii_columns AS s JOIN pg_class AS c ON c.oid = s."table" AND c.relkind IN ('r', 'p', 'm'))";

constexpr char kFindings[] = R"(
WITH counts (version, rows) AS (VALUES %s)
SELECT CASE WHEN version IS NULL THEN 'error' WHEN status = 'enabled' THEN 'info' ELSE 'warning' END, %s,
    format('%%s of %%s values%s ', rows, (SELECT sum(rows) FROM counts)) || CASE
        WHEN version IS NULL THEN 'are not sealed'
        WHEN status = 'enabled' THEN format('are under key version %%s, which is not the primary one', version)
        ELSE format('cannot be read: their key version %%s is %%s', version, coalesce(status, 'not in the keyring')) END,
    CASE WHEN version IS NULL THEN %s WHEN status = 'enabled' THEN %s
        ELSE 'Bring the version back (pii-keyring enable) and reload the keyring, then: ' || %s END
FROM counts LEFT JOIN %s.pii_keyring AS k
    ON k.key_version = version AND k.purpose = 'seal' AND k.domain = current_setting('pii.domain')
WHERE version IS NULL OR NOT coalesce(status = 'enabled' AND is_primary, false)
    AND EXISTS (SELECT FROM %s.pii_keyring WHERE loaded_at IS NOT NULL)
ORDER BY version NULLS FIRST)";

struct SealedColumn {
  const char* object;
  const char* table;      ///< quoted
  const char* name;       ///< quoted
  const char* arguments;  ///< of the procedures
  bool is_partitioned;
  double pages;
  const char* declared;  ///< condition of an attribute table, where other plaintext is as it should be
  Oid oid;
};

/// Rows by key version, NULL for plaintext, as a list of VALUES; empty when there are none. Counted as the
/// owner of the table, who may not read pii_keyring.
const char* CountVersions(const SealedColumn& column, const char* schema, const char* sample) {
  ActingRole caller = ReadAs(RequireReaderOf(column.oid));
  const char* query =
      psprintf("SELECT %s.pii_key_version(%s), count(*) FROM %s%s%s WHERE %s IS NOT NULL%s GROUP BY 1",
               schema, column.name, column.is_partitioned ? "" : "ONLY ", column.table, sample, column.name,
               column.declared != nullptr ? column.declared : "");
  if (SPI_execute(query, true, 0) != SPI_OK_SELECT) elog(ERROR, "could not count rows");
  StringInfoData values;
  initStringInfo(&values);
  for (uint64 i = 0; i < SPI_processed; ++i) {
    HeapTuple row = SPI_tuptable->vals[i];
    const char* version = SPI_getvalue(row, SPI_tuptable->tupdesc, 1);
    appendStringInfo(&values, "%s(%s::int, %s::bigint)", i > 0 ? ", " : "",
                     version != nullptr ? version : "NULL", SPI_getvalue(row, SPI_tuptable->tupdesc, 2));
  }
  ActAsBefore(caller);
  return values.data;
}

void CheckColumn(const Findings& findings, const void* argument) {
  const auto& column = *static_cast<const SealedColumn*>(argument);
  const char* sample = SampleClause(column.pages, kSampledPages);
  const char* schema = findings.schema;
  const char* seal = quote_literal_cstr(psprintf("CALL %s.pii_seal_column(%s);", schema, column.arguments));
  const char* rewrap =
      quote_literal_cstr(psprintf("CALL %s.pii_rewrap_column(%s);", schema, column.arguments));
  const char* counts = CountVersions(column, schema, sample);
  if (counts[0] == '\0') return;
  AddRows(findings, psprintf(kFindings, counts, quote_literal_cstr(column.object),
                             sample[0] != '\0' ? " of a sample" : "", seal, rewrap, rewrap, schema, schema));
}

void CheckColumns(const Findings& findings, const void*) {
  const char* schema = findings.schema;
  if (SPI_execute(psprintf(kColumns, quote_literal_cstr(schema), schema, schema), true, 0) != SPI_OK_SELECT)
    elog(ERROR, "could not list columns");
  SPITupleTable* rows = SPI_tuptable;
  uint64 count = SPI_processed;
  for (uint64 i = 0; i < count; ++i) {
    bool is_null;
    auto text = [&](int field) { return SPI_getvalue(rows->vals[i], rows->tupdesc, field); };
    SealedColumn column{text(1),
                        text(2),
                        text(3),
                        text(5),
                        DatumGetBool(SPI_getbinval(rows->vals[i], rows->tupdesc, 4, &is_null)),
                        DatumGetFloat8(SPI_getbinval(rows->vals[i], rows->tupdesc, 6, &is_null)),
                        text(7),
                        DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 8, &is_null))};
    TryCheck(findings, column.object, CheckColumn, &column);
  }
}

}  // namespace

void CheckValues(const Findings& findings) { TryCheck(findings, "pii_columns", CheckColumns, nullptr); }

}  // namespace pii

// Tables that the extension keeps for itself.

#include "own_table.h"

#include "pg.h"

namespace pii {
namespace {

void Pin(const char* setting, const char* value) {
  set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

}  // namespace

uint32_t FindOwnTable(const char* name) {
  Oid extension = get_extension_oid("pii", true);
  if (!OidIsValid(extension)) return InvalidOid;
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
  Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(extensions, ExtensionOidIndexId, true, nullptr, 1, &key);
  HeapTuple row = systable_getnext(scan);
  Oid table = InvalidOid;
  if (HeapTupleIsValid(row)) {
    table = get_relname_relid(name, reinterpret_cast<Form_pg_extension>(GETSTRUCT(row))->extnamespace);
  }
  systable_endscan(scan);
  table_close(extensions, AccessShareLock);
  return table;
}

Books OpenBooks(const char* name) {
  Oid table = FindOwnTable(name);
  HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
  if (!HeapTupleIsValid(row)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("this database has no extension pii any more"),
                    errhint("CREATE EXTENSION pii.")));
  }
  Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relowner;
  ReleaseSysCache(row);
  Books books{};
  // SPI takes a snapshot for each statement, but not the outermost one.
  books.has_snapshot = !ActiveSnapshotSet();
  if (books.has_snapshot) PushActiveSnapshot(GetTransactionSnapshot());
  GetUserIdAndSecContext(&books.user, &books.security);
  SetUserIdAndSecContext(owner, books.security | SECURITY_LOCAL_USERID_CHANGE);
  books.guc_level = NewGUCNestLevel();
  Pin("search_path", "pg_catalog, pg_temp");
  // A timeout of the owner's is not to keep a process from writing how his job ended.
  if (IsBackgroundWorker) Pin("lock_timeout", "0");
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  books.table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
  return books;
}

void CloseBooks(const Books& books) {
  SPI_finish();
  AtEOXact_GUC(false, books.guc_level);
  SetUserIdAndSecContext(books.user, books.security);
  if (books.has_snapshot) PopActiveSnapshot();
}

SqlParameter Parameter(int64_t value) { return {INT8OID, Int64GetDatum(value)}; }
SqlParameter Parameter(uint32_t oid) { return {OIDOID, ObjectIdGetDatum(oid)}; }
SqlParameter Parameter(const char* text) {
  if (text == nullptr) return {InvalidOid, 0};
  return {TEXTOID, CStringGetTextDatum(text)};
}

uint64_t RunInBooks(const char* statement, std::initializer_list<SqlParameter> parameters) {
  constexpr int kMost = 10;
  Oid types[kMost];
  Datum values[kMost];
  char nulls[kMost] = {};
  int count = 0;
  for (const SqlParameter& parameter : parameters) {
    bool is_null = parameter.type == InvalidOid;
    types[count] = is_null ? TEXTOID : parameter.type;
    values[count] = parameter.value;
    nulls[count++] = is_null ? 'n' : ' ';
  }
  if (SPI_execute_with_args(statement, count, types, values, nulls, false, 0) < 0)
    elog(ERROR, "could not read or write a table of extension pii");
  return SPI_processed;
}

}  // namespace pii

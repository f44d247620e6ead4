// The table pii_job: one row for each job there is or was.

#include "job_table.h"

#include "job_worker.h"
#include "pg.h"

namespace pii {
namespace {

constexpr const char* kStateNames[] = {"running", "stopping", "stopped", "done", "failed"};

JobState StateByName(const char* name) {
  int state = 0;
  for (const char* known : kStateNames) {
    if (strcmp(known, name) == 0) return static_cast<JobState>(state);
    ++state;
  }
  elog(ERROR, "a job has an unknown state");
}

/// A column of the only row of the last result; 0 when it is null.
Datum Field(int number) {
  bool is_null;
  Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, &is_null);
  return is_null ? Datum(0) : value;
}

void TextField(int number, char* text) {
  const char* value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number);
  strlcpy(text, value != nullptr ? value : "", Job::kNameSize);
}

void Pin(const char* setting, const char* value) {
  set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

}  // namespace

const char* JobStateName(JobState state) { return kStateNames[static_cast<int>(state)]; }

uint32_t FindJobTable() {
  Oid extension = get_extension_oid("pii", true);
  if (!OidIsValid(extension)) return InvalidOid;
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
  Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(extensions, ExtensionOidIndexId, true, nullptr, 1, &key);
  HeapTuple row = systable_getnext(scan);
  Oid table = InvalidOid;
  if (HeapTupleIsValid(row)) {
    table = get_relname_relid("pii_job", reinterpret_cast<Form_pg_extension>(GETSTRUCT(row))->extnamespace);
  }
  systable_endscan(scan);
  table_close(extensions, AccessShareLock);
  return table;
}

Books OpenBooks() {
  Oid table = FindJobTable();
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

JobParameter Parameter(int64_t value) { return {INT8OID, Int64GetDatum(value)}; }
JobParameter Parameter(uint32_t oid) { return {OIDOID, ObjectIdGetDatum(oid)}; }
JobParameter Parameter(const char* text) {
  if (text == nullptr) return {InvalidOid, 0};
  return {TEXTOID, CStringGetTextDatum(text)};
}

uint64_t WriteJobs(const char* statement, std::initializer_list<JobParameter> parameters) {
  constexpr int kMost = 10;
  Oid types[kMost];
  Datum values[kMost];
  char nulls[kMost] = {};
  int count = 0;
  for (const JobParameter& parameter : parameters) {
    bool is_null = parameter.type == InvalidOid;
    types[count] = is_null ? TEXTOID : parameter.type;
    values[count] = parameter.value;
    nulls[count++] = is_null ? 'n' : ' ';
  }
  if (SPI_execute_with_args(statement, count, types, values, nulls, false, 0) < 0)
    elog(ERROR, "could not read or write pii_job");
  return SPI_processed;
}

bool LockJob(const Books& books, const char* condition, std::initializer_list<JobParameter> parameters,
             Job* job) {
  const char* query = psprintf(
      "SELECT job_id, kind, relation, attribute, owner, state, batch, (extract(epoch FROM pause) * "
      "1000000)::bigint, "
      "rows_done, member, block, pid FROM %s WHERE %s ORDER BY job_id DESC LIMIT 1 FOR UPDATE",
      books.table, condition);
  if (WriteJobs(query, parameters) == 0) return false;
  char state[Job::kNameSize];
  job->id = DatumGetInt64(Field(1));
  TextField(2, job->kind);
  job->table = DatumGetObjectId(Field(3));
  TextField(4, job->column);
  job->owner = DatumGetObjectId(Field(5));
  TextField(6, state);
  job->state = StateByName(state);
  job->batch = DatumGetInt32(Field(7));
  job->pause = DatumGetInt64(Field(8));
  job->rows_done = DatumGetInt64(Field(9));
  job->member = DatumGetObjectId(Field(10));
  job->block = static_cast<uint32_t>(DatumGetInt64(Field(11)));
  job->pid = DatumGetInt32(Field(12));
  return true;
}

/// Process ids come again, most of all after a restart of a container: hence the type and the database, which
/// a process does not have yet when it has just begun.
bool IsAtWork(const Job& job) {
  const char* type = job.pid != 0 ? GetBackgroundWorkerTypeByPid(job.pid) : nullptr;
  if (type == nullptr || strcmp(type, kJobWorkerType) != 0) return false;
  PGPROC* process = BackendPidGetProc(job.pid);
  return process == nullptr || !OidIsValid(process->databaseId) || process->databaseId == MyDatabaseId;
}

}  // namespace pii

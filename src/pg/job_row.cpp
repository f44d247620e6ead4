#include "job_row.h"

namespace pii {
namespace {

/// Two processes never work on one job. An advisory lock, because other locks of a session end when a
/// transaction fails. SQL has no function for such (kNotOfSql).
bool LockForSession(int64 id, LOCKTAG* lock) {
  constexpr uint16 kNotOfSql = 7;
  SET_LOCKTAG_ADVISORY(*lock, MyDatabaseId, FindJobTable(), static_cast<uint32>(id), kNotOfSql);
  return LockAcquire(lock, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

/// The row, as long as it is this process's.
bool LockOwnJob(const Books& books, JobRun* run) {
  return LockJob(books, "job_id = $1 AND pid = pg_backend_pid()", {Parameter(run->job.id)}, &run->job);
}

/// Writes how far it is, and tells whether the job is to go on.
bool WriteProgress(const Books& books, JobRun* run, const char* locking) {
  const char* update = psprintf(
      "UPDATE %s SET rows_done = $2, rows_total = $3, rows_skipped = $4, member = $5, block = $6, "
      "updated_at = clock_timestamp() WHERE job_id = (SELECT job_id FROM %s WHERE job_id = $1 "
      "AND pid = pg_backend_pid() %s) RETURNING state = 'running'",
      books.table, books.table, locking);
  const SweepProgress& progress = run->progress;
  uint64 rows =
      RunInBooks(update, {Parameter(run->job.id), Parameter(run->done_before + progress.done),
                          Parameter(run->done_before + progress.total), Parameter(progress.skipped),
                          Parameter(progress.member), Parameter(static_cast<int64_t>(progress.block))});
  run->is_unwritten = rows == 0;
  bool is_null;
  return rows > 0 && DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
}

void WriteEnd(const Books& books, int64 id, JobState state, const char* error) {
  const char* update = psprintf(
      "UPDATE %s SET state = $2, last_error = $3, pid = NULL, updated_at = clock_timestamp(), "
      "ended_at = clock_timestamp(), rows_total = coalesce(rows_total, rows_done) WHERE job_id = $1",
      books.table);
  RunInBooks(update, {Parameter(id), Parameter(JobStateName(state)), Parameter(error)});
}

/// Makes the row this process's, if the job is to run.
bool TakeRow(int64 id, Job* job) {
  Books books = OpenJobs();
  bool is_there = LockJob(books, "job_id = $1", {Parameter(id)}, job);
  if (is_there && job->state == JobState::kStopping) WriteEnd(books, id, JobState::kStopped, nullptr);
  bool is_to_run = is_there && job->state == JobState::kRunning;
  if (is_to_run) {
    RunInBooks(psprintf("UPDATE %s SET pid = pg_backend_pid(), run_started_at = clock_timestamp(), "
                        "updated_at = clock_timestamp(), rows_done_before = rows_done WHERE job_id = $1",
                        books.table),
               {Parameter(id)});
  }
  CloseBooks(books);
  return is_to_run;
}

/// What ALTER ROLE ... SET says of the owner, as if he had logged in: triggers may rely on his search_path.
void ApplySettingsOf(Oid owner) {
  Relation settings = table_open(DbRoleSettingRelationId, AccessShareLock);
  Snapshot snapshot = RegisterSnapshot(GetCatalogSnapshot(DbRoleSettingRelationId));
  ApplySetting(snapshot, MyDatabaseId, owner, settings, PGC_S_DATABASE_USER);
  ApplySetting(snapshot, InvalidOid, owner, settings, PGC_S_USER);
  UnregisterSnapshot(snapshot);
  table_close(settings, AccessShareLock);
}

const char* NameJob(const Job& job) {
  const char* table = get_rel_name(job.table);
  return psprintf("job %lld, %s of column \"%s\" of table \"%s\"", static_cast<long long>(job.id), job.kind,
                  job.column, table != nullptr ? table : "?");
}

bool WriteEndToRow(JobRun* run, JobState state, const char* error) {
  bool is_over = true;
  Books books = OpenJobs();
  if (LockOwnJob(books, run)) {
    if (run->is_unwritten) WriteProgress(books, run, "");
    is_over = state != JobState::kStopped || run->job.state != JobState::kRunning;
    if (is_over) WriteEnd(books, run->job.id, state, error);
  }
  CloseBooks(books);
  return is_over;
}

}  // namespace

bool TakeJob(int64 id, JobRun* run) {
  MemoryContext outer = CurrentMemoryContext;
  StartTransactionCommand();
  bool is_locked = OidIsValid(FindJobTable()) && LockForSession(id, &run->lock);
  bool is_taken = is_locked && TakeRow(id, &run->job);
  if (is_taken) {
    ApplySettingsOf(run->job.owner);
    run->name = MemoryContextStrdup(outer, NameJob(run->job));
  } else if (is_locked) {
    LockRelease(&run->lock, ExclusiveLock, true);
  }
  CommitTransactionCommand();
  return is_taken;
}

bool ReadJobAgain(JobRun* run) {
  StartTransactionCommand();
  Books books = OpenJobs();
  bool goes_on = LockOwnJob(books, run) && run->job.state == JobState::kRunning;
  CloseBooks(books);
  CommitTransactionCommand();
  run->progress = {};
  run->done_before = run->job.rows_done;
  return goes_on;
}

bool NoteJobProgress(JobRun* run) {
  Books books = OpenJobs();
  bool goes_on = WriteProgress(books, run, "FOR UPDATE SKIP LOCKED");
  CloseBooks(books);
  run->is_asked_to_end = !goes_on;
  return goes_on;
}

void RewindJob(const JobRun& run) {
  StartTransactionCommand();
  Books books = OpenJobs();
  RunInBooks(psprintf("UPDATE %s SET member = 0, block = 0 WHERE job_id = $1 AND pid = pg_backend_pid()",
                      books.table),
             {Parameter(run.job.id)});
  CloseBooks(books);
  CommitTransactionCommand();
}

bool EndJob(JobRun* run, JobState state, const char* error) {
  StartTransactionCommand();
  if (error != nullptr && !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(run->job.table)))
    error = "42P01: the table was dropped";
  bool is_over = !OidIsValid(FindJobTable()) || WriteEndToRow(run, state, error);
  if (is_over) {
    // Before the commit, so that who then starts the job again finds it free.
    LockRelease(&run->lock, ExclusiveLock, true);
    ereport(LOG, (errmsg("pii: %s: %s", run->name, JobStateName(state)),
                  error != nullptr ? errdetail_internal("%s", error) : 0));
  }
  CommitTransactionCommand();
  return is_over;
}

}  // namespace pii

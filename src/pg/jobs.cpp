// pii_start_job() and pii_stop_job(): what sessions do with jobs. The work is done by processes of their own.

#include "jobs.h"

#include <csignal>

#include "job_run.h"
#include "job_table.h"
#include "job_worker.h"
#include "pg.h"
#include "sealed_column.h"
#include "shared_keys.h"
#include "sweep.h"
#include "sweep_update.h"

namespace pii {
namespace {

/// Arguments of pii_start_job(), and who calls it.
struct Request {
  const char* kind_name;
  SweepKind kind;
  Oid table;
  const char* column;
  int32 batch;
  int64 pause;  ///< microseconds
  Oid caller;
};

Request ReadRequest(FunctionCallInfo fcinfo) {
  for (int i = 0; i < PG_NARGS(); ++i) {
    if (PG_ARGISNULL(i)) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("kind, table, column, batch and pause must not be null")));
    }
  }
  Request request{text_to_cstring(PG_GETARG_TEXT_PP(0)),
                  SweepKind::kRewrap,
                  PG_GETARG_OID(1),
                  NameStr(*PG_GETARG_NAME(2)),
                  PG_GETARG_INT32(3),
                  PauseOf(PG_GETARG_INTERVAL_P(4)),
                  GetUserId()};
  if (!FindJobKind(request.kind_name, &request.kind)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("kind of job does not exist"),
                    errhint("The kinds are: %s.", JobKinds())));
  }
  if (request.batch < 1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("batch must be at least 1")));
  }
  return request;
}

/// What the job would stumble over is refused now.
void CheckTable(const Request& request) {
  AttrNumber column = RequireSealedColumn(request.table, request.column);
  const char* name = get_rel_name(request.table);
  if (get_rel_persistence(request.table) == RELPERSISTENCE_TEMP) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("\"%s\" is a temporary table", name),
                    errdetail("Another process cannot see its rows."),
                    errhint("CALL pii_%s_column() does the same within this session.", request.kind_name)));
  }
  CheckMayUpdate(request.table, request.column, request.kind);
  bool may_read = pg_class_aclcheck(request.table, request.caller, ACL_SELECT) == ACLCHECK_OK ||
                  pg_attribute_aclcheck(request.table, column, request.caller, ACL_SELECT) == ACLCHECK_OK;
  if (!may_read) aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, name);
  CurrentProtector();
}

[[noreturn]] void ReportActive(const Job& job) {
  bool is_stopping = job.state == JobState::kStopping;
  auto id = static_cast<long long>(job.id);
  ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                  errmsg("job %lld of this column is %s", id, JobStateName(job.state)),
                  is_stopping ? errhint("Start it again when pii_jobs says that it is stopped.")
                              : errhint("Follow it in pii_jobs, or SELECT pii_stop_job(%lld).", id)));
}

/// A job that its process has left, with the server or without, may be started again by whom it belongs to.
bool IsInterrupted(const Request& request, const Job& job) {
  return !IsAtWork(job) && strcmp(job.kind, request.kind_name) == 0 &&
         has_privs_of_role(request.caller, job.owner);
}

/// Goes on with a job of the column. 0 when there is none to go on with.
int64 Continue(const Books& books, const Request& request) {
  Job job;
  const char* active = "relation = $1 AND attribute = $2 AND state IN ('running', 'stopping')";
  const char* ended =
      "relation = $1 AND attribute = $2 AND kind = $3 AND owner = $4 AND state IN ('stopped', 'failed')";
  if (LockJob(books, active, {Parameter(request.table), Parameter(request.column)}, &job)) {
    if (!IsInterrupted(request, job)) ReportActive(job);
  } else if (!LockJob(books, ended,
                      {Parameter(request.table), Parameter(request.column), Parameter(request.kind_name),
                       Parameter(request.caller)},
                      &job)) {
    return 0;
  }
  RunInBooks(psprintf("UPDATE %s SET state = 'running', batch = $2, pause = $3 * interval '1 microsecond', "
                      "pid = NULL, ended_at = NULL, last_error = NULL WHERE job_id = $1",
                      books.table),
             {Parameter(job.id), Parameter(static_cast<int64_t>(request.batch)), Parameter(request.pause)});
  return job.id;
}

/// 0 when another session starts one on the column just now.
int64 Insert(const Books& books, const Request& request) {
  const char* insert = psprintf(
      "INSERT INTO %s (kind, relation, attribute, owner, batch, pause) "
      "VALUES ($1, $2, $3, $4, $5, $6 * interval '1 microsecond') "
      "ON CONFLICT (relation, attribute) WHERE state IN ('running', 'stopping') DO NOTHING RETURNING job_id",
      books.table);
  uint64 rows =
      RunInBooks(insert, {Parameter(request.kind_name), Parameter(request.table), Parameter(request.column),
                          Parameter(request.caller), Parameter(static_cast<int64_t>(request.batch)),
                          Parameter(request.pause)});
  bool is_null;
  return rows == 0 ? 0
                   : DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
}

/// Now, so that the caller is told when there is no slot; the process then waits for this transaction to see
/// the row. Returns its id.
pid_t StartWorker(int64 job) {
  BackgroundWorkerHandle* handle;
  if (!StartJobWorker({MyDatabaseId, GetTopTransactionId(), job}, &handle)) {
    ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("no background worker is free"),
                    errhint("Wait until one is, or raise max_worker_processes and restart the server.")));
  }
  pid_t pid;
  if (WaitForBackgroundWorkerStartup(handle, &pid) != BGWH_STARTED) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("the process of the job did not start"),
                    errhint("See the server log.")));
  }
  return pid;
}

int64 StartJob(const Request& request) {
  Books books = OpenJobs();
  int64 job = Continue(books, request);
  if (job == 0) job = Insert(books, request);
  if (job == 0) job = Continue(books, request);
  if (job == 0) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE), errmsg("another session starts a job on this column"),
                    errhint("SELECT * FROM pii_jobs shows it.")));
  }
  RunInBooks(psprintf("UPDATE %s SET pid = $2 WHERE job_id = $1", books.table),
             {Parameter(job), Parameter(static_cast<int64_t>(StartWorker(job)))});
  CloseBooks(books);
  return job;
}

void RequireOwner(const Job& job, Oid caller) {
  if (has_privs_of_role(caller, job.owner)) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("permission denied for job %lld", static_cast<long long>(job.id)),
                  errhint("Ask the role that started it, or a superuser.")));
}

/// The process is interrupted at once, in a pause and waiting for a lock, too; then it waits for this
/// transaction to see whether it is to end.
bool StopJob(int64 id) {
  Oid caller = GetUserId();
  Job job;
  Books books = OpenJobs();
  if (!LockJob(books, "job_id = $1", {Parameter(id)}, &job)) {
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("job %lld does not exist", static_cast<long long>(id)),
             errhint("SELECT * FROM pii_jobs shows the jobs there are.")));
  }
  RequireOwner(job, caller);
  bool is_active = job.state == JobState::kRunning || job.state == JobState::kStopping;
  bool is_at_work = is_active && IsAtWork(job);
  if (is_at_work) {
    RunInBooks(psprintf("UPDATE %s SET state = 'stopping' WHERE job_id = $1", books.table), {Parameter(id)});
    kill(job.pid, SIGUSR2);
  } else if (is_active) {
    RunInBooks(psprintf("UPDATE %s SET state = 'stopped', pid = NULL, ended_at = clock_timestamp() "
                        "WHERE job_id = $1",
                        books.table),
               {Parameter(id)});
  }
  CloseBooks(books);
  return is_active;
}

}  // namespace
}  // namespace pii

/// pii_start_job(text, regclass, name, integer, interval) → bigint
PII_FUNCTION(pii_start_job) {
  pii::Request request = pii::ReadRequest(fcinfo);
  pii::CheckTable(request);
  PG_RETURN_INT64(pii::StartJob(request));
}

/// pii_stop_job(bigint) → boolean
PII_FUNCTION(pii_stop_job) { PG_RETURN_BOOL(pii::StopJob(PG_GETARG_INT64(0))); }

/// Trigger of pii_job and pii_adopted_column. A row says as whom a process works, or that values are to be
/// stored as plaintext, so that roles that may write any table (pg_write_all_data) may not write these, and a
/// publisher may not empty them.
PII_FUNCTION(pii_job_guard) {
  if (!CALLED_AS_TRIGGER(fcinfo)) elog(ERROR, "pii_job_guard is a trigger function");
  auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
  bool is_remote_truncate = IsLogicalWorker() && TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event);
  if (is_remote_truncate || !has_privs_of_role(GetUserId(), trigger->tg_relation->rd_rel->relowner)) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("permission denied for table %s", RelationGetRelationName(trigger->tg_relation)),
                    errhint("The functions of extension pii write it.")));
  }
  PG_RETURN_POINTER(nullptr);
}

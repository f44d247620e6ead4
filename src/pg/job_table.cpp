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

}  // namespace

uint32_t FindJobTable() { return FindOwnTable("pii_job"); }

Books OpenJobs() { return OpenBooks("pii_job"); }

const char* JobStateName(JobState state) { return kStateNames[static_cast<int>(state)]; }

bool LockJob(const Books& books, const char* condition, std::initializer_list<SqlParameter> parameters,
             Job* job) {
  const char* query = psprintf(
      "SELECT job_id, kind, relation, attribute, owner, state, batch, (extract(epoch FROM pause) * "
      "1000000)::bigint, "
      "rows_done, member, block, pid FROM %s WHERE %s ORDER BY job_id DESC LIMIT 1 FOR UPDATE",
      books.table, condition);
  if (RunInBooks(query, parameters) == 0) return false;
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

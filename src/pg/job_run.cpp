// What the process of a job does. The work is done as the owner of the job, in transactions of one batch; the
// row of the job is written in the same transactions, so that it says neither more nor less than was done.

#include "job_run.h"

#include <csignal>

#include "hidden_text.h"
#include "job_row.h"
#include "log_guard.h"
#include "log_text.h"
#include "pg.h"
#include "sealed_column.h"
#include "shared_keys.h"

namespace pii {
namespace {

/// Errors of bad luck are met by trying again, after a pause that doubles each time.
constexpr int kMostFailures = 6;
constexpr int64 kFirstPause = 500;  // milliseconds
constexpr int64 kKeyCheck = 1000;   // milliseconds
constexpr int kMostWrites = 3;

/// Set while there is somebody to catch what a stop interrupts.
volatile sig_atomic_t is_working;
volatile sig_atomic_t stop_requested;

/// Outcome is how an attempt ended: done, stopped or failed.
struct Outcome {
  JobState state;
  int sqlstate;
  const char* error;  ///< for last_error; null when it has not failed
};

constexpr struct {
  const char* name;
  SweepKind kind;
} kKinds[] = {{"rewrap", SweepKind::kRewrap}, {"seal", SweepKind::kSeal}, {"unseal", SweepKind::kUnseal}};

// ------------------------------------------------------------------------------------------------------------
// Errors

/// What last_error says. Messages of this library hold no values; those of PostgreSQL may quote them; what
/// functions raise may be anything, and PL/pgSQL and its like have a domain of their own.
const char* ErrorForRow(const ErrorData* error) {
  const char* state = unpack_sql_state(error->sqlerrcode);
  const char* domain = error->domain != nullptr ? error->domain : "";
  if (strcmp(domain, TEXTDOMAIN) == 0) return psprintf("%s: %s", state, error->message);
  bool is_of_function = IsRaised(error) || error->internalquery != nullptr;
  if (strncmp(domain, "postgres", strlen("postgres")) == 0 && !is_of_function)
    return psprintf("%s: %s", state, HiddenMessage(error, HideQuoted));
  return psprintf("%s: (raised by a function; not kept, because it may hold values)", state);
}

/// Ends the transaction of what failed, and takes its error. Called in PG_CATCH.
Outcome TakeError(MemoryContext context) {
  HOLD_INTERRUPTS();
  MemoryContextSwitchTo(context);
  ErrorData* error = CopyErrorData();
  bool is_stop = stop_requested && error->sqlerrcode == ERRCODE_QUERY_CANCELED;
  Outcome outcome{JobState::kStopped, error->sqlerrcode, nullptr};
  if (!is_stop) outcome = {JobState::kFailed, error->sqlerrcode, ErrorForRow(error)};
  if (!is_stop) EmitErrorReport();
  AbortOutOfAnyTransaction();
  FlushErrorState();
  SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, 0);
  MemoryContextSwitchTo(context);
  RESUME_INTERRUPTS();
  return outcome;
}

bool IsTransient(const Outcome& outcome) {
  return outcome.state == JobState::kFailed && (outcome.sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED ||
                                                outcome.sqlstate == ERRCODE_T_R_SERIALIZATION_FAILURE ||
                                                outcome.sqlstate == ERRCODE_LOCK_NOT_AVAILABLE);
}

/// EndJob, unless something goes wrong, such as a cancel.
bool TryToEnd(JobRun* run, const Outcome& outcome, bool* is_over) {
  MemoryContext context = CurrentMemoryContext;
  volatile bool is_written = true;
  PG_TRY();
  { *is_over = EndJob(run, outcome.state, outcome.error); }
  PG_CATCH();
  {
    is_written = false;
    TakeError(context);
  }
  PG_END_TRY();
  return is_written;
}

/// Writes how it ended. False when it is to go on.
bool End(JobRun* run, const Outcome& outcome) {
  bool is_over;
  for (int i = 1; i < kMostWrites; ++i) {
    if (TryToEnd(run, outcome, &is_over)) return is_over;
  }
  return EndJob(run, outcome.state, outcome.error);
}

// ------------------------------------------------------------------------------------------------------------
// The work

void ReloadSettings() {
  if (!ConfigReloadPending) return;
  ConfigReloadPending = false;
  ProcessConfigFile(PGC_SIGHUP);
}

bool NoteBatch(const SweepProgress& progress, void* context) {
  auto* run = static_cast<JobRun*>(context);
  ReloadSettings();
  run->progress = progress;
  return NoteJobProgress(run);
}

void WaitToRetry(const JobRun& run, int64 milliseconds) {
  if (milliseconds == 0) return;
  ereport(LOG, (errmsg("pii: %s: tried again in %lld ms", run.name, static_cast<long long>(milliseconds))));
  WaitInJob(milliseconds);
}

/// A server that was started without its keys may be given them.
void WaitForKeys(const JobRun& run) {
  if (HasKeys()) return;
  ereport(LOG, (errmsg("pii: %s: waits for keys", run.name),
                errhint("SELECT * FROM pii_keyring says why there are none.")));
  while (!HasKeys()) WaitInJob(kKeyCheck);
}

/// The caller's transaction, and those in between, are the owner's: his deferred triggers run as he.
void WorkAsOwner(JobRun* run) {
  if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(run->job.owner))) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("the role that started the job was dropped"),
                    errhint("Start a job as another role.")));
  }
  RequireSealedColumn(run->job.table, run->job.column);
  const Job& job = run->job;
  SweepKind kind;
  if (!FindJobKind(job.kind, &kind)) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("kind of job does not exist"),
                    errhint("The kinds are: %s.", JobKinds())));
  }
  SetUserIdAndSecContext(run->job.owner, SECURITY_LOCAL_USERID_CHANGE);
  if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  SweepColumn({kind, job.table, job.column, job.batch, job.pause, job.member, job.block}, NoteBatch, run);
  SPI_finish();
}

/// Does it begin behind other tables of the tree? Values there may be due again since, after another
/// rotation.
bool SkipsTables(const Job& job) {
  return job.member != InvalidOid && (job.member != job.table || has_subclass(job.table));
}

/// From where the row says to the end, and in the end from the beginning to the end.
void Work(JobRun* run) {
  for (bool skips = true; skips;) {
    run->is_asked_to_end = !ReadJobAgain(run);
    if (run->is_asked_to_end) return;
    StartTransactionCommand();
    skips = SkipsTables(run->job);
    WorkAsOwner(run);
    CommitTransactionCommand();
    SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, 0);
    if (run->is_asked_to_end) return;
    if (skips) RewindJob(*run);
  }
}

Outcome Attempt(JobRun* run, int64 pause) {
  MemoryContext context = CurrentMemoryContext;
  Outcome outcome{JobState::kDone, 0, nullptr};
  run->is_asked_to_end = false;
  run->is_unwritten = false;
  stop_requested = false;  // of one that came before, the row tells
  PG_TRY();
  {
    is_working = true;
    WaitToRetry(*run, pause);
    WaitForKeys(*run);
    Work(run);
    if (run->is_asked_to_end) outcome.state = JobState::kStopped;
  }
  PG_CATCH();
  {
    outcome = TakeError(context);
    run->is_unwritten = false;  // whether the last batch was committed the row knows
  }
  PG_END_TRY();
  is_working = false;
  if (stop_requested) QueryCancelPending = false;  // from here on, the row tells
  return outcome;
}

/// Attempts it until it ends otherwise than by bad luck.
Outcome AttemptAgain(JobRun* run) {
  int failures = 0;
  int64 done_before = run->job.rows_done;
  for (;;) {
    Outcome outcome = Attempt(run, failures == 0 ? 0 : kFirstPause << (failures - 1));
    if (run->done_before > done_before) failures = 0;
    done_before = run->done_before;
    if (!IsTransient(outcome) || ++failures > kMostFailures) return outcome;
  }
}

}  // namespace

bool FindJobKind(const char* name, SweepKind* kind) {
  for (const auto& known : kKinds) {
    if (strcmp(known.name, name) != 0) continue;
    *kind = known.kind;
    return true;
  }
  return false;
}

const char* JobKinds() {
  StringInfoData names;
  initStringInfo(&names);
  for (const auto& known : kKinds) appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", known.name);
  return names.data;
}

void RunJob(int64_t id) {
  JobRun run{};
  if (!TakeJob(id, &run)) return;
  ereport(LOG, (errmsg("pii: %s: running", run.name)));
  pgstat_report_activity(STATE_RUNNING, psprintf("pii: %s", run.name));
  while (!End(&run, AttemptAgain(&run))) continue;
}

void WaitInJob(int64_t milliseconds) {
  TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    ReloadSettings();
    long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
    if (left <= 0) return;
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
  }
}

bool NoteStopRequest() {
  stop_requested = true;
  return is_working;
}

}  // namespace pii

// The processes of jobs. None is restarted by the postmaster: it would do so for ever when the database is
// gone. After a crash, as after a restart or a promotion, it is the keeper that looks for jobs without a
// process.

#include "job_worker.h"

#include <csignal>

#include "job_run.h"
#include "job_table.h"
#include "jobs.h"
#include "keyring_reload.h"
#include "pg.h"

extern "C" PGDLLEXPORT void pii_job_main(Datum);

namespace pii {
namespace {

/// Milliseconds until a process that found no free slot tries again.
constexpr long kSlotCheck = 1000;

void HandleStop(SIGNAL_ARGS) {
  if (NoteStopRequest()) StatementCancelHandler(postgres_signal_arg);
}

void TellNoSlot(const char* what) {
  ereport(LOG, (errmsg("pii: %s wait for a free background worker", what),
                errhint("Raise max_worker_processes and restart the server.")));
}

/// The row of a job is there to be seen when the transaction that wrote it is over.
void WaitForStarter(TransactionId starter) {
  StartTransactionCommand();
  XactLockTableWait(starter, nullptr, nullptr, XLTW_None);
  CommitTransactionCommand();
}

/// The jobs of this database that have, or should have, a process.
int64* ListJobs(int* count) {
  MemoryContext outer = CurrentMemoryContext;
  int64* jobs = nullptr;
  *count = 0;
  StartTransactionCommand();
  if (OidIsValid(FindJobTable())) {
    Books books = OpenJobs();
    RunInBooks(
        psprintf("SELECT job_id FROM %s WHERE state IN ('running', 'stopping') ORDER BY 1", books.table), {});
    *count = static_cast<int>(SPI_processed);
    jobs = static_cast<int64*>(MemoryContextAlloc(outer, sizeof(int64) * SPI_processed + 1));
    for (int i = 0; i < *count; ++i) {
      bool is_null;
      jobs[i] = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null));
    }
    CloseBooks(books);
  }
  CommitTransactionCommand();
  return jobs;
}

/// Those that have a process are started in vain: the new one finds the job locked and goes.
void StartJobsOfDatabase() {
  int count;
  int64* jobs = ListJobs(&count);
  bool has_told = false;
  for (int i = 0; i < count;) {
    if (StartJobWorker({MyDatabaseId, InvalidTransactionId, jobs[i]}, nullptr)) {
      ++i;
      continue;
    }
    if (!has_told) TellNoSlot("interrupted jobs");
    has_told = true;
    WaitInJob(kSlotCheck);
  }
}

/// Where sessions may be, but for templates, which CREATE DATABASE wants to itself.
List* ListDatabases() {
  MemoryContext outer = CurrentMemoryContext;
  List* databases = NIL;
  StartTransactionCommand();
  Relation catalog = table_open(DatabaseRelationId, AccessShareLock);
  TableScanDesc scan = table_beginscan_catalog(catalog, 0, nullptr);
  while (HeapTuple row = heap_getnext(scan, ForwardScanDirection)) {
    auto* database = reinterpret_cast<Form_pg_database>(GETSTRUCT(row));
    bool is_valid = database->datconnlimit >= -1;  // not half dropped
    if (!is_valid || !database->datallowconn || database->datistemplate) continue;
    MemoryContext inner = MemoryContextSwitchTo(outer);
    databases = lappend_oid(databases, database->oid);
    MemoryContextSwitchTo(inner);
  }
  table_endscan(scan);
  table_close(catalog, AccessShareLock);
  CommitTransactionCommand();
  return databases;
}

bool IsKeeperStopping() { return ShutdownRequestPending; }

/// Waits, and does meanwhile what else the keeper is there for. False when it is to end.
bool WaitAsKeeper() {
  WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kSlotCheck, PG_WAIT_EXTENSION);
  ResetLatch(MyLatch);
  CHECK_FOR_INTERRUPTS();
  if (ConfigReloadPending) {
    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
    ReloadAfterSighup(IsKeeperStopping);
  }
  if (ShutdownRequestPending) SetLatch(MyLatch);  // it is the keeper's main loop that ends
  return !ShutdownRequestPending;
}

/// Starts the process that looks for jobs in a database, and waits until it has done so. False when the
/// keeper is to end.
bool LookForJobs(Oid database) {
  BackgroundWorkerHandle* handle = nullptr;
  bool has_told = false;
  while (!StartJobWorker({database, InvalidTransactionId, 0}, &handle)) {
    if (!has_told) TellNoSlot("interrupted jobs");
    has_told = true;
    if (!WaitAsKeeper()) return false;
  }
  pid_t pid;
  while (GetBackgroundWorkerPid(handle, &pid) != BGWH_STOPPED) {
    if (!WaitAsKeeper()) return false;
  }
  pfree(handle);
  return true;
}

}  // namespace

bool StartJobWorker(const JobOrder& order, BackgroundWorkerHandle** handle) {
  BackgroundWorker worker{};
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  worker.bgw_restart_time = BGW_NEVER_RESTART;
  worker.bgw_notify_pid = handle != nullptr ? MyProcPid : 0;
  strlcpy(worker.bgw_library_name, "pii", BGW_MAXLEN);
  strlcpy(worker.bgw_function_name, "pii_job_main", BGW_MAXLEN);
  if (order.job != 0) {
    snprintf(worker.bgw_name, BGW_MAXLEN, "pii job %lld", static_cast<long long>(order.job));
    strlcpy(worker.bgw_type, kJobWorkerType, BGW_MAXLEN);
  } else {
    strlcpy(worker.bgw_name, "pii job starter", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "pii job starter", BGW_MAXLEN);
  }
  static_assert(sizeof order <= BGW_EXTRALEN);
  memcpy(worker.bgw_extra, &order, sizeof order);
  return RegisterDynamicBackgroundWorker(&worker, handle);
}

/// One database at a time, so that no more than one slot is taken from those who need it.
void StartInterruptedJobs() {
  List* databases = ListDatabases();
  ListCell* cell;
  foreach (cell, databases) {
    if (!LookForJobs(lfirst_oid(cell))) break;
  }
  list_free(databases);
}

}  // namespace pii

/// It connects as the bootstrap superuser, because the owner of a job may be a role that cannot log in.
void pii_job_main(Datum) {
  pii::JobOrder order;
  memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof order);
  pqsignal(SIGTERM, die);
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGUSR2, pii::HandleStop);
  BackgroundWorkerUnblockSignals();
  BackgroundWorkerInitializeConnectionByOid(order.database, InvalidOid, 0);
  SetConfigOption("application_name", MyBgworkerEntry->bgw_name, PGC_USERSET, PGC_S_SESSION);
  // Whatever ALTER DATABASE or ALTER ROLE say: it is there to write, and to see what others have written.
  SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
  SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
  if (TransactionIdIsValid(order.starter)) pii::WaitForStarter(order.starter);
  if (order.job != 0) {
    pii::RunJob(order.job);
  } else {
    pii::StartJobsOfDatabase();
  }
  proc_exit(0);
}

#include "keeper.h"

#include "jobs.h"
#include "keyring_reload.h"
#include "pg.h"

extern "C" PGDLLEXPORT void pii_keeper_main(Datum);

namespace pii {
namespace {

/// How often a standby looks whether it was promoted, in milliseconds. PostgreSQL tells no one.
constexpr long kPromotionCheck = 1000;

bool IsStopping() { return ShutdownRequestPending; }

}  // namespace

void InstallKeeper() {
  if (IsBinaryUpgrade) return;  // jobs would write to a cluster that is to stay as it is
  BackgroundWorker worker{};
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_ConsistentState;
  worker.bgw_restart_time = 5;
  strlcpy(worker.bgw_library_name, "pii", BGW_MAXLEN);
  strlcpy(worker.bgw_function_name, "pii_keeper_main", BGW_MAXLEN);
  strlcpy(worker.bgw_name, "pii keeper", BGW_MAXLEN);
  strlcpy(worker.bgw_type, "pii keeper", BGW_MAXLEN);
  RegisterBackgroundWorker(&worker);
}

}  // namespace pii

void pii_keeper_main(Datum) {
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
  BackgroundWorkerUnblockSignals();
  BackgroundWorkerInitializeConnectionByOid(InvalidOid, InvalidOid, 0);

  bool has_started_jobs = false;
  while (!ShutdownRequestPending) {
    CHECK_FOR_INTERRUPTS();  // DROP DATABASE and others wait until every process has answered
    if (ConfigReloadPending) {
      ConfigReloadPending = false;
      ProcessConfigFile(PGC_SIGHUP);
      pii::ReloadAfterSighup(pii::IsStopping);
    }
    if (!has_started_jobs && !RecoveryInProgress()) {
      pii::StartInterruptedJobs();
      has_started_jobs = true;
    }
    int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (has_started_jobs ? 0 : WL_TIMEOUT);
    WaitLatch(MyLatch, events, pii::kPromotionCheck, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
  }
  proc_exit(1);  // 0 would mean: never start it again
}

// Where PostgreSQL meets the library.

#include "access_counters.h"
#include "access_log.h"
#include "expression_guard.h"
#include "grants.h"
#include "keeper.h"
#include "log_guard.h"
#include "pg.h"
#include "planner_support.h"
#include "settings.h"
#include "shared_keys.h"
#include "statement.h"

extern "C" {
PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) {
  pii::DefineSettings();
  pii::InstallExpressionGuard();
  pii::InstallGrants();
  pii::InstallLogGuard();
  pii::InstallAccessLog();
  pii::InstallStatementHooks();
  pii::InstallPlannerSupport();
  // Loaded later than that, the library can be asked for its types but has no keys: every use of a value is
  // an error.
  if (process_shared_preload_libraries_in_progress) {
    pii::InstallSharedKeys();
    pii::InstallAccessCounters();
    pii::InstallKeeper();
  }
}
}

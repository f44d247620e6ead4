#pragma once

#include "pg.h"

namespace pii {

/// RunInSubtransaction runs a step whose errors are not to end the transaction. Null when it went well; else
/// nothing of it is left, and the error is returned, palloc'ed, for the caller to judge. The step is a lambda
/// that holds nothing but plain data.
template <typename Step>
ErrorData* RunInSubtransaction(const Step& step) {
  ErrorData* volatile error = nullptr;
  MemoryContext context = CurrentMemoryContext;
  ResourceOwner owner = CurrentResourceOwner;
  BeginInternalSubTransaction(nullptr);
  MemoryContextSwitchTo(context);
  PG_TRY();
  {
    step();
    ReleaseCurrentSubTransaction();
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    error = CopyErrorData();
    FlushErrorState();
    RollbackAndReleaseCurrentSubTransaction();
  }
  PG_END_TRY();
  MemoryContextSwitchTo(context);
  CurrentResourceOwner = owner;
  return error;
}

/// SetForSubtransaction changes a setting until the end of the subtransaction.
inline void SetForSubtransaction(const char* setting, const char* value) {
  set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

}  // namespace pii

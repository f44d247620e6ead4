// With its default settings PostgreSQL logs the text of a failed statement, for a violated constraint the
// whole row as text, and for COPY the line it was at. In a transaction that sealed or revealed values these
// hold values, so the log goes without them; the client, who sent them, still gets all of it.
//
// What fails before the first value is seen (a syntax error) is logged as it is, and so are statements that
// are logged for their own sake (log_statement, log_min_duration_statement).

#include "log_guard.h"

#include "pg.h"

namespace pii {
namespace {

emit_log_hook_type next_emit_log;

/// Start of the last transaction that used values. It tells transactions apart, even where none has an id.
TimestampTz values_in_use;

bool ShowsRow(const ErrorData* error) {
  int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
  return category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
         category == ERRCODE_WITH_CHECK_OPTION_VIOLATION;
}

void HideValues(ErrorData* error) {
  if (values_in_use != 0 && values_in_use == GetCurrentTransactionStartTimestamp()) {
    error->hide_stmt = true;
    error->hide_ctx = true;
    if (error->detail != nullptr && error->detail_log == nullptr && ShowsRow(error)) {
      error->detail_log = pstrdup("Not logged, because values of sealed columns were in use.");
    }
  }
  if (next_emit_log != nullptr) next_emit_log(error);
}

}  // namespace

void InstallLogGuard() {
  next_emit_log = emit_log_hook;
  emit_log_hook = HideValues;
}

void NoteValuesInUse() { values_in_use = GetCurrentTransactionStartTimestamp(); }

}  // namespace pii

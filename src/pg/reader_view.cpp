#include "reader_view.h"

#include "pg.h"
#include "privileges.h"

namespace pii {
namespace {

// The last answer of IsSealedApplication, which is asked for each value.
char last_application[NAMEDATALEN];
bool last_answer;
bool has_answer;

/// Is `application_name` in pii.sealed_applications?
bool IsSealedApplication() {
  const char* application = application_name != nullptr ? application_name : "";
  if (likely(has_answer && strcmp(application, last_application) == 0)) return last_answer;
  char* names = pstrdup(settings.sealed_applications);
  List* list;
  // A list that cannot be read names everybody: the setting is there to hide.
  bool found = !SplitGUCList(names, ',', &list);
  ListCell* cell;
  foreach (cell, list) found = found || strcmp(static_cast<char*>(lfirst(cell)), application) == 0;
  list_free(list);
  pfree(names);
  strlcpy(last_application, application, sizeof last_application);
  last_answer = found;
  has_answer = true;
  return found;
}

/// pg_dump by what it sets up for itself, whatever PGAPPNAME calls it: a read only snapshot (which PostgreSQL
/// does not tell parallel workers), no names to be found by search path, no synchronised scans.
bool IsDump() {
  return !synchronize_seqscans && (XactReadOnly || IsParallelWorker()) && IsolationUsesXactSnapshot() &&
         namespace_search_path != nullptr && namespace_search_path[0] == '\0';
}

/// postgres_fdw by the same: names of pg_catalog alone, a snapshot for the transaction, all digits of floats.
bool IsForeignDataWrapper() {
  return extra_float_digits == 3 && IsolationUsesXactSnapshot() && namespace_search_path != nullptr &&
         strcmp(namespace_search_path, "pg_catalog") == 0;
}

bool MovesDataInBulk() {
  return am_walsender || IsDump() || IsForeignDataWrapper() || IsSealedApplication() ||
         HistoricSnapshotActive() || IsLogicalWorker();
}

}  // namespace

void ForgetApplication() { has_answer = false; }

View ViewFor(int32_t class_id) {
  if (settings.view == kViewSealed || MovesDataInBulk()) return kViewSealed;
  View allowed = MayReveal(class_id)                     ? kViewPlain
                 : (PrivilegesOn(class_id) & kMask) != 0 ? kViewMasked
                                                         : kViewRedacted;
  return static_cast<View>(Max(static_cast<int>(allowed), settings.view));
}

}  // namespace pii

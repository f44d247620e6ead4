#include "presence.h"

#include "pg.h"
#include "privileges.h"

namespace pii {
namespace {

Presence presence;

void ForgetAbsence(Datum, int, uint32) {
  if (presence == Presence::kAbsent) presence = Presence::kUnknown;
}

/// CREATE EXTENSION makes casts, and hardly anything else does.
void WatchCasts() {
  static bool watching = false;
  if (!watching) CacheRegisterSyscacheCallback(CASTSOURCETARGET, ForgetAbsence, Datum(0));
  watching = true;
}

}  // namespace

Presence FindPresence() {
  if (presence == Presence::kUnknown && IsTransactionState()) {
    WatchCasts();
    presence = OidIsValid(FindPrivilegeTables().of_roles) ? Presence::kPresent : Presence::kAbsent;
  }
  return presence;
}

Presence KnownPresence() { return presence; }

}  // namespace pii

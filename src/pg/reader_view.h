#pragma once

#include <cstdint>

#include "settings.h"

namespace pii {

/// ViewFor returns what the current reader gets to see of a value of a class, never kViewAuto: the highest
/// his privileges allow, lowered by pii.view. Who moves data in bulk gets kViewSealed, so that no copy of the
/// data needs plaintext or holds masks: walsenders, logical decoding and apply, pg_dump, and the applications
/// in pii.sealed_applications.
View ViewFor(int32_t class_id);

/// ForgetApplication drops what is kept of pii.sealed_applications, which has changed.
void ForgetApplication();

}  // namespace pii

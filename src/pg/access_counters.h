#pragma once

#include "audit.h"

struct ReturnSetInfo;

namespace pii {

/// InstallAccessCounters asks for the shared memory of pii_stat_access. Called from _PG_init when the library
/// is preloaded.
void InstallAccessCounters();

/// CountAccess adds to the counters of this database, the role, the class and the operation. It looks nothing
/// up and raises no error.
void CountAccess(const Access& access);

}  // namespace pii

#pragma once

#include <cstdint>

namespace pii {

/// OnRelationChange has `forget` called, from now on in this process, when PostgreSQL says that a table or
/// index has changed: with its OID, or 0 for all of them. To ask for the same again changes nothing.
/// PostgreSQL has room for 10 such callbacks of all libraries together, and ends the session that asks for
/// one more (inval.c): the library takes one for all that it keeps.
void OnRelationChange(void (*forget)(uint32_t relation));

}  // namespace pii

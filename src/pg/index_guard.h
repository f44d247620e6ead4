#pragma once

#include <cstdint>

namespace pii {

/// GuardStatement returns the statement that makes a guard (index_version.h) for a unique index, pinned to a
/// key version.
const char* GuardStatement(uint32_t index, uint16_t version);

}  // namespace pii

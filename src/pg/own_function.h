#pragma once

#include <cstdint>

namespace pii {

/// IsOwnFunction tells whether an SQL function (by OID) is the one of this library with C symbol `symbol`.
/// Ours are found by symbol, in whatever schema the extension is, and without loading anybody else's library.
bool IsOwnFunction(uint32_t function, const char* symbol);

}  // namespace pii

#pragma once

#include <cstdint>
#include <initializer_list>

namespace pii {

/// IsOwnFunction tells whether an SQL function (by OID) is the one of this library with C symbol `symbol`.
/// Ours are found by symbol, in whatever schema the extension is, and without loading anybody else's library.
bool IsOwnFunction(uint32_t function, const char* symbol);

/// IsOwnType tells whether a type, or what a domain is over, is the one of this library with this input
/// function.
bool IsOwnType(uint32_t type, const char* input_symbol);

/// IsEquality tells whether a function is one of those behind `=` of pii_text.
bool IsEquality(uint32_t function);

/// FindFunction returns the function in the extension's schema with this name and these argument types. Not
/// by name resolution, which asks whether the role may use the schema.
uint32_t FindFunction(uint32_t schema, const char* name, std::initializer_list<uint32_t> types);

}  // namespace pii

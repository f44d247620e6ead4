#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "pii_class.h"
#include "status.h"

namespace pii {

/// NormalizedBound returns a size in bytes that always suffices for the normalised form of a value of `size`
/// bytes: no code point grows by more than eleven times (Unicode UAX #15, U+FDFA under NFKC in UTF-8: 3 to
/// 33).
constexpr size_t NormalizedBound(size_t size) { return size * 11; }

/// Normalize writes the form of `value` (UTF-8) that equality of class `pii_class` is defined by, to `out`,
/// and its size in bytes to `*size`. A value that does not have the shape of its class is brought to NFC
/// only.
///
/// Fails with kBufferTooSmall, `*size` then being the size needed; kInvalidUtf8; kNotSearchable for classes
/// that are never searched. `out` may hold part of the value after a failure: its owner wipes it either way.
Status Normalize(const PiiClass& pii_class, std::string_view value, std::span<char> out, size_t* size);

}  // namespace pii

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "pii_class.h"

namespace pii {

/// A value of more bytes than this is no name, number or address of anybody: it is masked as `****`.
constexpr size_t kMaxMaskedSize = 1024;

/// MaskBound returns a size in bytes that always suffices for the mask of a value of `size` bytes.
constexpr size_t MaskBound(size_t size) { return 3 * (size < kMaxMaskedSize ? size : kMaxMaskedSize) + 128; }

/// Mask writes the partly hidden form of `value` to `out` (at least MaskBound(value.size()) bytes) and
/// returns its size in bytes. It is total: ill-formed UTF-8 and everything that does not look like its class
/// gives `****`.
///
/// The mask never contains the whole value, unless the value is its own mask, empty, or made of asterisks;
/// Mask(Mask(v)) = Mask(v). Phone, ssn, pan, iban, dob and ip show their part only for the whole format (pan:
/// PCI DSS 4.0 requirement 3.4.1 allows the last four digits); the others only where at least twice as many
/// characters stay hidden as are shown.
size_t Mask(const PiiClass& pii_class, std::string_view value, std::span<char> out);

/// MaskExample shows what a rule leaves of a value, for people; null for kKeep, where the class says it.
const char* MaskExample(MaskRule rule);

/// RedactedBound is the size in bytes of the largest redacted form.
constexpr size_t kRedactedBound = PiiClass::kMaxNameSize + 2;

/// Redact writes the constant that stands for any value of the class, `[ssn]`, and returns its size in bytes.
size_t Redact(const PiiClass& pii_class, std::span<char> out);

/// MayBeMask is a cheap test that holds for every value for which IsMask holds, and for few others.
bool MayBeMask(std::string_view value);

/// IsMask tells whether `value` is its own mask or the redacted form: what a person read, not data. `scratch`
/// has at least MaskBound(value.size()) bytes, and its owner wipes it.
bool IsMask(const PiiClass& pii_class, std::string_view value, std::span<char> scratch);

}  // namespace pii

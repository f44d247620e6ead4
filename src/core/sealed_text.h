#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "bytes.h"
#include "status.h"

namespace pii {

/// Sealed text is the printable form of a sealed value: `pii:v<key version>:<base64url, no padding>`.

/// LooksLikeSealedText tells whether `text` begins with `pii:v`, one or more digits and a colon. Such text is
/// never taken for plaintext: it is sealed text or an error, so a value cannot be sealed twice.
bool LooksLikeSealedText(std::string_view text);

/// SealedTextBound returns a size in bytes that suffices to write the sealed text of `size` bytes, with the
/// room EncodeBase64 needs.
constexpr size_t SealedTextBound(size_t size) { return sizeof "pii:v65535:" + size / 3 * 4 + 5; }

/// WriteSealedText writes the sealed text of a stored sealed value and returns its size in bytes. `sealed`
/// must parse.
size_t WriteSealedText(ByteView sealed, std::span<char> out);

/// SealedBytesBound returns a size in bytes that suffices for the bytes of a sealed text of `size` bytes.
constexpr size_t SealedBytesBound(size_t size) { return size / 4 * 3 + 3; }

/// ParseSealedText reads sealed text into `sealed` (SealedBytesBound bytes) and checks that the bytes parse
/// and that the version in front is that of the header. Fails with kNotSealedText, kMalformedSealedText or a
/// status of ParseSealedValue. What it accepts is not authenticated yet.
Status ParseSealedText(std::string_view text, ByteSpan sealed, size_t* size);

}  // namespace pii

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "bytes.h"

namespace pii {

/// The two alphabets of RFC 4648: §4 with padding for keys in JSON, §5 without padding for sealed text.
enum class Base64 { kStandard, kUrl };

/// Base64Size returns the size of the text of `size` bytes, in characters.
size_t Base64Size(Base64 alphabet, size_t size);

/// EncodeBase64 writes exactly Base64Size(bytes.size()) characters. OpenSSL's encoder wants one more for a
/// NUL: `text` has at least bytes.size() / 3 * 4 + 5 characters.
void EncodeBase64(Base64 alphabet, ByteView bytes, std::span<char> text);

/// DecodeBase64 is strict: one text for each byte string. No white space, no missing or superfluous padding,
/// no stray low bits in the last character. `bytes` has at least text.size() / 4 * 3 + 3 bytes; their number
/// goes to `*size`. On failure `bytes` is wiped.
bool DecodeBase64(Base64 alphabet, std::string_view text, ByteSpan bytes, size_t* size);

}  // namespace pii

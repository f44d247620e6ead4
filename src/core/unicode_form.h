#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "status.h"

namespace pii {

// Forms of Unicode text, by ICU and without a locale. All take valid UTF-8 and write to `out`; when it is too
// small they fail with kBufferTooSmall, and `*size` is the size needed. ASCII, which most personal data is,
// never reaches ICU.

/// Fits sets `*size` and gives kOk or kBufferTooSmall.
Status Fits(size_t needed, std::span<char> out, size_t* size);
Status CopyText(std::string_view text, std::span<char> out, size_t* size);

/// The normalisation forms of Unicode UAX #15.
Status ToNfc(std::string_view value, std::span<char> out, size_t* size);
Status ToNfkc(std::string_view value, std::span<char> out, size_t* size);
Status ToNfkd(std::string_view value, std::span<char> out, size_t* size);

/// ToNfkcCasefold is NFKC_Casefold of The Unicode Standard §3.13; it also drops default ignorable code
/// points.
Status ToNfkcCasefold(std::string_view value, std::span<char> out, size_t* size);
Status ToUpper(std::string_view value, std::span<char> out, size_t* size);

}  // namespace pii

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace pii {

// Messages of PostgreSQL in another language. What they quote is known by the English words around it, and
// other languages quote by other marks.

/// OriginalBound: bytes that OriginalText may take.
constexpr size_t OriginalBound(size_t text_size, size_t english_size) { return text_size + 2 * english_size; }

/// OriginalText writes the English message that `text` is the translation of, and returns the size. `english`
/// and `translated` are its formats, as printf takes them. Should `text` not be made of `translated`, `...`
/// stands for each of its arguments, and `*fits` is false.
size_t OriginalText(std::string_view text, std::string_view english, std::string_view translated, bool* fits,
                    std::span<char> out);

}  // namespace pii

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

struct ErrorData;

namespace pii {

// Text for the log and for other libraries, without the literals in it (sql_text.h, log_text.h). None of it
// raises an error about the text.

using Hider = size_t (*)(std::string_view text, bool backslash_escapes, std::span<char> out);

/// Hidden returns the hidden form of `text`, palloc'ed, behind its first `kept` bytes. Where there is no
/// memory for it, nothing of it.
char* Hidden(const char* text, Hider hide, size_t kept = 0);

/// HiddenMessage returns the hidden form of a primary message: as it is when nothing of it has to be hidden,
/// else in English, whose words tell names from values.
char* HiddenMessage(const ErrorData* error, Hider hide);

/// IsTranslated tells whether the messages of the session are in another language than English.
bool IsTranslated();

/// Blank overwrites the literals of `text`; all of it, should that fail.
void Blank(char* text);

/// HiddenStatement returns a statement without its literals, palloc'ed; null when it has none.
char* HiddenStatement(const char* text);

/// BlankedStatement returns a copy with its literals overwritten; null when it is known to have none.
char* BlankedStatement(const char* text);

/// HideLiteralsOf returns `message` without what it quotes of the literals of `statement`: what stands in the
/// statement and no more in its hidden form. It is `message` itself, or palloc'ed.
char* HideLiteralsOf(const char* statement, char* message);

}  // namespace pii

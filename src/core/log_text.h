#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "sql_text.h"

namespace pii {

// What PostgreSQL writes to its log besides statements, without the values in it. Each function writes to
// `out`, which holds HiddenBound(text.size()) bytes, and returns the size; `backslash_escapes` is
// HideLiterals'. Text they do not know is hidden: messages are known in English only.

/// HidePlan: a plan of auto_explain, what follows "plan:\n", in any of EXPLAIN's formats. Estimates and
/// measurements stay.
size_t HidePlan(std::string_view text, bool backslash_escapes, std::span<char> out);

/// HideContext: the lines of CONTEXT. Unknown ones become (hidden), several in a row one.
size_t HideContext(std::string_view text, bool backslash_escapes, std::span<char> out);

/// HideRow: DETAIL of a violated constraint, which holds a row or a key.
size_t HideRow(std::string_view text, bool backslash_escapes, std::span<char> out);

/// HideQuoted: a primary message that may quote its input. What stands in double quotes stays where it is a
/// plain name that the word before says to be one: relation "t".
size_t HideQuoted(std::string_view text, bool backslash_escapes, std::span<char> out);

/// HideNear: a syntax error. What stands in double quotes stays when it is a keyword, a letter or
/// punctuation.
size_t HideNear(std::string_view text, bool backslash_escapes, std::span<char> out);

/// HideDeadlock: DETAIL of a deadlock in the log, with the statements of all processes.
size_t HideDeadlock(std::string_view text, bool backslash_escapes, std::span<char> out);

/// BeginsWithCommand tells whether a statement begins as SQL does, behind blanks, comments, parentheses and
/// semicolons. What does not may be lines of data, which a program sends when their COPY was refused.
bool BeginsWithCommand(std::string_view text);

}  // namespace pii

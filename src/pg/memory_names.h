#pragma once

namespace pii {

// When a process runs out of memory, PostgreSQL writes the names of all its memory to the server log, past the
// hook of the log. The memory of a cached statement, and of its plan, is named by the text of the statement.

/// HideNewMemoryNames takes the literals out of the names of what was made lately. PostgreSQL has a hook just
/// behind the making of a statement (its analysis) and of a plan (its start), but not where PL/pgSQL runs a
/// simple expression by itself: that one's plan is reached by the next statement, so an expression which takes
/// all memory at its first run is named as it is.
void HideNewMemoryNames();

}  // namespace pii

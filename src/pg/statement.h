#pragma once

namespace pii {

/// InstallStatementHooks sees statements begin and end: accesses are carried over at the end, COPY TO shows
/// sealed text, and other libraries get the text of utility statements without literals. Called from
/// _PG_init.
void InstallStatementHooks();

/// StatementDepth returns how many statements are running, one within the other.
int StatementDepth();

}  // namespace pii

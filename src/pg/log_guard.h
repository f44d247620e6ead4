#pragma once

namespace pii {

/// InstallLogGuard keeps values out of what PostgreSQL adds to an error in the server log: the statement, the
/// failing row and the line of COPY. Called from _PG_init.
void InstallLogGuard();

/// NoteValuesInUse remembers that the current transaction sealed or revealed values.
void NoteValuesInUse();

}  // namespace pii

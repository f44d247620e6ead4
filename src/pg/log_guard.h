#pragma once

namespace pii {

/// InstallLogGuard keeps values out of the server log: literals and parameters of statements, what a message
/// quotes, failing rows and lines of COPY (pii.log_scrubbing). Called from _PG_init.
void InstallLogGuard();

/// NoteValuesInUse remembers that the current transaction sealed or revealed values.
void NoteValuesInUse();

/// TextForOthers returns the text of a statement as other libraries may keep it (pg_stat_statements):
/// literals overwritten, positions the same. It is `text` itself, or palloc'ed.
const char* TextForOthers(const char* text);

/// CommandTextForOthers is TextForOthers for a command, which may end the transaction: the answer lives as
/// long as the client's message.
const char* CommandTextForOthers(const char* text);

/// QueryTextForOthers is TextForOthers for a query, whose portal may outlive the client's message: the answer
/// lives as long as the transaction.
const char* QueryTextForOthers(const char* text);

/// HideActivity takes the literals of the current statement out of pg_stat_activity. PostgreSQL put them
/// there before it asked anybody.
void HideActivity();

}  // namespace pii

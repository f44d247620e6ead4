#pragma once

struct ErrorData;

namespace pii {

/// InstallLogGuard keeps values out of the server log: literals and parameters of statements, what a message
/// quotes, failing rows and lines of COPY (pii.log_scrubbing). Called from _PG_init.
void InstallLogGuard();

/// IsRaised tells of what functions say by themselves, which may be anything: RAISE and ASSERT of PL/pgSQL,
/// the same and what fails in other languages, what another server says, and warnings about XML, which show
/// the line they were at.
bool IsRaised(const ErrorData* error);

/// NoteValuesInUse remembers that the current transaction and statement sealed or revealed values.
void NoteValuesInUse();

/// TextForOthers returns the text of a statement as other libraries may keep it (pg_stat_statements):
/// literals overwritten, positions the same. It is `text` itself, or palloc'ed.
const char* TextForOthers(const char* text);

/// CommandTextForOthers is TextForOthers for a statement of the client's message, which may have thousands:
/// the answer is worked out once, and lives as long as the message.
const char* CommandTextForOthers(const char* text);

/// HideActivity takes the literals of the current statement out of pg_stat_activity. PostgreSQL put them
/// there before it asked anybody.
void HideActivity();

/// HideMemoryNames takes the literals out of the names that statements and their plans give to memory
/// (memory_names.h). Called when they are analysed, and before they run.
void HideMemoryNames();

}  // namespace pii

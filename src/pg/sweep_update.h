#pragma once

#include <cstdint>

#include "sweep_target.h"

struct RelationData;

namespace pii {

/// CheckMayUpdate raises an error unless the current user may sweep a column of a table: 42703 and 42809
/// when there is no such column, 42501 when he may not update it, or row level security applies to him, as
/// the rows are found by their headers and without policies.
void CheckMayUpdate(uint32_t table, const char* column, SweepKind kind);

/// CheckMayUpdateMember does the rest of it for each table of the tree.
void CheckMayUpdateMember(RelationData* member);

/// UpdateRows changes the values of rows by an UPDATE, as the owner of the table for who has his rights,
/// else as the current user. `places` are ItemPointers. Returns the number of rows that were there unchanged.
int64_t UpdateRows(RelationData* table, const char* column, SweepKind kind, uintptr_t* places, int count);

/// UnsealedTable returns the table whose values UpdateRows turns into plaintext just now, for a caller who
/// may reveal all of them; 0 for none.
uint32_t UnsealedTable();

/// TryUpdateRows is UpdateRows that gives way to who holds what it needs for long: 0, and nothing is done.
int64_t TryUpdateRows(RelationData* table, const char* column, SweepKind kind, uintptr_t* places, int count);

}  // namespace pii

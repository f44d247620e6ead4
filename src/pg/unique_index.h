#pragma once

#include <cstdint>

#include "pii_class.h"

struct Node;
struct RelationData;

namespace pii {

/// HasIndexKeys tells whether this database has the extension and the server its keys.
bool HasIndexKeys();

/// IsRotating tells whether more than one version of the index keys is enabled.
bool IsRotating();
uint16_t PrimaryVersion();
uint16_t LowestVersion();

/// SourceOfKey returns what a key of an index is made of: an expression, or the generation expression of a
/// column; null for any other column.
Node* SourceOfKey(RelationData* table, RelationData* index, int key);

/// FindGuard returns the guard (index_version.h) of a key of a unique index, which is a blind index of
/// `column`; 0 when there is none.
uint32_t FindGuard(RelationData* table, RelationData* index, int key, int16_t column, Transform transform);

/// VersionByUniqueIndexes returns the version for one column of a table, as its unique indexes want it; 0: it
/// has none. `*held_by` is set to one without a guard that stands on another version than the primary one.
/// Raises 55000 when one has entries of two versions and no guard.
uint16_t VersionByUniqueIndexes(RelationData* table, int16_t column, uint32_t* held_by);

/// CheckDropOf refuses to drop a guard of an index that has entries of two versions.
void CheckDropOf(uint32_t guard);

}  // namespace pii

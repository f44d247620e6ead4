#pragma once

#include <cstdint>

struct FunctionCallInfoBaseData;
struct DropStmt;
struct List;
struct QueryDesc;

namespace pii {

// Under which version of the index keys a write computes a blind index.
//
// A unique index compares hashes, so it is blind to equal values under two versions. While keys rotate it
// must therefore stand on one version, or have a guard: a second unique index over the same rows that is
// pinned to one enabled version, whichever is primary: pii_blind_index(ssn, 'exact', 2). So:
//
//   without a guard  a write uses the version that the entries of the index have; promoting another version
//                    changes nothing. An empty index: the lowest enabled version, on which all writers agree
//                    whatever they know of the promotion.
//   with a guard     a write uses the primary version. Entries of the old version are moved one by one; equal
//                    values under two versions meet in the guard, and ON CONFLICT asks it, too.
//
// A guard that CREATE INDEX CONCURRENTLY is building counts from the moment it is valid, when all writers
// maintain it. A column that references a unique one uses the version which that one uses.

/// WriteScope is a statement that writes. It keeps to its versions when the keyring changes meanwhile: its
/// rows are under one.
struct WriteScope {
  uint16_t primary;                      ///< the primary version when it began; 0: it writes no rows
  const struct IndexVersions* versions;  ///< of columns that have one of their own; null when nothing rotates
};

/// EnterWrite makes the statement the current one and returns the one to go back to. It makes ON CONFLICT ask
/// the guards, too.
WriteScope EnterWrite(QueryDesc* query);

/// EnterWriteOf does so for one table: COPY. 0: for a command that writes no rows.
WriteScope EnterWriteOf(uint32_t table);

/// EnterBuild does so for a command that may build indexes: all of an index is under one version, which
/// TellWorkersVersion has put into a setting, for the parallel workers to know it.
void TellWorkersVersion();
WriteScope EnterBuild();

/// CheckDrop refuses a DROP INDEX of a guard that is still needed.
void CheckDrop(const DropStmt* statement);
void LeaveWrite(const WriteScope& outer);

/// WriteVersion returns the version for a call of pii_blind_index(column) in the current statement, 0 for the
/// primary one.
uint16_t WriteVersion(FunctionCallInfoBaseData* fcinfo);

/// StatementVersion returns the primary version when the current statement began to write, 0 outside of one.
/// It is for blind indexes that no unique index and no foreign key may be made of.
uint16_t StatementVersion();

/// CheckUniqueBuild refuses to build a unique index whose expressions (a List) have a blind index that
/// writers compute under another version than the build does, which takes the primary one: then the index
/// would have two versions, and nothing would keep equal values apart.
void CheckUniqueBuild(uint32_t table, const List* expressions, bool concurrently);

/// UniqueIndexVersion returns the version that the unique indexes and foreign keys of a column want; 0 when
/// it has none, or nothing rotates. `*held_by`, where it is asked for, is a unique index without a guard that
/// stands on another version than the primary one, else 0.
uint16_t UniqueIndexVersion(uint32_t table, int16_t column, uint32_t* held_by);

/// ColumnIndexVersion returns the version that writes to a column of a table compute its blind indexes under
/// now: UniqueIndexVersion, or the primary one.
uint16_t ColumnIndexVersion(uint32_t table, int16_t column, uint32_t* held_by);

}  // namespace pii

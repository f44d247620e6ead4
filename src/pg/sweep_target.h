#pragma once

#include <cstdint>

struct RelationData;
struct TupleTableSlot;

namespace pii {

/// SweepKind is what a sweep does.
enum class SweepKind : uint8_t {
  kRewrap,  ///< moves values and their blind indexes to the primary key versions
  kSeal,    ///< seals plaintext of an adopted column
  kUnseal,  ///< turns values of an adopted column into plaintext
};

/// SweepTarget is what a sweep makes of the values of a column and its blind indexes, in one table.
struct SweepTarget {
  static constexpr int kMost = 64;

  struct Key {
    int16_t attribute;
    bool is_array;  ///< of words
  };
  struct Index {
    uint32_t oid;
    int16_t key;  ///< counted from 0
  };

  SweepKind kind;
  uint32_t table;
  int16_t column;
  int16_t attribute;  ///< of an attribute table (attribute_rules.h), which says what is to be sealed; else 0
  uint16_t seal_version;
  uint16_t index_version;  ///< that writes use: the primary one, or one that a unique index holds it to
  int key_count;
  Key keys[kMost];  ///< generated columns
  int index_count;
  Index indexes[kMost];  ///< B-trees on pii_blind_index(column): which version a row is under they alone know
};

/// FindSweepTarget looks it up in a table that has the column; keys are loaded.
SweepTarget FindSweepTarget(RelationData* table, const char* column, SweepKind kind);

/// IsDue tells by the row alone whether it is to be changed: by the versions, or the form, of what it holds.
bool IsDue(const SweepTarget& target, TupleTableSlot* row);

/// IsLeftPlain tells whether a row holds plaintext of an attribute table. An UPDATE leaves that as it is, and
/// so does not bring it under another key version in an index either.
bool IsLeftPlain(const SweepTarget& target, TupleTableSlot* row);

/// RowVisitor gets the rows one by one; false ends the visit.
using RowVisitor = bool (*)(TupleTableSlot* row, void* context);

/// VisitIndexedElsewhere visits the rows, as the active snapshot sees them, that an index of the target has
/// under another version. False when the visitor ended it.
bool VisitIndexedElsewhere(RelationData* table, const SweepTarget& target, RowVisitor visit, void* context);

/// HasEntryOfVersion tells whether a B-tree whose first key is a blind index has an entry of a key version,
/// as the active snapshot sees it.
bool HasEntryOfVersion(RelationData* table, RelationData* index, uint16_t version);

/// TellWhatStays reports which blind indexes of the column a rewrap leaves as they are, and what to do about
/// it.
void TellWhatStays(RelationData* table, const char* column);

}  // namespace pii

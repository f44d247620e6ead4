// Unique blind indexes while their keys rotate: which have a guard, and on which version the others stand.

#include "unique_index.h"

#include "bytes.h"
#include "index_expression.h"
#include "index_guard.h"
#include "pg.h"
#include "presence.h"
#include "relation_changes.h"
#include "shared_keys.h"

namespace pii {

bool HasIndexKeys() { return FindPresence() == Presence::kPresent && HasKeys(); }

bool IsRotating() { return HasIndexKeys() && CurrentProtector()->index_versions().size() > 1; }

uint16_t PrimaryVersion() { return CurrentProtector()->index_versions()[0]; }

uint16_t LowestVersion() {
  std::span<const uint16_t> versions = CurrentProtector()->index_versions();
  uint16_t lowest = versions[0];
  for (uint16_t version : versions) lowest = Min(lowest, version);
  return lowest;
}

Node* SourceOfKey(Relation table, Relation index, int key) {
  Node* expression = KeyExpression(index, key);
  return expression != nullptr ? expression
                               : GenerationExpression(table, index->rd_index->indkey.values[key]);
}

namespace {

// Guards.

bool IsEnabled(uint16_t version) {
  for (uint16_t enabled : CurrentProtector()->index_versions()) {
    if (enabled == version) return true;
  }
  return false;
}

/// Do two indexes have the same key in this place, and tell the same values apart?
bool IsSameKey(Relation one, Relation other, int key) {
  if (one->rd_index->indkey.values[key] != other->rd_index->indkey.values[key] ||
      one->rd_indcollation[key] != other->rd_indcollation[key] ||
      one->rd_opfamily[key] != other->rd_opfamily[key]) {
    return false;
  }
  Node* expression = KeyExpression(one, key);
  return expression == nullptr || equal(expression, KeyExpression(other, key));
}

/// Is key `key` of `guard` the blind index of `column` by `transform`, whose version is always the same?
bool IsPinned(Relation table, Relation guard, int key, AttrNumber column, Transform transform) {
  Transform guard_transform;
  Node* expression = SourceOfKey(table, guard, key);
  return SourceColumn(expression, &guard_transform) == column && guard_transform == transform &&
         IsEnabled(PinnedVersion(expression));
}

/// A guard of several blind indexes may pin all of them.
bool IsPinnedToo(Relation table, Relation index, Relation guard, int key) {
  Transform transform;
  AttrNumber column = SourceColumn(SourceOfKey(table, index, key), &transform);
  return column > 0 && index->rd_opfamily[key] == guard->rd_opfamily[key] &&
         IsPinned(table, guard, key, column, transform);
}

/// Is `guard` one for key `key` of `index`, whose blind index is of `column` by `transform`?
bool IsGuard(Relation table, Relation index, int key, AttrNumber column, Transform transform,
             Relation guard) {
  const FormData_pg_index* form = guard->rd_index;
  bool enforces = form->indisunique && form->indisvalid && form->indisready && form->indimmediate;
  if (!enforces || form->indnkeyatts != index->rd_index->indnkeyatts ||
      form->indnullsnotdistinct != index->rd_index->indnullsnotdistinct ||
      !equal(IndexPredicate(guard), IndexPredicate(index))) {
    return false;
  }
  for (int i = 0; i < form->indnkeyatts; ++i) {
    if (i != key && !IsSameKey(index, guard, i) && !IsPinnedToo(table, index, guard, i)) return false;
  }
  return IsPinned(table, guard, key, column, transform);
}

}  // namespace

Oid FindGuard(Relation table, Relation index, int key, AttrNumber column, Transform transform) {
  Oid found = InvalidOid;
  List* indexes = RelationGetIndexList(table);
  ListCell* cell;
  foreach (cell, indexes) {
    if (lfirst_oid(cell) == RelationGetRelid(index)) continue;
    Relation candidate = index_open(lfirst_oid(cell), AccessShareLock);
    if (IsGuard(table, index, key, column, transform, candidate)) found = lfirst_oid(cell);
    index_close(candidate, NoLock);
    if (OidIsValid(found)) break;
  }
  list_free(indexes);
  return found;
}

namespace {

// The version that an index stands on.

/// Standing is what unique indexes of a column say.
struct Standing {
  uint16_t version;  ///< of the entries of those without a guard; 0: there are none
  uint16_t other;    ///< another version among them; 0: they agree
  Oid unguarded;     ///< one of those
  bool is_guarded;   ///< one has a guard
};

void Take(uint16_t found, Standing* standing) {
  if (standing->version == 0) standing->version = found;
  if (found != 0 && found != standing->version) standing->other = found;
}

/// Takes the key versions in the first entries of an index with storage, from one end, of rows that are there
/// or are being written. One that begins with the blind index is in the order of the versions, so that its
/// ends tell all. Of another one more entries are looked at, which may miss one: most ways to two versions
/// without a guard are refused where they begin (CheckUniqueBuild, CheckDropOf).
void TakeFromEnd(Relation table, Relation index, int key, ScanDirection direction, int left,
                 Standing* standing) {
  SnapshotData dirty;
  InitDirtySnapshot(dirty);
  TupleTableSlot* slot = table_slot_create(table, nullptr);
  IndexScanDesc scan = BeginIndexScan(table, index, &dirty);
  scan->xs_want_itup = true;
  index_rescan(scan, nullptr, 0, nullptr, 0);
  while (left > 0 && standing->other == 0 && index_getnext_slot(scan, direction, slot)) {
    CHECK_FOR_INTERRUPTS();
    bool is_null;
    Datum value = index_getattr(scan->xs_itup, key + 1, scan->xs_itupdesc, &is_null);
    if (is_null) continue;
    Take(LoadBigEndian16(reinterpret_cast<uint8_t*>(DatumGetPointer(value))), standing);
    --left;
  }
  index_endscan(scan);
  ExecDropSingleTupleTableSlot(slot);
}

/// Known is what an index without a guard stands on. All who write keep to that, so it stays until the index
/// or its table changes, or the keyring does; finding it out may lead through many dead entries. Only the
/// lowest version is kept: should all rows go, that is what others write then, too.
struct Known {
  Oid index;
  uint16_t version;
};
constexpr int kMostKnown = 64;
Known known[kMostKnown];
int known_count;

void ForgetRelation(Oid) { known_count = 0; }
void ForgetAll(Datum, int, uint32) { known_count = 0; }

void WatchChanges() {
  static bool is_watching;
  if (is_watching) return;
  OnRelationChange(ForgetRelation);
  CacheRegisterSyscacheCallback(kKeyringSyscache, ForgetAll, Datum(0));
  is_watching = true;
}

uint16_t KnownVersion(Oid index) {
  for (int i = 0; i < known_count; ++i) {
    if (known[i].index == index) return known[i].version;
  }
  return 0;
}

/// Looks at both ends of an index, and of all its partitions.
void LookInto(Oid index_oid, int key, Standing* standing) {
  List* members = find_all_inheritors(index_oid, AccessShareLock, nullptr);
  ListCell* cell;
  foreach (cell, members) {
    if (get_rel_relkind(lfirst_oid(cell)) != RELKIND_INDEX) continue;
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    Relation table = table_open(index->rd_index->indrelid, AccessShareLock);
    int entries = key == 0 ? 1 : 200;
    TakeFromEnd(table, index, key, ForwardScanDirection, entries, standing);
    TakeFromEnd(table, index, key, BackwardScanDirection, entries, standing);
    table_close(table, NoLock);
    index_close(index, NoLock);
  }
  list_free(members);
}

/// Looks at the unique indexes of one table, of a partition at those that it alone has.
void LookAtTable(Relation table, AttrNumber column, bool is_member, Standing* standing) {
  List* indexes = RelationGetIndexList(table);
  ListCell* cell;
  foreach (cell, indexes) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    bool counts = index->rd_index->indisunique && index->rd_index->indisready &&
                  !(is_member && index->rd_rel->relispartition);
    for (int key = 0; counts && key < index->rd_index->indnkeyatts; ++key) {
      Transform transform;
      Node* expression = SourceOfKey(table, index, key);
      if (SourceColumn(expression, &transform) != column || PinnedVersion(expression) != 0) continue;
      if (OidIsValid(FindGuard(table, index, key, column, transform))) {
        standing->is_guarded = true;
        continue;
      }
      standing->unguarded = RelationGetRelid(index);
      uint16_t version = KnownVersion(standing->unguarded);
      if (version != 0) {
        Take(version, standing);
      } else {
        LookInto(standing->unguarded, key, standing);
      }
    }
    index_close(index, NoLock);
  }
  list_free(indexes);
}

Standing LookAtUniqueIndexes(Relation table, AttrNumber column) {
  Standing standing{};
  LookAtTable(table, column, false, &standing);
  if (table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) return standing;
  const char* name = NameStr(TupleDescAttr(table->rd_att, column - 1)->attname);
  List* members = find_all_inheritors(RelationGetRelid(table), AccessShareLock, nullptr);
  ListCell* cell;
  foreach (cell, members) {
    if (lfirst_oid(cell) == RelationGetRelid(table)) continue;
    Relation member = table_open(lfirst_oid(cell), NoLock);
    bool has_indexes = member->rd_rel->relkind != RELKIND_FOREIGN_TABLE;
    if (has_indexes) LookAtTable(member, get_attnum(lfirst_oid(cell), name), true, &standing);
    table_close(member, NoLock);
  }
  list_free(members);
  return standing;
}

/// An index that was rebuilt alone, under the primary version, a partition that was filled elsewhere, a guard
/// that was dropped too early.
[[noreturn]] void ReportTwoVersions(Relation table, const Standing& standing) {
  ereport(
      ERROR,
      (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
       errmsg("a unique blind index of relation \"%s\" has entries of key versions %u and %u and no guard",
              RelationGetRelationName(table), Min(standing.version, standing.other),
              Max(standing.version, standing.other)),
       errdetail("A value could be stored twice unnoticed."),
       errhint("Make a guard: %s; then CALL pii_rewrap_column().",
               GuardStatement(standing.unguarded, PrimaryVersion()))));
}

}  // namespace

uint16_t VersionByUniqueIndexes(Relation table, AttrNumber column, Oid* held_by) {
  WatchChanges();
  Standing standing = LookAtUniqueIndexes(table, column);
  if (standing.other != 0) {
    // Who wrote an entry of another version may have seen a guard that became valid only now.
    AcceptInvalidationMessages();
    known_count = 0;
    standing = LookAtUniqueIndexes(table, column);
  }
  if (standing.other != 0) ReportTwoVersions(table, standing);
  if (!OidIsValid(standing.unguarded)) return standing.is_guarded ? PrimaryVersion() : uint16_t{0};
  bool is_new = standing.version == LowestVersion() && KnownVersion(standing.unguarded) == 0;
  if (is_new && known_count < kMostKnown) known[known_count++] = {standing.unguarded, standing.version};
  uint16_t version = standing.version != 0 ? standing.version : LowestVersion();
  if (version != PrimaryVersion()) *held_by = standing.unguarded;
  return version;
}

namespace {

/// All versions in an index, and its partitions, of rows that are there.
void LookThrough(Oid index_oid, int key, Standing* standing) {
  ListCell* cell;
  foreach (cell, find_all_inheritors(index_oid, AccessShareLock, nullptr)) {
    if (get_rel_relkind(lfirst_oid(cell)) != RELKIND_INDEX || standing->other != 0) continue;
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    Relation table = table_open(index->rd_index->indrelid, AccessShareLock);
    TakeFromEnd(table, index, key, ForwardScanDirection, INT_MAX, standing);
    table_close(table, NoLock);
    index_close(index, NoLock);
  }
}

}  // namespace

void CheckDropOf(Oid guard_oid) {
  Relation guard = index_open(guard_oid, AccessShareLock);
  Relation table = table_open(guard->rd_index->indrelid, AccessShareLock);
  ListCell* cell;
  foreach (cell, RelationGetIndexList(table)) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    for (int key = 0; index->rd_index->indisunique && key < index->rd_index->indnkeyatts; ++key) {
      Transform transform;
      Node* expression = SourceOfKey(table, index, key);
      AttrNumber column = SourceColumn(expression, &transform);
      bool is_guarded = column > 0 && PinnedVersion(expression) == 0 &&
                        guard_oid != RelationGetRelid(index) &&
                        IsGuard(table, index, key, column, transform, guard);
      Standing standing{};
      if (is_guarded) LookThrough(RelationGetRelid(index), key, &standing);
      if (standing.other == 0) continue;
      ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                      errmsg("index \"%s\" guards index \"%s\", which has entries of key versions %u and %u",
                             RelationGetRelationName(guard), RelationGetRelationName(index),
                             Min(standing.version, standing.other), Max(standing.version, standing.other)),
                      errdetail("Without it a value could be stored twice unnoticed."),
                      errhint("CALL pii_rewrap_column() first, until all are of one version.")));
    }
    index_close(index, NoLock);
  }
  table_close(table, NoLock);
  index_close(guard, NoLock);
}

}  // namespace pii

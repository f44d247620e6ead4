#include "index_version.h"

#include "bytes.h"
#include "index_expression.h"
#include "index_guard.h"
#include "pg.h"
#include "presence.h"
#include "replicated_write.h"
#include "settings.h"
#include "shared_keys.h"
#include "type_modifier.h"

namespace pii {

/// A column that blind indexes are made of, by what an expression knows of it, and the version for them.
struct IndexVersions {
  struct Column {
    AttrNumber attribute;
    int32 modifier;
    uint16_t version;
  };
  static constexpr int kMost = 256;

  int count;
  Column columns[kMost];
};

namespace {

WriteScope current;

bool HasIndexKeys() { return FindPresence() == Presence::kPresent && HasKeys(); }

bool IsRotating() { return HasIndexKeys() && CurrentProtector()->index_versions().size() > 1; }

uint16_t PrimaryVersion() { return CurrentProtector()->index_versions()[0]; }

bool IsEnabled(uint16_t version) {
  for (uint16_t enabled : CurrentProtector()->index_versions()) {
    if (enabled == version) return true;
  }
  return false;
}

uint16_t LowestVersion() {
  std::span<const uint16_t> versions = CurrentProtector()->index_versions();
  uint16_t lowest = versions[0];
  for (uint16_t version : versions) lowest = Min(lowest, version);
  return lowest;
}

// Guards.

/// What a key of an index is made of: an expression or the generation expression of a column; null for any
/// other column.
Node* SourceOfKey(Relation table, Relation index, int key) {
  Node* expression = KeyExpression(index, key);
  return expression != nullptr ? expression
                               : GenerationExpression(table, index->rd_index->indkey.values[key]);
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

/// Is `guard` one for key `key` of `index`, whose blind index is of `column` by `transform`?
bool IsGuard(Relation table, Relation index, int key, AttrNumber column, Transform transform,
             Relation guard) {
  const FormData_pg_index* form = guard->rd_index;
  bool enforces = form->indisunique && form->indisvalid && form->indisready && form->indimmediate;
  if (!enforces || form->indnkeyatts != index->rd_index->indnkeyatts ||
      form->indnullsnotdistinct != index->rd_index->indnullsnotdistinct ||
      !equal(RelationGetIndexPredicate(guard), RelationGetIndexPredicate(index))) {
    return false;
  }
  for (int i = 0; i < form->indnkeyatts; ++i) {
    if (i != key && !IsSameKey(index, guard, i)) return false;
  }
  Transform guard_transform;
  Node* expression = SourceOfKey(table, guard, key);
  return SourceColumn(expression, &guard_transform) == column && guard_transform == transform &&
         IsEnabled(PinnedVersion(expression));
}

/// The guard of a key of a unique index; 0 when there is none.
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
/// or are being written. One that begins with the blind index is in the order of the versions, so that the
/// ends tell; of another, more is looked at, which tells as good as surely.
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
/// or its table changes, or the keyring does; finding it out may lead through many dead entries.
struct Known {
  Oid index;
  uint16_t version;
};
constexpr int kMostKnown = 64;
Known known[kMostKnown];
int known_count;

void ForgetRelation(Datum, Oid) { known_count = 0; }
void ForgetAll(Datum, int, uint32) { known_count = 0; }

void WatchChanges() {
  static bool is_watching;
  if (is_watching) return;
  CacheRegisterRelcacheCallback(ForgetRelation, Datum(0));
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

/// The version for one column of a table, as its unique indexes want it. 0: it has none. `*held_by` is one
/// without a guard that stands on another version than the primary one.
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
  bool is_new = standing.version != 0 && KnownVersion(standing.unguarded) == 0;
  if (is_new && known_count < kMostKnown) known[known_count++] = {standing.unguarded, standing.version};
  uint16_t version = standing.version != 0 ? standing.version : LowestVersion();
  if (version != PrimaryVersion()) *held_by = standing.unguarded;
  return version;
}

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

/// Refuses to drop the last guard of an index that has entries of two versions.
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

/// The source column of a generated blind index; 0 for other columns.
AttrNumber SourceOfColumn(Relation table, AttrNumber attribute) {
  Transform transform;
  return SourceColumn(GenerationExpression(table, attribute), &transform);
}

/// The version that a foreign key wants for a column: that of what it references. 0: there is none.
uint16_t VersionByForeignKeys(Relation table, AttrNumber column, Oid* held_by) {
  uint16_t version = 0;
  ListCell* cell;
  foreach (cell, RelationGetFKeyList(table)) {
    auto* key = static_cast<ForeignKeyCacheInfo*>(lfirst(cell));
    for (int i = 0; i < key->nkeys && version == 0; ++i) {
      if (SourceOfColumn(table, key->conkey[i]) != column) continue;
      Relation referenced = table_open(key->confrelid, AccessShareLock);
      AttrNumber source = SourceOfColumn(referenced, key->confkey[i]);
      if (source > 0) version = VersionByUniqueIndexes(referenced, source, held_by);
      table_close(referenced, NoLock);
    }
    if (version != 0) break;
  }
  return version;
}

/// 0: neither cares, and it is the primary one.
uint16_t VersionOf(Relation table, AttrNumber column, Oid* held_by) {
  *held_by = InvalidOid;
  uint16_t version = VersionByForeignKeys(table, column, held_by);
  return version != 0 ? version : VersionByUniqueIndexes(table, column, held_by);
}

/// A partition is written by the rules of the whole: rows move between partitions.
Oid WholeOf(Oid table) {
  if (!get_rel_relispartition(table)) return table;
  return llast_oid(get_partition_ancestors(table));
}

// Statements.

void Record(IndexVersions* versions, AttrNumber attribute, int32 modifier, uint16_t version) {
  for (int i = 0; i < versions->count; ++i) {
    IndexVersions::Column* known = &versions->columns[i];
    if (known->attribute != attribute || known->modifier != modifier) continue;
    if (known->version == version) return;
    // An expression knows its column by number and class alone.
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("one statement cannot write unique blind indexes of two key versions"),
             errhint("Write to the tables in two statements, or CALL pii_rewrap_column() for them first.")));
  }
  if (versions->count == IndexVersions::kMost) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("one statement writes more than %d sealed columns with blind indexes",
                           IndexVersions::kMost)));
  }
  versions->columns[versions->count++] = {attribute, modifier, version};
}

/// Records a column of the whole for the members of an inheritance tree, where it may have another number.
void RecordForMembers(IndexVersions* versions, Relation whole, AttrNumber column, uint16_t version) {
  Form_pg_attribute attribute = TupleDescAttr(whole->rd_att, column - 1);
  int32 modifier = attribute->atttypmod;
  getBaseTypeAndTypmod(attribute->atttypid, &modifier);
  ListCell* cell;
  foreach (cell, find_all_inheritors(RelationGetRelid(whole), NoLock, nullptr)) {
    AttrNumber number = get_attnum(lfirst_oid(cell), NameStr(attribute->attname));
    if (number > 0) Record(versions, number, modifier, version);
  }
}

/// Records the columns of a table that have a version of their own.
void RecordTable(IndexVersions* versions, Oid table_oid) {
  Relation table = table_open(WholeOf(table_oid), AccessShareLock);
  for (int i = 0; i < table->rd_att->natts; ++i) {
    Form_pg_attribute attribute = TupleDescAttr(table->rd_att, i);
    if (attribute->attisdropped || attribute->atttypid < FirstNormalObjectId) continue;
    Oid held_by;
    uint16_t version = VersionOf(table, attribute->attnum, &held_by);
    if (version != 0) RecordForMembers(versions, table, attribute->attnum, version);
  }
  table_close(table, NoLock);
}

/// Adds the guards of the arbiters of ON CONFLICT to them.
void AddGuards(ResultRelInfo* target) {
  Relation table = target->ri_RelationDesc;
  List* guards = NIL;
  ListCell* cell;
  foreach (cell, target->ri_onConflictArbiterIndexes) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    for (int key = 0; key < index->rd_index->indnkeyatts; ++key) {
      Transform transform;
      Node* expression = SourceOfKey(table, index, key);
      AttrNumber column = SourceColumn(expression, &transform);
      if (column <= 0 || PinnedVersion(expression) != 0) continue;
      Oid guard = FindGuard(table, index, key, column, transform);
      if (OidIsValid(guard)) guards = lappend_oid(guards, guard);
    }
    index_close(index, NoLock);
  }
  target->ri_onConflictArbiterIndexes =
      list_concat_unique_oid(list_copy(target->ri_onConflictArbiterIndexes), guards);
}

bool PrepareWrites(PlanState* state, void* versions) {
  if (state == nullptr) return false;
  if (IsA(state, ModifyTableState)) {
    auto* write = reinterpret_cast<ModifyTableState*>(state);
    for (int i = 0; write->operation != CMD_DELETE && i < write->mt_nrels; ++i) {
      ResultRelInfo* target = &write->resultRelInfo[i];
      char kind = target->ri_RelationDesc->rd_rel->relkind;
      if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE) continue;
      RecordTable(static_cast<IndexVersions*>(versions), RelationGetRelid(target->ri_RelationDesc));
      if (target->ri_onConflictArbiterIndexes != NIL) AddGuards(target);
    }
  }
  return WalkPlan(state, PrepareWrites, versions);
}

WriteScope Enter(const WriteScope& scope) {
  WriteScope outer = current;
  current = scope;
  return outer;
}

}  // namespace

void CheckDrop(const DropStmt* statement) {
  if (statement->removeType != OBJECT_INDEX || !IsRotating()) return;
  ListCell* cell;
  foreach (cell, statement->objects) {
    RangeVar* name = makeRangeVarFromNameList(static_cast<List*>(lfirst(cell)));
    Oid index = RangeVarGetRelid(name, NoLock, true);
    char kind = OidIsValid(index) ? get_rel_relkind(index) : '\0';
    if (kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX) CheckDropOf(index);
  }
}

WriteScope EnterWrite(QueryDesc* query) {
  if (query->plannedstmt->resultRelations == NIL || !HasIndexKeys()) return Enter({});
  uint16_t primary = PrimaryVersion();
  if (!IsRotating()) return Enter({primary, nullptr});
  MemoryContext outer = MemoryContextSwitchTo(query->estate->es_query_cxt);
  auto* versions = static_cast<IndexVersions*>(palloc0(sizeof(IndexVersions)));
  PrepareWrites(query->planstate, versions);
  MemoryContextSwitchTo(outer);
  return Enter({primary, versions});
}

WriteScope EnterWriteOf(uint32_t table) {
  if (!OidIsValid(table) || !HasIndexKeys()) return Enter({});
  uint16_t primary = PrimaryVersion();
  char kind = get_rel_relkind(table);
  bool has_indexes = kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
  if (!IsRotating() || !has_indexes) return Enter({primary, nullptr});
  auto* versions = static_cast<IndexVersions*>(palloc0(sizeof(IndexVersions)));
  RecordTable(versions, table);
  return Enter({primary, versions});
}

WriteScope EnterBuild() { return Enter({static_cast<uint16_t>(settings.build_version), nullptr}); }

void TellWorkersVersion() {
  if (!HasIndexKeys()) return;
  char version[8];
  snprintf(version, sizeof version, "%u", PrimaryVersion());
  set_config_option("pii.build_version", version, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void LeaveWrite(const WriteScope& outer) { current = outer; }

uint16_t WriteVersion(FunctionCallInfo fcinfo) {
  if (IsParallelWorker()) return static_cast<uint16_t>(settings.build_version);
  bool is_replicated = current.primary == 0 && IsLogicalWorker() && IsRotating();
  if (current.versions == nullptr && !is_replicated) return current.primary;
  Node* call = fcinfo->flinfo->fn_expr;
  if (call == nullptr || !IsA(call, FuncExpr)) return current.primary;
  Node* argument = StripRelabel(static_cast<Node*>(linitial(reinterpret_cast<FuncExpr*>(call)->args)));
  if (!IsA(argument, Var)) return current.primary;
  int32 modifier = DeclaredModifier(argument);
  if (is_replicated) return ReplicatedVersion(reinterpret_cast<Var*>(argument)->varattno, modifier);
  for (int i = 0; i < current.versions->count; ++i) {
    const IndexVersions::Column& column = current.versions->columns[i];
    if (column.attribute == reinterpret_cast<Var*>(argument)->varattno && column.modifier == modifier)
      return column.version;
  }
  return current.primary;
}

void CheckUniqueBuild(uint32_t table_oid, const List* expressions, bool concurrently) {
  if (!IsRotating()) return;
  uint16_t build = current.primary != 0 ? current.primary : PrimaryVersion();
  if (LowestVersion() == build) return;
  Relation table = table_open(WholeOf(table_oid), AccessShareLock);
  ListCell* cell;
  foreach (cell, expressions) {
    Transform transform;
    auto* expression = static_cast<Node*>(lfirst(cell));
    AttrNumber column = SourceColumn(expression, &transform);
    if (column <= 0 || PinnedVersion(expression) != 0) continue;
    Oid held_by = InvalidOid;
    const char* name = get_attname(table_oid, column, false);
    uint16_t version = VersionByUniqueIndexes(table, get_attnum(RelationGetRelid(table), name), &held_by);
    bool agrees = version == build || (version == 0 && !concurrently);
    if (agrees) continue;
    ereport(
        ERROR,
        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
         errmsg("this unique blind index cannot be built while its keys rotate"),
         errdetail("Writers compute it under another key version than the build."),
         errhint("Pin it to the primary version: pii_blind_index(%s, '%s', %u). Or build it after the old "
                 "versions are disabled.",
                 quote_identifier(name), TransformName(transform).data(), build)));
  }
  table_close(table, NoLock);
}

uint16_t UniqueIndexVersion(uint32_t table_oid, int16_t column, uint32_t* held_by) {
  Oid ignored;
  if (held_by == nullptr) held_by = &ignored;
  *held_by = InvalidOid;
  if (!IsRotating()) return 0;
  Oid whole = WholeOf(table_oid);
  Relation table = table_open(whole, AccessShareLock);
  AttrNumber number = whole == table_oid ? column : get_attnum(whole, get_attname(table_oid, column, false));
  uint16_t version = VersionOf(table, number, held_by);
  table_close(table, NoLock);
  return version;
}

uint16_t ColumnIndexVersion(uint32_t table, int16_t column, uint32_t* held_by) {
  uint16_t version = UniqueIndexVersion(table, column, held_by);
  return version != 0 ? version : PrimaryVersion();
}

}  // namespace pii

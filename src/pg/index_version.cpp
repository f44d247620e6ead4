#include "index_version.h"

#include "index_expression.h"
#include "pg.h"
#include "replicated_write.h"
#include "settings.h"
#include "shared_keys.h"
#include "type_modifier.h"
#include "unique_index.h"

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

uint16_t StatementVersion() {
  return IsParallelWorker() ? static_cast<uint16_t>(settings.build_version) : current.primary;
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

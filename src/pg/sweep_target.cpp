#include "sweep_target.h"

#include "attribute_rules.h"
#include "blind_index.h"
#include "bytes.h"
#include "index_expression.h"
#include "index_guard.h"
#include "index_version.h"
#include "pg.h"
#include "sealed_column.h"
#include "shared_keys.h"
#include "type_modifier.h"
#include "values.h"

namespace pii {
namespace {

constexpr Size kHeaderSize = 6;

/// The key version in the header of a value; 0 for legacy plaintext and what is damaged.
uint16_t SealVersion(Datum value) {
  auto* header = reinterpret_cast<varlena*>(PG_DETOAST_DATUM_SLICE(value, 0, kHeaderSize));
  ByteView bytes(reinterpret_cast<uint8_t*>(VARDATA_ANY(header)), VARSIZE_ANY_EXHDR(header));
  uint16_t version =
      bytes.size() == kHeaderSize && bytes[0] == 0x00 ? LoadBigEndian16(&bytes[4]) : uint16_t{0};
  if (reinterpret_cast<Pointer>(header) != DatumGetPointer(value)) pfree(header);
  return version;
}

/// Does a value begin as sealed ones do, and no text can?
bool HasMark(Datum value) {
  auto* head = reinterpret_cast<varlena*>(PG_DETOAST_DATUM_SLICE(value, 0, 1));
  bool has = VARSIZE_ANY_EXHDR(head) == 1 && *VARDATA_ANY(head) == '\0';
  if (reinterpret_cast<Pointer>(head) != DatumGetPointer(value)) pfree(head);
  return has;
}

uint16_t VersionOfHash(Datum hash) {
  return LoadBigEndian16(reinterpret_cast<uint8_t*>(DatumGetPointer(hash)));
}

/// The version of the words of a value; 0 when it has none.
uint16_t VersionOfWords(Datum words) {
  ArrayType* array = DatumGetArrayTypeP(words);
  int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
  uint16_t version = count > 0 ? VersionOfHash(PointerGetDatum(ARR_DATA_PTR(array))) : uint16_t{0};
  if (reinterpret_cast<Pointer>(array) != DatumGetPointer(words)) pfree(array);
  return version;
}

/// Is a value plaintext, or of class text, whose attribute is declared as something else?
bool IsDueByAttribute(const SweepTarget& target, TupleTableSlot* row, Datum value) {
  bool is_null;
  Datum attribute = slot_getattr(row, target.attribute, &is_null);
  if (is_null) return false;
  Oid type = TupleDescAttr(row->tts_tupleDescriptor, target.attribute - 1)->atttypid;
  int32 class_id = ClassOfAttribute(target.table, type, attribute);
  if (class_id == kNoClass || !HasMark(value)) return class_id != kNoClass;
  return class_id != kTextClass && ClassOfArgument(value, kNoClass) == kTextClass;
}

void AddKeys(Relation table, SweepTarget* target) {
  for (int i = 0; i < table->rd_att->natts && target->key_count < SweepTarget::kMost; ++i) {
    Transform transform;
    Node* expression = GenerationExpression(table, static_cast<AttrNumber>(i + 1));
    if (SourceColumn(expression, &transform) != target->column || PinnedVersion(expression) != 0) continue;
    target->keys[target->key_count++] = {static_cast<int16_t>(i + 1), transform == Transform::kWord};
  }
}

void AddIndexes(Relation table, SweepTarget* target) {
  List* indexes = RelationGetIndexList(table);
  ListCell* cell;
  foreach (cell, indexes) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    bool is_tree = index->rd_rel->relam == BTREE_AM_OID && index->rd_rel->relkind == RELKIND_INDEX &&
                   index->rd_index->indisvalid;
    for (int key = 0; is_tree && key < index->rd_index->indnkeyatts; ++key) {
      Transform transform;
      Node* expression = KeyExpression(index, key);
      bool counts = SourceColumn(expression, &transform) == target->column && transform != Transform::kWord &&
                    PinnedVersion(expression) == 0 && target->index_count < SweepTarget::kMost;
      if (counts)
        target->indexes[target->index_count++] = {RelationGetRelid(index), static_cast<int16_t>(key)};
    }
    index_close(index, NoLock);
  }
  list_free(indexes);
}

/// The least index value of a version.
void LeastOfVersion(uint32_t version, BlindIndexValue* value) {
  memset(value->data(), 0, value->size());
  StoreBigEndian16(value->data(), static_cast<uint16_t>(version));
}

/// A condition on the first key of an index of pii_blind_index.
void MakeBound(Relation index, StrategyNumber strategy, const BlindIndexValue& value, ScanKey bound) {
  Oid type = index->rd_opcintype[0];
  RegProcedure procedure = get_opcode(get_opfamily_member(index->rd_opfamily[0], type, type, strategy));
  ScanKeyInit(bound, 1, strategy, procedure, PointerGetDatum(value.data()));
}

/// What a visit of an index is about.
struct IndexVisit {
  Relation table;
  Relation index;
  int key;
  uint16_t version;
  const SweepTarget* leaves_plain;  ///< rows that it leaves plain are not visited; null: all are
  RowVisitor visit;
  void* context;
};

/// Visits what lies within a bound, or all of the index, and is not of the version.
bool VisitRange(const IndexVisit& of, ScanKey bound) {
  bool goes_on = true;
  TupleTableSlot* slot = table_slot_create(of.table, nullptr);
  int bounds = bound != nullptr ? 1 : 0;
  IndexScanDesc scan = BeginIndexScan(of.table, of.index, GetActiveSnapshot(), bounds);
  scan->xs_want_itup = true;
  index_rescan(scan, bound, bounds, nullptr, 0);
  while (goes_on && index_getnext_tid(scan, ForwardScanDirection) != nullptr) {
    CHECK_FOR_INTERRUPTS();
    bool is_null;
    Datum value = index_getattr(scan->xs_itup, of.key + 1, scan->xs_itupdesc, &is_null);
    if (is_null || VersionOfHash(value) == of.version || !index_fetch_heap(scan, slot)) continue;
    bool is_left = of.leaves_plain != nullptr && IsLeftPlain(*of.leaves_plain, slot);
    if (!is_left) goes_on = of.visit(slot, of.context);
  }
  index_endscan(scan);
  ExecDropSingleTupleTableSlot(slot);
  return goes_on;
}

/// The versions below and above are two ranges of an index that begins with the blind index.
bool VisitIndex(const IndexVisit& of) {
  if (of.key != 0) return VisitRange(of, nullptr);
  BlindIndexValue edge;
  ScanKeyData bound;
  LeastOfVersion(of.version, &edge);
  MakeBound(of.index, BTLessStrategyNumber, edge, &bound);
  if (!VisitRange(of, &bound)) return false;
  if (of.version == UINT16_MAX) return true;
  LeastOfVersion(of.version + 1u, &edge);
  MakeBound(of.index, BTGreaterEqualStrategyNumber, edge, &bound);
  return VisitRange(of, &bound);
}

/// Does a foreign key refer to a table?
bool IsReferenced(Oid table) {
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_constraint_confrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table));
  Relation catalog = table_open(ConstraintRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 1, &key);
  bool found = HeapTupleIsValid(systable_getnext(scan));
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
  return found;
}

/// With foreign keys a guard alone would be wrong: both sides have to move at once.
void TellHeld(Oid index_oid, uint16_t version) {
  Relation index = index_open(index_oid, AccessShareLock);
  Oid table = index->rd_index->indrelid;
  const char* statement = GuardStatement(index_oid, CurrentProtector()->index_versions()[0]);
  ereport(
      WARNING,
      (errmsg("unique index \"%s\" stays on version %u of the blind index keys",
              RelationGetRelationName(index), version),
       errdetail("Under two versions at once it could not tell equal values."),
       IsReferenced(table)
           ? errhint("Foreign keys refer to table \"%s\": move both sides in one transaction, as "
                     "docs/rotation.md says.",
                     get_rel_name(table))
           : errhint("Make an index that guards it meanwhile: %s; then CALL pii_rewrap_column() again. Drop "
                     "the guard when version %u is disabled.",
                     statement, version)));
  index_close(index, NoLock);
}

/// An index by hash or of words does not say under which version its entries are.
void TellUncounted(Relation table, AttrNumber column) {
  ListCell* cell;
  foreach (cell, RelationGetIndexList(table)) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    bool is_tree = index->rd_rel->relam == BTREE_AM_OID;
    for (int key = 0; key < index->rd_index->indnkeyatts && !is_tree; ++key) {
      Transform transform;
      if (SourceColumn(KeyExpression(index, key), &transform) != column) continue;
      ereport(NOTICE, (errmsg("index \"%s\" does not tell under which key versions its entries are",
                              RelationGetRelationName(index)),
                       errhint("After a new version of the blind index keys: REINDEX INDEX CONCURRENTLY %s.",
                               quote_identifier(RelationGetRelationName(index)))));
    }
    index_close(index, NoLock);
  }
}

/// Plaintext of an attribute table keeps its place in an index when it is updated.
void TellPlaintext(Relation table, const SweepTarget& target) {
  auto stop = [](TupleTableSlot*, void*) { return false; };
  for (int i = 0; i < target.index_count && target.attribute != 0; ++i) {
    Relation index = index_open(target.indexes[i].oid, AccessShareLock);
    PushActiveSnapshot(GetTransactionSnapshot());
    bool has =
        !VisitIndex({table, index, target.indexes[i].key, target.index_version, nullptr, stop, nullptr});
    PopActiveSnapshot();
    if (has) {
      ereport(WARNING, (errmsg("index \"%s\" has plaintext under old versions of the blind index keys",
                               RelationGetRelationName(index)),
                        errhint("Before they are disabled: REINDEX INDEX CONCURRENTLY %s.",
                                quote_identifier(RelationGetRelationName(index)))));
    }
    index_close(index, NoLock);
  }
}

}  // namespace

SweepTarget FindSweepTarget(Relation table, const char* column, SweepKind kind) {
  SweepTarget target{};
  target.kind = kind;
  target.table = RelationGetRelid(table);
  target.column = RequireSealedColumn(target.table, column);  // it may be gone by now
  target.attribute = FindAttributeColumnsAt(target.table, target.column).attribute;
  CurrentProtector();
  // The hash of a value is the same in either form.
  if (kind != SweepKind::kRewrap) return target;
  target.seal_version = SealPrimary();
  target.index_version = ColumnIndexVersion(RelationGetRelid(table), target.column, nullptr);
  AddKeys(table, &target);
  AddIndexes(table, &target);
  return target;
}

bool IsDue(const SweepTarget& target, TupleTableSlot* row) {
  bool is_null;
  Datum value = slot_getattr(row, target.column, &is_null);
  if (is_null) return false;
  if (target.kind == SweepKind::kSeal && target.attribute != 0) return IsDueByAttribute(target, row, value);
  if (target.kind != SweepKind::kRewrap) return HasMark(value) == (target.kind == SweepKind::kUnseal);
  uint16_t version = SealVersion(value);
  if (version != 0 && version != target.seal_version) return true;
  for (int i = 0; i < target.key_count; ++i) {
    const SweepTarget::Key& key = target.keys[i];
    value = slot_getattr(row, key.attribute, &is_null);
    if (is_null) continue;
    version = key.is_array ? VersionOfWords(value) : VersionOfHash(value);
    // Words are no unique keys: they are always written under the primary version.
    uint16_t wanted = key.is_array ? CurrentProtector()->index_versions()[0] : target.index_version;
    if (version != 0 && version != wanted) return true;
  }
  return false;
}

/// No indexed column changes then, so PostgreSQL makes no index entry (HOT).
bool IsLeftPlain(const SweepTarget& target, TupleTableSlot* row) {
  if (target.attribute == 0) return false;
  bool is_null;
  Datum value = slot_getattr(row, target.column, &is_null);
  return !is_null && !HasMark(value);
}

bool VisitIndexedElsewhere(Relation table, const SweepTarget& target, RowVisitor visit, void* context) {
  bool goes_on = true;
  for (int i = 0; i < target.index_count && goes_on; ++i) {
    Relation index = index_open(target.indexes[i].oid, AccessShareLock);
    goes_on =
        VisitIndex({table, index, target.indexes[i].key, target.index_version, &target, visit, context});
    index_close(index, NoLock);
  }
  return goes_on;
}

bool HasEntryOfVersion(Relation table, Relation index, uint16_t version) {
  BlindIndexValue edges[2];
  ScanKeyData bounds[2];
  int count = version == UINT16_MAX ? 1 : 2;
  LeastOfVersion(version, &edges[0]);
  MakeBound(index, BTGreaterEqualStrategyNumber, edges[0], &bounds[0]);
  if (count == 2) {
    LeastOfVersion(version + 1u, &edges[1]);
    MakeBound(index, BTLessStrategyNumber, edges[1], &bounds[1]);
  }
  TupleTableSlot* slot = table_slot_create(table, nullptr);
  IndexScanDesc scan = BeginIndexScan(table, index, GetActiveSnapshot(), count);
  index_rescan(scan, bounds, count, nullptr, 0);
  bool found = index_getnext_slot(scan, ForwardScanDirection, slot);
  index_endscan(scan);
  ExecDropSingleTupleTableSlot(slot);
  return found;
}

void TellWhatStays(Relation table, const char* column) {
  AttrNumber number = RequireSealedColumn(RelationGetRelid(table), column);
  Oid held_by;
  uint16_t version = ColumnIndexVersion(RelationGetRelid(table), number, &held_by);
  if (OidIsValid(held_by)) TellHeld(held_by, version);
  TellUncounted(table, number);
  ListCell* cell;
  foreach (cell, find_all_inheritors(RelationGetRelid(table), AccessShareLock, nullptr)) {
    Relation member = table_open(lfirst_oid(cell), NoLock);
    bool has_rows = member->rd_rel->relkind == RELKIND_RELATION && !RELATION_IS_OTHER_TEMP(member);
    if (has_rows) TellPlaintext(member, FindSweepTarget(member, column, SweepKind::kRewrap));
    table_close(member, NoLock);
  }
}

}  // namespace pii

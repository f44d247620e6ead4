#include "replicated_write.h"

#include "index_version.h"
#include "own_function.h"
#include "pg.h"
#include "relation_changes.h"
#include "type_modifier.h"

namespace pii {
namespace {

/// The tables that have a column of this number and class. Kept until any table changes.
struct Candidates {
  AttrNumber attribute;
  int32 modifier;
  List* tables;
  bool is_known;
};
Candidates candidates;

void Forget(Oid) { candidates.is_known = false; }

bool IsOrdinary(Oid table) {
  char kind = get_rel_relkind(table);
  return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
}

bool IsCandidate(const FormData_pg_attribute* column, int32 modifier) {
  if (column->attisdropped || column->atttypid < FirstNormalObjectId || !IsOrdinary(column->attrelid))
    return false;
  int32 declared = column->atttypmod;
  getBaseTypeAndTypmod(column->atttypid, &declared);
  return declared == modifier && IsOwnType(column->atttypid, "pii_text_in");
}

/// Reads pg_attribute whole: it has no index by number.
void FindCandidates(AttrNumber attribute, int32 modifier) {
  OnRelationChange(Forget);
  list_free(candidates.tables);
  candidates = {attribute, modifier, NIL, true};
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_attribute_attnum, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(attribute));
  Relation catalog = table_open(AttributeRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 1, &key);
  while (HeapTuple row = systable_getnext(scan)) {
    auto* column = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(row));
    if (!IsCandidate(column, modifier)) continue;
    MemoryContext outer = MemoryContextSwitchTo(TopMemoryContext);
    candidates.tables = lappend_oid(candidates.tables, column->attrelid);
    MemoryContextSwitchTo(outer);
  }
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
}

}  // namespace

uint16_t ReplicatedVersion(int16_t attribute, int32_t modifier) {
  bool is_same = candidates.attribute == attribute && candidates.modifier == modifier;
  if (!candidates.is_known || !is_same) FindCandidates(attribute, modifier);
  // Opening a table may tell of changes: the list is walked as it was.
  List* tables = list_copy(candidates.tables);
  uint16_t version = 0;
  ListCell* cell;
  foreach (cell, tables) {
    uint16_t wanted = UniqueIndexVersion(lfirst_oid(cell), attribute, nullptr);
    if (wanted == 0 || wanted == version) continue;
    if (version != 0) {
      ereport(ERROR,
              (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
               errmsg("unique blind indexes of two key versions cannot be written by logical replication"),
               errdetail("Column %d of table \"%s\" and of another table.", attribute,
                         get_rel_name(lfirst_oid(cell))),
               errhint("CALL pii_rewrap_column() for these tables on the subscriber; it names the indexes to "
                       "make.")));
    }
    version = wanted;
  }
  list_free(tables);
  return version;
}

}  // namespace pii

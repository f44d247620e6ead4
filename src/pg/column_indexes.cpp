// pii_column_indexes(): what pii_columns shows of indexes.

#include "index_expression.h"
#include "pg.h"

namespace pii {
namespace {

bool HasKeyOf(Relation table, Relation index, AttrNumber column) {
  for (int i = 0; i < index->rd_index->indnkeyatts; ++i) {
    Node* expression = StoredKeyExpression(index, i);
    if (expression == nullptr) expression = GenerationExpression(table, index->rd_index->indkey.values[i]);
    Transform transform;
    if (SourceColumn(expression, &transform) == column) return true;
  }
  return false;
}

/// Opens a relation unless somebody holds it for himself: a view of what there is does not wait.
Relation OpenUnlessLocked(Oid relation) {
  if (!ConditionalLockRelationOid(relation, AccessShareLock)) return nullptr;
  Relation opened = try_relation_open(relation, NoLock);
  if (opened == nullptr) UnlockRelationOid(relation, AccessShareLock);
  return opened;
}

/// Null when an index cannot be looked at now.
ArrayType* NamesOfIndexes(Relation table, AttrNumber column) {
  List* indexes = RelationGetIndexList(table);
  auto* names = static_cast<Datum*>(palloc(sizeof(Datum) * (list_length(indexes) + 1)));
  int count = 0;
  ListCell* cell;
  foreach (cell, indexes) {
    Relation index = OpenUnlessLocked(lfirst_oid(cell));
    if (index == nullptr) return nullptr;
    if (HasKeyOf(table, index, column)) names[count++] = CStringGetTextDatum(RelationGetRelationName(index));
    relation_close(index, AccessShareLock);
  }
  return construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT);
}

}  // namespace
}  // namespace pii

/// pii_column_indexes(regclass, name) → text[]; NULL for a table that is gone, or locked
PII_FUNCTION(pii_column_indexes) {
  AttrNumber column = get_attnum(PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)));
  Relation table = column > 0 ? pii::OpenUnlessLocked(PG_GETARG_OID(0)) : nullptr;
  if (table == nullptr) PG_RETURN_NULL();
  ArrayType* names = pii::NamesOfIndexes(table, column);
  relation_close(table, AccessShareLock);
  if (names == nullptr) PG_RETURN_NULL();
  PG_RETURN_ARRAYTYPE_P(names);
}

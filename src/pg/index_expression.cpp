#include "index_expression.h"

#include "acting_role.h"
#include "own_function.h"
#include "pg.h"

namespace pii {
namespace {

/// The transform that the second argument of pii_blind_index names; false when it is no constant.
bool TransformOf(FuncExpr* call, Transform* transform) {
  *transform = Transform::kExact;
  if (list_length(call->args) < 2) return true;
  bool is_pinned_by_constant = list_length(call->args) < 3 || IsA(lthird(call->args), Const);
  if (!is_pinned_by_constant) return false;
  auto* name = static_cast<Node*>(lsecond(call->args));
  if (!IsA(name, Const) || reinterpret_cast<Const*>(name)->constisnull) return false;
  char* transform_name = TextDatumGetCString(reinterpret_cast<Const*>(name)->constvalue);
  return TransformByName(transform_name, transform);
}

/// The place of a key among the expressions of an index.
int ExpressionPosition(RelationData* index, int key) {
  int position = 0;
  for (int i = 0; i < key; ++i) {
    if (index->rd_index->indkey.values[i] == 0) ++position;
  }
  return position;
}

}  // namespace

Node* KeyExpression(RelationData* index, int key) {
  if (index->rd_index->indkey.values[key] != 0) return nullptr;
  bool is_known = index->rd_indexprs != NIL;
  ActingRole caller = is_known ? ActingRole{} : ActAs(OwnerOrSelf(index->rd_index->indrelid));
  List* expressions = RelationGetIndexExpressions(index);
  if (!is_known) ActAsBefore(caller);
  return static_cast<Node*>(list_nth(expressions, ExpressionPosition(index, key)));
}

Node* StoredKeyExpression(RelationData* index, int key) {
  if (index->rd_index->indkey.values[key] != 0) return nullptr;
  HeapTuple row = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(RelationGetRelid(index)));
  if (!HeapTupleIsValid(row)) elog(ERROR, "cache lookup failed for index %u", RelationGetRelid(index));
  bool is_null;
  Datum tree = SysCacheGetAttr(INDEXRELID, row, Anum_pg_index_indexprs, &is_null);
  auto* expressions = is_null ? NIL : static_cast<List*>(stringToNode(TextDatumGetCString(tree)));
  ReleaseSysCache(row);
  return static_cast<Node*>(list_nth(expressions, ExpressionPosition(index, key)));
}

List* IndexPredicate(RelationData* index) {
  bool is_known =
      index->rd_indpred != NIL || heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr);
  ActingRole caller = is_known ? ActingRole{} : ActAs(OwnerOrSelf(index->rd_index->indrelid));
  List* predicate = RelationGetIndexPredicate(index);
  if (!is_known) ActAsBefore(caller);
  return predicate;
}

Node* GenerationExpression(RelationData* table, int16_t attribute) {
  const TupleConstr* constraints = table->rd_att->constr;
  if (attribute <= 0 || constraints == nullptr || !constraints->has_generated_stored) return nullptr;
  Form_pg_attribute column = TupleDescAttr(table->rd_att, attribute - 1);
  if (column->attisdropped || column->attgenerated != ATTRIBUTE_GENERATED_STORED) return nullptr;
  return build_column_default(table, attribute);
}

Node* StripRelabel(Node* expression) {
  while (expression != nullptr && IsA(expression, RelabelType)) {
    expression = reinterpret_cast<Node*>(reinterpret_cast<RelabelType*>(expression)->arg);
  }
  return expression;
}

int16_t SourceColumn(Node* expression, Transform* transform) {
  if (expression == nullptr || !IsA(expression, FuncExpr)) return 0;
  auto* call = reinterpret_cast<FuncExpr*>(expression);
  if (IsOwnFunction(call->funcid, "pii_word_index")) {
    *transform = Transform::kWord;
  } else if (!IsOwnFunction(call->funcid, "pii_blind_index") || !TransformOf(call, transform)) {
    return 0;
  }
  Node* column = StripRelabel(static_cast<Node*>(linitial(call->args)));
  return IsA(column, Var) ? reinterpret_cast<Var*>(column)->varattno : int16_t{0};
}

uint16_t PinnedVersion(Node* expression) {
  if (expression == nullptr || !IsA(expression, FuncExpr)) return 0;
  auto* call = reinterpret_cast<FuncExpr*>(expression);
  if (list_length(call->args) < 3 || !IsOwnFunction(call->funcid, "pii_blind_index")) return 0;
  auto* version = reinterpret_cast<Const*>(lthird(call->args));
  if (!IsA(version, Const) || version->constisnull) return 0;
  int32 number = DatumGetInt32(version->constvalue);
  return number > 0 && number <= UINT16_MAX ? static_cast<uint16_t>(number) : uint16_t{0};
}

int16_t SourceOfEquality(Node* expression) {
  Transform transform;
  AttrNumber column = SourceColumn(expression, &transform);
  bool serves = column > 0 && transform == Transform::kExact && PinnedVersion(expression) == 0;
  return serves ? column : int16_t{0};
}

bool HasBlindIndex(uint32_t table_oid, int16_t attribute, bool of_all_rows) {
  bool found = false;
  Relation table = table_open(table_oid, NoLock);
  List* indexes = RelationGetIndexList(table);
  ListCell* cell;
  foreach (cell, indexes) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    bool takes_all =
        index->rd_index->indisvalid && heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr);
    bool counts = takes_all || !of_all_rows;
    for (int i = 0; i < index->rd_index->indnkeyatts && counts && !found; ++i) {
      Node* expression = KeyExpression(index, i);
      AttrNumber key = index->rd_index->indkey.values[i];
      found = of_all_rows && key == attribute;  // by hash
      if (expression == nullptr) expression = GenerationExpression(table, key);
      if (found) break;
      found = SourceOfEquality(expression) == attribute;
    }
    index_close(index, NoLock);
    if (found) break;
  }
  list_free(indexes);
  table_close(table, NoLock);
  return found;
}

}  // namespace pii

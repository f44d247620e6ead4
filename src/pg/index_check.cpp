// An index on pii_blind_index(ssn) is read without anybody calling the function, and so without the check
// that is in it: a condition on the index itself, pii_blind_index(ssn) > '...', would read the keyed hashes
// out of it.
//
// A row that is written goes into the indexes of its table, and a blind index is computed anew even when its
// column stays as it is, unless the row finds room on its page. So whether a role without SEARCH may UPDATE
// another column would depend on how full a page is. It is told at the start instead. (A generated column is
// computed only when what it is made of is written.)

#include "index_check.h"

#include <initializer_list>

#include "attribute_rules.h"
#include "document_index.h"
#include "index_expression.h"
#include "own_function.h"
#include "pg.h"
#include "presence.h"
#include "privileges.h"
#include "type_modifier.h"

namespace pii {
namespace {

/// Asks for SEARCH on what a column declares, or on all that is in it.
void CheckClass(Oid table, AttrNumber column, int32 modifier) {
  if (modifier < 0 && FindAttributeColumnsAt(table, column).value != 0) {
    RequireSearchOfTable(table);
  } else {
    RequirePrivilege(kSearch, modifier);
  }
}

/// Asks for SEARCH on the class of every keyed hash in an expression of a table (an Oid).
bool CheckExpression(Node* node, void* table) {
  if (node == nullptr) return false;
  if (IsA(node, FuncExpr)) {
    auto* call = reinterpret_cast<FuncExpr*>(node);
    if (IsOwnFunction(call->funcid, "pii_blind_index") || IsOwnFunction(call->funcid, "pii_word_index")) {
      auto* value = static_cast<Node*>(linitial(call->args));
      Transform transform;
      CheckClass(*static_cast<Oid*>(table), SourceColumn(node, &transform), DeclaredModifier(value));
    }
    if (IsDocumentIndex(node)) RequirePrivilege(kSearch, ClassOfDocumentIndex(node));
  }
  return WalkExpression(node, CheckExpression, table);
}

/// Asks for SEARCH on the class of a sealed column that is a key itself, which a hash index allows.
void CheckColumn(Relation index, int key) {
  AttrNumber number = index->rd_index->indkey.values[key];
  if (number <= 0) return;
  Oid type;
  int32 modifier;
  Oid collation;
  get_atttypetypmodcoll(index->rd_index->indrelid, number, &type, &modifier, &collation);
  if (!IsOwnType(type, "pii_text_in")) return;
  getBaseTypeAndTypmod(type, &modifier);
  CheckClass(index->rd_index->indrelid, number, modifier);
}

/// Checks the keys of an index among `columns` (as pull_varattnos gives them); all of them, when that is
/// null.
void CheckKeys(Relation index, const Bitmapset* columns) {
  for (int i = 0; i < index->rd_index->indnkeyatts; ++i) {
    if (columns != nullptr && !bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, columns)) continue;
    CheckExpression(KeyExpression(index, i), &index->rd_index->indrelid);
    CheckColumn(index, i);
  }
}

void CheckTable(Relation table) {
  List* indexes = RelationGetIndexList(table);
  ListCell* cell;
  foreach (cell, indexes) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    CheckKeys(index, nullptr);
    index_close(index, NoLock);
  }
  list_free(indexes);
}

/// The columns of the index that a scan has conditions on or gives away.
void CheckScan(Oid index_oid, std::initializer_list<List*> expressions) {
  Bitmapset* columns = nullptr;
  for (List* list : expressions) pull_varattnos(reinterpret_cast<Node*>(list), INDEX_VAR, &columns);
  Relation index = index_open(index_oid, AccessShareLock);
  // A condition that the index was made for is not evaluated again.
  CheckExpression(reinterpret_cast<Node*>(RelationGetIndexPredicate(index)), &index->rd_index->indrelid);
  if (columns != nullptr) CheckKeys(index, columns);
  index_close(index, NoLock);
  bms_free(columns);
}

void CheckNode(Plan* plan) {
  if (IsA(plan, IndexScan)) {
    auto* scan = reinterpret_cast<IndexScan*>(plan);
    CheckScan(scan->indexid, {scan->indexqual, scan->indexorderby});
  } else if (IsA(plan, IndexOnlyScan)) {
    auto* scan = reinterpret_cast<IndexOnlyScan*>(plan);
    CheckScan(scan->indexid, {scan->indexqual, scan->indexorderby, plan->targetlist, plan->qual});
  } else if (IsA(plan, BitmapIndexScan)) {
    auto* scan = reinterpret_cast<BitmapIndexScan*>(plan);
    CheckScan(scan->indexid, {scan->indexqual});
  }
}

void CheckWrite(const ModifyTableState* state) {
  if (state->operation == CMD_DELETE) return;
  for (int i = 0; i < state->mt_nrels; ++i) {
    Relation table = state->resultRelInfo[i].ri_RelationDesc;
    char kind = table->rd_rel->relkind;
    if (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) CheckTable(table);
  }
}

bool Check(PlanState* state, void* is_run) {
  if (state == nullptr) return false;
  CheckNode(state->plan);
  if (*static_cast<bool*>(is_run) && IsA(state, ModifyTableState))
    CheckWrite(reinterpret_cast<ModifyTableState*>(state));
  return WalkPlan(state, Check, is_run);
}

}  // namespace

void CheckPlan(PlanState* plan, bool is_run) {
  if (FindPresence() == Presence::kAbsent || (PrivilegesOn(kEveryClass) & kSearch) != 0) return;
  Check(plan, &is_run);
}

}  // namespace pii

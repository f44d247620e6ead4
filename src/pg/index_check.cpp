#include "index_check.h"

#include "index_expression.h"
#include "pg.h"
#include "presence.h"
#include "privileges.h"
#include "type_modifier.h"

namespace pii {
namespace {

/// Nothing to check for the extension is not there, or the role may search all classes.
bool MaySearchAll() {
  return FindPresence() == Presence::kAbsent || (PrivilegesOn(kEveryClass) & kSearch) != 0;
}

void CheckIndex(Relation index) {
  if (index == nullptr || heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, nullptr)) return;
  for (int i = 0; i < index->rd_index->indnkeyatts; ++i) {
    Node* expression = KeyExpression(index, i);
    Transform transform;
    if (expression == nullptr || SourceColumn(expression, &transform) == 0) continue;
    auto* column = static_cast<Node*>(linitial(reinterpret_cast<FuncExpr*>(expression)->args));
    RequirePrivilege(kSearch, DeclaredModifier(column));
  }
}

void CheckTable(Oid table_oid) {
  Relation table = table_open(table_oid, AccessShareLock);
  List* indexes = RelationGetIndexList(table);
  ListCell* cell;
  foreach (cell, indexes) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    CheckIndex(index);
    index_close(index, NoLock);
  }
  list_free(indexes);
  table_close(table, NoLock);
}

bool CheckScans(PlanState* state, void* context) {
  if (state == nullptr) return false;
  if (IsA(state, IndexScanState)) CheckIndex(reinterpret_cast<IndexScanState*>(state)->iss_RelationDesc);
  if (IsA(state, IndexOnlyScanState))
    CheckIndex(reinterpret_cast<IndexOnlyScanState*>(state)->ioss_RelationDesc);
  if (IsA(state, BitmapIndexScanState))
    CheckIndex(reinterpret_cast<BitmapIndexScanState*>(state)->biss_RelationDesc);
  return WalkPlan(state, CheckScans, context);
}

}  // namespace

// A row that is written goes into the indexes of its table, and a blind index is computed anew even when its
// column stays as it is, unless the row finds room on its page. So whether a role without SEARCH may UPDATE
// another column would depend on how full a page is. It is told at the start instead. (A generated column is
// computed only when what it is made of is written.)
void CheckWrites(const PlannedStmt* statement) {
  if (statement->resultRelations == NIL || statement->commandType == CMD_DELETE || MaySearchAll()) return;
  ListCell* cell;
  foreach (cell, statement->resultRelations) {
    RangeTblEntry* entry = rt_fetch(lfirst_int(cell), statement->rtable);
    if (entry->relkind == RELKIND_RELATION || entry->relkind == RELKIND_PARTITIONED_TABLE)
      CheckTable(entry->relid);
  }
}

// A condition on the index itself, pii_blind_index(ssn) > '...', compares what the index holds and would read
// the keyed hashes out of it.
void CheckIndexScans(PlanState* plan) {
  if (!MaySearchAll()) CheckScans(plan, nullptr);
}

}  // namespace pii

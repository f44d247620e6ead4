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
#include "relation_changes.h"
#include "type_modifier.h"

namespace pii {
namespace {

/// What the use of an index takes: SEARCH on no class, on one, or on what has to be looked at each time.
struct Demand {
  enum class Kind : uint8_t { kUnknown, kNothing, kOneClass, kMore };

  Oid index;
  Kind kind;
  int32 class_id;

  void Add(int32 more) {
    bool is_same = kind == Kind::kNothing || (kind == Kind::kOneClass && class_id == more);
    kind = is_same ? Kind::kOneClass : Kind::kMore;
    class_id = more;
  }
};

/// Looks at an index of a table: asks for the privileges, or just notes which.
struct Look {
  Oid table;
  Demand* noted;  ///< null: asks
};

/// For SEARCH on what a column declares, or on all that is in it.
void LookAtClass(const Look& look, AttrNumber column, int32 modifier) {
  bool is_of_attributes = modifier < 0 && FindAttributeColumnsAt(look.table, column).value != 0;
  if (look.noted != nullptr) {
    look.noted->Add(modifier);
    if (is_of_attributes) look.noted->kind = Demand::Kind::kMore;
  } else if (is_of_attributes) {
    RequireSearchOfTable(look.table);
  } else {
    RequirePrivilege(kSearch, modifier);
  }
}

/// For SEARCH on the class of every keyed hash in an expression.
bool LookAtExpression(Node* node, void* context) {
  if (node == nullptr) return false;
  const Look& look = *static_cast<Look*>(context);
  if (IsA(node, FuncExpr)) {
    auto* call = reinterpret_cast<FuncExpr*>(node);
    if (IsOwnFunction(call->funcid, "pii_blind_index") || IsOwnFunction(call->funcid, "pii_word_index")) {
      auto* value = static_cast<Node*>(linitial(call->args));
      Transform transform;
      LookAtClass(look, SourceColumn(node, &transform), DeclaredModifier(value));
    }
    if (IsDocumentIndex(node) && look.noted != nullptr) look.noted->kind = Demand::Kind::kMore;
    if (IsDocumentIndex(node) && look.noted == nullptr) RequirePrivilege(kSearch, ClassOfDocumentIndex(node));
  }
  return WalkExpression(node, LookAtExpression, context);
}

/// For SEARCH on the class of a sealed column that is a key itself, which a hash index allows.
void LookAtColumn(const Look& look, Relation index, int key) {
  AttrNumber number = index->rd_index->indkey.values[key];
  if (number <= 0) return;
  Oid type;
  int32 modifier;
  Oid collation;
  get_atttypetypmodcoll(look.table, number, &type, &modifier, &collation);
  if (!IsOwnType(type, "pii_text_in")) return;
  getBaseTypeAndTypmod(type, &modifier);
  LookAtClass(look, number, modifier);
}

/// Looks at the keys of an index among `columns` (as pull_varattnos gives them); all of them, when that is
/// null.
void LookAtKeys(Look look, Relation index, const Bitmapset* columns) {
  for (int i = 0; i < index->rd_index->indnkeyatts; ++i) {
    if (columns != nullptr && !bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, columns)) continue;
    LookAtExpression(KeyExpression(index, i), &look);
    LookAtColumn(look, index, i);
  }
}

/// What is known of indexes, until PostgreSQL says that some table, index or function has changed. Which
/// privileges somebody has is asked each time.
constexpr Oid kMostKnown = 256;
Demand known[kMostKnown];
uint64 changes;  ///< may come while an index is looked at

void Forget() {
  ++changes;
  memset(static_cast<void*>(known), 0, sizeof known);
}

void WatchCatalogs() {
  static bool is_watching;
  if (is_watching) return;
  OnRelationChange([](Oid) { Forget(); });
  CacheRegisterSyscacheCallback(
      PROCOID, [](Datum, int, uint32) { Forget(); }, Datum(0));
  is_watching = true;
}

Demand DemandOf(Oid index_oid) {
  Demand* place = &known[index_oid % kMostKnown];
  if (place->index == index_oid) return *place;
  WatchCatalogs();
  uint64 changes_before = changes;
  Demand demand{index_oid, Demand::Kind::kNothing, 0};
  Relation index = index_open(index_oid, AccessShareLock);
  Look look{index->rd_index->indrelid, &demand};
  LookAtExpression(reinterpret_cast<Node*>(IndexPredicate(index)), &look);
  LookAtKeys(look, index, nullptr);
  index_close(index, NoLock);
  if (changes == changes_before) *place = demand;
  return demand;
}

/// May the current user use all of an index? Then it does not matter what of it a plan uses.
bool MayUse(Oid index) {
  Demand demand = DemandOf(index);
  if (demand.kind == Demand::Kind::kNothing) return true;
  return demand.kind == Demand::Kind::kOneClass && (PrivilegesOn(demand.class_id) & kSearch) != 0;
}

void CheckTable(Relation table) {
  List* indexes = RelationGetIndexList(table);
  ListCell* cell;
  foreach (cell, indexes) {
    if (MayUse(lfirst_oid(cell))) continue;
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    LookAtKeys({RelationGetRelid(table), nullptr}, index, nullptr);
    index_close(index, NoLock);
  }
  list_free(indexes);
}

/// The columns of the index that a scan has conditions on or gives away.
void CheckScan(Oid index_oid, std::initializer_list<List*> expressions) {
  if (MayUse(index_oid)) return;
  Bitmapset* columns = nullptr;
  for (List* list : expressions) pull_varattnos(reinterpret_cast<Node*>(list), INDEX_VAR, &columns);
  Relation index = index_open(index_oid, AccessShareLock);
  Look look{index->rd_index->indrelid, nullptr};
  // A condition that the index was made for is not evaluated again.
  LookAtExpression(reinterpret_cast<Node*>(IndexPredicate(index)), &look);
  if (columns != nullptr) LookAtKeys(look, index, columns);
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

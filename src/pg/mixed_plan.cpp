#include "mixed_plan.h"

#include "adopted_column.h"
#include "attribute_rules.h"
#include "incoming_value.h"
#include "mixed_expression.h"
#include "mixed_parameter.h"
#include "own_function.h"
#include "pg.h"
#include "privileges.h"
#include "type_modifier.h"
#include "unread_column.h"
#include "values.h"

namespace pii {
namespace {

/// The text of the statement that is to read what is stored.
const char* reads_stored;

// ------------------------------------------------------------------------------------------------------------
// The plan

/// May there be plaintext in a table?
bool HasPlaintext(Oid table) { return HasAdopted(table) || FindAttributeColumns(table).value != 0; }

/// Most statements end here.
bool ReadsAdopted(const PlannedStmt* plan) {
  ListCell* cell;
  foreach (cell, plan->rtable) {
    auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
    bool is_table = entry->rtekind == RTE_RELATION &&
                    (entry->relkind == RELKIND_RELATION || entry->relkind == RELKIND_PARTITIONED_TABLE ||
                     entry->relkind == RELKIND_MATVIEW);
    bool is_transition = entry->rtekind == RTE_NAMEDTUPLESTORE;
    if ((is_table || is_transition) && entry->relid >= FirstNormalObjectId && HasPlaintext(entry->relid))
      return true;
  }
  return false;
}

bool QueryReadsPlaintext(Query* query);

bool FindReader(Node* node, void*) {
  if (node == nullptr) return false;
  if (IsA(node, Query)) return QueryReadsPlaintext(reinterpret_cast<Query*>(node));
  return WalkExpression(node, FindReader, nullptr);
}

/// The same before planning, when sub-selects are still apart.
bool QueryReadsPlaintext(Query* query) {
  bool has_more = query->hasSubLinks || query->cteList != NIL;
  ListCell* cell;
  foreach (cell, query->rtable) {
    auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
    bool is_table = entry->rtekind == RTE_RELATION || entry->rtekind == RTE_NAMEDTUPLESTORE;
    if (is_table && entry->relid >= FirstNormalObjectId && HasPlaintext(entry->relid)) return true;
    if (entry->rtekind == RTE_SUBQUERY && QueryReadsPlaintext(entry->subquery)) return true;
  }
  return has_more && WalkQuery(query, FindReader);
}

/// Is a question about what is stored asked of a value that a scan has handed up, which would be sealed by
/// then?
bool AsksAbove(Node* node, void* plan) {
  if (node == nullptr) return false;
  if (AsksForState(node) && IsA(ArgumentOf(node), Var)) {
    int number = reinterpret_cast<Var*>(ArgumentOf(node))->varno;
    if (IS_SPECIAL_VARNO(number)) return true;
    return rt_fetch(number, static_cast<PlannedStmt*>(plan)->rtable)->rtekind != RTE_RELATION;
  }
  return WalkExpression(node, AsksAbove, plan);
}

/// Does a node have a type?
bool IsExpression(const Node* node) {
  return nodeTag(node) >= T_Var && nodeTag(node) < T_TargetEntry && !IsA(node, CaseWhen);
}

bool IsValue(Node* node, void*) {
  if (node == nullptr) return false;
  if (IsA(node, List)) return WalkExpression(node, IsValue, nullptr);
  if (IsA(node, TargetEntry)) node = reinterpret_cast<Node*>(reinterpret_cast<TargetEntry*>(node)->expr);
  return IsExpression(node) && IsSealedType(exprType(node));
}

/// Does a node make something else of a value than another value, text, or whether it is NULL?
/// record_image_lt(), for one, asks for no privilege: it would tell the order of plaintexts, and with that
/// all of them. Memoize keeps values from outside by their bytes, and EXPLAIN tells how many were alike.
bool TakesValue(Node* node) {
  if (IsA(node, Var)) {
    auto* var = reinterpret_cast<Var*>(node);
    return var->varattno == InvalidAttrNumber || (var->varlevelsup > 0 && IsSealedType(var->vartype));
  }
  if (!IsExpression(node) || CallsOwn(node) || IsA(node, NullTest) || IsA(node, CoerceViaIO)) return false;
  if (IsA(node, SubLink)) {
    Oid element = get_element_type(exprType(node));
    return OidIsValid(element) && IsSealedType(element);
  }
  bool passes_on = IsA(node, RelabelType) || IsA(node, CaseExpr) || IsA(node, CoalesceExpr);
  if ((passes_on && IsSealedType(exprType(node))) || FunctionOf(node) == F_COUNT_ANY) return false;
  return WalkExpression(node, IsValue, nullptr);
}

/// Does a query call what is neither PostgreSQL's nor ours, or hand values to what is not ours? There,
/// plaintext has lost its class, and so the privilege that it takes to reveal or compare it.
bool CallsOthers(Node* node, void*) {
  if (node == nullptr) return false;
  if (IsA(node, Query)) return WalkQuery(reinterpret_cast<Query*>(node), CallsOthers);
  if (IsA(node, CoerceToDomain) || TakesValue(node)) return true;
  bool is_other = FunctionOf(node) >= FirstNormalObjectId && !CallsOwn(node);
  return is_other || WalkExpression(node, CallsOthers, nullptr);
}

bool WritesRows(const PlannedStmt* plan) { return plan->commandType != CMD_SELECT || plan->hasModifyingCTE; }

/// Values that a statement gives may be stored, by CREATE TABLE AS.
bool GivesValues(const PlannedStmt* plan) {
  ListCell* cell;
  foreach (cell, plan->planTree->targetlist) {
    auto* entry = static_cast<TargetEntry*>(lfirst(cell));
    if (!entry->resjunk && IsSealedType(exprType(reinterpret_cast<Node*>(entry->expr)))) return true;
  }
  return false;
}

void SealScan(PlannedStmt* plan, Scan* scan, List* index_columns) {
  RangeTblEntry* entry = rt_fetch(scan->scanrelid, plan->rtable);
  bool is_table = entry->rtekind == RTE_RELATION || entry->rtekind == RTE_NAMEDTUPLESTORE;
  if (!is_table || !HasPlaintext(entry->relid)) return;
  Place place{plan, entry->relid, scan->scanrelid, index_columns, false, false};
  scan->plan.targetlist = SealExpressions(place, scan->plan.targetlist);
  place.is_condition = true;
  scan->plan.qual = SealExpressions(place, scan->plan.qual);
}

void SealReturning(PlannedStmt* plan, ModifyTable* modify) {
  ListCell* list_cell;
  ListCell* table_cell;
  if (list_length(modify->returningLists) != list_length(modify->resultRelations)) return;
  forboth(list_cell, modify->returningLists, table_cell, modify->resultRelations) {
    auto index = static_cast<Index>(lfirst_int(table_cell));
    Oid table = rt_fetch(index, plan->rtable)->relid;
    if (!HasPlaintext(table)) continue;
    Place place{plan, table, index, NIL, false, false};
    lfirst(list_cell) = SealExpressions(place, static_cast<List*>(lfirst(list_cell)));
  }
}

/// The condition of a view or a policy reads a row that is about to be stored, where a column that was left
/// as it is may be plaintext.
void SealChecks(PlannedStmt* plan, ModifyTable* modify) {
  ListCell* list_cell;
  ListCell* table_cell;
  forboth(list_cell, modify->withCheckOptionLists, table_cell, modify->resultRelations) {
    auto index = static_cast<Index>(lfirst_int(table_cell));
    Oid table = rt_fetch(index, plan->rtable)->relid;
    if (!HasPlaintext(table)) continue;
    Place place{plan, table, index, NIL, true, false};
    ListCell* cell;
    foreach (cell, static_cast<List*>(lfirst(list_cell))) {
      auto* check = static_cast<WithCheckOption*>(lfirst(cell));
      check->qual = SealExpression(place, check->qual);
    }
  }
}

/// ON CONFLICT DO UPDATE and MERGE read the row that is there themselves.
void SealActions(PlannedStmt* plan, ModifyTable* modify) {
  ListCell* list_cell;
  ListCell* table_cell;
  auto seal = [plan](Index index, List** values, Node** condition) {
    Place place{plan, rt_fetch(index, plan->rtable)->relid, index, NIL, false, false};
    if (!HasPlaintext(place.table)) return;
    *values = SealExpressions(place, *values);
    place.is_condition = true;
    *condition = SealExpression(place, *condition);
  };
  if (modify->onConflictSet != NIL) {
    seal(static_cast<Index>(linitial_int(modify->resultRelations)), &modify->onConflictSet,
         &modify->onConflictWhere);
  }
  forboth(list_cell, modify->mergeActionLists, table_cell, modify->resultRelations) {
    ListCell* cell;
    foreach (cell, static_cast<List*>(lfirst(list_cell))) {
      auto* action = static_cast<MergeAction*>(lfirst(cell));
      seal(static_cast<Index>(lfirst_int(table_cell)), &action->targetList, &action->qual);
    }
  }
}

/// The same for each element of an array.
Node* SealedElements(Node* array, Oid element_type) {
  CaseTestExpr* element = makeNode(CaseTestExpr);
  element->typeId = element_type;
  element->typeMod = exprTypmod(array);
  ArrayCoerceExpr* sealed = makeNode(ArrayCoerceExpr);
  sealed->arg = reinterpret_cast<Expr*>(array);
  sealed->elemexpr =
      reinterpret_cast<Expr*>(SealedForm(reinterpret_cast<Node*>(element), Max(element->typeMod, 0), false));
  sealed->resulttype = exprType(array);
  sealed->resulttypmod = element->typeMod;
  sealed->coerceformat = COERCE_IMPLICIT_CAST;
  sealed->location = -1;
  return reinterpret_cast<Node*>(sealed);
}

/// Seals what is about to be stored: a value that came by another way than a scan, such as OLD and NEW of a
/// trigger, may be plaintext.
void SealStoredList(List* targets) {
  ListCell* cell;
  foreach (cell, targets) {
    auto* entry = static_cast<TargetEntry*>(lfirst(cell));
    auto* value = reinterpret_cast<Node*>(entry->expr);
    Oid element_type = get_element_type(exprType(value));
    if (!entry->resjunk && OidIsValid(element_type) && IsSealedType(element_type))
      entry->expr = reinterpret_cast<Expr*>(SealedElements(value, element_type));
    if (entry->resjunk || !IsSealedType(exprType(value))) continue;
    bool is_sealed = false;
    for (const char* symbol : {"pii_text", "pii_text_from_text", "pii_seal_adopted"}) {
      is_sealed = is_sealed ||
                  (IsA(value, FuncExpr) && IsOwnFunction(reinterpret_cast<FuncExpr*>(value)->funcid, symbol));
    }
    if (is_sealed) continue;
    entry->expr = reinterpret_cast<Expr*>(SealedForm(value, Max(DeclaredModifier(value), 0), false));
  }
}

/// In the plan that gives the rows, where it computes what it gives.
void SealStoredRows(Plan* node) {
  if (node == nullptr) return;
  check_stack_depth();
  if (is_projection_capable_plan(node)) {
    SealStoredList(node->targetlist);
    return;
  }
  ListCell* cell;
  if (IsA(node, Append)) {
    foreach (cell, reinterpret_cast<Append*>(node)->appendplans)
      SealStoredRows(static_cast<Plan*>(lfirst(cell)));
  }
  if (IsA(node, MergeAppend)) {
    foreach (cell, reinterpret_cast<MergeAppend*>(node)->mergeplans)
      SealStoredRows(static_cast<Plan*>(lfirst(cell)));
  }
  SealStoredRows(node->lefttree);
}

using PlanVisitor = bool (*)(PlannedStmt* plan, Plan* node);

bool VisitPlan(PlannedStmt* plan, Plan* node, PlanVisitor visit);

bool VisitPlans(PlannedStmt* plan, List* nodes, PlanVisitor visit) {
  ListCell* cell;
  foreach (cell, nodes) {
    if (VisitPlan(plan, static_cast<Plan*>(lfirst(cell)), visit)) return true;
  }
  return false;
}

/// Visits a plan and those below until the visitor gives true.
bool VisitPlan(PlannedStmt* plan, Plan* node, PlanVisitor visit) {
  if (node == nullptr) return false;
  check_stack_depth();
  if (visit(plan, node)) return true;
  List* more = NIL;
  switch (nodeTag(node)) {
    case T_Append:
      more = reinterpret_cast<Append*>(node)->appendplans;
      break;
    case T_MergeAppend:
      more = reinterpret_cast<MergeAppend*>(node)->mergeplans;
      break;
    case T_SubqueryScan:
      more = list_make1(reinterpret_cast<SubqueryScan*>(node)->subplan);
      break;
    case T_CustomScan:
      more = reinterpret_cast<CustomScan*>(node)->custom_plans;
      break;
    default:
      break;
  }
  return VisitPlans(plan, more, visit) || VisitPlan(plan, node->lefttree, visit) ||
         VisitPlan(plan, node->righttree, visit);
}

bool VisitAll(PlannedStmt* plan, PlanVisitor visit) {
  return VisitPlan(plan, plan->planTree, visit) || VisitPlans(plan, plan->subplans, visit);
}

bool FindQuestion(PlannedStmt* plan, Plan* node) {
  return AsksAbove(reinterpret_cast<Node*>(node->targetlist), plan) ||
         AsksAbove(reinterpret_cast<Node*>(node->qual), plan);
}

bool SealStoredNode(PlannedStmt*, Plan* node) {
  if (!IsA(node, ModifyTable)) return false;
  auto* modify = reinterpret_cast<ModifyTable*>(node);
  if (modify->operation == CMD_INSERT || modify->operation == CMD_UPDATE) SealStoredRows(node->lefttree);
  SealStoredList(modify->onConflictSet);
  ListCell* list_cell;
  foreach (list_cell, modify->mergeActionLists) {
    ListCell* cell;
    foreach (cell, static_cast<List*>(lfirst(list_cell)))
      SealStoredList(static_cast<MergeAction*>(lfirst(cell))->targetList);
  }
  return false;
}

bool SealNodeParameters(PlannedStmt*, Plan* node) {
  SealWhatIsGiven(node);
  return false;
}

bool SealNode(PlannedStmt* plan, Plan* node) {
  DropUnread(node);
  switch (nodeTag(node)) {
    case T_SeqScan:
    case T_SampleScan:
    case T_IndexScan:
    case T_BitmapHeapScan:
    case T_TidScan:
    case T_TidRangeScan:
    case T_NamedTuplestoreScan:
      SealScan(plan, reinterpret_cast<Scan*>(node), NIL);
      break;
    case T_IndexOnlyScan:
      SealScan(plan, reinterpret_cast<Scan*>(node), reinterpret_cast<IndexOnlyScan*>(node)->indextlist);
      break;
    case T_ModifyTable:
      SealReturning(plan, reinterpret_cast<ModifyTable*>(node));
      SealActions(plan, reinterpret_cast<ModifyTable*>(node));
      SealChecks(plan, reinterpret_cast<ModifyTable*>(node));
      break;
    default:
      break;
  }
  return false;
}

bool IsSealedValue(varlena* stored) { return ClassOfArgument(PointerGetDatum(stored), kNoClass) != kNoClass; }

/// Whoever calls pii_seal_adopted() by hand must not give plaintext another class than its column has, and
/// reveal that.
void RequireOwnClass(FunctionCallInfo fcinfo, uint16_t class_id) {
  int32 declared = DeclaredClass(fcinfo, 0);
  bool has_none = declared == kNoClass && class_id == kTextClass;
  if (declared != class_id && !has_none) RequireReveal(declared);
}

}  // namespace

void ReadStored(const char* text) { reads_stored = text; }

bool TakeReadStored(const char* text) {
  if (reads_stored == nullptr || text == nullptr || strcmp(reads_stored, text) != 0) return false;
  reads_stored = nullptr;
  return true;
}

bool MayReadStored(Query* query) {
  return IsTransactionState() && QueryReadsPlaintext(query) &&
         !CallsOthers(reinterpret_cast<Node*>(query), nullptr);
}

void SealParameters(Query* query) {
  bool has_any = query->commandType != CMD_UTILITY && IsTransactionState() && HasAnyAdopted();
  if (has_any) SealWhatIsGiven(query);
}

void SealWhatIsRead(PlannedStmt* plan, bool may_read_stored) {
  if (plan->commandType == CMD_UTILITY || !IsTransactionState()) return;
  bool has_any = HasAnyAdopted();
  if (has_any) VisitAll(plan, SealNodeParameters);
  // Whoever counts unsealed values wants to know the truth, and no values; nobody else gets plaintext.
  bool may_count = may_read_stored && !WritesRows(plan) && !GivesValues(plan);
  if (ReadsAdopted(plan) && !(may_count && VisitAll(plan, FindQuestion))) VisitAll(plan, SealNode);
  if (has_any && WritesRows(plan)) VisitAll(plan, SealStoredNode);
}

PlannedStmt* WithoutPlaintext(PlannedStmt* statement) {
  auto* copy = reinterpret_cast<CopyStmt*>(statement->utilityStmt);
  if (copy->is_from || copy->relation == nullptr) return statement;
  Oid table = RangeVarGetRelid(copy->relation, AccessShareLock, true);
  if (!OidIsValid(table) || get_rel_relkind(table) != RELKIND_RELATION || !HasPlaintext(table))
    return statement;
  SelectStmt* select = makeNode(SelectStmt);
  RangeVar* only = makeRangeVar(get_namespace_name(get_rel_namespace(table)), get_rel_name(table), -1);
  only->inh = false;
  select->fromClause = list_make1(only);
  List* names = copy->attlist;
  if (names == NIL) {
    Relation relation = table_open(table, NoLock);
    for (int i = 0; i < RelationGetDescr(relation)->natts; ++i) {
      Form_pg_attribute column = TupleDescAttr(RelationGetDescr(relation), i);
      bool is_copied = !column->attisdropped && column->attgenerated == '\0';
      if (is_copied) names = lappend(names, makeString(pstrdup(NameStr(column->attname))));
    }
    table_close(relation, NoLock);
  }
  ListCell* cell;
  foreach (cell, names) {
    ColumnRef* column = makeNode(ColumnRef);
    column->fields = list_make1(lfirst(cell));
    column->location = -1;
    ResTarget* target = makeNode(ResTarget);
    target->val = reinterpret_cast<Node*>(column);
    target->location = -1;
    select->targetList = lappend(select->targetList, target);
  }
  auto* changed = static_cast<PlannedStmt*>(copyObjectImpl(statement));
  auto* query = reinterpret_cast<CopyStmt*>(changed->utilityStmt);
  query->relation = nullptr;
  query->attlist = NIL;
  query->query = reinterpret_cast<Node*>(select);
  return changed;
}

}  // namespace pii

/// pii_seal_adopted(pii_text, integer, boolean)
PII_FUNCTION(pii_seal_adopted) {
  pii::ByteView incoming;
  if (pii::FindIncomingValue(PG_GETARG_DATUM(0), &incoming)) PG_RETURN_DATUM(PG_GETARG_DATUM(0));
  varlena* stored = PG_GETARG_VARLENA_PP(0);
  uint16_t class_id = pii::CheckTypeModifier(PG_GETARG_INT32(1));
  if (!pii::IsSealedValue(stored)) pii::RequireOwnClass(fcinfo, class_id);
  PG_RETURN_POINTER(pii::SealLegacy(stored, class_id, PG_GETARG_BOOL(2)));
}

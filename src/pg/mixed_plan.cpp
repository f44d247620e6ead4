#include "mixed_plan.h"

#include "adopted_column.h"
#include "index_expression.h"
#include "mixed_parameter.h"
#include "own_function.h"
#include "pg.h"
#include "type_modifier.h"
#include "values.h"

namespace pii {
namespace {

bool reads_stored;

/// Where the walk of a plan is: the statement, and the scan whose expressions it looks at.
struct Place {
  PlannedStmt* plan;
  Oid table;
  Index table_index;    ///< of the range table
  List* index_columns;  ///< of an index-only scan; NIL for others
  bool is_condition;    ///< within a condition, where comparisons need no hash of the value
};

// ------------------------------------------------------------------------------------------------------------
// What is looked for

/// The attribute number of what a Var stands for; 0 when it is no column of the scanned table.
AttrNumber ColumnOf(const Place& place, const Var* var) {
  if (static_cast<Index>(var->varno) == place.table_index) return var->varattno;
  if (var->varno != INDEX_VAR || place.index_columns == NIL) return InvalidAttrNumber;
  auto* entry = static_cast<TargetEntry*>(list_nth(place.index_columns, var->varattno - 1));
  return IsA(entry->expr, Var) ? reinterpret_cast<Var*>(entry->expr)->varattno : InvalidAttrNumber;
}

bool IsSealedType(Oid type) { return type >= FirstNormalObjectId && IsOwnType(type, "pii_text_in"); }

Node* ArgumentOf(Node* call) {
  return StripRelabel(static_cast<Node*>(linitial(reinterpret_cast<FuncExpr*>(call)->args)));
}

bool CallsOneOf(Node* node, std::initializer_list<const char*> symbols) {
  if (!IsA(node, FuncExpr)) return false;
  Oid function = reinterpret_cast<FuncExpr*>(node)->funcid;
  if (function < FirstNormalObjectId) return false;
  for (const char* symbol : symbols) {
    if (IsOwnFunction(function, symbol)) return true;
  }
  return false;
}

/// A question about the form of what is stored.
bool AsksForState(Node* node) { return CallsOneOf(node, {"pii_is_sealed", "pii_key_version"}); }

/// These take the class from the column themselves.
bool TakesClass(Node* node) {
  return CallsOneOf(node, {"pii_class_of", "pii_blind_index", "pii_rewrap", "pii_reveal", "pii_try_reveal",
                           "pii_mask", "pii_sealed"});
}

// ------------------------------------------------------------------------------------------------------------
// What is put in its place

/// A column in its sealed form when it is adopted, else null.
Node* SealColumn(const Place& place, Var* var, AttrNumber attribute) {
  if (attribute <= 0 || !IsSealedType(var->vartype)) return nullptr;
  AdoptedColumn column = FindAdopted(place.table, attribute);
  if (!MayShowPlaintext(column)) return nullptr;
  int32 class_id = DeclaredModifier(reinterpret_cast<Node*>(var));
  return class_id < 0 ? nullptr : SealedForm(reinterpret_cast<Node*>(var), class_id, column.is_padded);
}

/// A whole row, column by column, when one of them is adopted, else null.
Node* SealRow(const Place& place, const Var* var) {
  Relation table = table_open(place.table, NoLock);
  TupleDesc columns = RelationGetDescr(table);
  List* values = NIL;
  List* names = NIL;
  bool is_adopted = false;
  for (AttrNumber number = 1; number <= columns->natts; ++number) {
    Form_pg_attribute attribute = TupleDescAttr(columns, number - 1);
    names = lappend(names, makeString(pstrdup(NameStr(attribute->attname))));
    if (attribute->attisdropped) {
      values = lappend(values, makeNullConst(INT4OID, -1, InvalidOid));
      continue;
    }
    Var* value =
        makeVar(var->varno, number, attribute->atttypid, attribute->atttypmod, attribute->attcollation, 0);
    Node* sealed = SealColumn(place, value, number);
    is_adopted = is_adopted || sealed != nullptr;
    values = lappend(values, sealed != nullptr ? sealed : reinterpret_cast<Node*>(value));
  }
  table_close(table, NoLock);
  if (!is_adopted) return nullptr;
  RowExpr* row = makeNode(RowExpr);
  row->args = values;
  row->row_typeid = var->vartype;
  row->row_format = COERCE_IMPLICIT_CAST;
  row->colnames = names;
  row->location = -1;
  return reinterpret_cast<Node*>(row);
}

/// Blanks that character(n) added are part of what is stored, and of no value.
bool IsPadded(const Place& place, const Var* var) {
  return IsSealedType(var->vartype) && FindAdopted(place.table, ColumnOf(place, var)).is_padded;
}

/// `=` and `<>` take the class from the column, too. So searches without an index seal nothing.
bool Compares(Node* node) {
  Oid function = InvalidOid;
  if (IsA(node, OpExpr)) function = reinterpret_cast<OpExpr*>(node)->opfuncid;
  if (IsA(node, FuncExpr)) function = reinterpret_cast<FuncExpr*>(node)->funcid;
  if (function < FirstNormalObjectId) return false;
  return IsEquality(function) || IsOwnFunction(function, "pii_text_eq_any") ||
         IsOwnFunction(function, "pii_text_ne") || IsOwnFunction(function, "pii_text_ne_text") ||
         IsOwnFunction(function, "text_ne_pii_text");
}

bool ReadsStored(const Place& place, Node* call) {
  if (reinterpret_cast<FuncExpr*>(call)->args == NIL || !IsA(ArgumentOf(call), Var)) return false;
  if (AsksForState(call) || CallsOneOf(call, {"pii_seal_adopted"})) return true;
  return TakesClass(call) && !IsPadded(place, reinterpret_cast<Var*>(ArgumentOf(call)));
}

Node* Seal(Node* node, void* context);

/// Arguments, where columns themselves may stay as they are stored.
Node* SealArguments(Node* node, void* context) {
  if (node == nullptr) return nullptr;
  if (IsA(node, List)) return MutateExpression(node, SealArguments, context);
  Node* value = StripRelabel(node);
  bool stays = IsA(value, Var) && !IsPadded(*static_cast<Place*>(context), reinterpret_cast<Var*>(value));
  return stays ? node : Seal(node, context);
}

Node* Seal(Node* node, void* context) {
  if (node == nullptr) return nullptr;
  const auto& place = *static_cast<Place*>(context);
  if (IsA(node, SubPlan) && place.is_condition) {
    Place inner = place;
    inner.is_condition = false;
    return MutateExpression(node, Seal, &inner);
  }
  if (IsA(node, Var)) {
    auto* var = reinterpret_cast<Var*>(node);
    bool is_row = static_cast<Index>(var->varno) == place.table_index && var->varattno == InvalidAttrNumber;
    Node* sealed = is_row ? SealRow(place, var) : SealColumn(place, var, ColumnOf(place, var));
    if (sealed != nullptr) return sealed;
  }
  if (IsA(node, FuncExpr) && ReadsStored(place, node)) return node;
  bool takes_stored = place.is_condition && (IsA(node, NullTest) || Compares(node));
  return MutateExpression(node, takes_stored ? SealArguments : Seal, context);
}

List* SealList(const Place& place, List* expressions) {
  Place copy = place;
  return reinterpret_cast<List*>(Seal(reinterpret_cast<Node*>(expressions), &copy));
}

// ------------------------------------------------------------------------------------------------------------
// The plan

/// Most statements end here.
bool ReadsAdopted(const PlannedStmt* plan) {
  ListCell* cell;
  foreach (cell, plan->rtable) {
    auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
    bool is_table = entry->rtekind == RTE_RELATION &&
                    (entry->relkind == RELKIND_RELATION || entry->relkind == RELKIND_PARTITIONED_TABLE ||
                     entry->relkind == RELKIND_MATVIEW);
    if (is_table && entry->relid >= FirstNormalObjectId && HasAdopted(entry->relid)) return true;
  }
  return false;
}

/// Is a question about what is stored asked of a value that a scan has handed up, which would be sealed by
/// then?
bool AsksAbove(Node* node, void*) {
  if (node == nullptr) return false;
  if (AsksForState(node)) {
    Node* argument = ArgumentOf(node);
    if (IsA(argument, Var) && IS_SPECIAL_VARNO(reinterpret_cast<Var*>(argument)->varno)) return true;
  }
  return WalkExpression(node, AsksAbove, nullptr);
}

void SealScan(PlannedStmt* plan, Scan* scan, List* index_columns) {
  RangeTblEntry* entry = rt_fetch(scan->scanrelid, plan->rtable);
  if (entry->rtekind != RTE_RELATION || !HasAdopted(entry->relid)) return;
  Place place{plan, entry->relid, scan->scanrelid, index_columns, false};
  scan->plan.targetlist = SealList(place, scan->plan.targetlist);
  place.is_condition = true;
  scan->plan.qual = SealList(place, scan->plan.qual);
}

/// ON CONFLICT DO UPDATE and MERGE see the row as it is stored.
void SealActions(const Place& place, ModifyTable* modify, List* merge_actions) {
  modify->onConflictSet = SealList(place, modify->onConflictSet);
  modify->onConflictWhere =
      reinterpret_cast<Node*>(SealList(place, reinterpret_cast<List*>(modify->onConflictWhere)));
  ListCell* cell;
  foreach (cell, merge_actions) {
    auto* action = static_cast<MergeAction*>(lfirst(cell));
    action->targetList = SealList(place, action->targetList);
    action->qual = reinterpret_cast<Node*>(SealList(place, reinterpret_cast<List*>(action->qual)));
  }
}

void SealWrites(PlannedStmt* plan, ModifyTable* modify) {
  int number = 0;
  ListCell* cell;
  foreach (cell, modify->resultRelations) {
    auto index = static_cast<Index>(lfirst_int(cell));
    Oid table = rt_fetch(index, plan->rtable)->relid;
    List* actions = modify->mergeActionLists == NIL
                        ? NIL
                        : static_cast<List*>(list_nth(modify->mergeActionLists, number));
    if (HasAdopted(table)) SealActions({plan, table, index, NIL, false}, modify, actions);
    ++number;
  }
}

void SealReturning(PlannedStmt* plan, ModifyTable* modify) {
  ListCell* list_cell;
  ListCell* table_cell;
  if (list_length(modify->returningLists) != list_length(modify->resultRelations)) return;
  forboth(list_cell, modify->returningLists, table_cell, modify->resultRelations) {
    auto index = static_cast<Index>(lfirst_int(table_cell));
    Oid table = rt_fetch(index, plan->rtable)->relid;
    if (HasAdopted(table))
      lfirst(list_cell) = SealList({plan, table, index, NIL, false}, static_cast<List*>(lfirst(list_cell)));
  }
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

bool FindQuestion(PlannedStmt*, Plan* node) {
  bool found = AsksAbove(reinterpret_cast<Node*>(node->targetlist), nullptr) ||
               AsksAbove(reinterpret_cast<Node*>(node->qual), nullptr);
  return found;
}

bool SealParameters(PlannedStmt*, Plan* node) {
  SealWhatIsGiven(node);
  return false;
}

bool SealNode(PlannedStmt* plan, Plan* node) {
  switch (nodeTag(node)) {
    case T_SeqScan:
    case T_SampleScan:
    case T_IndexScan:
    case T_BitmapHeapScan:
    case T_TidScan:
    case T_TidRangeScan:
      SealScan(plan, reinterpret_cast<Scan*>(node), NIL);
      break;
    case T_IndexOnlyScan:
      SealScan(plan, reinterpret_cast<Scan*>(node), reinterpret_cast<IndexOnlyScan*>(node)->indextlist);
      break;
    case T_ModifyTable:
      SealWrites(plan, reinterpret_cast<ModifyTable*>(node));
      SealReturning(plan, reinterpret_cast<ModifyTable*>(node));
      break;
    default:
      break;
  }
  return false;
}

}  // namespace

bool ReadStored(bool stored) {
  bool before = reads_stored;
  reads_stored = stored;
  return before;
}

void SealWhatIsRead(PlannedStmt* plan) {
  if (reads_stored || plan->commandType == CMD_UTILITY || !IsTransactionState()) return;
  if (HasAnyAdopted()) {
    VisitPlan(plan, plan->planTree, SealParameters);
    VisitPlans(plan, plan->subplans, SealParameters);
  }
  if (!ReadsAdopted(plan)) return;
  // Whoever counts unsealed values wants to know the truth, and no values.
  if (VisitPlan(plan, plan->planTree, FindQuestion) || VisitPlans(plan, plan->subplans, FindQuestion)) return;
  VisitPlan(plan, plan->planTree, SealNode);
  VisitPlans(plan, plan->subplans, SealNode);
}

PlannedStmt* WithoutPlaintext(PlannedStmt* statement) {
  auto* copy = reinterpret_cast<CopyStmt*>(statement->utilityStmt);
  if (copy->is_from || copy->relation == nullptr) return statement;
  Oid table = RangeVarGetRelid(copy->relation, AccessShareLock, true);
  if (!OidIsValid(table) || get_rel_relkind(table) != RELKIND_RELATION || !HasAdopted(table))
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
  PG_RETURN_POINTER(pii::SealLegacy(PG_GETARG_VARLENA_PP(0), pii::CheckTypeModifier(PG_GETARG_INT32(1)),
                                    PG_GETARG_BOOL(2)));
}

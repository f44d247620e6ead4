#include "mixed_plan.h"

#include "adopted_column.h"
#include "attribute_rules.h"
#include "incoming_value.h"
#include "index_expression.h"
#include "mixed_parameter.h"
#include "own_function.h"
#include "pg.h"
#include "privileges.h"
#include "type_modifier.h"
#include "unread_column.h"
#include "values.h"

namespace pii {
namespace {

bool reads_stored;

/// The parser gives this form to functions of pg_catalog alone.
constexpr CoercionForm kPlannedCall = COERCE_SQL_SYNTAX;

/// Where the walk of a plan is: the statement, and the scan whose expressions it looks at.
struct Place {
  PlannedStmt* plan;
  Oid table;
  Index table_index;    ///< of the range table
  List* index_columns;  ///< of an index-only scan; NIL for others
  bool is_condition;    ///< within a condition, where comparisons need no hash of the value
  bool is_compared;     ///< right below a comparison in a condition
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

Oid FunctionOf(const OpExpr* node) {
  return OidIsValid(node->opfuncid) ? node->opfuncid : get_opcode(node->opno);
}

/// The function that a node calls; 0 for none.
Oid FunctionOf(Node* node) {
  if (IsA(node, FuncExpr)) return reinterpret_cast<FuncExpr*>(node)->funcid;
  if (IsA(node, OpExpr) || IsA(node, DistinctExpr) || IsA(node, NullIfExpr))
    return FunctionOf(reinterpret_cast<OpExpr*>(node));
  if (IsA(node, ScalarArrayOpExpr)) return get_opcode(reinterpret_cast<ScalarArrayOpExpr*>(node)->opno);
  if (IsA(node, Aggref)) return reinterpret_cast<Aggref*>(node)->aggfnoid;
  return IsA(node, WindowFunc) ? reinterpret_cast<WindowFunc*>(node)->winfnoid : InvalidOid;
}

/// Compares values: takes columns as they are stored, with the class that the expression declares.
bool Compares(Node* node) {
  Oid function = FunctionOf(node);
  if (function < FirstNormalObjectId || IsA(node, NullIfExpr)) return false;
  if (IsEquality(function)) return true;
  for (const char* symbol : {"pii_text_ne", "pii_text_ne_text", "text_ne_pii_text", "pii_text_eq_any"}) {
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

Oid SchemaOfType(Oid type) {
  HeapTuple row = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
  if (!HeapTupleIsValid(row)) elog(ERROR, "cache lookup failed for type %u", type);
  Oid schema = reinterpret_cast<Form_pg_type>(GETSTRUCT(row))->typnamespace;
  ReleaseSysCache(row);
  return schema;
}

/// The text of a column of the same scan.
Node* TextOf(const Place& place, const Var* beside, AttrNumber number) {
  Oid type;
  int32 modifier;
  Oid collation;
  get_atttypetypmodcoll(place.table, number, &type, &modifier, &collation);
  Var* var = makeVar(beside->varno, number, type, modifier, collation, 0);
  if (place.index_columns != NIL) elog(ERROR, "an index alone has no value of an attribute table");
  CoerceViaIO* text = makeNode(CoerceViaIO);
  text->arg = reinterpret_cast<Expr*>(var);
  text->resulttype = TEXTOID;
  text->resultcollid = DEFAULT_COLLATION_OID;
  text->coerceformat = COERCE_EXPLICIT_CAST;
  text->location = -1;
  if (getBaseType(type) != TEXTOID && getBaseType(type) != VARCHAROID) return reinterpret_cast<Node*>(text);
  if (type == TEXTOID) return reinterpret_cast<Node*>(var);
  return reinterpret_cast<Node*>(makeRelabelType(reinterpret_cast<Expr*>(var), TEXTOID, -1,
                                                 DEFAULT_COLLATION_OID, COERCE_IMPLICIT_CAST));
}

/// pii_shown(column, attribute, table, is_compared): of a column whose type declares no class. `attribute` is
/// 0 where there is none.
Node* ShownForm(const Place& place, Var* var, AttrNumber attribute) {
  Oid type = getBaseType(var->vartype);
  auto* value = reinterpret_cast<Expr*>(var);
  if (var->vartype != type)
    value = reinterpret_cast<Expr*>(makeRelabelType(value, type, -1, InvalidOid, COERCE_IMPLICIT_CAST));
  Node* name = attribute != 0 ? TextOf(place, var, attribute)
                              : reinterpret_cast<Node*>(makeNullConst(TEXTOID, -1, DEFAULT_COLLATION_OID));
  Node* table = reinterpret_cast<Node*>(
      makeConst(OIDOID, -1, InvalidOid, 4, ObjectIdGetDatum(place.table), false, true));
  List* arguments = list_make4(value, name, table, makeBoolConst(place.is_compared, false));
  Oid function = FindFunction(SchemaOfType(type), "pii_shown", {type, TEXTOID, OIDOID, BOOLOID});
  auto* call =
      reinterpret_cast<Expr*>(makeFuncExpr(function, type, arguments, InvalidOid, InvalidOid, kPlannedCall));
  if (var->vartype == type) return reinterpret_cast<Node*>(call);
  return reinterpret_cast<Node*>(makeRelabelType(call, var->vartype, -1, InvalidOid, COERCE_IMPLICIT_CAST));
}

/// Is the plaintext of a column of class text, as its type declares none? Then its attribute is given, too: 0
/// for a column that was adopted.
bool IsClassless(const Place& place, const Var* var, AttrNumber number, AttrNumber* attribute) {
  *attribute = FindAttributeColumnsAt(place.table, number).attribute;
  if (*attribute != 0) return true;
  AdoptedColumn column = FindAdopted(place.table, number);
  return MayShowPlaintext(column) && !column.is_padded &&
         DeclaredModifier(reinterpret_cast<Node*>(const_cast<Var*>(var))) < 0;
}

/// A column in the form that is for others to see, when it may hold plaintext, else null.
Node* SealColumn(const Place& place, Var* var, AttrNumber number) {
  if (number <= 0 || !IsSealedType(var->vartype)) return nullptr;
  AttrNumber attribute;
  if (IsClassless(place, var, number, &attribute)) return ShownForm(place, var, attribute);
  AdoptedColumn column = FindAdopted(place.table, number);
  if (!MayShowPlaintext(column)) return nullptr;
  int32 class_id = Max(DeclaredModifier(reinterpret_cast<Node*>(var)), 0);  // without one: class text
  return SealedForm(reinterpret_cast<Node*>(var), class_id, column.is_padded);
}

/// A whole row, column by column, when one of them is adopted, else null.
Node* SealRow(const Place& place, const Var* var) {
  if (get_typ_typrelid(var->vartype) != place.table) return nullptr;  // of a transition table
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

/// Is the column that a Var stands for one whose plaintext is of class text?
bool IsClasslessVar(const Place& place, const Var* var) {
  AttrNumber number = ColumnOf(place, var);
  AttrNumber attribute;
  return number > 0 && IsSealedType(var->vartype) && IsClassless(place, var, number, &attribute);
}

/// Is it a question about a column that is answered by what is stored?
bool AsksAboutStored(const Place& place, Node* node) {
  if (IsA(node, NullTest)) return IsA(reinterpret_cast<NullTest*>(node)->arg, Var);
  if (!IsA(node, FuncExpr) || reinterpret_cast<FuncExpr*>(node)->args == NIL || !IsA(ArgumentOf(node), Var))
    return false;
  if (AsksForState(node)) return true;
  auto* var = reinterpret_cast<Var*>(ArgumentOf(node));
  if (IsClasslessVar(place, var)) return CallsOneOf(node, {"pii_blind_index", "pii_rewrap"});
  if (CallsOneOf(node, {"pii_seal_adopted"})) return true;
  return TakesClass(node) && !IsPadded(place, var);
}

Node* Seal(Node* node, void* context);

/// Arguments, where columns themselves may stay as they are stored.
Node* SealArguments(Node* node, void* context) {
  if (node == nullptr) return nullptr;
  if (IsA(node, List)) return MutateExpression(node, SealArguments, context);
  Node* value = StripRelabel(node);
  const auto& place = *static_cast<Place*>(context);
  auto* var = reinterpret_cast<Var*>(value);
  bool stays = IsA(value, Var) && !IsPadded(place, var) && !IsClasslessVar(place, var);
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
  if (AsksAboutStored(place, node)) return node;
  Place inner = place;
  bool goes_on = place.is_compared && IsA(node, RelabelType);
  bool takes_stored = place.is_condition && Compares(node);
  inner.is_compared = goes_on || takes_stored;
  return MutateExpression(node, takes_stored ? SealArguments : Seal, &inner);
}

List* SealList(const Place& place, List* expressions) {
  Place copy = place;
  return reinterpret_cast<List*>(Seal(reinterpret_cast<Node*>(expressions), &copy));
}

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

/// Does a query call what is neither PostgreSQL's nor ours? To a function of somebody's own, plaintext has
/// lost its class, and so the privilege that it takes to reveal it.
bool CallsOthers(Node* node, void*) {
  if (node == nullptr) return false;
  if (IsA(node, Query)) return WalkQuery(reinterpret_cast<Query*>(node), CallsOthers);
  if (IsA(node, CoerceToDomain)) return true;
  bool is_other =
      FunctionOf(node) >= FirstNormalObjectId && !AsksForState(node) && !TakesClass(node) && !Compares(node);
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
  scan->plan.targetlist = SealList(place, scan->plan.targetlist);
  place.is_condition = true;
  scan->plan.qual = SealList(place, scan->plan.qual);
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
    lfirst(list_cell) = SealList(place, static_cast<List*>(lfirst(list_cell)));
  }
}

/// ON CONFLICT DO UPDATE and MERGE read the row that is there themselves.
void SealActions(PlannedStmt* plan, ModifyTable* modify) {
  ListCell* list_cell;
  ListCell* table_cell;
  auto seal = [plan](Index index, List** values, Node** condition) {
    Place place{plan, rt_fetch(index, plan->rtable)->relid, index, NIL, false, false};
    if (!HasPlaintext(place.table)) return;
    *values = SealList(place, *values);
    place.is_condition = true;
    *condition = Seal(*condition, &place);
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

/// Seals what is about to be stored: a value that came by another way than a scan, such as OLD and NEW of a
/// trigger, may be plaintext.
void SealStoredList(List* targets) {
  ListCell* cell;
  foreach (cell, targets) {
    auto* entry = static_cast<TargetEntry*>(lfirst(cell));
    auto* value = reinterpret_cast<Node*>(entry->expr);
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

bool SealParameters(PlannedStmt*, Plan* node) {
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

bool ReadStored(bool stored) {
  bool before = reads_stored;
  reads_stored = stored;
  return before;
}

bool MayReadStored(Query* query) {
  return !reads_stored && IsTransactionState() && HasAnyAdopted() &&
         !CallsOthers(reinterpret_cast<Node*>(query), nullptr);
}

void SealWhatIsRead(PlannedStmt* plan, bool may_read_stored) {
  if (reads_stored || plan->commandType == CMD_UTILITY || !IsTransactionState()) return;
  bool has_any = HasAnyAdopted();
  if (has_any) VisitAll(plan, SealParameters);
  // Whoever counts unsealed values wants to know the truth, and no values; nobody else gets plaintext.
  bool may_count = may_read_stored && !WritesRows(plan) && !GivesValues(plan);
  if (ReadsAdopted(plan) && !(may_count && VisitAll(plan, FindQuestion))) VisitAll(plan, SealNode);
  if (has_any && WritesRows(plan)) VisitAll(plan, SealStoredNode);
}

bool IsPlannedCall(FunctionCallInfoBaseData* fcinfo) {
  Node* call = fcinfo->flinfo->fn_expr;
  return call != nullptr && IsA(call, FuncExpr) &&
         reinterpret_cast<FuncExpr*>(call)->funcformat == kPlannedCall;
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

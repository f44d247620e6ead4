// How `ssn = x` comes to use an index on pii_blind_index(ssn), with the application's SQL as it is. The
// statement itself stays as it was written, so that joins, row counts and filters are planned like those of
// any type:
//
// 1. For each index with pii_blind_index(ssn), or a generated column of it, among its keys the planner is
//    shown a second one, the alias, that has the column ssn itself in that place. So it finds that `ssn = x`
//    is about the index, and asks the support function of `=` what to do.
// 2. The support function answers pii_blind_index(ssn) = ANY (pii_search_terms(x, 'ssn')): a term for each
//    enabled index key version, so that nothing is missed while they rotate. (PostgreSQL treats LIKE in this
//    way: SupportRequestIndexCondition.)
//    What a search for so many terms costs, the alias says to the planner (EstimateCost).
// 3. When all paths of the table are made the alias gets the keys that the index really has, which the plan
//    is made and checked from.
//
// `ssn = ANY (array)` comes here as pii_text_eq_any(ssn, array) (condition_rewrite.cpp), and becomes `= ANY`
// again where the column has no index.

#include "planner_support.h"

#include "attribute_rules.h"
#include "index_advice.h"
#include "index_expression.h"
#include "own_function.h"
#include "pg.h"
#include "shared_keys.h"
#include "type_modifier.h"
#include "values.h"

namespace pii {
namespace {

get_relation_info_hook_type next_relation_info;
get_index_stats_hook_type next_index_stats;
set_rel_pathlist_hook_type next_pathlist;

// Costs.

/// The array of a condition on the terms of one value; null for any other condition.
FuncExpr* TermsOfOneValue(Node* clause) {
  if (!IsA(clause, ScalarArrayOpExpr)) return nullptr;
  auto* array = static_cast<Node*>(lsecond(reinterpret_cast<ScalarArrayOpExpr*>(clause)->args));
  if (!IsA(array, FuncExpr)) return nullptr;
  auto* call = reinterpret_cast<FuncExpr*>(array);
  bool is_one = IsOwnFunction(call->funcid, "pii_search_terms_of_value") ||
                IsOwnFunction(call->funcid, "pii_search_terms");
  return is_one ? call : nullptr;
}

/// The same condition on an array whose size can be seen, for estimates alone: PostgreSQL takes one that it
/// does not know for ten elements, and ten descents. There is one term for each enabled key version. How many
/// rows it finds is estimated by it, too, since for that PostgreSQL would compute the terms of a literal.
RestrictInfo* WithKnownSize(PlannerInfo* root, Index table, RestrictInfo* condition, size_t terms) {
  FuncExpr* call = TermsOfOneValue(reinterpret_cast<Node*>(condition->clause));
  if (call == nullptr) return condition;
  Param* term = makeNode(Param);  // an unknown value, that nobody sets
  term->paramkind = PARAM_EXEC;
  term->paramid = -1;
  term->paramtype = get_element_type(call->funcresulttype);
  term->paramtypmod = -1;
  term->location = -1;
  ArrayExpr* array = makeNode(ArrayExpr);
  array->array_typeid = call->funcresulttype;
  array->element_typeid = term->paramtype;
  array->location = -1;
  array->elements = list_make1(term);
  // A row has the term of one version: the others count as descents, and find nothing.
  for (size_t i = 1; i < terms; ++i)
    array->elements = lappend(array->elements, makeNullConst(term->paramtype, -1, InvalidOid));
  ScalarArrayOpExpr* any = makeNode(ScalarArrayOpExpr);
  *any = *reinterpret_cast<ScalarArrayOpExpr*>(condition->clause);
  any->args = list_make2(linitial(any->args), array);
  RestrictInfo* sized = makeNode(RestrictInfo);
  *sized = *condition;
  sized->clause = reinterpret_cast<Expr*>(any);
  // PostgreSQL keeps it there for the other paths, where it depends on no other table.
  clause_selectivity(root, reinterpret_cast<Node*>(sized), static_cast<int>(table), JOIN_INNER, nullptr);
  condition->norm_selec = sized->norm_selec;
  return sized;
}

void EstimateCost(PlannerInfo* root, IndexPath* path, double loops, Cost* startup, Cost* total,
                  Selectivity* selectivity, double* correlation, double* pages) {
  size_t terms = HasKeys() ? CurrentProtector()->index_versions().size() : 1;
  IndexPath sized = *path;
  sized.indexclauses = NIL;
  ListCell* cell;
  foreach (cell, path->indexclauses) {
    IndexClause* clause = makeNode(IndexClause);
    *clause = *static_cast<IndexClause*>(lfirst(cell));
    List* conditions = NIL;
    ListCell* condition;
    foreach (condition, clause->indexquals)
      conditions = lappend(conditions, WithKnownSize(root, path->indexinfo->rel->relid,
                                                     static_cast<RestrictInfo*>(lfirst(condition)), terms));
    clause->indexquals = conditions;
    sized.indexclauses = lappend(sized.indexclauses, clause);
  }
  IndexAmRoutine* method = GetIndexAmRoutineByAmId(path->indexinfo->relam, false);
  method->amcostestimate(root, &sized, loops, startup, total, selectivity, correlation, pages);
  pfree(method);
}

// Aliases.

/// The index again, with the sealed column in place of each key that is a blind index of it; null when there
/// is none.
IndexOptInfo* MakeAlias(Relation table, const IndexOptInfo* index) {
  IndexOptInfo* alias = nullptr;
  List* expressions = NIL;
  ListCell* next_expression = list_head(index->indexprs);
  for (int i = 0; i < index->ncolumns; ++i) {
    Node* expression;
    if (index->indexkeys[i] == 0) {
      expression = static_cast<Node*>(lfirst(next_expression));
      next_expression = lnext(index->indexprs, next_expression);
    } else {
      expression = GenerationExpression(table, static_cast<AttrNumber>(index->indexkeys[i]));
    }
    AttrNumber source = i < index->nkeycolumns ? SourceOfEquality(expression) : 0;
    if (source == 0) {
      if (index->indexkeys[i] == 0) expressions = lappend(expressions, expression);
      continue;
    }
    if (alias == nullptr) {
      Size columns = static_cast<Size>(index->ncolumns);
      alias = makeNode(IndexOptInfo);
      *alias = *index;
      alias->indexkeys = static_cast<int*>(palloc(columns * sizeof(int)));
      memcpy(alias->indexkeys, index->indexkeys, columns * sizeof(int));
      alias->canreturn = static_cast<bool*>(palloc0(columns * sizeof(bool)));
      // A condition on several terms may be answered out of order (build_index_paths sees to it only where
      // the clause itself is `= ANY`), so the scan must not pass for a sorted one.
      alias->sortopfamily = nullptr;
      // `ssn IS NULL` would be taken as it is, and not be found in the index in step 3.
      alias->amsearchnulls = false;
      SetCostEstimate(alias, EstimateCost);
      // Such an index (hash) takes `= ANY` in bitmap scans alone.
      if (!index->amsearcharray) alias->amhasgettuple = false;
    }
    alias->indexkeys[i] = source;
  }
  if (alias != nullptr) alias->indexprs = expressions;
  return alias;
}

/// The index that `candidate` is the alias of; null when it is none.
IndexOptInfo* OriginalOf(const IndexOptInfo* candidate) {
  ListCell* cell;
  foreach (cell, candidate->rel->indexlist) {
    auto* index = static_cast<IndexOptInfo*>(lfirst(cell));
    if (index->indexoid == candidate->indexoid) return index != candidate ? index : nullptr;
  }
  return nullptr;
}

/// A value of an attribute table is read together with its attribute, which an index may not have.
void KeepFromIndex(IndexOptInfo* index, AttrNumber value) {
  for (int i = 0; i < index->ncolumns; ++i) {
    if (index->indexkeys[i] == value) index->canreturn[i] = false;
  }
}

void AddAliases(PlannerInfo* root, Oid table_oid, bool inherited, RelOptInfo* rel) {
  if (next_relation_info != nullptr) next_relation_info(root, table_oid, inherited, rel);
  if (rel->indexlist == NIL) return;
  Relation table = table_open(table_oid, NoLock);
  AttributeColumns columns = FindAttributeColumns(table_oid);
  List* aliases = NIL;
  ListCell* cell;
  foreach (cell, rel->indexlist) {
    if (columns.value != 0) KeepFromIndex(static_cast<IndexOptInfo*>(lfirst(cell)), columns.value);
    IndexOptInfo* alias = MakeAlias(table, static_cast<IndexOptInfo*>(lfirst(cell)));
    if (alias != nullptr) aliases = lappend(aliases, alias);
  }
  rel->indexlist = list_concat(rel->indexlist, aliases);
  table_close(table, NoLock);
}

/// Is equality with this side transitive? A value of class text takes the class of what it is compared with:
/// two that both equal a third may differ from each other.
bool HasOneClass(Node* side) {
  return exprType(side) != TEXTOID && DeclaredModifier(side) > static_cast<int32>(kTextClass);
}

/// PostgreSQL may make the inner side of `x IN (SELECT y)` unique and join it then. That gives rows twice
/// where equality is not transitive.
void KeepSemiJoins(PlannerInfo* root) {
  ListCell* join_cell;
  foreach (join_cell, root->join_info_list) {
    auto* join = static_cast<SpecialJoinInfo*>(lfirst(join_cell));
    if (join->jointype != JOIN_SEMI || !join->semi_can_hash) continue;
    ListCell* operator_cell;
    ListCell* side_cell;
    forboth(operator_cell, join->semi_operators, side_cell, join->semi_rhs_exprs) {
      if (!IsEquality(get_opcode(lfirst_oid(operator_cell)))) continue;
      if (!HasOneClass(static_cast<Node*>(lfirst(side_cell)))) join->semi_can_hash = false;
    }
  }
}

/// Nor may it keep the inner rows of one value for another that is equal to it only by its own class
/// (Memoize).
void KeepInnerRows(RelOptInfo* rel) {
  ListCell* cell;
  foreach (cell, rel->joininfo) {
    auto* clause = static_cast<RestrictInfo*>(lfirst(cell));
    if (!IsA(clause->clause, OpExpr)) continue;
    auto* comparison = reinterpret_cast<OpExpr*>(clause->clause);
    if (comparison->opno < FirstNormalObjectId || !IsEquality(get_opcode(comparison->opno))) continue;
    if (!HasOneClass(static_cast<Node*>(linitial(comparison->args))))
      clause->left_hasheqoperator = InvalidOid;
    if (!HasOneClass(static_cast<Node*>(lsecond(comparison->args))))
      clause->right_hasheqoperator = InvalidOid;
  }
}

/// Called for each table when its paths are made, before joins are looked for.
void FinishTable(PlannerInfo* root, RelOptInfo* rel, Index index, RangeTblEntry* entry) {
  if (next_pathlist != nullptr) next_pathlist(root, rel, index, entry);
  KeepSemiJoins(root);
  KeepInnerRows(rel);
  ListCell* cell;
  foreach (cell, rel->indexlist) {
    auto* alias = static_cast<IndexOptInfo*>(lfirst(cell));
    IndexOptInfo* original = OriginalOf(alias);
    if (original == nullptr) continue;
    alias->indexkeys = original->indexkeys;
    alias->indexprs = original->indexprs;
  }
}

// The support functions.

/// What a key of an index is, as an expression of its table.
Expr* KeyOf(const IndexOptInfo* index, int column) {
  auto* entry = static_cast<TargetEntry*>(list_nth(index->indextlist, column));
  return static_cast<Expr*>(copyObjectImpl(entry->expr));
}

Oid FindEqualityOperator(Oid schema, Oid left, Oid right) {
  Oid equality = GetSysCacheOid4(OPERNAMENSP, Anum_pg_operator_oid, CStringGetDatum("="),
                                 ObjectIdGetDatum(left), ObjectIdGetDatum(right), ObjectIdGetDatum(schema));
  if (!OidIsValid(equality)) elog(ERROR, "operator = of extension pii is missing");
  return equality;
}

/// The arguments of an OpExpr or FuncExpr.
List* ArgumentsOf(Node* call) {
  return IsA(call, OpExpr) ? reinterpret_cast<OpExpr*>(call)->args : reinterpret_cast<FuncExpr*>(call)->args;
}

/// The class that the type of a column declares; null when it declares none, or one that nobody knows.
const PiiClass* DeclaredClass(Node* column) {
  int32 modifier = DeclaredModifier(column);
  return modifier < 0 ? nullptr : FindClass(static_cast<uint16_t>(modifier));
}

/// Is `node` of class text, as far as one can know? A value of another class is compared by the rule of that
/// class, which an index of class text does not have.
bool IsOfTextClass(Node* node) {
  Oid type = exprType(node);
  if (type == TEXTOID || get_element_type(type) == TEXTOID) return true;
  if (exprTypmod(node) == static_cast<int32>(kTextClass)) return true;
  if (IsA(node, Param)) return reinterpret_cast<Param*>(node)->paramkind == PARAM_EXTERN;
  if (!IsA(node, Const)) return false;
  auto* constant = reinterpret_cast<Const*>(node);
  if (constant->constisnull) return true;
  bool is_array = OidIsValid(get_element_type(type));
  return is_array || ClassOf(PG_DETOAST_DATUM_PACKED(constant->constvalue), kTextClass) == kTextClass;
}

/// May the index of an attribute table answer? Who lacks SEARCH on one of its classes goes without it, and
/// may still meet no value of that class. A join is decided above the scan, where plaintext that awaits
/// sealing has the class of its attribute already.
bool MaySearchAttributes(PlannerInfo* root, Oid table, const Var* column, Node* other) {
  if (FindAttributeColumnsAt(table, column->varattno).value == 0 || !MaySearchTable(table)) return false;
  return bms_is_empty(pull_varnos(root, other)) || !AwaitsSealing(table);
}

/// key = ANY (pii_search_terms(other, class)), or of pii_attribute_terms(other, table)
Node* IndexCondition(const SupportRequestIndexCondition* request) {
  if (OriginalOf(request->index) == nullptr) return nullptr;
  List* arguments = ArgumentsOf(request->node);
  Node* side = StripRelabel(static_cast<Node*>(list_nth(arguments, request->indexarg)));
  auto* other = static_cast<Node*>(list_nth(arguments, 1 - request->indexarg));
  if (!IsA(side, Var) || contain_volatile_functions(other)) return nullptr;
  auto* column = reinterpret_cast<Var*>(side);
  if (bms_is_member(column->varno, pull_varnos(request->root, other))) return nullptr;
  Oid table = request->root->simple_rte_array[column->varno]->relid;
  const PiiClass* pii_class = DeclaredClass(side);
  bool by_attribute = pii_class == nullptr && MaySearchAttributes(request->root, table, column, other);
  if (pii_class == nullptr && !by_attribute) return nullptr;
  if ((by_attribute || pii_class->id == kTextClass) && !IsOfTextClass(other)) return nullptr;

  Oid* types;
  int count;
  get_func_signature(request->funcid, &types, &count);
  Expr* key = KeyOf(request->index, request->indexcol);
  Oid index_type = exprType(reinterpret_cast<Node*>(key));
  Const* scope = by_attribute ? makeConst(OIDOID, -1, InvalidOid, 4, ObjectIdGetDatum(table), false, true)
                              : makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1,
                                          CStringGetTextDatum(pii_class->name_text), false, false);
  Oid search_terms = FindFunction(get_func_namespace(request->funcid),
                                  by_attribute ? "pii_attribute_terms" : "pii_search_terms",
                                  {types[1 - request->indexarg], scope->consttype});
  auto* terms = makeFuncExpr(search_terms, get_array_type(index_type), list_make2(other, scope), InvalidOid,
                             InvalidOid, COERCE_EXPLICIT_CALL);
  ScalarArrayOpExpr* any = makeNode(ScalarArrayOpExpr);
  any->opno = lookup_type_cache(index_type, TYPECACHE_EQ_OPR)->eq_opr;
  any->opfuncid = get_opcode(any->opno);
  any->useOr = true;
  any->args = list_make2(key, terms);
  any->location = -1;
  return reinterpret_cast<Node*>(any);
}

Datum AnswerIndexCondition(SupportRequestIndexCondition* request) {
  Node* condition = IndexCondition(request);
  if (condition == nullptr) return PointerGetDatum(nullptr);
  // Equal blind index values are equal values: both are made of the same normalised form.
  request->lossy = false;
  return PointerGetDatum(list_make1(condition));
}

/// `column = ANY (array)` for pii_text_eq_any(column, array).
ScalarArrayOpExpr* AsEqualsAny(FuncExpr* call) {
  Oid* types;
  int count;
  get_func_signature(call->funcid, &types, &count);
  ScalarArrayOpExpr* any = makeNode(ScalarArrayOpExpr);
  any->opno = FindEqualityOperator(get_func_namespace(call->funcid), types[0], get_element_type(types[1]));
  any->opfuncid = get_opcode(any->opno);
  any->useOr = true;
  any->args = call->args;
  any->location = -1;
  return any;
}

/// Is `node` for sure a column that has no index? Of a view or a table with partitions one cannot say yet;
/// PostgreSQL asks again about the tables behind it. It simplifies the WHERE of an EXISTS against the range
/// table of the query around it, so that the entry may be another table's; a wrong answer costs the index.
bool LacksBlindIndex(PlannerInfo* root, Node* node) {
  node = StripRelabel(node);
  if (root == nullptr || !IsA(node, Var)) return true;
  auto* column = reinterpret_cast<Var*>(node);
  if (column->varlevelsup != 0 || column->varno < 1 || column->varno > list_length(root->parse->rtable))
    return false;
  RangeTblEntry* entry = rt_fetch(column->varno, root->parse->rtable);
  if (entry->rtekind != RTE_RELATION || entry->inh || column->varattno <= 0) return false;
  if (get_atttype(entry->relid, column->varattno) != column->vartype) return false;
  return !HasBlindIndex(entry->relid, column->varattno, false);
}

Datum AnswerSimplify(const SupportRequestSimplify* request) {
  FuncExpr* call = request->fcall;
  bool restore = LacksBlindIndex(request->root, static_cast<Node*>(linitial(call->args)));
  return PointerGetDatum(restore ? AsEqualsAny(call) : nullptr);
}

Datum AnswerSelectivity(SupportRequestSelectivity* request) {
  FuncExpr call = {};
  call.xpr.type = T_FuncExpr;
  call.funcid = request->funcid;
  call.args = request->args;
  request->selectivity = scalararraysel(request->root, AsEqualsAny(&call), request->is_join,
                                        request->varRelid, request->jointype, request->sjinfo);
  return PointerGetDatum(request);
}

// Statistics.

/// The statistics of the column that `attribute` of an index is made of: ANALYZE counts distinct values
/// there, and evaluates no index expression, because that could fail for want of a key. Null when it has
/// none.
HeapTuple SourceStatistics(Oid index_oid, AttrNumber attribute) {
  Relation index = index_open(index_oid, NoLock);
  Oid table = index->rd_index->indrelid;
  AttrNumber column = index->rd_index->indkey.values[attribute - 1];
  Transform transform = Transform::kExact;
  if (column == 0) column = SourceColumn(KeyExpression(index, attribute - 1), &transform);
  index_close(index, NoLock);
  if (column <= 0) return nullptr;
  HeapTuple row =
      SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(table), Int16GetDatum(column), BoolGetDatum(false));
  if (!HeapTupleIsValid(row)) return nullptr;
  HeapTuple copy = heap_copytuple(row);
  ReleaseSysCache(row);
  // A part of a value takes few forms, however many values there are.
  auto* form = reinterpret_cast<Form_pg_statistic>(GETSTRUCT(copy));
  if (transform != Transform::kExact) form->stadistinct = static_cast<float4>(ResultSpace(transform));
  return copy;
}

bool GetIndexStatistics(PlannerInfo* root, Oid index_oid, AttrNumber attribute, VariableStatData* data) {
  if (next_index_stats != nullptr && next_index_stats(root, index_oid, attribute, data)) return true;
  HeapTuple row = SourceStatistics(index_oid, attribute);
  if (!HeapTupleIsValid(row)) return false;
  data->statsTuple = row;
  data->freefunc = heap_freetuple;
  data->acl_ok = true;  // there are no values in them
  return true;
}

}  // namespace

void InstallPlannerSupport() {
  next_relation_info = get_relation_info_hook;
  get_relation_info_hook = AddAliases;
  next_pathlist = set_rel_pathlist_hook;
  set_rel_pathlist_hook = FinishTable;
  next_index_stats = get_index_stats_hook;
  get_index_stats_hook = GetIndexStatistics;
}

}  // namespace pii

PII_FUNCTION(pii_text_eq_support) {
  Node* request = reinterpret_cast<Node*>(PG_GETARG_POINTER(0));
  if (!IsA(request, SupportRequestIndexCondition)) PG_RETURN_POINTER(nullptr);
  return pii::AnswerIndexCondition(reinterpret_cast<SupportRequestIndexCondition*>(request));
}

PII_FUNCTION(pii_text_eq_any_support) {
  Node* request = reinterpret_cast<Node*>(PG_GETARG_POINTER(0));
  if (IsA(request, SupportRequestIndexCondition))
    return pii::AnswerIndexCondition(reinterpret_cast<SupportRequestIndexCondition*>(request));
  if (IsA(request, SupportRequestSimplify))
    return pii::AnswerSimplify(reinterpret_cast<SupportRequestSimplify*>(request));
  if (IsA(request, SupportRequestSelectivity))
    return pii::AnswerSelectivity(reinterpret_cast<SupportRequestSelectivity*>(request));
  PG_RETURN_POINTER(nullptr);
}

/// Selectivity of pii_blind_index = x. PostgreSQL takes an array that it does not know for ten elements; here
/// it is the terms of one value, one for each key version, of which a row has one.
PII_FUNCTION(pii_blind_index_eqsel) {
  Datum selectivity = DirectFunctionCall4(eqsel, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2),
                                          PG_GETARG_DATUM(3));
  Node* other = static_cast<Node*>(lsecond(reinterpret_cast<List*>(PG_GETARG_POINTER(2))));
  if (!IsA(other, CaseTestExpr)) return selectivity;
  constexpr double kAssumedElements = 10;  // scalararraysel()
  PG_RETURN_FLOAT8(DatumGetFloat8(selectivity) / kAssumedElements);
}

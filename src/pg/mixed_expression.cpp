#include "mixed_expression.h"

#include "adopted_column.h"
#include "attribute_rules.h"
#include "index_expression.h"
#include "mixed_parameter.h"
#include "mixed_plan.h"
#include "own_function.h"
#include "pg.h"
#include "type_modifier.h"

namespace pii {
namespace {

/// The parser gives this form to functions of pg_catalog alone.
constexpr CoercionForm kPlannedCall = COERCE_SQL_SYNTAX;

// ------------------------------------------------------------------------------------------------------------
// What is looked for

/// The attribute number of what a Var stands for; 0 when it is no column of the scanned table.
AttrNumber ColumnOf(const Place& place, const Var* var) {
  if (static_cast<Index>(var->varno) == place.table_index) return var->varattno;
  if (var->varno != INDEX_VAR || place.index_columns == NIL) return InvalidAttrNumber;
  auto* entry = static_cast<TargetEntry*>(list_nth(place.index_columns, var->varattno - 1));
  return IsA(entry->expr, Var) ? reinterpret_cast<Var*>(entry->expr)->varattno : InvalidAttrNumber;
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

Oid OperatorFunction(const OpExpr* node) {
  return OidIsValid(node->opfuncid) ? node->opfuncid : get_opcode(node->opno);
}

}  // namespace

bool IsSealedType(Oid type) { return type >= FirstNormalObjectId && IsOwnType(type, "pii_text_in"); }

Node* ArgumentOf(Node* call) {
  return StripRelabel(static_cast<Node*>(linitial(reinterpret_cast<FuncExpr*>(call)->args)));
}

Oid FunctionOf(Node* node) {
  if (IsA(node, FuncExpr)) return reinterpret_cast<FuncExpr*>(node)->funcid;
  if (IsA(node, OpExpr) || IsA(node, DistinctExpr) || IsA(node, NullIfExpr))
    return OperatorFunction(reinterpret_cast<OpExpr*>(node));
  if (IsA(node, ScalarArrayOpExpr)) return get_opcode(reinterpret_cast<ScalarArrayOpExpr*>(node)->opno);
  if (IsA(node, Aggref)) return reinterpret_cast<Aggref*>(node)->aggfnoid;
  return IsA(node, WindowFunc) ? reinterpret_cast<WindowFunc*>(node)->winfnoid : InvalidOid;
}

bool AsksForState(Node* node) { return CallsOneOf(node, {"pii_is_sealed", "pii_key_version"}); }

namespace {

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
  bool is_record = var->vartype == RECORDOID;  // of a transition table
  if (!is_record && get_typ_typrelid(var->vartype) != place.table) return nullptr;
  Relation table = table_open(place.table, NoLock);
  TupleDesc columns = RelationGetDescr(table);
  List* values = NIL;
  List* names = NIL;
  bool is_adopted = false;
  for (AttrNumber number = 1; number <= columns->natts; ++number) {
    Form_pg_attribute attribute = TupleDescAttr(columns, number - 1);
    if (is_record && attribute->attisdropped) continue;
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

/// Is the column that a Var stands for one whose plaintext is of class text? Then its attribute is given,
/// too.
bool IsClasslessVar(const Place& place, const Var* var, AttrNumber* attribute) {
  AttrNumber number = ColumnOf(place, var);
  return number > 0 && IsSealedType(var->vartype) && IsClassless(place, var, number, attribute);
}

/// Is it a question about a column that is answered by what is stored?
bool AsksAboutStored(const Place& place, Node* node) {
  if (IsA(node, NullTest)) return IsA(reinterpret_cast<NullTest*>(node)->arg, Var);
  if (!IsA(node, FuncExpr) || reinterpret_cast<FuncExpr*>(node)->args == NIL || !IsA(ArgumentOf(node), Var))
    return false;
  if (AsksForState(node)) return true;
  auto* var = reinterpret_cast<Var*>(ArgumentOf(node));
  AttrNumber attribute;
  if (IsClasslessVar(place, var, &attribute))
    return CallsOneOf(node, {"pii_rewrap"}) || (attribute == 0 && CallsOneOf(node, {"pii_blind_index"}));
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
  AttrNumber attribute;
  bool stays = IsA(value, Var) && !IsPadded(place, var) && !IsClasslessVar(place, var, &attribute);
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
  bool goes_on = place.is_compared && (IsA(node, RelabelType) || IsA(node, List));
  bool takes_stored = place.is_condition && Compares(node);
  // A hash, too, takes SEARCH on the class of the attribute, and is that of class text, as in an index.
  inner.is_compared = goes_on || takes_stored || CallsOneOf(node, {"pii_blind_index"});
  return MutateExpression(node, takes_stored ? SealArguments : Seal, &inner);
}

}  // namespace

Node* SealExpression(const Place& place, Node* expression) {
  Place copy = place;
  return Seal(expression, &copy);
}

List* SealExpressions(const Place& place, List* expressions) {
  return reinterpret_cast<List*>(SealExpression(place, reinterpret_cast<Node*>(expressions)));
}

bool CallsOwn(Node* node) { return AsksForState(node) || TakesClass(node) || Compares(node); }

bool IsPlannedCall(FunctionCallInfoBaseData* fcinfo) {
  Node* call = fcinfo->flinfo->fn_expr;
  return call != nullptr && IsA(call, FuncExpr) &&
         reinterpret_cast<FuncExpr*>(call)->funcformat == kPlannedCall;
}

}  // namespace pii

// What functions in PL/pgSQL hand to their statements. A trigger gets rows as they are stored, and an audit
// trigger would keep **** for ever.

#include "mixed_parameter.h"

#include "adopted_column.h"
#include "attribute_rules.h"
#include "index_expression.h"
#include "mixed_expression.h"
#include "own_function.h"
#include "pg.h"
#include "type_modifier.h"
#include "values.h"

namespace pii {
namespace {

/// A plan for the values at hand has constants in place of parameters.
bool IsGiven(Node* node) {
  if (IsA(node, Param)) return reinterpret_cast<Param*>(node)->paramkind == PARAM_EXTERN;
  return IsA(node, Const) && !reinterpret_cast<Const*>(node)->constisnull;
}

/// The class is the type modifier; without one, the value came out of a function, and is sealed.
bool MayBePlaintext(Node* node) {
  if (!IsSealedType(exprType(node)) || DeclaredModifier(node) < 0) return false;
  if (IsA(node, Param)) return true;
  Datum value = reinterpret_cast<Const*>(node)->constvalue;
  return !IsSealed(StoredBytes(PG_DETOAST_DATUM_PACKED(value)));
}

/// The table whose rows are of this type; 0 when none of its columns is adopted.
Oid AdoptedTableOf(Oid type) {
  if (type < FirstNormalObjectId || get_typtype(type) != TYPTYPE_COMPOSITE) return InvalidOid;
  Oid table = get_typ_typrelid(type);
  return HasAdopted(table) ? table : InvalidOid;
}

Node* SealField(Node* row, Oid table, Form_pg_attribute attribute) {
  if (attribute->attisdropped) return reinterpret_cast<Node*>(makeNullConst(INT4OID, -1, InvalidOid));
  FieldSelect* field = makeNode(FieldSelect);
  field->arg = reinterpret_cast<Expr*>(copyObjectImpl(row));
  field->fieldnum = attribute->attnum;
  field->resulttype = attribute->atttypid;
  field->resulttypmod = attribute->atttypmod;
  field->resultcollid = attribute->attcollation;
  auto* value = reinterpret_cast<Node*>(field);
  AdoptedColumn column = FindAdopted(table, attribute->attnum);
  if (!IsSealedType(attribute->atttypid) || !MayShowPlaintext(column)) return value;
  int32 class_id = DeclaredModifier(value);
  // Plaintext of an attribute table may be of any class.
  bool is_of_attributes = class_id < 0 && FindAttributeColumnsAt(table, attribute->attnum).value != 0;
  return is_of_attributes ? value : SealedForm(value, Max(class_id, 0), column.is_padded);
}

Node* SealRow(Node* given, Oid table_oid) {
  Relation table = table_open(table_oid, AccessShareLock);
  RowExpr* row = makeNode(RowExpr);
  row->row_typeid = exprType(given);
  row->row_format = COERCE_IMPLICIT_CAST;
  row->location = -1;
  for (int i = 0; i < RelationGetDescr(table)->natts; ++i) {
    Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(table), i);
    row->args = lappend(row->args, SealField(given, table_oid, attribute));
    row->colnames = lappend(row->colnames, makeString(pstrdup(NameStr(attribute->attname))));
  }
  table_close(table, NoLock);
  return reinterpret_cast<Node*>(row);
}

/// Questions about the form of a value are answered for what it is. And before planning it was sealed.
bool TakesAsIs(Node* node) {
  return AsksForState(node) || (IsA(node, FuncExpr) &&
                                IsOwnFunction(reinterpret_cast<FuncExpr*>(node)->funcid, "pii_seal_adopted"));
}

Node* Seal(Node* node, void* context) {
  if (node == nullptr || TakesAsIs(node)) return node;
  if (!IsGiven(node)) return MutateExpression(node, Seal, context);
  if (MayBePlaintext(node)) return SealedForm(node, DeclaredModifier(node), false);
  Oid table = AdoptedTableOf(exprType(node));
  return OidIsValid(table) ? SealRow(node, table) : node;
}

bool FindGiven(Node* node, void*) {
  if (node == nullptr || TakesAsIs(node)) return false;
  if (!IsGiven(node)) return WalkExpression(node, FindGiven, nullptr);
  return MayBePlaintext(node) || OidIsValid(AdoptedTableOf(exprType(node)));
}

List* SealList(List* expressions) {
  auto* node = reinterpret_cast<Node*>(expressions);
  return FindGiven(node, nullptr) ? reinterpret_cast<List*>(Seal(node, nullptr)) : expressions;
}

/// The results of a query, and what is below it.
bool SealQuery(Node* node, void*) {
  if (node == nullptr) return false;
  if (!IsA(node, Query)) return WalkExpression(node, SealQuery, nullptr);
  auto* query = reinterpret_cast<Query*>(node);
  query->targetList = SealList(query->targetList);
  query->returningList = SealList(query->returningList);
  if (FindGiven(query->havingQual, nullptr)) query->havingQual = Seal(query->havingQual, nullptr);
  if (query->onConflict != nullptr)
    query->onConflict->onConflictSet = SealList(query->onConflict->onConflictSet);
  ListCell* cell;
  foreach (cell, query->mergeActionList) {
    auto* action = static_cast<MergeAction*>(lfirst(cell));
    action->targetList = SealList(action->targetList);
  }
  foreach (cell, query->rtable) {
    auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
    entry->values_lists = SealList(entry->values_lists);
    entry->functions = SealList(entry->functions);
  }
  return WalkQuery(query, SealQuery);
}

}  // namespace

void SealWhatIsGiven(Query* query) { SealQuery(reinterpret_cast<Node*>(query), nullptr); }

Node* SealedForm(Node* value, int class_id, bool is_padded) {
  Oid type = exprType(value);
  Oid base = getBaseType(type);
  HeapTuple row = SearchSysCache1(TYPEOID, ObjectIdGetDatum(base));
  if (!HeapTupleIsValid(row)) elog(ERROR, "cache lookup failed for type %u", base);
  Oid schema = reinterpret_cast<Form_pg_type>(GETSTRUCT(row))->typnamespace;
  ReleaseSysCache(row);
  auto number = [](Oid of, Datum datum) {
    return makeConst(of, -1, InvalidOid, of == BOOLOID ? 1 : 4, datum, false, true);
  };
  auto relabelled = [](Node* of, Oid as, int32 modifier) {
    return reinterpret_cast<Node*>(
        makeRelabelType(reinterpret_cast<Expr*>(of), as, modifier, InvalidOid, COERCE_IMPLICIT_CAST));
  };
  Node* argument = type == base ? value : relabelled(value, base, class_id);
  List* arguments = list_make3(argument, number(INT4OID, Int32GetDatum(class_id)),
                               number(BOOLOID, BoolGetDatum(is_padded)));
  Oid function = FindFunction(schema, "pii_seal_adopted", {base, INT4OID, BOOLOID});
  // By its form it is a length coercion, so that its type modifier is known.
  auto* call = reinterpret_cast<Node*>(
      makeFuncExpr(function, base, arguments, InvalidOid, InvalidOid, COERCE_EXPLICIT_CAST));
  return type == base ? call : relabelled(call, type, -1);
}

void SealWhatIsGiven(Plan* node) {
  node->targetlist = SealList(node->targetlist);
  if (!IsA(node, ValuesScan)) return;
  auto* values = reinterpret_cast<ValuesScan*>(node);
  values->values_lists = SealList(values->values_lists);
}

}  // namespace pii

#include "index_guard.h"

#include "index_expression.h"
#include "pg.h"

namespace pii {
namespace {

/// The key of a guard in the place of a blind index.
const char* PinnedKey(Relation table, Node* expression, Transform transform, uint16_t version) {
  Oid function = reinterpret_cast<FuncExpr*>(expression)->funcid;
  Node* column = StripRelabel(static_cast<Node*>(linitial(reinterpret_cast<FuncExpr*>(expression)->args)));
  const char* name = get_attname(RelationGetRelid(table), reinterpret_cast<Var*>(column)->varattno, false);
  return psprintf(
      "%s(%s, '%s', %u)",
      quote_qualified_identifier(get_namespace_name(get_func_namespace(function)), get_func_name(function)),
      quote_identifier(name), TransformName(transform).data(), version);
}

/// What of a key's collation and operator class is not the default.
const char* KeyOptions(Relation index, int key) {
  StringInfoData options;
  initStringInfo(&options);
  AttrNumber attribute = index->rd_index->indkey.values[key];
  Oid collation = index->rd_indcollation[key];
  Oid type;
  int32 modifier;
  Oid of_column = InvalidOid;
  if (attribute > 0)
    get_atttypetypmodcoll(index->rd_index->indrelid, attribute, &type, &modifier, &of_column);
  if (OidIsValid(collation) && collation != of_column)
    appendStringInfo(&options, " COLLATE %s", generate_collation_name(collation));
  bool is_null;
  Datum classes = SysCacheGetAttr(INDEXRELID, index->rd_indextuple, Anum_pg_index_indclass, &is_null);
  Oid used = reinterpret_cast<oidvector*>(DatumGetPointer(classes))->values[key];
  if (used != GetDefaultOpClass(index->rd_opcintype[key], index->rd_rel->relam)) {
    HeapTuple row = SearchSysCache1(CLAOID, ObjectIdGetDatum(used));
    if (!HeapTupleIsValid(row)) elog(ERROR, "cache lookup failed for operator class %u", used);
    Oid schema = reinterpret_cast<Form_pg_opclass>(GETSTRUCT(row))->opcnamespace;
    char* name = pstrdup(NameStr(reinterpret_cast<Form_pg_opclass>(GETSTRUCT(row))->opcname));
    ReleaseSysCache(row);
    appendStringInfo(&options, " %s", quote_qualified_identifier(get_namespace_name(schema), name));
  }
  return options.data;
}

const char* PredicateOf(Relation index) {
  bool is_null;
  Datum predicate = SysCacheGetAttr(INDEXRELID, index->rd_indextuple, Anum_pg_index_indpred, &is_null);
  if (is_null) return "";
  Datum source = DirectFunctionCall2(pg_get_expr, predicate, ObjectIdGetDatum(index->rd_index->indrelid));
  return psprintf(" WHERE %s", TextDatumGetCString(source));
}

}  // namespace

const char* GuardStatement(uint32_t index_oid, uint16_t version) {
  Relation index = index_open(index_oid, AccessShareLock);
  Relation table = table_open(index->rd_index->indrelid, AccessShareLock);
  StringInfoData keys;
  initStringInfo(&keys);
  for (int i = 0; i < index->rd_index->indnkeyatts; ++i) {
    Node* expression = KeyExpression(index, i);
    if (expression == nullptr) expression = GenerationExpression(table, index->rd_index->indkey.values[i]);
    Transform transform;
    bool is_blind_index = SourceColumn(expression, &transform) > 0;
    Datum other = DirectFunctionCall3(pg_get_indexdef_ext, ObjectIdGetDatum(RelationGetRelid(index)),
                                      Int32GetDatum(i + 1), BoolGetDatum(false));
    appendStringInfo(
        &keys, "%s%s%s", i > 0 ? ", " : "",
        is_blind_index ? PinnedKey(table, expression, transform, version) : TextDatumGetCString(other),
        KeyOptions(index, i));
  }
  const char* name = makeObjectName(RelationGetRelationName(index), nullptr, psprintf("v%u", version));
  // PostgreSQL builds no index of a partitioned table concurrently.
  const char* how = table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ? "" : " CONCURRENTLY";
  const char* table_name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)),
                                                      RelationGetRelationName(table));
  const char* statement =
      psprintf("CREATE UNIQUE INDEX%s %s ON %s (%s)%s%s", how, quote_identifier(name), table_name, keys.data,
               index->rd_index->indnullsnotdistinct ? " NULLS NOT DISTINCT" : "", PredicateOf(index));
  table_close(table, NoLock);
  index_close(index, NoLock);
  return statement;
}

}  // namespace pii

#include "sealed_column.h"

#include "own_function.h"
#include "pg.h"

namespace pii {

int16_t RequireSealedColumn(uint32_t table, const char* column) {
  const char* name = get_rel_name(table);
  if (name == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", table)));
  }
  if (get_rel_relkind(table) == RELKIND_VIEW) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a table", name),
                    errhint("Ask about the table behind the view.")));
  }
  AttrNumber number = get_attnum(table, column);
  if (number <= 0) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%s\" of relation \"%s\" does not exist", column, name)));
  }
  if (!IsOwnType(get_atttype(table, number), "pii_text_in")) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("column \"%s\" of relation \"%s\" is not of type pii_text", column, name)));
  }
  return number;
}

const char* ExtensionSchema(uint32_t table, const char* column) {
  Oid type = getBaseType(get_atttype(table, get_attnum(table, column)));
  HeapTuple row = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
  if (!HeapTupleIsValid(row)) elog(ERROR, "cache lookup failed for type %u", type);
  Oid schema = reinterpret_cast<Form_pg_type>(GETSTRUCT(row))->typnamespace;
  ReleaseSysCache(row);
  return quote_identifier(get_namespace_name(schema));
}

}  // namespace pii

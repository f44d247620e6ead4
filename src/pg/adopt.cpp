// CALL pii_adopt(): a column of plaintext becomes pii_text, and its rows stay where they are.

#include "column_conversion.h"
#include "own_function.h"
#include "pg.h"
#include "shared_keys.h"
#include "type_modifier.h"

namespace pii {
namespace {

/// The class of a column, kNoClass for none. False when it is not of type pii_text.
bool ReadClass(uint32_t table, const char* column, int32* class_id) {
  AttrNumber attribute = get_attnum(table, column);
  if (attribute <= 0) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%s\" of relation \"%s\" does not exist", column, get_rel_name(table))));
  }
  Oid type;
  Oid collation;
  get_atttypetypmodcoll(table, attribute, &type, class_id, &collation);
  return getBaseTypeAndTypmod(type, class_id) != InvalidOid && IsOwnType(type, "pii_text_in");
}

/// False when there is nothing left to do.
bool IsToBeAdopted(const Conversion& conversion, const ConvertedColumn& column, int32 wanted) {
  int32 class_id;
  if (!ReadClass(column.table, column.name, &class_id)) return true;
  if (class_id == wanted) return false;
  ereport(
      ERROR,
      (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
       errmsg("column \"%s\" of relation \"%s\" is sealed as another class", column.name,
              get_rel_name(column.table)),
       errhint("ALTER TABLE %s ALTER COLUMN %s TYPE %s.pii_text(...) seals its values again, and rewrites "
               "the table.",
               TableName(column.table), quote_identifier(column.name), conversion.schema)));
}

const char* SealedType(const Conversion& conversion) {
  if (conversion.pii_class == nullptr) return psprintf("%s.pii_text", conversion.schema);
  return psprintf("%s.pii_text(%s)", conversion.schema, quote_identifier(conversion.pii_class));
}

void Adopt(const Conversion& conversion, const ConvertedColumn& column, void* context) {
  if (!IsToBeAdopted(conversion, column, *static_cast<int32*>(context))) return;
  const char* name = quote_identifier(column.name);
  const char* type = SealedType(conversion);
  bool is_character =
      getBaseType(get_atttype(column.table, get_attnum(column.table, column.name))) == BPCHAROID;
  const char* bridge = conversion.rewrite
                           ? psprintf("%s::pg_catalog.text::%s", name, type)
                           : psprintf("%s::pg_catalog.%s::%s.pii_unsealed::%s.pii_text", name,
                                      is_character ? "bpchar" : "text", conversion.schema, conversion.schema);
  // Dates, whatever the caller's style is. It ends with the subtransaction.
  set_config_option("datestyle", "ISO", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
  Execute(psprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s", TableName(column.table), name, type,
                   bridge));
}

void AdoptAll(const Conversion& conversion, List* columns, void* context) {
  ConvertColumns(conversion, columns, Adopt, context);
}

void TellNext(const Conversion& conversion, const ConvertedColumn& column) {
  const char* table = quote_literal_cstr(TableName(column.table));
  const char* name = quote_literal_cstr(column.name);
  const char* index = psprintf("for search: CREATE INDEX CONCURRENTLY ON %s (%s.pii_blind_index(%s)).",
                               TableName(column.table), conversion.schema, quote_identifier(column.name));
  ereport(NOTICE,
          (errmsg("column \"%s\" of relation \"%s\" is of type pii_text", column.name,
                  get_rel_name(column.table)),
           conversion.rewrite
               ? errhint("All of it is sealed. What is left to do, %s", index)
               : errhint("When pii.write_mode is sealed everywhere: CALL %s.pii_seal_column(%s, %s); %s",
                         conversion.schema, table, name, index)));
}

void AdoptColumn(Conversion conversion, int32 class_id) {
  RequireOwnedTable(conversion.table);
  if (!IsToBeAdopted(conversion, {conversion.table, conversion.column}, class_id)) {
    ereport(NOTICE, (errmsg("column \"%s\" of relation \"%s\" is of this class already", conversion.column,
                            get_rel_name(conversion.table)),
                     errhint("SELECT * FROM %s.pii_column_status(%s, %s) shows what is left to seal.",
                             conversion.schema, quote_literal_cstr(TableName(conversion.table)),
                             quote_literal_cstr(conversion.column))));
    return;
  }
  CurrentProtector();  // without keys the column could not be written
  conversion.dependents = FindDependents(conversion);
  List* columns = FindColumns(conversion);
  RequireNoObstacles(conversion, FindObstacles(conversion));
  ConvertUnderLock(conversion, columns, AdoptAll, &class_id);
  ListCell* cell;
  foreach (cell, columns) TellNext(conversion, *static_cast<ConvertedColumn*>(lfirst(cell)));
}

}  // namespace
}  // namespace pii

/// pii_adopt(regclass, name, text, boolean, boolean, interval, integer)
PII_FUNCTION(pii_adopt) {
  pii::RequireProcedure(fcinfo, "pii_adopt");
  SPI_connect_ext(SPI_OPT_NONATOMIC);  // what is palloc'ed from here on outlives the transactions
  pii::Conversion conversion = pii::ReadConversion(fcinfo, 3);
  conversion.type_schema = conversion.schema;
  conversion.pii_class = PG_ARGISNULL(2) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(2));
  int32 class_id =
      conversion.pii_class == nullptr ? pii::kNoClass : pii::RequireClassByName(conversion.pii_class);
  pii::AdoptColumn(conversion, class_id);
  SPI_finish();
  PG_RETURN_VOID();
}

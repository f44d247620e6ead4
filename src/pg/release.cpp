// CALL pii_release(): the end of the way back. A column of pii_text that holds nothing but plaintext becomes
// text, and its rows stay where they are.

#include "adopted_column.h"
#include "alter_column.h"
#include "column_conversion.h"
#include "pg.h"
#include "privileges.h"
#include "sealed_column.h"

namespace pii {
namespace {

/// The type that a column is to have.
struct PlainType {
  const char* name;  ///< for statements
  const char* cast;  ///< without a length: a cast to that would cut values, where ALTER TABLE refuses them
  const char* shown;
  const char* schema;  ///< quoted
  bool is_relabel;     ///< text as it is stored is a value of it
};

/// A length, a constraint or another representation would have to be looked at row by row.
bool IsRelabel(Oid type, int32 modifier) {
  Oid base = getBaseTypeAndTypmod(type, &modifier);
  if (modifier >= 0 || base == BPCHAROID || (type != base && DomainHasConstraints(type))) return false;
  Oid function;
  return base == TEXTOID ||
         find_coercion_pathway(base, TEXTOID, COERCION_EXPLICIT, &function) == COERCION_PATH_RELABELTYPE;
}

Oid NamespaceOf(Oid type) {
  HeapTuple row = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
  if (!HeapTupleIsValid(row)) elog(ERROR, "cache lookup failed for type %u", type);
  Oid schema = reinterpret_cast<Form_pg_type>(GETSTRUCT(row))->typnamespace;
  ReleaseSysCache(row);
  return schema;
}

PlainType ReadType(const char* name) {
  Oid type;
  int32 modifier;
  ParseType(name, &type, &modifier);
  constexpr bits16 kFlags = FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY;
  return {format_type_extended(type, modifier, kFlags), format_type_extended(getBaseType(type), -1, kFlags),
          format_type_with_typemod(type, modifier),
          quote_identifier(get_namespace_name(NamespaceOf(getBaseType(type)))), IsRelabel(type, modifier)};
}

/// Holds what a column of plaintext holds, while it is proved that it does.
const char* CheckName(const ConvertedColumn& column) {
  return psprintf("pii_release_%d", get_attnum(column.table, column.name));
}

void RequireNothingSealed(const Conversion& conversion, const ConvertedColumn& column) {
  int64_t sealed = Count(psprintf("SELECT pg_catalog.count(*) FROM %s WHERE %s.pii_is_sealed(%s)",
                                  TableName(column.table), conversion.schema, quote_identifier(column.name)));
  if (sealed == 0) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("%lld values of column \"%s\" of relation \"%s\" are sealed",
                         static_cast<long long>(sealed), column.name, get_rel_name(column.table)),
                  errhint("CALL %s.pii_unseal_column(%s, %s) first.", conversion.schema,
                          quote_literal_cstr(TableName(column.table)), quote_literal_cstr(column.name))));
}

void RequireMayReveal(const ConvertedColumn& column) {
  RequireOwnedTable(column.table);
  AttrNumber attribute = RequireSealedColumn(column.table, column.name);
  Oid type;
  int32 class_id;
  Oid collation;
  get_atttypetypmodcoll(column.table, attribute, &type, &class_id, &collation);
  getBaseTypeAndTypmod(type, &class_id);
  RequireReveal(class_id);
}

void DropCheck(const ConvertedColumn& column) {
  if (!OidIsValid(get_relation_constraint_oid(column.table, CheckName(column), true))) return;
  Execute(psprintf("ALTER TABLE %s DROP CONSTRAINT %s", TableName(column.table), CheckName(column)));
}

void AddCheck(const Conversion& conversion, List* columns, void*) {
  ListCell* cell;
  foreach (cell, columns) {
    auto* column = static_cast<ConvertedColumn*>(lfirst(cell));
    DropCheck(*column);  // of a call that failed
    Execute(psprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (NOT %s.pii_is_sealed(%s)) NOT VALID",
                     TableName(column->table), CheckName(*column), conversion.schema,
                     quote_identifier(column->name)));
  }
}

/// Others read and write meanwhile.
void ProveCheck(List* columns) {
  ListCell* cell;
  foreach (cell, columns) {
    auto* column = static_cast<ConvertedColumn*>(lfirst(cell));
    Execute(psprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", TableName(column->table), CheckName(*column)));
    SPI_commit();
  }
}

/// Somebody may have dropped it, or made another one of that name.
void RequireProof(const Conversion& conversion, const ConvertedColumn& column) {
  const char* proofs = psprintf(
      "SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint WHERE conrelid = %u AND convalidated AND "
      "conname = %s AND pg_catalog.replace(pg_catalog.pg_get_constraintdef(oid), %s, '') = %s",
      column.table, quote_literal_cstr(CheckName(column)),
      quote_literal_cstr(psprintf("%s.", conversion.schema)),
      quote_literal_cstr(psprintf("CHECK ((NOT pii_is_sealed(%s)))", quote_identifier(column.name))));
  if (Count(proofs) == 1) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("the check that column \"%s\" of relation \"%s\" holds plaintext is gone",
                         column.name, get_rel_name(column.table)),
                  errhint("Call again.")));
}

void Release(const Conversion& conversion, const ConvertedColumn& column, void* context) {
  auto* type = static_cast<PlainType*>(context);
  RequireMayReveal(column);
  const char* name = quote_identifier(column.name);
  const char* alter =
      psprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s.pii_reveal(%s)::%s", TableName(column.table),
               name, type->name, conversion.schema, name, type->cast);
  if (!conversion.rewrite) BeginRelease(column.table, column.name);
  Execute(alter);
  EndRelease();
  ForgetAdopted(column.table, column.name);
}

void ReleaseAll(const Conversion& conversion, List* columns, void* context) {
  ListCell* cell;
  foreach (cell, columns) {
    auto* column = static_cast<ConvertedColumn*>(lfirst(cell));
    if (!conversion.rewrite) RequireProof(conversion, *column);
    DropCheck(*column);
  }
  ConvertColumns(conversion, columns, Release, context);
}

void ReleaseColumn(Conversion conversion, PlainType type) {
  RequireOwnedTable(conversion.table);
  RequireSealedColumn(conversion.table, conversion.column);
  if (!type.is_relabel && !conversion.rewrite) {
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("type %s would have the table rewritten or read under its lock", type.shown),
             errhint("Release it as text and change that to %s later, or say rewrite => true.", type.shown)));
  }
  conversion.type_schema = type.schema;
  conversion.dependents = FindDependents(conversion);
  List* columns = FindColumns(conversion);
  ListCell* cell;
  foreach (cell, columns) RequireMayReveal(*static_cast<ConvertedColumn*>(lfirst(cell)));
  RequireNoObstacles(conversion, FindObstacles(conversion));
  if (!conversion.rewrite) {
    foreach (cell, columns) RequireNothingSealed(conversion, *static_cast<ConvertedColumn*>(lfirst(cell)));
    ConvertUnderLock(conversion, columns, AddCheck, nullptr);
    ProveCheck(columns);
  }
  ConvertUnderLock(conversion, columns, ReleaseAll, &type);
  foreach (cell, columns) {
    auto* column = static_cast<ConvertedColumn*>(lfirst(cell));
    ereport(NOTICE, (errmsg("column \"%s\" of relation \"%s\" is of type %s", column->name,
                            get_rel_name(column->table), type.shown)));
  }
}

}  // namespace
}  // namespace pii

/// pii_release(regclass, name, text, boolean, boolean, interval, integer)
PII_FUNCTION(pii_release) {
  pii::RequireProcedure(fcinfo, "pii_release");
  SPI_connect_ext(SPI_OPT_NONATOMIC);  // what is palloc'ed from here on outlives the transactions
  pii::Conversion conversion = pii::ReadConversion(fcinfo, 3);
  if (PG_ARGISNULL(2)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("type must not be null"),
                    errhint("Leave it out for text.")));
  }
  pii::ReleaseColumn(conversion, pii::ReadType(text_to_cstring(PG_GETARG_TEXT_PP(2))));
  SPI_finish();
  PG_RETURN_VOID();
}

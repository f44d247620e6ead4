// pii_verify_column(): is what a column holds what was sealed?

#include "attribute_rules.h"
#include "mixed_plan.h"
#include "pg.h"
#include "report.h"
#include "sealed_column.h"
#include "shared_keys.h"
#include "type_modifier.h"
#include "values.h"

namespace pii {
namespace {

/// Rows named one by one; the rest is only counted.
constexpr int64 kNamedRows = 20;
constexpr long kRowsPerFetch = 1000;
/// Rows between two reports of progress.
constexpr int64 kRowsPerNotice = 1000000;

struct Counts {
  int64 verified;
  int64 unsealed;
  int64 no_key;
  int64 damaged;
};

/// Says which row it is, by table and ctid: the value names nothing.
void NameRow(Datum table, Datum ctid, const char* what, uint16_t key_version) {
  const char* row = DatumGetCString(DirectFunctionCall1(tidout, ctid));
  const char* name = DatumGetCString(DirectFunctionCall1(regclassout, table));
  ereport(WARNING, (errmsg("%s, table %s, ctid %s", what, name, row),
                    key_version != 0 ? errdetail("Its key version is %u.", key_version) : 0));
}

/// Is a value plaintext for good? That of an attribute is, which no rule declares.
bool IsPlainForGood(Oid table, HeapTuple row, TupleDesc descriptor) {
  if (FindAttributeColumns(table).value == 0) return false;
  bool is_null;
  Datum attribute = SPI_getbinval(row, descriptor, 4, &is_null);
  return is_null || ClassOfAttribute(table, SPI_gettypeid(descriptor, 4), attribute) == kNoClass;
}

void VerifyRow(Datum table, Datum ctid, Datum value, uint16_t declared_class, bool is_plain, Counts* counts) {
  int64 found = counts->unsealed + counts->no_key + counts->damaged;
  bool is_named = found < kNamedRows;
  PlainValue opened;
  Status status = TryOpenValue(value, declared_class, &opened);
  CloseValue(&opened);
  switch (status) {
    case Status::kOk:
      if (opened.key_version != 0) {
        ++counts->verified;
      } else if (!is_plain) {
        ++counts->unsealed;
        if (is_named) NameRow(table, ctid, "plaintext that is not sealed yet", 0);
      }
      break;
    case Status::kUnknownKeyVersion:
    case Status::kKeyDisabled:
    case Status::kKeyDestroyed:
    case Status::kUnknownClass:
    case Status::kContextRequired:
      ++counts->no_key;
      if (is_named) NameRow(table, ctid, "sealed value whose key is not there", opened.key_version);
      break;
    case Status::kSelfTestFailed:
    case Status::kCryptoFailed:
    case Status::kOutOfMemory:
      ReportStatus(status, Origin::kStored, opened.class_id, opened.key_version);
    default:
      ++counts->damaged;
      if (is_named) NameRow(table, ctid, "damaged or forged value", opened.key_version);
  }
}

void VerifyRows(Portal portal, uint16_t declared_class, Counts* counts) {
  int64 rows = 0;
  MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "pii verify", ALLOCSET_DEFAULT_SIZES);
  for (;;) {
    SPI_cursor_fetch(portal, true, kRowsPerFetch);
    if (SPI_processed == 0) break;
    MemoryContext outer = MemoryContextSwitchTo(batch);
    for (uint64 i = 0; i < SPI_processed; ++i) {
      CHECK_FOR_INTERRUPTS();
      bool is_null;
      HeapTuple row = SPI_tuptable->vals[i];
      TupleDesc descriptor = SPI_tuptable->tupdesc;
      Datum table = SPI_getbinval(row, descriptor, 1, &is_null);
      Datum ctid = SPI_getbinval(row, descriptor, 2, &is_null);
      VerifyRow(table, ctid, SPI_getbinval(row, descriptor, 3, &is_null), declared_class,
                IsPlainForGood(DatumGetObjectId(table), row, descriptor), counts);
      if (++rows % kRowsPerNotice == 0) {
        ereport(NOTICE, (errmsg("%lld rows verified so far", static_cast<long long>(rows))));
      }
    }
    MemoryContextSwitchTo(outer);
    MemoryContextReset(batch);
    SPI_freetuptable(SPI_tuptable);
  }
  MemoryContextDelete(batch);
}

/// Opens a cursor that gives the values as they are stored.
Portal OpenStored(const char* query) {
  Portal volatile portal = nullptr;
  ReadStored(query);
  PG_TRY();
  { portal = SPI_cursor_open_with_args(nullptr, query, 0, nullptr, nullptr, nullptr, true, 0); }
  PG_FINALLY();
  { ReadStored(nullptr); }
  PG_END_TRY();
  return portal;
}

}  // namespace
}  // namespace pii

/// pii_verify_column(regclass, name, INOUT verified, unsealed, no_key, damaged)
PII_FUNCTION(pii_verify_column) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("table and column must not be null")));
  }
  Oid table = PG_GETARG_OID(0);
  const char* column = NameStr(*PG_GETARG_NAME(1));
  AttrNumber number = pii::RequireSealedColumn(table, column);
  pii::CurrentProtector();  // without keys nothing can be said
  Oid type;
  int32 modifier;
  Oid collation;
  get_atttypetypmodcoll(table, number, &type, &modifier, &collation);
  getBaseTypeAndTypmod(type, &modifier);

  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  const char* name =
      quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
  AttrNumber attribute = pii::FindAttributeColumnsAt(table, number).attribute;
  const char* query =
      psprintf("SELECT tableoid, ctid, %s, %s FROM %s WHERE %s IS NOT NULL", quote_identifier(column),
               attribute != 0 ? quote_identifier(get_attname(table, attribute, false)) : "NULL", name,
               quote_identifier(column));
  Portal portal = pii::OpenStored(query);
  pii::Counts counts{};
  pii::VerifyRows(portal, modifier < 0 ? pii::kTextClass : pii::CheckTypeModifier(modifier), &counts);
  SPI_cursor_close(portal);
  SPI_finish();

  TupleDesc descriptor;
  if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "return type must be a row type");
  Datum values[] = {Int64GetDatum(counts.verified), Int64GetDatum(counts.unsealed),
                    Int64GetDatum(counts.no_key), Int64GetDatum(counts.damaged)};
  bool nulls[4] = {};
  PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

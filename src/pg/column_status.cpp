// Where a column stands: which key versions its values and its blind indexes need. It is what to look at
// before a version is disabled or destroyed. And what a blind index would show.

#include "bytes.h"
#include "index_advice.h"
#include "index_expression.h"
#include "own_function.h"
#include "pg.h"
#include "sealed_column.h"
#include "search.h"
#include "shared_keys.h"

namespace pii {
namespace {

/// A row of the result. A null name and negative numbers are NULL.
void Emit(ReturnSetInfo* result, const char* kind, const char* name, int version, int64 rows) {
  Datum values[] = {CStringGetTextDatum(kind), name != nullptr ? CStringGetTextDatum(name) : Datum(0),
                    Int32GetDatum(version), Int64GetDatum(rows)};
  bool nulls[] = {false, name == nullptr, version < 0, rows < 0};
  tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

const char* QualifiedName(Relation table) {
  return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)),
                                    RelationGetRelationName(table));
}

/// Counts the rows of `table` by pii_key_version(column). A version of NULL is unsealed plaintext.
void EmitColumn(ReturnSetInfo* result, const char* schema, const char* table, const char* column,
                const char* kind, const char* name) {
  const char* query = psprintf(
      "SELECT %s.pii_key_version(%s), pg_catalog.count(*) FROM %s WHERE %s IS NOT NULL GROUP BY 1 "
      "ORDER BY 1",
      schema, column, table, column);
  if (SPI_execute(query, true, 0) != SPI_OK_SELECT) elog(ERROR, "could not count rows");
  for (uint64 i = 0; i < SPI_processed; ++i) {
    bool is_unsealed;
    bool is_null;
    HeapTuple row = SPI_tuptable->vals[i];
    int version = DatumGetInt32(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_unsealed));
    int64 rows = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &is_null));
    Emit(result, is_unsealed ? "unsealed" : kind, name, is_unsealed ? -1 : version, rows);
  }
}

/// Counts the entries of a B-tree by the key version in them. The index says itself: its expression would
/// give the version that is primary now.
void EmitTree(ReturnSetInfo* result, Relation table, Relation index, int key) {
  constexpr size_t kVersions = UINT16_MAX + 1;
  auto* counts = static_cast<int64*>(palloc0(sizeof(int64) * kVersions));
  TupleTableSlot* slot = table_slot_create(table, nullptr);
  IndexScanDesc scan = BeginIndexScan(table, index, GetActiveSnapshot());
  scan->xs_want_itup = true;
  index_rescan(scan, nullptr, 0, nullptr, 0);
  while (index_getnext_slot(scan, ForwardScanDirection, slot)) {
    CHECK_FOR_INTERRUPTS();
    bool is_null;
    Datum value = index_getattr(scan->xs_itup, key, scan->xs_itupdesc, &is_null);
    if (!is_null) ++counts[LoadBigEndian16(reinterpret_cast<uint8_t*>(DatumGetPointer(value)))];
  }
  index_endscan(scan);
  ExecDropSingleTupleTableSlot(slot);
  for (size_t version = 0; version < kVersions; ++version) {
    if (counts[version] == 0) continue;
    Emit(result, "blind index", RelationGetRelationName(index), static_cast<int>(version), counts[version]);
  }
  pfree(counts);
}

void EmitIndexes(ReturnSetInfo* result, Relation table, AttrNumber column) {
  ListCell* cell;
  foreach (cell, RelationGetIndexList(table)) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    bool is_tree = index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisvalid;
    bool has_entries = index->rd_rel->relkind == RELKIND_INDEX;  // of a partitioned table its partitions have
    for (int i = 0; has_entries && i < index->rd_index->indnkeyatts; ++i) {
      Transform transform;
      if (SourceColumn(KeyExpression(index, i), &transform) != column) continue;
      if (is_tree && transform != Transform::kWord) {
        EmitTree(result, table, index, i + 1);
      } else {
        Emit(result, "blind index", RelationGetRelationName(index), -1, -1);
      }
    }
    index_close(index, AccessShareLock);
  }
}

/// Generated columns of the table, without those that `parent` has: they are counted there.
void EmitGeneratedColumns(ReturnSetInfo* result, const char* schema, Relation table, Relation parent,
                          AttrNumber column) {
  const char* table_name = QualifiedName(table);
  for (int i = 0; i < table->rd_att->natts; ++i) {
    Transform transform;
    if (SourceColumn(GenerationExpression(table, static_cast<AttrNumber>(i + 1)), &transform) != column)
      continue;
    const char* name = NameStr(TupleDescAttr(table->rd_att, i)->attname);
    if (parent != table && get_attnum(RelationGetRelid(parent), name) != InvalidAttrNumber) continue;
    if (transform == Transform::kWord) {
      Emit(result, "blind index", name, -1, -1);
    } else {
      EmitColumn(result, schema, table_name, quote_identifier(name), "blind index", name);
    }
  }
}

}  // namespace
}  // namespace pii

/// pii_column_status(regclass, name) → (kind, name, key_version, rows)
PII_FUNCTION(pii_column_status) {
  Oid table_oid = PG_GETARG_OID(0);
  const char* column_name = NameStr(*PG_GETARG_NAME(1));
  InitMaterializedSRF(fcinfo, 0);
  auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  Relation table = table_open(table_oid, AccessShareLock);
  pii::RequireSealedColumn(table_oid, column_name);
  // Entries of an index are counted without policies.
  if (check_enable_rls(table_oid, InvalidOid, true) == RLS_ENABLED) {
    ereport(ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
             errmsg("row level security of relation \"%s\" applies to you", RelationGetRelationName(table)),
             errhint("Call pii_column_status() as the owner of the table.")));
  }
  const char* schema = quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)));
  SPI_connect();
  pii::EmitColumn(result, schema, pii::QualifiedName(table), quote_identifier(column_name), "sealed",
                  nullptr);
  ListCell* cell;
  foreach (cell, find_all_inheritors(table_oid, AccessShareLock, nullptr)) {
    Relation member = table_open(lfirst_oid(cell), NoLock);
    if (RELATION_IS_OTHER_TEMP(member)) {
      table_close(member, NoLock);
      continue;
    }
    AttrNumber column = get_attnum(lfirst_oid(cell), column_name);
    pii::EmitGeneratedColumns(result, schema, member, table, column);
    pii::EmitIndexes(result, member, column);
    table_close(member, NoLock);
  }
  SPI_finish();
  table_close(table, NoLock);
  return Datum(0);
}

/// pii_key_version(pii_blind_index) → integer
PII_FUNCTION(pii_blind_index_key_version) {
  PG_RETURN_INT32(pii::LoadBigEndian16(reinterpret_cast<uint8_t*>(PG_GETARG_POINTER(0))));
}

/// pii_index_advice(text, text, bigint) → (results, coincidences, is_safe, advice)
PII_FUNCTION(pii_index_advice) {
  uint16_t class_id = pii::ClassArgument(fcinfo, 0);
  pii::Transform transform = pii::TransformArgument(fcinfo, 1, true);
  int64 rows = PG_GETARG_INT64(2);
  if (rows < 1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("number of rows must be positive")));
  }
  const pii::PiiClass* pii_class = pii::FindClass(class_id);
  if (pii_class == nullptr || !pii::AllowsTransform(*pii_class, transform)) {
    pii::ReportSearchFailure(pii::Status::kNotSearchable, class_id, transform);
  }
  pii::IndexAdvice advice = pii::AdviseIndex(*pii_class, transform, static_cast<double>(rows));
  const char* text =
      advice.is_safe ? "Several values share an index value by chance. Common results still stand out by "
                       "their frequency."
      : advice.coincidences < 2
          ? "An index value stands for one result: who learns the value of one row knows it of all rows that "
            "share the index value, and a list of how often values occur elsewhere can be laid beside it."
          : "Very many rows share an index value: it finds little, and shows groups of rows.";
  TupleDesc descriptor;
  if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "return type must be a row type");
  Datum values[] = {Float8GetDatum(advice.results), Float8GetDatum(advice.coincidences),
                    BoolGetDatum(advice.is_safe), CStringGetTextDatum(text)};
  bool nulls[] = {advice.results == 0, advice.results == 0, false, false};
  PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

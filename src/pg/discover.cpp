// pii_discover(): which columns look as if they held personal data?
//
// It reads a sample of each table that the caller may read, as its owner where he may act as that, and gives
// counts. No value leaves this file.

#include "discover.h"

#include "acting_role.h"
#include "boundary.h"
#include "encoding.h"
#include "pg.h"
#include "shared_keys.h"

namespace pii {
namespace {

constexpr int kMostSampleRows = 1000000;
constexpr long kRowsPerFetch = 100;

/// How values of a column are read, and what becomes of the column.
enum class Kind { kOther, kText, kDate, kInteger };

struct Column {
  const char* name;
  Kind kind;
  bool is_readable;
  NameHint hint;
  ColumnSample sample;

  bool is_sampled() const { return kind != Kind::kOther && is_readable; }
};

struct Table {
  Oid oid;
  const char* name;  ///< with its schema, quoted
  bool is_partitioned;
  double pages;
  double rows;  ///< estimated, negative when unknown
  Column* columns;
  int column_count;
  bool of_persons;
};

struct Request {
  ReturnSetInfo* result;
  const char* extension_schema;  ///< quoted
  int sample_rows;
};

/// A base type, which superusers alone make. The cast of a type that somebody made and called so would run
/// his function with the rights of who looks.
bool IsCitext(Oid type) {
  HeapTuple row = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
  if (!HeapTupleIsValid(row)) return false;
  auto* form = reinterpret_cast<Form_pg_type>(GETSTRUCT(row));
  bool is_citext = form->typtype == TYPTYPE_BASE && strcmp(NameStr(form->typname), "citext") == 0;
  ReleaseSysCache(row);
  return is_citext;
}

Kind KindOf(Oid type) {
  switch (type = getBaseType(type)) {
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
      return Kind::kText;
    case DATEOID:
      return Kind::kDate;
    case INT4OID:
    case INT8OID:
      return Kind::kInteger;
    default:
      return IsCitext(type) ? Kind::kText : Kind::kOther;
  }
}

/// Tables that users made, each column a row. Partitions are read with their parent, and generated columns
/// follow what they are made of.
constexpr char kColumns[] =
    "SELECT t.oid, n.nspname, t.relname, t.relkind = 'p',"
    " (CASE t.relkind WHEN 'p' THEN (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree(t.oid) WHERE "
    "isleaf) ELSE pg_relation_size(t.oid) END / current_setting('block_size')::int)::float8,"
    " (CASE t.relkind WHEN 'p' THEN (SELECT CASE WHEN min(reltuples) >= 0 THEN sum(reltuples) ELSE -1 END "
    "FROM "
    "pg_partition_tree(t.oid) JOIN pg_class ON oid = relid WHERE isleaf) ELSE t.reltuples END)::float8,"
    " a.attname, CASE a.attgenerated WHEN '' THEN a.atttypid ELSE 0 END,"
    " has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(t.oid, a.attnum, 'SELECT') "
    "FROM pg_class AS t JOIN pg_namespace AS n ON n.oid = t.relnamespace"
    " JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition AND t.relpersistence <> 't'"
    " AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND n.nspname = coalesce($1, n.nspname)"
    " AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = t.oid"
    " AND d.deptype = 'e') "
    "ORDER BY n.nspname, t.relname, t.oid, a.attnum";

Datum Field(SPITupleTable* rows, uint64 row, int column) {
  bool is_null;
  return SPI_getbinval(rows->vals[row], rows->tupdesc, column, &is_null);
}

const char* NameField(SPITupleTable* rows, uint64 row, int column) {
  return pstrdup(NameStr(*DatumGetName(Field(rows, row, column))));
}

/// Text as the core takes it. A database without an encoding may hold anything: the core takes what is no
/// UTF-8 for no form and no name.
std::string_view CoreView(ByteView text) {
  return AsText(GetDatabaseEncoding() == PG_SQL_ASCII ? text : ToUtf8(text));
}

/// What a name says. Names that cannot be looked at say nothing.
NameHint HintOf(const char* name) {
  NameHint hint{};
  std::string_view text = CoreView(AsBytes(name));
  Status status = CallCore([&] {
    hint = HintOfColumn(text);
    return Status::kOk;
  });
  return status == Status::kOk ? hint : NameHint{};
}

bool IsOfPersons(const char* table_name) {
  bool persons = false;
  std::string_view text = CoreView(AsBytes(table_name));
  Status status = CallCore([&] {
    persons = NamesPersons(text);
    return Status::kOk;
  });
  return status == Status::kOk && persons;
}

Column ReadColumn(SPITupleTable* rows, uint64 row) {
  Column column{};
  column.name = NameField(rows, row, 7);
  Oid type = DatumGetObjectId(Field(rows, row, 8));
  column.kind = OidIsValid(type) ? KindOf(type) : Kind::kOther;
  column.is_readable = DatumGetBool(Field(rows, row, 9));
  column.hint = HintOf(column.name);
  return column;
}

/// Reads the table whose columns begin at `*row`, and moves behind them.
Table ReadTable(SPITupleTable* rows, uint64 count, uint64* row) {
  Table table{};
  table.oid = DatumGetObjectId(Field(rows, *row, 1));
  const char* name = NameField(rows, *row, 3);
  table.name = quote_qualified_identifier(NameField(rows, *row, 2), name);
  table.is_partitioned = DatumGetBool(Field(rows, *row, 4));
  table.pages = DatumGetFloat8(Field(rows, *row, 5));
  table.rows = DatumGetFloat8(Field(rows, *row, 6));
  table.of_persons = IsOfPersons(name);
  table.columns = static_cast<Column*>(palloc(sizeof(Column) * MaxHeapAttributeNumber));
  for (; *row < count && DatumGetObjectId(Field(rows, *row, 1)) == table.oid; ++*row) {
    Column* column = &table.columns[table.column_count++];
    *column = ReadColumn(rows, *row);
    table.of_persons = table.of_persons || column->hint.is_of_person;
  }
  return table;
}

/// A column as text. What is too long to be of any form is not read.
void AppendExpression(StringInfo query, const Column& column) {
  const char* name = quote_identifier(column.name);
  switch (column.kind) {
    case Kind::kDate:
      appendStringInfo(query, "to_char(%s, 'YYYY-MM-DD')", name);
      break;
    case Kind::kInteger:
      appendStringInfo(query, "%s::text", name);
      break;
    default:
      appendStringInfo(query, "CASE WHEN octet_length(%s::text) > %zu THEN chr(1) ELSE %s::text END", name,
                       kMaxFormSize, name);
  }
}

/// The percentage of the pages that holds about so many rows: at least kFewestPages, so that they do not come
/// from one place. 100 or more is all of them.
double Percentage(const Table& table, int sample_rows) {
  constexpr double kFewestPages = 30;
  constexpr double kRowsPerPage = 20;  // where nobody has counted
  constexpr double kMargin = 1.5;      // pages are drawn, not counted out
  if (table.pages <= 0) return 100;
  double rows_per_page = table.rows > 0 ? table.rows / table.pages : kRowsPerPage;
  double wanted = kMargin * sample_rows / rows_per_page;
  return 100 * Max(wanted, kFewestPages) / table.pages;
}

const char* SampleQuery(const Table& table, int sample_rows) {
  StringInfoData query;
  initStringInfo(&query);
  const char* separator = "SELECT ";
  for (int i = 0; i < table.column_count; ++i) {
    if (!table.columns[i].is_sampled()) continue;
    appendStringInfoString(&query, separator);
    AppendExpression(&query, table.columns[i]);
    separator = ", ";
  }
  appendStringInfo(&query, " FROM %s%s", table.is_partitioned ? "" : "ONLY ", table.name);
  double percentage = Percentage(table, sample_rows);
  if (percentage < 100) appendStringInfo(&query, " TABLESAMPLE SYSTEM (%.9f)", percentage);
  appendStringInfo(&query, " LIMIT %d", sample_rows);
  return query.data;
}

void NoteDatum(Datum datum, ColumnSample* sample) {
  varlena* stored = DatumGetTextPP(datum);
  ByteView bytes(reinterpret_cast<uint8_t*>(VARDATA_ANY(stored)), VARSIZE_ANY_EXHDR(stored));
  std::string_view text = CoreView(bytes);
  Status status = CallCore([&] {
    NoteValue(text, sample);
    return Status::kOk;
  });
  if (status != Status::kOk) elog(ERROR, "could not look at a value");
}

void SampleTable(Table* table, int sample_rows) {
  Portal portal = SPI_cursor_open_with_args(nullptr, SampleQuery(*table, sample_rows), 0, nullptr, nullptr,
                                            nullptr, true, 0);
  MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "pii discover", ALLOCSET_DEFAULT_SIZES);
  for (;;) {
    SPI_cursor_fetch(portal, true, kRowsPerFetch);
    if (SPI_processed == 0) break;
    MemoryContext outer = MemoryContextSwitchTo(batch);
    for (uint64 row = 0; row < SPI_processed; ++row) {
      CHECK_FOR_INTERRUPTS();
      int field = 0;
      for (int i = 0; i < table->column_count; ++i) {
        if (!table->columns[i].is_sampled()) continue;
        bool is_null;
        Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, ++field, &is_null);
        if (!is_null) NoteDatum(value, &table->columns[i].sample);
      }
    }
    MemoryContextSwitchTo(outer);
    MemoryContextReset(batch);
    SPI_freetuptable(SPI_tuptable);
  }
  MemoryContextDelete(batch);
  SPI_cursor_close(portal);
}

/// What to run. Dates and numbers are not stored as text: they cannot be adopted, the table is rewritten. A
/// date may be infinite, and a number has lost its leading zeros.
const char* Statement(const Request& request, const Table& table, const Column& column,
                      const char* class_name) {
  const char* schema = request.extension_schema;
  if (column.kind == Kind::kText) {
    return psprintf("CALL %s.pii_adopt(%s, %s, %s);", schema, quote_literal_cstr(table.name),
                    quote_literal_cstr(column.name), quote_literal_cstr(class_name));
  }
  const char* name = quote_identifier(column.name);
  const char* text = column.kind == Kind::kDate
                         ? psprintf("coalesce(to_char(%s, 'YYYY-MM-DD'), %s::text)", name, name)
                     : strcmp(class_name, "ssn") == 0 ? psprintf("lpad(%s::text, 9, '0')", name)
                                                      : psprintf("%s::text", name);
  return psprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s.pii_text(%s) USING %s.pii_seal(%s, '%s');",
                  table.name, name, schema, class_name, schema, text, class_name);
}

void EmitColumn(const Request& request, const Table& table, const Column& column) {
  Discovery found = Discover(column.hint, table.of_persons, column.sample);
  constexpr uint16_t kDob = 9;
  bool fits = column.kind != Kind::kDate || found.class_id == kDob;
  if (found.class_id == kTextClass || !fits) return;
  const char* class_name = FindClass(found.class_id)->name_text;
  const char* by = !found.by_values ? "name" : found.by_name ? "name and values" : "values";
  NameData name;
  namestrcpy(&name, column.name);
  Datum values[] = {ObjectIdGetDatum(table.oid),
                    NameGetDatum(&name),
                    CStringGetTextDatum(class_name),
                    Int64GetDatum(found.matches),
                    Int64GetDatum(column.sample.values),
                    CStringGetTextDatum(by),
                    CStringGetTextDatum(Statement(request, table, column, class_name))};
  bool nulls[std::size(values)] = {};
  tuplestore_putvalues(request.result->setResult, request.result->setDesc, values, nulls);
}

/// What the caller may not read is told, so that silence means that nothing was found.
void TellUnreadable(const Table& table) {
  int unread = 0;
  int candidates = 0;
  for (int i = 0; i < table.column_count; ++i) {
    if (table.columns[i].kind == Kind::kOther) continue;
    ++candidates;
    if (!table.columns[i].is_readable) ++unread;
  }
  if (unread == 0) return;
  if (unread == candidates) {
    ereport(NOTICE, (errmsg("table %s was skipped, because you may not read it", table.name)));
  } else {
    ereport(NOTICE, (errmsg("columns of table %s were skipped, because you may not read them", table.name)));
  }
}

void DiscoverTable(const Request& request, Table* table) {
  TellUnreadable(*table);
  bool has_columns = false;
  for (int i = 0; i < table->column_count; ++i) has_columns = has_columns || table->columns[i].is_sampled();
  if (!has_columns) return;
  Oid reader = ReaderOf(table->oid);
  if (!OidIsValid(reader)) {
    ereport(NOTICE, (errmsg("table %s was skipped, because its owner may not read all of it", table->name)));
    return;
  }
  ActingRole caller = ReadAs(reader);
  SampleTable(table, request.sample_rows);
  ActAsBefore(caller);
  for (int i = 0; i < table->column_count; ++i) {
    if (table->columns[i].is_sampled()) EmitColumn(request, *table, table->columns[i]);
  }
}

void DiscoverTables(const Request& request, const char* schema) {
  Oid types[] = {NAMEOID};
  NameData name{};
  if (schema != nullptr) namestrcpy(&name, schema);
  Datum arguments[] = {NameGetDatum(&name)};
  const char* nulls = schema != nullptr ? " " : "n";
  if (SPI_execute_with_args(kColumns, 1, types, arguments, nulls, true, 0) != SPI_OK_SELECT)
    elog(ERROR, "could not list columns");
  SPITupleTable* rows = SPI_tuptable;
  uint64 count = SPI_processed;
  MemoryContext of_table =
      AllocSetContextCreate(CurrentMemoryContext, "pii discover table", ALLOCSET_DEFAULT_SIZES);
  for (uint64 row = 0; row < count;) {
    MemoryContext outer = MemoryContextSwitchTo(of_table);
    Table table = ReadTable(rows, count, &row);
    DiscoverTable(request, &table);
    MemoryContextSwitchTo(outer);
    MemoryContextReset(of_table);
  }
}

}  // namespace
}  // namespace pii

/// pii_discover(schema text, sample_rows integer) → (table, column, class, matches, sampled, by, statement)
PII_FUNCTION(pii_discover) {
  const char* schema = PG_ARGISNULL(0) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(0));
  if (PG_ARGISNULL(1) || PG_GETARG_INT32(1) < 1 || PG_GETARG_INT32(1) > pii::kMostSampleRows) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("number of rows must be from 1 to %d", pii::kMostSampleRows)));
  }
  if (schema != nullptr) get_namespace_oid(schema, false);
  InitMaterializedSRF(fcinfo, 0);
  const char* extension_schema =
      quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)));
  pii::Request request{reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo), extension_schema,
                       PG_GETARG_INT32(1)};
  SPI_connect();
  pii::DiscoverTables(request, schema);
  SPI_finish();
  return Datum(0);
}

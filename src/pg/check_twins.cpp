// Is what a sealed column holds also somewhere in plain? Samples are compared by keyed hashes, which nobody
// sees, and which pii_stat_access does not count: whoever looks at its counters wants to know who searches.

#include "acting_role.h"
#include "boundary.h"
#include "check.h"
#include "discover.h"
#include "encoding.h"
#include "pg.h"
#include "privileges.h"
#include "sealed_column.h"
#include "shared_keys.h"
#include "type_modifier.h"
#include "values.h"

namespace pii {
namespace {

constexpr int kSampleRows = 1000;
constexpr int kSealedRows = 10000;  ///< of a sealed column, compared with those of other tables
constexpr int kSamplePages = 300;

/// Sealed columns, with their tables.
constexpr char kSealedColumns[] = R"(
SELECT format('%%s.%%I', s."table", s."column"), s."table"::oid, s."table"::text, s."column",
    (SELECT coalesce(sum(pg_relation_size(relid)), 0) FROM (SELECT relid FROM pg_partition_tree(s."table") UNION SELECT s."table") AS p)::float8 / 8192
FROM %s.pii_columns AS s JOIN pg_class AS c ON c.oid = s."table" AND c.relkind IN ('r', 'p', 'm') WHERE s.class IS NOT NULL)";

/// Columns of text in tables that users made: what may hold a copy. They are cast to text, which must not
/// call a function of somebody's: a type of his own is no base type, whatever it is called.
constexpr char kTextColumns[] = R"(
SELECT c.oid, c.oid::regclass::text, a.attname,
    (SELECT coalesce(sum(pg_relation_size(relid)), 0) FROM (SELECT relid FROM pg_partition_tree(c.oid) UNION SELECT c.oid) AS p)::float8 / 8192
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid AND (t.oid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) OR t.typname = 'citext' AND t.typtype = 'b' OR t.typtype = 'd' AND t.typcategory = 'S')
WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND c.relpersistence <> 't'
    AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema$)'
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    AND has_schema_privilege(c.relnamespace, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
ORDER BY c.oid, a.attnum)";

struct Sealed {
  const char* object;
  Oid table;
  const char* table_name;  ///< quoted
  const char* column;
  double pages;
  uint16_t class_id;
  uint64* prints;  ///< hashes of a sample, sorted; of classes of rare values
  int print_count;
};

/// Columns of text of one table.
struct TextTable {
  Oid oid;
  const char* name;  ///< quoted
  double pages;
  const char** columns;
  int column_count;
};

struct Database {
  Sealed* sealed;
  int sealed_count;
  TextTable* tables;
  int table_count;
};

/// What one check in a subtransaction is about.
struct Task {
  const Database* database;
  Sealed* sealed;
  const TextTable* table;
};

int ComparePrints(const void* first, const void* second) {
  uint64 a = *static_cast<const uint64*>(first);
  uint64 b = *static_cast<const uint64*>(second);
  return a < b ? -1 : a > b;
}

const char* SampleQuery(const char* columns, const char* table, double pages, int rows) {
  // A value of another table is as good from any place of it.
  return psprintf("SELECT %s FROM %s%s LIMIT %d", columns, table, SampleClause(pages, kSamplePages), rows);
}

/// A column as text; NULL for what is too long to be compared.
const char* TextOf(const char* column) {
  const char* name = quote_identifier(column);
  return psprintf("CASE WHEN octet_length(%s::text) <= %zu THEN %s::text END", name, kMaxFormSize, name);
}

/// Runs `body` with each row of a query, in memory that is reset.
template <typename Body>
void ForEachRow(const char* query, Body body) {
  constexpr long kRowsPerFetch = 100;
  Portal portal = SPI_cursor_open_with_args(nullptr, query, 0, nullptr, nullptr, nullptr, true, 0);
  MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "pii check", ALLOCSET_DEFAULT_SIZES);
  for (;;) {
    SPI_cursor_fetch(portal, true, kRowsPerFetch);
    if (SPI_processed == 0) break;
    MemoryContext outer = MemoryContextSwitchTo(batch);
    for (uint64 i = 0; i < SPI_processed; ++i) {
      CHECK_FOR_INTERRUPTS();
      body(SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
    }
    MemoryContextSwitchTo(outer);
    MemoryContextReset(batch);
    SPI_freetuptable(SPI_tuptable);
  }
  MemoryContextDelete(batch);
  SPI_cursor_close(portal);
}

bool PrintField(HeapTuple row, TupleDesc descriptor, int field, uint16_t class_id, uint64* print) {
  bool is_null;
  Datum value = SPI_getbinval(row, descriptor, field, &is_null);
  return !is_null && TryFingerprint(value, class_id, print);
}

/// The forms of text; none for NULL.
FormSet FormsOfField(HeapTuple row, TupleDesc descriptor, int field) {
  bool is_null;
  Datum value = SPI_getbinval(row, descriptor, field, &is_null);
  if (is_null) return 0;
  varlena* stored = DatumGetTextPP(value);
  ByteView bytes(reinterpret_cast<uint8_t*>(VARDATA_ANY(stored)), VARSIZE_ANY_EXHDR(stored));
  ByteView utf8 = GetDatabaseEncoding() == PG_SQL_ASCII ? bytes : ToUtf8(bytes);
  FormSet forms = 0;
  Status status = CallCore([&] {
    forms = FormsOf(AsText(utf8));
    return Status::kOk;
  });
  return status == Status::kOk ? forms : 0;
}

void AddTwin(const Findings& findings, const Sealed& sealed, const TextTable& table, const char* column,
             int64 hits, int64 values, bool by_row) {
  const char* object = psprintf("%s.%s", table.name, quote_identifier(column));
  const char* finding =
      psprintf(by_row ? "holds in plain what %s holds sealed, in %lld of %lld rows of a sample"
                      : "holds in plain values that %s holds sealed, %lld of %lld of a sample",
               sealed.object, static_cast<long long>(hits), static_cast<long long>(values));
  const PiiClass* pii_class = FindClass(sealed.class_id);
  const char* class_name = pii_class != nullptr ? pii_class->name_text : "text";
  AddFinding(findings, "error", object, finding,
             psprintf("ALTER TABLE %s DROP COLUMN %s; or seal it: CALL %s.pii_adopt(%s, %s, %s);", table.name,
                      quote_identifier(column), findings.schema, quote_literal_cstr(table.name),
                      quote_literal_cstr(column), quote_literal_cstr(class_name)));
}

/// All columns of a table, after `first`.
const char* ColumnList(const char* first, const TextTable& table) {
  StringInfoData list;
  initStringInfo(&list);
  appendStringInfoString(&list, first);
  for (int i = 0; i < table.column_count; ++i)
    appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", TextOf(table.columns[i]));
  return list.data;
}

int64* Counters(int count) { return static_cast<int64*>(palloc0(sizeof(int64) * (count + 1))); }

/// Columns of the same table are compared row by row: a copy shows in a sample of any size.
void CompareRows(const Findings& findings, const Sealed& sealed, const TextTable& table) {
  constexpr int kFewestRows = 2;
  constexpr double kShare = 0.1;
  int count = table.column_count;
  int64* equal = Counters(count);
  int64* compared = Counters(count);
  const char* columns = ColumnList(quote_identifier(sealed.column), table);
  ActingRole caller = ReadAs(RequireReaderOf(table.oid));
  ForEachRow(SampleQuery(columns, sealed.table_name, sealed.pages, kSampleRows),
             [&](HeapTuple row, TupleDesc descriptor) {
               uint64 own;
               if (!PrintField(row, descriptor, 1, sealed.class_id, &own)) return;
               for (int i = 0; i < count; ++i) {
                 uint64 other;
                 if (!PrintField(row, descriptor, i + 2, sealed.class_id, &other)) continue;
                 ++compared[i];
                 equal[i] += own == other;
               }
             });
  ActAsBefore(caller);
  for (int i = 0; i < count; ++i) {
    bool is_twin =
        equal[i] >= kFewestRows && static_cast<double>(equal[i]) >= kShare * static_cast<double>(compared[i]);
    if (is_twin) AddTwin(findings, sealed, table, table.columns[i], equal[i], compared[i], true);
  }
}

/// The hashes are for the tables to come: their memory is not this check's.
void PrintSealed(Sealed* sealed) {
  uint64* prints = sealed->prints;
  int count = 0;
  ActingRole caller = ReadAs(RequireReaderOf(sealed->table));
  ForEachRow(SampleQuery(quote_identifier(sealed->column), sealed->table_name, sealed->pages, kSealedRows),
             [&](HeapTuple row, TupleDesc descriptor) {
               if (PrintField(row, descriptor, 1, sealed->class_id, &prints[count])) ++count;
             });
  ActAsBefore(caller);
  qsort(prints, count, sizeof(uint64), ComparePrints);
  sealed->print_count = count;
}

void LookAtSealed(const Findings& findings, const void* argument) {
  const auto& task = *static_cast<const Task*>(argument);
  Sealed* sealed = task.sealed;
  RequirePrivilege(kSearch, sealed->class_id);  // a hash that is equal confirms a guess
  for (int i = 0; i < task.database->table_count; ++i) {
    const TextTable& table = task.database->tables[i];
    if (table.oid == sealed->table) CompareRows(findings, *sealed, table);
  }
  if (FormsOfRareValues(sealed->class_id) != 0) PrintSealed(sealed);
}

/// Counts a value in `hits` for each sealed column that holds it. A class is hashed for once.
void CountHits(const Database& database, const TextTable& table, HeapTuple row, TupleDesc descriptor,
               int field, int64* hits) {
  FormSet forms = FormsOfField(row, descriptor, field);
  int32 hashed_class = -1;
  uint64 print = 0;
  for (int i = 0; i < database.sealed_count && forms != 0; ++i) {
    const Sealed& sealed = database.sealed[i];
    bool may_hold = sealed.print_count > 0 && sealed.table != table.oid &&
                    (forms & FormsOfRareValues(sealed.class_id)) != 0;
    if (!may_hold) continue;
    if (hashed_class != sealed.class_id && !PrintField(row, descriptor, field, sealed.class_id, &print))
      continue;
    hashed_class = sealed.class_id;
    hits[i] += bsearch(&print, sealed.prints, sealed.print_count, sizeof print, ComparePrints) != nullptr;
  }
}

/// Values of a table are looked for among those of the sealed columns of others. Only rare ones: names and
/// dates are everywhere.
void LookAtTable(const Findings& findings, const void* argument) {
  constexpr int kFewestHits = 3;
  const auto& task = *static_cast<const Task*>(argument);
  const Database& database = *task.database;
  const TextTable& table = *task.table;
  int64* hits = Counters(database.sealed_count * table.column_count);
  int64 rows = 0;
  ActingRole caller = ReadAs(RequireReaderOf(table.oid));
  ForEachRow(SampleQuery(ColumnList("", table), table.name, table.pages, kSampleRows),
             [&](HeapTuple row, TupleDesc descriptor) {
               ++rows;
               for (int i = 0; i < table.column_count; ++i)
                 CountHits(database, table, row, descriptor, i + 1, hits + i * database.sealed_count);
             });
  ActAsBefore(caller);
  for (int i = 0; i < table.column_count * database.sealed_count; ++i) {
    if (hits[i] < kFewestHits) continue;
    AddTwin(findings, database.sealed[i % database.sealed_count], table,
            table.columns[i / database.sealed_count], hits[i], rows, false);
  }
}

Datum Field(SPITupleTable* rows, uint64 row, int field) {
  bool is_null;
  return SPI_getbinval(rows->vals[row], rows->tupdesc, field, &is_null);
}

/// Rows come with the columns of a table behind each other.
void ReadTextTables(Database* database) {
  if (SPI_execute(kTextColumns, true, 0) != SPI_OK_SELECT) elog(ERROR, "could not list columns");
  SPITupleTable* rows = SPI_tuptable;
  uint64 count = SPI_processed;
  database->tables = static_cast<TextTable*>(palloc(sizeof(TextTable) * (count + 1)));
  auto** names = static_cast<const char**>(palloc(sizeof(char*) * (count + 1)));
  for (uint64 i = 0; i < count; ++i) {
    Oid oid = DatumGetObjectId(Field(rows, i, 1));
    names[i] = SPI_getvalue(rows->vals[i], rows->tupdesc, 3);
    TextTable* table = &database->tables[database->table_count];
    if (i == 0 || table[-1].oid != oid) {
      *table = {oid, SPI_getvalue(rows->vals[i], rows->tupdesc, 2), DatumGetFloat8(Field(rows, i, 4)),
                &names[i], 0};
      ++database->table_count;
    }
    ++database->tables[database->table_count - 1].column_count;
  }
}

uint16_t ClassOfColumn(Oid table, const char* column) {
  Oid type;
  int32 modifier;
  Oid collation;
  get_atttypetypmodcoll(table, RequireSealedColumn(table, column), &type, &modifier, &collation);
  getBaseTypeAndTypmod(type, &modifier);
  return modifier < 0 ? kTextClass : CheckTypeModifier(modifier);
}

void ReadSealedColumns(const Findings& findings, Database* database) {
  if (SPI_execute(psprintf(kSealedColumns, findings.schema), true, 0) != SPI_OK_SELECT)
    elog(ERROR, "could not list columns");
  SPITupleTable* rows = SPI_tuptable;
  database->sealed_count = static_cast<int>(SPI_processed);
  database->sealed = static_cast<Sealed*>(palloc0(sizeof(Sealed) * (SPI_processed + 1)));
  for (int i = 0; i < database->sealed_count; ++i) {
    auto text = [&](int field) { return SPI_getvalue(rows->vals[i], rows->tupdesc, field); };
    Sealed* sealed = &database->sealed[i];
    *sealed = {text(1),
               DatumGetObjectId(Field(rows, i, 2)),
               text(3),
               text(4),
               DatumGetFloat8(Field(rows, i, 5)),
               0,
               nullptr,
               0};
    sealed->class_id = ClassOfColumn(sealed->table, sealed->column);
    if (FormsOfRareValues(sealed->class_id) != 0)
      sealed->prints = static_cast<uint64*>(palloc(sizeof(uint64) * kSealedRows));
  }
}

void CompareColumns(const Findings& findings, const void*) {
  if (!HasKeys()) return;  // said elsewhere
  Database database{};
  ReadTextTables(&database);
  ReadSealedColumns(findings, &database);
  for (int i = 0; i < database.sealed_count; ++i) {
    Task task{&database, &database.sealed[i], nullptr};
    TryCheck(findings, psprintf("copies of %s", database.sealed[i].object), LookAtSealed, &task);
  }
  for (int i = 0; i < database.table_count && database.sealed_count > 0; ++i) {
    Task task{&database, nullptr, &database.tables[i]};
    TryCheck(findings, database.tables[i].name, LookAtTable, &task);
  }
}

}  // namespace

void CheckTwins(const Findings& findings) { TryCheck(findings, "copies", CompareColumns, nullptr); }

}  // namespace pii

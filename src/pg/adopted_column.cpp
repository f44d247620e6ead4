#include "adopted_column.h"

#include "own_function.h"
#include "own_table.h"
#include "pg.h"
#include "relation_changes.h"
#include "subtransaction.h"

namespace pii {
namespace {

constexpr const char* kTable = "pii_adopted_column";
constexpr const char* kRules = "pii_sealed_attribute";
constexpr const char* kIndex = "pii_adopted_column_pkey";
constexpr const char* kTrigger = "pii_write_mode";
constexpr const char* kPhaseNames[] = {"none", "adopted", "sealing", "sealed", "unsealing"};

/// Attributes of the table.
enum : AttrNumber { kRelation = 1, kAttribute, kPhase, kIsPadded, kSealedBy, kChangedAt };

Phase PhaseByName(const char* name) {
  uint8_t phase = 0;
  for (const char* known : kPhaseNames) {
    if (strcmp(known, name) == 0) return static_cast<Phase>(phase);
    ++phase;
  }
  elog(ERROR, "an adopted column has an unknown phase");
}

// ------------------------------------------------------------------------------------------------------------
// The cache

/// The rows of one table, until PostgreSQL says that something about it has changed.
struct Entry {
  Oid table;
  int count;
  AdoptedColumn* columns;  ///< in TopMemoryContext
};
HTAB* entries;

/// Is there any row? Not known after an invalidation.
enum class Any : uint8_t { kUnknown, kNo, kYes };
Any any;
TimestampTz last_change;  ///< of any phase

void Drop(Entry* entry) {
  if (entry->columns != nullptr) pfree(entry->columns);
  hash_search(entries, &entry->table, HASH_REMOVE, nullptr);
}

void Forget(Oid table) {
  any = Any::kUnknown;
  if (OidIsValid(table)) {
    auto* entry = static_cast<Entry*>(hash_search(entries, &table, HASH_FIND, nullptr));
    if (entry != nullptr) Drop(entry);
    return;
  }
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, entries);
  while (auto* entry = static_cast<Entry*>(hash_seq_search(&status))) Drop(entry);
}

void MakeCache() {
  if (entries != nullptr) return;
  HASHCTL control{};
  control.keysize = sizeof(Oid);
  control.entrysize = sizeof(Entry);
  entries = hash_create("pii adopted columns", 32, &control, HASH_ELEM | HASH_BLOBS);
  OnRelationChange(Forget);
}

AdoptedColumn ReadRow(HeapTuple row, TupleDesc descriptor) {
  bool is_null;
  AdoptedColumn column{};
  column.attribute = DatumGetInt16(heap_getattr(row, kAttribute, descriptor, &is_null));
  column.phase = PhaseByName(TextDatumGetCString(heap_getattr(row, kPhase, descriptor, &is_null)));
  column.is_padded = DatumGetBool(heap_getattr(row, kIsPadded, descriptor, &is_null));
  Datum sealed_by = heap_getattr(row, kSealedBy, descriptor, &is_null);
  column.sealed_by = is_null ? 0 : static_cast<uint64_t>(DatumGetInt64(sealed_by));
  return column;
}

/// ALTER TABLE may have made it a column of another type, or dropped it, since it was adopted.
bool IsSealedColumn(Oid table, AttrNumber attribute) {
  Oid type = get_atttype(table, attribute);
  return OidIsValid(type) && IsOwnType(type, "pii_text_in");
}

/// Reads the rows of a table itself into a palloc'ed array.
AdoptedColumn* ReadOwnRows(Oid table, int* count) {
  *count = 0;
  Oid own_table = FindOwnTable(kTable);
  if (!OidIsValid(own_table)) return nullptr;
  Relation rows = table_open(own_table, AccessShareLock);
  Oid index = get_relname_relid(kIndex, RelationGetNamespace(rows));
  ScanKeyData key;
  ScanKeyInit(&key, kRelation, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table));
  SysScanDesc scan = systable_beginscan(rows, index, OidIsValid(index), nullptr, 1, &key);
  AdoptedColumn* columns = nullptr;
  while (HeapTuple row = systable_getnext(scan)) {
    if (!IsSealedColumn(table, ReadRow(row, RelationGetDescr(rows)).attribute)) continue;
    Size size = static_cast<Size>(*count + 1) * sizeof(AdoptedColumn);
    columns = static_cast<AdoptedColumn*>(columns == nullptr ? palloc(size) : repalloc(columns, size));
    columns[(*count)++] = ReadRow(row, RelationGetDescr(rows));
  }
  systable_endscan(scan);
  table_close(rows, AccessShareLock);
  return columns;
}

bool HasColumn(const AdoptedColumn* columns, int count, AttrNumber attribute) {
  for (int i = 0; i < count; ++i) {
    if (columns[i].attribute == attribute) return true;
  }
  return false;
}

/// Those of its parents hold for a partition, too, which may have been made or attached since.
AdoptedColumn* ReadRows(Oid table, int* count) {
  AdoptedColumn* columns = ReadOwnRows(table, count);
  if (!get_rel_relispartition(table)) return columns;
  ListCell* cell;
  foreach (cell, get_partition_ancestors(table)) {
    int more;
    AdoptedColumn* inherited = ReadOwnRows(lfirst_oid(cell), &more);
    for (int i = 0; i < more; ++i) {
      AdoptedColumn column = inherited[i];
      column.attribute = get_attnum(table, get_attname(lfirst_oid(cell), column.attribute, false));
      if (HasColumn(columns, *count, column.attribute)) continue;
      Size size = static_cast<Size>(*count + 1) * sizeof(AdoptedColumn);
      columns = static_cast<AdoptedColumn*>(columns == nullptr ? palloc(size) : repalloc(columns, size));
      columns[(*count)++] = column;
    }
  }
  return columns;
}

const Entry& FindEntry(Oid table) {
  MakeCache();
  auto* entry = static_cast<Entry*>(hash_search(entries, &table, HASH_FIND, nullptr));
  if (entry != nullptr) return *entry;
  int count;
  AdoptedColumn* read = ReadRows(table, &count);
  AdoptedColumn* kept = nullptr;
  if (count > 0) {
    Size size = static_cast<Size>(count) * sizeof(AdoptedColumn);
    kept = static_cast<AdoptedColumn*>(MemoryContextAlloc(TopMemoryContext, size));
    memcpy(kept, read, size);
  }
  entry = static_cast<Entry*>(hash_search(entries, &table, HASH_ENTER, nullptr));
  entry->count = count;
  entry->columns = kept;
  return *entry;
}

// ------------------------------------------------------------------------------------------------------------
// The table

/// The tables that have the column: partitions and children, too.
List* TablesWith(Oid table) { return find_all_inheritors(table, AccessShareLock, nullptr); }

/// Rows of tables that are gone: their numbers come again.
void ForgetDropped(const Books& books) {
  RunInBooks(psprintf("DELETE FROM %s AS a WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = a.relation)",
                      books.table),
             {});
}

/// False when the column is not being sealed any more, and is to be noted as sealed.
bool WriteRow(const Books& books, Oid table, AttrNumber attribute, const char* phase, bool is_padded) {
  const char* insert = psprintf(
      "INSERT INTO %s AS a (relation, attribute, phase, is_padded, sealed_by) VALUES ($1, $2::smallint, "
      "$3, $4 <> 0, CASE WHEN $3 = 'sealed' THEN pg_current_xact_id()::text::bigint END) "
      "ON CONFLICT (relation, attribute) DO UPDATE SET phase = $3, "
      "is_padded = a.is_padded OR excluded.is_padded, changed_at = clock_timestamp(), "
      "sealed_by = excluded.sealed_by "
      "WHERE $3 <> 'sealed' OR a.phase IN ('sealing', 'sealed')",
      books.table);
  return RunInBooks(insert, {Parameter(table), Parameter(static_cast<int64_t>(attribute)), Parameter(phase),
                             Parameter(static_cast<int64_t>(is_padded))}) > 0;
}

bool HasTrigger(Oid table) { return OidIsValid(get_trigger_oid(table, kTrigger, true)); }

const char* NameOf(Oid table) {
  return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
}

/// As the current user, who owns the table.
void RunCommand(const char* command) {
  bool has_snapshot = !ActiveSnapshotSet();
  if (has_snapshot) PushActiveSnapshot(GetTransactionSnapshot());
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  if (SPI_execute(command, false, 0) < 0) elog(ERROR, "could not run a command");
  SPI_finish();
  if (has_snapshot) PopActiveSnapshot();
}

/// Partitions get it from their parent; children do not.
void MakeTrigger(Oid table) {
  if (HasTrigger(table)) return;
  const char* schema = quote_identifier(get_namespace_name(get_rel_namespace(FindOwnTable(kTable))));
  RunCommand(psprintf("CREATE TRIGGER %s BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION %s.%s()",
                      kTrigger, NameOf(table), schema, kTrigger));
}

void MakeTriggers(Oid table) {
  ListCell* cell;
  foreach (cell, TablesWith(table)) {
    char kind = get_rel_relkind(lfirst_oid(cell));
    if (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) MakeTrigger(lfirst_oid(cell));
  }
}

/// Is there a column whose new values may be plaintext?
bool NeedsTrigger(Oid table) {
  Books books = OpenBooks(kTable);
  const char* query =
      psprintf("SELECT FROM %s WHERE relation = $1 AND phase IN ('adopted', 'unsealing')", books.table);
  bool has = RunInBooks(query, {Parameter(table)}) > 0;
  CloseBooks(books);
  return has;
}

/// Those of partitions go with their parent's.
void DropTriggers(Oid table) {
  CommandCounterIncrement();
  ListCell* cell;
  foreach (cell, TablesWith(table)) {
    bool is_own = HasTrigger(lfirst_oid(cell)) && !get_rel_relispartition(lfirst_oid(cell));
    if (is_own && !NeedsTrigger(lfirst_oid(cell)))
      RunCommand(psprintf("DROP TRIGGER %s ON %s", kTrigger, NameOf(lfirst_oid(cell))));
  }
}

/// Rows may be plaintext again that were sealed when they were looked at.
[[noreturn]] void ReportUnsealing() {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE), errmsg("another session unseals the column"),
                  errhint("CALL pii_seal_column() again when it has ended.")));
}

void Write(Oid table, const char* column, Phase phase, bool is_padded) {
  Books books = OpenBooks(kTable);
  ForgetDropped(books);
  ListCell* cell;
  foreach (cell, TablesWith(table)) {
    AttrNumber attribute = get_attnum(lfirst_oid(cell), column);
    const char* name = kPhaseNames[static_cast<int>(phase)];
    // A partition that has no row of its own yet may have got rows of others, with their blanks.
    bool has_blanks = is_padded || FindAdopted(lfirst_oid(cell), attribute).is_padded;
    if (!WriteRow(books, lfirst_oid(cell), attribute, name, has_blanks)) ReportUnsealing();
    CacheInvalidateRelcacheByRelid(lfirst_oid(cell));
  }
  CloseBooks(books);
}

/// A function that ran before, a trigger above all, has plans for fields of rows that were of another type,
/// and PostgreSQL would refuse them for the rest of the session: "type of parameter does not match". No plan
/// depends on the type of a row variable; all of them do on pg_operator.
void RenewPlans() { CacheInvalidateCatalog(OperatorRelationId); }

/// Visits all rows of a table of the extension; false when there are none.
bool VisitOwnRows(const char* name, void (*visit)(HeapTuple row, TupleDesc descriptor)) {
  Oid own_table = FindOwnTable(name);
  if (!OidIsValid(own_table)) return false;
  Relation rows = table_open(own_table, AccessShareLock);
  SysScanDesc scan = systable_beginscan(rows, InvalidOid, false, nullptr, 0, nullptr);
  bool has = false;
  while (HeapTuple row = systable_getnext(scan)) {
    visit(row, RelationGetDescr(rows));
    has = true;
  }
  systable_endscan(scan);
  table_close(rows, AccessShareLock);
  return has;
}

}  // namespace

AdoptedColumn FindAdopted(uint32_t table, int16_t attribute) {
  const Entry& entry = FindEntry(table);
  for (int i = 0; i < entry.count; ++i) {
    if (entry.columns[i].attribute == attribute) return entry.columns[i];
  }
  return {attribute, Phase::kNone, false, 0};
}

AdoptedColumn* AdoptedColumns(uint32_t table, int* count) {
  const Entry& entry = FindEntry(table);
  *count = entry.count;
  if (entry.count == 0) return nullptr;
  Size size = static_cast<Size>(entry.count) * sizeof(AdoptedColumn);
  return static_cast<AdoptedColumn*>(memcpy(palloc(size), entry.columns, size));
}

bool MayShowPlaintext(const AdoptedColumn& column) {
  if (column.phase != Phase::kSealed) return column.phase != Phase::kNone;
  if (!TransactionIdIsNormal(TransactionXmin)) return true;
  uint64_t next = U64FromFullTransactionId(ReadNextFullTransactionId());
  uint32_t age = static_cast<uint32_t>(next) - TransactionXmin;
  return column.sealed_by >= next - age;
}

bool HasAdopted(uint32_t table) {
  const Entry& entry = FindEntry(table);
  for (int i = 0; i < entry.count; ++i) {
    if (MayShowPlaintext(entry.columns[i])) return true;
  }
  return false;
}

bool HasAnyAdopted() {
  MakeCache();
  if (any != Any::kUnknown) return any == Any::kYes;
  last_change = DT_NOBEGIN;
  auto note_change = [](HeapTuple row, TupleDesc descriptor) {
    bool is_null;
    Datum changed_at = heap_getattr(row, kChangedAt, descriptor, &is_null);
    last_change = Max(last_change, DatumGetTimestampTz(changed_at));
  };
  bool has = VisitOwnRows(kTable, note_change);
  if (!has) has = VisitOwnRows(kRules, [](HeapTuple, TupleDesc) {});
  any = has ? Any::kYes : Any::kNo;
  return has;
}

bool HasAdoptedSince(int64_t moment) { return HasAnyAdopted() && last_change > moment; }

void RecordAdopted(uint32_t table, const char* column, bool is_padded) {
  RenewPlans();
  Write(table, column, Phase::kAdopted, is_padded);
  MakeTriggers(table);
}

void SetPhase(uint32_t table, const char* column, Phase phase) {
  if (FindAdopted(table, get_attnum(table, column)).phase == Phase::kNone)
    RecordAdopted(table, column, false);
  if (phase == Phase::kUnsealing) MakeTriggers(table);
  Write(table, column, phase, false);
}

bool DropIdleTrigger(uint32_t table) {
  constexpr const char* kLongestWait = "50ms";
  ErrorData* error = RunInSubtransaction([&] {
    SetForSubtransaction("lock_timeout", kLongestWait);
    DropTriggers(table);
  });
  if (error != nullptr && error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE) ReThrowError(error);
  return error == nullptr;
}

void ForgetAdopted(uint32_t table, const char* column) {
  RenewPlans();
  Books books = OpenBooks(kTable);
  ListCell* cell;
  foreach (cell, TablesWith(table)) {
    RunInBooks(
        psprintf("DELETE FROM %s WHERE relation = $1 AND attribute = $2", books.table),
        {Parameter(lfirst_oid(cell)), Parameter(static_cast<int64_t>(get_attnum(lfirst_oid(cell), column)))});
    CacheInvalidateRelcacheByRelid(lfirst_oid(cell));
  }
  CloseBooks(books);
  DropTriggers(table);
}

}  // namespace pii

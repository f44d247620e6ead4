#include "attribute_rules.h"

#include "own_function.h"
#include "own_table.h"
#include "pg.h"
#include "pii_class.h"
#include "privileges.h"
#include "relation_changes.h"
#include "shared_keys.h"
#include "type_modifier.h"

namespace pii {
namespace {

constexpr const char* kRules = "pii_sealed_attribute";
constexpr const char* kClasses = "pii_attribute_class";

/// Attributes of the two tables.
enum : AttrNumber { kRuleTable = 1, kRuleAttribute, kRuleClass, kRulePhase };
enum : AttrNumber { kClassTable = 1, kClassName };

struct Rule {
  char* attribute;
  size_t size;
  char* class_name;
};

// ------------------------------------------------------------------------------------------------------------
// The cache

/// What is known of one table, until PostgreSQL says that something about it has changed.
struct Entry {
  Oid table;
  AttributeColumns columns;
  MemoryContext memory;  ///< of what follows; null for a table that is none
  int rule_count;
  Rule* rules;
  List* class_names;  ///< of char*
  bool awaits_sealing;
};
HTAB* entries;
uint64 changes;  ///< may come while an entry is read

void Drop(Entry* entry) {
  if (entry->memory != nullptr) MemoryContextDelete(entry->memory);
  hash_search(entries, &entry->table, HASH_REMOVE, nullptr);
}

void Forget(Oid table) {
  ++changes;
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
  entries = hash_create("pii attribute tables", 32, &control, HASH_ELEM | HASH_BLOBS);
  OnRelationChange(Forget);
}

/// The columns that the trigger of a table names.
AttributeColumns ReadColumns(Oid table_oid) {
  AttributeColumns columns{};
  Relation table = try_table_open(table_oid, AccessShareLock);
  if (table == nullptr) return columns;
  for (int i = 0; table->trigdesc != nullptr && i < table->trigdesc->numtriggers; ++i) {
    const Trigger& trigger = table->trigdesc->triggers[i];
    if (trigger.tgnattr != 2 || !IsOwnFunction(trigger.tgfoid, "pii_seal_when_trigger")) continue;
    columns = {trigger.tgattr[0], trigger.tgattr[1]};
  }
  table_close(table, AccessShareLock);
  return columns;
}

/// The tables that a table is a partition or child of, and itself.
List* WithAncestors(Oid table) {
  List* tables = list_make1_oid(table);
  Relation catalog = table_open(InheritsRelationId, AccessShareLock);
  ListCell* cell;
  foreach (cell, tables) {  // which grows
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(lfirst_oid(cell)));
    SysScanDesc scan = systable_beginscan(catalog, InheritsRelidSeqnoIndexId, true, nullptr, 1, &key);
    while (HeapTuple row = systable_getnext(scan)) {
      Oid parent = reinterpret_cast<Form_pg_inherits>(GETSTRUCT(row))->inhparent;
      tables = list_append_unique_oid(tables, parent);
    }
    systable_endscan(scan);
  }
  table_close(catalog, AccessShareLock);
  return tables;
}

/// Visits the rows of a table of the extension that are about one of `tables`.
void VisitRows(const char* name, List* tables, void (*visit)(HeapTuple, TupleDesc, Entry*), Entry* entry) {
  Oid own_table = FindOwnTable(name);
  if (!OidIsValid(own_table)) return;
  Relation rows = table_open(own_table, AccessShareLock);
  Oid index = get_relname_relid(psprintf("%s_pkey", name), RelationGetNamespace(rows));
  ListCell* cell;
  foreach (cell, tables) {
    ScanKeyData key;
    ScanKeyInit(&key, kRuleTable, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(lfirst_oid(cell)));
    SysScanDesc scan = systable_beginscan(rows, index, OidIsValid(index), nullptr, 1, &key);
    while (HeapTuple row = systable_getnext(scan)) visit(row, RelationGetDescr(rows), entry);
    systable_endscan(scan);
  }
  table_close(rows, AccessShareLock);
}

char* TextOf(HeapTuple row, AttrNumber column, TupleDesc descriptor) {
  bool is_null;
  return TextDatumGetCString(heap_getattr(row, column, descriptor, &is_null));
}

void AddClass(char* name, Entry* entry) {
  ListCell* cell;
  foreach (cell, entry->class_names) {
    if (strcmp(static_cast<char*>(lfirst(cell)), name) == 0) return;
  }
  entry->class_names = lappend(entry->class_names, name);
}

/// The rule of a table goes before that of what it is a partition of, which comes later.
void AddRule(HeapTuple row, TupleDesc descriptor, Entry* entry) {
  char* attribute = TextOf(row, kRuleAttribute, descriptor);
  for (int i = 0; i < entry->rule_count; ++i) {
    if (strcmp(entry->rules[i].attribute, attribute) == 0) return;
  }
  Size size = static_cast<Size>(entry->rule_count + 1) * sizeof(Rule);
  entry->rules = static_cast<Rule*>(entry->rules == nullptr ? palloc(size) : repalloc(entry->rules, size));
  Rule rule{attribute, strlen(attribute), TextOf(row, kRuleClass, descriptor)};
  entry->rules[entry->rule_count++] = rule;
  AddClass(rule.class_name, entry);
  if (strcmp(TextOf(row, kRulePhase, descriptor), "sealed") != 0) entry->awaits_sealing = true;
}

void ReadEntry(Entry* entry) {
  entry->columns = ReadColumns(entry->table);
  if (entry->columns.value == 0) return;
  List* tables = WithAncestors(entry->table);
  VisitRows(kRules, tables, AddRule, entry);
  auto add_class = [](HeapTuple row, TupleDesc descriptor, Entry* of) {
    AddClass(TextOf(row, kClassName, descriptor), of);
  };
  VisitRows(kClasses, tables, add_class, entry);
}

/// Valid until the next look at a catalog.
const Entry& FindEntry(Oid table) {
  MakeCache();
  auto* found = static_cast<Entry*>(hash_search(entries, &table, HASH_FIND, nullptr));
  if (found != nullptr) return *found;
  for (;;) {
    Entry entry{};
    entry.table = table;
    entry.memory = AllocSetContextCreate(CurrentMemoryContext, "pii attribute table", ALLOCSET_SMALL_SIZES);
    uint64 changes_before = changes;
    MemoryContext outer = MemoryContextSwitchTo(entry.memory);
    ReadEntry(&entry);
    MemoryContextSwitchTo(outer);
    if (changes != changes_before || entry.columns.value == 0) {
      MemoryContextDelete(entry.memory);
      entry.memory = nullptr;
    }
    if (changes != changes_before) continue;
    found = static_cast<Entry*>(hash_search(entries, &table, HASH_ENTER, nullptr));
    *found = entry;
    if (entry.memory != nullptr) MemoryContextSetParent(entry.memory, CacheMemoryContext);
    return *found;
  }
}

// ------------------------------------------------------------------------------------------------------------
// Attributes

bool IsString(Oid type) { return type == TEXTOID || type == VARCHAROID; }

const Rule* FindRule(const Entry& entry, const char* attribute, size_t size) {
  for (int i = 0; i < entry.rule_count; ++i) {
    const Rule& rule = entry.rules[i];
    if (rule.size == size && memcmp(rule.attribute, attribute, size) == 0) return &rule;
  }
  return nullptr;
}

int32 ClassOfText(Oid table, const char* attribute, size_t size) {
  const Rule* rule = FindRule(FindEntry(table), attribute, size);
  if (rule == nullptr) return kNoClass;
  const PiiClass* pii_class = FindClass(rule->class_name);
  return pii_class != nullptr ? pii_class->id : RequireClassByName(pstrdup(rule->class_name));
}

/// Of the rules of a table, its partitions and children, which a sweep goes through together.
void MovePhase(Oid table, const char* from, const char* to) {
  List* tables = find_all_inheritors(table, AccessShareLock, nullptr);
  Books books = OpenBooks(kRules);
  ListCell* cell;
  foreach (cell, tables) {
    RunInBooks(psprintf("UPDATE %s SET phase = $3 WHERE \"table\" = $1 AND phase = $2", books.table),
               {Parameter(lfirst_oid(cell)), Parameter(from), Parameter(to)});
  }
  CloseBooks(books);
}

}  // namespace

AttributeColumns FindAttributeColumns(uint32_t table) { return FindEntry(table).columns; }

AttributeColumns FindAttributeColumnsAt(uint32_t table, int16_t column) {
  AttributeColumns columns = FindEntry(table).columns;
  return columns.value == column ? columns : AttributeColumns{};
}

int32_t ClassOfAttribute(uint32_t table, uint32_t type, uintptr_t attribute) {
  type = getBaseType(type);
  if (IsString(type)) {
    auto* text = PG_DETOAST_DATUM_PACKED(attribute);
    return ClassOfText(table, VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
  }
  Oid output;
  bool is_varlena;
  getTypeOutputInfo(type, &output, &is_varlena);
  const char* text = OidOutputFunctionCall(output, attribute);
  return ClassOfText(table, text, strlen(text));
}

uint16_t* SearchedClasses(uint32_t table, int* count) {
  List* names = NIL;
  ListCell* cell;
  foreach (cell, FindEntry(table).class_names)
    names = lappend(names, pstrdup(static_cast<char*>(lfirst(cell))));
  auto* classes =
      static_cast<uint16_t*>(palloc(static_cast<Size>(list_length(names) + 1) * sizeof(uint16_t)));
  *count = 0;
  classes[(*count)++] = kTextClass;
  foreach (cell, names) {
    uint16_t id = RequireClassByName(static_cast<char*>(lfirst(cell)));
    if (id != kTextClass) classes[(*count)++] = id;
  }
  return classes;
}

void RequireSearchOfTable(uint32_t table) {
  int count;
  uint16_t* classes = SearchedClasses(table, &count);
  for (int i = 0; i < count; ++i) RequirePrivilege(kSearch, classes[i]);
}

bool MaySearchTable(uint32_t table) {
  int count;
  uint16_t* classes = SearchedClasses(table, &count);
  for (int i = 0; i < count; ++i) {
    if ((PrivilegesOn(classes[i]) & kSearch) == 0) return false;
  }
  return true;
}

bool AwaitsSealing(uint32_t table) { return FindEntry(table).awaits_sealing; }

void NoteClassOf(uint32_t table, uint16_t class_id) {
  const PiiClass* pii_class = FindClass(class_id);
  if (pii_class == nullptr || class_id == kTextClass) return;
  ListCell* cell;
  foreach (cell, FindEntry(table).class_names) {
    if (strcmp(static_cast<char*>(lfirst(cell)), pii_class->name_text) == 0) return;
  }
  const char* name = pstrdup(pii_class->name_text);
  Books books = OpenBooks(kClasses);
  RunInBooks(
      psprintf("INSERT INTO %s (\"table\", class) VALUES ($1, $2) ON CONFLICT DO NOTHING", books.table),
      {Parameter(table), Parameter(name)});
  CloseBooks(books);
  InvalidateRules(table);
}

void BeginSealing(uint32_t table) { MovePhase(table, "declared", "sealing"); }

/// A rule that was made, or changed, meanwhile is 'declared' again.
void EndSealing(uint32_t table) { MovePhase(table, "sealing", "sealed"); }

void BeginUnsealing(uint32_t table) {
  MovePhase(table, "sealing", "declared");
  MovePhase(table, "sealed", "declared");
}

bool IsAttributeType(uint32_t type) {
  type = getBaseType(type);
  return IsString(type) || type == NAMEOID || type == INT2OID || type == INT4OID || type == INT8OID ||
         type_is_enum(type);
}

void InvalidateRules(uint32_t table) {
  ListCell* cell;
  foreach (cell, find_all_inheritors(table, NoLock, nullptr))
    CacheInvalidateRelcacheByRelid(lfirst_oid(cell));
}

}  // namespace pii

#include "access_log.h"

#include "access_counters.h"
#include "audit.h"
#include "own_function.h"
#include "pg.h"
#include "settings.h"
#include "type_modifier.h"

namespace pii {
namespace {

/// More kinds of access than this in one statement are carried over early.
constexpr int kRoom = 64;
Access accesses[kRoom];
int access_count;

/// The last accesses of a few kinds: the columns of a row take turns.
constexpr uint32 kRecent = 16;
Access* recent[kRecent];

Access*& RecentOf(Operation operation, int32_t class_id) {
  return recent[(static_cast<uint32>(class_id) * kOperations + static_cast<uint32>(operation)) % kRecent];
}

AccessScope scope;
uint64_t scopes;

/// Does the relation have a column of this class, or one that takes any? Catalog look-ups: only for the
/// audit.
bool HasColumn(Oid relation, int32 class_id) {
  for (AttrNumber number = 1;; ++number) {
    HeapTuple row = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation), Int16GetDatum(number));
    if (!HeapTupleIsValid(row)) return false;
    auto* attribute = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(row));
    Oid type = attribute->atttypid;
    int32 modifier = attribute->atttypmod;
    bool dropped = attribute->attisdropped;
    ReleaseSysCache(row);
    if (dropped || !IsOwnType(type, "pii_text_in")) continue;
    getBaseTypeAndTypmod(type, &modifier);
    if (modifier == class_id || modifier == kNoClass) return true;
  }
}

/// The one table of the current scope that has a column of the class; 0 when there is none, or several.
Oid TableOf(int32 class_id) {
  if (OidIsValid(scope.table)) return scope.table;
  Oid table = InvalidOid;
  ListCell* cell;
  foreach (cell, scope.range_table) {
    auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
    if (entry->rtekind != RTE_RELATION || entry->relid == table || !HasColumn(entry->relid, class_id))
      continue;
    if (entry->relkind == RELKIND_VIEW) continue;
    if (OidIsValid(table)) return InvalidOid;
    table = entry->relid;
  }
  return table;
}

void NoteVersion(Access* access, uint16_t version) {
  if (version == 0) return;
  for (int i = 0; i < access->version_count; ++i) {
    if (access->versions[i] == version) return;
  }
  if (access->version_count < Access::kVersions) access->versions[access->version_count++] = version;
}

bool IsSame(const Access& one, const Access& other) {
  return one.user == other.user && one.class_id == other.class_id && one.operation == other.operation &&
         one.attempt == other.attempt;
}

/// Finds or makes the place for an access that is none of the last ones.
Access* FindAccess(const Access& wanted) {
  bool audited = IsAudited(wanted.operation);
  Oid table = audited ? TableOf(wanted.class_id) : InvalidOid;
  for (int i = 0; i < access_count; ++i) {
    if (!IsSame(accesses[i], wanted) || accesses[i].table != table) continue;
    accesses[i].scope = scope.number;
    return &accesses[i];
  }
  if (access_count == kRoom) CarryOverAccess();
  Access* access = &accesses[access_count];
  *access = wanted;
  access->table = table;
  access->scope = scope.number;
  if (audited) NameAccess(access);
  ++access_count;  // now that nothing can fail any more
  return access;
}

void OnTransactionEnd(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PARALLEL_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PARALLEL_ABORT:
      CarryOverAccess();
      break;
    default:
      break;
  }
}

}  // namespace

void NoteAccess(Operation operation, int32_t class_id, uint16_t key_version, const char* attempt) {
  Oid user = GetUserId();
  Access* access = RecentOf(operation, class_id);
  bool is_same = access != nullptr && access->operation == operation && access->class_id == class_id &&
                 access->user == user && access->attempt == attempt && access->scope == scope.number;
  if (unlikely(!is_same)) {
    Access wanted{};
    wanted.user = user;
    wanted.class_id = class_id;
    wanted.operation = operation;
    wanted.attempt = attempt;
    access = FindAccess(wanted);
    RecentOf(operation, class_id) = access;
  }
  ++access->values;
  if (access->version_count == 0 || access->versions[access->version_count - 1] != key_version)
    NoteVersion(access, key_version);
}

void NoteCanary(uint16_t class_id, uint16_t key_version) {
  Access access{};
  access.user = GetUserId();
  access.class_id = class_id;
  access.operation = Operation::kRevealed;
  access.values = 1;
  access.table = TableOf(class_id);
  NoteVersion(&access, key_version);
  NameAccess(&access);
  WriteAuditLine(access, true);
}

void CarryOverAccess() {
  int count = access_count;
  // First, so that an error on the way does not bring the same accesses here again.
  access_count = 0;
  memset(recent, 0, sizeof recent);
  for (int i = 0; i < count; ++i) {
    CountAccess(accesses[i]);
    if (accesses[i].is_named) WriteAuditLine(accesses[i], false);
  }
}

AccessScope EnterScope(const List* range_table, uint32_t table) {
  AccessScope outer = scope;
  scope = {++scopes, range_table, table};
  return outer;
}

void LeaveScope(const AccessScope& outer) { scope = outer; }

void InstallAccessLog() { RegisterXactCallback(OnTransactionEnd, nullptr); }

}  // namespace pii

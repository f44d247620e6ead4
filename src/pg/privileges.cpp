// Who may do what with values: the grants of pii_grant() in the extension's table, as a few bits for each
// user and class that a value can be checked against without looking anything up.

#include "privileges.h"

#include <initializer_list>

#include "access_log.h"
#include "pg.h"
#include "pii_class.h"
#include "relation_changes.h"
#include "settings.h"
#include "shared_keys.h"

namespace pii {
namespace {

/// Columns of the tables pii_privilege and pii_public_privilege.
constexpr AttrNumber kRole = 1, kClassOfRole = 2, kPrivilegeOfRole = 3;
constexpr AttrNumber kClassOfPublic = 1, kPrivilegeOfPublic = 2, kIsGranted = 3;

struct Grant {
  Oid role;        ///< 0: PUBLIC
  int32 class_id;  ///< kEveryClass: all
  uint8_t privilege;
  bool is_granted;  ///< false only for MASK, which PUBLIC has unless it was revoked
};

PrivilegeTables tables;  ///< that the grants were read from; 0: not known
Grant* grants;
Size grant_count;
bool grants_are_read;
uint64 changes;  ///< counts what PostgreSQL said of changes; they may come while an answer is worked out

/// What was worked out of the grants, by class and user. A scan meets few classes, so they hardly ever share
/// a place.
struct Answer {
  Oid user;
  int32 class_id;
  uint8_t privileges;
};
constexpr size_t kAnswers = 64;
Answer answers[kAnswers];

void ForgetAnswers(Datum, int, uint32) {
  ++changes;
  memset(answers, 0, sizeof answers);
}

void ForgetGrants(Oid relation) {
  bool may_matter = relation == InvalidOid || tables.of_roles == InvalidOid || relation == tables.of_roles ||
                    relation == tables.of_public;
  if (may_matter) ForgetPrivileges();
}

/// What is kept is dropped when PostgreSQL says that a role, a membership or the table has changed.
void WatchCatalogs() {
  static bool watching = false;
  if (watching) return;
  OnRelationChange(ForgetGrants);
  CacheRegisterSyscacheCallback(AUTHOID, ForgetAnswers, Datum(0));
  CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, ForgetAnswers, Datum(0));
  CacheRegisterSyscacheCallback(DATABASEOID, ForgetAnswers, Datum(0));  // whose owner pg_database_owner is
  watching = true;
}

uint8_t PrivilegeByName(const char* name) {
  for (Privilege privilege : {kReveal, kMask, kSearch, kImport}) {
    if (strcmp(name, PrivilegeName(privilege)) == 0) return privilege;
  }
  return 0;
}

/// Grants being read, in TopMemoryContext.
struct Reading {
  Grant* grants;
  Size count;
  Size room;
};

void Append(Reading* reading, const Grant& grant) {
  if (reading->count == reading->room)
    reading->grants = static_cast<Grant*>(repalloc(reading->grants, sizeof(Grant) * (reading->room *= 2)));
  reading->grants[reading->count++] = grant;
}

/// Reads a table as PostgreSQL reads its catalogs: what is committed now, also in an old transaction and in
/// parallel workers. No privilege on the table is asked for.
void ReadTable(Oid oid, bool is_public, Reading* reading) {
  Relation table = table_open(oid, AccessShareLock);
  TupleDesc descriptor = RelationGetDescr(table);
  SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
  while (HeapTuple row = systable_getnext(scan)) {
    bool is_null;
    auto column = [=, &is_null](AttrNumber number) {
      return heap_getattr(row, number, descriptor, &is_null);
    };
    char* name = TextDatumGetCString(column(is_public ? kPrivilegeOfPublic : kPrivilegeOfRole));
    Append(reading, {is_public ? InvalidOid : DatumGetObjectId(column(kRole)),
                     DatumGetInt32(column(is_public ? kClassOfPublic : kClassOfRole)), PrivilegeByName(name),
                     !is_public || DatumGetBool(column(kIsGranted))});
    pfree(name);
  }
  systable_endscan(scan);
  table_close(table, AccessShareLock);
}

/// False when there are no tables to read.
bool ReadGrants() {
  if (grants_are_read) return true;
  PrivilegeTables found = FindPrivilegeTables();
  if (!OidIsValid(found.of_roles) || !OidIsValid(found.of_public)) return false;
  uint64 changes_before = changes;
  tables = found;
  constexpr Size kRoom = 16;
  Reading reading{static_cast<Grant*>(MemoryContextAlloc(TopMemoryContext, sizeof(Grant) * kRoom)), 0, kRoom};
  ReadTable(found.of_roles, false, &reading);
  ReadTable(found.of_public, true, &reading);
  if (grants != nullptr) pfree(grants);
  grants = reading.grants;
  grant_count = reading.count;
  grants_are_read = changes == changes_before;
  return true;
}

/// Does a grant on one class count for `class_id`?
bool Covers(const Grant& grant, int32 class_id) {
  if (grant.class_id == kEveryClass || grant.class_id == class_id) return true;
  return class_id == kTextClass && (grant.privilege == kReveal || grant.privilege == kSearch);
}

/// PUBLIC has MASK until it is revoked. What is said of one class goes before what is said of all.
bool PublicMayMask(int32 class_id) {
  bool of_all = true;
  for (Size i = 0; i < grant_count; ++i) {
    const Grant& grant = grants[i];
    if (grant.role != InvalidOid || grant.privilege != kMask) continue;
    if (grant.class_id == class_id && class_id != kEveryClass) return grant.is_granted;
    if (grant.class_id == kEveryClass) of_all = grant.is_granted;
  }
  return of_all;
}

uint8_t WorkOut(Oid role, int32 class_id) {
  if (OidIsValid(role) && superuser_arg(role)) return kAllPrivileges;
  // Without the table not even MASK: it may have been revoked there.
  if (!ReadGrants()) return 0;
  uint8_t privileges = PublicMayMask(class_id) ? kMask : 0;
  for (Size i = 0; i < grant_count; ++i) {
    const Grant& grant = grants[i];
    if (!grant.is_granted || !Covers(grant, class_id)) continue;
    if (!OidIsValid(grant.role) || (OidIsValid(role) && has_privs_of_role(role, grant.role)))
      privileges |= grant.privilege;
  }
  if ((privileges & kReveal) != 0) privileges |= kMask;
  return privileges;
}

const char* ClassLabel(int32 class_id) {
  if (class_id == kEveryClass) return "*";
  const PiiClass* pii_class = FindClass(static_cast<uint16_t>(class_id));
  return pii_class != nullptr ? pii_class->name_text : psprintf("%d", class_id);
}

const char* Verb(Privilege privilege) {
  switch (privilege) {
    case kReveal:
      return "reveal";
    case kMask:
      return "mask";
    case kSearch:
      return "search";
    case kImport:
      return "import";
  }
  return "use";
}

bool HasPurpose() { return !settings.require_purpose || settings.purpose[0] != '\0'; }

[[noreturn]] void Deny(Privilege privilege, int32 class_id) {
  NoteAccess(Operation::kDenied, class_id, 0, Verb(privilege));
  const char* role = GetUserNameFromId(GetUserId(), false);
  const char* name = ClassLabel(class_id);
  ereport(ERROR,
          (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
           class_id == kEveryClass
               ? errmsg("role \"%s\" may not %s values whose class is not declared", role, Verb(privilege))
               : errmsg("role \"%s\" may not %s values of class %s", role, Verb(privilege), name),
           errhint("Somebody who administers privileges can allow it: SELECT pii_grant(%s, '%s', '%s').",
                   quote_literal_cstr(quote_identifier(role)), name, PrivilegeName(privilege))));
}

}  // namespace

uint8_t PrivilegesOn(int32_t class_id) {
  Oid user = GetUserId();
  Answer& answer = answers[static_cast<uint32_t>(class_id) % kAnswers];
  if (likely(answer.user == user && answer.class_id == class_id)) return answer.privileges;
  WatchCatalogs();
  uint64 changes_before = changes;
  uint8_t privileges = WorkOut(user, class_id);
  if (changes == changes_before) answer = {user, class_id, privileges};
  return privileges;
}

uint8_t PrivilegesOf(uint32_t role, int32_t class_id) {
  WatchCatalogs();
  return WorkOut(role, class_id);
}

bool MayReveal(int32_t class_id) { return (PrivilegesOn(class_id) & kReveal) != 0 && HasPurpose(); }

void RequirePrivilege(Privilege privilege, int32_t class_id) {
  if (unlikely((PrivilegesOn(class_id) & privilege) == 0)) Deny(privilege, class_id);
}

void RequireReveal(int32_t class_id) {
  RequirePrivilege(kReveal, class_id);
  if (likely(HasPurpose())) return;
  NoteAccess(Operation::kDenied, class_id, 0, "reveal without purpose");
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("no purpose is stated"),
                  errdetail("pii.require_purpose is on: who reveals values says what for."),
                  errhint("For example: SET pii.purpose = 'ticket 4711'.")));
}

PrivilegeTables FindPrivilegeTables() {
  PrivilegeTables found{};
  if (!IsTransactionState()) return found;
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("pii"));
  Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(extensions, ExtensionNameIndexId, true, nullptr, 1, &key);
  HeapTuple row = systable_getnext(scan);
  if (HeapTupleIsValid(row)) {
    Oid schema = reinterpret_cast<Form_pg_extension>(GETSTRUCT(row))->extnamespace;
    found = {get_relname_relid("pii_privilege", schema), get_relname_relid("pii_public_privilege", schema)};
  }
  systable_endscan(scan);
  table_close(extensions, AccessShareLock);
  return found;
}

void ForgetPrivileges() {
  // The grants themselves stay until others are read: somebody may be looking at them.
  ++changes;
  grants_are_read = false;
  tables = {};
  memset(answers, 0, sizeof answers);
}

uint8_t GrantsOf(uint32_t role, int32_t class_id) {
  ForgetPrivileges();
  return WorkOut(role, class_id);
}

const char* PrivilegeName(Privilege privilege) {
  switch (privilege) {
    case kReveal:
      return "REVEAL";
    case kMask:
      return "MASK";
    case kSearch:
      return "SEARCH";
    case kImport:
      return "IMPORT";
  }
  return "";
}

}  // namespace pii

// pii_grant() and pii_revoke(): who may run them (EXECUTE) administers privileges. They run as the owner of
// the extension, whose table the grants are in, and so on the dump of the database.

#include <initializer_list>

#include "audit.h"
#include "pg.h"
#include "privileges.h"
#include "type_modifier.h"

namespace pii {
namespace {

object_access_hook_type next_object_access;

/// A class, and what it is called in messages.
struct ClassChoice {
  int32 id;
  const char* name;
};

/// Arguments of pii_grant() and pii_revoke().
struct Request {
  Oid role;  ///< 0: PUBLIC
  const char* role_name;
  ClassChoice pii_class;
  uint8_t privileges;
};

/// A role as text of the type regrole, or `public`.
Oid RoleByName(const char* name) {
  if (pg_strcasecmp(name, "public") == 0) return InvalidOid;
  return DatumGetObjectId(DirectFunctionCall1(regrolein, CStringGetDatum(name)));
}

const char* RoleName(Oid role) {
  if (!OidIsValid(role)) return "public";
  const char* name = GetUserNameFromId(role, true);
  if (name == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("role with OID %u does not exist", role)));
  }
  return name;
}

uint8_t PrivilegesByName(const char* name) {
  if (pg_strcasecmp(name, "all") == 0) return kAllPrivileges;
  for (Privilege privilege : {kReveal, kMask, kSearch, kImport}) {
    if (pg_strcasecmp(name, PrivilegeName(privilege)) == 0) return privilege;
  }
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("privilege does not exist"),
                  errhint("The privileges are: REVEAL, MASK, SEARCH, IMPORT, ALL.")));
}

ClassChoice ClassByName(const char* name) {
  if (strcmp(name, "*") == 0) return {kEveryClass, "*"};
  return {RequireClassByName(name), name};
}

Request ReadRequest(FunctionCallInfo fcinfo, bool role_is_text) {
  Request request;
  request.role = role_is_text ? RoleByName(text_to_cstring(PG_GETARG_TEXT_PP(0))) : PG_GETARG_OID(0);
  request.role_name = RoleName(request.role);
  request.pii_class = ClassByName(text_to_cstring(PG_GETARG_TEXT_PP(1)));
  request.privileges = PrivilegesByName(text_to_cstring(PG_GETARG_TEXT_PP(2)));
  return request;
}

/// `schema.table`
const char* TableName(Oid table) {
  if (!OidIsValid(table)) elog(ERROR, "a table of privileges of extension pii is missing");
  return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
}

/// Runs a statement on the table of roles or of PUBLIC, with class $1, privilege $2 and role $3.
void Change(const char* of_roles, const char* of_public, const Request& request, Privilege privilege) {
  PrivilegeTables tables = FindPrivilegeTables();
  bool is_public = !OidIsValid(request.role);
  const char* statement = is_public ? psprintf(of_public, TableName(tables.of_public))
                                    : psprintf(of_roles, TableName(tables.of_roles));
  Oid types[] = {INT4OID, TEXTOID, OIDOID};
  Datum values[] = {Int32GetDatum(request.pii_class.id), CStringGetTextDatum(PrivilegeName(privilege)),
                    ObjectIdGetDatum(request.role)};
  if (SPI_execute_with_args(statement, is_public ? 2 : 3, types, values, nullptr, false, 0) < 0)
    elog(ERROR, "could not change privileges");
}

/// What is said of all classes takes the place of what was said of some.
void Remove(const Request& request, Privilege privilege) {
  Change("DELETE FROM %s WHERE privilege = $2 AND ($1 = -1 OR class_id = $1) AND role = $3",
         "DELETE FROM %s WHERE privilege = $2 AND ($1 = -1 OR class_id = $1)", request, privilege);
}

void Grant(const Request& request, Privilege privilege) {
  Remove(request, privilege);
  Change("INSERT INTO %s (class_id, privilege, role) VALUES ($1, $2, $3)",
         "INSERT INTO %s (class_id, privilege, is_granted) VALUES ($1, $2, true)", request, privilege);
}

void Revoke(const Request& request, Privilege privilege) {
  Remove(request, privilege);
  // PUBLIC has MASK without being granted it, so it is the revocation that has to be kept.
  if (!OidIsValid(request.role) && privilege == kMask)
    Change("", "INSERT INTO %s (class_id, privilege, is_granted) VALUES ($1, $2, false)", request, privilege);
}

/// As REVOKE, it takes one grant back; but it says so when that was not the only one.
void WarnOfOtherGrants(const Request& request, Privilege privilege) {
  if ((GrantsOf(request.role, request.pii_class.id) & privilege) == 0) return;
  bool is_superuser = OidIsValid(request.role) && superuser_arg(request.role);
  ereport(WARNING,
          (errmsg("\"%s\" still has %s on class %s", request.role_name, PrivilegeName(privilege),
                  request.pii_class.name),
           is_superuser
               ? errdetail("The role is a superuser.")
               : errdetail("The privilege comes from PUBLIC, a role that this one is a member of, the class "
                           "\"*\", or from REVEAL, which includes MASK."),
           errhint("SELECT * FROM pii_privileges shows all grants.")));
}

void ChangeAll(const Request& request, bool is_grant) {
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  for (Privilege privilege : {kReveal, kMask, kSearch, kImport}) {
    if ((request.privileges & privilege) == 0) continue;
    if (is_grant) {
      Grant(request, privilege);
    } else {
      Revoke(request, privilege);
    }
    AuditGrant(is_grant, request.role_name, request.pii_class.name, PrivilegeName(privilege));
  }
  SPI_finish();
  CommandCounterIncrement();
  for (Privilege privilege : {kReveal, kMask, kSearch, kImport}) {
    if (!is_grant && (request.privileges & privilege) != 0) WarnOfOtherGrants(request, privilege);
  }
}

/// A role that is gone leaves no grants behind in this database. In others they name nobody: a dump leaves
/// them out.
void ForgetDroppedRole(ObjectAccessType access, Oid class_oid, Oid object, int sub_id, void* argument) {
  if (next_object_access != nullptr) next_object_access(access, class_oid, object, sub_id, argument);
  if (access != OAT_DROP || class_oid != AuthIdRelationId || IsBootstrapProcessingMode()) return;
  Oid oid = FindPrivilegeTables().of_roles;
  if (!OidIsValid(oid)) return;
  Relation table = table_open(oid, RowExclusiveLock);
  ScanKeyData key;
  ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
  SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 1, &key);
  while (HeapTuple row = systable_getnext(scan)) simple_heap_delete(table, &row->t_self);
  systable_endscan(scan);
  CacheInvalidateRelcache(table);
  table_close(table, RowExclusiveLock);
}

/// Roles that may write any table (pg_write_all_data) may not write one of these.
void RequireOwner(const TriggerData* trigger) {
  if (has_privs_of_role(GetUserId(), trigger->tg_relation->rd_rel->relowner)) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("permission denied for table %s", RelationGetRelationName(trigger->tg_relation)),
                  errhint("Use pii_grant() and pii_revoke().")));
}

}  // namespace

void InstallGrants() {
  next_object_access = object_access_hook;
  object_access_hook = ForgetDroppedRole;
}

}  // namespace pii

PII_FUNCTION(pii_grant) {
  pii::ChangeAll(pii::ReadRequest(fcinfo, false), true);
  PG_RETURN_VOID();
}
PII_FUNCTION(pii_grant_by_name) {
  pii::ChangeAll(pii::ReadRequest(fcinfo, true), true);
  PG_RETURN_VOID();
}
PII_FUNCTION(pii_revoke) {
  pii::ChangeAll(pii::ReadRequest(fcinfo, false), false);
  PG_RETURN_VOID();
}
PII_FUNCTION(pii_revoke_by_name) {
  pii::ChangeAll(pii::ReadRequest(fcinfo, true), false);
  PG_RETURN_VOID();
}

/// Trigger of both tables. Every session reads the grants again. A publisher may not empty them.
PII_FUNCTION(pii_privilege_changed) {
  if (!CALLED_AS_TRIGGER(fcinfo)) elog(ERROR, "pii_privilege_changed is a trigger function");
  auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
  if (IsLogicalWorker() && TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("permission denied for table %s", RelationGetRelationName(trigger->tg_relation)),
                    errhint("Use pii_grant() and pii_revoke().")));
  }
  pii::RequireOwner(trigger);
  CacheInvalidateRelcache(trigger->tg_relation);
  PG_RETURN_POINTER(nullptr);
}

/// Trigger for each row, before it is written: a function that the statement calls for a later row would see
/// it as a grant. What a publisher grants is no grant here, where a role of that name, or of that OID, may be
/// somebody else. FOR ALL TABLES publishes the tables too.
PII_FUNCTION(pii_privilege_is_local) {
  if (!CALLED_AS_TRIGGER(fcinfo)) elog(ERROR, "pii_privilege_is_local is a trigger function");
  auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
  if (IsLogicalWorker()) PG_RETURN_POINTER(nullptr);
  pii::RequireOwner(trigger);
  PG_RETURN_POINTER(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple
                                                               : trigger->tg_trigtuple);
}

#include "acting_role.h"

#include "pg.h"

namespace pii {
namespace {

/// May a role read a table, with no policy that applies to it? A policy that is forced on the owner does not
/// when he acts for somebody whom none applies to.
bool MayReadAll(Oid role, Oid table) {
  return pg_class_aclcheck(table, role, ACL_SELECT) == ACLCHECK_OK &&
         pg_namespace_aclcheck(get_rel_namespace(table), role, ACL_USAGE) == ACLCHECK_OK &&
         (check_enable_rls(table, role, true) != RLS_ENABLED || has_bypassrls_privilege(GetUserId()));
}

}  // namespace

uint32_t OwnerOrSelf(uint32_t table) {
  HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
  if (!HeapTupleIsValid(row)) return GetUserId();
  Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relowner;
  ReleaseSysCache(row);
  return has_privs_of_role(GetUserId(), owner) ? owner : GetUserId();
}

namespace {

ActingRole Act(Oid role, int more_limits) {
  ActingRole before;
  GetUserIdAndSecContext(&before.user, &before.security);
  before.nest_level = NewGUCNestLevel();
  int limits = SECURITY_LOCAL_USERID_CHANGE | more_limits;
  if (!has_privs_of_role(role, before.user)) limits |= SECURITY_RESTRICTED_OPERATION;
  SetUserIdAndSecContext(role, before.security | limits);
  return before;
}

}  // namespace

ActingRole ActAs(uint32_t role) { return Act(role, 0); }

ActingRole ReadAs(uint32_t role) {
  return Act(role, has_bypassrls_privilege(GetUserId()) ? SECURITY_NOFORCE_RLS : 0);
}

void ActAsBefore(const ActingRole& before) {
  AtEOXact_GUC(false, before.nest_level);
  SetUserIdAndSecContext(before.user, before.security);
}

uint32_t ReaderOf(uint32_t table) {
  Oid owner = OwnerOrSelf(table);
  return owner == GetUserId() || MayReadAll(owner, table) ? owner : InvalidOid;
}

uint32_t RequireReaderOf(uint32_t table) {
  Oid reader = ReaderOf(table);
  if (OidIsValid(reader)) return reader;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("table \"%s\" cannot be read as its owner", get_rel_name(table)),
                  errdetail("What its owner wrote for it, such as expressions of indexes, would run with the "
                            "rights of who looks."),
                  errhint("GRANT its owner SELECT on it and USAGE on its schema.")));
}

}  // namespace pii

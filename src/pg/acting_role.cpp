#include "acting_role.h"

#include <initializer_list>

#include "mixed_expression.h"
#include "pg.h"

namespace pii {
namespace {

/// May a role read a table, with no policy that applies to it?
bool MayReadAll(Oid role, Oid table) {
  return pg_class_aclcheck(table, role, ACL_SELECT) == ACLCHECK_OK &&
         pg_namespace_aclcheck(get_rel_namespace(table), role, ACL_USAGE) == ACLCHECK_OK &&
         check_enable_rls(table, role, true) != RLS_ENABLED;
}

bool CallsOthers(Node* node, void*) {
  if (node == nullptr) return false;
  bool is_other = FunctionOf(node) >= FirstNormalObjectId && !CallsOwn(node);
  return is_other || IsA(node, CoerceToDomain) || IsA(node, RowCompareExpr) ||
         WalkExpression(node, CallsOthers, nullptr);
}

/// Does an expression in a catalog, of a row about a table, call functions that somebody made? As it is
/// stored: to have PostgreSQL prepare it would call them.
bool HasOthersIn(Oid catalog_oid, Oid index, AttrNumber key, Oid table,
                 std::initializer_list<AttrNumber> columns) {
  ScanKeyData scan_key;
  ScanKeyInit(&scan_key, key, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table));
  Relation catalog = table_open(catalog_oid, AccessShareLock);
  SysScanDesc scan = systable_beginscan(catalog, index, true, nullptr, 1, &scan_key);
  bool found = false;
  while (HeapTuple row = systable_getnext(scan)) {
    for (AttrNumber column : columns) {
      bool is_null;
      Datum tree = heap_getattr(row, column, RelationGetDescr(catalog), &is_null);
      if (is_null || found) continue;
      found = CallsOthers(static_cast<Node*>(stringToNode(TextDatumGetCString(tree))), nullptr);
    }
  }
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
  return found;
}

bool IsPlannedWithOthers(Oid table) {
  ListCell* cell;
  foreach (cell, find_all_inheritors(table, NoLock, nullptr)) {
    if (HasOthersIn(IndexRelationId, IndexIndrelidIndexId, Anum_pg_index_indrelid, lfirst_oid(cell),
                    {Anum_pg_index_indexprs, Anum_pg_index_indpred}) ||
        HasOthersIn(ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid,
                    lfirst_oid(cell), {Anum_pg_constraint_conbin}))
      return true;
  }
  return false;
}

}  // namespace

uint32_t OwnerOrSelf(uint32_t table) {
  HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
  if (!HeapTupleIsValid(row)) return GetUserId();
  Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relowner;
  ReleaseSysCache(row);
  return has_privs_of_role(GetUserId(), owner) ? owner : GetUserId();
}

ActingRole ActAs(uint32_t role) {
  ActingRole before;
  GetUserIdAndSecContext(&before.user, &before.security);
  before.nest_level = NewGUCNestLevel();
  int limits = SECURITY_LOCAL_USERID_CHANGE;
  if (!has_privs_of_role(role, before.user)) limits |= SECURITY_RESTRICTED_OPERATION;
  SetUserIdAndSecContext(role, before.security | limits);
  return before;
}

void ActAsBefore(const ActingRole& before) {
  AtEOXact_GUC(false, before.nest_level);
  SetUserIdAndSecContext(before.user, before.security);
}

uint32_t ReaderOf(uint32_t table) {
  Oid owner = OwnerOrSelf(table);
  if (owner == GetUserId() || MayReadAll(owner, table)) return owner;
  return IsPlannedWithOthers(table) ? InvalidOid : GetUserId();
}

uint32_t RequireReaderOf(uint32_t table) {
  Oid reader = ReaderOf(table);
  if (OidIsValid(reader)) return reader;
  ereport(
      ERROR,
      (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
       errmsg("table \"%s\" cannot be read as its owner", get_rel_name(table)),
       errdetail("Its indexes or constraints call functions, which would run with the rights of who looks."),
       errhint("Let its owner SELECT from it, without row level security that is forced.")));
}

}  // namespace pii

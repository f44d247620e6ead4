#include "rewrap_update.h"

#include "pg.h"
#include "sealed_column.h"

namespace pii {
namespace {

/// Rows are not waited for longer than that where a whole batch of others is held.
constexpr const char* kLongestWait = "100ms";

const char* NameOf(Relation table) {
  return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)),
                                    RelationGetRelationName(table));
}

/// The owner of the table, so that his triggers, checks and expressions do not run with the rights of a
/// superuser who rewraps it. But only for who has the owner's rights anyhow: the functions that those name
/// are found by the search_path of the caller, who must not gain by it.
Oid ActingRole(Relation table) {
  Oid owner = table->rd_rel->relowner;
  return has_privs_of_role(GetUserId(), owner) ? owner : GetUserId();
}

}  // namespace

int64_t UpdateRows(Relation table, const char* column_name, Datum* places, int count) {
  const char* column = quote_identifier(column_name);
  const char* query =
      psprintf("UPDATE ONLY %s SET %s = %s.pii_rewrap(%s) WHERE ctid OPERATOR(pg_catalog.=) ANY ($1)",
               NameOf(table), column, ExtensionSchema(RelationGetRelid(table), column_name), column);
  Datum array =
      PointerGetDatum(construct_array(places, count, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
  Oid type = TIDARRAYOID;
  Oid caller;
  int security;
  GetUserIdAndSecContext(&caller, &security);
  SetUserIdAndSecContext(ActingRole(table), security | SECURITY_LOCAL_USERID_CHANGE);
  if (SPI_execute_with_args(query, 1, &type, &array, nullptr, false, 0) != SPI_OK_UPDATE) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("a rule of relation \"%s\" does something else instead of UPDATE",
                           RelationGetRelationName(table)),
                    errhint("Disable it (ALTER TABLE ... DISABLE RULE), and call again.")));
  }
  auto moved = static_cast<int64>(SPI_processed);
  // At the commit, deferred triggers would run as the caller.
  if (table->trigdesc != nullptr && SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0) < 0)
    elog(ERROR, "could not run deferred triggers");
  SetUserIdAndSecContext(caller, security);
  return moved;
}

namespace {

/// Somebody was faster, or holds what is needed for longer than a batch may wait.
bool IsPassing(int sqlstate) {
  return sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED ||
         sqlstate == ERRCODE_T_R_SERIALIZATION_FAILURE;
}

/// The error of a subtransaction that is over by now, in `context`; null when there was none.
ErrorData* EndFailedUpdate(MemoryContext context, ResourceOwner owner) {
  MemoryContextSwitchTo(context);
  ErrorData* error = CopyErrorData();
  FlushErrorState();
  RollbackAndReleaseCurrentSubTransaction();
  MemoryContextSwitchTo(context);
  CurrentResourceOwner = owner;
  return error;
}

}  // namespace

int64_t TryUpdateRows(Relation table, const char* column, Datum* places, int count) {
  volatile int64 moved = 0;
  ErrorData* volatile error = nullptr;
  MemoryContext context = CurrentMemoryContext;
  ResourceOwner owner = CurrentResourceOwner;
  BeginInternalSubTransaction(nullptr);
  MemoryContextSwitchTo(context);
  PG_TRY();
  {
    set_config_option("lock_timeout", kLongestWait, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                      false);
    moved = UpdateRows(table, column, places, count);
    ReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
  }
  PG_CATCH();
  {
    error = EndFailedUpdate(context, owner);
    moved = 0;
  }
  PG_END_TRY();
  if (error != nullptr && !IsPassing(error->sqlerrcode)) ReThrowError(error);
  return moved;
}

void CheckMayUpdate(Oid table, const char* column) {
  AttrNumber number = RequireSealedColumn(table, column);
  char kind = get_rel_relkind(table);
  if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a table", get_rel_name(table)),
                    errhint("A materialized view is sealed anew by REFRESH MATERIALIZED VIEW.")));
  }
  AclResult result = pg_class_aclcheck(table, GetUserId(), ACL_UPDATE);
  if (result != ACLCHECK_OK) result = pg_attribute_aclcheck(table, number, GetUserId(), ACL_UPDATE);
  if (result != ACLCHECK_OK) aclcheck_error(result, OBJECT_TABLE, get_rel_name(table));
  if (check_enable_rls(table, InvalidOid, true) != RLS_ENABLED) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("row level security of relation \"%s\" applies to you", get_rel_name(table)),
                  errhint("Rewrap it as the owner of the table.")));
}

void CheckMayUpdateMember(Relation member) {
  if (member->rd_tableam->scan_set_tidrange == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("the access method of table \"%s\" has no scan by places",
                           RelationGetRelationName(member)),
                    errhint("UPDATE the column with pii_rewrap().")));
  }
  if (check_enable_rls(RelationGetRelid(member), ActingRole(member), true) != RLS_ENABLED) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("row level security of relation \"%s\" applies to role \"%s\"",
                         RelationGetRelationName(member), GetUserNameFromId(ActingRole(member), false)),
                  errhint("Rewrap it as a role that it does not apply to.")));
}

}  // namespace pii

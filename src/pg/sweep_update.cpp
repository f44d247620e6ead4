#include "sweep_update.h"

#include "acting_role.h"
#include "adopted_column.h"
#include "attribute_rules.h"
#include "pg.h"
#include "pii_class.h"
#include "privileges.h"
#include "sealed_column.h"
#include "shared_keys.h"
#include "subtransaction.h"

namespace pii {
namespace {

Oid unsealed_table;

/// Rows are not waited for longer than that where a whole batch of others is held.
constexpr const char* kLongestWait = "100ms";

const char* NameOf(Relation table) {
  return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)),
                                    RelationGetRelationName(table));
}

/// The class that a column declares; every class (kEveryClass) when it declares none.
int32 DeclaredClassOf(Oid table, AttrNumber column) {
  Oid type;
  int32 modifier;
  Oid collation;
  get_atttypetypmodcoll(table, column, &type, &modifier, &collation);
  getBaseTypeAndTypmod(type, &modifier);
  return modifier < 0 ? kEveryClass : modifier;
}

/// What UPDATE sets the column to. To unseal, and in an attribute table, it is a trigger that changes the
/// row.
const char* NewValue(Relation table, const char* column_name, SweepKind kind) {
  const char* column = quote_identifier(column_name);
  const char* schema = ExtensionSchema(RelationGetRelid(table), column_name);
  AttrNumber number = get_attnum(RelationGetRelid(table), column_name);
  switch (kind) {
    case SweepKind::kRewrap:
      return psprintf("%s.pii_rewrap(%s)", schema, column);
    case SweepKind::kSeal:
      if (FindAttributeColumnsAt(RelationGetRelid(table), number).value != 0) return column;
      return psprintf("%s.pii_seal_adopted(%s, %d, %s)", schema, column,
                      Max(DeclaredClassOf(RelationGetRelid(table), number), 0),
                      FindAdopted(RelationGetRelid(table), number).is_padded ? "true" : "false");
    default:
      return column;
  }
}

void RunUpdate(Relation table, const char* query, Datum places) {
  Oid type = TIDARRAYOID;
  if (SPI_execute_with_args(query, 1, &type, &places, nullptr, false, 0) == SPI_OK_UPDATE) return;
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("a rule of relation \"%s\" does something else instead of UPDATE",
                         RelationGetRelationName(table)),
                  errhint("Disable it (ALTER TABLE ... DISABLE RULE), and call again.")));
}

}  // namespace

uint32_t UnsealedTable() { return unsealed_table; }

int64_t UpdateRows(Relation table, const char* column_name, SweepKind kind, Datum* places, int count) {
  const char* column = quote_identifier(column_name);
  const char* query = psprintf("UPDATE ONLY %s SET %s = %s WHERE ctid OPERATOR(pg_catalog.=) ANY ($1)",
                               NameOf(table), column, NewValue(table, column_name, kind));
  Datum array =
      PointerGetDatum(construct_array(places, count, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
  ActingRole caller = ActAs(OwnerOrSelf(RelationGetRelid(table)));
  // At the commit, deferred triggers would run as the caller.
  if (SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0) < 0) elog(ERROR, "could not set constraints");
  Oid outer_table = unsealed_table;
  unsealed_table = kind == SweepKind::kUnseal ? RelationGetRelid(table) : InvalidOid;
  PG_TRY();
  { RunUpdate(table, query, array); }
  PG_FINALLY();
  { unsealed_table = outer_table; }
  PG_END_TRY();
  auto moved = static_cast<int64>(SPI_processed);
  ActAsBefore(caller);
  return moved;
}

namespace {

/// Somebody was faster, or holds what is needed for longer than a batch may wait.
bool IsPassing(int sqlstate) {
  return sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED ||
         sqlstate == ERRCODE_T_R_SERIALIZATION_FAILURE;
}

/// Plaintext is for the owner of the table to read: what is written while a column is unsealed stays sealed
/// where neither he nor who writes may reveal it, and the column would never be done.
void RequireOwnersReveal(Oid table, int32 class_id) {
  HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
  if (!HeapTupleIsValid(row)) elog(ERROR, "cache lookup failed for relation %u", table);
  Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relowner;
  ReleaseSysCache(row);
  if ((PrivilegesOf(owner, class_id) & kReveal) != 0) return;
  const PiiClass* pii_class = class_id < 0 ? nullptr : FindClass(static_cast<uint16_t>(class_id));
  ereport(ERROR,
          (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
           errmsg("the owner of table \"%s\" may not reveal its values", get_rel_name(table)),
           errhint("He could read them as plaintext. If he should: SELECT pii_grant(%s, '%s', 'REVEAL').",
                   quote_literal_cstr(GetUserNameFromId(owner, false)),
                   pii_class != nullptr ? pii_class->name_text : "*")));
}

}  // namespace

int64_t TryUpdateRows(Relation table, const char* column, SweepKind kind, Datum* places, int count) {
  int64 moved = 0;
  ErrorData* error = RunInSubtransaction([&] {
    SetForSubtransaction("lock_timeout", kLongestWait);
    moved = UpdateRows(table, column, kind, places, count);
  });
  if (error == nullptr) return moved;
  if (!IsPassing(error->sqlerrcode)) ReThrowError(error);
  return 0;
}

void CheckMayUpdate(Oid table, const char* column, SweepKind kind) {
  AttrNumber number = RequireSealedColumn(table, column);
  char relkind = get_rel_relkind(table);
  if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a table", get_rel_name(table)),
                    errhint("A materialized view is sealed anew by REFRESH MATERIALIZED VIEW.")));
  }
  if (kind != SweepKind::kRewrap && !pg_class_ownercheck(table, GetUserId()))
    aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(table));
  if (kind == SweepKind::kUnseal) {
    RequireReveal(DeclaredClassOf(table, number));
    RequireOwnersReveal(table, DeclaredClassOf(table, number));
  }
  AclResult result = pg_class_aclcheck(table, GetUserId(), ACL_UPDATE);
  if (result != ACLCHECK_OK) result = pg_attribute_aclcheck(table, number, GetUserId(), ACL_UPDATE);
  if (result != ACLCHECK_OK) aclcheck_error(result, OBJECT_TABLE, get_rel_name(table));
  if (check_enable_rls(table, InvalidOid, true) != RLS_ENABLED) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("row level security of relation \"%s\" applies to you", get_rel_name(table)),
                  errhint("Do it as the owner of the table.")));
}

void CheckMayUpdateMember(Relation member) {
  if (member->rd_tableam->scan_set_tidrange == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("the access method of table \"%s\" has no scan by places",
                           RelationGetRelationName(member)),
                    errhint("UPDATE the column with pii_rewrap().")));
  }
  if (check_enable_rls(RelationGetRelid(member), OwnerOrSelf(RelationGetRelid(member)), true) != RLS_ENABLED)
    return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("row level security of relation \"%s\" applies to role \"%s\"",
                         RelationGetRelationName(member),
                         GetUserNameFromId(OwnerOrSelf(RelationGetRelid(member)), false)),
                  errhint("Do it as a role that it does not apply to.")));
}

}  // namespace pii

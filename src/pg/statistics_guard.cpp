// CREATE STATISTICS ON (pii_reveal(ssn)) FROM t would make ANALYZE write plaintext to pg_statistic_ext_data,
// as most common values and histogram. Indexes and generated columns take only IMMUTABLE expressions and so
// never contain what reveals; statistics take any. So they are refused here.

#include "statistics_guard.h"

#include "pg.h"

extern "C" Datum pii_text_in(PG_FUNCTION_ARGS);

namespace pii {
namespace {

object_access_hook_type next_object_access;

/// Is `type` pii_text, or a domain over it, or an array of it? Found by its input function, which is ours in
/// whatever schema the extension was installed.
bool HoldsValues(Oid type) {
  type = getBaseType(type);
  Oid element = get_element_type(type);
  if (OidIsValid(element)) type = getBaseType(element);
  if (type < FirstNormalObjectId) return false;
  Oid input;
  Oid io_parameter;
  getTypeInputInfo(type, &input, &io_parameter);
  FmgrInfo function;
  fmgr_info(input, &function);
  return function.fn_addr == pii_text_in;
}

bool ReadsValues(Node* node, void*) {
  if (node == nullptr) return false;
  if (IsA(node, Var) && HoldsValues(exprType(node))) return true;
  return WalkExpression(node, ReadsValues);
}

bool RevealsValues(Oid statistics) {
  CommandCounterIncrement();  // the row was made by the command that is still running
  HeapTuple row = SearchSysCache1(STATEXTOID, ObjectIdGetDatum(statistics));
  if (!HeapTupleIsValid(row)) return false;
  bool is_null;
  Datum stored = SysCacheGetAttr(STATEXTOID, row, Anum_pg_statistic_ext_stxexprs, &is_null);
  bool reveals = false;
  if (!is_null) {
    auto* expressions = static_cast<Node*>(stringToNode(TextDatumGetCString(stored)));
    reveals = contain_mutable_functions(expressions) && ReadsValues(expressions, nullptr);
  }
  ReleaseSysCache(row);
  return reveals;
}

void CheckObjectAccess(ObjectAccessType access, Oid class_oid, Oid object, int sub_id, void* argument) {
  if (next_object_access != nullptr) next_object_access(access, class_oid, object, sub_id, argument);
  if (access != OAT_POST_CREATE || class_oid != StatisticExtRelationId || !RevealsValues(object)) return;
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("statistics on an expression that reveals a sealed column are not supported"),
                  errdetail("ANALYZE would store plaintext in the catalog."),
                  errhint("Leave the sealed column out of the expression.")));
}

}  // namespace

void InstallStatisticsGuard() {
  next_object_access = object_access_hook;
  object_access_hook = CheckObjectAccess;
}

}  // namespace pii

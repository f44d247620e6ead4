#include "prepared_result.h"

#include "adopted_column.h"
#include "own_function.h"
#include "pg.h"

namespace pii {
namespace {

bool IsSealed(Oid type) { return type >= FirstNormalObjectId && IsOwnType(type, "pii_text_in"); }

List* ResultOf(const Query* query) {
  return query->commandType == CMD_SELECT ? query->targetList : query->returningList;
}

bool GivesSealed(const Query* query) {
  ListCell* cell;
  foreach (cell, ResultOf(query)) {
    auto* entry = static_cast<TargetEntry*>(lfirst(cell));
    if (!entry->resjunk && IsSealed(exprType(reinterpret_cast<Node*>(entry->expr)))) return true;
  }
  return false;
}

bool IsText(Oid type) {
  char category;
  bool is_preferred;
  get_type_category_preferred(getBaseType(type), &category, &is_preferred);
  return category == TYPCATEGORY_STRING;
}

/// Do the results differ in columns alone that were adopted, or released?
bool IsAdoptedResult(TupleDesc before, TupleDesc now) {
  if (before->natts != now->natts) return false;
  for (int i = 0; i < now->natts; ++i) {
    Oid old_type = TupleDescAttr(before, i)->atttypid;
    Oid new_type = TupleDescAttr(now, i)->atttypid;
    bool is_alike = old_type == new_type || (IsText(old_type) && IsSealed(new_type)) ||
                    (IsSealed(old_type) && IsText(new_type));
    if (!is_alike) return false;
  }
  return true;
}

/// Gives the prepared statement, when it is the one that was analysed, the result that it has now.
void Adapt(const char* name, const ParseState* state, const Query* query) {
  PreparedStatement* prepared = FetchPreparedStatement(name, false);
  if (prepared == nullptr) return;
  CachedPlanSource* source = prepared->plansource;
  if (source->query_string != state->p_sourcetext || source->resultDesc == nullptr) return;
  TupleDesc now = ExecCleanTypeFromTL(ResultOf(query));
  if (!IsAdoptedResult(source->resultDesc, now)) return;
  MemoryContext outer = MemoryContextSwitchTo(source->context);
  TupleDesc before = source->resultDesc;
  source->resultDesc = CreateTupleDescCopy(now);  // an error here leaves the other as it was
  FreeTupleDesc(before);
  MemoryContextSwitchTo(outer);
}

/// EXECUTE asks for the result of a prepared statement before PostgreSQL looks at it anew.
void Renew(const ExecuteStmt* execute) {
  PreparedStatement* prepared = FetchPreparedStatement(execute->name, false);
  if (prepared != nullptr) CachedPlanGetTargetList(prepared->plansource, nullptr);
}

}  // namespace

void KeepPrepared(const ParseState* state, const Query* query) {
  static bool is_looking;
  // While a column was adopted, which may be taken back. A session that began later has no statement from
  // before.
  static bool has_prepared;
  if (query->utilityStmt != nullptr) {
    bool is_execute = IsA(query->utilityStmt, ExecuteStmt) && IsTransactionState() &&
                      (has_prepared || HasAdoptedSince(MyStartTimestamp));
    if (is_execute) Renew(reinterpret_cast<ExecuteStmt*>(query->utilityStmt));
    return;
  }
  bool may_be = !is_looking && state->p_sourcetext != nullptr && IsTransactionState() &&
                (has_prepared || (GivesSealed(query) && HasAdoptedSince(MyStartTimestamp)));
  if (!may_be) return;
  is_looking = true;
  PG_TRY();
  {
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
    if (SPI_execute("SELECT name FROM pg_catalog.pg_prepared_statements", true, 0) != SPI_OK_SELECT)
      elog(ERROR, "could not list prepared statements");
    has_prepared = SPI_processed > 0;
    for (uint64 i = 0; i < SPI_processed; ++i)
      Adapt(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1), state, query);
    SPI_finish();
  }
  PG_FINALLY();
  { is_looking = false; }
  PG_END_TRY();
}

}  // namespace pii

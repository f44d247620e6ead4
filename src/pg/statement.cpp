// Where statements begin and end.

#include "statement.h"

#include "access_log.h"
#include "alter_column.h"
#include "condition_rewrite.h"
#include "expression_guard.h"
#include "index_check.h"
#include "index_version.h"
#include "log_guard.h"
#include "mixed_plan.h"
#include "pg.h"
#include "settings.h"

namespace pii {
namespace {

ExecutorStart_hook_type next_start;
ExecutorRun_hook_type next_run;
ExecutorFinish_hook_type next_finish;
ExecutorEnd_hook_type next_end;
ProcessUtility_hook_type next_utility;
shmem_startup_hook_type next_shmem_startup;

/// Statements within statements: what a function runs.
int depth;

/// A plan kept from earlier, or a cursor, takes no lock that would tell of grants and roles changed
/// meanwhile.
void BeginStatement() {
  if (IsTransactionState()) AcceptInvalidationMessages();  // not after an error, before ROLLBACK
  HideActivity();
}

void Start(QueryDesc* query, int flags) {
  HideMemoryNames();
  if (next_start != nullptr) {
    next_start(query, flags);
  } else {
    standard_ExecutorStart(query, flags);
  }
  CheckPlan(query->planstate, (flags & EXEC_FLAG_EXPLAIN_ONLY) == 0);
}

void Run(QueryDesc* query, ScanDirection direction, uint64 count, bool once) {
  if (depth == 0) BeginStatement();
  if (query->plannedstmt->parallelModeNeeded) NoteValuesInUse();  // what workers reveal they do not tell
  WriteScope outer_write = EnterWrite(query);
  AccessScope outer = EnterScope(query->plannedstmt->rtable, InvalidOid);
  ++depth;
  PG_TRY();
  {
    if (next_run != nullptr) {
      next_run(query, direction, count, once);
    } else {
      standard_ExecutorRun(query, direction, count, once);
    }
  }
  PG_FINALLY();
  {
    --depth;
    LeaveScope(outer);
    LeaveWrite(outer_write);
  }
  PG_END_TRY();
}

/// AFTER triggers run in here, and what a WITH writes that nobody reads.
void Finish(QueryDesc* query) {
  WriteScope outer_write = EnterWrite(query);
  AccessScope outer = EnterScope(query->plannedstmt->rtable, InvalidOid);
  ++depth;
  PG_TRY();
  {
    if (next_finish != nullptr) {
      next_finish(query);
    } else {
      standard_ExecutorFinish(query);
    }
  }
  PG_FINALLY();
  {
    --depth;
    LeaveScope(outer);
    LeaveWrite(outer_write);
  }
  PG_END_TRY();
}

/// Whoever keeps the text of the statement (pg_stat_statements, auto_explain) takes it now.
void End(QueryDesc* query) {
  if (depth == 0) CarryOverAccess();
  if (next_end == nullptr) {
    standard_ExecutorEnd(query);
    return;
  }
  const char* text = query->sourceText;
  query->sourceText = CommandTextForOthers(text);
  next_end(query);
  // Of a function's statement it is a copy for this call alone; the other lives with the client's message.
  if (query->sourceText != text && text != debug_query_string) pfree(const_cast<char*>(query->sourceText));
  query->sourceText = text;
}

/// The table of COPY; 0 for a query, or when there is none by that name, which COPY itself will say.
Oid TableOf(const CopyStmt* copy) {
  return copy->relation != nullptr ? RangeVarGetRelid(copy->relation, NoLock, true) : InvalidOid;
}

/// COPY TO, when pii.view does not say: an export is data on its way to somewhere else. And the default of a
/// domain, which PostgreSQL keeps in its catalog also as text (pg_type.typdefault), as its creator sees it.
bool WantsSealedText(Node* statement) {
  if (IsA(statement, CopyStmt))
    return !reinterpret_cast<CopyStmt*>(statement)->is_from && settings.view == kViewAuto;
  return IsA(statement, CreateDomainStmt) || IsA(statement, AlterDomainStmt);
}

/// As a setting, so that parallel workers know it.
void ShowSealedText() {
  set_config_option("pii.view", "sealed", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

bool MayBuildIndex(Node* command) {
  return IsA(command, IndexStmt) || IsA(command, ReindexStmt) || IsA(command, AlterTableStmt) ||
         IsA(command, ClusterStmt) || IsA(command, VacuumStmt) || IsA(command, RefreshMatViewStmt);
}

void RunInScope(PlannedStmt* statement, const char* text, bool read_only_tree, ProcessUtilityContext context,
                ParamListInfo parameters, QueryEnvironment* environment, DestReceiver* receiver,
                QueryCompletion* completion) {
  Node* command = statement->utilityStmt;
  Oid table = IsA(command, CopyStmt) ? TableOf(reinterpret_cast<CopyStmt*>(command)) : InvalidOid;
  bool writes = OidIsValid(table) && reinterpret_cast<CopyStmt*>(command)->is_from;
  WriteScope outer_write = MayBuildIndex(command) ? EnterBuild() : EnterWriteOf(writes ? table : InvalidOid);
  AccessScope outer = EnterScope(nullptr, table);
  AlterScope outer_alter = EnterAlter(command, ++depth);
  PG_TRY();
  {
    auto next = next_utility != nullptr ? next_utility : standard_ProcessUtility;
    next(statement, text, read_only_tree, context, parameters, environment, receiver, completion);
    RecordAlter();
  }
  PG_FINALLY();
  {
    --depth;
    LeaveAlter(outer_alter);
    LeaveScope(outer);
    LeaveWrite(outer_write);
  }
  PG_END_TRY();
}

void RunUtility(PlannedStmt* statement, const char* text, bool read_only_tree, ProcessUtilityContext context,
                ParamListInfo parameters, QueryEnvironment* environment, DestReceiver* receiver,
                QueryCompletion* completion) {
  if (depth == 0) BeginStatement();
  HideMemoryNames();
  if (IsA(statement->utilityStmt, DefineStmt))
    CheckAggregate(reinterpret_cast<DefineStmt*>(statement->utilityStmt));
  if (IsA(statement->utilityStmt, CopyStmt)) statement = WithoutPlaintext(statement);
  bool is_sealed = WantsSealedText(statement->utilityStmt);
  bool is_build = MayBuildIndex(statement->utilityStmt);
  LocalTransactionId transaction = CurrentLocalTransaction();
  int nest_level = is_sealed || is_build ? NewGUCNestLevel() : 0;
  if (is_sealed) ShowSealedText();
  if (is_build) TellWorkersVersion();
  if (IsA(statement->utilityStmt, DropStmt)) CheckDrop(reinterpret_cast<DropStmt*>(statement->utilityStmt));
  RunInScope(statement, CommandTextForOthers(text), read_only_tree, context, parameters, environment,
             receiver, completion);
  // A commit in between, as of VACUUM, has done it.
  bool is_same = CurrentLocalTransaction() == transaction;
  if (nest_level != 0 && is_same) AtEOXact_GUC(true, nest_level);
  if (depth == 0) CarryOverAccess();
}

/// Three hooks go in front of those of all other libraries, whatever their order: what they are given to keep
/// has no literals. When shared memory is made they are all loaded. It is made again after a crash.
void InstallFrontHooks() {
  if (next_shmem_startup != nullptr) next_shmem_startup();
  if (ProcessUtility_hook == RunUtility) return;
  next_utility = ProcessUtility_hook;
  ProcessUtility_hook = RunUtility;
  next_end = ExecutorEnd_hook;
  ExecutorEnd_hook = End;
  InstallConditionRewrite();
}

}  // namespace

int StatementDepth() { return depth; }

void InstallStatementHooks() {
  next_start = ExecutorStart_hook;
  ExecutorStart_hook = Start;
  next_run = ExecutorRun_hook;
  ExecutorRun_hook = Run;
  next_finish = ExecutorFinish_hook;
  ExecutorFinish_hook = Finish;
  next_shmem_startup = shmem_startup_hook;
  shmem_startup_hook = InstallFrontHooks;
  if (!process_shared_preload_libraries_in_progress) InstallFrontHooks();
}

}  // namespace pii

#pragma once

// The only include of PostgreSQL headers, and the only place that knows PostgreSQL versions.

// The library is built with hidden symbols, so that it cannot clash with another extension's C++. PostgreSQL
// 15 leaves PGDLLEXPORT empty on Unix.
#ifndef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

// postgres.h comes first.
// clang-format off
extern "C" {
#include "postgres.h"

#include "access/amapi.h"
#include "access/detoast.h"
#include "access/genam.h"
#include "access/gin.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/multixact.h"
#include "access/parallel.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/tupdesc.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_index.h"
#include "catalog/pg_language.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "commands/prepare.h"
#include "commands/progress.h"
#include "commands/trigger.h"
#include "commands/vacuum.h"
#include "common/hashfn.h"
#include "common/ip.h"
#include "common/pg_prng.h"
#include "common/jsonapi.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/plancat.h"
#include "optimizer/planmain.h"
#include "optimizer/planner.h"
#include "parser/analyze.h"
#include "parser/parse_coerce.h"
#include "parser/parse_type.h"
#include "parser/parsetree.h"
#include "parser/parser.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/logicalworker.h"
#include "replication/walsender.h"
#include "storage/bufmgr.h"
#include "storage/condition_variable.h"
#include "rewrite/rewriteHandler.h"
#include "rewrite/rewriteManip.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "storage/sinval.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/datetime.h"
#include "utils/expandeddatum.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/ps_status.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/rls.h"
#include "utils/ruleutils.h"
#include "utils/selfuncs.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
}
// clang-format on

// Marks this library's own messages (ErrorData.domain).
#undef TEXTDOMAIN
#define TEXTDOMAIN "pii"

#if PG_VERSION_NUM < 150000
#error "pii needs PostgreSQL 15 or later"
#endif
#ifdef EXEC_BACKEND
#error "pii shares keys by fork(), which this build of PostgreSQL does not use"
#endif

/// PII_FUNCTION(name) begins the definition of a function that SQL calls by the same name.
#define PII_FUNCTION(name)                  \
  extern "C" {                              \
  PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
  PG_FUNCTION_INFO_V1(name);                \
  }                                         \
  Datum name(PG_FUNCTION_ARGS)

namespace pii {

/// The cache whose invalidation, of all its entries, tells of a reload of the keyring. Plans watch it too.
constexpr int kKeyringSyscache = PROCOID;

/// The statistics target of a column: PostgreSQL 17 moved it out of pg_attribute.
inline int StatisticsTarget(const VacAttrStats* stats) {
#if PG_VERSION_NUM >= 170000
  return stats->attstattarget;
#else
  return stats->attr->attstattarget;
#endif
}

/// A point where ANALYZE may be throttled or cancelled: PostgreSQL 18 wants to know that it is ANALYZE.
inline void AnalyzeDelayPoint() {
#if PG_VERSION_NUM >= 180000
  vacuum_delay_point(true);
#else
  vacuum_delay_point();
#endif
}

/// The file of a table; another number when the table is written anew.
inline Oid RelationFileOf(Relation table) {
#if PG_VERSION_NUM >= 160000
  return table->rd_locator.relNumber;
#else
  return table->rd_node.relNode;
#endif
}

/// Parses the name of a type with its modifier. Raises an error when there is none.
inline void ParseType(const char* name, Oid* type, int32* modifier) {
#if PG_VERSION_NUM >= 160000
  parseTypeString(name, type, modifier, nullptr);
#else
  parseTypeString(name, type, modifier, false);
#endif
}

/// The transaction that this process is in; another number after a commit.
inline LocalTransactionId CurrentLocalTransaction() {
#if PG_VERSION_NUM >= 170000
  return MyProc->vxid.lxid;
#else
  return MyProc->lxid;
#endif
}

/// index_beginscan. PostgreSQL 18 can count what the scan does.
inline IndexScanDesc BeginIndexScan(Relation table, Relation index, Snapshot snapshot, int keys = 0) {
#if PG_VERSION_NUM >= 180000
  return index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
  return index_beginscan(table, index, snapshot, keys, 0);
#endif
}

/// True when ANALYZE looks at an expression of an index. PostgreSQL 17 does not say what it looks at; there
/// everything counts as one, so that nothing is evaluated that needs keys.
inline bool AnalyzesIndex(const VacAttrStats* stats) {
#if PG_VERSION_NUM >= 170000
  (void)stats;
  return true;
#else
  char kind = get_rel_relkind(stats->attr->attrelid);
  return kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX;
#endif
}

/// The table whose column ANALYZE looks at; 0 when PostgreSQL (17) does not say.
inline Oid AnalyzedTable(const VacAttrStats* stats) {
#if PG_VERSION_NUM >= 170000
  (void)stats;
  return InvalidOid;
#else
  return stats->attr->attrelid;
#endif
}

/// Sets what the cost of an index is estimated by. PostgreSQL 15 declares it in the C manner.
inline void SetCostEstimate(IndexOptInfo* index, amcostestimate_function estimate) {
  index->amcostestimate = reinterpret_cast<decltype(index->amcostestimate)>(estimate);
}

/// True while this process runs ANALYZE. Only with track_activities, which is on by default.
inline bool IsAnalyzing() {
  return MyBEEntry != nullptr && MyBEEntry->st_progress_command == PROGRESS_COMMAND_ANALYZE;
}

/// True for JSON text in the server's encoding. PostgreSQL's input functions quote the text in their errors.
inline bool IsJson(char* text, size_t size) {
#if PG_VERSION_NUM >= 170000
  JsonLexContext* lex =
      makeJsonLexContextCstringLen(nullptr, text, static_cast<int>(size), GetDatabaseEncoding(), true);
#else
  JsonLexContext* lex =
      makeJsonLexContextCstringLen(text, static_cast<int>(size), GetDatabaseEncoding(), true);
#endif
  return pg_parse_json(lex, &nullSemAction) == JSON_SUCCESS;
}

// PostgreSQL 15 declares walkers and mutators in the C manner, without arguments, which to C++ is another
// type; 16 declares them properly.
#if PG_VERSION_NUM >= 160000
inline tree_walker_callback AsCallback(bool (*walker)(Node*, void*)) { return walker; }
inline tree_mutator_callback AsCallback(Node* (*mutator)(Node*, void*)) { return mutator; }
#else
template <typename Result>
auto AsCallback(Result (*function)(Node*, void*)) -> Result (*)() {
  return reinterpret_cast<Result (*)()>(reinterpret_cast<void*>(function));
}
#endif

inline bool WalkExpression(Node* node, bool (*walker)(Node*, void*), void* context) {
  return expression_tree_walker(node, AsCallback(walker), context);
}
inline bool WalkStatement(Node* node, bool (*walker)(Node*, void*), void* context) {
  return raw_expression_tree_walker(node, AsCallback(walker), context);
}
inline bool WalkQuery(Query* query, bool (*walker)(Node*, void*)) {
  return query_tree_walker(query, AsCallback(walker), nullptr, 0);
}
inline bool WalkPlan(PlanState* state, bool (*walker)(PlanState*, void*), void* context) {
#if PG_VERSION_NUM >= 160000
  return planstate_tree_walker(state, walker, context);
#else
  auto plain = reinterpret_cast<bool (*)()>(reinterpret_cast<void*>(walker));
  return planstate_tree_walker(state, plain, context);
#endif
}
inline Node* MutateExpression(Node* node, Node* (*mutator)(Node*, void*), void* context = nullptr) {
  return expression_tree_mutator(node, AsCallback(mutator), context);
}
inline Query* MutateQuery(Query* query, Node* (*mutator)(Node*, void*)) {
  return query_tree_mutator(query, AsCallback(mutator), nullptr, 0);
}

}  // namespace pii

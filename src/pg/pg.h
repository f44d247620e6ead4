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

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tupdesc.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "port/atomics.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
}
// clang-format on

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

/// expression_tree_walker. PostgreSQL 15 declares the walker in the C manner, without arguments, which to C++
/// is another type; 16 declares it properly.
inline bool WalkExpression(Node* node, bool (*walker)(Node*, void*), void* context) {
#if PG_VERSION_NUM >= 160000
  return expression_tree_walker(node, walker, context);
#else
  return expression_tree_walker(node, reinterpret_cast<bool (*)()>(reinterpret_cast<void*>(walker)), context);
#endif
}

}  // namespace pii

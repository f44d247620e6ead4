// ANALYZE of sealed columns and blind indexes: how many NULLs, how wide, how many distinct values; never a
// value. PostgreSQL's own would keep most common values and a histogram in pg_statistic, and would need keys
// to compare.

#include <cmath>

#include "blind_index.h"
#include "index_expression.h"
#include "pg.h"
#include "privileges.h"
#include "type_modifier.h"
#include "values.h"

namespace pii {
namespace {

/// Gives a number that is the same for equal values. False when it cannot: no keys, or a damaged value.
using Fingerprint = bool (*)(const VacAttrStats* stats, Datum value, uint64_t* fingerprint);

/// The estimator of Haas and Stokes, as in PostgreSQL's compute_distinct_stats (analyze.c): negative for a
/// share of the rows. `fingerprints` are of a sample of `total` values, and get sorted.
float4 EstimateDistinct(uint64_t* fingerprints, int count, double total) {
  if (count == 0 || total <= 0) return 0;
  qsort(fingerprints, static_cast<size_t>(count), sizeof *fingerprints, [](const void* a, const void* b) {
    uint64_t left = *static_cast<const uint64_t*>(a);
    uint64_t right = *static_cast<const uint64_t*>(b);
    return left < right ? -1 : left > right ? 1 : 0;
  });
  int distinct = 0;
  int once = 0;
  for (int start = 0, end; start < count; start = end) {
    end = start + 1;
    while (end < count && fingerprints[start] == fingerprints[end]) ++end;
    ++distinct;
    if (end == start + 1) ++once;
  }
  if (once == count) return -1;
  double n = count;
  double estimate = n * distinct / ((n - once) + once * n / total);
  estimate = Min(Max(estimate, distinct), total);
  if (estimate > 0.1 * total) return static_cast<float4>(-estimate / total);
  return static_cast<float4>(std::floor(estimate + 0.5));
}

void ComputeStatistics(VacAttrStats* stats, AnalyzeAttrFetchFunc fetch, int rows, double total_rows) {
  if (rows == 0) return;
  auto fingerprint_of = reinterpret_cast<Fingerprint>(stats->extra_data);
  auto* fingerprints = static_cast<uint64_t*>(palloc(sizeof(uint64_t) * static_cast<size_t>(rows)));
  bool is_varlena = stats->attrtype->typlen == -1;
  int nulls = 0;
  int known = 0;
  int wide = 0;
  double width = 0;
  for (int row = 0; row < rows; ++row) {
    AnalyzeDelayPoint();
    bool is_null;
    Datum value = fetch(stats, row, &is_null);
    if (is_null) {
      ++nulls;
      continue;
    }
    Size size = is_varlena ? VARSIZE_ANY(DatumGetPointer(value)) : static_cast<Size>(stats->attrtype->typlen);
    width += static_cast<double>(size);
    if (fingerprint_of == nullptr) continue;
    if (is_varlena && toast_raw_datum_size(value) > kWidestFingerprint) {
      ++wide;  // counts as distinct
      continue;
    }
    if (fingerprint_of(stats, value, &fingerprints[known])) ++known;
  }
  int present = rows - nulls;
  stats->stats_valid = true;
  stats->stanullfrac = static_cast<float4>(nulls) / static_cast<float4>(rows);
  stats->stawidth = present > 0 ? static_cast<int32>(width / present) : 0;
  stats->stadistinct = 0;  // unknown
  if (known > 0) {
    double values = total_rows * (1 - stats->stanullfrac);
    stats->stadistinct = EstimateDistinct(fingerprints, known, values * known / present);
    if (wide > 0 && stats->stadistinct < 0) {
      stats->stadistinct = static_cast<float4>((stats->stadistinct * known - wide) / (known + wide));
    }
  }
}

bool FingerprintOfText(const VacAttrStats* stats, Datum value, uint64_t* fingerprint) {
  int32 type_modifier = stats->attrtypmod;
  uint16_t legacy_class = type_modifier < 0 ? kTextClass : CheckTypeModifier(type_modifier);
  return TryFingerprint(value, legacy_class, fingerprint);
}

/// Bytes of the hash; the key version says nothing.
bool FingerprintOfIndex(const VacAttrStats*, Datum value, uint64_t* fingerprint) {
  memcpy(fingerprint, DatumGetPointer(value) + 2, sizeof *fingerprint);
  return true;
}

/// The number of distinct values is known to who may read the column, so that it confirms a guess of who can
/// add rows to the table. It is counted where nobody adds rows who may not search: where the column has a
/// blind index, whose owner may.
bool MayCountDistinct(const VacAttrStats* stats) {
  Oid table = AnalyzedTable(stats);
  int32 class_id = stats->attrtypmod < 0 ? kEveryClass : stats->attrtypmod;
  return OidIsValid(table) && HasBlindIndex(table, static_cast<AttrNumber>(stats->tupattnum), true) &&
         (PrivilegesOn(class_id) & kSearch) != 0;
}

/// False for an expression of an index: it is not evaluated, because that needs keys and fails for a damaged
/// value. The planner gets the statistics of the column instead (planner_support.cpp).
Datum Prepare(FunctionCallInfo fcinfo, Fingerprint fingerprint) {
  auto* stats = reinterpret_cast<VacAttrStats*>(PG_GETARG_POINTER(0));
  if (fingerprint != FingerprintOfText && AnalyzesIndex(stats)) PG_RETURN_BOOL(false);
  if (fingerprint == FingerprintOfText && !MayCountDistinct(stats)) fingerprint = nullptr;
  int target = StatisticsTarget(stats);
  if (target < 0) target = default_statistics_target;
  stats->extra_data = reinterpret_cast<void*>(fingerprint);
  stats->compute_stats = ComputeStatistics;
  stats->minrows = 300 * target;  // as std_typanalyze does
  PG_RETURN_BOOL(true);
}

}  // namespace
}  // namespace pii

PII_FUNCTION(pii_text_typanalyze) { return pii::Prepare(fcinfo, pii::FingerprintOfText); }
PII_FUNCTION(pii_blind_index_typanalyze) { return pii::Prepare(fcinfo, pii::FingerprintOfIndex); }

/// For arrays of either type: PostgreSQL's would keep the most common elements.
PII_FUNCTION(pii_array_typanalyze) { return pii::Prepare(fcinfo, nullptr); }

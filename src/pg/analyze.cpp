// ANALYZE of a sealed column: how many NULLs and how wide, never a value. PostgreSQL's own would keep most
// common values and a histogram in pg_statistic, and would need keys to compare.

#include "pg.h"

namespace pii {
namespace {

void ComputeStatistics(VacAttrStats* stats, AnalyzeAttrFetchFunc fetch, int sample_rows, double) {
  int nulls = 0;
  double width = 0;
  for (int row = 0; row < sample_rows; ++row) {
    AnalyzeDelayPoint();
    bool is_null;
    Datum value = fetch(stats, row, &is_null);
    if (is_null) {
      ++nulls;
    } else {
      width += static_cast<double>(VARSIZE_ANY(DatumGetPointer(value)));
    }
  }
  if (sample_rows == 0) return;
  int present = sample_rows - nulls;
  stats->stats_valid = true;
  stats->stanullfrac = static_cast<float4>(nulls) / static_cast<float4>(sample_rows);
  stats->stawidth = present > 0 ? static_cast<int32>(width / present) : 0;
  // Each sealed value differs from every other, so counting them says nothing of the plaintext. 0: unknown.
  stats->stadistinct = 0;
}

}  // namespace
}  // namespace pii

PII_FUNCTION(pii_text_typanalyze) {
  auto* stats = reinterpret_cast<VacAttrStats*>(PG_GETARG_POINTER(0));
  int target = pii::StatisticsTarget(stats);
  if (target < 0) target = default_statistics_target;
  stats->compute_stats = pii::ComputeStatistics;
  stats->minrows = 300 * target;  // as std_typanalyze does
  PG_RETURN_BOOL(true);
}

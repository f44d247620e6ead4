// CALL pii_rewrap_column()

#include "pg.h"
#include "rewrap.h"

namespace pii {
namespace {

/// How often the caller is told how far it is.
constexpr int kNoticeMilliseconds = 2000;

struct Caller {
  TimestampTz began;
  TimestampTz told;
  RewrapProgress last;
};

/// "about 5 s left", by the rate so far.
bool TellCaller(const RewrapProgress& progress, void* context) {
  auto* caller = static_cast<Caller*>(context);
  caller->last = progress;
  TimestampTz now = GetCurrentTimestamp();
  if (!TimestampDifferenceExceeds(caller->told, now, kNoticeMilliseconds)) return true;
  caller->told = now;
  double seconds = static_cast<double>(now - caller->began) / USECS_PER_SEC;
  double left = progress.done > 0 ? static_cast<double>(progress.total - progress.done) * seconds /
                                        static_cast<double>(progress.done)
                                  : 0;
  ereport(NOTICE, (errmsg("rewrapped %lld of %lld rows, %.0f rows/s, about %.0f s left",
                          static_cast<long long>(progress.done), static_cast<long long>(progress.total),
                          static_cast<double>(progress.done) / seconds, Max(left, 0.0))));
  return true;
}

void RequireNoTransaction(FunctionCallInfo fcinfo) {
  bool is_call = fcinfo->context != nullptr && IsA(fcinfo->context, CallContext);
  if (is_call && !reinterpret_cast<CallContext*>(fcinfo->context)->atomic) return;
  ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
                  errmsg("pii_rewrap_column() commits its batches, and cannot run in a transaction block or "
                         "a function"),
                  errhint("Call it outside of BEGIN, or use pii_start_job().")));
}

}  // namespace
}  // namespace pii

/// pii_rewrap_column(regclass, name, integer, interval, INOUT bigint)
PII_FUNCTION(pii_rewrap_column) {
  for (int i = 0; i < 4; ++i) {
    if (!PG_ARGISNULL(i)) continue;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("table, column, batch and pause must not be null"),
                    errhint("Leave batch and pause out for their defaults.")));
  }
  pii::RequireNoTransaction(fcinfo);
  NameData column = *PG_GETARG_NAME(1);
  pii::Rewrap run{};
  run.table = PG_GETARG_OID(0);
  run.column = NameStr(column);
  run.batch = PG_GETARG_INT32(2);
  run.pause = pii::PauseOf(PG_GETARG_INTERVAL_P(3));
  if (run.batch < 1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("batch must be at least 1")));
  }
  pii::Caller caller{GetCurrentTimestamp(), GetCurrentTimestamp(), {}};
  SPI_connect_ext(SPI_OPT_NONATOMIC);
  pii::RewrapColumn(run, pii::TellCaller, &caller);
  SPI_finish();
  TupleDesc descriptor;
  if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "return type must be a row type");
  Datum values[] = {Int64GetDatum(caller.last.done)};
  bool nulls[] = {false};
  PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

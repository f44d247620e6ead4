// CALL pii_rewrap_column(), pii_seal_column() and pii_unseal_column()

#include "pg.h"
#include "sweep.h"

namespace pii {
namespace {

/// How often the caller is told how far it is.
constexpr int kNoticeMilliseconds = 2000;

/// What is said of each kind of sweep.
constexpr struct {
  const char* name;
  const char* done;
} kKinds[] = {
    {"pii_rewrap_column", "rewrapped"}, {"pii_seal_column", "sealed"}, {"pii_unseal_column", "unsealed"}};

struct Caller {
  SweepKind kind;
  TimestampTz began;
  TimestampTz told;
  SweepProgress last;
};

/// "about 5 s left", by the rate so far.
bool TellCaller(const SweepProgress& progress, void* context) {
  auto* caller = static_cast<Caller*>(context);
  caller->last = progress;
  TimestampTz now = GetCurrentTimestamp();
  if (!TimestampDifferenceExceeds(caller->told, now, kNoticeMilliseconds)) return true;
  caller->told = now;
  double seconds = static_cast<double>(now - caller->began) / USECS_PER_SEC;
  double left = progress.done > 0 ? static_cast<double>(progress.total - progress.done) * seconds /
                                        static_cast<double>(progress.done)
                                  : 0;
  ereport(NOTICE, (errmsg("%s %lld of %lld rows, %.0f rows/s, about %.0f s left",
                          kKinds[static_cast<int>(caller->kind)].done, static_cast<long long>(progress.done),
                          static_cast<long long>(progress.total),
                          static_cast<double>(progress.done) / seconds, Max(left, 0.0))));
  return true;
}

void RequireNoTransaction(FunctionCallInfo fcinfo, SweepKind kind) {
  bool is_call = fcinfo->context != nullptr && IsA(fcinfo->context, CallContext);
  if (is_call && !reinterpret_cast<CallContext*>(fcinfo->context)->atomic) return;
  ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
                  errmsg("%s() commits its batches, and cannot run in a transaction block or a function",
                         kKinds[static_cast<int>(kind)].name),
                  errhint("Call it outside of BEGIN, or use pii_start_job().")));
}

Datum RunSweep(FunctionCallInfo fcinfo, SweepKind kind) {
  for (int i = 0; i < 4; ++i) {
    if (!PG_ARGISNULL(i)) continue;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("table, column, batch and pause must not be null"),
                    errhint("Leave batch and pause out for their defaults.")));
  }
  RequireNoTransaction(fcinfo, kind);
  NameData column = *PG_GETARG_NAME(1);
  Sweep run{};
  run.kind = kind;
  run.table = PG_GETARG_OID(0);
  run.column = NameStr(column);
  run.batch = PG_GETARG_INT32(2);
  run.pause = PauseOf(PG_GETARG_INTERVAL_P(3));
  if (run.batch < 1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("batch must be at least 1")));
  }
  Caller caller{kind, GetCurrentTimestamp(), GetCurrentTimestamp(), {}};
  SPI_connect_ext(SPI_OPT_NONATOMIC);
  SweepColumn(run, TellCaller, &caller);
  SPI_finish();
  TupleDesc descriptor;
  if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
    elog(ERROR, "return type must be a row type");
  Datum values[] = {Int64GetDatum(caller.last.done)};
  bool nulls[] = {false};
  PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

}  // namespace
}  // namespace pii

/// pii_rewrap_column(regclass, name, integer, interval, INOUT bigint), and so the others
PII_FUNCTION(pii_rewrap_column) { return pii::RunSweep(fcinfo, pii::SweepKind::kRewrap); }
PII_FUNCTION(pii_seal_column) { return pii::RunSweep(fcinfo, pii::SweepKind::kSeal); }
PII_FUNCTION(pii_unseal_column) { return pii::RunSweep(fcinfo, pii::SweepKind::kUnseal); }

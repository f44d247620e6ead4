// pii_check(): is there personal data that can be read where it should not be?
//
// Each check runs in a subtransaction, so that one that cannot run leaves the others to be seen.

#include "check.h"

#include "keyring_load.h"
#include "pg.h"
#include "subtransaction.h"

namespace pii {
namespace {

/// `query` with {pii} replaced.
const char* WithSchema(const char* query, const char* schema) {
  constexpr char kMark[] = "{pii}";
  StringInfoData text;
  initStringInfo(&text);
  for (const char* mark; (mark = strstr(query, kMark)) != nullptr; query = mark + strlen(kMark)) {
    appendBinaryStringInfo(&text, query, static_cast<int>(mark - query));
    appendStringInfoString(&text, schema);
  }
  appendStringInfoString(&text, query);
  return text.data;
}

void RunCheckQuery(const Findings& findings, const void* query) {
  AddRows(findings, WithSchema(static_cast<const char*>(query), findings.schema));
}

/// The rules that a keyring must follow when it is read may be broken since.
void CheckFiles(const Findings& findings, const void*) {
  CoreText problem;
  if (CheckKeyFiles(&problem)) return;
  AddFinding(
      findings, "error", "key files", problem.data,
      psprintf("Correct the file or the setting, then: SELECT %s.pii_reload_keyring();", findings.schema));
}

const char* AdviceOn(const ErrorData* error) {
  return error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE
             ? "Call pii_check() as a superuser, or grant this role what it lacks."
             : "Call pii_check() as a superuser, and look at what is named here.";
}

/// The message stays out: it could quote what it was given.
void AddFailure(const Findings& findings, const char* object, const ErrorData* error) {
  AddFinding(findings, "warning", object,
             psprintf("could not be checked (SQLSTATE %s)", unpack_sql_state(error->sqlerrcode)),
             AdviceOn(error));
}

}  // namespace

void AddFinding(const Findings& findings, const char* severity, const char* object, const char* finding,
                const char* advice) {
  Datum values[] = {CStringGetTextDatum(severity), CStringGetTextDatum(object), CStringGetTextDatum(finding),
                    CStringGetTextDatum(advice)};
  bool nulls[std::size(values)] = {};
  tuplestore_putvalues(findings.result->setResult, findings.result->setDesc, values, nulls);
}

void AddRows(const Findings& findings, const char* query) {
  if (SPI_execute(query, true, 0) != SPI_OK_SELECT) elog(ERROR, "could not run a check");
  SPITupleTable* rows = SPI_tuptable;
  for (uint64 i = 0; i < SPI_processed; ++i) {
    const char* fields[4];
    for (int column = 0; column < 4; ++column) {
      const char* field = SPI_getvalue(rows->vals[i], rows->tupdesc, column + 1);
      fields[column] = field != nullptr ? field : "";
    }
    AddFinding(findings, fields[0], fields[1], fields[2], fields[3]);
  }
  SPI_freetuptable(rows);
}

void TryCheck(const Findings& findings, const char* object, void (*check)(const Findings&, const void*),
              const void* argument) {
  ErrorData* error = RunInSubtransaction([&] {
    SPI_connect();
    check(findings, argument);
    SPI_finish();
  });
  if (error == nullptr) return;
  if (error->sqlerrcode == ERRCODE_QUERY_CANCELED) ReThrowError(error);
  AddFailure(findings, object, error);
}

const char* SampleClause(double pages, int wanted_pages) {
  if (pages <= wanted_pages) return "";
  return psprintf(" TABLESAMPLE SYSTEM (%.9f)", 100.0 * wanted_pages / pages);
}

}  // namespace pii

/// pii_check() → (severity, object, finding, advice)
PII_FUNCTION(pii_check) {
  InitMaterializedSRF(fcinfo, 0);
  const char* schema = quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)));
  pii::Findings findings{reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo), schema};
  pii::TryCheck(findings, "key files", pii::CheckFiles, nullptr);
  for (const pii::CheckQuery& check : pii::CheckQueries()) {
    pii::TryCheck(findings, check.name, pii::RunCheckQuery, check.query);
  }
  pii::CheckValues(findings);
  pii::CheckTwins(findings);
  return Datum(0);
}

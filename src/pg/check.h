#pragma once

#include <span>

struct ReturnSetInfo;

namespace pii {

/// Findings is where a check puts what it finds.
struct Findings {
  ReturnSetInfo* result;
  const char* schema;  ///< of the extension, quoted
};

/// AddFinding adds a row to the result of pii_check(). Texts are palloc'ed or constants, and hold no value.
void AddFinding(const Findings& findings, const char* severity, const char* object, const char* finding,
                const char* advice);

/// AddRows runs a query that gives findings: severity, object, finding and advice as text.
void AddRows(const Findings& findings, const char* query);

/// TryCheck runs `check` in a subtransaction. When it fails, that is a finding about `object`; only a cancel
/// goes through.
void TryCheck(const Findings& findings, const char* object, void (*check)(const Findings&, const void*),
              const void* argument);

/// A check is a query over catalogs and settings. {pii} in it stands for the extension's schema.
struct CheckQuery {
  const char* name;  ///< what it is about, for the finding that it could not be run
  const char* query;
};
std::span<const CheckQuery> CheckQueries();

/// CheckValues looks at the headers of a sample of each sealed column: plaintext that is left, and key
/// versions. It needs no keys.
void CheckValues(const Findings& findings);

/// CheckTwins compares samples of plaintext columns with sealed ones, by keyed hashes.
void CheckTwins(const Findings& findings);

/// SampledPages is the number of pages a check reads of a table.
constexpr int kSampledPages = 3000;

/// SampleClause returns TABLESAMPLE for a table of so many pages; empty when all of it is read.
const char* SampleClause(double pages, int wanted_pages);

}  // namespace pii

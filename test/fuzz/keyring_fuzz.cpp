// ParseKeyring: what it accepts is written and read again without loss, what it refuses is explained in one
// line.

#include <algorithm>

#include "check.h"
#include "keyring.h"

namespace {

using namespace pii;

// 32 bytes of key material take more characters than this in base64 or hex, so no message can quote a whole
// key.
constexpr size_t kQuotable = 40;

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// Does `problem` repeat more than a name's worth of the input?
bool QuotesInput(std::string_view problem, std::string_view input) {
  for (size_t start = 0; start + kQuotable < problem.size(); ++start) {
    std::string_view part = problem.substr(start, kQuotable + 1);
    // The messages' own words and paths contain spaces and dots; key material does not.
    bool opaque = std::all_of(part.begin(), part.end(), [](char c) { return c != ' ' && c != '.'; });
    if (opaque && input.find(part) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input = AsText({data, size});
  Keyring keyring;
  std::string problem;
  if (!ParseKeyring(input, &keyring, &problem)) {
    Check(!problem.empty() && problem.size() < 512 && IsPrintable(problem), "a refusal is one short line");
    Check(!QuotesInput(problem, input), "a refusal quotes no value");
    return 0;
  }
  Check(!keyring.domains.empty(), "a keyring has a domain");
  for (const auto& [name, domain] : keyring.domains) {
    Check(IsDomainName(name), "a domain has a domain name");
    for (const KeySet* keys : {&domain.seal, &domain.blind_index}) {
      auto primary = keys->versions.find(keys->primary);
      Check(primary != keys->versions.end() && primary->second.status == KeyStatus::kEnabled,
            "the primary key is there and enabled");
      Check(!keys->versions.contains(0), "there is no version 0");
    }
  }

  SecretString text = FormatKeyring(keyring);
  Keyring again;
  Check(ParseKeyring(text, &again, &problem), "what was written is accepted");
  Check(FormatKeyring(again) == text, "what was written is read without loss");
  return 0;
}

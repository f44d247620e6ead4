// UnwrapKeyring, IsWrappedKeyring and ParseRootKey: what is refused is explained in one line that shows
// nothing, what is wrapped opens to what it was.

#include <algorithm>
#include <string>

#include "check.h"
#include "wrapped_keyring.h"

namespace {

using namespace pii;

/// 32 bytes 04, as in test/core/vectors/wrapped_keyrings.txt, of which the corpus is made.
const SecretKey& RootKey() {
  static const SecretKey key = [] {
    SecretKey made;
    std::fill(made.Expose().begin(), made.Expose().end(), uint8_t{4});
    return made;
  }();
  return key;
}

constexpr std::string_view kRootKeyText = "BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=";

void CheckProblem(std::string_view problem, std::string_view input) {
  bool is_printable =
      std::all_of(problem.begin(), problem.end(), [](char c) { return c >= ' ' && c <= '~'; });
  Check(!problem.empty() && problem.size() < 512 && is_printable, "a refusal is one short line");
  // No root key and no part of a ciphertext: what a message may repeat are names and check values.
  for (size_t at = 0; at + 41 <= problem.size(); ++at) {
    std::string_view part = problem.substr(at, 41);
    bool is_opaque = part.find_first_of(" .") == std::string_view::npos;
    Check(!is_opaque || input.find(part) == std::string_view::npos, "a refusal quotes no value");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input = AsText({data, size});
  std::string problem;
  SecretKey key;
  if (!ParseRootKey(input, &key, &problem)) CheckProblem(problem, input);

  SecretString opened;
  Keyring keyring;
  bool is_wrapped = IsWrappedKeyring(input);
  if (UnwrapKeyring(input, RootKey(), &opened, &problem)) {
    Check(is_wrapped, "what opens is wrapped");
  } else {
    CheckProblem(problem, input);
    Check(opened.empty(), "a refusal leaves nothing");
    Check(!OpenKeyring(input, kRootKeyText, &keyring, &problem), "what does not open is no keyring");
    CheckProblem(problem, input);
  }
  if (is_wrapped) Check(!OpenKeyring(input, {}, &keyring, &problem), "a wrapped keyring needs a root key");

  SecretString wrapped;
  Check(WrapKeyring(input, RootKey(), &wrapped, &problem), "any text can be wrapped");
  Check(IsWrappedKeyring(wrapped), "what was wrapped is wrapped");
  Check(UnwrapKeyring(wrapped, RootKey(), &opened, &problem) && std::string_view(opened) == input,
        "what was wrapped opens to what it was");
  return 0;
}

// HideLiterals, BlankLiterals, MayHaveLiterals, and the functions for the log's other texts. Input: a byte
// whose lowest bit is backslash_escapes, then the text.

#include <algorithm>
#include <string>
#include <vector>

#include "bytes.h"
#include "check.h"
#include "log_text.h"

namespace {

using namespace pii;

using Hide = size_t (*)(std::string_view text, bool backslash_escapes, std::span<char> out);

/// No string is left but placeholders, and no half of one.
void CheckStrings(std::string_view hidden) {
  constexpr std::string_view kPlaceholder = "'...'";
  for (size_t at = hidden.find('\''); at != std::string_view::npos; at = hidden.find('\'', at)) {
    Check(hidden.substr(at, kPlaceholder.size()) == kPlaceholder, "strings are placeholders");
    at += kPlaceholder.size();
  }
}

/// But for those of names with numbers: events_20240101.
void CheckNumbers(std::string_view hidden) {
  size_t digits = 0;
  bool is_numbered = false;
  for (size_t i = 0; i < hidden.size(); ++i) {
    bool is_digit = hidden[i] >= '0' && hidden[i] <= '9';
    if (is_digit && digits == 0) is_numbered = i > 0 && hidden[i - 1] == '_';
    digits = is_digit ? digits + 1 : 0;
    Check(digits < kHiddenDigits || is_numbered, "no long number is left");
  }
}

std::string HiddenBy(Hide hide, std::string_view text, bool backslash_escapes) {
  std::vector<char> out(HiddenBound(text.size()));
  size_t size = hide(text, backslash_escapes, out);
  Check(size < out.size(), "the hidden form is shorter than its bound");
  std::string hidden(out.data(), size);
  CheckStrings(hidden);
  out.resize(size / 2);
  out.shrink_to_fit();  // the sanitizer sees the first byte beyond
  Check(hide(text, backslash_escapes, out) <= out.size(), "no more is written than fits");
  return hidden;
}

void CheckLiterals(std::string_view sql, bool backslash_escapes) {
  std::string hidden = HiddenBy(HideLiterals, sql, backslash_escapes);
  CheckNumbers(hidden);
  Check(MayHaveLiterals(sql) || hidden == sql, "a statement that changes may have literals");
  Check(HiddenBy(HideLiterals, hidden, backslash_escapes) == hidden, "what is hidden stays as it is");
  std::string blanked(sql);
  BlankLiterals(backslash_escapes, blanked);
  Check(blanked.size() == sql.size(), "blanks take the place of what they hide");
  Check(blanked == sql || hidden != sql, "what is blanked is hidden");
  for (size_t at = 0; at < sql.size(); ++at) {
    Check((sql[at] == '\n') == (blanked[at] == '\n'), "line breaks stay");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  bool backslash_escapes = (data[0] & 1) != 0;
  std::string_view text = AsText({data + 1, size - 1});
  CheckLiterals(text, backslash_escapes);
  for (Hide hide : {HidePlan, HideContext, HideRow, HideQuoted, HideNear, HideDeadlock}) {
    HiddenBy(hide, text, backslash_escapes);
  }
  return 0;
}

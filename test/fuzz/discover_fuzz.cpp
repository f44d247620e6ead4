// Values and names of columns as pii_discover() looks at them: FormsOf and HintOfColumn are total.

#include <algorithm>
#include <string_view>

#include "check.h"
#include "discover.h"
#include "shape.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pii;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  FormSet forms = FormsOf(text);
  Check((forms >> kValueForms) == 0, "no form is unknown");
  Check(forms == 0 || (size <= kMaxFormSize && IsValidUtf8(text)), "what is no text has no form");
  Check((forms & Bit(ValueForm::kIssuedSsn)) == 0 || (forms & Bit(ValueForm::kSsn)) != 0,
        "an issued number is a number");
  Check((forms & Bit(ValueForm::kHostIp)) == 0 || (forms & Bit(ValueForm::kIp)) != 0,
        "a host's address is an address");

  NameHint hint = HintOfColumn(text);
  Check((hint.strong & hint.weak) == 0, "a hint is strong or weak");
  (void)NamesPersons(text);
  ColumnSample sample{};
  NoteValue(text, &sample);
  Discovery found = Discover(hint, true, sample);
  Check(found.matches <= sample.values, "no more matches than values");
  return 0;
}

// Mask over all built-in classes and two custom ones: the promises of mask.h.

#include <algorithm>
#include <string>
#include <vector>

#include "bytes.h"
#include "check.h"
#include "mask.h"
#include "shape.h"

namespace {

using namespace pii;

constexpr PiiClass kCustom[] = {
    {1000, Normalizer::kDigits, Shape::kAny, MaskRule::kKeep, 0, 3, 0, "member_no"},
    {1001, Normalizer::kAlphanumeric, Shape::kAny, MaskRule::kKeep, 2, 1, 0, "ticket"},
};

std::string MaskOf(const PiiClass& pii_class, std::string_view value) {
  std::vector<char> out(MaskBound(value.size()));
  size_t size = Mask(pii_class, value, out);
  Check(size <= out.size(), "a mask fits its bound");
  return {out.data(), size};
}

bool IsMaskOf(const PiiClass& pii_class, std::string_view value) {
  std::vector<char> scratch(MaskBound(value.size()));
  return IsMask(pii_class, value, scratch);
}

void CheckClass(const PiiClass& pii_class, std::string_view value) {
  std::string mask = MaskOf(pii_class, value);
  Check(!mask.empty() && IsValidUtf8(mask), "a mask is text");
  Check(MaskOf(pii_class, mask) == mask, "masking a mask changes nothing");
  Check(MayBeMask(mask) && IsMaskOf(pii_class, mask), "a mask is known for one");

  bool only_asterisks = std::all_of(value.begin(), value.end(), [](char c) { return c == '*'; });
  Check(mask == value || only_asterisks || mask.find(value) == std::string::npos,
        "a mask does not contain the whole value");
  if (IsMaskOf(pii_class, value)) Check(MayBeMask(value), "the cheap test misses no mask");

  char redacted[kRedactedBound];
  size_t size = Redact(pii_class, redacted);
  Check(size <= sizeof redacted && IsMaskOf(pii_class, {redacted, size}), "the redacted form is no data");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view value = AsText({data, size});
  for (const PiiClass& pii_class : BuiltinClasses()) CheckClass(pii_class, value);
  for (const PiiClass& pii_class : kCustom) CheckClass(pii_class, value);
  return 0;
}

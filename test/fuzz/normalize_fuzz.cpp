// Normalize over all built-in classes and a custom class of each normaliser: bounds, small buffers, and that
// the normalised form is its own normalised form.

#include <string>
#include <vector>

#include "bytes.h"
#include "check.h"
#include "normalize.h"
#include "shape.h"

namespace {

using namespace pii;

constexpr PiiClass kCustom[] = {
    {1000, Normalizer::kNone, Shape::kAny, MaskRule::kKeep, 0, 0, 0, "none"},
    {1001, Normalizer::kPlusDigits, Shape::kAny, MaskRule::kKeep, 0, 0, 0, "plus_digits"},
    {1002, Normalizer::kDigits, Shape::kAny, MaskRule::kKeep, 0, 0, 0, "digits"},
    {1003, Normalizer::kIsoDate, Shape::kAny, MaskRule::kKeep, 0, 0, 0, "iso_date"},
    {1004, Normalizer::kIpAddress, Shape::kAny, MaskRule::kKeep, 0, 0, 0, "ip_address"},
};

/// Normalises into a buffer of exactly `room` bytes, so that the sanitizer sees the first byte beyond it.
Status NormalizeInto(const PiiClass& pii_class, std::string_view value, size_t room, std::string* result,
                     size_t* size) {
  std::vector<char> out(room);
  Status status = Normalize(pii_class, value, out, size);
  if (status != Status::kOk) return status;
  Check(*size <= room, "the result fits the buffer");
  result->assign(out.data(), *size);
  return status;
}

/// A value without its class's shape is brought to NFC only, and may get the shape by that: NFC makes U+212A
/// the letter K. Letters and digits: Hangul parts compose once a separator between them is gone.
bool IsFixedPoint(const PiiClass& pii_class, std::string_view value) {
  switch (pii_class.normalizer) {
    case Normalizer::kNfc:
    case Normalizer::kName:
    case Normalizer::kEmail:
    case Normalizer::kAddress:
      return true;
    case Normalizer::kAlphanumeric:
      return IsAscii(value);
    default:
      return pii_class.shape != Shape::kAny && HasShape(pii_class.shape, value);
  }
}

void CheckClass(const PiiClass& pii_class, std::string_view value, size_t seed) {
  std::string normal;
  size_t size = 0;
  Status status = NormalizeInto(pii_class, value, NormalizedBound(value.size()), &normal, &size);
  if (pii_class.normalizer == Normalizer::kNone) {
    Check(status == Status::kNotSearchable, "what is never searched is not normalised");
    return;
  }
  if (!IsValidUtf8(value)) {
    Check(status == Status::kInvalidUtf8, "ill-formed text is refused");
    return;
  }
  Check(status == Status::kOk, "well-formed text is normalised within the bound");
  Check(IsValidUtf8(normal), "the normalised form is text");

  if (!normal.empty()) {
    std::string other;
    size_t needed = 0;
    status = NormalizeInto(pii_class, value, seed % normal.size(), &other, &needed);
    Check(status == Status::kBufferTooSmall && needed >= normal.size(),
          "a small buffer is refused with the size needed");
    Check(NormalizeInto(pii_class, value, needed, &other, &size) == Status::kOk && other == normal,
          "the size needed is enough, and the result does not depend on the buffer");
  }
  if (IsFixedPoint(pii_class, value)) {
    std::string again;
    Check(NormalizeInto(pii_class, normal, NormalizedBound(normal.size()), &again, &size) == Status::kOk &&
              again == normal,
          "normalising again changes nothing");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view value = AsText({data, size});
  size_t seed = size > 0 ? data[0] : 0;
  for (const PiiClass& pii_class : BuiltinClasses()) CheckClass(pii_class, value, seed);
  for (const PiiClass& pii_class : kCustom) CheckClass(pii_class, value, seed);
  return 0;
}

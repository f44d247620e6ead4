#include "pii_class.h"

#include <algorithm>

namespace pii {
namespace {

constexpr TransformSet kNameParts = Just(Transform::kInitials) | Just(Transform::kWord);
constexpr TransformSet kEmailParts = Just(Transform::kDomain) | Just(Transform::kLocal);

constexpr PiiClass kBuiltin[] = {
    {0, Normalizer::kNfc, Shape::kAny, MaskRule::kHidden, 0, 0, 0, "text"},
    {1, Normalizer::kName, Shape::kAny, MaskRule::kName, 0, 0, kNameParts, "name"},
    {2, Normalizer::kEmail, Shape::kAny, MaskRule::kEmail, 0, 0, kEmailParts, "email"},
    {3, Normalizer::kPlusDigits, Shape::kPhone, MaskRule::kPhone, 0, 0, Just(Transform::kLast4), "phone"},
    {4, Normalizer::kDigits, Shape::kSsn, MaskRule::kSsn, 0, 0, Just(Transform::kLast4), "ssn"},
    {5, Normalizer::kDigits, Shape::kPan, MaskRule::kPan, 0, 0, Just(Transform::kLast4), "pan"},
    {6, Normalizer::kAlphanumeric, Shape::kIban, MaskRule::kIban, 0, 0, Just(Transform::kLast4), "iban"},
    {7, Normalizer::kAlphanumeric, Shape::kAny, MaskRule::kAccount, 0, 0, Just(Transform::kLast4), "account"},
    {8, Normalizer::kAddress, Shape::kAny, MaskRule::kHidden, 0, 0, Just(Transform::kWord), "address"},
    {9, Normalizer::kIsoDate, Shape::kDate, MaskRule::kDate, 0, 0, Just(Transform::kYear), "dob"},
    {10, Normalizer::kIpAddress, Shape::kIp, MaskRule::kIp, 0, 0, 0, "ip"},
    {11, Normalizer::kAlphanumeric, Shape::kAny, MaskRule::kHidden, 0, 0, 0, "passport"},
    {12, Normalizer::kAlphanumeric, Shape::kAny, MaskRule::kHidden, 0, 0, 0, "national_id"},
    {13, Normalizer::kAlphanumeric, Shape::kAny, MaskRule::kHidden, 0, 0, 0, "driver_license"},
    {14, Normalizer::kAlphanumeric, Shape::kAny, MaskRule::kHidden, 0, 0, Just(Transform::kFirst3),
     "postcode"},
    {15, Normalizer::kNone, Shape::kAny, MaskRule::kHidden, 0, 0, 0, "secret"},
};

struct NamedNormalizer {
  Normalizer normalizer;
  std::string_view name;
};

constexpr NamedNormalizer kNormalizers[] = {
    {Normalizer::kNone, "none"},        {Normalizer::kNfc, "nfc"},
    {Normalizer::kName, "name"},        {Normalizer::kEmail, "email"},
    {Normalizer::kAddress, "address"},  {Normalizer::kPlusDigits, "plus_digits"},
    {Normalizer::kDigits, "digits"},    {Normalizer::kAlphanumeric, "alphanumeric"},
    {Normalizer::kIsoDate, "iso_date"}, {Normalizer::kIpAddress, "ip_address"},
};

}  // namespace

std::span<const PiiClass> BuiltinClasses() { return kBuiltin; }

bool IsIdentifier(std::string_view text) {
  if (text.empty() || text.size() > PiiClass::kMaxNameSize || (text[0] >= '0' && text[0] <= '9'))
    return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

bool NormalizerByName(std::string_view name, Normalizer* normalizer) {
  for (const NamedNormalizer& entry : kNormalizers) {
    if (entry.name == name) {
      *normalizer = entry.normalizer;
      return true;
    }
  }
  return false;
}

std::string_view NormalizerName(Normalizer normalizer) {
  for (const NamedNormalizer& entry : kNormalizers) {
    if (entry.normalizer == normalizer) return entry.name;
  }
  return {};
}

std::string_view TransformName(Transform transform) {
  switch (transform) {
    case Transform::kExact:
      return "exact";
    case Transform::kLast4:
      return "last4";
    case Transform::kDomain:
      return "domain";
    case Transform::kLocal:
      return "local";
    case Transform::kYear:
      return "year";
    case Transform::kFirst3:
      return "first3";
    case Transform::kInitials:
      return "initials";
    case Transform::kWord:
      return "word";
  }
  return {};
}

bool TransformByName(std::string_view name, Transform* transform) {
  for (Transform known : kTransforms) {
    if (TransformName(known) == name) {
      *transform = known;
      return true;
    }
  }
  return false;
}

bool AllowsTransform(const PiiClass& pii_class, Transform transform) {
  if (pii_class.normalizer == Normalizer::kNone) return false;
  return transform == Transform::kExact || (pii_class.transforms & Just(transform)) != 0;
}

}  // namespace pii

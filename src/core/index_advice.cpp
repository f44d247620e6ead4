#include "index_advice.h"

#include <algorithm>
#include <cmath>

namespace pii {
namespace {

/// Bits of a blind index value that come from the hash.
constexpr double kOutputBits = 112;

double ExactSpace(const PiiClass& pii_class) {
  switch (pii_class.shape) {
    case Shape::kSsn:
      return 1e9;  // nine digits
    case Shape::kPhone:
      return 1e10;  // ten digits, as in the North American Numbering Plan; ITU-T E.164 allows 15
    case Shape::kPan:
      return 1e15;  // 16 digits, the last of them a check digit (ISO/IEC 7812-1)
    case Shape::kDate:
      return 36525;  // days of a century
    case Shape::kIp:
      return 4294967296;  // IPv4
    case Shape::kIban:
    case Shape::kAny:
      break;
  }
  return 0;
}

}  // namespace

double ResultSpace(Transform transform) {
  switch (transform) {
    case Transform::kLast4:
      return 1e4;
    case Transform::kYear:
      return 100;  // of the living
    case Transform::kFirst3:
      return 1e3;
    case Transform::kInitials:
      return 26 * 26;  // a first and a last name
    case Transform::kExact:
    case Transform::kDomain:
    case Transform::kLocal:
    case Transform::kWord:
      break;
  }
  return 0;
}

double ResultSpace(const PiiClass& pii_class, Transform transform) {
  return transform == Transform::kExact ? ExactSpace(pii_class) : ResultSpace(transform);
}

IndexAdvice AdviseIndex(const PiiClass& pii_class, Transform transform, double rows) {
  IndexAdvice advice{ResultSpace(pii_class, transform), 0, false};
  if (advice.results == 0) return advice;
  advice.coincidences = rows / std::min(advice.results, std::exp2(kOutputBits));
  advice.is_safe = advice.coincidences >= 2 && advice.coincidences < std::sqrt(rows);
  return advice;
}

}  // namespace pii

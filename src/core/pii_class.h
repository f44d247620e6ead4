#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace pii {

/// Normalizer says how a value is brought to the form that is hashed for search (FORMAT.md, "Normalisers").
/// The enumerators are stored nowhere; the names (NormalizerName) are part of the keyring file and never
/// change.
enum class Normalizer : uint8_t {
  kNone,          ///< never searchable
  kNfc,           ///< NFC
  kName,          ///< NFKC casefold, runs of white space become one space, trimmed
  kEmail,         ///< NFKC casefold, trimmed
  kAddress,       ///< NFKC casefold, runs of white space become one space
  kPlusDigits,    ///< a leading + and digits
  kDigits,        ///< digits
  kAlphanumeric,  ///< letters and digits, upper case
  kIsoDate,       ///< YYYY-MM-DD
  kIpAddress,     ///< RFC 5952 for IPv6, dotted quad for IPv4
};

/// Shape is the whole format a value of a class must have to be more than `****` when masked and more than
/// NFC when normalised.
enum class Shape : uint8_t { kAny, kSsn, kPan, kPhone, kIban, kDate, kIp };

enum class MaskRule : uint8_t {
  kHidden,
  kName,
  kEmail,
  kPhone,
  kSsn,
  kPan,
  kIban,
  kAccount,
  kDate,
  kIp,
  kKeep,  ///< custom classes: keep_first and keep_last characters
};

/// Transform is the part of a value that a blind index covers. The names (TransformName) go into the hash and
/// never change.
enum class Transform : uint8_t {
  kExact,     ///< all of the normalised value
  kLast4,     ///< its last four characters
  kDomain,    ///< what follows its last @
  kLocal,     ///< what precedes its last @
  kYear,      ///< the year of a date
  kFirst3,    ///< its first three characters
  kInitials,  ///< the first character of each word
  kWord,      ///< each word on its own
};
constexpr Transform kTransforms[] = {Transform::kExact,    Transform::kLast4, Transform::kDomain,
                                     Transform::kLocal,    Transform::kYear,  Transform::kFirst3,
                                     Transform::kInitials, Transform::kWord};

/// TransformSet holds one bit, 1 << Transform, for each transform in it.
using TransformSet = uint16_t;
constexpr TransformSet Just(Transform transform) {
  return static_cast<TransformSet>(1 << static_cast<int>(transform));
}

/// PiiClass is one kind of personal data. It is plain memory, so that custom classes can live in shared
/// memory.
struct PiiClass {
  static constexpr size_t kMaxNameSize = 63;

  uint16_t id;
  Normalizer normalizer;
  Shape shape;
  MaskRule mask;
  uint8_t keep_first;
  uint8_t keep_last;
  TransformSet transforms;           ///< those the class may be indexed by, besides kExact
  char name_text[kMaxNameSize + 1];  ///< NUL-terminated

  std::string_view name() const { return name_text; }
};

constexpr uint16_t kTextClass = 0;
constexpr uint16_t kFirstCustomClass = 1000;

/// BuiltinClasses returns the classes of design.md §3.1, ordered by id. The table is frozen.
std::span<const PiiClass> BuiltinClasses();

/// IsIdentifier tells whether `text` may name a class or a domain: 1 to 63 bytes of a-z, 0-9 and _, the first
/// no digit. Such a name needs no quoting in SQL, fits PostgreSQL's NAMEDATALEN and cannot be mistaken for a
/// key.
bool IsIdentifier(std::string_view text);

/// NormalizerByName finds a normaliser by its name in the keyring file. False if there is none.
bool NormalizerByName(std::string_view name, Normalizer* normalizer);
std::string_view NormalizerName(Normalizer normalizer);

/// TransformByName finds a transform by its name in SQL and in the keyring file. False if there is none.
bool TransformByName(std::string_view name, Transform* transform);
std::string_view TransformName(Transform transform);

/// AllowsTransform tells whether the class may be indexed by `transform`. A class that is never searched
/// allows none.
bool AllowsTransform(const PiiClass& pii_class, Transform transform);

}  // namespace pii

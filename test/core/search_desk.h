#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "desk.h"

namespace pii::test {

constexpr uint16_t kPhone = 3;
constexpr uint16_t kDob = 9;
constexpr uint16_t kPassport = 11;
constexpr uint16_t kUnknown = 999;
constexpr uint16_t kNeverSearched = kFirstCustomClass + static_cast<int>(Normalizer::kNone);

void SetHashKey(Domain* domain, uint8_t byte);

/// SearchKeyring gives three domains. default: index 1 enabled, 2 primary, 3 disabled, 4 destroyed, 7
/// enabled. eu-west has the same roots, us-east another hash key. Custom classes: CustomClass of every
/// normaliser.
Keyring SearchKeyring();

/// Found is what a search function gave.
struct Found {
  Status status;
  BlindIndexValue value;

  bool operator==(const Found&) const = default;
};
void PrintTo(const Found& found, std::ostream* out);

/// SearchDesk checks the scratch memory of every call: it is zeros when the value was looked at, and else was
/// never written to.
class SearchDesk : public Desk {
 public:
  using Operand = Protector::Operand;

  explicit SearchDesk(const Keyring& keyring = SearchKeyring(), std::string_view domain = "default")
      : Desk(keyring, domain) {}

  // `room` is the size of the scratch memory, which is what suffices unless given.
  Found Index(uint16_t class_id, uint16_t version, Transform transform, std::string_view text,
              std::optional<size_t> room = {});
  Found Query(uint16_t class_id, uint16_t version, Transform transform, const Operand& sought,
              std::optional<size_t> room = {});
  Status Words(uint16_t class_id, uint16_t version, std::string_view text, std::span<BlindIndexValue> words,
               size_t* count, std::optional<size_t> room = {});
  Status Equal(const Operand& left, const Operand& right, bool* equal, std::optional<size_t> room = {});

  /// Equal and Hash of what cannot fail.
  bool AreEqual(const Operand& left, const Operand& right);
  uint64_t Hashed(const Operand& operand);
};

/// SpelledTwice is a value and, mostly, another spelling of it.
struct SpelledTwice {
  std::string one;
  std::string other;
};

/// SpellTwice gives valid UTF-8 as people write it for one of the two classes.
SpelledTwice SpellTwice(Specimens* specimens, const PiiClass& left, const PiiClass& right);

}  // namespace pii::test

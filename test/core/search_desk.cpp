#include "search_desk.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "normalize.h"
#include "respelling.h"
#include "shape.h"

namespace pii::test {
namespace {

/// Full of 0xAA before a call.
class Scratch {
 public:
  explicit Scratch(size_t size) : bytes_(size, static_cast<char>(0xAA)) {}

  std::span<char> span() { return bytes_; }

  void ExpectWiped(Status status, bool is_needed = true) const {
    bool looked_at = is_needed && (status == Status::kOk || status == Status::kNoPart ||
                                   status == Status::kInvalidUtf8 || status == Status::kBufferTooSmall);
    ByteView bytes(reinterpret_cast<const uint8_t*>(bytes_.data()), bytes_.size());
    EXPECT_TRUE(looked_at ? AllBytesAre(bytes, 0) : HoldsNoPlaintext(bytes))
        << "after " << static_cast<int>(status);
  }

 private:
  std::vector<char> bytes_;
};

}  // namespace

void SetHashKey(Domain* domain, uint8_t byte) {
  std::fill_n(domain->hash_key.Expose().begin(), SecretKey::kSize, byte);
}

Keyring SearchKeyring() {
  Keyring keyring;
  for (const char* name : {"default", "eu-west", "us-east"}) {
    Domain& domain = keyring.domains[name];
    AddKey(&domain.seal, 1, 0x11);
    AddKey(&domain.blind_index, 2, 0x22);
    AddKey(&domain.blind_index, 7, 0x77);
    AddKey(&domain.blind_index, 1, 0x66);
    AddKey(&domain.blind_index, 3, 0x33, KeyStatus::kDisabled);
    AddKey(&domain.blind_index, 4, 0x00, KeyStatus::kDestroyed);
    SetHashKey(&domain, name == std::string_view("us-east") ? 0x9a : 0x99);
  }
  keyring.classes.push_back(CustomClass(Normalizer::kNone));
  for (const PiiClass& pii_class : SearchableClasses()) {
    if (pii_class.id >= kFirstCustomClass) keyring.classes.push_back(pii_class);
  }
  return keyring;
}

void PrintTo(const Found& found, std::ostream* out) {
  *out << static_cast<int>(found.status) << " " << ToHex(found.value);
}

Found SearchDesk::Index(uint16_t class_id, uint16_t version, Transform transform, std::string_view text,
                        std::optional<size_t> room) {
  Found found{};
  Scratch scratch(room.value_or(NormalizedBound(text.size())));
  found.status = WithKeys(
      [&] { return protector.IndexValue(class_id, version, transform, text, scratch.span(), &found.value); });
  scratch.ExpectWiped(found.status);
  return found;
}

Found SearchDesk::Query(uint16_t class_id, uint16_t version, Transform transform, const Operand& sought,
                        std::optional<size_t> room) {
  Found found{};
  Scratch scratch(room.value_or(NormalizedBound(sought.plaintext.size())));
  found.status = WithKeys([&] {
    return protector.QueryValue(class_id, version, transform, sought, scratch.span(), &found.value);
  });
  scratch.ExpectWiped(found.status);
  return found;
}

Status SearchDesk::Words(uint16_t class_id, uint16_t version, std::string_view text,
                         std::span<BlindIndexValue> words, size_t* count, std::optional<size_t> room) {
  Scratch scratch(room.value_or(NormalizedBound(text.size())));
  Status status =
      WithKeys([&] { return protector.IndexWords(class_id, version, text, scratch.span(), words, count); });
  scratch.ExpectWiped(status);
  return status;
}

Status SearchDesk::Equal(const Operand& left, const Operand& right, bool* equal, std::optional<size_t> room) {
  size_t enough = NormalizedBound(left.plaintext.size()) + NormalizedBound(right.plaintext.size());
  Scratch scratch(room.value_or(enough));
  Status status = protector.Equal(left, right, scratch.span(), equal);
  scratch.ExpectWiped(status, left.plaintext != right.plaintext);
  return status;
}

bool SearchDesk::AreEqual(const Operand& left, const Operand& right) {
  bool equal = false;
  EXPECT_EQ(Equal(left, right, &equal), Status::kOk);
  return equal;
}

uint64_t SearchDesk::Hashed(const Operand& operand) {
  uint64_t hash = 0;
  EXPECT_EQ(WithKeys([&] { return protector.Hash(operand, &hash); }), Status::kOk);
  return hash;
}

SpelledTwice SpellTwice(Specimens* specimens, const PiiClass& left, const PiiClass& right) {
  for (;;) {
    SpelledTwice value;
    value.one = specimens->Realistic(RealisticRule(specimens->OneIn(2) ? left : right));
    value.other = specimens->OneIn(3) ? value.one : Respelled(specimens, value.one);
    if (IsValidUtf8(value.one) && IsValidUtf8(value.other)) return value;
  }
}

}  // namespace pii::test

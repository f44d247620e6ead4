// Equality of values of any two classes, and the hash that agrees with it.

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "search_desk.h"

namespace pii {
namespace {

using test::kEmail;
using test::kName;
using test::kNeverSearched;
using test::kPassport;
using test::kPhone;
using test::kSecret;
using test::kSsn;
using test::kText;
using test::kUnknown;
using test::SearchDesk;
using test::SearchKeyring;
using Operand = Protector::Operand;

TEST(Protector, ComparesTextByTheClassOfTheOther) {
  SearchDesk desk;
  EXPECT_TRUE(desk.AreEqual({kSsn, "123-45-6789"}, {kText, "123456789"}));
  EXPECT_TRUE(desk.AreEqual({kText, "123456789"}, {kSsn, "123-45-6789"}));
  EXPECT_TRUE(desk.AreEqual({kText, " JANE  doe"}, {kName, "Jane Doe"}));
  EXPECT_FALSE(desk.AreEqual({kText, "123-45-6780"}, {kSsn, "123-45-6789"}));
}

TEST(Protector, ComparesTextWithTextByNfc) {
  SearchDesk desk;
  EXPECT_TRUE(desk.AreEqual({kText, "Zoe\u0308"}, {kText, "Zo\u00eb"}));
  EXPECT_TRUE(desk.AreEqual({kText, ""}, {kText, ""}));
  EXPECT_FALSE(desk.AreEqual({kText, "zo\u00eb"}, {kText, "Zo\u00eb"}));
  EXPECT_FALSE(desk.AreEqual({kText, "123-45-6789"}, {kText, "123456789"}));
  EXPECT_FALSE(desk.AreEqual({kText, "a"}, {kText, "ab"}));
  EXPECT_FALSE(desk.AreEqual({kText, ""}, {kText, "a"}));
}

TEST(Protector, ComparesEachValueByItsOwnClass) {
  SearchDesk desk;
  EXPECT_TRUE(desk.AreEqual({kSsn, "123-45-6789"}, {kPassport, "12345 6789"}));
  EXPECT_TRUE(desk.AreEqual({kPhone, "123-45-6789"}, {kSsn, "123.45.6789"}));
  EXPECT_TRUE(desk.AreEqual({kName, "JANE"}, {kEmail, "jane"}));
  EXPECT_FALSE(desk.AreEqual({kPassport, "jane"}, {kEmail, "jane"}));
  EXPECT_FALSE(desk.AreEqual({kEmail, "123-45-6789"}, {kSsn, "123-45-6789"}));
  EXPECT_FALSE(desk.AreEqual({kPhone, "+123456789"}, {kSsn, "123456789"}));
}

TEST(Protector, EqualIsSymmetric) {
  SearchDesk desk;
  const std::vector<PiiClass> kClasses = test::SearchableClasses();
  test::Specimens specimens(141);
  size_t equal = 0;
  for (int i = 0; i < 10'000; ++i) {
    const PiiClass& one = kClasses[specimens.Below(kClasses.size())];
    const PiiClass& other = kClasses[specimens.Below(kClasses.size())];
    test::SpelledTwice value = test::SpellTwice(&specimens, one, other);
    bool forth = desk.AreEqual({one.id, value.one}, {other.id, value.other});
    ASSERT_EQ(desk.AreEqual({other.id, value.other}, {one.id, value.one}), forth);
    equal += forth;
  }
  EXPECT_GT(equal, 1'000u);
}

TEST(Protector, ComparesNoSecretsAndNoMalformedText) {
  SearchDesk desk;
  for (auto [left, right, expected] :
       {std::tuple<Operand, Operand, Status>{{kSecret, "abc"}, {kSecret, "abc"}, Status::kNotSearchable},
        {{kSecret, "abc"}, {kText, "abc"}, Status::kNotSearchable},
        {{kNeverSearched, "abc"}, {kText, "abc"}, Status::kNotSearchable},
        {{kSsn, "abc"}, {kSecret, "abc"}, Status::kNotSearchable},
        {{kUnknown, "abc"}, {kText, "abc"}, Status::kUnknownClass},
        {{kUnknown, "abc"}, {kUnknown, "abc"}, Status::kUnknownClass},
        {{kName, "abc"}, {kUnknown, "abc"}, Status::kUnknownClass},
        {{kText, "\xff"}, {kText, "\xff"}, Status::kInvalidUtf8},
        {{kText, "abc"}, {kName, "\xff"}, Status::kInvalidUtf8}}) {
    for (bool forth : {true, false}) {
      bool equal = true;
      EXPECT_EQ(desk.Equal(forth ? left : right, forth ? right : left, &equal), expected);
      EXPECT_FALSE(equal);
    }
  }
  // Scratch memory for one of them.
  bool equal = true;
  EXPECT_EQ(desk.Equal({kName, "abc"}, {kName, "ABC"}, &equal, 5), Status::kBufferTooSmall);
  EXPECT_FALSE(equal);
  EXPECT_EQ(desk.Equal({kName, "abc"}, {kName, "ABC"}, &equal, 2), Status::kBufferTooSmall);
  EXPECT_EQ(desk.Equal({kName, "abc"}, {kName, "ABC"}, &equal, 6), Status::kOk);
  EXPECT_TRUE(equal);
}

// Hashes.

TEST(Protector, HashesEqualValuesAlike) {
  SearchDesk desk;
  const std::vector<PiiClass> kClasses = test::SearchableClasses();
  test::Specimens specimens(142);
  size_t equal = 0, across = 0;
  std::set<uint64_t> hashes;
  for (int i = 0; i < 20'000; ++i) {
    const PiiClass& one = kClasses[specimens.Below(kClasses.size())];
    const PiiClass& other = kClasses[specimens.Below(kClasses.size())];
    test::SpelledTwice value = test::SpellTwice(&specimens, one, other);
    Operand left{one.id, value.one};
    Operand right{other.id, value.other};
    hashes.insert(desk.Hashed(left));
    if (!desk.AreEqual(left, right)) continue;
    ++equal;
    across += one.id != other.id;
    ASSERT_EQ(desk.Hashed(left), desk.Hashed(right))
        << one.name() << " " << value.one << ", " << other.name() << " " << value.other;
  }
  EXPECT_GT(equal, 5'000u);
  EXPECT_GT(across, 3'000u);
  EXPECT_GT(hashes.size(), 10'000u);
}

TEST(Protector, HashesByTheHashKeyAndTheDomain) {
  SearchDesk desk;
  SearchDesk same_root(SearchKeyring(), "eu-west");
  SearchDesk other_root(SearchKeyring(), "us-east");
  Operand ssn{kSsn, "123-45-6789"};
  EXPECT_NE(desk.Hashed(ssn), same_root.Hashed(ssn));
  EXPECT_NE(desk.Hashed(ssn), other_root.Hashed(ssn));
  EXPECT_NE(desk.Hashed(ssn), desk.Hashed({kSsn, "123-45-6780"}));

  Keyring changed = SearchKeyring();
  test::SetHashKey(&changed.domains.at("default"), 0x9b);
  SearchDesk other_key(changed);
  EXPECT_NE(desk.Hashed(ssn), other_key.Hashed(ssn));
}

// A hash index outlives every rotation.
TEST(Protector, HashesTheSameWhenKeysRotate) {
  SearchDesk desk;
  Keyring rotated = SearchKeyring();
  Domain& domain = rotated.domains.at("default");
  uint16_t version = 0;
  ASSERT_EQ(AddKeyVersion(&domain.seal, 0, &version), Status::kOk);
  domain.seal.primary = version;
  domain.seal.versions.at(1).status = KeyStatus::kDestroyed;
  ASSERT_EQ(AddKeyVersion(&domain.blind_index, 0, &version), Status::kOk);
  domain.blind_index.primary = version;
  domain.blind_index.versions.at(2).status = KeyStatus::kDisabled;
  SearchDesk later(rotated);
  for (const Operand& operand : {Operand{kSsn, "123-45-6789"}, Operand{kText, ""}, Operand{kName, "Zoë"}}) {
    EXPECT_EQ(desk.Hashed(operand), later.Hashed(operand));
  }
}

TEST(Protector, HashesNoSecretsAndNoMalformedText) {
  SearchDesk desk;
  for (auto [operand, expected] : {std::pair<Operand, Status>{{kSecret, "abc"}, Status::kNotSearchable},
                                   {{kNeverSearched, "abc"}, Status::kNotSearchable},
                                   {{kUnknown, "abc"}, Status::kUnknownClass},
                                   {{kText, "\xff"}, Status::kInvalidUtf8}}) {
    uint64_t hash = 7;
    EXPECT_EQ(desk.WithKeys([&, &operand = operand] { return desk.protector.Hash(operand, &hash); }),
              expected);
    EXPECT_EQ(hash, 7u);
  }
}

TEST(Protector, AsksForTheHashKeyOnce) {
  SearchDesk desk;
  uint64_t hash = 7;
  ASSERT_EQ(desk.protector.Hash({kSsn, "123-45-6789"}, &hash), Status::kKeyNotPrepared);
  EXPECT_EQ(hash, 7u);
  EXPECT_EQ(desk.protector.missing().purpose, Purpose::kExecutorHash);
  ASSERT_EQ(desk.protector.Prepare(*desk.table, desk.protector.missing()), Status::kOk);
  // One for all classes: that equal values of two classes meet is what it is for.
  for (const PiiClass& pii_class : test::SearchableClasses()) {
    EXPECT_EQ(desk.protector.Hash({pii_class.id, "123-45-6789"}, &hash), Status::kOk) << pii_class.name();
  }
}

}  // namespace
}  // namespace pii

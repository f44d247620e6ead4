#include "key_table.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "specimen.h"

namespace pii {
namespace {

Keyring MakeKeyring() {
  Keyring keyring;
  Domain& domain = keyring.domains["default"];
  test::AddKey(&domain.seal, 3, 0x33);
  test::AddKey(&domain.seal, 1, 0x11, KeyStatus::kDisabled);
  test::AddKey(&domain.seal, 2, 0x00, KeyStatus::kDestroyed);
  test::AddKey(&domain.blind_index, 3, 0x44);
  domain.seal.versions.at(3).created = 1769817600;
  std::memset(domain.hash_key.Expose().data(), 0x55, SecretKey::kSize);
  Domain& other = keyring.domains["eu-west"];
  test::AddKey(&other.seal, 3, 0x33);
  test::AddKey(&other.blind_index, 1, 0x66);
  keyring.classes.push_back(test::KeepClass(0, 3));
  return keyring;
}

class KeyTableTest : public testing::Test {
 protected:
  KeyTableTest() { std::memset(static_cast<void*>(table_.get()), 0xAA, sizeof *table_); }

  bool Build(const Keyring& keyring) { return BuildKeyTable(keyring, table_.get(), &problem_); }

  bool HoldsNothing() const {
    return test::AllBytesAre({reinterpret_cast<const uint8_t*>(table_.get()), sizeof *table_}, 0);
  }

  std::unique_ptr<KeyTable> table_ = std::make_unique<KeyTable>();
  std::string problem_;
};

TEST_F(KeyTableTest, HoldsEveryKeyOfEveryDomain) {
  ASSERT_TRUE(Build(MakeKeyring())) << problem_;
  EXPECT_EQ(table_->domain_count, 2u);
  EXPECT_EQ(table_->key_count, 6u);
  ASSERT_EQ(table_->class_count, 1u);
  EXPECT_EQ(table_->classes[0].name(), "keep_0_3");

  const KeyTable::DomainEntry* domain = table_->FindDomain("default");
  ASSERT_NE(domain, nullptr);
  EXPECT_EQ(domain->seal_primary, 3);
  EXPECT_EQ(domain->blind_index_primary, 3);
  EXPECT_TRUE(test::AllBytesAre(domain->hash_key, 0x55));

  const KeyTable::Key* seal = table_->FindKey(*domain, Purpose::kSeal, 3);
  ASSERT_NE(seal, nullptr);
  EXPECT_TRUE(test::AllBytesAre(seal->material, 0x33));
  EXPECT_TRUE(seal->primary);
  EXPECT_EQ(seal->status, KeyStatus::kEnabled);
  EXPECT_EQ(seal->created, 1769817600);

  const KeyTable::Key* index = table_->FindKey(*domain, Purpose::kBlindIndex, 3);
  ASSERT_NE(index, nullptr);
  EXPECT_TRUE(test::AllBytesAre(index->material, 0x44));

  const KeyTable::Key* disabled = table_->FindKey(*domain, Purpose::kSeal, 1);
  ASSERT_NE(disabled, nullptr);
  EXPECT_EQ(disabled->status, KeyStatus::kDisabled);
  EXPECT_FALSE(disabled->primary);
}

TEST_F(KeyTableTest, HoldsNoMaterialOfDestroyedKeys) {
  Keyring keyring = MakeKeyring();
  // Even when the keyring in memory still has some.
  std::memset(keyring.domains.at("default").seal.versions.at(2).key.Expose().data(), 0x77, SecretKey::kSize);
  ASSERT_TRUE(Build(keyring));
  const KeyTable::Key* key = table_->FindKey(*table_->FindDomain("default"), Purpose::kSeal, 2);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->status, KeyStatus::kDestroyed);
  EXPECT_TRUE(test::AllBytesAre(key->material, 0));
  EXPECT_TRUE(test::AllBytesAre(key->check_value, 0));
}

TEST_F(KeyTableTest, ComputesCheckValuesPerDomain) {
  ASSERT_TRUE(Build(MakeKeyring()));
  std::array<uint8_t, 32> root;
  root.fill(0x33);
  for (const char* name : {"default", "eu-west"}) {
    CheckValue expected;
    ASSERT_EQ(DeriveCheckValue(root, name, &expected), Status::kOk);
    EXPECT_EQ(table_->FindKey(*table_->FindDomain(name), Purpose::kSeal, 3)->check_value, expected);
  }
  EXPECT_NE(table_->FindKey(*table_->FindDomain("default"), Purpose::kSeal, 3)->check_value,
            table_->FindKey(*table_->FindDomain("eu-west"), Purpose::kSeal, 3)->check_value);
}

TEST_F(KeyTableTest, FindsNothingThatIsNotThere) {
  ASSERT_TRUE(Build(MakeKeyring()));
  for (std::string_view name : {std::string_view(""), std::string_view("defaul"),
                                std::string_view("default2"), std::string_view("default\0", 8)}) {
    EXPECT_EQ(table_->FindDomain(name), nullptr);
  }
  const KeyTable::DomainEntry& domain = *table_->FindDomain("default");
  EXPECT_EQ(table_->FindKey(domain, Purpose::kSeal, 0), nullptr);
  EXPECT_EQ(table_->FindKey(domain, Purpose::kSeal, 4), nullptr);
  EXPECT_EQ(table_->FindKey(domain, Purpose::kBlindIndex, 1), nullptr);
  EXPECT_EQ(table_->FindKey(domain, Purpose::kToken, 3), nullptr);
  EXPECT_EQ(table_->FindKey(*table_->FindDomain("eu-west"), Purpose::kSeal, 1), nullptr);
}

TEST_F(KeyTableTest, RefusesTooManyDomains) {
  Keyring keyring;
  for (size_t i = 0; i < KeyTable::kMaxDomains; ++i) {
    Domain& domain = keyring.domains["d" + std::to_string(i)];
    test::AddKey(&domain.seal, 1, 1);
    test::AddKey(&domain.blind_index, 1, 1);
  }
  EXPECT_TRUE(Build(keyring)) << problem_;
  EXPECT_NE(table_->FindDomain("d1023"), nullptr);
  test::AddKey(&keyring.domains["one-more"].seal, 1, 1);
  EXPECT_FALSE(Build(keyring));
  EXPECT_EQ(problem_, "the keyring has 1025 domains; at most 1024 fit");
  EXPECT_TRUE(HoldsNothing());
}

TEST_F(KeyTableTest, RefusesTooManyKeys) {
  Keyring keyring = MakeKeyring();
  KeySet& seal = keyring.domains.at("default").seal;
  for (size_t i = 0; i + 6 < KeyTable::kMaxKeys; ++i) test::AddKey(&seal, static_cast<uint16_t>(100 + i), 1);
  EXPECT_TRUE(Build(keyring)) << problem_;
  EXPECT_EQ(table_->key_count, KeyTable::kMaxKeys);
  test::AddKey(&seal, 65535, 1);
  EXPECT_FALSE(Build(keyring));
  EXPECT_EQ(problem_, "the keyring has 4097 keys; at most 4096 fit");
  EXPECT_TRUE(HoldsNothing());
}

TEST_F(KeyTableTest, RefusesTooManyClasses) {
  Keyring keyring = MakeKeyring();
  keyring.classes.resize(KeyTable::kMaxClasses, test::KeepClass(0, 3));
  EXPECT_TRUE(Build(keyring)) << problem_;
  keyring.classes.push_back(test::KeepClass(0, 3));
  EXPECT_FALSE(Build(keyring));
  EXPECT_EQ(problem_, "the keyring has 1025 classes; at most 1024 fit");
  EXPECT_TRUE(HoldsNothing());
}

TEST_F(KeyTableTest, TakesDomainNamesOf63Bytes) {
  Keyring keyring;
  std::string name(63, 'a');
  test::AddKey(&keyring.domains[name].seal, 1, 1);
  ASSERT_TRUE(Build(keyring));
  EXPECT_NE(table_->FindDomain(name), nullptr);
}

}  // namespace
}  // namespace pii

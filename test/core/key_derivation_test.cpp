#include "key_derivation.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "reference.h"
#include "specimen.h"
#include "vectors.h"

namespace pii {
namespace {

using test::Bytes;

Bytes Derive(ByteView root, Purpose purpose, uint16_t class_id, std::string_view domain) {
  SecretKey derived;
  EXPECT_EQ(DeriveKey(root.first<32>(), purpose, class_id, domain, &derived), Status::kOk);
  return {derived.Expose().begin(), derived.Expose().end()};
}

TEST(DeriveKey, GivesTheKeysOfTheVectorFile) {
  auto records = test::RecordsWith(test::ReadRecords("sealed_values.txt"), "KEY");
  ASSERT_EQ(records.size(), 6u);
  Bytes root(32, 0x01);
  for (test::Record& record : records) {
    auto class_id = static_cast<uint16_t>(std::stoi(record["CLASS"]));
    EXPECT_EQ(test::ToHex(Derive(root, Purpose::kSeal, class_id, record["DOMAIN"])), record["KEY"]);
  }
}

TEST(DeriveKey, IsHkdfOfTheDocumentedInfo) {
  test::Specimens specimens(20);
  for (int i = 0; i < 2000; ++i) {
    Bytes root = specimens.RandomBytes(32);
    auto purpose = static_cast<Purpose>(1 + specimens.Below(6));
    auto class_id = static_cast<uint16_t>(specimens.Below(65536));
    std::string domain(specimens.Below(256), '\0');
    for (char& c : domain) c = static_cast<char>(specimens.Below(256));

    Bytes info = test::ToBytes("pii-v1");
    info.push_back(static_cast<uint8_t>(purpose));
    info.push_back(static_cast<uint8_t>(class_id >> 8));
    info.push_back(static_cast<uint8_t>(class_id));
    info.push_back(static_cast<uint8_t>(domain.size()));
    info.insert(info.end(), domain.begin(), domain.end());
    ASSERT_EQ(Derive(root, purpose, class_id, domain), test::ReferenceHkdf(root, {}, info, 32));
  }
}

TEST(DeriveKey, SeparatesRootPurposeClassAndDomain) {
  Bytes root(32, 1);
  Bytes other_root(32, 2);
  std::set<Bytes> keys;
  size_t count = 0;
  for (ByteView from : {ByteView(root), ByteView(other_root)}) {
    for (uint8_t purpose = 1; purpose <= 6; ++purpose) {
      for (uint16_t class_id : {0, 1, 4, 256, 1000, 65535}) {
        for (std::string_view domain : {"", "a", "default", "default2"}) {
          keys.insert(Derive(from, static_cast<Purpose>(purpose), class_id, domain));
          ++count;
        }
      }
    }
  }
  EXPECT_EQ(keys.size(), count);
}

TEST(DeriveKey, RefusesADomainOf256Bytes) {
  Bytes root(32, 1);
  SecretKey derived;
  EXPECT_EQ(DeriveKey(ByteView(root).first<32>(), Purpose::kSeal, 0, std::string(255, 'a'), &derived),
            Status::kOk);
  EXPECT_EQ(DeriveKey(ByteView(root).first<32>(), Purpose::kSeal, 0, std::string(256, 'a'), &derived),
            Status::kTooLong);
}

TEST(DeriveCheckValue, GivesTheValueOfTheVectorFile) {
  auto records = test::RecordsWith(test::ReadRecords("sealed_values.txt"), "CHECK");
  ASSERT_EQ(records.size(), 1u);
  Bytes root(32, 0x01);
  CheckValue check_value;
  ASSERT_EQ(DeriveCheckValue(ByteView(root).first<32>(), "default", &check_value), Status::kOk);
  EXPECT_EQ(test::ToHex(check_value), records[0]["CHECK"]);
}

TEST(DeriveCheckValue, IsNoPartOfTheKeyThatSeals) {
  Bytes root(32, 0x01);
  CheckValue check_value;
  ASSERT_EQ(DeriveCheckValue(ByteView(root).first<32>(), "default", &check_value), Status::kOk);
  for (uint16_t class_id = 0; class_id < 16; ++class_id) {
    Bytes key = Derive(root, Purpose::kSeal, class_id, "default");
    EXPECT_FALSE(std::equal(check_value.begin(), check_value.end(), key.begin()));
  }
}

// The HKDF that IsHkdfOfTheDocumentedInfo compares with.
TEST(ReferenceHkdf, GivesTheAnswersOfWycheproof) {
  std::string path = test::SharedVectorPath("wycheproof_hkdf_sha256_test.json");
  if (!test::Exists(path)) GTEST_SKIP() << "no " << path;
  auto document = nlohmann::json::parse(std::ifstream(path));
  size_t tests = 0;
  for (const auto& group : document["testGroups"]) {
    for (const auto& vector : group["tests"]) {
      if (vector["result"] == "invalid") continue;  // sizes above 255 blocks, which are never asked for
      auto field = [&vector](const char* name) { return test::FromHex(vector[name].get<std::string>()); };
      EXPECT_EQ(test::ReferenceHkdf(field("ikm"), field("salt"), field("info"), vector["size"]), field("okm"))
          << vector["tcId"];
      ++tests;
    }
  }
  EXPECT_GT(tests, 50u);
}

}  // namespace
}  // namespace pii

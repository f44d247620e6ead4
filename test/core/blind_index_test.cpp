#include "blind_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "key_derivation.h"
#include "reference.h"
#include "specimen.h"
#include "vectors.h"

namespace pii {
namespace {

using test::Bytes;

BlindIndexValue HashOnce(ByteView key, uint16_t version, std::string_view transform, std::string_view text) {
  BlindIndexKey index_key;
  BlindIndexValue value{};
  EXPECT_EQ(index_key.Init(key.first<32>(), version), Status::kOk);
  EXPECT_EQ(index_key.Hash(transform, text, &value), Status::kOk);
  return value;
}

TEST(BlindIndexKey, GivesTheValuesOfTheVectorFile) {
  auto records = test::RecordsWith(test::ReadRecords("sealed_values.txt"), "INDEX");
  ASSERT_EQ(records.size(), 2u);
  Bytes root(32, 0x02);
  for (test::Record& record : records) {
    SecretKey key;
    ASSERT_EQ(DeriveKey(ByteView(root).first<32>(), Purpose::kBlindIndex,
                        static_cast<uint16_t>(std::stoi(record["CLASS"])), "default", &key),
              Status::kOk);
    auto version = static_cast<uint16_t>(std::stoi(record["VERSION"]));
    BlindIndexValue value = HashOnce(key.Expose(), version, record["TRANSFORM"], record["NORMALIZED"]);
    EXPECT_EQ(test::ToHex(value), record["INDEX"]);
  }
}

TEST(BlindIndexKey, IsVersionAndHmacOfTransformZeroText) {
  test::Specimens specimens(30);
  for (int i = 0; i < 100; ++i) {
    Bytes key = specimens.RandomBytes(32);
    auto version = static_cast<uint16_t>(1 + specimens.Below(65535));
    BlindIndexKey index_key;
    ASSERT_EQ(index_key.Init(ByteView(key).first<32>(), version), Status::kOk);
    // Many values under one key: each starts from the key, not from the value before.
    for (int j = 0; j < 20; ++j) {
      std::string transform = specimens.OneIn(2) ? "exact" : "domain";
      std::string text = specimens.RandomText(200);
      Bytes expected = test::ReferenceHmac(key, AsBytes(transform + std::string(1, '\0') + text));
      expected.resize(14);
      expected.insert(expected.begin(), {static_cast<uint8_t>(version >> 8), static_cast<uint8_t>(version)});
      BlindIndexValue value;
      ASSERT_EQ(index_key.Hash(transform, text, &value), Status::kOk);
      ASSERT_EQ(Bytes(value.begin(), value.end()), expected);
    }
  }
}

TEST(BlindIndexKey, SeparatesTransformTextKeyAndVersion) {
  Bytes key(32, 7);
  Bytes other_key(32, 8);
  std::set<BlindIndexValue> values = {
      HashOnce(key, 1, "exact", "ab"), HashOnce(key, 1, "exact", "abc"),      HashOnce(key, 1, "exactab", ""),
      HashOnce(key, 1, "exact", ""),   HashOnce(key, 1, "domain", "ab"),      HashOnce(key, 2, "exact", "ab"),
      HashOnce(key, 1, "exacta", "b"), HashOnce(other_key, 1, "exact", "ab"),
  };
  EXPECT_EQ(values.size(), 8u);
}

// The HMAC that the tests above compare with.
TEST(ReferenceHmac, GivesTheAnswersOfWycheproof) {
  std::string path = test::SharedVectorPath("wycheproof_hmac_sha256_test.json");
  if (!test::Exists(path)) GTEST_SKIP() << "no " << path;
  auto document = nlohmann::json::parse(std::ifstream(path));
  size_t tests = 0;
  for (const auto& group : document["testGroups"]) {
    size_t tag_size = group["tagSize"].get<size_t>() / 8;
    for (const auto& vector : group["tests"]) {
      auto field = [&vector](const char* name) { return test::FromHex(vector[name].get<std::string>()); };
      Bytes mac = test::ReferenceHmac(field("key"), field("msg"));
      mac.resize(tag_size);
      EXPECT_EQ(mac == field("tag"), vector["result"] == "valid") << vector["tcId"];
      ++tests;
    }
  }
  EXPECT_GT(tests, 100u);
}

// Wycheproof messages with a zero byte in them are a transform and a text to BlindIndexKey.
TEST(BlindIndexKey, GivesTheAnswersOfWycheproofThatItCanExpress) {
  std::string path = test::SharedVectorPath("wycheproof_hmac_sha256_test.json");
  if (!test::Exists(path)) GTEST_SKIP() << "no " << path;
  auto document = nlohmann::json::parse(std::ifstream(path));
  size_t tests = 0;
  for (const auto& group : document["testGroups"]) {
    for (const auto& vector : group["tests"]) {
      auto field = [&vector](const char* name) { return test::FromHex(vector[name].get<std::string>()); };
      Bytes key = field("key");
      Bytes message = field("msg");
      Bytes tag = field("tag");
      auto zero = std::find(message.begin(), message.end(), 0);
      if (key.size() != 32 || zero == message.end() || tag.size() < 14 || vector["result"] != "valid")
        continue;
      std::string_view text = AsText(message);
      auto split = static_cast<size_t>(zero - message.begin());
      BlindIndexValue value = HashOnce(key, 1, text.substr(0, split), text.substr(split + 1));
      EXPECT_TRUE(std::equal(value.begin() + 2, value.end(), tag.begin())) << vector["tcId"];
      ++tests;
    }
  }
  EXPECT_GT(tests, 0u);
}

}  // namespace
}  // namespace pii

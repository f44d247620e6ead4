#include "keyring_specimen.h"

#include <gtest/gtest.h>

#include "base64.h"
#include "specimen.h"

namespace pii::test {
namespace {

/// Every 8 characters of every marker must be missing from a message.
void ExpectNoKeyMaterial(const std::string& problem) {
  for (uint64_t seed = 101; seed <= 110; ++seed) {
    std::string key = MarkerKey(seed);
    for (size_t at = 0; at + 8 <= key.size(); ++at) {
      ASSERT_EQ(problem.find(key.substr(at, 8)), std::string::npos) << problem;
    }
  }
}

}  // namespace

std::string MarkerKey(uint64_t seed) {
  Bytes bytes = Specimens(seed).RandomBytes(32);
  std::string text(48, '\0');
  EncodeBase64(Base64::kStandard, bytes, text);
  text.resize(44);
  return text;
}

Json ValidJson() {
  auto key = [](uint64_t seed) {
    return Json{{"status", "enabled"}, {"key", MarkerKey(seed)}, {"created", "2026-01-31T00:00:00Z"}};
  };
  Json destroyed = {{"status", "destroyed"}, {"created", "2025-01-31T00:00:00Z"}};
  Json disabled = key(104);
  disabled["status"] = "disabled";
  return {{"pii_keyring", 1},
          {"domains",
           {{"default",
             {{"seal", {{"primary", 3}, {"keys", {{"1", destroyed}, {"2", disabled}, {"3", key(101)}}}}},
              {"blind_index", {{"primary", 1}, {"keys", {{"1", key(102)}}}}},
              {"hash_key", MarkerKey(103)}}},
            {"eu-west",
             {{"seal", {{"primary", 65535}, {"keys", {{"65535", key(105)}}}}},
              {"blind_index", {{"primary", 1}, {"keys", {{"1", key(106)}}}}},
              {"hash_key", MarkerKey(107)}}}}},
          {"classes",
           {{{"id", 1000}, {"name", "member_no"}, {"normalize", "digits"}, {"mask", {{"keep_last", 3}}}},
            {{"id", 65535},
             {"name", "badge"},
             {"normalize", "nfc"},
             {"mask", {{"keep_first", 1}, {"keep_last", 2}}}}}}};
}

std::string Problem(std::string_view json) {
  Keyring keyring;
  std::string problem;
  if (ParseKeyring(json, &keyring, &problem)) return {};
  EXPECT_FALSE(problem.empty());
  EXPECT_EQ(problem.find('\n'), std::string::npos) << problem;
  ExpectNoKeyMaterial(problem);
  return problem;
}

void ExpectRefused(const Json& json, const std::string& path) {
  std::string problem = Problem(json.dump());
  EXPECT_TRUE(problem.starts_with(path.empty() ? path : path + ": ") && !problem.empty())
      << "expected a refusal at " << path << ", got: " << problem;
}

void ExpectRefused(const std::function<void(Json&)>& change, const std::string& path) {
  Json json = ValidJson();
  change(json);
  ExpectRefused(json, path);
}

Json& At(Json& json, const char* pointer) { return json[Json::json_pointer(pointer)]; }

}  // namespace pii::test

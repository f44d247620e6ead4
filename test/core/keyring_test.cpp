#include "keyring.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "keyring_specimen.h"
#include "specimen.h"

namespace pii {
namespace {

using test::At;
using test::ExpectRefused;
using test::Json;
using test::MarkerKey;
using test::Problem;
using test::ValidJson;

TEST(ParseKeyring, ReadsTheExampleOfTheFormat) {
  std::string key = MarkerKey(101);
  std::string json = R"({"pii_keyring": 1,
    "domains": {"default": {
      "seal":        {"primary": 1, "keys": {"1": {"status": "enabled", "key": ")" +
                     key + R"(", "created": "2026-01-31T00:00:00Z"}}},
      "blind_index": {"primary": 1, "keys": {"1": {"status": "enabled", "key": ")" +
                     key + R"(", "created": "2026-01-31T00:00:00Z"}}},
      "hash_key":    ")" +
                     key + R"("}},
    "classes": [{"id": 1000, "name": "member_no", "normalize": "digits", "mask": {"keep_last": 3}}]})";
  Keyring keyring;
  std::string problem;
  ASSERT_TRUE(ParseKeyring(json, &keyring, &problem)) << problem;
  ASSERT_EQ(keyring.domains.size(), 1u);
  const Domain& domain = keyring.domains.at("default");
  EXPECT_EQ(domain.seal.primary, 1);
  EXPECT_EQ(domain.blind_index.primary, 1);
  const KeyVersion& version = domain.seal.versions.at(1);
  EXPECT_EQ(version.status, KeyStatus::kEnabled);
  EXPECT_EQ(version.created, 1769817600);
  test::Bytes expected = test::Specimens(101).RandomBytes(32);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), version.key.Expose().begin()));
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), domain.hash_key.Expose().begin()));
  ASSERT_EQ(keyring.classes.size(), 1u);
  const PiiClass& custom = keyring.classes[0];
  EXPECT_EQ(custom.id, 1000);
  EXPECT_EQ(custom.name(), "member_no");
  EXPECT_EQ(custom.normalizer, Normalizer::kDigits);
  EXPECT_EQ(custom.mask, MaskRule::kKeep);
  EXPECT_EQ(custom.shape, Shape::kAny);
  EXPECT_EQ(custom.keep_first, 0);
  EXPECT_EQ(custom.keep_last, 3);
}

TEST(ParseKeyring, ReadsStatusesDomainsAndLimits) {
  Keyring keyring;
  std::string problem;
  ASSERT_TRUE(ParseKeyring(ValidJson().dump(), &keyring, &problem)) << problem;
  const KeySet& seal = keyring.domains.at("default").seal;
  EXPECT_EQ(seal.versions.at(1).status, KeyStatus::kDestroyed);
  EXPECT_EQ(seal.versions.at(2).status, KeyStatus::kDisabled);
  EXPECT_EQ(seal.versions.at(3).status, KeyStatus::kEnabled);
  EXPECT_TRUE(test::AllBytesAre(seal.versions.at(1).key.Expose(), 0));
  EXPECT_EQ(keyring.domains.at("eu-west").seal.primary, 65535);
  EXPECT_EQ(keyring.classes[1].id, 65535);
}

TEST(ParseKeyring, NeedsNoClasses) {
  Json json = ValidJson();
  json.erase("classes");
  EXPECT_EQ(Problem(json.dump()), "");
  json["classes"] = Json::array();
  EXPECT_EQ(Problem(json.dump()), "");
}

TEST(ParseKeyring, ForgetsWhatTheTargetHeld) {
  Keyring keyring;
  std::string problem;
  ASSERT_TRUE(ParseKeyring(ValidJson().dump(), &keyring, &problem));
  EXPECT_FALSE(ParseKeyring("{", &keyring, &problem));
  EXPECT_TRUE(keyring.domains.empty());
  EXPECT_TRUE(keyring.classes.empty());
}

TEST(ParseKeyring, RefusesUnknownMembersAtEveryLevel) {
  const std::pair<const char*, const char*> kObjects[] = {
      {"", "extra"},
      {"/domains/default", "domains.default.extra"},
      {"/domains/default/seal", "domains.default.seal.extra"},
      {"/domains/default/blind_index", "domains.default.blind_index.extra"},
      {"/domains/default/seal/keys/3", "domains.default.seal.keys.3.extra"},
      {"/domains/default/seal/keys/1", "domains.default.seal.keys.1.extra"},
      {"/domains/eu-west/blind_index/keys/1", "domains.eu-west.blind_index.keys.1.extra"},
      {"/classes/0", "classes.0.extra"},
      {"/classes/1/mask", "classes.1.mask.extra"},
  };
  for (auto [pointer, path] : kObjects) {
    ExpectRefused([&](Json& json) { At(json, pointer)["extra"] = 1; }, path);
  }
}

TEST(ParseKeyring, RefusesMissingMembersAtEveryLevel) {
  const std::pair<const char*, std::vector<const char*>> kObjects[] = {
      {"", {"pii_keyring", "domains"}},
      {"/domains/default", {"seal", "blind_index", "hash_key"}},
      {"/domains/default/seal", {"primary", "keys"}},
      {"/domains/default/blind_index", {"primary", "keys"}},
      {"/domains/default/seal/keys/3", {"status", "key", "created"}},
      {"/domains/default/seal/keys/2", {"status", "key", "created"}},
      {"/domains/default/seal/keys/1", {"status", "created"}},
      {"/classes/0", {"id", "name", "normalize", "mask"}},
  };
  for (const auto& [pointer, members] : kObjects) {
    for (const char* member : members) {
      std::string path = std::string(pointer) + "/" + member;
      path.erase(0, 1);
      std::replace(path.begin(), path.end(), '/', '.');
      ExpectRefused([&](Json& json) { At(json, pointer).erase(member); }, path);
    }
  }
}

TEST(ParseKeyring, RefusesValuesOfAnotherType) {
  const std::pair<const char*, const char*> kMembers[] = {
      {"/pii_keyring", "pii_keyring"},
      {"/domains", "domains"},
      {"/domains/default", "domains.default"},
      {"/domains/default/seal", "domains.default.seal"},
      {"/domains/default/seal/primary", "domains.default.seal.primary"},
      {"/domains/default/seal/keys", "domains.default.seal.keys"},
      {"/domains/default/seal/keys/3", "domains.default.seal.keys.3"},
      {"/domains/default/seal/keys/3/status", "domains.default.seal.keys.3.status"},
      {"/domains/default/seal/keys/3/key", "domains.default.seal.keys.3.key"},
      {"/domains/default/seal/keys/3/created", "domains.default.seal.keys.3.created"},
      {"/domains/default/hash_key", "domains.default.hash_key"},
      {"/classes", "classes"},
      {"/classes/0", "classes.0"},
      {"/classes/0/id", "classes.0.id"},
      {"/classes/0/name", "classes.0.name"},
      {"/classes/0/normalize", "classes.0.normalize"},
      {"/classes/0/mask", "classes.0.mask"},
      {"/classes/0/mask/keep_last", "classes.0.mask.keep_last"},
  };
  // A key in the wrong place is the wrong type that matters most: none of it may be repeated.
  const Json kWrong[] = {nullptr, true,           -1,
                         1.5,     MarkerKey(108), Json::array({MarkerKey(108)}),
                         "",      1e300,          18446744073709551615u};
  for (auto [pointer, path] : kMembers) {
    for (const Json& wrong : kWrong) {
      if (wrong.is_array() && std::string_view(path) == "classes") continue;
      if (wrong == MarkerKey(108) && std::string_view(path).ends_with("key")) continue;
      ExpectRefused([&](Json& json) { At(json, pointer) = wrong; }, path);
    }
  }
  ExpectRefused([](Json& json) { json["classes"] = {MarkerKey(108)}; }, "classes.0");
  for (const char* document : {"null", "1", "\"text\"", "[]", "[{}]", "true"})
    EXPECT_NE(Problem(document), "") << document;
}

TEST(ParseKeyring, RepeatsNoKeyThatStandsWhereANameBelongs) {
  std::string key = MarkerKey(109);
  for (const char* pointer : {"", "/domains/default", "/domains/default/seal", "/domains/default/seal/keys",
                              "/domains/default/seal/keys/3", "/classes/0", "/classes/0/mask", "/domains"}) {
    ExpectRefused([&](Json& json) { At(json, pointer)[key] = key; }, "");
  }
  // Lower-case hex is made of the characters of a name; so is most of a key cut short.
  std::string whole = test::ToHex(test::Specimens(109).RandomBytes(32));
  for (size_t size : {64, 63, 52, 41}) {
    std::string hex = whole.substr(0, size);
    for (const char* pointer : {"", "/domains", "/domains/default/seal/keys", "/classes/0/mask"}) {
      Json json = ValidJson();
      At(json, pointer)[hex] = hex;
      std::string problem = Problem(json.dump());
      EXPECT_NE(problem, "");
      for (size_t at = 0; at + 8 <= hex.size(); ++at) {
        ASSERT_EQ(problem.find(hex.substr(at, 8)), std::string::npos) << problem;
      }
    }
  }
}

TEST(ParseKeyring, RefusesAnotherMagicNumber) {
  for (const Json& magic : {Json(0), Json(2), Json("1"), Json(1.0), Json(true)}) {
    ExpectRefused([&](Json& json) { json["pii_keyring"] = magic; }, "pii_keyring");
  }
}

TEST(ParseKeyring, RefusesAWrappedKeyringAndTellsWhatItNeeds) {
  Json wrapped = {
      {"pii_wrapped_keyring", 1}, {"root_kcv", "00"}, {"nonce", "AA=="}, {"ciphertext", MarkerKey(101)}};
  EXPECT_EQ(Problem(wrapped.dump()),
            "the keyring is wrapped and needs its root key (pii.root_key_file or pii.root_key_command; for "
            "pii-keyring, --root-key-file or --root-key-command)");
}

TEST(ParseKeyring, RefusesBadPrimaries) {
  const char* path = "domains.default.seal.primary";
  for (const Json& primary : {Json(0), Json(4), Json(65536), Json("3"), Json(-3), Json(3.0)}) {
    ExpectRefused([&](Json& json) { At(json, "/domains/default/seal/primary") = primary; }, path);
  }
  ExpectRefused([](Json& json) { At(json, "/domains/default/seal/primary") = 1; }, path);  // destroyed
  ExpectRefused([](Json& json) { At(json, "/domains/default/seal/primary") = 2; }, path);  // disabled
  ExpectRefused([](Json& json) { At(json, "/domains/default/seal/keys") = Json::object(); }, path);
  ExpectRefused([](Json& json) { At(json, "/domains/eu-west/blind_index/keys/1/status") = "disabled"; },
                "domains.eu-west.blind_index.primary");
}

TEST(ParseKeyring, RefusesKeysThatAreNot32BytesOfStrictBase64) {
  std::string key = MarkerKey(110);
  std::string url = key;
  url[0] = '_';
  std::string stray_bits = key;
  stray_bits[42] = key[42] == 'A' ? 'B' : static_cast<char>(key[42] + 1);
  const std::string kKeys[] = {key.substr(0, 43),
                               key + "=",
                               key.substr(0, 40),
                               key + key,
                               key.substr(0, 42) + "==",
                               " " + key,
                               key.substr(0, 43) + "A",
                               url,
                               stray_bits,
                               key.substr(0, 20) + "\n" + key.substr(21),
                               "AAAA",
                               std::string(1000, 'A')};
  for (const std::string& bad : kKeys) {
    ExpectRefused([&](Json& json) { At(json, "/domains/default/seal/keys/3/key") = bad; },
                  "domains.default.seal.keys.3.key");
    ExpectRefused([&](Json& json) { At(json, "/domains/default/seal/keys/2/key") = bad; },
                  "domains.default.seal.keys.2.key");
    ExpectRefused([&](Json& json) { At(json, "/domains/eu-west/hash_key") = bad; },
                  "domains.eu-west.hash_key");
  }
}

TEST(ParseKeyring, RefusesADestroyedKeyWithMaterial) {
  ExpectRefused([](Json& json) { At(json, "/domains/default/seal/keys/1/key") = MarkerKey(108); },
                "domains.default.seal.keys.1.key");
  ExpectRefused([](Json& json) { At(json, "/domains/default/seal/keys/1/key") = nullptr; },
                "domains.default.seal.keys.1.key");
}

TEST(ParseKeyring, RefusesKeyIdsThatAreNoVersions) {
  for (const char* id :
       {"", "0", "01", "65536", "99999", "100000", "-1", "+1", "1.0", " 1", "1 ", "a", "0x1"}) {
    Json json = ValidJson();
    At(json, "/domains/default/seal/keys")[id] = At(json, "/domains/default/seal/keys/3");
    std::string problem = Problem(json.dump());
    EXPECT_TRUE(problem.starts_with("domains.default.seal.keys")) << id << ": " << problem;
  }
}

TEST(ParseKeyring, RefusesUnknownStatusesAndTimes) {
  for (const char* status : {"", "Enabled", "enabled ", "active"}) {
    ExpectRefused([&](Json& json) { At(json, "/domains/default/seal/keys/3/status") = status; },
                  "domains.default.seal.keys.3.status");
  }
  for (const char* time :
       {"", "2026-01-31", "2026-01-31T00:00:00", "2026-02-30T00:00:00Z", "2026-01-31T24:00:00Z"}) {
    ExpectRefused([&](Json& json) { At(json, "/domains/default/seal/keys/3/created") = time; },
                  "domains.default.seal.keys.3.created");
  }
}

TEST(ParseKeyring, RefusesBadDomains) {
  ExpectRefused([](Json& json) { json["domains"] = Json::object(); }, "domains");
  for (const char* name : {"", "Default", "-a", ".a", "_a", "a b", "a/b", "é"}) {
    Json json = ValidJson();
    json["domains"][name] = json["domains"]["default"];
    std::string problem = Problem(json.dump());
    EXPECT_TRUE(problem.starts_with("domains")) << name << ": " << problem;
  }
  Json json = ValidJson();
  json["domains"][std::string(63, 'a')] = json["domains"]["default"];
  EXPECT_EQ(Problem(json.dump()), "");
  json["domains"][std::string(64, 'a')] = json["domains"]["default"];
  EXPECT_NE(Problem(json.dump()), "");
}

/// The valid keyring with `what` written twice: the text of a member is repeated in place.
std::string WithRepeated(const std::string& what) {
  std::string text = ValidJson().dump();
  size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.insert(at, what + ",");
}

TEST(ParseKeyring, RefusesRepeatedMembersAtEveryLevel) {
  Json json = ValidJson();
  auto member = [&](const char* name, const char* pointer) {
    return "\"" + std::string(name) + "\":" + At(json, pointer).dump();
  };
  const std::pair<std::string, const char*> kRepeated[] = {
      {member("pii_keyring", "/pii_keyring"), "pii_keyring"},
      {member("default", "/domains/default"), "domains.default"},
      {member("eu-west", "/domains/eu-west"), "domains.eu-west"},
      {member("seal", "/domains/default/seal"), "domains.default.seal"},
      {member("primary", "/domains/default/seal/primary"), "domains.default.seal.primary"},
      {member("3", "/domains/default/seal/keys/3"), "domains.default.seal.keys.3"},
      {member("status", "/domains/default/seal/keys/1/status"), "domains.default.seal.keys.1.status"},
      {member("key", "/domains/default/seal/keys/3/key"), "domains.default.seal.keys.3.key"},
      {member("hash_key", "/domains/default/hash_key"), "domains.default.hash_key"},
      {member("id", "/classes/1/id"), "classes.1.id"},
      {member("keep_first", "/classes/1/mask/keep_first"), "classes.1.mask.keep_first"},
      {member("classes", "/classes"), "classes"},
  };
  for (const auto& [repeated, path] : kRepeated) {
    std::string problem = Problem(WithRepeated(repeated));
    EXPECT_TRUE(problem.starts_with(std::string(path) + ": ")) << path << ": " << problem;
  }
}

TEST(ParseKeyring, RefusesTheSameKeyIdWithTwoKeys) {
  std::string text = ValidJson().dump();
  std::string other = "\"3\":{\"status\":\"enabled\",\"key\":\"" + MarkerKey(108) +
                      "\",\"created\":\"2026-01-31T00:00:00Z\"},";
  for (const char* before : {"\"1\":{", "\"3\":{"}) {
    std::string repeated = text;
    repeated.insert(repeated.find(before), other);
    std::string problem = Problem(repeated);
    EXPECT_TRUE(problem.starts_with("domains.default.seal.keys.3: ")) << problem;
  }
  // An escape in the name is the same name.
  std::string escaped = text;
  escaped.insert(escaped.find("\"1\":{"),
                 "\"\\u0033\":{\"status\":\"destroyed\",\"created\":\"2026-01-31T00:00:00Z\"},");
  EXPECT_TRUE(Problem(escaped).starts_with("domains.default.seal.keys.3: ")) << Problem(escaped);
}

TEST(ParseKeyring, RefusesARepeatedKeyWithoutRepeatingIt) {
  std::string key = MarkerKey(108);
  EXPECT_NE(Problem("{\"" + key + "\":1,\"" + key + "\":2}"), "");
}

TEST(ParseKeyring, RefusesEveryTruncation) {
  std::string text = ValidJson().dump(1);
  for (size_t size = 0; size < text.size(); ++size) {
    std::string problem = Problem(std::string_view(text).substr(0, size));
    ASSERT_TRUE(problem.starts_with("not valid JSON at byte ")) << size << ": " << problem;
  }
}

TEST(ParseKeyring, RefusesWhatIsNotJson) {
  std::string text = ValidJson().dump();
  for (const std::string& bad :
       {std::string(), std::string(" "), text + "x", text + "{}", "// comment\n" + text, text.substr(1),
        "\xff" + text, std::string("{\"pii_keyring\": 1e999}"), std::string("{'pii_keyring': 1}"),
        std::string("{\"a\":1,}"), std::string("NaN"), std::string("{\"\xff\": 1}"), std::string(1, '\0')}) {
    EXPECT_TRUE(Problem(bad).starts_with("not valid JSON")) << Problem(bad);
  }
}

TEST(ParseKeyring, SurvivesDeepNesting) {
  for (const char* opening : {"[", "{\"a\":", "[{\"a\":"}) {
    std::string text;
    while (text.size() < 1 << 20) text += opening;
    EXPECT_NE(Problem(text), "");
  }
  std::string text(1 << 19, '[');
  text.append(1 << 19, ']');
  EXPECT_NE(Problem(text), "");
}

TEST(ParseKeyring, NamesAResultForRandomText) {
  test::Specimens specimens(120);
  for (int i = 0; i < 200'000; ++i) ASSERT_NE(Problem(specimens.RandomText(48)), "");
}

TEST(ParseKeyring, RepeatsNoKeyOfADamagedKeyring) {
  test::Specimens specimens(121);
  const std::string text = ValidJson().dump();
  size_t refused = 0;
  for (int i = 0; i < 10'000; ++i) refused += !Problem(specimens.Mutation(text)).empty();
  EXPECT_GT(refused, 5'000u);
}

TEST(FormatKeyring, WritesWhatTheParserReads) {
  Keyring keyring;
  std::string problem;
  ASSERT_TRUE(ParseKeyring(ValidJson().dump(), &keyring, &problem)) << problem;
  SecretString text = FormatKeyring(keyring);
  EXPECT_EQ(Json::parse(text).dump(), Json::parse(ValidJson().dump()).dump());

  Keyring again;
  ASSERT_TRUE(ParseKeyring(std::string_view(text), &again, &problem)) << problem;
  EXPECT_EQ(FormatKeyring(again), text);
}

TEST(FormatKeyring, RoundTripsGeneratedKeyrings) {
  Keyring keyring;
  ASSERT_EQ(AddDomain(&keyring, "default", 0), Status::kOk);
  ASSERT_EQ(AddDomain(&keyring, "b.c_d-e", 253402300799), Status::kOk);
  KeySet& seal = keyring.domains.at("default").seal;
  for (int i = 0; i < 20; ++i) {
    uint16_t version = 0;
    ASSERT_EQ(AddKeyVersion(&seal, i * 86400, &version), Status::kOk);
    ASSERT_EQ(version, i + 2);
  }
  seal.versions.at(5).status = KeyStatus::kDisabled;
  keyring.classes.push_back(test::KeepClass(0, 0));
  SecretString text = FormatKeyring(keyring);
  Keyring again;
  std::string problem;
  ASSERT_TRUE(ParseKeyring(std::string_view(text), &again, &problem)) << problem;
  EXPECT_EQ(FormatKeyring(again), text);
  EXPECT_EQ(again.domains.at("default").seal.versions.size(), 21u);
  EXPECT_EQ(again.domains.at("b.c_d-e").seal.versions.at(1).created, 253402300799);
}

TEST(AddKeyVersion, GivesTheNextIdAndANewKey) {
  KeySet keys;
  uint16_t version = 0;
  ASSERT_EQ(AddKeyVersion(&keys, 7, &version), Status::kOk);
  EXPECT_EQ(version, 1);
  EXPECT_EQ(keys.primary, 1);
  test::AddKey(&keys, 500, 1, KeyStatus::kDestroyed);
  ASSERT_EQ(AddKeyVersion(&keys, 8, &version), Status::kOk);
  EXPECT_EQ(version, 501);
  EXPECT_EQ(keys.primary, 1);
  auto one = keys.versions.at(1).key.Expose();
  auto other = keys.versions.at(501).key.Expose();
  EXPECT_FALSE(std::equal(one.begin(), one.end(), other.begin()));
  EXPECT_FALSE(test::AllBytesAre(one, 0));
}

TEST(AddKeyVersion, RefusesMoreThan65535Versions) {
  KeySet keys;
  test::AddKey(&keys, 65534, 1);
  uint16_t version = 0;
  ASSERT_EQ(AddKeyVersion(&keys, 0, &version), Status::kOk);
  EXPECT_EQ(version, 65535);
  EXPECT_EQ(AddKeyVersion(&keys, 0, &version), Status::kTooLong);
  EXPECT_EQ(keys.versions.size(), 2u);
}

TEST(IsDomainName, IsLowerCaseAndBeginsWithALetterOrDigit) {
  for (const std::string& name : {std::string("default"), std::string("eu-west"), std::string("1"),
                                  std::string("a_b.c"), std::string(63, 'z')}) {
    EXPECT_TRUE(IsDomainName(name)) << name;
  }
  for (const std::string& name : {std::string(), std::string("A"), std::string("-a"), std::string(".a"),
                                  std::string("_a"), std::string("a b"), std::string("a/b"), std::string("é"),
                                  std::string(64, 'a'), std::string("a\0", 2), std::string("a\n")}) {
    EXPECT_FALSE(IsDomainName(name)) << name;
  }
}

TEST(Timestamp, IsRfc3339InUtc) {
  const std::pair<const char*, int64_t> kTimes[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"2026-01-31T00:00:00Z", 1769817600},
      {"2000-02-29T23:59:59Z", 951868799},
      {"1969-12-31T23:59:59Z", -1},
      {"9999-12-31T23:59:59Z", 253402300799},
      {"0000-01-01T00:00:00Z", -62167219200},
  };
  for (auto [text, expected] : kTimes) {
    int64_t seconds = 0;
    ASSERT_TRUE(ParseTimestamp(text, &seconds)) << text;
    EXPECT_EQ(seconds, expected);
    EXPECT_EQ(FormatTimestamp(expected), text);
  }
  for (const char* text :
       {"", "2026-01-31", "2026-01-31T00:00:00", "2026-01-31 00:00:00Z", "2026-01-31t00:00:00z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-31T24:00:00Z",
        "2026-01-31T00:60:00Z", "2026-01-31T00:00:60Z", "2026-01-31T00:00:00+00", "2026-1-31T00:00:00ZZ",
        "+026-01-31T00:00:00Z", "2026-01-31T00:00:00Z "}) {
    int64_t seconds = 0;
    EXPECT_FALSE(ParseTimestamp(text, &seconds)) << text;
  }
}

TEST(Timestamp, RoundTrips) {
  test::Specimens specimens(122);
  for (int i = 0; i < 20'000; ++i) {
    auto seconds = static_cast<int64_t>(specimens.Below(253402300800));
    int64_t parsed = -1;
    ASSERT_TRUE(ParseTimestamp(FormatTimestamp(seconds), &parsed));
    ASSERT_EQ(parsed, seconds);
  }
}

TEST(KeyStatusName, IsWhatTheFileSays) {
  EXPECT_EQ(KeyStatusName(KeyStatus::kEnabled), "enabled");
  EXPECT_EQ(KeyStatusName(KeyStatus::kDisabled), "disabled");
  EXPECT_EQ(KeyStatusName(KeyStatus::kDestroyed), "destroyed");
}

}  // namespace
}  // namespace pii

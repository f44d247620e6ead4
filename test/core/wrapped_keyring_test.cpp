#include "wrapped_keyring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "aead.h"
#include "base64.h"
#include "key_source.h"
#include "keyring_specimen.h"
#include "reference.h"
#include "specimen.h"

namespace pii {
namespace {

using test::Bytes;
using test::Json;

SecretKey RootKey(ByteView bytes) {
  SecretKey key;
  std::copy_n(bytes.begin(), SecretKey::kSize, key.Expose().begin());
  return key;
}

SecretKey RootKey(uint8_t byte) { return RootKey(Bytes(32, byte)); }

std::string Encoded(ByteView bytes) {
  std::string text(Base64Size(Base64::kStandard, bytes.size()) + 4, '\0');
  EncodeBase64(Base64::kStandard, bytes, text);
  text.resize(Base64Size(Base64::kStandard, bytes.size()));
  return text;
}

std::string Wrapped(std::string_view keyring_json, const SecretKey& root_key) {
  SecretString wrapped;
  std::string problem;
  EXPECT_TRUE(WrapKeyring(keyring_json, root_key, &wrapped, &problem)) << problem;
  return {wrapped.data(), wrapped.size()};
}

/// The plaintext; or the problem behind `! `, which is one line. Nothing is left of what was opened.
std::string Unwrapped(std::string_view wrapped, const SecretKey& root_key) {
  SecretString json = "what was there before";
  std::string problem;
  if (UnwrapKeyring(wrapped, root_key, &json, &problem)) return {json.data(), json.size()};
  EXPECT_TRUE(json.empty());
  EXPECT_FALSE(problem.empty());
  EXPECT_EQ(problem.find('\n'), std::string::npos) << problem;
  return "! " + problem;
}

/// The text of a wrapped keyring, with `change` made to its members.
template <typename Change>
std::string Changed(const std::string& wrapped, const Change& change) {
  Json json = Json::parse(wrapped);
  change(json);
  return json.dump();
}

const std::string& ValidText() {
  static const std::string text = test::ValidJson().dump();
  return text;
}

TEST(IsWrappedKeyring, FindsTheMagicMemberOfTheOutermostObject) {
  for (const char* text :
       {R"({"pii_wrapped_keyring": 1})", R"( {"a": [{"b": 1}], "pii_wrapped_keyring": null})",
        R"({"pii_wrapped_keyring")", R"({"pii_wrapped_keyring": 1, )",
        R"({"pii_keyring": 1, "pii_wrapped_keyring": 1})", "{\"pii_wrapped_keyrin\\u0067\": 1}"}) {
    EXPECT_TRUE(IsWrappedKeyring(text)) << text;
  }
  EXPECT_TRUE(IsWrappedKeyring(Wrapped(ValidText(), RootKey(4))));
}

TEST(IsWrappedKeyring, FindsItNowhereElse) {
  for (const char* text :
       {"", " ", "{", "null", "1", "[", "{\"pii_wrapped_keyring", "\"pii_wrapped_keyring\"",
        R"({"a": {"pii_wrapped_keyring": 1}})", R"([{"pii_wrapped_keyring": 1}])",
        R"(["pii_wrapped_keyring"])", R"({"a": "pii_wrapped_keyring"})",
        R"({"a": ["pii_wrapped_keyring", 1]})", R"({"pii_wrapped_keyring2": 1})",
        R"({"a": 1e999, "pii_wrapped_keyring": 1})", R"({} {"pii_wrapped_keyring": 1})"}) {
    EXPECT_FALSE(IsWrappedKeyring(text)) << text;
  }
  EXPECT_FALSE(IsWrappedKeyring(ValidText()));
  EXPECT_FALSE(IsWrappedKeyring(std::string_view("{\"a\0", 4)));
}

TEST(IsWrappedKeyring, SurvivesAnyText) {
  for (const char* opening : {"[", "{\"a\":", "[{\"pii_wrapped_keyring\":"}) {
    std::string text;
    while (text.size() < kMaxKeyringSize) text += opening;
    EXPECT_FALSE(IsWrappedKeyring(text));
  }
  test::Specimens specimens(130);
  for (int i = 0; i < 20'000; ++i) {
    std::string text = specimens.RandomText(48);
    EXPECT_FALSE(IsWrappedKeyring(text)) << text;
  }
}

TEST(ParseRootKey, ReadsBase64WithWhiteSpaceAround) {
  const Bytes bytes = test::Specimens(101).RandomBytes(32);
  const std::string text = test::MarkerKey(101);
  for (const char* before : {"", " ", "\n\t"}) {
    for (const char* after : {"", "\n", "\r\n", " \t\n\v\f\r"}) {
      SecretKey key;
      std::string problem;
      ASSERT_TRUE(ParseRootKey(before + text + after, &key, &problem)) << problem;
      EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), key.Expose().begin()));
    }
  }
}

TEST(ParseRootKey, RefusesAllElseAndShowsNothingOfIt) {
  const std::string text = test::MarkerKey(101);
  const std::string hex = test::ToHex(test::Specimens(101).RandomBytes(32));
  std::string stray_bits = text;
  stray_bits[42] = text[42] == 'A' ? 'B' : static_cast<char>(text[42] + 1);
  std::string url = text;
  url[0] = '_';
  for (const std::string& bad :
       {std::string(), std::string(" \n"), text.substr(0, 43), text.substr(0, 40), text + "=", text + text,
        text.substr(0, 43) + "A", text.substr(0, 42) + "==", text.substr(0, 20) + "\n" + text.substr(20),
        text.substr(0, 20) + " " + text.substr(21), text + "\nx", "\"" + text + "\"", "\xef\xbb\xbf" + text,
        text + std::string(1, '\0'), stray_bits, url, hex, std::string(1 << 20, 'A'),
        std::string(1 << 20, ' ')}) {
    SecretKey key;
    std::string problem;
    EXPECT_FALSE(ParseRootKey(bad, &key, &problem)) << bad;
    EXPECT_EQ(problem, "a root key must be 32 bytes in base64 (44 characters), and nothing else");
    EXPECT_TRUE(test::AllBytesAre(key.Expose(), 0));
  }
}

TEST(NewRootKey, IsAnotherOneEachTimeThatParseRootKeyReads) {
  SecretString one;
  SecretString other;
  ASSERT_EQ(NewRootKey(&one), Status::kOk);
  ASSERT_EQ(NewRootKey(&other), Status::kOk);
  EXPECT_NE(one, other);
  EXPECT_EQ(one.size(), 45u);
  EXPECT_EQ(one.back(), '\n');
  SecretKey key;
  std::string problem;
  EXPECT_TRUE(ParseRootKey(one, &key, &problem)) << problem;
}

TEST(DeriveRootCheckValue, IsThatOfAKeyInNoDomain) {
  const Bytes root(32, 4);
  const Bytes info = test::Joined(test::ToBytes("pii-v1"), Bytes{5, 0, 0, 0});
  CheckValue check_value;
  ASSERT_EQ(DeriveRootCheckValue(RootKey(root), &check_value), Status::kOk);
  Bytes expected = test::ReferenceHkdf(root, {}, info, 32);
  EXPECT_TRUE(std::equal(check_value.begin(), check_value.end(), expected.begin()));
  EXPECT_EQ(CheckValueText(check_value), test::ToHex(check_value));
  EXPECT_EQ(CheckValueText({0x00, 0x01, 0x0f, 0xf0, 0xab, 0xcd, 0xef, 0xff}), "00010ff0abcdefff");
}

TEST(WrapKeyring, RoundTripsAnyText) {
  test::Specimens specimens(131);
  for (size_t size : {0, 1, 2, 3, 15, 16, 17, 48, 1000, 70'000}) {
    SecretKey root_key = RootKey(specimens.RandomBytes(32));
    Bytes bytes = specimens.RandomBytes(size);
    std::string text(bytes.begin(), bytes.end());
    std::string wrapped = Wrapped(text, root_key);
    EXPECT_TRUE(IsWrappedKeyring(wrapped));
    EXPECT_EQ(Unwrapped(wrapped, root_key), text);
  }
}

TEST(WrapKeyring, HoldsNothingOfTheKeyring) {
  std::string wrapped = Json::parse(Wrapped(ValidText(), RootKey(4)))["ciphertext"];
  for (size_t at = 0; at + 8 <= ValidText().size(); ++at) {
    std::string_view part = std::string_view(ValidText()).substr(at, 8);
    ASSERT_EQ(wrapped.find(part), std::string::npos) << part;
  }
  // Nor in base64, wherever its groups of three bytes begin.
  for (size_t at = 0; at + 9 <= ValidText().size(); ++at) {
    std::string part = Encoded(test::ToBytes(std::string_view(ValidText()).substr(at, 9)));
    ASSERT_EQ(wrapped.find(part), std::string::npos) << part;
  }
}

TEST(WrapKeyring, TakesANewNonceEachTime) {
  std::set<std::string> nonces;
  std::set<std::string> ciphertexts;
  for (int i = 0; i < 200; ++i) {
    Json json = Json::parse(Wrapped(ValidText(), RootKey(4)));
    nonces.insert(json["nonce"].get<std::string>());
    ciphertexts.insert(json["ciphertext"].get<std::string>());
  }
  EXPECT_EQ(nonces.size(), 200u);
  EXPECT_EQ(ciphertexts.size(), 200u);
}

TEST(WrapKeyring, NeverMakesMoreThanAKeyringMayBe) {
  // The largest one: what the members take is the same for all sizes.
  const size_t others = Wrapped("", RootKey(4)).size() - Base64Size(Base64::kStandard, XaesKey::kTagSize);
  const size_t largest = (kMaxKeyringSize - others) / 4 * 3 - XaesKey::kTagSize;
  std::string wrapped = Wrapped(std::string(largest, 'x'), RootKey(4));
  EXPECT_LE(wrapped.size(), kMaxKeyringSize);
  EXPECT_GT(wrapped.size(), kMaxKeyringSize - 4);
  EXPECT_EQ(Unwrapped(wrapped, RootKey(4)), std::string(largest, 'x'));

  SecretString too_large;
  std::string problem;
  for (size_t size : {largest + 1, kMaxKeyringSize}) {
    EXPECT_FALSE(WrapKeyring(std::string(size, 'x'), RootKey(4), &too_large, &problem));
    EXPECT_EQ(
        problem,
        "the keyring is too large to be wrapped: the wrapped form may be 1 MiB, and so the keyring itself "
        "767 KiB");
    EXPECT_TRUE(too_large.empty());
  }
}

/// What the vector file calls an error, in the words of this implementation.
std::string ProblemOf(const std::string& error) {
  const std::pair<const char*, const char*> kProblems[] = {
      {"root key", "! the keyring is wrapped under the root key with check value "},
      {"authentication", "! the wrapped keyring does not open under its root key"},
      {"magic", "! pii_wrapped_keyring: must be 1"},
      {"root_kcv", "! root_kcv: must be 16 hex digits, a to f in lower case"},
      {"nonce", "! nonce: must be 24 bytes in base64"},
      {"ciphertext", "! ciphertext: must be 16 bytes or more in base64"},
      {"missing member", "! nonce: missing"},
      {"unknown member", ": unknown member"},
      {"repeated member", "! nonce: the same member twice"},
  };
  for (auto [name, problem] : kProblems) {
    if (error == name) return problem;
  }
  return "there is no such error: " + error;
}

TEST(UnwrapKeyring, GivesTheAnswersOfTheVectorFile) {
  auto records = test::ReadRecords("wrapped_keyrings.txt");
  ASSERT_EQ(records.size(), 25u);
  EXPECT_EQ(test::RecordsWith(records, "ERROR").size(), 22u);
  for (test::Record& record : records) {
    SecretKey root_key = RootKey(test::FromHex(record["ROOT_KEY"]));
    CheckValue check_value;
    ASSERT_EQ(DeriveRootCheckValue(root_key, &check_value), Status::kOk);
    EXPECT_EQ(CheckValueText(check_value), record["ROOT_KCV"]) << record["NAME"];
    std::string found = Unwrapped(record["WRAPPED"], root_key);
    if (record.contains("ERROR")) {
      EXPECT_NE(found.find(ProblemOf(record["ERROR"])), std::string::npos) << record["NAME"] << ": " << found;
    } else {
      EXPECT_EQ(found, record["PLAINTEXT"]) << record["NAME"];
    }
  }
}

TEST(UnwrapKeyring, AuthenticatesTheDocumentedBytes) {
  const Bytes root(32, 4);
  CheckValue check_value;
  ASSERT_EQ(DeriveRootCheckValue(RootKey(root), &check_value), Status::kOk);
  Json json = Json::parse(Wrapped(ValidText(), RootKey(root)));
  Bytes nonce(27);
  Bytes sealed(ValidText().size() + XaesKey::kTagSize + 3);
  size_t size = 0;
  ASSERT_TRUE(DecodeBase64(Base64::kStandard, json["nonce"].get<std::string>(), nonce, &size));
  ASSERT_EQ(size, kNonceSize);
  ASSERT_TRUE(DecodeBase64(Base64::kStandard, json["ciphertext"].get<std::string>(), sealed, &size));
  sealed.resize(size);

  Bytes data = test::Joined(test::ToBytes("pii_wrapped_keyring\x01"), check_value);
  XaesKey key;
  ASSERT_EQ(key.Init(ByteView(root).first<32>()), Status::kOk);
  Bytes opened(ValidText().size());
  EXPECT_EQ(key.Open(ByteView(nonce).first<kNonceSize>(), data, {}, sealed, opened), Status::kOk);
  EXPECT_EQ(AsText(opened), ValidText());
}

TEST(UnwrapKeyring, RejectsEveryFlippedBit) {
  const std::string wrapped = Wrapped(R"({"pii_keyring":1})", RootKey(4));
  for (size_t at = 0; at < wrapped.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = wrapped;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      ASSERT_TRUE(Unwrapped(flipped, RootKey(4)).starts_with("! ")) << at << ", " << bit;
    }
  }
}

TEST(UnwrapKeyring, RejectsEveryFlippedBitOfAWholeKeyring) {
  const std::string wrapped = Wrapped(ValidText(), RootKey(4));
  for (size_t at = 0; at < wrapped.size(); ++at) {
    std::string flipped = wrapped;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
    ASSERT_TRUE(Unwrapped(flipped, RootKey(4)).starts_with("! ")) << at;
  }
}

TEST(UnwrapKeyring, RejectsEveryTruncation) {
  const std::string wrapped = Wrapped(ValidText(), RootKey(4));
  const size_t end = wrapped.rfind('}');
  for (size_t size = 0; size <= end; ++size) {
    ASSERT_TRUE(
        Unwrapped(std::string_view(wrapped).substr(0, size), RootKey(4)).starts_with("! not valid JSON"))
        << size;
  }
}

TEST(UnwrapKeyring, RejectsEveryTruncationOfNonceAndCiphertext) {
  const std::string wrapped = Wrapped(ValidText(), RootKey(4));
  for (const char* member : {"nonce", "ciphertext"}) {
    const std::string text = Json::parse(wrapped)[member].get<std::string>();
    for (size_t size = 0; size < text.size(); ++size) {
      for (std::string part : {text.substr(0, size), text.substr(text.size() - size)}) {
        std::string cut = Changed(wrapped, [&](Json& json) { json[member] = part; });
        ASSERT_TRUE(Unwrapped(cut, RootKey(4)).starts_with("! ")) << member << ", " << size;
      }
    }
  }
}

TEST(UnwrapKeyring, RejectsEveryFlippedBitOfTheRootKey) {
  const std::string wrapped = Wrapped(ValidText(), RootKey(4));
  for (int bit = 0; bit < 256; ++bit) {
    Bytes other(32, 4);
    other[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_TRUE(
        Unwrapped(wrapped, RootKey(other)).starts_with("! the keyring is wrapped under the root key"));
    // With the check value of the other key it is the tag that tells.
    CheckValue check_value;
    ASSERT_EQ(DeriveRootCheckValue(RootKey(other), &check_value), Status::kOk);
    std::string forged =
        Changed(wrapped, [&](Json& json) { json["root_kcv"] = CheckValueText(check_value); });
    EXPECT_EQ(Unwrapped(forged, RootKey(other)),
              "! the wrapped keyring does not open under its root key: it is damaged or was changed");
  }
}

TEST(UnwrapKeyring, TellsWhichRootKeyIsNeededAndWhichWasGiven) {
  EXPECT_EQ(
      Unwrapped(Wrapped(ValidText(), RootKey(4)), RootKey(5)),
      "! the keyring is wrapped under the root key with check value 3c9f363aee1b3345, and the one given has "
      "85d2378a6136c0f8");
}

TEST(UnwrapKeyring, RefusesUnknownMissingAndRepeatedMembers) {
  const std::string wrapped = Wrapped(ValidText(), RootKey(4));
  auto expect = [&](const auto& change, const std::string& problem) {
    EXPECT_EQ(Unwrapped(Changed(wrapped, change), RootKey(4)), "! " + problem);
  };
  expect([](Json& json) { json["extra"] = 1; }, "extra: unknown member");
  expect([](Json& json) { json["pii_keyring"] = 1; }, "pii_keyring: unknown member");
  expect([](Json& json) { json[test::MarkerKey(101)] = 1; }, "<a member that is no name>: unknown member");
  for (const char* member : {"pii_wrapped_keyring", "root_kcv", "nonce", "ciphertext"}) {
    expect([&](Json& json) { json.erase(member); }, std::string(member) + ": missing");
    std::string repeated = wrapped;
    repeated.insert(repeated.find('{') + 1, "\"" + std::string(member) + "\": 1,");
    EXPECT_EQ(Unwrapped(repeated, RootKey(4)), "! " + std::string(member) + ": the same member twice");
  }
  for (const char* document : {"null", "1", "\"text\"", "[]", "[{}]", "true"}) {
    EXPECT_EQ(Unwrapped(document, RootKey(4)), "! must be an object") << document;
  }
}

TEST(UnwrapKeyring, RefusesValuesOfAnotherTypeAndRepeatsNone) {
  const std::string wrapped = Wrapped(ValidText(), RootKey(4));
  const Json kWrong[] = {nullptr,
                         true,
                         -1,
                         1.0,
                         2,
                         1e300,
                         "",
                         {},
                         Json::array(),
                         Json::array({test::MarkerKey(108)}),
                         Json{{"key", test::MarkerKey(108)}},
                         test::MarkerKey(108)};
  for (const char* member : {"pii_wrapped_keyring", "root_kcv", "nonce", "ciphertext"}) {
    for (const Json& wrong : kWrong) {
      std::string found = Unwrapped(Changed(wrapped, [&](Json& json) { json[member] = wrong; }), RootKey(4));
      // 32 bytes are enough for a tag.
      bool is_damage = std::string_view(member) == "ciphertext" && wrong == test::MarkerKey(108);
      EXPECT_TRUE(found.starts_with("! " + std::string(is_damage ? "the wrapped keyring" : member))) << found;
      EXPECT_EQ(found.find(test::MarkerKey(108).substr(0, 8)), std::string::npos) << found;
    }
  }
}

TEST(UnwrapKeyring, OpensAMutationOnlyWhenItSaysTheSame) {
  const std::string wrapped = Wrapped(ValidText(), RootKey(4));
  test::Specimens specimens(132);
  size_t refused = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string found = Unwrapped(specimens.Mutation(wrapped), RootKey(4));
    refused += found.starts_with("! ");
    ASSERT_TRUE(found.starts_with("! ") || found == ValidText());
  }
  EXPECT_GT(refused, 9'000u);
}

TEST(UnwrapKeyring, WipesWhatDidNotAuthenticate) {
  const std::string wrapped = Wrapped(ValidText(), RootKey(4));
  std::string damaged = Changed(wrapped, [](Json& json) {
    std::string text = json["ciphertext"];
    text[text.size() - 8] = text[text.size() - 8] == 'A' ? 'B' : 'A';  // in the tag
    json["ciphertext"] = text;
  });
  SecretString json;
  json.reserve(2 * ValidText().size());
  json.assign(2 * ValidText().size(), 'x');
  const char* memory = json.data();
  std::string problem;
  ASSERT_FALSE(UnwrapKeyring(damaged, RootKey(4), &json, &problem));
  EXPECT_TRUE(problem.starts_with("the wrapped keyring does not open")) << problem;
  EXPECT_TRUE(json.empty());
  ASSERT_EQ(json.data(), memory);  // so that what follows looks at where it was
  EXPECT_TRUE(test::AllBytesAre(AsBytes({memory, ValidText().size()}), 0));
}

TEST(UnwrapKeyring, WipesWhatTheTargetHeld) {
  SecretString json(1000, 'x');
  const char* memory = json.data();
  std::string problem;
  ASSERT_FALSE(UnwrapKeyring("{}", RootKey(4), &json, &problem));
  EXPECT_TRUE(json.empty());
  ASSERT_EQ(json.data(), memory);
  EXPECT_TRUE(test::AllBytesAre(AsBytes({memory, 1000}), 0));
}

// OpenKeyring.

/// How many domains were opened, or the problem behind `! `, which holds no key.
std::string Opened(std::string_view text, std::string_view root_key_text) {
  Keyring keyring;
  EXPECT_EQ(AddDomain(&keyring, "left_from_before", 0), Status::kOk);
  std::string problem;
  if (OpenKeyring(text, root_key_text, &keyring, &problem)) {
    EXPECT_FALSE(keyring.domains.contains("left_from_before"));
    return std::to_string(keyring.domains.size());
  }
  EXPECT_TRUE(keyring.domains.empty());
  EXPECT_TRUE(keyring.classes.empty());
  EXPECT_EQ(problem.find('\n'), std::string::npos) << problem;
  for (std::string_view secret : {std::string_view(ValidText()), root_key_text}) {
    for (size_t at = 0; at + 20 <= secret.size(); ++at) {
      EXPECT_EQ(problem.find(secret.substr(at, 20)), std::string::npos) << problem;
    }
  }
  return "! " + problem;
}

TEST(OpenKeyring, ReadsAPlainKeyringWithoutARootKey) { EXPECT_EQ(Opened(ValidText(), {}), "2"); }

TEST(OpenKeyring, ReadsAWrappedKeyringWithItsRootKey) {
  const std::string wrapped = Wrapped(ValidText(), RootKey(4));
  const std::string root_key = Encoded(Bytes(32, 4));
  EXPECT_EQ(Opened(wrapped, root_key), "2");
  EXPECT_EQ(Opened(wrapped, root_key + "\n"), "2");
  EXPECT_EQ(Opened("\n" + wrapped + " ", root_key), "2");
}

TEST(OpenKeyring, RefusesAWrappedKeyringWithoutARootKey) {
  EXPECT_EQ(Opened(Wrapped(ValidText(), RootKey(4)), {}),
            "! the keyring is wrapped and needs its root key (pii.root_key_file or pii.root_key_command; for "
            "pii-keyring, --root-key-file or --root-key-command)");
}

TEST(OpenKeyring, RefusesARootKeyWithoutAWrappedKeyring) {
  EXPECT_EQ(
      Opened(ValidText(), Encoded(Bytes(32, 4))),
      "! a root key is set, and the keyring is not wrapped; wrap it with pii-keyring wrap, or set no root "
      "key");
}

TEST(OpenKeyring, SaysWhatIsNoKeyringAtAllRatherThanThatItIsNotWrapped) {
  EXPECT_EQ(Opened("{", Encoded(Bytes(32, 4))), "! not valid JSON at byte 2");
  EXPECT_EQ(Opened("", Encoded(Bytes(32, 4))), "! not valid JSON at byte 1");
}

TEST(OpenKeyring, RefusesWhatIsNoRootKey) {
  const std::string wrapped = Wrapped(ValidText(), RootKey(4));
  for (std::string_view text : {std::string_view(" "), std::string_view("\n"), std::string_view("AAAA"),
                                std::string_view(ValidText())}) {
    EXPECT_EQ(Opened(wrapped, text),
              "! a root key must be 32 bytes in base64 (44 characters), and nothing else");
    EXPECT_TRUE(Opened(ValidText(), text).starts_with("! a root key is set"));
  }
}

TEST(OpenKeyring, ChecksWhatWasWrapped) {
  const std::string root_key = Encoded(Bytes(32, 4));
  EXPECT_EQ(Opened(Wrapped("", RootKey(4)), root_key), "! not valid JSON at byte 1");
  EXPECT_EQ(Opened(Wrapped("{}", RootKey(4)), root_key), "! pii_keyring: missing");
  std::string twice = Wrapped(Wrapped(ValidText(), RootKey(4)), RootKey(4));
  EXPECT_TRUE(Opened(twice, root_key).starts_with("! the keyring is wrapped and needs its root key"));
}

}  // namespace
}  // namespace pii

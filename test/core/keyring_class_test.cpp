// The custom classes of a keyring.

#include <gtest/gtest.h>

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

TEST(ParseKeyring, RefusesBadClasses) {
  for (const Json& id : {Json(0), Json(15), Json(999), Json(65536), Json(-1), Json("1000")}) {
    ExpectRefused([&](Json& json) { At(json, "/classes/1/id") = id; }, "classes.1.id");
  }
  for (const char* name : {"", "1a", "Member", "a-b", "a.b", "a b"}) {
    ExpectRefused([&](Json& json) { At(json, "/classes/1/name") = name; }, "classes.1.name");
  }
  for (const char* normalizer : {"", "NFC", "upper"}) {
    ExpectRefused([&](Json& json) { At(json, "/classes/1/normalize") = normalizer; }, "classes.1.normalize");
  }
  for (const Json& count : {Json(256), Json(-1), Json(1.0), Json("1")}) {
    ExpectRefused([&](Json& json) { At(json, "/classes/1/mask/keep_first") = count; },
                  "classes.1.mask.keep_first");
    ExpectRefused([&](Json& json) { At(json, "/classes/1/mask/keep_last") = count; },
                  "classes.1.mask.keep_last");
  }
  ExpectRefused([](Json& json) { At(json, "/classes/1/id") = 1000; }, "classes.1");
  ExpectRefused([](Json& json) { At(json, "/classes/1/name") = "member_no"; }, "classes.1");
  for (const PiiClass& builtin : BuiltinClasses()) {
    ExpectRefused([&](Json& json) { At(json, "/classes/1/name") = std::string(builtin.name()); },
                  "classes.1");
  }
}

TEST(ParseKeyring, TakesEveryNormalizerAndAnEmptyMask) {
  for (const char* normalizer : {"none", "nfc", "name", "email", "address", "plus_digits", "digits",
                                 "alphanumeric", "iso_date", "ip_address"}) {
    Json json = ValidJson();
    At(json, "/classes/0/normalize") = normalizer;
    At(json, "/classes/0/mask") = Json::object();
    EXPECT_EQ(Problem(json.dump()), "") << normalizer;
  }
}

// Transforms.

constexpr const char* kUnknownTransform = "must be last4, domain, local, year, first3, initials or word";
constexpr const char* kNeverSearched = "must be empty for a class that is never searched (normalize: none)";

/// The valid keyring whose class 0 has these transforms.
Json WithTransforms(const Json& transforms, const char* normalizer = "digits") {
  Json json = ValidJson();
  At(json, "/classes/0/normalize") = normalizer;
  At(json, "/classes/0/transforms") = transforms;
  return json;
}

TEST(ParseKeyring, ReadsTheTransformsOfAClass) {
  Keyring keyring;
  std::string problem;
  ASSERT_TRUE(ParseKeyring(ValidJson().dump(), &keyring, &problem)) << problem;
  EXPECT_EQ(keyring.classes[0].transforms, 0) << "none unless named";
  ASSERT_TRUE(ParseKeyring(WithTransforms({"year", "last4"}).dump(), &keyring, &problem)) << problem;
  EXPECT_EQ(keyring.classes[0].transforms, Just(Transform::kLast4) | Just(Transform::kYear));
  EXPECT_EQ(keyring.classes[1].transforms, 0);
  EXPECT_TRUE(AllowsTransform(keyring.classes[0], Transform::kExact));
  EXPECT_TRUE(AllowsTransform(keyring.classes[0], Transform::kYear));
  EXPECT_FALSE(AllowsTransform(keyring.classes[0], Transform::kWord));

  Json all = {"last4", "domain", "local", "year", "first3", "initials", "word"};
  for (const char* normalizer : {"nfc", "name", "email", "address", "plus_digits", "digits", "alphanumeric",
                                 "iso_date", "ip_address"}) {
    ASSERT_TRUE(ParseKeyring(WithTransforms(all, normalizer).dump(), &keyring, &problem)) << problem;
    EXPECT_EQ(keyring.classes[0].transforms, 0xfe) << normalizer;
  }
}

TEST(ParseKeyring, TakesNoTransforms) {
  EXPECT_EQ(Problem(WithTransforms(Json::array()).dump()), "");
  EXPECT_EQ(Problem(WithTransforms(Json::array(), "none").dump()), "");
}

TEST(ParseKeyring, RefusesTransformsThatThereAreNot) {
  const Json kWrong[] = {"exact",
                         "",
                         "Last4",
                         "last4 ",
                         "last_4",
                         "sha256",
                         nullptr,
                         4,
                         true,
                         MarkerKey(108),
                         Json::array({"last4"}),
                         Json::object()};
  for (const Json& wrong : kWrong) {
    EXPECT_EQ(Problem(WithTransforms({wrong, "last4"}).dump()),
              "classes.0.transforms.0: " + std::string(kUnknownTransform));
    EXPECT_EQ(Problem(WithTransforms({"last4", wrong}).dump()),
              "classes.0.transforms.1: " + std::string(kUnknownTransform));
  }
}

TEST(ParseKeyring, RefusesATransformTwice) {
  EXPECT_EQ(Problem(WithTransforms({"last4", "last4"}).dump()), "classes.0.transforms.1: listed twice");
  EXPECT_EQ(Problem(WithTransforms({"word", "year", "word"}).dump()), "classes.0.transforms.2: listed twice");
}

TEST(ParseKeyring, RefusesTransformsThatAreNoArray) {
  for (const Json& wrong : {Json("last4"), Json(nullptr), Json(true), Json(1), Json(MarkerKey(108)),
                            Json({{"last4", true}}), Json::object()}) {
    EXPECT_EQ(Problem(WithTransforms(wrong).dump()), "classes.0.transforms: must be an array");
    EXPECT_EQ(Problem(WithTransforms(wrong, "none").dump()), "classes.0.transforms: must be an array");
  }
}

TEST(ParseKeyring, RefusesTransformsOfAClassThatIsNeverSearched) {
  for (const char* transform : {"last4", "exact", "nothing"}) {
    EXPECT_EQ(Problem(WithTransforms({transform}, "none").dump()),
              "classes.0.transforms: " + std::string(kNeverSearched));
  }
}

TEST(ParseKeyring, RefusesTransformsWrittenTwice) {
  std::string text = WithTransforms({"last4"}).dump();
  std::string member = "\"transforms\":[\"last4\"]";
  text.insert(text.find(member), member + ",");
  EXPECT_TRUE(Problem(text).starts_with("classes.0.transforms: ")) << Problem(text);
}

TEST(FormatKeyring, WritesTransformsAsTheParserReadsThem) {
  for (const Json& transforms : {Json({"last4"}), Json({"word"}), Json({"last4", "year"}),
                                 Json({"last4", "domain", "local", "year", "first3", "initials", "word"})}) {
    Json json = WithTransforms(transforms);
    Keyring keyring;
    std::string problem;
    ASSERT_TRUE(ParseKeyring(json.dump(), &keyring, &problem)) << problem;
    SecretString text = FormatKeyring(keyring);
    EXPECT_EQ(Json::parse(text).dump(), json.dump());
    Keyring again;
    ASSERT_TRUE(ParseKeyring(std::string_view(text), &again, &problem)) << problem;
    EXPECT_EQ(again.classes[0].transforms, keyring.classes[0].transforms);
  }
}

// In one order whatever the file's, and an old keyring without transforms gains no member.
TEST(FormatKeyring, WritesTransformsInOneOrderAndNoEmptyList) {
  Keyring keyring;
  std::string problem;
  ASSERT_TRUE(ParseKeyring(WithTransforms({"word", "last4"}).dump(), &keyring, &problem)) << problem;
  EXPECT_EQ(Json::parse(FormatKeyring(keyring))["classes"][0]["transforms"], Json({"last4", "word"}));
  ASSERT_TRUE(ParseKeyring(WithTransforms(Json::array()).dump(), &keyring, &problem)) << problem;
  EXPECT_FALSE(Json::parse(FormatKeyring(keyring))["classes"][0].contains("transforms"));
}

}  // namespace
}  // namespace pii

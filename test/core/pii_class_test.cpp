#include "pii_class.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "mask.h"
#include "specimen.h"

namespace pii {
namespace {

// The ids are on disk and the results in indexes: a change here breaks every database that has the extension.
TEST(BuiltinClasses, AreTheFrozenTable) {
  struct Row {
    const char* name;
    Normalizer normalizer;
    Shape shape;
    const char* example;
  };
  const Row kRows[] = {
      {"text", Normalizer::kNfc, Shape::kAny, "****"},
      {"name", Normalizer::kName, Shape::kAny, "J*** D***"},
      {"email", Normalizer::kEmail, Shape::kAny, "j***@e***.com"},
      {"phone", Normalizer::kPlusDigits, Shape::kPhone, "***-***-0123"},
      {"ssn", Normalizer::kDigits, Shape::kSsn, "***-**-6789"},
      {"pan", Normalizer::kDigits, Shape::kPan, "**** **** **** 1111"},
      {"iban", Normalizer::kAlphanumeric, Shape::kIban, "DE** **** 3000"},
      {"account", Normalizer::kAlphanumeric, Shape::kAny, "****6789"},
      {"address", Normalizer::kAddress, Shape::kAny, "****"},
      {"dob", Normalizer::kIsoDate, Shape::kDate, "1980-**-**"},
      {"ip", Normalizer::kIpAddress, Shape::kIp, "203.0.113.*"},
      {"passport", Normalizer::kAlphanumeric, Shape::kAny, "****"},
      {"national_id", Normalizer::kAlphanumeric, Shape::kAny, "****"},
      {"driver_license", Normalizer::kAlphanumeric, Shape::kAny, "****"},
      {"postcode", Normalizer::kAlphanumeric, Shape::kAny, "****"},
      {"secret", Normalizer::kNone, Shape::kAny, "****"},
  };
  std::span<const PiiClass> classes = BuiltinClasses();
  ASSERT_EQ(classes.size(), std::size(kRows));
  for (size_t id = 0; id < classes.size(); ++id) {
    EXPECT_EQ(classes[id].id, id);
    EXPECT_EQ(classes[id].name(), kRows[id].name);
    EXPECT_EQ(classes[id].normalizer, kRows[id].normalizer) << kRows[id].name;
    EXPECT_EQ(classes[id].shape, kRows[id].shape) << kRows[id].name;
    EXPECT_STREQ(MaskExample(classes[id].mask), kRows[id].example);
  }
}

// A transform that is in an index must not become unsearchable, nor one appear that was refused on purpose.
TEST(AllowsTransform, IsTheFrozenTable) {
  const std::map<std::string_view, std::string> kAllowed = {
      {"text", "exact"},
      {"name", "exact initials word"},
      {"email", "exact domain local"},
      {"phone", "exact last4"},
      {"ssn", "exact last4"},
      {"pan", "exact last4"},
      {"iban", "exact last4"},
      {"account", "exact last4"},
      {"address", "exact word"},
      {"dob", "exact year"},
      {"ip", "exact"},
      {"passport", "exact"},
      {"national_id", "exact"},
      {"driver_license", "exact"},
      {"postcode", "exact first3"},
      {"secret", ""},
  };
  ASSERT_EQ(kAllowed.size(), BuiltinClasses().size());
  for (const PiiClass& builtin : BuiltinClasses()) {
    std::string allowed;
    for (Transform transform : kTransforms) {
      if (!AllowsTransform(builtin, transform)) continue;
      allowed += (allowed.empty() ? "" : " ") + std::string(TransformName(transform));
    }
    EXPECT_EQ(allowed, kAllowed.at(builtin.name())) << builtin.name();
  }
}

TEST(AllowsTransform, AllowsACustomClassWhatItsSetHolds) {
  for (Normalizer normalizer : {Normalizer::kNfc, Normalizer::kDigits, Normalizer::kNone}) {
    PiiClass custom = test::CustomClass(normalizer);
    bool searched = normalizer != Normalizer::kNone;
    for (Transform transform : kTransforms) {
      custom.transforms = 0;
      EXPECT_EQ(AllowsTransform(custom, transform), searched && transform == Transform::kExact);
      custom.transforms = Just(transform);
      EXPECT_EQ(AllowsTransform(custom, transform), searched);
      custom.transforms = static_cast<TransformSet>(~Just(transform));
      EXPECT_EQ(AllowsTransform(custom, transform), searched && transform == Transform::kExact);
    }
  }
}

// The names are hashed into every index, and the enumerators are bits of PiiClass::transforms.
TEST(TransformByName, FindsEachTransformByItsFrozenName) {
  const std::pair<const char*, Transform> kNames[] = {
      {"exact", Transform::kExact},       {"last4", Transform::kLast4}, {"domain", Transform::kDomain},
      {"local", Transform::kLocal},       {"year", Transform::kYear},   {"first3", Transform::kFirst3},
      {"initials", Transform::kInitials}, {"word", Transform::kWord},
  };
  ASSERT_EQ(std::size(kNames), std::size(kTransforms));
  TransformSet all = 0;
  for (auto [name, expected] : kNames) {
    Transform transform;
    ASSERT_TRUE(TransformByName(name, &transform)) << name;
    EXPECT_EQ(transform, expected) << name;
    EXPECT_EQ(TransformName(expected), name);
    EXPECT_EQ(all & Just(expected), 0) << name;
    all |= Just(expected);
  }
  EXPECT_EQ(all, 0xff);
}

TEST(TransformByName, LeavesTheResultAloneWhenThereIsNone) {
  Transform transform = Transform::kWord;
  for (const char* name : {"", "Exact", "exact ", "last", "last_4", "first_3", "words"}) {
    EXPECT_FALSE(TransformByName(name, &transform)) << name;
    EXPECT_EQ(transform, Transform::kWord);
  }
}

TEST(BuiltinClasses, HaveNamesThatAreIdentifiersAndDiffer) {
  std::set<std::string_view> names;
  for (const PiiClass& builtin : BuiltinClasses()) {
    EXPECT_TRUE(IsIdentifier(builtin.name())) << builtin.name();
    EXPECT_TRUE(names.insert(builtin.name()).second) << builtin.name();
    EXPECT_LT(builtin.id, kFirstCustomClass);
  }
}

TEST(IsIdentifier, IsLowerCaseLettersDigitsUnderscores) {
  for (const std::string& text : {std::string("a"), std::string("_"), std::string("member_no"),
                                  std::string("a1"), std::string(63, 'a')}) {
    EXPECT_TRUE(IsIdentifier(text)) << text;
  }
  for (const std::string& text : {std::string(), std::string("1a"), std::string("A"), std::string("a-b"),
                                  std::string("a b"), std::string("a."), std::string("é"),
                                  std::string(64, 'a'), std::string("a\0b", 3), std::string("a\n")}) {
    EXPECT_FALSE(IsIdentifier(text)) << text;
  }
}

TEST(NormalizerByName, FindsEachNormalizerByItsFrozenName) {
  const std::pair<const char*, Normalizer> kNames[] = {
      {"none", Normalizer::kNone},        {"nfc", Normalizer::kNfc},
      {"name", Normalizer::kName},        {"email", Normalizer::kEmail},
      {"address", Normalizer::kAddress},  {"plus_digits", Normalizer::kPlusDigits},
      {"digits", Normalizer::kDigits},    {"alphanumeric", Normalizer::kAlphanumeric},
      {"iso_date", Normalizer::kIsoDate}, {"ip_address", Normalizer::kIpAddress},
  };
  for (auto [name, expected] : kNames) {
    Normalizer normalizer;
    ASSERT_TRUE(NormalizerByName(name, &normalizer)) << name;
    EXPECT_EQ(normalizer, expected) << name;
    EXPECT_EQ(NormalizerName(expected), name);
  }
}

TEST(NormalizerByName, LeavesTheResultAloneWhenThereIsNone) {
  Normalizer normalizer = Normalizer::kIpAddress;
  for (const char* name : {"", "NFC", "nfc ", "nfkc", "digit", "upper"}) {
    EXPECT_FALSE(NormalizerByName(name, &normalizer)) << name;
    EXPECT_EQ(normalizer, Normalizer::kIpAddress);
  }
}

}  // namespace
}  // namespace pii

#include "search_form.h"

#include <gtest/gtest.h>

#include <vector>

#include "normalize.h"
#include "respelling.h"
#include "shape.h"
#include "specimen.h"

namespace pii {
namespace {

using test::BuiltinClass;
using test::CustomClass;
using test::Specimens;

using MakeForm = Status (*)(const PiiClass& pii_class, Transform transform, std::string_view value,
                            std::span<char> out, size_t* size);

// What a form is not: text begins with no 0xff.
constexpr const char* kNoPart = "\xff no part";
constexpr const char* kNotSearchable = "\xff not searchable";
constexpr const char* kInvalidUtf8 = "\xff invalid UTF-8";
constexpr const char* kTooSmall = "\xff too small";

bool IsForm(const std::string& outcome) { return outcome.empty() || outcome.front() != '\xff'; }

/// The form, made in a block of `room` bytes that has others behind it; or what became of it.
std::string FormIn(MakeForm make_form, const PiiClass& pii_class, Transform transform, std::string_view value,
                   size_t room) {
  constexpr size_t kBehind = 64;
  std::vector<char> out(room + kBehind, '\x7f');
  size_t size = 0;
  Status status = make_form(pii_class, transform, value, std::span(out).first(room), &size);
  ByteView behind = ByteView(reinterpret_cast<uint8_t*>(out.data()), out.size()).subspan(room);
  EXPECT_TRUE(test::AllBytesAre(behind, 0x7f)) << "written behind the buffer";
  switch (status) {
    case Status::kOk:
      EXPECT_LE(size, room);
      return {out.data(), size};
    case Status::kNoPart:
      return kNoPart;
    case Status::kNotSearchable:
      return kNotSearchable;
    case Status::kInvalidUtf8:
      return kInvalidUtf8;
    case Status::kBufferTooSmall:
      EXPECT_GT(size, room);
      return kTooSmall;
    default:
      return "\xff " + std::to_string(static_cast<int>(status));
  }
}

std::string Indexed(const PiiClass& pii_class, Transform transform, std::string_view value) {
  return FormIn(IndexForm, pii_class, transform, value, NormalizedBound(value.size()));
}

std::string Queried(const PiiClass& pii_class, Transform transform, std::string_view value) {
  return FormIn(QueryForm, pii_class, transform, value, NormalizedBound(value.size()));
}

/// A value, what is indexed of it, and what is looked for when somebody searches for it.
struct Case {
  const char* value;
  const char* indexed;
  const char* queried;
};

void ExpectForms(const char* class_name, Transform transform, std::initializer_list<Case> cases) {
  PiiClass pii_class = BuiltinClass(class_name);
  for (const Case& c : cases) {
    EXPECT_EQ(Indexed(pii_class, transform, c.value), c.indexed) << class_name << ": " << c.value;
    EXPECT_EQ(Queried(pii_class, transform, c.value), c.queried) << class_name << ": " << c.value;
  }
}

TEST(SearchForm, GivesTheFormsOfTheVectorFile) {
  auto records = test::RecordsWith(test::ReadRecords("search_forms.txt"), "TRANSFORM");
  ASSERT_GT(records.size(), 30u);
  for (test::Record& record : records) {
    SCOPED_TRACE(record["NAME"]);
    Transform transform;
    ASSERT_TRUE(TransformByName(record["TRANSFORM"], &transform));
    if (transform == Transform::kWord) continue;  // several: protect_search_test.cpp
    const PiiClass& pii_class = BuiltinClasses()[static_cast<size_t>(std::stoi(record["CLASS"]))];
    std::string expected = record["NORMALIZED"];
    if (record.contains("ERROR")) expected = record["ERROR"] == "no part" ? kNoPart : kNotSearchable;
    EXPECT_EQ(Indexed(pii_class, transform, record["VALUE"]), expected);
    if (record.contains("SOUGHT")) {
      EXPECT_EQ(Queried(pii_class, transform, record["SOUGHT"]), expected);
    }
  }
}

TEST(SearchForm, IsTheNormalFormWhenExact) {
  for (const PiiClass& pii_class : test::SearchableClasses()) {
    Specimens specimens(600 + pii_class.id);
    for (int i = 0; i < 2'000; ++i) {
      std::string value = specimens.Realistic(test::RealisticRule(pii_class));
      std::vector<char> out(NormalizedBound(value.size()));
      size_t size = 0;
      ASSERT_EQ(Normalize(pii_class, value, out, &size), Status::kOk) << value;
      std::string normalized(out.data(), size);
      ASSERT_EQ(Indexed(pii_class, Transform::kExact, value), normalized) << value;
      ASSERT_EQ(Queried(pii_class, Transform::kExact, value), normalized) << value;
    }
  }
}

TEST(SearchForm, TakesTheLast4OfNumbers) {
  ExpectForms("ssn", Transform::kLast4,
              {{"123-45-6789", "6789", "6789"},
               {"123456789", "6789", "6789"},
               {"１２３ ４５ ６７８９", "6789", "6789"},
               {"١٢٣-٤٥-٦٧٨٩", "6789", "6789"},
               {"6789", kNoPart, "6789"},
               {"67 89", kNoPart, "6789"},
               {"-6789 ", kNoPart, "6789"},
               {"６７８９", kNoPart, "6789"},
               {"٦٧٨٩", kNoPart, "6789"},
               {"789", kNoPart, kNoPart},
               {"56789", kNoPart, kNoPart},
               {"123-45-678", kNoPart, kNoPart},
               {"123-45-67890", kNoPart, kNoPart},
               {"123-45-6789x", kNoPart, kNoPart},
               {"***-**-6789", kNoPart, kNoPart},
               {"", kNoPart, kNoPart}});
  ExpectForms("phone", Transform::kLast4,
              {{"+1 (212) 555-0123", "0123", "0123"},
               {"＋１ ２１２ ５５５ ０１２３", "0123", "0123"},
               {"212.555.0123", "0123", "0123"},
               {"5550123", "0123", "0123"},
               {"(0123)", kNoPart, "0123"},
               {"550123", kNoPart, kNoPart},
               {"555-0123 ext 4", kNoPart, kNoPart},
               {"1234567890123456", kNoPart, kNoPart}});
  ExpectForms(
      "pan", Transform::kLast4,
      {{"4111 1111 1111 1234", "1234", "1234"}, {"1234", kNoPart, "1234"}, {"4111 1111", kNoPart, kNoPart}});
}

TEST(SearchForm, TakesTheLast4OfLettersAndDigits) {
  ExpectForms("iban", Transform::kLast4,
              {{"de89 3704 0044 0532 0130 00", "3000", "3000"},
               {"gb29nwbk6016133192ab1c", "AB1C", "AB1C"},
               {"ab1c", kNoPart, "AB1C"},
               {"ａｂ-1c", kNoPart, "AB1C"},
               {"b1c", kNoPart, kNoPart},
               {"de89 3704", kNoPart, kNoPart}});
  // Every value has the shape of an account, so four characters are an account and its last four.
  ExpectForms("account", Transform::kLast4,
              {{"12-3456 ab", "56AB", "56AB"},
               {"56ab", "56AB", "56AB"},
               {"5-6a", kNoPart, kNoPart},
               {"1e\u0301234", "É234", "É234"},
               {"1\u00e9234", "É234", "É234"},
               {"straße", "ASSE", "ASSE"},
               {"xııi", "XIII", "XIII"},
               {"①②③④⑤", "2345", "2345"},
               {"٣٤٥٦٧", "٤٥٦٧", "٤٥٦٧"},
               {"x\u1100\u1161ΟΔΟΣ", "ΟΔΟΣ", "ΟΔΟΣ"},
               {"\u1100-\u1161bcd", "가BCD", "가BCD"},
               {"oδος", "OΔΟΣ", "OΔΟΣ"},
               {"", kNoPart, kNoPart}});
}

TEST(SearchForm, TakesTheDomainOfEmails) {
  ExpectForms("email", Transform::kDomain,
              {{" Jane.Doe@EXAMPLE.com\n", "example.com", "example.com"},
               {"example.com", kNoPart, "example.com"},
               {" Example.COM ", kNoPart, "example.com"},
               {"@example.com", "example.com", "example.com"},
               {"\"a@b\"@x.org", "x.org", "x.org"},
               {"ｊａｎｅ＠ｅｘ．com", "ex.com", "ex.com"},
               {"zoe@Mu\u0308nchen.de", "m\u00fcnchen.de", "m\u00fcnchen.de"},
               {"mu\u0308nchen.de", kNoPart, "m\u00fcnchen.de"},
               {"a@ΟΔΟΣ.gr", "οδοσ.gr", "οδοσ.gr"},
               {"οδος.gr", kNoPart, "οδοσ.gr"},
               {"a@straße.de", "strasse.de", "strasse.de"},
               {"a@ınci.tr", "ınci.tr", "ınci.tr"},
               {"a@ex\u00adample.com", "example.com", "example.com"},
               {"a@例え.テスト", "例え.テスト", "例え.テスト"},
               {"jane @\u00a0Example.com", "example.com", "example.com"},
               {"jane@ ", kNoPart, kNoPart},
               {"jane@", kNoPart, kNoPart},
               {"@", kNoPart, kNoPart},
               {"", kNoPart, kNoPart}});
}

TEST(SearchForm, TakesTheLocalPartOfEmails) {
  ExpectForms("email", Transform::kLocal,
              {{" Jane.Doe@EXAMPLE.com\n", "jane.doe", "jane.doe"},
               {"Jane.Doe", kNoPart, "jane.doe"},
               {"jane@", "jane", "jane"},
               {"\"a@b\"@x.org", "\"a@b\"", "\"a@b\""},
               {"Zoe\u0308@x.org", "zo\u00eb", "zo\u00eb"},
               {"ZO\u00cb", kNoPart, "zo\u00eb"},
               {"ｊａｎｅ＠x.org", "jane", "jane"},
               {"ja\u200bne@x.org", "jane", "jane"},
               {"weiß@x.org", "weiss", "weiss"},
               {"jane\t@ x.org", "jane", "jane"},
               {" @x.org", kNoPart, kNoPart},
               {"@x.org", kNoPart, kNoPart},
               {"", kNoPart, kNoPart}});
}

TEST(SearchForm, TakesTheYearOfDates) {
  ExpectForms("dob", Transform::kYear,
              {{"1980-05-06", "1980", "1980"},
               {"19800506", "1980", "1980"},
               {" 1980/5/6 ", "1980", "1980"},
               {"0007-01-01", "0007", "0007"},
               {"1980", kNoPart, "1980"},
               {"0007", kNoPart, "0007"},
               {"7", kNoPart, kNoPart},
               {"80", kNoPart, kNoPart},
               {"19800", kNoPart, kNoPart},
               {"1980-05", kNoPart, kNoPart},
               {"1980-02-30", kNoPart, kNoPart},
               {"05/06/1980", kNoPart, kNoPart},
               // Dates are ASCII, and so are their years.
               {"１９８０-05-06", kNoPart, kNoPart},
               {"１９８０", kNoPart, kNoPart},
               {"abcd", kNoPart, kNoPart},
               {"", kNoPart, kNoPart}});
}

TEST(SearchForm, TakesTheFirst3OfPostcodes) {
  ExpectForms("postcode", Transform::kFirst3,
              {{"sw1a 1aa", "SW1", "SW1"},
               {"SW1", "SW1", "SW1"},
               {"s-w 1", "SW1", "SW1"},
               {"ｓｗ１ａ", "SW1", "SW1"},
               {"10115", "101", "101"},
               {"١٠١١٥", "١٠١", "١٠١"},
               {"ß1", "SS1", "SS1"},
               {"e\u03011 2", "\u00c912", "\u00c912"},
               {"\u00e91 2", "\u00c912", "\u00c912"},
               {"\u1100-\u1161-1-2", "가12", "가12"},
               {"sw", kNoPart, kNoPart},
               {"", kNoPart, kNoPart}});
}

TEST(SearchForm, TakesTheInitialsOfNames) {
  ExpectForms("name", Transform::kInitials,
              {{"Jane  DOE", "jd", "jd"},
               {"J. D.", "jd", "jd"},
               {"Anna-Lena O'Brien", "alob", "alob"},
               {"O\u2019Brien J", "obj", "obj"},
               {"Zoe\u0308 O\u0308z", "z\u00f6", "z\u00f6"},
               {"\u00d6z Zo\u00eb", "\u00f6z", "\u00f6z"},
               {"İpek Σίσυφος", "iσ", "iσ"},
               {"ıpek ς", "ıσ", "ıσ"},
               {"ßa ﬁ", "sf", "sf"},
               {"Ｊａｎｅ　Ｄｏｅ", "jd", "jd"},
               {"李 娜", "李娜", "李娜"},
               {"Henry 8", "h8", "h8"},
               {"ja\u00adne doe", "jd", "jd"},
               // One word is the initials themselves, of whoever looks for it.
               {"jd", "j", "jd"},
               {"JD.", "j", "jd"},
               {" (J)", "j", "j"},
               {"Jane", "j", "jane"},
               {"Q\u0307x", "q", "q\u0307x"},
               {"ß", "s", "ss"},
               {"...", kNoPart, kNoPart},
               {"👩", kNoPart, kNoPart},
               {"", kNoPart, kNoPart}});
}

TEST(SearchForm, FindsTheInitialsOfWhatIsSearchedAsAName) {
  PiiClass name = BuiltinClass("name");
  std::string indexed = Indexed(name, Transform::kInitials, "Jane Mary Doe");
  for (const char* query : {"jmd", "JMD", "J M D", "J.M.D.", "j-m-d", "jane mary doe", "ｊｍｄ"}) {
    EXPECT_EQ(Queried(name, Transform::kInitials, query), indexed) << query;
  }
}

TEST(SearchForm, RefusesTransformsTheClassDoesNotAllow) {
  std::vector<PiiClass> classes(BuiltinClasses().begin(), BuiltinClasses().end());
  classes.push_back(test::KeepClass(0, 3));
  classes.push_back(CustomClass(Normalizer::kNone));
  size_t refused = 0;
  for (const PiiClass& pii_class : classes) {
    for (Transform transform : kTransforms) {
      if (AllowsTransform(pii_class, transform)) continue;
      ++refused;
      // Before it looks at the value, so that the answer does not depend on it.
      for (std::string_view value : {"123-45-6789", "1980-05-06", "a@b", "", "\xff"}) {
        for (size_t room : {0, 100}) {
          EXPECT_EQ(FormIn(IndexForm, pii_class, transform, value, room), kNotSearchable)
              << pii_class.name() << " " << TransformName(transform);
          EXPECT_EQ(FormIn(QueryForm, pii_class, transform, value, room), kNotSearchable)
              << pii_class.name() << " " << TransformName(transform);
        }
      }
    }
  }
  EXPECT_GT(refused, 100u);
  EXPECT_EQ(Indexed(BuiltinClass("secret"), Transform::kExact, "abc"), kNotSearchable);
}

// Words are many; there is no one form.
TEST(SearchForm, GivesNoSingleFormOfWords) {
  for (const PiiClass& pii_class : {BuiltinClass("name"), BuiltinClass("address")}) {
    EXPECT_EQ(Indexed(pii_class, Transform::kWord, "Jane Doe"), kNotSearchable);
    EXPECT_EQ(Queried(pii_class, Transform::kWord, "jane"), kNotSearchable);
  }
}

/// Every class with every transform that has one form of a value.
std::vector<std::pair<PiiClass, Transform>> Allowed() {
  std::vector<std::pair<PiiClass, Transform>> allowed;
  for (const PiiClass& pii_class : test::SearchableClasses()) {
    for (Transform transform : kTransforms) {
      if (transform != Transform::kWord && AllowsTransform(pii_class, transform)) {
        allowed.emplace_back(pii_class, transform);
      }
    }
  }
  return allowed;
}

TEST(SearchForm, RefusesMalformedUtf8) {
  for (const auto& [pii_class, transform] : Allowed()) {
    for (const char* value : {"\xff", "123-45-678\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"}) {
      EXPECT_EQ(Indexed(pii_class, transform, value), kInvalidUtf8) << pii_class.name();
      EXPECT_EQ(Queried(pii_class, transform, value), kInvalidUtf8) << pii_class.name();
    }
  }
}

class SearchFormProperties : public testing::TestWithParam<std::pair<PiiClass, Transform>> {
 protected:
  const PiiClass& pii_class_ = GetParam().first;
  Transform transform_ = GetParam().second;
  Specimens specimens_{uint64_t{610} + GetParam().first.id};

  /// Half of the values of a custom class look as if they had the part.
  MaskRule Rule() {
    bool by_class = pii_class_.id < kFirstCustomClass || specimens_.OneIn(2);
    switch (by_class ? Transform::kExact : transform_) {
      case Transform::kDomain:
      case Transform::kLocal:
        return MaskRule::kEmail;
      case Transform::kYear:
        return MaskRule::kDate;
      default:
        return test::RealisticRule(pii_class_);
    }
  }

  std::string Value() {
    for (;;) {
      MaskRule rule = Rule();
      std::string value = specimens_.OneIn(3) ? specimens_.Hostile(rule) : specimens_.Realistic(rule);
      if (specimens_.OneIn(4)) value = test::Respelled(&specimens_, value);
      if (IsValidUtf8(value)) return value;
    }
  }
};

size_t CountWords(std::string_view normalized) {
  size_t count = 0;
  for (size_t offset = 0; !NextSearchWord(normalized, &offset).empty();) ++count;
  return count;
}

/// Of a custom class any transform may be asked for, and many make no sense.
class SearchFormPartProperties : public SearchFormProperties {};

std::vector<std::pair<PiiClass, Transform>> BuiltinParts() {
  std::vector<std::pair<PiiClass, Transform>> parts;
  for (const auto& [pii_class, transform] : Allowed()) {
    if (pii_class.id < kFirstCustomClass && transform != Transform::kExact)
      parts.emplace_back(pii_class, transform);
  }
  return parts;
}

// Whoever has the whole value finds the row by it.
TEST_P(SearchFormProperties, AWholeValueIsSearchedAsItIsIndexed) {
  size_t compared = 0;
  for (int i = 0; i < 3'000; ++i) {
    std::string value = Value();
    std::string indexed = Indexed(pii_class_, transform_, value);
    std::string queried = Queried(pii_class_, transform_, value);
    ASSERT_TRUE(IsForm(indexed) || indexed == kNoPart) << value;
    if (indexed == kNoPart) continue;
    ASSERT_TRUE(transform_ == Transform::kExact || !indexed.empty()) << value;
    ASSERT_TRUE(IsValidUtf8(indexed)) << value;
    // One word is the initials themselves.
    bool one_word = CountWords(Indexed(pii_class_, Transform::kExact, value)) == 1;
    if (transform_ == Transform::kInitials && one_word) continue;
    ++compared;
    ASSERT_EQ(queried, indexed) << value;
  }
  // Some parts hardly occur in what a custom class may hold.
  EXPECT_GE(compared, pii_class_.id < kFirstCustomClass ? 300u : 0u);
}

/// Can `part` be asked for by itself? Not when it reads like a whole value, or is none of Unicode's forms as
/// initials of lone jamos and marks may be.
bool CanStandAlone(Transform transform, const std::string& part) {
  bool local_with_at = transform == Transform::kLocal && part.find('@') != std::string::npos;
  return !local_with_at && test::Nfc(part) == part;
}

// Whoever has the part alone finds the rows that have it.
TEST_P(SearchFormPartProperties, APartAloneIsSearchedAsItIsIndexed) {
  size_t found = 0;
  for (int i = 0; i < 3'000; ++i) {
    std::string value = Value();
    std::string part = Indexed(pii_class_, transform_, value);
    if (!IsForm(part) || !CanStandAlone(transform_, part)) continue;
    ++found;
    ASSERT_EQ(Queried(pii_class_, transform_, part), part) << value;
  }
  EXPECT_GT(found, 300u);
}

// Equal values have the same part, or search by part would not agree with =.
TEST_P(SearchFormProperties, EqualValuesOfTheShapeHaveEqualParts) {
  size_t equal = 0;
  for (int i = 0; i < 6'000; ++i) {
    std::string x = Value();
    // Few values are equal by NFC alone unless one looks for them.
    bool canonical = pii_class_.normalizer == Normalizer::kNfc && specimens_.OneIn(2);
    std::string y = canonical ? test::Nfd(x) : test::Respelled(&specimens_, x);
    if (x == y || !HasShape(pii_class_.shape, x) || !HasShape(pii_class_.shape, y)) continue;
    if (Indexed(pii_class_, Transform::kExact, x) != Indexed(pii_class_, Transform::kExact, y)) continue;
    ++equal;
    ASSERT_EQ(Indexed(pii_class_, transform_, x), Indexed(pii_class_, transform_, y)) << x << ", " << y;
  }
  EXPECT_GT(equal, 300u);
}

// The buffer rule of Normalize: after kBufferTooSmall the size named is enough.
TEST_P(SearchFormProperties, TellTheSizeThatIsNeeded) {
  for (int i = 0; i < 2'000; ++i) {
    std::string value = Value();
    for (MakeForm make_form : {IndexForm, QueryForm}) {
      std::string expected = FormIn(make_form, pii_class_, transform_, value, NormalizedBound(value.size()));
      size_t needed = 0;
      Status status = make_form(pii_class_, transform_, value, {}, &needed);
      if (status != Status::kBufferTooSmall) continue;
      ASSERT_GT(needed, 0u) << value;
      ASSERT_LE(needed, NormalizedBound(value.size())) << value;
      ASSERT_EQ(FormIn(make_form, pii_class_, transform_, value, needed - 1), kTooSmall) << value;
      ASSERT_EQ(FormIn(make_form, pii_class_, transform_, value, needed), expected) << value;
    }
  }
}

std::string NameOf(const testing::TestParamInfo<std::pair<PiiClass, Transform>>& info) {
  return std::string(info.param.first.name()) + "_" + std::string(TransformName(info.param.second));
}

INSTANTIATE_TEST_SUITE_P(Allowed, SearchFormProperties, testing::ValuesIn(Allowed()), NameOf);
INSTANTIATE_TEST_SUITE_P(Parts, SearchFormPartProperties, testing::ValuesIn(BuiltinParts()), NameOf);

// What is kept by NFC alone would have its part cut off as it stands, and whoever asks for that part asks for
// it normalised: a row silently missed. No part, or the same part.
TEST(IndexForm, GivesNoPartThatNobodyFinds) {
  const struct {
    const char* class_name;
    Transform transform;
    const char* value;
  } kValues[] = {
      {"account", Transform::kLast4, "no#12ab"},
      {"account", Transform::kLast4, "12#34-56"},
      {"account", Transform::kLast4, "Q\u0307#ab12"},
      {"account", Transform::kLast4, "co\u0140lega"},  // a letter that is l and a middle dot by NFKC
      {"account", Transform::kLast4, "\ufd3cabcd"},    // and one that is a letter and a mark
      {"postcode", Transform::kFirst3, "sw1#1aa"},
      {"postcode", Transform::kFirst3, "abc\u0140"},
      {"postcode", Transform::kFirst3, "- - -"},
      {"email", Transform::kLocal, "jane @example.com"},
      {"email", Transform::kDomain, "jane@ example.com"},
  };
  for (const auto& [class_name, transform, value] : kValues) {
    PiiClass pii_class = BuiltinClass(class_name);
    std::string part = Indexed(pii_class, transform, value);
    EXPECT_TRUE(part == kNoPart || Queried(pii_class, transform, part) == part)
        << class_name << " " << value << ": indexed " << part << ", queried "
        << Queried(pii_class, transform, part);
  }
}

// Found by TellTheSizeThatIsNeeded: ten digits with two separators are no ssn and kept as they are.
TEST(QueryForm, TellsTheSizeNeededByAValueThatIsNeitherWholeNorPart) {
  PiiClass ssn = BuiltinClass("ssn");
  size_t needed = 0;
  ASSERT_EQ(QueryForm(ssn, Transform::kLast4, "123-45-67890", {}, &needed), Status::kBufferTooSmall);
  EXPECT_EQ(FormIn(QueryForm, ssn, Transform::kLast4, "123-45-67890", needed), kNoPart);
}

}  // namespace
}  // namespace pii

// HashForm: whatever some two classes hold for equal must have one form, or GROUP BY and hash joins lose
// rows.

#include <gtest/gtest.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <map>
#include <vector>

#include "normalize.h"
#include "respelling.h"
#include "search_form.h"
#include "shape.h"
#include "specimen.h"

namespace pii {
namespace {

using test::Specimens;

std::string Hashed(std::string_view value) {
  SecretString form;
  EXPECT_EQ(HashForm(value, &form), Status::kOk) << value;
  return {form.data(), form.size()};
}

std::string Normalized(const PiiClass& pii_class, std::string_view value) {
  std::vector<char> out(NormalizedBound(value.size()));
  size_t size = 0;
  EXPECT_EQ(Normalize(pii_class, value, out, &size), Status::kOk) << pii_class.name() << ": " << value;
  return {out.data(), size};
}

std::string Shown(std::string_view value) { return std::string(value) + " = " + test::ToHex(AsBytes(value)); }

TEST(HashForm, KeepsLettersAndDigitsInOneCase) {
  const std::pair<const char*, const char*> kForms[] = {
      {"", ""},
      {"- -", ""},
      {"123-45-6789", "123456789"},
      {"Jane  O'Brien", "janeobrien"},
      {"Straße", "strasse"},
      {"STRASSE", "strasse"},
      {"ΣΊΣΥΦΟΣ", "σισυφοσ"},
      {"σίσυφος", "σισυφοσ"},
      {"ı", "i"},
      {"İ", "i"},
      {"ﬁ①½", "fi112"},
      {"e\u0301", "e"},
      {"é", "e"},
      {"가", "\u1100\u1161"},
      {"\u1100-\u1161", "\u1100\u1161"},
      {"１２３", "123"},
      {"١٢٣", "123"},
      {"१२३", "123"},
      {"ja\u00adne\u200b", "jane"},
      {"李 娜", "李娜"},
      {"👩", ""},
  };
  for (auto [value, form] : kForms) EXPECT_EQ(Hashed(value), form) << value;
}

// 1980-05-06 and 1980/5/6 are one date; so no zero can count, wherever it stands.
TEST(HashForm, CountsNoZeros) {
  EXPECT_EQ(Hashed("1980-05-06"), "19856");
  EXPECT_EQ(Hashed("1980/5/6"), "19856");
  EXPECT_EQ(Hashed("0"), "");
  EXPECT_EQ(Hashed("٠١"), "1");
}

TEST(HashForm, SpellsOutIpV6) {
  const char* const kSpellings[] = {"2001:db8::c000:201",      "2001:0DB8:0:0:0:0:C000:0201",
                                    "2001:db8::192.0.2.1",     " 2001:db8:0::c000:201 ",
                                    "２００１:db8::c000:201",  "2001:db8::c000:\u00ad201",
                                    "2001:db8:0:0::192.0.2.1 "};
  for (const char* spelling : kSpellings) EXPECT_EQ(Hashed(spelling), "21db8c21") << spelling;
  EXPECT_EQ(Hashed("::ffff:192.0.2.1"), "ffffc21");
  EXPECT_EQ(Hashed("192.0.2.1"), "19221");
  EXPECT_EQ(Hashed("::"), "");
}

// Names and emails lose every white space at their ends; ParseIp takes blanks alone.
TEST(HashForm, SpellsOutIpV6AmongAnyWhiteSpace) {
  for (const char* space : {"\t", "\n", "\u0085", "\u1680", "\u2028", "\u3000"}) {
    EXPECT_EQ(Hashed(space + std::string("::ffff:192.0.2.1")), Hashed("::ffff:192.0.2.1"))
        << test::ToHex(AsBytes(space));
    EXPECT_EQ(Hashed(std::string("::ffff:192.0.2.1") + space), Hashed("::ffff:192.0.2.1"))
        << test::ToHex(AsBytes(space));
  }
}

TEST(HashForm, RefusesMalformedUtf8) {
  for (const char* value : {"\xff", "abc\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"}) {
    SecretString form;
    EXPECT_EQ(HashForm(value, &form), Status::kInvalidUtf8);
  }
}

TEST(HashForm, ForgetsWhatTheTargetHeld) {
  SecretString form = "something that is longer than the form";
  ASSERT_EQ(HashForm("Zoë", &form), Status::kOk);
  EXPECT_EQ(form, "zoe");
}

TEST(HashForm, TakesLongValues) {
  std::string ascii(3 << 20, 'A');
  EXPECT_TRUE(Hashed(ascii) == std::string(ascii.size(), 'a'));
  std::string grows;
  for (int i = 0; i < 20'000; ++i) grows += "ﷺ";  // 3 bytes to 33 by NFKC
  EXPECT_TRUE(Hashed(grows) == Hashed(test::Nfkc(grows)));
}

/// What Normalize makes of `value`, each class's result once.
std::vector<std::string> NormalForms(std::string_view value, const std::vector<PiiClass>& classes) {
  std::vector<std::string> forms;
  for (const PiiClass& pii_class : classes) {
    std::string form = Normalized(pii_class, value);
    if (form != value && std::find(forms.begin(), forms.end(), form) == forms.end()) forms.push_back(form);
  }
  return forms;
}

std::vector<PiiClass> CustomClasses() {
  std::vector<PiiClass> classes;
  for (const PiiClass& pii_class : test::SearchableClasses()) {
    if (pii_class.id >= kFirstCustomClass) classes.push_back(pii_class);
  }
  return classes;
}

// A normal form is equal to the value it was made of by the class that made it, and to itself by every class
// that leaves it alone. So its hash form is the value's; were it so for every value, every equal pair would
// agree. This is every code point that is assigned, in the places where its neighbours matter.
TEST(HashForm, IsThatOfTheNormalFormForEveryCodePoint) {
  const std::vector<PiiClass> kClasses = CustomClasses();
  size_t changed = 0;
  for (int32_t c = 1; c <= 0x10ffff; ++c) {
    if (!u_isdefined(c) || u_charType(c) == U_PRIVATE_USE_CHAR || u_charType(c) == U_SURROGATE) continue;
    // One of many that behave alike.
    bool plain_ideograph = c % 16 != 0 && u_hasBinaryProperty(c, UCHAR_UNIFIED_IDEOGRAPH);
    if (plain_ideograph || (c % 16 != 0 && c >= 0xac00 && c <= 0xd7a3)) continue;
    std::string text = test::Utf8(static_cast<char32_t>(c));
    for (const std::string& value :
         {text, "\u03b1" + text + "\u0345\u0301", "\u1100-" + text + "\u200b\u1161", "1" + text + "2"}) {
      std::string expected = Hashed(value);
      for (const std::string& form : NormalForms(value, kClasses)) {
        ASSERT_EQ(Hashed(form), expected) << std::hex << c << ": " << Shown(value) << ", " << Shown(form);
        ++changed;
      }
    }
  }
  EXPECT_GT(changed, 50'000u);
}

/// Both operands as Equal takes them: a value of class text takes the other's class.
struct Comparison {
  const PiiClass* left;
  const PiiClass* right;
};

Comparison Compared(const PiiClass& left, const PiiClass& right) {
  return {left.id == kTextClass ? &right : &left, right.id == kTextClass ? &left : &right};
}

class HashFormProperty : public testing::TestWithParam<PiiClass> {};

// Every value and its respelling is compared by every two classes. What is counted are the pairs that are
// spelled differently and equal, for this class and every other that took part, so that no class passes for
// want of cases.
TEST_P(HashFormProperty, HoldsForRespelledValues) {
  const PiiClass& own_class = GetParam();
  const std::vector<PiiClass> kClasses = test::SearchableClasses();
  Specimens specimens(700 + own_class.id);
  size_t with_itself = 0;
  size_t with_another = 0;
  size_t unequal = 0;
  for (int i = 0; i < 8'000; ++i) {
    MaskRule rule = test::RealisticRule(own_class);
    std::string x = specimens.OneIn(8) ? specimens.Hostile(rule) : specimens.Realistic(rule);
    // Few values are equal by NFC alone unless one looks for them.
    bool canonical = own_class.normalizer == Normalizer::kNfc && specimens.OneIn(2);
    std::string y = canonical ? test::Nfd(x) : test::Respelled(&specimens, x);
    if (!canonical && specimens.OneIn(4)) x = test::Respelled(&specimens, x);
    if (x == y || !IsValidUtf8(x) || !IsValidUtf8(y)) continue;
    std::map<uint16_t, std::string> left, right;
    for (const PiiClass& pii_class : kClasses) {
      left[pii_class.id] = Normalized(pii_class, x);
      right[pii_class.id] = Normalized(pii_class, y);
    }
    bool same_hash = Hashed(x) == Hashed(y);
    for (const PiiClass& other_class : kClasses) {
      for (bool forth : {true, false}) {
        Comparison by = forth ? Compared(own_class, other_class) : Compared(other_class, own_class);
        bool equal = left[by.left->id] == right[by.right->id];
        ASSERT_TRUE(!equal || same_hash)
            << by.left->name() << " " << Shown(x) << ", " << by.right->name() << " " << Shown(y);
        size_t& count = !equal ? unequal : other_class.id == own_class.id ? with_itself : with_another;
        ++count;
      }
    }
  }
  EXPECT_GT(with_itself, 2'000u);
  EXPECT_GT(with_another, 20'000u);
  EXPECT_GT(unequal, 100'000u);
}

INSTANTIATE_TEST_SUITE_P(Classes, HashFormProperty, testing::ValuesIn(test::SearchableClasses()),
                         [](const testing::TestParamInfo<PiiClass>& info) {
                           return std::string(info.param.name());
                         });

// A form that is the same for everything would pass all of the above.
TEST(HashForm, TellsMostUnequalValuesApart) {
  Specimens specimens(730);
  size_t different = 0;
  for (int i = 0; i < 2'000; ++i) {
    std::string x = specimens.Digits(9);
    std::string y = specimens.Digits(9);
    different += Hashed(x) != Hashed(y);
  }
  EXPECT_GT(different, 1'990u);
}

}  // namespace
}  // namespace pii

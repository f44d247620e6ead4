#include "normalize.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <cstdio>
#include <vector>

#include "respelling.h"
#include "shape.h"
#include "specimen.h"

namespace pii {
namespace {

using test::BuiltinClass;
using test::CustomClass;
using test::Nfc;
using test::Nfd;

/// The normalised form, or `<status>` for a failure. In a block of the size asked for.
std::string NormalizedIn(const PiiClass& pii_class, std::string_view value, size_t capacity) {
  std::vector<char> out(capacity);
  size_t size = 0;
  Status status = Normalize(pii_class, value, out, &size);
  if (status != Status::kOk) return "<" + std::to_string(static_cast<int>(status)) + ">";
  EXPECT_LE(size, out.size());
  return {out.data(), size};
}

std::string Normalized(const PiiClass& pii_class, std::string_view value) {
  return NormalizedIn(pii_class, value, NormalizedBound(value.size()));
}

struct Case {
  const char* value;
  const char* normalized;
};

void ExpectForms(const PiiClass& pii_class, std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(Normalized(pii_class, c.value), c.normalized) << pii_class.name() << ": " << c.value;
  }
}

TEST(Normalize, BringsTextToNfcAndNoFurther) {
  ExpectForms(BuiltinClass("text"), {{"", ""},
                                     {"Zoe\u0308", "Zo\u00eb"},
                                     {"  A  b ", "  A  b "},
                                     {"ﬁ", "ﬁ"},
                                     {"\u212b", "\u00c5"},
                                     {"ＡＢＣ", "ＡＢＣ"},
                                     {"q\u0307\u0323", "q\u0323\u0307"}});
}

TEST(Normalize, FoldsAndCollapsesNames) {
  ExpectForms(BuiltinClass("name"), {{"  Jane \t\n DOE ", "jane doe"},
                                     {"Zoe\u0308", "zo\u00eb"},
                                     {"ZO\u00cb", "zo\u00eb"},
                                     {"Straße", "strasse"},
                                     {"ﬁona", "fiona"},
                                     {"Ｊａｎｅ\u3000Ｄｏｅ", "jane doe"},
                                     {"Jane\u00a0Doe", "jane doe"},
                                     {"ΣΊΣΥΦΟΣ", "σίσυφοσ"},
                                     {"σίσυφος", "σίσυφοσ"},
                                     {"Ja\u00adne", "jane"},
                                     {"İpek", "i\u0307pek"},
                                     {"", ""},
                                     {" \t ", ""},
                                     {"李  娜", "李 娜"}});
}

TEST(Normalize, FoldsAndTrimsEmails) {
  ExpectForms(BuiltinClass("email"), {{" John.Doe@EXAMPLE.com\n", "john.doe@example.com"},
                                      {"\u00a0Zoë@München.DE\u2003", "zoë@münchen.de"},
                                      {"\"a  b\"@x.org", "\"a  b\"@x.org"},
                                      {"not an email", "not an email"},
                                      {"", ""}});
}

TEST(Normalize, FoldsAndCollapsesAddresses) {
  ExpectForms(BuiltinClass("address"), {{"12  Main\tStreet", "12 main street"},
                                        {"Hauptstraße\u00a05", "hauptstrasse 5"},
                                        {"A\r\n\r\nB", "a b"}});
}

TEST(Normalize, KeepsPlusAndDigitsOfPhones) {
  ExpectForms(BuiltinClass("phone"), {{"+1 (212) 555-0123", "+12125550123"},
                                      {"＋１ ２１２ ５５５ ０１２３", "+12125550123"},
                                      {"212.555.0123", "2125550123"},
                                      {"٢١٢٥٥٥٠١٢٣", "2125550123"},
                                      {"555-0123 ext 4", "555-0123 ext 4"},
                                      {"12-3", "12-3"}});
}

TEST(Normalize, KeepsDigitsOfSsnsAndCards) {
  ExpectForms(BuiltinClass("ssn"), {{"123-45-6789", "123456789"},
                                    {"１２３ ４５ ６７８９", "123456789"},
                                    {"١٢٣-٤٥-٦٧٨٩", "123456789"},
                                    {"123-45-678", "123-45-678"},
                                    {"unknown", "unknown"},
                                    {"Unbekannt ü", "Unbekannt ü"},
                                    {"u\u0308", "ü"}});
  ExpectForms(BuiltinClass("pan"), {{"4111 1111-1111.1111", "4111111111111111"}, {"4111 1111", "4111 1111"}});
}

TEST(Normalize, KeepsLettersAndDigitsUpperCase) {
  ExpectForms(BuiltinClass("iban"),
              {{"de89 3704 0044 0532 0130 00", "DE89370400440532013000"}, {"de89 3704", "de89 3704"}});
  for (const char* name : {"account", "passport", "national_id", "driver_license", "postcode"}) {
    ExpectForms(BuiltinClass(name), {{"ab-12 34/x", "AB1234X"},
                                     {"ａｂ１２", "AB12"},
                                     {"straße 7", "STRASSE7"},
                                     {"e\u0301 1", "\u00c91"},
                                     {"é-1", "É1"},
                                     {"ﬁ9", "FI9"},
                                     {"٣٤٥", "٣٤٥"},
                                     {"sw1a 1aa", "SW1A1AA"},
                                     {"no#1", "no#1"},
                                     {"- -", "- -"},
                                     {"", ""},
                                     {"ıi", "II"}});
  }
}

// What stands between two characters must not keep them from becoming one.
TEST(Normalize, ComposesWhatSeparatorsKeptApart) {
  EXPECT_EQ(Normalized(BuiltinClass("passport"), "\u1100-\u1161"), "\uac00");
  EXPECT_EQ(Normalized(BuiltinClass("passport"), "\uac00"), "\uac00");
}

// U+0345 is a mark to NFC and a letter to casefold.
TEST(Normalize, FoldsEquivalentSpellingsOfIotaSubscriptAlike) {
  for (const char* name : {"name", "email", "address"}) {
    const PiiClass& pii_class = BuiltinClass(name);
    EXPECT_EQ(Normalized(pii_class, "\u1fb3\u0301"), Normalized(pii_class, "\u1fb4")) << name;
    EXPECT_EQ(Normalized(pii_class, "\u03b1\u0345\u0301"), Normalized(pii_class, "\u1fb4")) << name;
  }
}

TEST(Normalize, WritesDatesInIso8601) {
  ExpectForms(BuiltinClass("dob"), {{"1980-05-06", "1980-05-06"},
                                    {"19800506", "1980-05-06"},
                                    {" 1980/5/6", "1980-05-06"},
                                    {"1980.05.6 ", "1980-05-06"},
                                    {"0007-01-01", "0007-01-01"},
                                    {"05/06/1980", "05/06/1980"},
                                    {"1980-02-30", "1980-02-30"}});
}

// RFC 5952 §1 and §4: every way to write one address gives the recommended one.
TEST(Normalize, WritesAddressesAsRfc5952) {
  ExpectForms(BuiltinClass("ip"),
              {{"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"},
               {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
               {"2001:db8::1:0:0:1", "2001:db8::1:0:0:1"},
               {"2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"},
               {"2001:0db8::1:0:0:1", "2001:db8::1:0:0:1"},
               {"2001:db8:0:0:1::1", "2001:db8::1:0:0:1"},
               {"2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"},
               {"2001:0db8::0001", "2001:db8::1"},
               {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
               {"2001:db8::0:1", "2001:db8::1"},
               {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
               {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
               {"2001:db8:0:0:1:0:0:0", "2001:db8:0:0:1::"},
               {"2001:db8:aaaa:bbbb:cccc:dddd:eeee:AAAA", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"},
               {"0:0:0:0:0:0:0:0", "::"},
               {"0:0:0:0:0:0:0:1", "::1"},
               {"1:0:0:0:0:0:0:0", "1::"},
               {"0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1"},
               {"0:0:1:0:0:0:0:1", "0:0:1::1"},
               {"0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"},
               {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
               {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"}});
}

TEST(Normalize, WritesMappedAddressesInMixedNotation) {
  ExpectForms(BuiltinClass("ip"), {{"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
                                   {"::FFFF:c000:0201", "::ffff:192.0.2.1"},
                                   {"0:0:0:0:0:ffff:192.0.2.1", "::ffff:192.0.2.1"},
                                   {"::192.0.2.1", "::c000:201"},
                                   {"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
                                   {"192.0.2.1", "192.0.2.1"},
                                   {" 192.0.2.1 ", "192.0.2.1"},
                                   {"192.0.2.1/32", "192.0.2.1/32"},
                                   {"fe80::1%eth0", "fe80::1%eth0"}});
}

TEST(Normalize, NeverMakesSecretsSearchable) {
  char out[16];
  size_t size = 1;
  EXPECT_EQ(Normalize(BuiltinClass("secret"), "abc", out, &size), Status::kNotSearchable);
  EXPECT_EQ(size, 0u);
  EXPECT_EQ(Normalize(CustomClass(Normalizer::kNone), "\xff", out, &size), Status::kNotSearchable);
}

TEST(Normalize, RefusesMalformedUtf8InEveryClass) {
  for (const PiiClass& pii_class : test::AllClasses()) {
    if (pii_class.normalizer == Normalizer::kNone) continue;
    for (const char* value : {"\xff", "abc\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"}) {
      char out[256];
      size_t size = 0;
      EXPECT_EQ(Normalize(pii_class, value, out, &size), Status::kInvalidUtf8) << pii_class.name();
    }
  }
}

// The bound of normalize.h, for every code point and every rule.
TEST(NormalizedBound, SufficesForEveryCodePoint) {
  const Normalizer kRules[] = {Normalizer::kNfc, Normalizer::kName, Normalizer::kEmail,
                               Normalizer::kAlphanumeric};
  for (Normalizer rule : kRules) {
    PiiClass custom = CustomClass(rule);
    char out[64];
    for (char32_t c = 1; c <= 0x10FFFF; ++c) {
      if (c >= 0xD800 && c <= 0xDFFF) continue;
      std::string value = test::Utf8(c);
      size_t size = 0;
      Status status = Normalize(custom, value, std::span(out).first(NormalizedBound(value.size())), &size);
      ASSERT_EQ(status, Status::kOk) << static_cast<uint32_t>(c);
      std::string once(out, size);
      ASSERT_EQ(Normalized(custom, once), once) << static_cast<uint32_t>(c);
    }
  }
}

class NormalizeProperties : public testing::TestWithParam<PiiClass> {};

TEST_P(NormalizeProperties, HoldForGeneratedValues) {
  const PiiClass& pii_class = GetParam();
  test::Specimens specimens(90 + pii_class.id);
  size_t valid = 0;
  for (int i = 0; i < 40'000; ++i) {
    std::string value = specimens.OneIn(2)    ? specimens.Realistic(pii_class.mask)
                        : specimens.OneIn(10) ? specimens.RandomText(60)
                                              : specimens.Hostile(pii_class.mask);
    std::vector<char> out(NormalizedBound(value.size()));
    size_t size = 0;
    Status status = Normalize(pii_class, value, out, &size);
    if (!IsValidUtf8(value)) {
      ASSERT_EQ(status, Status::kInvalidUtf8);
      continue;
    }
    ++valid;
    ASSERT_EQ(status, Status::kOk) << value;
    std::string once(out.data(), size);
    ASSERT_TRUE(IsValidUtf8(once)) << value;
    ASSERT_EQ(Normalized(pii_class, once), once) << value;
    ASSERT_EQ(Normalized(pii_class, Nfc(value)), once) << value;
    ASSERT_EQ(Normalized(pii_class, Nfd(value)), once) << value;
    if (!HasShape(pii_class.shape, value)) {
      ASSERT_EQ(once, Nfc(value)) << value;
    }
  }
  EXPECT_GT(valid, 20'000u);
}

TEST_P(NormalizeProperties, TellTheSizeThatIsNeeded) {
  const PiiClass& pii_class = GetParam();
  test::Specimens specimens(190 + pii_class.id);
  for (int i = 0; i < 5'000; ++i) {
    std::string value = specimens.Realistic(pii_class.mask);
    std::string expected = Normalized(pii_class, value);
    size_t needed = 0;
    Status status = Normalize(pii_class, value, {}, &needed);
    ASSERT_EQ(status, needed == 0 ? Status::kOk : Status::kBufferTooSmall) << value;
    ASSERT_GE(needed, expected.size()) << value;
    ASSERT_LE(needed, NormalizedBound(value.size())) << value;
    ASSERT_EQ(NormalizedIn(pii_class, value, needed), expected) << value;
    if (needed == 0) continue;
    std::vector<char> small(needed - 1);
    size_t again = 0;
    ASSERT_EQ(Normalize(pii_class, value, small, &again), Status::kBufferTooSmall) << value;
    ASSERT_EQ(again, needed) << value;
  }
}

INSTANTIATE_TEST_SUITE_P(Classes, NormalizeProperties, testing::ValuesIn(test::SearchableClasses()),
                         [](const testing::TestParamInfo<PiiClass>& info) {
                           return std::string(info.param.name());
                         });

/// The digits of `value` as ICU reads them, one code point after another; "" when it holds anything that no
/// number does.
std::string DigitsByIcu(const std::string& value, bool keep_plus) {
  std::string digits;
  std::string sign;
  icu::UnicodeString text = icu::UnicodeString::fromUTF8(value);
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    UChar32 c = text.char32At(i);
    if (u_charType(c) == U_DECIMAL_DIGIT_NUMBER) {
      digits += static_cast<char>('0' + u_charDigitValue(c));
    } else if ((c == '+' || c == 0xFF0B) && keep_plus && sign.empty() && digits.empty()) {
      sign = "+";
    } else if (!u_isUWhiteSpace(c) && u_charType(c) != U_DASH_PUNCTUATION &&
               icu::UnicodeString("./()_\u2212").indexOf(c) < 0) {
      return "";
    }
  }
  return digits.empty() ? "" : sign + digits;
}

TEST(Normalize, ReadsNumbersAsIcuDoes) {
  test::Specimens specimens(91);
  size_t numbers = 0;
  for (int i = 0; i < 60'000; ++i) {
    MaskRule rule = specimens.Pick({MaskRule::kSsn, MaskRule::kPan, MaskRule::kPhone});
    std::string value = specimens.OneIn(4)   ? specimens.Hostile(rule)
                        : specimens.OneIn(3) ? test::Respelled(&specimens, specimens.Realistic(rule))
                                             : specimens.Realistic(rule);
    if (!IsValidUtf8(value)) continue;
    for (bool keep_plus : {true, false}) {
      std::string digits = DigitsByIcu(value, keep_plus);
      PiiClass custom = CustomClass(keep_plus ? Normalizer::kPlusDigits : Normalizer::kDigits);
      ASSERT_EQ(Normalized(custom, value), digits.empty() ? Nfc(value) : digits) << value;
      numbers += !digits.empty();
    }
    for (const char* name : {"phone", "ssn", "pan"}) {
      PiiClass builtin = BuiltinClass(name);
      std::string digits = DigitsByIcu(value, builtin.normalizer == Normalizer::kPlusDigits);
      ASSERT_EQ(Normalized(builtin, value), HasShape(builtin.shape, value) ? digits : Nfc(value)) << value;
    }
  }
  EXPECT_GT(numbers, 50'000u);
}

TEST(Normalize, WritesEveryDay) {
  for (int year : {0, 1, 999, 1980, 9999}) {
    for (int month = 1; month <= 12; ++month) {
      for (int day = 1; day <= 28; ++day) {
        char written[40];
        char expected[40];
        std::snprintf(written, sizeof written, "%04d/%d/%d", year, month, day);
        std::snprintf(expected, sizeof expected, "%04d-%02d-%02d", year, month, day);
        ASSERT_EQ(Normalized(BuiltinClass("dob"), written), expected);
      }
    }
  }
}

// The canonical form of IPv6 by inet_ntop is that of RFC 5952, but for what it takes for IPv4.
TEST(Normalize, WritesAddressesAsInetNtopDoes) {
  test::Specimens specimens(92);
  for (int i = 0; i < 20'000; ++i) {
    uint8_t bytes[16] = {};
    // Groups of zeros of all lengths; the first two bytes keep it clear of IPv4 in IPv6.
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(specimens.OneIn(3) ? specimens.Below(256) : 0);
    bytes[0] = 0x20;
    char text[INET6_ADDRSTRLEN];
    ASSERT_NE(inet_ntop(AF_INET6, bytes, text, sizeof text), nullptr);
    ASSERT_EQ(Normalized(BuiltinClass("ip"), text), text);
    ASSERT_NE(inet_ntop(AF_INET, bytes, text, sizeof text), nullptr);
    ASSERT_EQ(Normalized(BuiltinClass("ip"), text), text);
  }
}

// Composed, decomposed and in between; the middle one is neither NFC nor NFD.
TEST(Normalize, IsEqualForEquivalentSpellings) {
  const char* const kSpellings[][3] = {{"\u1e69", "s\u0323\u0307", "\u1e61\u0323"},
                                       {"\u01d5", "U\u0308\u0304", "\u00dc\u0304"},
                                       {"가", "\u1100\u1161", "가"},
                                       {"각", "\u1100\u1161\u11a8", "가\u11a8"}};
  for (const char* name : {"text", "name", "email", "address", "account"}) {
    for (const auto& [composed, decomposed, mixed] : kSpellings) {
      std::string expected = Normalized(BuiltinClass(name), composed);
      EXPECT_EQ(Normalized(BuiltinClass(name), decomposed), expected) << name;
      EXPECT_EQ(Normalized(BuiltinClass(name), mixed), expected) << name;
    }
  }
}

}  // namespace
}  // namespace pii

#include "mask.h"

#include <gtest/gtest.h>
#include <unicode/uchar.h>

#include <algorithm>

#include "shape.h"
#include "specimen.h"

namespace pii {
namespace {

using test::BuiltinClass;
using test::KeepClass;

/// Masks in a block of exactly MaskBound bytes, so that a sanitizer sees a write past the end.
std::string MaskOf(const PiiClass& pii_class, std::string_view value) {
  std::vector<char> out(MaskBound(value.size()));
  size_t size = Mask(pii_class, value, out);
  EXPECT_LE(size, out.size());
  return {out.data(), size};
}

bool IsMaskOf(const PiiClass& pii_class, std::string_view value) {
  std::vector<char> scratch(MaskBound(value.size()));
  return IsMask(pii_class, value, scratch);
}

struct Case {
  const char* value;
  const char* mask;
};

void ExpectMasks(const PiiClass& pii_class, std::initializer_list<Case> cases) {
  for (const Case& c : cases)
    EXPECT_EQ(MaskOf(pii_class, c.value), c.mask) << pii_class.name() << ": " << c.value;
}

TEST(Mask, HidesClassesWithoutAVisiblePart) {
  for (const char* name :
       {"text", "address", "passport", "national_id", "driver_license", "postcode", "secret"}) {
    ExpectMasks(BuiltinClass(name), {{"", "****"},
                                     {"a", "****"},
                                     {"12 Main Street, Springfield", "****"},
                                     {"****", "****"},
                                     {"*", "****"},
                                     {"李娜", "****"},
                                     // Nothing to guess: zero-width characters and accents.
                                     {"李\u200d\u200d", "****"},
                                     {"A\u200b\u200b", "****"},
                                     {"A\u0301\u0301", "****"},
                                     {"\xff", "****"}});
  }
}

TEST(Mask, ShowsInitialsOfNames) {
  ExpectMasks(BuiltinClass("name"), {{"Jane Doe", "J*** D***"},
                                     {"  Jane \t Doe ", "J*** D***"},
                                     {"Łukasz", "Ł***"},
                                     {"Zoë", "Z***"},
                                     {"Zoe\u0308", "Z***"},
                                     {"Jane\u00a0Doe\u3000Smith", "J*** D*** S***"},
                                     {"Anna-Lena O'Brien", "A*** O***"},
                                     {"J*** D***", "J*** D***"},
                                     {"J***", "J***"},
                                     {"李***", "李***"},
                                     // Too short: as much as half or more of it would show.
                                     {"李娜", "****"},
                                     {"Al", "****"},
                                     {"J", "****"},
                                     {"J D", "****"},
                                     {"A B Smi", "****"},
                                     {"Bo Li", "****"},
                                     {"", "****"},
                                     {" ", "****"},
                                     {"J*** D*** ", "****"},
                                     {"J***  D***", "****"},
                                     {"J**", "****"},
                                     {"J*** Doe", "****"},
                                     {"*", "****"},
                                     {"***", "****"},
                                     {"Jane \xff", "****"}});
}

TEST(Mask, ShowsInitialsAndTopLevelOfEmails) {
  ExpectMasks(BuiltinClass("email"),
              {{"john.doe@example.com", "j***@e***.com"},
               {"JOHNNY@Example.COM", "J***@E***.COM"},
               {"zoë.müller@münchen.de", "z***@m***.de"},
               {"jane@mail.example.co.uk", "j***@m***.uk"},
               {"ann@b@example.com", "a***@e***.com"},
               {"j***@e***.com", "j***@e***.com"},
               {"a@b.com", "****"},
               {"a@b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b.com", "****"},
               {"jo@ex.com", "****"},
               {"john.doe@localhost", "****"},
               {"john.doe", "****"},
               {"john doe@example.com", "****"},
               {" john.doe@example.com", "****"},
               {"@example.com", "****"},
               {"john.doe@.com", "****"},
               {"john.doe@example.", "****"},
               {"john.doe@example.c", "****"},
               {"john.doe@example.c0m", "****"},
               {"john.doe@192.168.10.20", "****"},
               {"", "****"},
               {"john.doe@example.com\xff", "****"}});
}

TEST(Mask, ShowsLastFourOfWholePhoneNumbers) {
  ExpectMasks(BuiltinClass("phone"), {{"+1 (212) 555-0123", "***-***-0123"},
                                      {"2125550123", "***-***-0123"},
                                      {"٢١٢٥٥٥٠١٢٣", "***-***-0123"},
                                      {"＋１２１２５５５０１２３", "***-***-0123"},
                                      {"***-***-0123", "***-***-0123"},
                                      {"555-0123", "****"},
                                      {"212555012", "****"},
                                      {"1234567890123456", "****"},
                                      {"212-555-0123 x9", "****"},
                                      {"***-***-01234", "****"},
                                      {"***-***-012a", "****"},
                                      {"", "****"}});
}

TEST(Mask, ShowsLastFourOfSsns) {
  ExpectMasks(BuiltinClass("ssn"), {{"123-45-6789", "***-**-6789"},
                                    {"123456789", "***-**-6789"},
                                    {"１２３-４５-６７８９", "***-**-6789"},
                                    {"١٢٣٤٥٦٧٨٩", "***-**-6789"},
                                    {"***-**-6789", "***-**-6789"},
                                    {"6789", "****"},
                                    {"12345678", "****"},
                                    {"1234567890", "****"},
                                    {"unknown", "****"},
                                    {"", "****"},
                                    {"***-**-６７８９", "****"},
                                    {"***-**-678", "****"},
                                    {"123-45-6789 (old)", "****"}});
}

TEST(Mask, ShowsLastFourOfPaymentCards) {
  ExpectMasks(BuiltinClass("pan"), {{"4111 1111 1111 1111", "**** **** **** 1111"},
                                    {"378282246310005", "**** **** **** 0005"},
                                    {"**** **** **** 1111", "**** **** **** 1111"},
                                    {"41111111111", "****"},
                                    {"1111", "****"},
                                    {"", "****"}});
}

TEST(Mask, ShowsCountryAndLastFourOfIbans) {
  ExpectMasks(BuiltinClass("iban"), {{"DE89 3704 0044 0532 0130 00", "DE** **** 3000"},
                                     {"de89370400440532013000", "DE** **** 3000"},
                                     {"MT84MALT011000012345MTLCAST001S12x", "MT** **** S12X"},
                                     {"DE** **** 3000", "DE** **** 3000"},
                                     {"de** **** 3000", "****"},
                                     {"DE** **** 300", "****"},
                                     {"DE89", "****"},
                                     {"", "****"}});
}

TEST(Mask, ShowsLastFourOfLongAccounts) {
  ExpectMasks(BuiltinClass("account"), {{"000123456789", "****6789"},
                                        {"AB-1234 5678/90CD", "****90CD"},
                                        {"12345678901é", "****901é"},
                                        {"****6789", "****6789"},
                                        {"12345678901", "****"},
                                        {"6789", "****"},
                                        {"****678", "****"},
                                        {"****67890", "****"},
                                        {"****6-789", "****"},
                                        {"000123456789*", "****"},
                                        {"", "****"}});
}

TEST(Mask, ShowsTheYearOfDates) {
  ExpectMasks(BuiltinClass("dob"), {{"1980-05-06", "1980-**-**"},
                                    {"19800506", "1980-**-**"},
                                    {" 1980/5/6 ", "1980-**-**"},
                                    {"0007-05-06", "0007-**-**"},
                                    {"1980-**-**", "1980-**-**"},
                                    {"05/06/1980", "****"},
                                    {"1980", "****"},
                                    {"1980-02-30", "****"},
                                    {"19a0-**-**", "****"},
                                    {"", "****"}});
}

TEST(Mask, ShowsTheNetworkOfAddresses) {
  ExpectMasks(BuiltinClass("ip"), {{"203.0.113.7", "203.0.113.*"},
                                   {"2001:db8:1:2::3", "2001:db8:1:*"},
                                   {"2001:0DB8:0001::", "2001:db8:1:*"},
                                   {"::1", "0:0:0:*"},
                                   {"::ffff:203.0.113.7", "0:0:0:*"},
                                   {"203.0.113.*", "203.0.113.*"},
                                   {"2001:db8:1:*", "2001:db8:1:*"},
                                   {"0:0:0:*", "0:0:0:*"},
                                   {"203.0.113.7*", "****"},
                                   {"203.0.*", "****"},
                                   {"2001:DB8:1:*", "****"},
                                   {"::*", "****"},
                                   {"*", "****"},
                                   {"203.0.113.0/24", "****"},
                                   {"", "****"}});
}

TEST(Mask, ShowsWhatACustomClassKeeps) {
  ExpectMasks(KeepClass(0, 3), {{"123456789", "****789"},
                                {"12345678", "****"},
                                {"****789", "****789"},
                                {"789", "****"},
                                {"", "****"}});
  ExpectMasks(KeepClass(2, 0), {{"AB1234", "AB****"}, {"AB123", "****"}, {"李娜李娜李娜", "李娜****"}});
  ExpectMasks(KeepClass(2, 2),
              {{"AB12345678YZ", "AB****YZ"}, {"AB****YZ", "AB****YZ"}, {"AB******YZ", "****"}});
  ExpectMasks(KeepClass(0, 0), {{"123456789", "****"}, {"", "****"}});
  ExpectMasks(KeepClass(255, 255), {{"123456789", "****"}});
}

TEST(Mask, HidesMalformedUtf8InEveryClass) {
  for (const PiiClass& pii_class : test::AllClasses()) {
    for (const char* value :
         {"\xff", "Jane Doe\xc3", "\xed\xa0\x80 longer text here", "123-45-6789\x80", "\xc0\x80"}) {
      EXPECT_EQ(MaskOf(pii_class, value), "****") << pii_class.name();
    }
  }
}

TEST(Mask, HidesEverythingAboveTheMaximumSize) {
  std::string name(kMaxMaskedSize, 'a');
  EXPECT_EQ(MaskOf(BuiltinClass("name"), name), "a***");
  EXPECT_EQ(MaskOf(BuiltinClass("name"), name + "a"), "****");
  for (const PiiClass& pii_class : test::AllClasses()) {
    EXPECT_EQ(MaskOf(pii_class, std::string(kMaxMaskedSize + 1, '1')), "****") << pii_class.name();
    EXPECT_EQ(MaskOf(pii_class, std::string(1 << 20, '1')), "****") << pii_class.name();
  }
}

// The mask of a word of three letters is longer than the word.
TEST(Mask, IsItsOwnMaskHoweverManyWordsThereAre) {
  const PiiClass& name = BuiltinClass("name");
  size_t longest = 0;
  size_t hidden = 0;
  for (std::string words = "abc"; words.size() <= kMaxMaskedSize; words += " abc") {
    std::string mask = MaskOf(name, words);
    EXPECT_EQ(MaskOf(name, mask), mask) << words.size();
    longest = std::max(longest, mask.size());
    hidden += mask == "****";
  }
  EXPECT_EQ(longest, 204 * 5 + 4);  // 205 words: 1,024 bytes
  EXPECT_EQ(hidden, 51);
}

size_t CountIf(std::string_view text, bool (*matches)(int32_t)) {
  size_t count = 0;
  for (size_t offset = 0; offset < text.size();) count += matches(NextCodePoint(text, &offset));
  return count;
}

bool IsVisible(int32_t c) { return c != '*' && !u_isUWhiteSpace(c); }

/// `9` stands for a digit, `A` for an upper-case letter, `X` for either.
bool HasForm(std::string_view mask, std::string_view form) {
  if (mask.size() != form.size()) return false;
  for (size_t i = 0; i < form.size(); ++i) {
    bool digit = mask[i] >= '0' && mask[i] <= '9';
    bool letter = mask[i] >= 'A' && mask[i] <= 'Z';
    bool fits = form[i] == '9'   ? digit
                : form[i] == 'A' ? letter
                : form[i] == 'X' ? digit || letter
                                 : mask[i] == form[i];
    if (!fits) return false;
  }
  return true;
}

/// Is `mask` one that a fixed-format class gives for values of its format?
bool IsFixedFormat(MaskRule rule, const std::string& mask) {
  switch (rule) {
    case MaskRule::kPhone:
      return HasForm(mask, "***-***-9999");
    case MaskRule::kSsn:
      return HasForm(mask, "***-**-9999");
    case MaskRule::kPan:
      return HasForm(mask, "**** **** **** 9999");
    case MaskRule::kIban:
      return HasForm(mask, "AA** **** XXXX");
    case MaskRule::kDate:
      return HasForm(mask, "9999-**-**");
    case MaskRule::kIp: {
      // A network and an asterisk: three groups of hexadecimal digits or three numbers.
      std::string network = mask.substr(0, mask.size() - 1);
      IpAddress address;
      bool v6 = network.ends_with(':');
      return mask.ends_with('*') && std::count(mask.begin(), mask.end(), v6 ? ':' : '.') == 3 &&
             ParseIp(network + (v6 ? ":" : "0"), &address) && address.v6 == v6;
    }
    default:
      return false;
  }
}

class MaskProperties : public testing::TestWithParam<PiiClass> {};

TEST_P(MaskProperties, HoldForGeneratedValues) {
  const PiiClass& pii_class = GetParam();
  const std::string redacted = "[" + std::string(pii_class.name()) + "]";
  test::Specimens specimens(80 + pii_class.id);
  size_t partly_shown = 0;
  for (int i = 0; i < 120'000; ++i) {
    std::string value = specimens.OneIn(3)    ? specimens.Realistic(pii_class.mask)
                        : specimens.OneIn(20) ? specimens.RandomText(60)
                                              : specimens.Hostile(pii_class.mask);
    std::string mask = MaskOf(pii_class, value);

    ASSERT_TRUE(IsValidUtf8(mask)) << value;
    ASSERT_EQ(MaskOf(pii_class, mask), mask) << value;
    ASSERT_EQ(IsMaskOf(pii_class, value), mask == value || value == redacted) << value;
    ASSERT_TRUE(IsMaskOf(pii_class, mask)) << value;
    ASSERT_TRUE(MayBeMask(mask)) << value;
    if (mask == value) continue;

    bool nothing_to_hide = value.find_first_not_of("* ") == std::string::npos;
    if (!nothing_to_hide) {
      ASSERT_EQ(mask.find(value), std::string::npos) << value;
    }
    if (mask == "****") continue;
    ++partly_shown;
    switch (pii_class.mask) {
      case MaskRule::kName:
      case MaskRule::kKeep: {
        size_t shown = CountIf(mask, IsVisible);
        ASSERT_GE(CountIf(value, IsVisible) - shown, 2 * shown) << value;
        break;
      }
      case MaskRule::kEmail: {
        // The @ and the last dot are no secret, neither shown nor hidden.
        size_t shown = CountIf(mask, IsVisible) - 2;
        ASSERT_GE(CountIf(value, IsVisible) - 2 - shown, 2 * shown) << value;
        break;
      }
      case MaskRule::kAccount: {
        auto is_alphanumeric = [](int32_t c) { return u_isalnum(c) != 0; };
        ASSERT_EQ(CountIf(mask, is_alphanumeric), 4u) << value;
        ASSERT_GE(CountIf(value, is_alphanumeric), 12u) << value;
        break;
      }
      default:
        ASSERT_TRUE(IsFixedFormat(pii_class.mask, mask)) << value << " -> " << mask;
        ASSERT_TRUE(HasShape(pii_class.shape, value)) << value;
    }
  }
  bool always_hidden =
      pii_class.mask == MaskRule::kHidden || pii_class.name() == "keep_0_0" || pii_class.keep_first == 255;
  if (always_hidden) {
    EXPECT_EQ(partly_shown, 0u);
  } else {
    EXPECT_GT(partly_shown, 1000u) << "the generator missed the point";
  }
}

INSTANTIATE_TEST_SUITE_P(AllClasses, MaskProperties, testing::ValuesIn(test::AllClasses()),
                         [](const testing::TestParamInfo<PiiClass>& info) {
                           return std::string(info.param.name());
                         });

TEST(Redact, NamesTheClass) {
  for (const PiiClass& pii_class : test::AllClasses()) {
    std::vector<char> out(kRedactedBound);
    size_t size = Redact(pii_class, out);
    std::string redacted(out.data(), size);
    EXPECT_EQ(redacted, "[" + std::string(pii_class.name()) + "]");
    EXPECT_TRUE(MayBeMask(redacted));
    EXPECT_TRUE(IsMaskOf(pii_class, redacted));
  }
  PiiClass longest = KeepClass(0, 3);
  std::fill_n(longest.name_text, PiiClass::kMaxNameSize, 'x');
  std::vector<char> out(kRedactedBound);
  EXPECT_EQ(Redact(longest, out), kRedactedBound);
}

// Two hidden characters let one be shown where a guesser has to find both.
TEST(Mask, CountsAsHiddenWhatIcuCallsVisible) {
  for (char32_t c = 1; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    auto code_point = static_cast<UChar32>(c);
    bool visible = !u_isUWhiteSpace(code_point) && c != '*' &&
                   !u_hasBinaryProperty(code_point, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) &&
                   (U_GET_GC_MASK(code_point) & U_GC_M_MASK) == 0;
    ASSERT_EQ(MaskOf(KeepClass(1, 0), "a" + test::Utf8(c) + test::Utf8(c)), visible ? "a****" : "****")
        << static_cast<uint32_t>(c);
  }
}

TEST(IsMask, DoesNotTakeDataForAMask) {
  EXPECT_FALSE(IsMaskOf(BuiltinClass("ssn"), "123-45-6789"));
  EXPECT_FALSE(IsMaskOf(BuiltinClass("ssn"), "[name]"));
  EXPECT_FALSE(IsMaskOf(BuiltinClass("name"), "Jane [the boss] Doe"));
  EXPECT_FALSE(IsMaskOf(BuiltinClass("text"), "5 * 4 = 20"));
  EXPECT_FALSE(IsMaskOf(BuiltinClass("text"), ""));
  EXPECT_TRUE(IsMaskOf(BuiltinClass("text"), "****"));
}

TEST(MaskExample, IsItsOwnMask) {
  for (const PiiClass& builtin : BuiltinClasses()) {
    ASSERT_NE(MaskExample(builtin.mask), nullptr);
    EXPECT_EQ(MaskOf(builtin, MaskExample(builtin.mask)), MaskExample(builtin.mask));
  }
  EXPECT_EQ(MaskExample(MaskRule::kKeep), nullptr);
}

}  // namespace
}  // namespace pii

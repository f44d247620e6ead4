#include "shape.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <unicode/uchar.h>

#include <cstring>
#include <vector>

#include "bytes.h"
#include "specimen.h"

namespace pii {
namespace {

/// What `parse` makes of the value: its digits, or "-" when it is refused.
std::string Parsed(bool (*parse)(std::string_view, Digits*), std::string_view value) {
  Digits digits;
  if (!parse(value, &digits)) return "-";
  return (digits.plus ? "+" : "") + std::string(digits.view());
}

TEST(ParseSsn, AcceptsExactlyNineDigits) {
  const std::pair<const char*, const char*> kCases[] = {
      {"123-45-6789", "123456789"},
      {"123456789", "123456789"},
      {" 123 45 6789 ", "123456789"},
      {"123.45/6789", "123456789"},
      {"123–45—6789", "123456789"},
      {"123\u221245\u22126789", "123456789"},
      {"１２３-４５-６７８９", "123456789"},
      {"١٢٣٤٥٦٧٨٩", "123456789"},
      {"(123)_45_6789", "123456789"},
      {"", "-"},
      {"12345678", "-"},
      {"1234567890", "-"},
      {"+123456789", "-"},
      {"123-45-678a", "-"},
      {"***-**-6789", "-"},
      {"123-45-6789;", "-"},
      {"123-45-678\xff", "-"},
      {"12345678²", "-"},
      {"12345678Ⅸ", "-"},
  };
  for (auto [value, expected] : kCases) EXPECT_EQ(Parsed(ParseSsn, value), expected) << value;
}

TEST(ParsePhone, AcceptsSevenToFifteenDigitsAndOneLeadingPlus) {
  const std::pair<const char*, const char*> kCases[] = {
      {"555-0123", "5550123"},
      {"+1 (212) 555-0123", "+12125550123"},
      {"＋４９ 30 1234567", "+49301234567"},
      {"123456789012345", "123456789012345"},
      {" +1234567", "+1234567"},
      {"(+1) 234567", "+1234567"},
      {"٠٣٠١٢٣٤٥٦٧", "0301234567"},
      {"123456", "-"},
      {"1234567890123456", "-"},
      {"++1234567", "-"},
      {"1+234567", "-"},
      {"1234567+", "-"},
      {"555-0123 ext 4", "-"},
      {"+", "-"},
      {"", "-"},
      {"555-01\xc3", "-"},
  };
  for (auto [value, expected] : kCases) EXPECT_EQ(Parsed(ParsePhone, value), expected) << value;
}

TEST(ParsePan, AcceptsTwelveToNineteenDigits) {
  const std::pair<const char*, const char*> kCases[] = {
      {"4111 1111 1111 1111", "4111111111111111"},
      {"4111111111111112", "4111111111111112"},
      {"123456789012", "123456789012"},
      {"1234567890123456789", "1234567890123456789"},
      {"12345678901", "-"},
      {"12345678901234567890", "-"},
      {"+411111111111", "-"},
      {"4111 1111 1111 111x", "-"},
      {"", "-"},
  };
  for (auto [value, expected] : kCases) EXPECT_EQ(Parsed(ParsePan, value), expected) << value;
  EXPECT_EQ(Parsed(ParsePan, std::string(1000, '1')), "-");
}

TEST(CountDigits, CountsMoreThanFit) {
  char out[4];
  bool plus = false;
  EXPECT_EQ(CountDigits("12 34 56", out, &plus), 6);
  EXPECT_EQ(std::string_view(out, 4), "1234");
  EXPECT_EQ(CountDigits("", out, &plus), 0);
  EXPECT_EQ(CountDigits("- ( )", out, &plus), 0);
  EXPECT_FALSE(plus);
}

TEST(ParseIban, AcceptsTheFormatOfIso13616) {
  const std::pair<const char*, const char*> kCases[] = {
      {"DE89 3704 0044 0532 0130 00", "DE89370400440532013000"},
      {"de89370400440532013000", "DE89370400440532013000"},
      {"GB-29-NWBK-6016-1331-9268-19", "GB29NWBK60161331926819"},
      {"NO9386011117947", "NO9386011117947"},
      {"MT84MALT011000012345MTLCAST001S123", "MT84MALT011000012345MTLCAST001S123"},
      {"NO938601111794", "-"},
      {"MT84MALT011000012345MTLCAST001S1234", "-"},
      {"D189370400440532013000", "-"},
      {"DEA9370400440532013000", "-"},
      {"DE89 3704 0044 0532 0130 0*", "-"},
      {"ＤＥ89370400440532013000", "-"},
      {"DE89\t370400440532013000", "-"},
      {"", "-"},
  };
  for (auto [value, expected] : kCases) {
    Iban iban;
    bool parsed = ParseIban(value, &iban);
    EXPECT_EQ(parsed ? std::string(iban.view()) : "-", expected) << value;
  }
}

TEST(ParseDate, AcceptsYearFirstAndRealDaysOnly) {
  struct Case {
    const char* value;
    int year, month, day;
  };
  const Case kCases[] = {
      {"1980-05-06", 1980, 5, 6},
      {"19800506", 1980, 5, 6},
      {"1980/5/6", 1980, 5, 6},
      {" 1980.05.6  ", 1980, 5, 6},
      {"2000-02-29", 2000, 2, 29},
      {"2024-02-29", 2024, 2, 29},
      {"0000-01-01", 0, 1, 1},
      {"9999-12-31", 9999, 12, 31},
      {"05/06/1980", -1, 0, 0},
      {"1980-13-01", -1, 0, 0},
      {"1980-00-01", -1, 0, 0},
      {"1980-01-00", -1, 0, 0},
      {"1980-04-31", -1, 0, 0},
      {"1900-02-29", -1, 0, 0},
      {"2023-02-29", -1, 0, 0},
      {"1980-05/06", -1, 0, 0},
      {"1980-05-06T00:00", -1, 0, 0},
      {"80-05-06", -1, 0, 0},
      {"198005", -1, 0, 0},
      {"1980", -1, 0, 0},
      {"1980-", -1, 0, 0},
      {"1980-5", -1, 0, 0},
      {"1980-5-", -1, 0, 0},
      {"", -1, 0, 0},
      {" ", -1, 0, 0},
      {"1980-**-**", -1, 0, 0},
      {"1980-005-06", -1, 0, 0},
      {"1980 05 06", -1, 0, 0},
      {"١٩٨٠-05-06", -1, 0, 0},
  };
  for (const Case& c : kCases) {
    Date date;
    bool parsed = ParseDate(c.value, &date);
    ASSERT_EQ(parsed, c.year >= 0) << c.value;
    if (!parsed) continue;
    EXPECT_EQ(date.year, c.year) << c.value;
    EXPECT_EQ(date.month, c.month) << c.value;
    EXPECT_EQ(date.day, c.day) << c.value;
  }
}

TEST(ParseIp, AcceptsAddressesWithoutPrefixOrZone) {
  for (const char* value :
       {"203.0.113.7", " 203.0.113.7 ", "::", "::1", "2001:DB8::1", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"}) {
    IpAddress address;
    EXPECT_TRUE(ParseIp(value, &address)) << value;
    EXPECT_EQ(address.v6, std::string_view(value).find(':') != std::string_view::npos) << value;
  }
  for (std::string_view value :
       {std::string_view(""), std::string_view(" "), std::string_view("1.2.3"), std::string_view("1.2.3.256"),
        std::string_view("1.2.3.4/24"), std::string_view("fe80::1%eth0"), std::string_view("1:2:3:4:5:6:7"),
        std::string_view("1::2::3"), std::string_view("12345::"), std::string_view("203.0.113.*"),
        std::string_view("1.2.3.4\0", 8), std::string_view("1.2.3.4\n"),
        std::string_view("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555")}) {
    IpAddress address;
    EXPECT_FALSE(ParseIp(value, &address)) << value;
  }
}

TEST(IsValidUtf8, FollowsRfc3629) {
  for (std::string_view text :
       {std::string_view(""), std::string_view("a"), std::string_view("é"), std::string_view("€"),
        std::string_view("😀"), std::string_view("\0", 1), std::string_view("\xed\x9f\xbf"),
        std::string_view("\xee\x80\x80"), std::string_view("\xf4\x8f\xbf\xbf")}) {
    EXPECT_TRUE(IsValidUtf8(text));
  }
  for (const char* text : {"\x80", "\xbf", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf",
                           "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
                           "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe", "\xe2\x82", "\xf0\x9f\x98",
                           "\xe2\x82"
                           "a",
                           "abc\xc3"}) {
    EXPECT_FALSE(IsValidUtf8(text));
  }
}

TEST(NextCodePoint, ReadsEveryCodePoint) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text = test::Utf8(c);
    size_t offset = 0;
    ASSERT_EQ(NextCodePoint(text, &offset), static_cast<int32_t>(c));
    ASSERT_EQ(offset, text.size());
  }
}

// Of what ICU is not asked about, and of everything else.
TEST(CodePoints, AreWhatIcuSays) {
  for (int32_t c = -1; c <= 0x10FFFF; ++c) {
    ASSERT_EQ(IsWhiteSpace(c), c >= 0 && u_isUWhiteSpace(c)) << c;
    ASSERT_EQ(IsLetterOrDigit(c), c >= 0 && u_isalnum(c)) << c;
    bool digit = c >= 0 && u_charType(c) == U_DECIMAL_DIGIT_NUMBER;
    ASSERT_EQ(DigitValue(c), digit ? u_charDigitValue(c) : -1) << c;
    bool separator = c >= 0 && (u_isUWhiteSpace(c) || u_charType(c) == U_DASH_PUNCTUATION || c == 0x2212 ||
                                (c < 0x80 && c > 0 && std::strchr("./()_", c) != nullptr));
    ASSERT_EQ(IsSeparator(c), separator) << c;
  }
}

TEST(IsAscii, FindsEveryByteThatIsNot) {
  for (size_t size = 0; size <= 40; ++size) {
    std::vector<char> text(size, '\x7f');  // in a block of its own size, for a sanitizer
    ASSERT_TRUE(IsAscii({text.data(), size}));
    for (size_t at = 0; at < size; ++at) {
      text[at] = '\x80';
      ASSERT_FALSE(IsAscii({text.data(), size})) << size << ", " << at;
      text[at] = '\x7f';
    }
  }
}

TEST(TrimWhiteSpace, TrimsBothEndsAndNothingElse) {
  for (const char* space : {" ", "\t\n\v\f\r", "\u0085 ", " \u3000", "\u2028"}) {
    for (std::string text : {"", "a", "a b", "\x1c", "\u00e9\u3000e"}) {
      EXPECT_EQ(TrimWhiteSpace(space + text + space), text) << test::ToHex(AsBytes(space)) << ", " << text;
    }
  }
}

TEST(IsSeparator, IsNeverALetterOrDigit) {
  for (int32_t c = 0; c <= 0x10FFFF; ++c) {
    if (IsSeparator(c)) {
      ASSERT_FALSE(u_isalnum(c)) << c;
    }
  }
  for (int32_t c :
       std::initializer_list<int32_t>{' ', '\t', '-', '.', '/', '(', ')', '_', 0xA0, 0x2013, 0x3000})
    EXPECT_TRUE(IsSeparator(c)) << c;
  for (int32_t c : std::initializer_list<int32_t>{'*', '+', '@', '[', ']', ',', ':', 'a', '0', 0x301, 0x200B})
    EXPECT_FALSE(IsSeparator(c)) << c;
}

TEST(Shapes, SurviveEveryValue) {
  test::Specimens specimens(70);
  const Shape kShapes[] = {Shape::kSsn, Shape::kPan, Shape::kPhone, Shape::kIban, Shape::kDate, Shape::kIp};
  const MaskRule kRules[] = {MaskRule::kSsn,  MaskRule::kPan,  MaskRule::kPhone,
                             MaskRule::kIban, MaskRule::kDate, MaskRule::kIp};
  size_t accepted[6] = {};
  for (int i = 0; i < 300'000; ++i) {
    size_t kind = specimens.Below(6);
    std::string value = specimens.OneIn(3) ? specimens.RandomText(40) : specimens.Hostile(kRules[kind]);
    // In a block of its own size, so that a sanitizer sees a read past the end.
    std::vector<char> exact(value.begin(), value.end());
    std::string_view view(exact.data(), exact.size());
    for (size_t shape = 0; shape < 6; ++shape) {
      if (!HasShape(kShapes[shape], view)) continue;
      ++accepted[shape];
      ASSERT_TRUE(IsValidUtf8(view));
      ASSERT_EQ(value.find('*'), std::string::npos);
    }
    ASSERT_TRUE(HasShape(Shape::kAny, view));
  }
  for (size_t count : accepted) EXPECT_GT(count, 1000u);
}

// A sum over counts the other way: the parsers agree with what the value was made from.
TEST(Shapes, KeepTheDigitsInOrder) {
  test::Specimens specimens(71);
  for (int i = 0; i < 20'000; ++i) {
    std::string digits;
    std::string value;
    for (size_t left = 12 + specimens.Below(4); left > 0; --left) {
      size_t digit = specimens.Below(10);
      digits += static_cast<char>('0' + digit);
      value += specimens.OneIn(2) ? digits.substr(digits.size() - 1)
                                  : test::Utf8(0xFF10 + static_cast<char32_t>(digit));
      if (specimens.OneIn(4)) value += "-";
    }
    ASSERT_EQ(Parsed(ParsePan, value), digits);
    ASSERT_EQ(Parsed(ParsePhone, "+" + value), "+" + digits);
  }
}

}  // namespace
}  // namespace pii

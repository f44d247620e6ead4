#include "respelling.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <cstdio>
#include <utility>
#include <vector>

#include "shape.h"

namespace pii::test {
namespace {

std::string InForm(const icu::Normalizer2* form, std::string_view value) {
  UErrorCode error = U_ZERO_ERROR;
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  form->normalizeUTF8(0, {value.data(), static_cast<int32_t>(value.size())}, sink, nullptr, error);
  return out;
}

/// One text a code point; ill-formed bytes stay together with what ICU takes them for.
std::vector<std::string> CodePoints(std::string_view text) {
  std::vector<std::string> pieces;
  for (size_t offset = 0; offset < text.size();) {
    size_t start = offset;
    NextCodePoint(text, &offset);
    pieces.emplace_back(text.substr(start, offset - start));
  }
  return pieces;
}

int32_t CodePointOf(const std::string& piece) {
  size_t offset = 0;
  return NextCodePoint(piece, &offset);
}

bool IsMark(int32_t c) { return (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0; }

const char* const kSeparators[] = {" ", "-",      ".",      "/",      "(",      ")",      "_",
                                   "-", "\u00a0", "\u2013", "\u2212", "\u2010", "\ufe63", "\u3000"};
const char* const kSpaces[] = {" ",      "  ",     "\t",     "\n",     "\r\n",
                               "\u0085", "\u00a0", "\u2003", "\u2028", "\u3000"};
const char* const kIgnorables[] = {"\u00ad", "\u034f", "\u115f", "\u1160",     "\u200b",     "\u2060",
                                   "\u3164", "\ufe0f", "\uffa0", "\U000e0100", "\U000e0041", "\u180e"};

/// Pairs that fold together in some class, and ones that only seem to.
const char* const kTwins[][2] = {{"ß", "ss"},      {"ß", "ẞ"},
                                 {"ς", "σ"},       {"Σ", "ς"},
                                 {"ı", "i"},       {"İ", "i\u0307"},
                                 {"ı", "I"},       {"ſ", "s"},
                                 {"K", "\u212a"},  {"k", "\u212a"},
                                 {"fi", "ﬁ"},      {"å", "\u212b"},
                                 {"ﬅ", "st"},      {"ŉ", "ʼn"},
                                 {"ΐ", "\u1fd3"},  {"ᾳ", "αι"},
                                 {"ᾳ", "α\u0345"}, {"\u037a", " ι"},
                                 {"ⅷ", "viii"},    {"Ⅷ", "ⅷ"},
                                 {"ǆ", "ǅ"},       {"ﷺ", "صلى الله عليه وسلم"},
                                 {"½", "1⁄2"},     {"\u03f4", "θ"},
                                 {"µ", "μ"},       {"ϐ", "β"},
                                 {"\u1e9e", "SS"}, {"\uab70", "\u13a0"},
                                 {"ﾞ", "\u3099"},  {"ｶﾞ", "ガ"},
                                 {"①", "1"}};

std::string Joined(const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return text;
}

template <typename Change>
std::string EachCodePoint(std::string_view value, Change change) {
  std::vector<std::string> pieces = CodePoints(value);
  for (std::string& piece : pieces) piece = change(CodePointOf(piece), piece);
  return Joined(pieces);
}

std::string Insert(Specimens* specimens, std::string_view value, std::string_view what) {
  std::vector<std::string> pieces = CodePoints(value);
  pieces.insert(pieces.begin() + static_cast<ptrdiff_t>(specimens->Below(pieces.size() + 1)),
                std::string(what));
  return Joined(pieces);
}

std::string WithSeparators(Specimens* specimens, std::string_view value) {
  std::string text(value);
  for (size_t left = 1 + specimens->Below(3); left > 0; --left) {
    text = Insert(specimens, text, specimens->Pick(kSeparators));
  }
  return text;
}

std::string WithoutSeparators(Specimens* specimens, std::string_view value) {
  bool all = specimens->OneIn(2);
  return EachCodePoint(value, [&](int32_t c, const std::string& piece) {
    return IsSeparator(c) && (all || specimens->OneIn(2)) ? std::string() : piece;
  });
}

/// What stands between a letter and its mark, or between two jamos, keeps them from becoming one character.
std::string WithMarksSetApart(Specimens* specimens, std::string_view value) {
  bool first = true;
  return EachCodePoint(Nfd(value), [&](int32_t c, const std::string& piece) {
    bool jamo = (c >= 0x1160 && c <= 0x11ff);
    bool apart = (IsMark(c) || jamo) && !std::exchange(first, false) && specimens->OneIn(2);
    return (apart ? specimens->Pick(kSeparators) : "") + piece;
  });
}

std::string Wide(std::string_view value) {
  return EachCodePoint(value, [](int32_t c, const std::string& piece) {
    if (c == ' ') return std::string("\u3000");
    return c > ' ' && c < 0x7f ? Utf8(static_cast<char32_t>(c) - 0x20 + 0xff00) : piece;
  });
}

std::string InOtherDigits(Specimens* specimens, std::string_view value) {
  // ASCII, Arabic-Indic, Devanagari, fullwidth, mathematical monospace, Adlam.
  constexpr char32_t kZeros[] = {'0', 0x0660, 0x0966, 0xff10, 0x1d7f6, 0x1e950};
  char32_t zero = specimens->Pick(kZeros);
  return EachCodePoint(value, [&](int32_t c, const std::string& piece) {
    bool digit = c >= 0 && u_charType(c) == U_DECIMAL_DIGIT_NUMBER;
    return digit ? Utf8(zero + static_cast<char32_t>(u_charDigitValue(c))) : piece;
  });
}

std::string WithTwins(Specimens* specimens, std::string_view value) {
  std::string text(value);
  for (int tries = 0; tries < 40; ++tries) {
    const auto& twins = specimens->Pick(kTwins);
    bool forth = specimens->OneIn(2);
    std::string_view from = twins[forth ? 0 : 1];
    size_t at = text.find(from);
    if (at != std::string::npos) return text.replace(at, from.size(), twins[forth ? 1 : 0]);
  }
  return text;
}

std::string WithOtherSpaces(Specimens* specimens, std::string_view value) {
  std::string text = EachCodePoint(value, [&](int32_t c, const std::string& piece) {
    bool space = c >= 0 && u_isUWhiteSpace(c);
    return space && specimens->OneIn(2) ? std::string(specimens->Pick(kSpaces)) : piece;
  });
  if (specimens->OneIn(2)) text = specimens->Pick(kSpaces) + text;
  if (specimens->OneIn(2)) text += specimens->Pick(kSpaces);
  return text;
}

std::string DateRespelled(Specimens* specimens, const Date& date) {
  const char* const kForms[] = {"%04d-%02d-%02d", "%04d/%d/%d", "%04d.%02d.%d", "%04d%02d%02d",
                                " %04d-%d-%02d "};
  char text[64];
  std::snprintf(text, sizeof text, specimens->Pick(kForms), date.year, date.month, date.day);
  return text;
}

/// Any of the spellings of RFC 4291 §2.2.
std::string AddressRespelled(Specimens* specimens, const IpAddress& address) {
  const uint8_t* b = address.bytes.data();
  char text[64];
  if (!address.v6) {
    std::snprintf(text, sizeof text, "%d.%d.%d.%d", b[0], b[1], b[2], b[3]);
    return text;
  }
  bool mixed = specimens->OneIn(2);
  size_t groups = mixed ? 6 : 8;
  auto is_zero = [b](size_t i) { return b[2 * i] == 0 && b[2 * i + 1] == 0; };
  size_t run_start = specimens->Below(groups);
  size_t run_end = run_start;
  while (run_end < groups && is_zero(run_end)) ++run_end;
  std::string spelled;
  for (size_t i = 0; i < groups; ++i) {
    if (i == run_start && run_end > run_start) {
      spelled += i == 0 ? "::" : ":";
      i = run_end - 1;
      continue;
    }
    const char* const kForms[] = {"%x", "%04x", "%X", "%04X"};
    std::snprintf(text, sizeof text, specimens->Pick(kForms), LoadBigEndian16(b + 2 * i));
    spelled += text;
    if (i + 1 < groups || mixed) spelled += ":";
  }
  if (mixed) {
    std::snprintf(text, sizeof text, "%d.%d.%d.%d", b[12], b[13], b[14], b[15]);
    spelled += text;
  }
  return spelled;
}

std::string RespelledOnce(Specimens* specimens, std::string_view value) {
  Date date;
  IpAddress address;
  if (specimens->OneIn(2) && ParseDate(value, &date)) return DateRespelled(specimens, date);
  if (specimens->OneIn(2) && ParseIp(value, &address)) return AddressRespelled(specimens, address);
  switch (specimens->Below(17)) {
    case 0:
      return UpperCase(value);
    case 1:
      return LowerCase(value);
    case 2:
      return EachCodePoint(value, [&](int32_t, const std::string& piece) {
        return specimens->OneIn(2) ? UpperCase(piece) : piece;
      });
    case 3:
      return Nfc(value);
    case 4:
      return Nfd(value);
    case 5:
      return Nfkc(value);
    case 6:
      return Nfkd(value);
    case 7:
      return WithSeparators(specimens, value);
    case 8:
      return WithoutSeparators(specimens, value);
    case 9:
      return WithMarksSetApart(specimens, value);
    case 10:
      return Wide(value);
    case 11:
      return InOtherDigits(specimens, value);
    case 12:
      return Insert(specimens, value, specimens->Pick(kIgnorables));
    case 13:
    case 14:
      return WithOtherSpaces(specimens, value);
    default:
      return WithTwins(specimens, value);
  }
}

}  // namespace

std::string Nfc(std::string_view value) {
  UErrorCode error = U_ZERO_ERROR;
  return InForm(icu::Normalizer2::getNFCInstance(error), value);
}

std::string Nfd(std::string_view value) {
  UErrorCode error = U_ZERO_ERROR;
  return InForm(icu::Normalizer2::getNFDInstance(error), value);
}

std::string Nfkc(std::string_view value) {
  UErrorCode error = U_ZERO_ERROR;
  return InForm(icu::Normalizer2::getNFKCInstance(error), value);
}

std::string Nfkd(std::string_view value) {
  UErrorCode error = U_ZERO_ERROR;
  return InForm(icu::Normalizer2::getNFKDInstance(error), value);
}

std::string UpperCase(std::string_view value) {
  UErrorCode error = U_ZERO_ERROR;
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  icu::CaseMap::utf8ToUpper("", 0, {value.data(), static_cast<int32_t>(value.size())}, sink, nullptr, error);
  return out;
}

std::string LowerCase(std::string_view value) {
  UErrorCode error = U_ZERO_ERROR;
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  icu::CaseMap::utf8ToLower("", 0, {value.data(), static_cast<int32_t>(value.size())}, sink, nullptr, error);
  return out;
}

std::string Respelled(Specimens* specimens, std::string_view value) {
  std::string text(value);
  for (size_t left = 1 + specimens->Below(3); left > 0; --left) text = RespelledOnce(specimens, text);
  return text;
}

}  // namespace pii::test

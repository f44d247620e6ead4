#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "pii_class.h"

namespace pii {

/// Digits holds the digits of a phone, card or social security number, without separators.
struct Digits {
  static constexpr size_t kCapacity = 32;

  std::array<char, kCapacity> text;  ///< ASCII
  size_t size;
  bool plus;  ///< a + stood before the first digit

  std::string_view view() const { return {text.data(), size}; }
};

/// CountDigits writes the decimal digits of `value` to `out` as ASCII and returns how many there are, which
/// may be more than fit. Digits of every script count (Unicode Nd). Returns -1 when `value` holds anything
/// but digits and separators: white space, dashes, and . / ( ) _. With `plus`, one + before the first digit
/// is allowed and reported.
ptrdiff_t CountDigits(std::string_view value, std::span<char> out, bool* plus);

/// ParsePhone accepts 7 to 15 digits (ITU-T E.164: at most 15), with or without a leading +.
bool ParsePhone(std::string_view value, Digits* digits);
/// ParseSsn accepts exactly 9 digits (US Social Security Administration).
bool ParseSsn(std::string_view value, Digits* digits);
/// ParsePan accepts 12 to 19 digits (ISO/IEC 7812-1: at most 19). The Luhn digit is not checked: a mistyped
/// card number is still one to protect.
bool ParsePan(std::string_view value, Digits* digits);

/// Iban holds an account number of ISO 13616: two letters, two digits, 11 to 30 letters and digits; upper
/// case.
struct Iban {
  std::array<char, 34> text;
  size_t size;

  std::string_view view() const { return {text.data(), size}; }
};
/// ParseIban accepts any case, and spaces and hyphens between characters. The check digits are not verified.
bool ParseIban(std::string_view value, Iban* iban);

struct Date {
  int year, month, day;
};
/// ParseDate accepts year first only, because 05/06/1980 has two readings: YYYYMMDD, or YYYY, M and D with
/// one of
/// - / . between them, spaces around. The day must exist in the Gregorian calendar.
bool ParseDate(std::string_view value, Date* date);

struct IpAddress {
  std::array<uint8_t, 16> bytes;
  bool v6;
};
/// ParseIp accepts what inet_pton (RFC 4291 §2.2) accepts, spaces around; no prefix length and no zone.
bool ParseIp(std::string_view value, IpAddress* address);

/// HasShape tells whether `value` has the whole format `shape` names.
bool HasShape(Shape shape, std::string_view value);

/// HasDigitCount tells whether `count`, as CountDigits gave it, is that of a value of `shape`: of kSsn, kPan
/// and kPhone, that is all there is to the format. Of other shapes, whether there are digits.
bool HasDigitCount(Shape shape, ptrdiff_t count);

/// IsValidUtf8 follows RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF.
bool IsValidUtf8(std::string_view text);

/// IsAscii looks at eight bytes at a time, as far as there are as many.
inline bool IsAscii(std::string_view text) {
  uint64_t all = 0;
  for (; text.size() >= sizeof all; text.remove_prefix(sizeof all)) {
    uint64_t eight;
    std::memcpy(&eight, text.data(), sizeof eight);
    all |= eight;
  }
  for (char c : text) all |= static_cast<uint8_t>(c);
  return (all & 0x8080808080808080) == 0;
}

inline char ToAsciiLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Code points. ICU is not asked about ASCII, which most personal data is: the functions named Wide… are for
// the others alone.
int32_t NextWideCodePoint(std::string_view text, size_t* offset);
int WideDigitValue(int32_t code_point);
bool IsWideWhiteSpace(int32_t code_point);
bool IsWideLetterOrDigit(int32_t code_point);

/// NextCodePoint reads the code point at `*offset`, which lies within `text`, and advances. Ill-formed input
/// gives a negative number, which is none of what follows.
inline int32_t NextCodePoint(std::string_view text, size_t* offset) {
  auto first = static_cast<uint8_t>(text[*offset]);
  if (first >= 0x80) return NextWideCodePoint(text, offset);
  ++*offset;
  return first;
}

/// DigitValue returns the value of a decimal digit of any script (Unicode Nd), -1 for every other code point.
inline int DigitValue(int32_t c) {
  if (c >= 0x80) return WideDigitValue(c);
  return c >= '0' && c <= '9' ? c - '0' : -1;
}

/// IsWhiteSpace: Unicode White_Space.
inline bool IsWhiteSpace(int32_t c) {
  return c < 0x80 ? c == ' ' || (c >= '\t' && c <= '\r') : IsWideWhiteSpace(c);
}

/// IsLetterOrDigit: Unicode L and Nd, as u_isalnum.
inline bool IsLetterOrDigit(int32_t c) {
  return c < 0x80 ? (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                  : IsWideLetterOrDigit(c);
}

/// TrimWhiteSpace returns the text without white space (Unicode White_Space) at both ends.
std::string_view TrimWhiteSpace(std::string_view text);

/// IsSeparator: white space, dashes, and . / ( ) _, which people put between the digits and letters of a
/// number.
bool IsSeparator(int32_t code_point);

}  // namespace pii

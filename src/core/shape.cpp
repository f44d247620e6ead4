#include "shape.h"

#include <arpa/inet.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <chrono>

namespace pii {
namespace {

constexpr ptrdiff_t kMinPhoneDigits = 7;
constexpr ptrdiff_t kMaxPhoneDigits = 15;
constexpr ptrdiff_t kSsnDigits = 9;
constexpr ptrdiff_t kMinPanDigits = 12;
constexpr ptrdiff_t kMaxPanDigits = 19;
constexpr size_t kMinIbanSize = 15;

bool ParseDigits(Shape shape, std::string_view value, bool plus_allowed, Digits* digits) {
  digits->plus = false;
  ptrdiff_t count = CountDigits(value, digits->text, plus_allowed ? &digits->plus : nullptr);
  if (!HasDigitCount(shape, count)) return false;
  digits->size = static_cast<size_t>(count);
  return true;
}

bool IsAsciiDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view TrimSpaces(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// Reads `least` to `most` digits from the front of `text`.
bool TakeNumber(std::string_view* text, size_t least, size_t most, int* number) {
  size_t count = 0;
  *number = 0;
  while (count < most && count < text->size() && IsAsciiDigit((*text)[count])) {
    *number = *number * 10 + ((*text)[count] - '0');
    ++count;
  }
  text->remove_prefix(count);
  return count >= least;
}

}  // namespace

int32_t NextWideCodePoint(std::string_view text, size_t* offset) {
  // ICU counts in int32_t; one code point is at most four bytes, so look at no more.
  const auto* start = reinterpret_cast<const uint8_t*>(text.data()) + *offset;
  int32_t length = static_cast<int32_t>(std::min<size_t>(text.size() - *offset, 4));
  int32_t used = 0;
  UChar32 code_point;
  U8_NEXT(start, used, length, code_point);
  *offset += static_cast<size_t>(used);
  return code_point;
}

int WideDigitValue(int32_t code_point) {
  return u_charType(code_point) == U_DECIMAL_DIGIT_NUMBER ? u_charDigitValue(code_point) : -1;
}
bool IsWideWhiteSpace(int32_t code_point) { return u_isUWhiteSpace(code_point); }
bool IsWideLetterOrDigit(int32_t code_point) { return u_isalnum(code_point); }

bool IsValidUtf8(std::string_view text) {
  if (IsAscii(text)) return true;
  for (size_t offset = 0; offset < text.size();) {
    if (NextCodePoint(text, &offset) < 0) return false;
  }
  return true;
}

std::string_view TrimWhiteSpace(std::string_view text) {
  if (IsAscii(text)) {
    while (!text.empty() && IsWhiteSpace(text.front())) text.remove_prefix(1);
    while (!text.empty() && IsWhiteSpace(text.back())) text.remove_suffix(1);
    return text;
  }
  size_t first = text.size();
  size_t last = 0;
  for (size_t read = 0; read < text.size();) {
    size_t start = read;
    int32_t code_point = NextCodePoint(text, &read);
    if (IsWhiteSpace(code_point)) continue;
    first = std::min(first, start);
    last = read;
  }
  return last > first ? text.substr(first, last - first) : std::string_view();
}

bool IsSeparator(int32_t code_point) {
  switch (code_point) {
    case '.':
    case '/':
    case '(':
    case ')':
    case '_':
    case '-':
    case 0x2212:  // minus sign, which is no dash to Unicode
      return true;
    default:
      return IsWhiteSpace(code_point) || (code_point >= 0x80 && u_charType(code_point) == U_DASH_PUNCTUATION);
  }
}

ptrdiff_t CountDigits(std::string_view value, std::span<char> out, bool* plus) {
  size_t count = 0;
  size_t offset = 0;
  while (offset < value.size()) {
    int32_t code_point = NextCodePoint(value, &offset);
    if (code_point < 0) return -1;
    int digit = DigitValue(code_point);
    if (digit >= 0) {
      if (count < out.size()) out[count] = static_cast<char>('0' + digit);
      ++count;
    } else if ((code_point == '+' || code_point == 0xFF0B) && plus != nullptr && !*plus && count == 0) {
      *plus = true;
    } else if (!IsSeparator(code_point)) {
      return -1;
    }
  }
  return static_cast<ptrdiff_t>(count);
}

bool ParsePhone(std::string_view value, Digits* digits) {
  return ParseDigits(Shape::kPhone, value, true, digits);
}

bool ParseSsn(std::string_view value, Digits* digits) {
  return ParseDigits(Shape::kSsn, value, false, digits);
}

bool ParsePan(std::string_view value, Digits* digits) {
  return ParseDigits(Shape::kPan, value, false, digits);
}

bool ParseIban(std::string_view value, Iban* iban) {
  size_t size = 0;
  for (char c : value) {
    if (c == ' ' || c == '-') continue;
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    bool letter = c >= 'A' && c <= 'Z';
    bool fits = size < 2 ? letter : size < 4 ? IsAsciiDigit(c) : letter || IsAsciiDigit(c);
    if (!fits || size == iban->text.size()) return false;
    iban->text[size++] = c;
  }
  iban->size = size;
  return size >= kMinIbanSize;
}

bool ParseDate(std::string_view value, Date* date) {
  std::string_view text = TrimSpaces(value);
  if (!TakeNumber(&text, 4, 4, &date->year) || text.empty()) return false;
  char separator = text.front();
  if (separator == '-' || separator == '/' || separator == '.') {
    text.remove_prefix(1);
    if (!TakeNumber(&text, 1, 2, &date->month) || text.empty() || text.front() != separator) return false;
    text.remove_prefix(1);
    if (!TakeNumber(&text, 1, 2, &date->day)) return false;
  } else if (!TakeNumber(&text, 2, 2, &date->month) || !TakeNumber(&text, 2, 2, &date->day)) {
    return false;
  }
  using namespace std::chrono;
  year_month_day day{year{date->year}, month{static_cast<unsigned>(date->month)},
                     std::chrono::day{static_cast<unsigned>(date->day)}};
  return text.empty() && day.ok();
}

bool ParseIp(std::string_view value, IpAddress* address) {
  std::string_view text = TrimSpaces(value);
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return false;
  text.copy(copy, text.size());  // not memcpy, which must not be given the null of an empty view
  copy[text.size()] = '\0';
  address->bytes.fill(0);
  address->v6 = text.find(':') != std::string_view::npos;
  return inet_pton(address->v6 ? AF_INET6 : AF_INET, copy, address->bytes.data()) == 1;
}

bool HasDigitCount(Shape shape, ptrdiff_t count) {
  switch (shape) {
    case Shape::kSsn:
      return count == kSsnDigits;
    case Shape::kPan:
      return count >= kMinPanDigits && count <= kMaxPanDigits;
    case Shape::kPhone:
      return count >= kMinPhoneDigits && count <= kMaxPhoneDigits;
    default:
      return count > 0;
  }
}

bool HasShape(Shape shape, std::string_view value) {
  Digits digits;
  Iban iban;
  Date date;
  IpAddress address;
  switch (shape) {
    case Shape::kAny:
      return true;
    case Shape::kSsn:
      return ParseSsn(value, &digits);
    case Shape::kPan:
      return ParsePan(value, &digits);
    case Shape::kPhone:
      return ParsePhone(value, &digits);
    case Shape::kIban:
      return ParseIban(value, &iban);
    case Shape::kDate:
      return ParseDate(value, &date);
    case Shape::kIp:
      return ParseIp(value, &address);
  }
  return false;
}

}  // namespace pii

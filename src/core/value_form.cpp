#include "value_form.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>

#include "secret.h"
#include "shape.h"
#include "unicode_form.h"

namespace pii {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsAlphanumeric(char c) { return IsDigit(c) || IsLetter(c); }

/// True when `value` looks like `pattern`: 9 is any digit, A any letter, - a dash or space.
bool Looks(std::string_view value, std::string_view pattern) {
  auto fits = [](char c, char p) {
    switch (p) {
      case '9':
        return IsDigit(c);
      case 'A':
        return IsLetter(c);
      case '-':
        return c == '-' || c == ' ';
      default:
        return c == p;
    }
  };
  return value.size() == pattern.size() && std::equal(value.begin(), value.end(), pattern.begin(), fits);
}

/// The number that `count` digits from `start` on are.
int Number(std::string_view digits, size_t start, size_t count) {
  int number = 0;
  for (char c : digits.substr(start, count)) number = number * 10 + (c - '0');
  return number;
}

bool IsEmail(std::string_view value) {
  size_t at = value.find('@');
  if (at == std::string_view::npos || at == 0 || at > 64) return false;
  for (char c : value) {
    if (static_cast<uint8_t>(c) <= ' ' || std::string_view("<>()[]:;,\"\\").find(c) != std::string_view::npos)
      return false;
  }
  std::string_view host = value.substr(at + 1);
  size_t dot = host.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || host.find('/') != std::string_view::npos) return false;
  if (host.find('@') != std::string_view::npos || host.find("..") != std::string_view::npos) return false;
  std::string_view top = host.substr(dot + 1);
  return top.size() >= 2 && std::none_of(top.begin(), top.end(), IsDigit);
}

/// The remainder of all characters, the first four moved to the end, is 1.
bool HasIbanCheckDigits(std::string_view iban) {
  int remainder = 0;
  for (size_t i = 0; i < iban.size(); ++i) {
    char c = iban[(i + 4) % iban.size()];
    remainder = (IsDigit(c) ? remainder * 10 + (c - '0') : remainder * 100 + (c - 'A' + 10)) % 97;
  }
  return remainder == 1;
}

bool HasLuhnDigit(std::string_view digits) {
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    int digit = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1) digit = digit < 5 ? 2 * digit : 2 * digit - 9;
    sum += digit;
  }
  return sum % 10 == 0;
}

/// Issuer prefixes of four digits, and the lengths of their cards: the public ranges of the networks.
struct CardRange {
  int first, last;
  size_t least, most;
};
constexpr CardRange kCardRanges[] = {
    {2221, 2720, 16, 16},                        // Mastercard
    {3000, 3059, 14, 19},                        // Diners Club
    {3400, 3499, 15, 15},                        // American Express
    {3528, 3589, 16, 19},                        // JCB
    {3600, 3699, 14, 19}, {3700, 3799, 15, 15},  //
    {3800, 3999, 14, 19},                        //
    {4000, 4999, 16, 19},                        // Visa
    {5000, 5099, 16, 19},                        // Maestro
    {5100, 5599, 16, 16},                        // Mastercard
    {5600, 5899, 16, 19},                        // Maestro
    {6000, 6999, 16, 19},                        // Discover, UnionPay, Maestro, RuPay
};

/// Only digits in groups: a decimal point makes it an amount.
bool IsCard(std::string_view value) {
  for (char c : value) {
    if (!IsDigit(c) && c != ' ' && c != '-') return false;
  }
  Digits digits;
  if (!ParsePan(value, &digits) || !HasLuhnDigit(digits.view())) return false;
  int prefix = Number(digits.view(), 0, 4);
  return std::any_of(std::begin(kCardRanges), std::end(kCardRanges), [&](const CardRange& range) {
    return prefix >= range.first && prefix <= range.last && digits.size >= range.least &&
           digits.size <= range.most;
  });
}

/// Areas 000, 666 and 900 to 999, group 00 and serial 0000 are not issued (SSA, POMS RM 10201.030).
bool IsIssuedSsn(std::string_view value) {
  if (!Looks(value, "999-99-9999")) return false;
  int area = Number(value, 0, 3);
  return area != 0 && area != 666 && area < 900 && Number(value, 4, 2) != 0 && Number(value, 7, 4) != 0;
}

/// Area and exchange begin with 2 to 9 (NANPA).
bool IsGroupedPhone(std::string_view value) {
  if (value.starts_with("+1 ") || value.starts_with("+1-")) value.remove_prefix(3);
  if (value.starts_with("1-")) value.remove_prefix(2);
  bool grouped = Looks(value, "999-999-9999") || Looks(value, "(999) 999-9999") ||
                 Looks(value, "(999)999-9999") || Looks(value, "999.999.9999");
  if (!grouped) return false;
  std::array<char, 10> digits;
  std::copy_if(value.begin(), value.end(), digits.begin(), IsDigit);
  return digits[0] >= '2' && digits[3] >= '2';
}

bool IsDialledPhone(std::string_view value) {
  Digits digits;
  return ParsePhone(value, &digits) && digits.plus && digits.size >= 8 && digits.text[0] != '0';
}

/// Parts of a version number are small, and the first one smallest.
bool IsHostIp(const IpAddress& address) {
  if (address.v6) return true;
  uint8_t largest = *std::max_element(address.bytes.begin(), address.bytes.begin() + 4);
  return address.bytes[0] >= 5 && largest >= 64;
}

bool IsDay(int year, int month, int day) {
  using namespace std::chrono;
  year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                      std::chrono::day{static_cast<unsigned>(day)}};
  return year >= 1900 && year < 2100 && date.ok();
}

/// Day, month and year, or month, day and year, with one of / . - between them. A year of two digits is of
/// the last century or of this one.
bool IsDayFirstDate(std::string_view value) {
  int parts[3] = {};
  size_t sizes[3] = {};
  int part = 0;
  char separator = 0;
  for (char c : value) {
    if (IsDigit(c)) {
      if (++sizes[part] > 4) return false;
      parts[part] = parts[part] * 10 + (c - '0');
    } else {
      bool fits = (c == '/' || c == '.' || c == '-') && (separator == 0 || separator == c) && part < 2;
      if (!fits) return false;
      separator = c;
      ++part;
    }
  }
  auto is_short = [](size_t size) { return size == 1 || size == 2; };
  if (part != 2 || !is_short(sizes[0]) || !is_short(sizes[1])) return false;
  if (sizes[2] != 4 && (sizes[2] != 2 || separator == '-')) return false;
  int year = sizes[2] == 2 ? 1900 + parts[2] : parts[2];
  return IsDay(year, parts[1], parts[0]) || IsDay(year, parts[0], parts[1]);
}

bool IsDate(std::string_view value) {
  for (std::string_view midnight : {" 00:00:00", "T00:00:00"}) {
    if (value.size() > midnight.size() && value.ends_with(midnight)) value.remove_suffix(midnight.size());
  }
  Date date;
  if (ParseDate(value, &date)) return IsDay(date.year, date.month, date.day);
  return IsDayFirstDate(value);
}

bool IsUuid(std::string_view value) {
  if (value.size() != 36) return false;
  for (size_t i = 0; i < value.size(); ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? value[i] != '-' : !IsAlphanumeric(value[i])) return false;
  }
  return true;
}

/// Characters of one value, counted.
struct Content {
  int letters, digits, others;
  int words;
  bool is_code;       ///< nothing but ASCII letters, digits and separators
  bool starts_alpha;  ///< the first character is a letter
  bool has_odd;       ///< a character that is in no name and no address
};

Content CountContent(std::string_view value) {
  Content content{0, 0, 0, 0, true, false, false};
  bool in_word = false;
  for (size_t offset = 0; offset < value.size();) {
    size_t start = offset;
    int32_t c = NextCodePoint(value, &offset);
    bool letter = u_isalpha(c);
    content.letters += letter;
    content.digits += c < 0x80 && IsDigit(static_cast<char>(c));
    content.others += !letter && !u_isdigit(c) && !u_isUWhiteSpace(c);
    content.is_code = content.is_code && c < 0x80 && (IsAlphanumeric(static_cast<char>(c)) || IsSeparator(c));
    content.has_odd =
        content.has_odd || (c < 0x80 && std::string_view("@_{}[]<>=|\\%$*^~").find(static_cast<char>(c)) !=
                                            std::string_view::npos);
    if (start == 0) content.starts_alpha = letter;
    bool space = u_isUWhiteSpace(c);
    content.words += !space && !in_word;
    in_word = !space;
  }
  return content;
}

/// Words for street, alone or at the end of another word, that are hardly anything else.
constexpr std::string_view kStreetWords[] = {"street", "avenue", "road",   "lane",  "boulevard",
                                             "blvd",   "rue",    "chemin", "calle", "avenida",
                                             "piazza", "rua",    "ave",    "rd"};
constexpr std::string_view kStreetEndings[] = {"strasse", "str",   "str.",  "weg",
                                               "platz",   "allee", "gasse", "straat"};

bool IsStreetWord(std::string_view word) {
  while (!word.empty() && (word.back() == ',' || (word.back() == '.' && word != "str.")))
    word.remove_suffix(1);
  bool whole = std::find(std::begin(kStreetWords), std::end(kStreetWords), word) != std::end(kStreetWords);
  return whole ||
         std::any_of(std::begin(kStreetEndings), std::end(kStreetEndings), [&](std::string_view ending) {
           return word.ends_with(ending) && (word.size() > ending.size() + 2 || ending == "strasse");
         });
}

/// A number of at most five digits, and a word for street.
bool IsStreet(std::string_view value) {
  constexpr size_t kBiggestNumber = 5;
  char folded[kMaxFormSize * 4];
  size_t size = 0;
  if (ToNfkcCasefold(value, folded, &size) != Status::kOk) return false;
  bool has_number = false;
  bool has_street = false;
  int words = 0;
  for (std::string_view text(folded, size); !text.empty();) {
    size_t end = std::min(text.find(' '), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    ++words;
    has_number = has_number || (IsDigit(word[0]) && word.size() <= kBiggestNumber);
    has_street = has_street || IsStreetWord(word);
  }
  Wipe({reinterpret_cast<uint8_t*>(folded), sizeof folded});
  return words >= 2 && has_number && has_street;
}

/// Royal Mail PAF: A9 9AA, A99 9AA, AA9 9AA, AA99 9AA, A9A 9AA, AA9A 9AA. Canada Post: A9A 9A9.
bool IsDistinctPostcode(std::string_view value) {
  for (std::string_view pattern :
       {"A9 9AA", "A99 9AA", "AA9 9AA", "AA99 9AA", "A9A 9AA", "AA9A 9AA", "A9A 9A9"}) {
    if (Looks(value, pattern)) return true;
  }
  return false;
}

FormSet NumberForms(std::string_view value) {
  FormSet forms = 0;
  Digits digits;
  IpAddress address;
  Iban iban;
  auto add = [&](ValueForm form, bool has) { forms |= has ? Bit(form) : 0; };
  add(ValueForm::kIban, ParseIban(value, &iban) && HasIbanCheckDigits(iban.view()));
  add(ValueForm::kCard, IsCard(value));
  add(ValueForm::kSsn, ParseSsn(value, &digits));
  add(ValueForm::kIssuedSsn, IsIssuedSsn(value));
  add(ValueForm::kDate, IsDate(value));
  bool is_written_date =
      (forms & Bit(ValueForm::kDate)) != 0 && value.find_first_of("-/.") != std::string_view::npos;
  add(ValueForm::kPhone, ParsePhone(value, &digits) && !is_written_date);
  add(ValueForm::kDialledPhone, IsDialledPhone(value));
  add(ValueForm::kGroupedPhone, IsGroupedPhone(value));
  bool is_ip = ParseIp(value, &address);
  add(ValueForm::kIp, is_ip);
  add(ValueForm::kHostIp, is_ip && IsHostIp(address));
  return forms;
}

FormSet WordForms(std::string_view value, FormSet number_forms) {
  FormSet forms = 0;
  auto add = [&](ValueForm form, bool has) { forms |= has ? Bit(form) : 0; };
  Content content = CountContent(value);
  int size = content.letters + content.digits;
  bool is_date = (number_forms & Bit(ValueForm::kDate)) != 0;
  bool is_link = value.find("://") != std::string_view::npos;
  bool is_token = content.words == 1 && size > 30;  // a hash, a wallet
  add(ValueForm::kDocument, content.is_code && !is_date && size >= 6 && size <= 20 && content.digits >= 4);
  add(ValueForm::kLongNumber,
      content.is_code && !is_date && size >= 8 && size <= 34 && content.digits >= 8 && !IsUuid(value));
  add(ValueForm::kPostcode, content.is_code && !is_date && size >= 3 && size <= 10 && content.digits >= 2);
  add(ValueForm::kDistinctPostcode, IsDistinctPostcode(value));
  bool is_host = content.words == 1 && value.find_first_of(".:/") != std::string_view::npos;
  bool is_plain = !content.has_odd && !is_link && !is_token && !IsUuid(value);
  add(ValueForm::kPersonName, is_plain && content.starts_alpha && content.words <= 6 &&
                                  content.letters >= content.digits + content.others);
  add(ValueForm::kAddress, is_plain && !is_host && content.letters >= 4 && content.letters >= content.digits);
  add(ValueForm::kStreet, is_plain && IsStreet(value));
  return forms;
}

}  // namespace

FormSet FormsOf(std::string_view value) {
  if (value.size() > kMaxFormSize || !IsValidUtf8(value)) return 0;
  value = TrimWhiteSpace(value);
  if (value.empty()) return 0;
  FormSet forms = IsEmail(value) ? Bit(ValueForm::kEmail) : 0;
  forms |= NumberForms(value);
  return forms | WordForms(value, forms);
}

}  // namespace pii

#include "mask.h"

#include <unicode/uchar.h>

#include <cstdio>
#include <cstring>

#include "bytes.h"
#include "shape.h"

namespace pii {
namespace {

constexpr std::string_view kHidden = "****";
constexpr std::string_view kStars = "***";

// E.164 allows shorter numbers than this, but four digits of seven would be enough to guess the rest.
constexpr size_t kMinMaskedPhoneDigits = 10;
constexpr size_t kAccountShown = 4;

class Writer {
 public:
  explicit Writer(std::span<char> out) : out_(out) {}

  Writer& Put(std::string_view text) {
    if (!text.empty()) std::memcpy(out_.data() + size_, text.data(), text.size());
    size_ += text.size();
    return *this;
  }
  size_t size() const { return size_; }

 private:
  std::span<char> out_;
  size_t size_ = 0;
};

size_t Write(std::span<char> out, std::string_view a, std::string_view b = {}, std::string_view c = {},
             std::string_view d = {}, std::string_view e = {}) {
  return Writer(out).Put(a).Put(b).Put(c).Put(d).Put(e).size();
}

/// Does a guesser have to find it? White space, asterisks, invisible characters and accents do not count.
bool IsGuessWork(int32_t c) {
  if (c < 0x80) return !IsWhiteSpace(c) && c != '*';
  return !IsWhiteSpace(c) && !u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) &&
         (U_GET_GC_MASK(c) & U_GC_M_MASK) == 0;
}

size_t CountHidden(std::string_view text) {
  size_t count = 0;
  for (size_t offset = 0; offset < text.size();) {
    int32_t c = NextCodePoint(text, &offset);
    if (IsGuessWork(c)) ++count;
  }
  return count;
}

bool EnoughHidden(size_t shown, size_t hidden) { return hidden >= 2 * shown; }

std::string_view FirstCharacter(std::string_view text) {
  size_t offset = 0;
  if (!text.empty()) NextCodePoint(text, &offset);
  return text.substr(0, offset);
}

std::string_view LastCharacters(std::string_view text, size_t count) {
  size_t start = text.size();
  while (count > 0 && start > 0) {
    do --start;
    while (start > 0 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80);
    --count;
  }
  return text.substr(start);
}

std::string_view FirstCharacters(std::string_view text, size_t count) {
  size_t offset = 0;
  while (count-- > 0 && offset < text.size()) NextCodePoint(text, &offset);
  return text.substr(0, offset);
}

/// The next run of non-space characters at or after `*offset`; empty at the end of the text.
std::string_view NextWord(std::string_view text, size_t* offset) {
  size_t start = *offset;
  size_t at = start;
  bool in_word = false;
  while (at < text.size()) {
    size_t next = at;
    bool space = IsWhiteSpace(NextCodePoint(text, &next));
    if (space && in_word) break;
    if (!space && !in_word) {
      start = at;
      in_word = true;
    }
    at = next;
  }
  *offset = at;
  return in_word ? text.substr(start, at - start) : std::string_view();
}

bool AllAsciiDigits(std::string_view text) {
  for (char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

/// Is `value` `prefix` and then exactly four digits?
bool IsLastFourMask(std::string_view value, std::string_view prefix) {
  return value.size() == prefix.size() + 4 && value.starts_with(prefix) &&
         AllAsciiDigits(value.substr(prefix.size()));
}

size_t MaskLastFour(std::string_view value, std::string_view prefix, std::string_view digits,
                    bool whole_format, std::span<char> out) {
  if (IsLastFourMask(value, prefix)) return Write(out, value);
  if (!whole_format) return Write(out, kHidden);
  return Write(out, prefix, digits.substr(digits.size() - 4));
}

// `J*** D***`: already in this form when every word is one character and three asterisks, one space between
// words.
bool IsNameMask(std::string_view value) {
  size_t offset = 0;
  size_t expected = 0;
  for (;;) {
    std::string_view word = NextWord(value, &offset);
    if (word.empty()) return false;
    std::string_view first = FirstCharacter(word);
    if (word.data() != value.data() + expected || word.substr(first.size()) != kStars) return false;
    if (offset == value.size()) return true;
    if (value[offset] != ' ') return false;
    expected = offset + 1;
  }
}

size_t MaskName(std::string_view value, std::span<char> out) {
  if (IsNameMask(value)) return Write(out, value);
  size_t shown = 0;
  size_t hidden = 0;
  size_t offset = 0;
  for (;;) {
    std::string_view word = NextWord(value, &offset);
    if (word.empty()) break;
    ++shown;
    hidden += CountHidden(word.substr(FirstCharacter(word).size()));
  }
  if (shown == 0 || !EnoughHidden(shown, hidden)) return Write(out, kHidden);
  Writer writer(out);
  offset = 0;
  for (;;) {
    std::string_view word = NextWord(value, &offset);
    if (word.empty()) break;
    if (writer.size() > 0) writer.Put(" ");
    writer.Put(FirstCharacter(word)).Put(kStars);
  }
  // Short words make a mask longer than they are. One that is too long for a value would pass for data.
  return writer.size() <= kMaxMaskedSize ? writer.size() : Write(out, kHidden);
}

bool AllLetters(std::string_view text) {
  for (size_t offset = 0; offset < text.size();) {
    if (!u_isalpha(NextCodePoint(text, &offset))) return false;
  }
  return true;
}

// `j***@e***.com`. The last label is shown, so it counts as shown.
size_t MaskEmail(std::string_view value, std::span<char> out) {
  for (size_t offset = 0; offset < value.size();) {
    if (IsWhiteSpace(NextCodePoint(value, &offset))) return Write(out, kHidden);
  }
  size_t at = value.rfind('@');
  size_t dot = value.rfind('.');
  if (at == std::string_view::npos || dot == std::string_view::npos || dot < at) return Write(out, kHidden);
  std::string_view local = value.substr(0, at);
  std::string_view host = value.substr(at + 1, dot - at - 1);
  std::string_view top = value.substr(dot + 1);
  if (local.empty() || host.empty() || top.size() < 2 || !AllLetters(top)) return Write(out, kHidden);

  std::string_view local_first = FirstCharacter(local);
  std::string_view host_first = FirstCharacter(host);
  std::string_view local_rest = local.substr(local_first.size());
  std::string_view host_rest = host.substr(host_first.size());
  if (local_rest == kStars && host_rest == kStars) return Write(out, value);
  if (!EnoughHidden(2 + CountHidden(top), CountHidden(local_rest) + CountHidden(host_rest))) {
    return Write(out, kHidden);
  }
  Writer writer(out);
  writer.Put(local_first).Put(kStars).Put("@").Put(host_first).Put(kStars).Put(".").Put(top);
  return writer.size();
}

// `DE** **** 3000`
size_t MaskIban(std::string_view value, std::span<char> out) {
  auto upper_or_digit = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  if (value.size() == 14 && value.substr(2, 8) == "** **** ") {
    bool is_mask = value[0] >= 'A' && value[0] <= 'Z' && value[1] >= 'A' && value[1] <= 'Z';
    for (char c : value.substr(10)) is_mask = is_mask && upper_or_digit(c);
    if (is_mask) return Write(out, value);
  }
  Iban iban;
  if (!ParseIban(value, &iban)) return Write(out, kHidden);
  return Write(out, iban.view().substr(0, 2), "** **** ", iban.view().substr(iban.size - 4));
}

// `****6789`: the last four letters or digits, separators aside.
size_t MaskAccount(std::string_view value, std::span<char> out) {
  auto count_alphanumeric = [](std::string_view text) -> ptrdiff_t {
    ptrdiff_t count = 0;
    for (size_t offset = 0; offset < text.size();) {
      int32_t c = NextCodePoint(text, &offset);
      if (IsLetterOrDigit(c)) {
        ++count;
      } else if (!IsSeparator(c)) {
        return -1;
      }
    }
    return count;
  };
  if (value.starts_with(kHidden)) {
    std::string_view rest = value.substr(kHidden.size());
    bool only_alphanumeric = count_alphanumeric(rest) == static_cast<ptrdiff_t>(kAccountShown) &&
                             LastCharacters(rest, kAccountShown).size() == rest.size();
    return Write(out, only_alphanumeric ? value : kHidden);
  }
  ptrdiff_t count = count_alphanumeric(value);
  if (count < 3 * static_cast<ptrdiff_t>(kAccountShown)) return Write(out, kHidden);
  Writer writer(out);
  writer.Put(kHidden);
  size_t skip = static_cast<size_t>(count) - kAccountShown;
  for (size_t offset = 0; offset < value.size();) {
    size_t start = offset;
    if (!IsLetterOrDigit(NextCodePoint(value, &offset))) continue;
    if (skip > 0) {
      --skip;
    } else {
      writer.Put(value.substr(start, offset - start));
    }
  }
  return writer.size();
}

// `1980-**-**`
size_t MaskDate(std::string_view value, std::span<char> out) {
  constexpr std::string_view kMonthAndDay = "-**-**";
  if (value.size() == 10 && value.substr(4) == kMonthAndDay && AllAsciiDigits(value.substr(0, 4))) {
    return Write(out, value);
  }
  Date date;
  if (!ParseDate(value, &date)) return Write(out, kHidden);
  char year[8];
  std::snprintf(year, sizeof year, "%04d", date.year % 10000);
  return Write(out, std::string_view(year, 4), kMonthAndDay);
}

// `203.0.113.*`, `2001:db8:1:*`: the network a provider hands out (/24 and /48), never the host.
size_t FormatIpMask(const IpAddress& address, std::span<char> out) {
  char text[32];
  const uint8_t* b = address.bytes.data();
  int size = address.v6 ? std::snprintf(text, sizeof text, "%x:%x:%x:*", LoadBigEndian16(b),
                                        LoadBigEndian16(b + 2), LoadBigEndian16(b + 4))
                        : std::snprintf(text, sizeof text, "%d.%d.%d.*", b[0], b[1], b[2]);
  return Write(out, std::string_view(text, static_cast<size_t>(size)));
}

size_t MaskIp(std::string_view value, std::span<char> out) {
  IpAddress address;
  if (value.ends_with('*') && value.size() < 24) {
    // Is it a mask? Put a host in place of the asterisk and see whether masking gives the same text again.
    char host[32];
    bool v6 = value.find(':') != std::string_view::npos;
    std::string_view network = value.substr(0, value.size() - 1);
    size_t size = Write(host, network, v6 ? ":" : "0");
    if (ParseIp(std::string_view(host, size), &address)) {
      size_t masked = FormatIpMask(address, out);
      if (std::string_view(out.data(), masked) == value) return masked;
    }
    return Write(out, kHidden);
  }
  if (!ParseIp(value, &address)) return Write(out, kHidden);
  return FormatIpMask(address, out);
}

size_t MaskKeep(const PiiClass& pii_class, std::string_view value, std::span<char> out) {
  std::string_view first = FirstCharacters(value, pii_class.keep_first);
  std::string_view rest = value.substr(first.size());
  std::string_view last = LastCharacters(rest, pii_class.keep_last);
  std::string_view hidden = rest.substr(0, rest.size() - last.size());
  if (hidden == kHidden) return Write(out, value);
  size_t shown = static_cast<size_t>(pii_class.keep_first) + pii_class.keep_last;
  if (shown == 0 || !EnoughHidden(shown, CountHidden(hidden))) return Write(out, kHidden);
  return Write(out, first, kHidden, last);
}

}  // namespace

size_t Mask(const PiiClass& pii_class, std::string_view value, std::span<char> out) {
  if (value.size() > kMaxMaskedSize || !IsValidUtf8(value)) return Write(out, kHidden);
  Digits digits{};
  switch (pii_class.mask) {
    case MaskRule::kHidden:
      break;
    case MaskRule::kName:
      return MaskName(value, out);
    case MaskRule::kEmail:
      return MaskEmail(value, out);
    case MaskRule::kPhone: {
      bool whole = ParsePhone(value, &digits) && digits.size >= kMinMaskedPhoneDigits;
      return MaskLastFour(value, "***-***-", digits.view(), whole, out);
    }
    case MaskRule::kSsn: {
      bool whole = ParseSsn(value, &digits);
      return MaskLastFour(value, "***-**-", digits.view(), whole, out);
    }
    case MaskRule::kPan: {
      bool whole = ParsePan(value, &digits);
      return MaskLastFour(value, "**** **** **** ", digits.view(), whole, out);
    }
    case MaskRule::kIban:
      return MaskIban(value, out);
    case MaskRule::kAccount:
      return MaskAccount(value, out);
    case MaskRule::kDate:
      return MaskDate(value, out);
    case MaskRule::kIp:
      return MaskIp(value, out);
    case MaskRule::kKeep:
      return MaskKeep(pii_class, value, out);
  }
  return Write(out, kHidden);
}

const char* MaskExample(MaskRule rule) {
  switch (rule) {
    case MaskRule::kHidden:
      return "****";
    case MaskRule::kName:
      return "J*** D***";
    case MaskRule::kEmail:
      return "j***@e***.com";
    case MaskRule::kPhone:
      return "***-***-0123";
    case MaskRule::kSsn:
      return "***-**-6789";
    case MaskRule::kPan:
      return "**** **** **** 1111";
    case MaskRule::kIban:
      return "DE** **** 3000";
    case MaskRule::kAccount:
      return "****6789";
    case MaskRule::kDate:
      return "1980-**-**";
    case MaskRule::kIp:
      return "203.0.113.*";
    case MaskRule::kKeep:
      break;
  }
  return nullptr;
}

size_t Redact(const PiiClass& pii_class, std::span<char> out) {
  return Write(out, "[", pii_class.name(), "]");
}

bool MayBeMask(std::string_view value) {
  // Every mask holds an asterisk, the redacted form stands in brackets.
  return value.find('*') != std::string_view::npos || value.starts_with('[');
}

bool IsMask(const PiiClass& pii_class, std::string_view value, std::span<char> scratch) {
  std::string_view redacted(scratch.data(), Redact(pii_class, scratch));
  if (value == redacted) return true;
  return value == std::string_view(scratch.data(), Mask(pii_class, value, scratch));
}

}  // namespace pii

#include "normalize.h"

#include <charconv>
#include <cstring>

#include "secret.h"
#include "shape.h"
#include "unicode_form.h"

namespace pii {
namespace {

/// Makes every run of white space one space, in place, and returns the new size. The result is never longer.
size_t CollapseSpaces(std::span<char> text) {
  std::string_view source(text.data(), text.size());
  size_t read = 0;
  size_t written = 0;
  bool in_space = false;
  while (read < source.size()) {
    size_t start = read;
    int32_t code_point = NextCodePoint(source, &read);
    bool space = IsWhiteSpace(code_point);
    if (!space) {
      while (start < read) text[written++] = text[start++];
    } else if (!in_space) {
      text[written++] = ' ';
    }
    in_space = space;
  }
  return written;
}

/// Removes white space at both ends, in place, and returns the new size.
size_t TrimSpaces(std::span<char> text) {
  std::string_view trimmed = TrimWhiteSpace({text.data(), text.size()});
  if (!trimmed.empty()) std::memmove(text.data(), trimmed.data(), trimmed.size());
  return trimmed.size();
}

enum class Spaces { kCollapse, kTrim, kCollapseAndTrim };

Status ToFolded(std::string_view value, Spaces spaces, std::span<char> out, size_t* size) {
  Status status = ToNfkcCasefold(value, out, size);
  if (status != Status::kOk) return status;
  if (spaces != Spaces::kTrim) *size = CollapseSpaces(out.first(*size));
  if (spaces != Spaces::kCollapse) *size = TrimSpaces(out.first(*size));
  return Status::kOk;
}

/// Counts the letters and digits of `value`. -1 when it holds anything but those and separators.
ptrdiff_t CountAlphanumeric(std::string_view value) {
  ptrdiff_t count = 0;
  for (size_t offset = 0; offset < value.size();) {
    int32_t code_point = NextCodePoint(value, &offset);
    if (IsLetterOrDigit(code_point)) {
      ++count;
    } else if (!IsSeparator(code_point)) {
      return -1;
    }
  }
  return count;
}

/// Removes separators, in place, and returns the new size.
size_t RemoveSeparators(std::span<char> text) {
  std::string_view source(text.data(), text.size());
  size_t written = 0;
  for (size_t read = 0; read < source.size();) {
    size_t start = read;
    if (IsSeparator(NextCodePoint(source, &read))) continue;
    while (start < read) text[written++] = text[start++];
  }
  return written;
}

/// Letters and digits, upper case: NFKC, separators removed, upper case, NFC again (upper case may leave it).
Status ToAlphanumeric(std::string_view value, std::span<char> out, size_t* size) {
  if (IsAscii(value)) {
    if (CountAlphanumeric(value) <= 0) return ToNfc(value, out, size);
    Status status = CopyText(value, out, size);
    if (status != Status::kOk) return status;
    for (char& c : out.first(*size)) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    *size = RemoveSeparators(out.first(*size));
    return Status::kOk;
  }
  SecretString compatible(NormalizedBound(value.size()), '\0');
  size_t compatible_size = 0;
  Status status = ToNfkc(value, compatible, &compatible_size);
  if (status != Status::kOk) return status;
  compatible.resize(compatible_size);
  if (CountAlphanumeric(compatible) <= 0) return ToNfc(value, out, size);
  compatible.resize(RemoveSeparators(compatible));

  SecretString upper(NormalizedBound(compatible.size()), '\0');
  size_t upper_size = 0;
  status = ToUpper(compatible, upper, &upper_size);
  if (status != Status::kOk) return status;
  upper.resize(upper_size);
  return ToNfc(upper, out, size);
}

/// Digits, with a + in front where the normaliser keeps one.
Status ToDigits(Shape shape, std::string_view value, bool keep_plus, std::span<char> out, size_t* size) {
  bool plus = false;
  ptrdiff_t count = CountDigits(value, out, keep_plus ? &plus : nullptr);
  if (!HasDigitCount(shape, count)) return ToNfc(value, out, size);
  Status status = Fits(static_cast<size_t>(count) + (plus ? 1 : 0), out, size);
  if (status == Status::kOk && plus) {
    std::memmove(out.data() + 1, out.data(), static_cast<size_t>(count));
    out[0] = '+';
  }
  return status;
}

/// Writes `number` as `count` digits.
void PutDigits(int number, size_t count, char* text) {
  for (; count > 0; number /= 10) text[--count] = static_cast<char>('0' + number % 10);
}

Status ToIsoDate(std::string_view value, std::span<char> out, size_t* size) {
  Date date;
  if (!ParseDate(value, &date)) return ToNfc(value, out, size);
  Status status = CopyText("YYYY-MM-DD", out, size);
  if (status != Status::kOk) return status;
  PutDigits(date.year, 4, out.data());
  PutDigits(date.month, 2, out.data() + 5);
  PutDigits(date.day, 2, out.data() + 8);
  return Status::kOk;
}

/// RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`.
/// IPv4-mapped addresses (RFC 4291 §2.5.5.2) in mixed notation; no others, so that the text does not depend
/// on a C library.
size_t FormatIp(const IpAddress& address, char (&text)[64]) {
  const uint8_t* b = address.bytes.data();
  size_t size = 0;
  auto put = [&](std::string_view more) { size += more.copy(text + size, sizeof text - size); };
  auto put_number = [&](int number, int base) {
    size = static_cast<size_t>(std::to_chars(text + size, text + sizeof text, number, base).ptr - text);
  };
  auto put_quad = [&](const uint8_t* quad) {
    for (int i = 0; i < 4; ++i) {
      if (i > 0) put(".");
      put_number(quad[i], 10);
    }
    return size;
  };
  if (!address.v6) return put_quad(b);
  if (std::memcmp(b, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0) {
    put("::ffff:");
    return put_quad(b + 12);
  }
  uint16_t groups[8];
  for (int i = 0; i < 8; ++i) groups[i] = LoadBigEndian16(b + 2 * i);
  int run_start = -1;
  int run_size = 1;
  for (int i = 0; i < 8; ++i) {
    int end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > run_size) {
      run_start = i;
      run_size = end - i;
    }
    if (end > i) i = end;
  }
  for (int i = 0; i < 8; ++i) {
    if (i == run_start) {
      put(run_start + run_size == 8 ? "::" : ":");
      i += run_size - 1;
      continue;
    }
    if (i > 0) put(":");
    put_number(groups[i], 16);
  }
  return size;
}

Status ToCanonicalIp(std::string_view value, std::span<char> out, size_t* size) {
  IpAddress address;
  if (!ParseIp(value, &address)) return ToNfc(value, out, size);
  char text[64];
  Status status = CopyText(std::string_view(text, FormatIp(address, text)), out, size);
  Wipe({reinterpret_cast<uint8_t*>(text), sizeof text});
  return status;
}

}  // namespace

Status Normalize(const PiiClass& pii_class, std::string_view value, std::span<char> out, size_t* size) {
  *size = 0;
  if (pii_class.normalizer == Normalizer::kNone) return Status::kNotSearchable;
  if (!IsValidUtf8(value)) return Status::kInvalidUtf8;
  // Numbers, dates and IP addresses have the shape of their class where the normaliser understands them;
  // other normalisers understand everything.
  switch (pii_class.normalizer) {
    case Normalizer::kNone:
      break;
    case Normalizer::kNfc:
      return ToNfc(value, out, size);
    case Normalizer::kName:
      return ToFolded(value, Spaces::kCollapseAndTrim, out, size);
    case Normalizer::kEmail:
      return ToFolded(value, Spaces::kTrim, out, size);
    case Normalizer::kAddress:
      return ToFolded(value, Spaces::kCollapse, out, size);
    case Normalizer::kPlusDigits:
      return ToDigits(pii_class.shape, value, true, out, size);
    case Normalizer::kDigits:
      return ToDigits(pii_class.shape, value, false, out, size);
    case Normalizer::kAlphanumeric:
      if (!HasShape(pii_class.shape, value)) return ToNfc(value, out, size);
      return ToAlphanumeric(value, out, size);
    case Normalizer::kIsoDate:
      return ToIsoDate(value, out, size);
    case Normalizer::kIpAddress:
      return ToCanonicalIp(value, out, size);
  }
  return Status::kUnexpected;
}

}  // namespace pii

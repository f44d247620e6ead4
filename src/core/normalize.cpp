#include "normalize.h"

#include <unicode/uchar.h>

#include <cstdio>
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
    bool space = code_point >= 0 && u_isUWhiteSpace(code_point);
    if (!space) {
      std::memmove(text.data() + written, text.data() + start, read - start);
      written += read - start;
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
    if (u_isalnum(code_point)) {
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
    std::memmove(text.data() + written, text.data() + start, read - start);
    written += read - start;
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
Status ToDigits(std::string_view value, bool keep_plus, std::span<char> out, size_t* size) {
  bool plus = false;
  ptrdiff_t count = CountDigits(value, {}, keep_plus ? &plus : nullptr);
  if (count <= 0) return ToNfc(value, out, size);
  size_t sign = plus ? 1 : 0;
  Status status = Fits(static_cast<size_t>(count) + sign, out, size);
  if (status != Status::kOk) return status;
  if (plus) out[0] = '+';
  plus = false;
  (void)CountDigits(value, out.subspan(sign), keep_plus ? &plus : nullptr);
  return Status::kOk;
}

Status ToIsoDate(std::string_view value, std::span<char> out, size_t* size) {
  Date date;
  if (!ParseDate(value, &date)) return ToNfc(value, out, size);
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d", date.year, date.month, date.day);
  return CopyText(std::string_view(text, 10), out, size);
}

/// RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`.
/// IPv4-mapped addresses (RFC 4291 §2.5.5.2) in mixed notation; no others, so that the text does not depend
/// on a C library.
size_t FormatIp(const IpAddress& address, char (&text)[64]) {
  const uint8_t* b = address.bytes.data();
  if (!address.v6) {
    return static_cast<size_t>(std::snprintf(text, sizeof text, "%d.%d.%d.%d", b[0], b[1], b[2], b[3]));
  }
  uint16_t groups[8];
  for (int i = 0; i < 8; ++i) groups[i] = LoadBigEndian16(b + 2 * i);
  if (std::memcmp(b, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0) {
    return static_cast<size_t>(
        std::snprintf(text, sizeof text, "::ffff:%d.%d.%d.%d", b[12], b[13], b[14], b[15]));
  }
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
  size_t size = 0;
  for (int i = 0; i < 8; ++i) {
    if (i == run_start) {
      text[size++] = ':';
      if (run_start + run_size == 8) text[size++] = ':';
      i += run_size - 1;
      continue;
    }
    size += static_cast<size_t>(
        std::snprintf(text + size, sizeof text - size, "%s%x", i > 0 ? ":" : "", groups[i]));
  }
  return size;
}

Status ToCanonicalIp(std::string_view value, std::span<char> out, size_t* size) {
  IpAddress address;
  if (!ParseIp(value, &address)) return ToNfc(value, out, size);
  char text[64];
  return CopyText(std::string_view(text, FormatIp(address, text)), out, size);
}

}  // namespace

Status Normalize(const PiiClass& pii_class, std::string_view value, std::span<char> out, size_t* size) {
  *size = 0;
  if (pii_class.normalizer == Normalizer::kNone) return Status::kNotSearchable;
  if (!IsValidUtf8(value)) return Status::kInvalidUtf8;
  if (!HasShape(pii_class.shape, value)) return ToNfc(value, out, size);
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
      return ToDigits(value, true, out, size);
    case Normalizer::kDigits:
      return ToDigits(value, false, out, size);
    case Normalizer::kAlphanumeric:
      return ToAlphanumeric(value, out, size);
    case Normalizer::kIsoDate:
      return ToIsoDate(value, out, size);
    case Normalizer::kIpAddress:
      return ToCanonicalIp(value, out, size);
  }
  return Status::kUnexpected;
}

}  // namespace pii

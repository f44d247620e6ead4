#include "sealed_text.h"

#include <algorithm>
#include <charconv>

#include "base64.h"
#include "sealed_value.h"

namespace pii {
namespace {

constexpr std::string_view kPrefix = "pii:v";

/// Splits off `pii:v<digits>:`. `*version` is -1 when the digits are no version.
bool TakePrefix(std::string_view* text, int* version) {
  if (!text->starts_with(kPrefix)) return false;
  size_t end = kPrefix.size();
  int number = 0;
  while (end < text->size() && (*text)[end] >= '0' && (*text)[end] <= '9') {
    if (number <= 65535) number = number * 10 + ((*text)[end] - '0');
    ++end;
  }
  if (end == kPrefix.size() || end == text->size() || (*text)[end] != ':') return false;
  bool canonical = (*text)[kPrefix.size()] != '0' && number <= 65535;
  *version = canonical ? number : -1;
  text->remove_prefix(end + 1);
  return true;
}

}  // namespace

bool LooksLikeSealedText(std::string_view text) {
  int version;
  return TakePrefix(&text, &version);
}

size_t WriteSealedText(ByteView sealed, std::span<char> out) {
  char* end = std::copy(kPrefix.begin(), kPrefix.end(), out.data());
  end = std::to_chars(end, out.data() + out.size(), LoadBigEndian16(&sealed[4])).ptr;
  *end++ = ':';
  auto prefix = static_cast<size_t>(end - out.data());
  EncodeBase64(Base64::kUrl, sealed, out.subspan(prefix));
  return prefix + Base64Size(Base64::kUrl, sealed.size());
}

Status ParseSealedText(std::string_view text, ByteSpan sealed, size_t* size) {
  int version = -1;
  if (!TakePrefix(&text, &version)) return Status::kNotSealedText;
  if (!DecodeBase64(Base64::kUrl, text, sealed, size)) return Status::kMalformedSealedText;
  SealedValue value;
  Status status = ParseSealedValue(sealed.first(*size), &value);
  if (status == Status::kNotSealed) return Status::kMalformedSealedText;
  if (status != Status::kOk) return status;
  return value.key_version == version ? Status::kOk : Status::kMalformedSealedText;
}

}  // namespace pii

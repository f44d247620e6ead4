#include "unicode_form.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/ucasemap.h>

#include <cstring>
#include <limits>

#include "normalize.h"
#include "secret.h"
#include "shape.h"

namespace pii {
namespace {

constexpr size_t kMaxIcuSize = std::numeric_limits<int32_t>::max();

Status NormalizeWith(const icu::Normalizer2* form, std::string_view value, std::span<char> out,
                     size_t* size) {
  if (form == nullptr) return Status::kOutOfMemory;
  if (value.size() > kMaxIcuSize || out.size() > kMaxIcuSize) return Status::kTooLong;
  UErrorCode error = U_ZERO_ERROR;
  icu::CheckedArrayByteSink sink(out.data(), static_cast<int32_t>(out.size()));
  form->normalizeUTF8(0, icu::StringPiece(value.data(), static_cast<int32_t>(value.size())), sink, nullptr,
                      error);
  if (error == U_MEMORY_ALLOCATION_ERROR) return Status::kOutOfMemory;
  if (U_FAILURE(error)) return Status::kUnexpected;
  return Fits(static_cast<size_t>(sink.NumberOfBytesAppended()), out, size);
}

}  // namespace

Status Fits(size_t needed, std::span<char> out, size_t* size) {
  *size = needed;
  return needed <= out.size() ? Status::kOk : Status::kBufferTooSmall;
}

Status CopyText(std::string_view text, std::span<char> out, size_t* size) {
  Status status = Fits(text.size(), out, size);
  if (status == Status::kOk && !text.empty()) std::memcpy(out.data(), text.data(), text.size());
  return status;
}

Status ToNfc(std::string_view value, std::span<char> out, size_t* size) {
  if (IsAscii(value)) return CopyText(value, out, size);
  UErrorCode error = U_ZERO_ERROR;
  return NormalizeWith(icu::Normalizer2::getNFCInstance(error), value, out, size);
}

Status ToNfkcCasefold(std::string_view value, std::span<char> out, size_t* size) {
  if (IsAscii(value)) {
    Status status = CopyText(value, out, size);
    if (status != Status::kOk) return status;
    for (char& c : out.first(*size)) c = ToAsciiLower(c);
    return Status::kOk;
  }
  // NFC first: U+0345 folds to a letter, so that equivalent spellings of it would part ways (The Unicode
  // Standard, D145).
  SecretString composed(NormalizedBound(value.size()), '\0');
  Status status = ToNfc(value, composed, size);
  if (status != Status::kOk) return status;
  composed.resize(*size);
  UErrorCode error = U_ZERO_ERROR;
  return NormalizeWith(icu::Normalizer2::getNFKCCasefoldInstance(error), composed, out, size);
}

Status ToNfkc(std::string_view value, std::span<char> out, size_t* size) {
  if (IsAscii(value)) return CopyText(value, out, size);
  UErrorCode error = U_ZERO_ERROR;
  return NormalizeWith(icu::Normalizer2::getNFKCInstance(error), value, out, size);
}

Status ToNfkd(std::string_view value, std::span<char> out, size_t* size) {
  if (IsAscii(value)) return CopyText(value, out, size);
  UErrorCode error = U_ZERO_ERROR;
  return NormalizeWith(icu::Normalizer2::getNFKDInstance(error), value, out, size);
}

Status ToUpper(std::string_view value, std::span<char> out, size_t* size) {
  // The root locale, so that i becomes I in Turkey too.
  static const UCaseMap* const kRootCase = [] {
    UErrorCode error = U_ZERO_ERROR;
    return ucasemap_open("", 0, &error);
  }();
  if (kRootCase == nullptr) return Status::kOutOfMemory;
  if (value.size() > kMaxIcuSize || out.size() > kMaxIcuSize) return Status::kTooLong;
  UErrorCode error = U_ZERO_ERROR;
  int32_t needed = ucasemap_utf8ToUpper(kRootCase, out.data(), static_cast<int32_t>(out.size()), value.data(),
                                        static_cast<int32_t>(value.size()), &error);
  if (U_FAILURE(error) && error != U_BUFFER_OVERFLOW_ERROR) return Status::kUnexpected;
  return Fits(static_cast<size_t>(needed), out, size);
}

}  // namespace pii

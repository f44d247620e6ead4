#include "sealed_value.h"

namespace pii {

Status ParseSealedValue(ByteView stored, SealedValue* value) {
  if (!IsSealed(stored)) return Status::kNotSealed;
  if (stored.size() < SealedValue::kOverhead) return Status::kTruncated;
  uint8_t format = stored[1];
  constexpr uint8_t kFlags = SealedValue::kPadded | SealedValue::kContextBound;
  if ((format & ~kFlags) != SealedValue::kXaes256Gcm) return Status::kUnknownFormat;
  value->padded = (format & SealedValue::kPadded) != 0;
  value->context_bound = (format & SealedValue::kContextBound) != 0;
  value->class_id = LoadBigEndian16(&stored[2]);
  value->key_version = LoadBigEndian16(&stored[4]);
  if (value->key_version == 0) return Status::kVersionZero;
  value->header = stored.first(SealedValue::kHeaderSize);
  value->nonce = stored.subspan(SealedValue::kHeaderSize, kNonceSize);
  value->body = stored.subspan(SealedValue::kPrefixSize);
  return Status::kOk;
}

void WriteHeader(uint8_t format, uint16_t class_id, uint16_t key_version,
                 std::span<uint8_t, SealedValue::kHeaderSize> header) {
  header[0] = SealedValue::kMark;
  header[1] = format;
  StoreBigEndian16(&header[2], class_id);
  StoreBigEndian16(&header[4], key_version);
}

}  // namespace pii

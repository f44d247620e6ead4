#pragma once

#include "aead.h"
#include "bytes.h"
#include "random.h"
#include "status.h"

namespace pii {

/// SealedValue is a view of the parts of a stored value (FORMAT.md, "Sealed value"). It owns nothing and is
/// valid as long as the bytes it was parsed from.
struct SealedValue {
  static constexpr uint8_t kMark = 0x00;
  static constexpr uint8_t kXaes256Gcm = 0x01;
  static constexpr uint8_t kPadded = 0x10;
  static constexpr uint8_t kContextBound = 0x20;

  static constexpr size_t kHeaderSize = 6;
  static constexpr size_t kPrefixSize = kHeaderSize + kNonceSize;       // 30
  static constexpr size_t kOverhead = kPrefixSize + XaesKey::kTagSize;  // 46

  bool padded;
  bool context_bound;
  uint16_t class_id;
  uint16_t key_version;
  ByteView header;  ///< bytes 0 to 5: the additional authenticated data
  ByteView nonce;
  ByteView body;  ///< ciphertext and tag

  /// The most plaintext the value can hold, in bytes; less when it is padded.
  size_t plaintext_bound() const { return body.size() - XaesKey::kTagSize; }
};

/// IsSealed tells sealed bytes from legacy plaintext. Text of any PostgreSQL encoding holds no 0x00.
inline bool IsSealed(ByteView stored) { return !stored.empty() && stored[0] == SealedValue::kMark; }

/// ParseSealedValue is total: every byte string gives a value or one of kNotSealed, kTruncated,
/// kUnknownFormat, kVersionZero. What it accepts is not authenticated yet, the header included.
Status ParseSealedValue(ByteView stored, SealedValue* value);

/// WriteHeader writes the 6 header bytes of a new value.
void WriteHeader(uint8_t format, uint16_t class_id, uint16_t key_version,
                 std::span<uint8_t, SealedValue::kHeaderSize> header);

}  // namespace pii

#pragma once

#include <openssl/types.h>

#include <array>
#include <memory>
#include <string_view>

#include "secret.h"
#include "status.h"

namespace pii {

/// BlindIndexValue is what a search key looks like on disk: index key version (2 bytes, big-endian), then the
/// first 14 bytes of HMAC-SHA256 (RFC 2104). 112 bits: at 10^9 values the chance of any accidental match is
/// below 10^-15.
using BlindIndexValue = std::array<uint8_t, 16>;

/// BlindIndexKey is one derived blind-index key, prepared for many values. Equal values give equal hashes:
/// whoever reads an index sees which rows share a value, and how often. Not thread-safe.
class BlindIndexKey {
 public:
  Status Init(std::span<const uint8_t, SecretKey::kSize> key, uint16_t key_version);

  /// Hash computes the value for `normalized`, the output of Normalize. The MAC covers transform ‖ 0x00 ‖
  /// normalized.
  Status Hash(std::string_view transform, std::string_view normalized, BlindIndexValue* value);

 private:
  struct MacContextDeleter {
    void operator()(EVP_MAC_CTX* context) const;
  };
  std::unique_ptr<EVP_MAC_CTX, MacContextDeleter> mac_;
  uint16_t key_version_ = 0;
};

}  // namespace pii

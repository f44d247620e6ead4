#pragma once

#include <array>
#include <string_view>

#include "secret.h"
#include "status.h"

namespace pii {

/// Purpose separates the keys that are derived from one root (FORMAT.md, "Key derivation"). The numbers are
/// frozen.
enum class Purpose : uint8_t {
  kSeal = 1,
  kBlindIndex = 2,
  kToken = 3,
  kAuditHash = 4,  ///< the marks of canaries, whose reading is what an audit looks for (CanaryMark)
  kCheckValue = 5,
  kExecutorHash = 6,
};

/// PurposeName is the word of the keyring file for a purpose that has versions: `seal` or `blind_index`.
inline const char* PurposeName(Purpose purpose) { return purpose == Purpose::kSeal ? "seal" : "blind_index"; }

/// DeriveKey computes HKDF-SHA256 (RFC 5869) of `root` without salt; info is `pii-v1`, purpose, class id, the
/// length of the domain's name and the name. A value therefore opens under its own domain, class and version
/// alone. `domain` has at most 255 bytes.
Status DeriveKey(std::span<const uint8_t, SecretKey::kSize> root, Purpose purpose, uint16_t class_id,
                 std::string_view domain, SecretKey* derived);

using CheckValue = std::array<uint8_t, 8>;

/// DeriveCheckValue computes the first 8 bytes of the purpose 5 key: enough to tell keys apart, and of no use
/// to find one. It is shown to people.
Status DeriveCheckValue(std::span<const uint8_t, SecretKey::kSize> root, std::string_view domain,
                        CheckValue* check_value);

}  // namespace pii

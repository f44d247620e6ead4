#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "protect.h"
#include "specimen.h"
#include "vectors.h"

namespace pii::test {

constexpr uint16_t kText = 0;
constexpr uint16_t kName = 1;
constexpr uint16_t kEmail = 2;
constexpr uint16_t kSsn = 4;
constexpr uint16_t kSecret = 15;
constexpr uint16_t kCustom = 1000;

/// MakeKeyring gives two domains. default: seal 1 disabled, 2 destroyed, 3 (old), 4 primary; index 1 primary.
/// The roots of eu-west are two of the same, so that only the domain tells their values apart.
Keyring MakeKeyring();

/// Desk is a protector with the table it is attached to, which prepares keys as they turn out to be missing.
class Desk {
 public:
  explicit Desk(const Keyring& keyring, std::string_view domain = "default");

  template <typename Call>
  Status WithKeys(Call call) {
    Status status = call();
    for (int i = 0; i < 2 && status == Status::kKeyNotPrepared; ++i) {
      status = protector.Prepare(*table, protector.missing());
      if (status == Status::kOk) status = call();
    }
    return status;
  }

  Status Seal(uint16_t class_id, std::string_view text, Bytes* sealed, const SealOptions& options = {});
  Bytes Sealed(uint16_t class_id, std::string_view text, const SealOptions& options = {});

  /// Reveals into a buffer full of 0xAA, which is `*buffer` afterwards.
  Status Reveal(ByteView sealed, std::string_view context, Bytes* buffer, size_t* size,
                bool* is_canary = nullptr);
  /// The plaintext, or `<status>`.
  std::string Revealed(ByteView sealed, std::string_view context = {});

  Status Rewrap(ByteView sealed, std::string_view context, Bytes* rewrapped);

  std::unique_ptr<KeyTable> table = std::make_unique<KeyTable>();
  Protector protector;
};

/// HoldsNoPlaintext tells whether a buffer that was full of 0xAA holds what a failed call may leave: zeros
/// when it got as far as the plaintext, else what was there.
bool HoldsNoPlaintext(ByteView buffer);

}  // namespace pii::test

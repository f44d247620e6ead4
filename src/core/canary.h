#pragma once

#include <span>

#include "aead.h"
#include "random.h"
#include "secret.h"
#include "status.h"

namespace pii {

/// CanaryMark marks the nonces of canaries and tells them from others (FORMAT.md, "Canaries"). A canary is a
/// decoy among the values of a column; nobody asks for it who has a reason to read the column. The last 6
/// bytes of its nonce are made of the 6 random ones before them: one AES block, for every value that is
/// revealed.
///
/// A nonce drawn at random passes for a canary's with a chance of 2^-48. The mark does not authenticate: the
/// answer is worth nothing before the value itself opened. Not thread-safe.
class CanaryMark {
 public:
  static constexpr size_t kSize = 6;

  /// Init takes a copy of the key, that of purpose 4, like BlockKey.
  Status Init(std::span<const uint8_t, SecretKey::kSize> key);

  /// Mark makes the nonce of an ordinary value, of NonceSource::NextForCanary, that of a canary. Fails with
  /// kCryptoFailed; the nonce is then as it was, and no canary's.
  Status Mark(std::span<uint8_t, kNonceSize> nonce);

  /// Find tells whether a nonce is that of a canary. Fails with kCryptoFailed; `*is_canary` is then false.
  Status Find(std::span<const uint8_t, kNonceSize> nonce, bool* is_canary);

 private:
  Status Compute(std::span<const uint8_t, kNonceSize> nonce, std::span<uint8_t, kSize> mark);

  BlockKey key_;
};

}  // namespace pii

#pragma once

#include <span>

#include "random.h"
#include "secret.h"

namespace pii {

/// CanaryMark marks the nonces of canaries and tells them from others (FORMAT.md, "Canaries"). A canary is a
/// decoy among the values of a column; nobody asks for it who has a reason to read the column. The last 6
/// bytes of its nonce are SipHash-2-4 (Aumasson and Bernstein, 2012) of the 18 before them: a pseudorandom
/// function made for short inputs, since every value that is revealed is asked.
///
/// A nonce drawn at random passes for a canary's with a chance of 2^-48. The mark does not authenticate: the
/// answer is worth nothing before the value itself opened.
class CanaryMark {
 public:
  static constexpr size_t kSize = 6;

  /// Init takes a copy of the key, the first half of that of purpose 4.
  void Init(std::span<const uint8_t, SecretKey::kSize> key);

  /// Mark makes the nonce of an ordinary value, of NonceSource::NextForCanary, that of a canary.
  void Mark(std::span<uint8_t, kNonceSize> nonce) const;

  /// Find tells whether a nonce is that of a canary.
  bool Find(std::span<const uint8_t, kNonceSize> nonce) const;

 private:
  uint64_t Compute(std::span<const uint8_t, kNonceSize> nonce) const;

  SecretKey key_;
};

}  // namespace pii

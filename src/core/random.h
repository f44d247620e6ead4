#pragma once

#include "bytes.h"
#include "status.h"

namespace pii {

constexpr size_t kNonceSize = 24;
constexpr size_t kNoncePrefixSize = 12;

/// ForkGeneration returns a number that differs between a process and its children. What is random or derived
/// and kept in memory remembers it and is thrown away when it changes.
uint32_t ForkGeneration();

/// FillRandom fills `out` from a 4 KiB pool of RAND_bytes, which costs 1 to 2 µs a call on its own. The pool
/// serves nonces, which are public; keys come from FillRandomKey. Not thread-safe: a PostgreSQL backend has
/// one thread.
Status FillRandom(ByteSpan out);

/// FillRandomKey fills `out` from OpenSSL's generator for secrets (RAND_priv_bytes), without a pool.
Status FillRandomKey(ByteSpan out);

/// NonceSource gives the nonces of one key: 12 random bytes that are kept for at most 2^16 values, then 12
/// random bytes of each value. Any reader sees a plain random 24-byte XAES nonce; the writer derives a
/// message key once per prefix. Two nonces under one prefix collide with a chance below 2^-64 (2^16 values,
/// 96 bits: 2^31 / 2^96), far below the 2^-32 that NIST SP 800-38D §8 asks for. Of a canary's nonce only the
/// first 6 of the 12 stay random (CanaryMark), hence at most 2^8 of them under one prefix: 2^15 / 2^48 =
/// 2^-33.
class NonceSource {
 public:
  static constexpr uint32_t kValuesPerPrefix = 1 << 16;

  static constexpr uint32_t kCanariesPerPrefix = 1 << 8;

  Status Next(std::span<uint8_t, kNonceSize> nonce);

  /// NextForCanary is Next, with a new prefix also after so many canaries.
  Status NextForCanary(std::span<uint8_t, kNonceSize> nonce);

 private:
  uint8_t prefix_[kNoncePrefixSize];
  uint32_t left_ = 0;
  uint32_t canaries_left_ = 0;
  uint32_t fork_generation_ = 0;
};

}  // namespace pii

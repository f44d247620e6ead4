#pragma once

#include <nettle/gcm.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace pii {

/// NettleCipher is AES-256-GCM by nettle with one key that is kept, over the bytes that a sealed value has:
/// what the hardware can do without OpenSSL's layers. A counter for a nonce. For benchmarks only.
class NettleCipher {
 public:
  static constexpr size_t kTagSize = GCM_DIGEST_SIZE;

  NettleCipher();

  /// Seal writes ciphertext and tag: kTagSize bytes more than `plaintext` has.
  void Seal(uint64_t counter, const uint8_t* plaintext, size_t size, uint8_t* sealed);

  /// Reveal decrypts `size` bytes of plaintext and tells whether the tag fits.
  bool Reveal(uint64_t counter, const uint8_t* sealed, size_t size, uint8_t* plaintext);

 private:
  void Begin(uint64_t counter);

  gcm_aes256_ctx context_;
};

}  // namespace pii

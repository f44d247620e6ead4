#pragma once

#include <openssl/types.h>

#include <array>
#include <memory>

#include "aead.h"
#include "workbench.h"

namespace pii {

/// BareCipher is the calls into OpenSSL that XAES-256-GCM cannot do without, and nothing else: no search for
/// a key, no checks, no copies, a counter for a nonce. The message key comes from two blocks of AES-256-ECB.
class BareCipher {
 public:
  static constexpr size_t kTagSize = 16;
  static constexpr size_t kIvSize = 12;
  using Sealed = std::array<uint8_t, kPlaintextSize + kTagSize>;

  explicit BareCipher(bool encrypt);

  bool DeriveMessageKey(uint64_t counter, uint8_t* message_key);

  /// Without a message key the one of the last call is used again.
  bool Seal(const uint8_t* message_key, uint64_t counter, Sealed* sealed);
  bool Reveal(const uint8_t* message_key, uint64_t counter, Sealed* sealed, uint8_t* plaintext);

 private:
  CipherContext ecb_;
  CipherContext gcm_;
  uint8_t blocks_[32] = {};
};

}  // namespace pii

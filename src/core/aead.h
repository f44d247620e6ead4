#pragma once

#include <openssl/types.h>

#include <memory>

#include "bytes.h"
#include "random.h"
#include "secret.h"
#include "status.h"

namespace pii {

struct CipherContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const;
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherContextDeleter>;

/// XaesKey is one XAES-256-GCM key (C2SP, XAES-256-GCM.md), prepared for many values: the CMAC subkey is
/// computed once, and the AES-GCM key of a 12-byte nonce prefix is kept until another prefix comes along.
///
/// It does not choose nonces, and it does not protect against a nonce used twice. Not thread-safe.
class XaesKey {
 public:
  static constexpr size_t kTagSize = 16;

  XaesKey() = default;
  XaesKey(XaesKey&&) = default;
  ~XaesKey() { Wipe(subkey_); }

  /// Init takes a copy of `key` into OpenSSL contexts, which wipe it when they are freed.
  Status Init(std::span<const uint8_t, SecretKey::kSize> key);

  /// Seal encrypts `plaintext` and authenticates `header` followed by `context`, which stay outside. `sealed`
  /// has exactly plaintext.size() + 16 bytes: ciphertext, tag. It is wiped on failure. Values of 2 GiB and
  /// more: kTooLong.
  Status Seal(std::span<const uint8_t, kNonceSize> nonce, ByteView header, ByteView context,
              ByteView plaintext, ByteSpan sealed);

  /// Open reverses Seal. `plaintext` has exactly sealed.size() - 16 bytes and is wiped unless the result is
  /// kOk; every reason that a value does not open is kAuthenticationFailed.
  Status Open(std::span<const uint8_t, kNonceSize> nonce, ByteView header, ByteView context, ByteView sealed,
              ByteSpan plaintext);

 private:
  struct Direction {
    CipherContext gcm;
    uint8_t prefix[kNoncePrefixSize];
    bool has_prefix = false;
  };

  Status UseNonce(Direction* direction, bool encrypt, std::span<const uint8_t, kNonceSize> nonce);
  Status DeriveMessageKey(std::span<const uint8_t, kNoncePrefixSize> prefix, SecretKey* message_key);

  CipherContext ecb_;
  uint8_t subkey_[16];
  Direction sealing_;
  Direction opening_;
};

}  // namespace pii

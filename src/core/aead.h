#pragma once

#include <openssl/types.h>

#include <array>
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

/// BlockKey is one AES-256 key for whole blocks, each on its own (ECB, FIPS 197): a part of constructions, no
/// cipher for values. Not thread-safe.
class BlockKey {
 public:
  static constexpr size_t kBlockSize = 16;

  /// Init takes a copy of `key` into an OpenSSL context, which wipes it when it is freed.
  Status Init(std::span<const uint8_t, SecretKey::kSize> key);

  /// Encrypt writes as many bytes as `blocks` has, a multiple of 16, to `out`; they may be the same bytes.
  /// Other sizes: kBufferTooSmall. Fails with kCryptoFailed, and without Init; what `out` has is then
  /// undefined.
  Status Encrypt(ByteView blocks, ByteSpan out);

 private:
  CipherContext ecb_;
};

/// XaesKey is one XAES-256-GCM key (C2SP, XAES-256-GCM.md), prepared for many values: the CMAC subkey is
/// computed once, and the AES-GCM keys of 12-byte nonce prefixes are kept, one for sealing and up to 64 for
/// opening, about 1 KiB each: a table was written by many sessions, each with a prefix of its own.
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
  static constexpr size_t kOpeningKeys = 64;

  /// The AES-GCM key of one nonce prefix, in an OpenSSL context that is made when it is first needed.
  struct MessageKey {
    CipherContext gcm;
    uint8_t prefix[kNoncePrefixSize];
    bool has_prefix = false;
  };

  /// `tag`, to be checked, or null.
  Status UseNonce(MessageKey* key, bool encrypt, std::span<const uint8_t, kNonceSize> nonce, uint8_t* tag);
  Status DeriveMessageKey(std::span<const uint8_t, kNoncePrefixSize> prefix, SecretKey* message_key);

  BlockKey blocks_;
  uint8_t subkey_[BlockKey::kBlockSize];
  MessageKey sealing_;
  std::array<MessageKey, kOpeningKeys> opening_;  ///< by the first byte of the prefix, which is random
};

}  // namespace pii

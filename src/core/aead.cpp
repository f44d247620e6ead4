#include "aead.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <climits>
#include <cstring>

namespace pii {
namespace {

constexpr size_t kBlockSize = BlockKey::kBlockSize;

/// Fetched once a process: an implicit fetch on every EVP_EncryptInit costs more than the cipher does.
struct Ciphers {
  EVP_CIPHER* ecb = EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr);
  EVP_CIPHER* gcm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
};

const Ciphers& FetchedCiphers() {
  static const Ciphers ciphers;
  return ciphers;
}

/// Doubling in GF(2^128), as CMAC's subkey generation does it (NIST SP 800-38B §6.1).
void Double(uint8_t (&block)[kBlockSize]) {
  uint8_t carry = block[0] >> 7;
  for (size_t i = 0; i + 1 < kBlockSize; ++i)
    block[i] = static_cast<uint8_t>(block[i] << 1 | block[i + 1] >> 7);
  block[kBlockSize - 1] = static_cast<uint8_t>(block[kBlockSize - 1] << 1 ^ (0x87 & -carry));
}

/// What EVP_CIPHER_CTX_ctrl would make of each call of its own, and cost 16 ns a value for it.
OSSL_PARAM TagParameter(uint8_t* tag) {
  return OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, XaesKey::kTagSize);
}

/// Gives a context that has a key its next IV, and nothing else: what EVP_CIPHER_CTX_ctrl makes of
/// EVP_CTRL_AEAD_SET_IV_FIXED with length -1, "the whole IV", by which OpenSSH sets that of a connection. An
/// init without a key would do the same, but in OpenSSL 3.0 each asks the provider by name how long the IV
/// is: 35 ns more to seal, 57 to open. That it works is in the self-test: no value is sealed with an old IV.
OSSL_PARAM IvParameter(const uint8_t* iv) {
  return OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED, const_cast<uint8_t*>(iv), SIZE_MAX);
}

bool Update(decltype(EVP_EncryptUpdate) update, EVP_CIPHER_CTX* gcm, uint8_t* out, ByteView in) {
  int written = 0;
  return in.empty() || update(gcm, out, &written, in.data(), static_cast<int>(in.size())) == 1;
}

}  // namespace

void CipherContextDeleter::operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }

Status BlockKey::Init(std::span<const uint8_t, SecretKey::kSize> key) {
  EVP_CIPHER* cipher = FetchedCiphers().ecb;
  ecb_.reset(EVP_CIPHER_CTX_new());
  if (!ecb_) return Status::kOutOfMemory;
  bool done = cipher != nullptr &&
              EVP_EncryptInit_ex2(ecb_.get(), cipher, key.data(), nullptr, nullptr) == 1 &&
              EVP_CIPHER_CTX_set_padding(ecb_.get(), 0) == 1;
  if (!done) ecb_.reset();  // it may be without a cipher
  return done ? Status::kOk : Status::kCryptoFailed;
}

Status BlockKey::Encrypt(ByteView blocks, ByteSpan out) {
  // Of what is no whole block OpenSSL would keep the rest for the next call.
  if (out.size() != blocks.size() || blocks.size() % kBlockSize != 0) return Status::kBufferTooSmall;
  int written = 0;
  bool done = ecb_ &&
              EVP_EncryptUpdate(ecb_.get(), out.data(), &written, blocks.data(),
                                static_cast<int>(blocks.size())) == 1 &&
              written == static_cast<int>(blocks.size());
  return done ? Status::kOk : Status::kCryptoFailed;
}

Status XaesKey::Init(std::span<const uint8_t, SecretKey::kSize> key) {
  sealing_ = {};
  opening_ = {};
  if (FetchedCiphers().gcm == nullptr) return Status::kCryptoFailed;

  std::memset(subkey_, 0, sizeof subkey_);
  Status status = blocks_.Init(key);
  if (status == Status::kOk) status = blocks_.Encrypt(subkey_, subkey_);
  if (status == Status::kOk) Double(subkey_);
  return status;
}

// NIST SP 800-108 in counter mode over CMAC, written out: both messages are one block, so each CMAC is one
// AES call. OpenSSL 3.0's KBKDF cannot do it: it ignores the counter length that XAES needs, and gives a
// wrong key.
Status XaesKey::DeriveMessageKey(std::span<const uint8_t, kNoncePrefixSize> prefix, SecretKey* message_key) {
  uint8_t blocks[2 * kBlockSize];
  for (uint8_t counter = 1; counter <= 2; ++counter) {
    uint8_t* block = blocks + (counter - 1) * kBlockSize;
    const uint8_t label[] = {0x00, counter, 'X', 0x00};
    std::memcpy(block, label, sizeof label);
    std::memcpy(block + sizeof label, prefix.data(), prefix.size());
    for (size_t i = 0; i < kBlockSize; ++i) block[i] ^= subkey_[i];
  }
  Status status = blocks_.Encrypt(blocks, message_key->Expose());
  Wipe(blocks);
  return status;
}

Status XaesKey::UseNonce(MessageKey* key, bool encrypt, std::span<const uint8_t, kNonceSize> nonce,
                         uint8_t* tag) {
  const uint8_t* iv = nonce.data() + kNoncePrefixSize;
  OSSL_PARAM parameters[] = {IvParameter(iv), OSSL_PARAM_END, OSSL_PARAM_END};
  if (tag != nullptr) parameters[1] = TagParameter(tag);
  if (key->has_prefix && std::memcmp(key->prefix, nonce.data(), kNoncePrefixSize) == 0) {
    return EVP_CIPHER_CTX_set_params(key->gcm.get(), parameters) == 1 ? Status::kOk : Status::kCryptoFailed;
  }
  key->has_prefix = false;
  const EVP_CIPHER* cipher = nullptr;
  if (!key->gcm) {
    cipher = FetchedCiphers().gcm;
    key->gcm.reset(EVP_CIPHER_CTX_new());
    if (!key->gcm) return Status::kOutOfMemory;
  }
  SecretKey message_key;
  Status status = DeriveMessageKey(nonce.first<kNoncePrefixSize>(), &message_key);
  auto init = encrypt ? EVP_EncryptInit_ex2 : EVP_DecryptInit_ex2;
  if (status == Status::kOk &&
      init(key->gcm.get(), cipher, message_key.Expose().data(), iv, parameters + 1) != 1) {
    status = Status::kCryptoFailed;
  }
  if (status != Status::kOk) {
    key->gcm.reset();  // it may be without a cipher
    return status;
  }
  std::memcpy(key->prefix, nonce.data(), kNoncePrefixSize);
  key->has_prefix = true;
  return Status::kOk;
}

Status XaesKey::Seal(std::span<const uint8_t, kNonceSize> nonce, ByteView header, ByteView context,
                     ByteView plaintext, ByteSpan sealed) {
  auto refuse = [sealed](Status status) {
    Wipe(sealed);
    return status;
  };
  if (plaintext.size() > INT_MAX || context.size() > INT_MAX) return refuse(Status::kTooLong);
  if (sealed.size() != plaintext.size() + kTagSize) return refuse(Status::kBufferTooSmall);
  Status status = UseNonce(&sealing_, true, nonce, nullptr);
  if (status != Status::kOk) return refuse(status);

  EVP_CIPHER_CTX* gcm = sealing_.gcm.get();
  uint8_t* tag = sealed.data() + plaintext.size();
  OSSL_PARAM parameters[] = {TagParameter(tag), OSSL_PARAM_END};
  int written = 0;
  if (Update(EVP_EncryptUpdate, gcm, nullptr, header) && Update(EVP_EncryptUpdate, gcm, nullptr, context) &&
      Update(EVP_EncryptUpdate, gcm, sealed.data(), plaintext) &&
      EVP_EncryptFinal_ex(gcm, tag, &written) == 1 && EVP_CIPHER_CTX_get_params(gcm, parameters) == 1) {
    return Status::kOk;
  }
  sealing_.has_prefix = false;
  return refuse(Status::kCryptoFailed);
}

Status XaesKey::Open(std::span<const uint8_t, kNonceSize> nonce, ByteView header, ByteView context,
                     ByteView sealed, ByteSpan plaintext) {
  auto refuse = [plaintext](Status status) {
    Wipe(plaintext);
    return status;
  };
  if (sealed.size() < kTagSize) return refuse(Status::kAuthenticationFailed);
  if (sealed.size() > INT_MAX || context.size() > INT_MAX) return refuse(Status::kTooLong);
  if (plaintext.size() != sealed.size() - kTagSize) return refuse(Status::kBufferTooSmall);
  MessageKey* key = &opening_[nonce[0] % kOpeningKeys];
  uint8_t tag[kTagSize];
  std::memcpy(tag, sealed.data() + plaintext.size(), kTagSize);
  Status status = UseNonce(key, false, nonce, tag);
  if (status != Status::kOk) return refuse(status);

  EVP_CIPHER_CTX* gcm = key->gcm.get();
  uint8_t nothing[kBlockSize];
  int written = 0;
  if (Update(EVP_DecryptUpdate, gcm, nullptr, header) && Update(EVP_DecryptUpdate, gcm, nullptr, context) &&
      Update(EVP_DecryptUpdate, gcm, plaintext.data(), sealed.first(plaintext.size())) &&
      EVP_DecryptFinal_ex(gcm, nothing, &written) == 1) {
    return Status::kOk;
  }
  return refuse(Status::kAuthenticationFailed);
}

}  // namespace pii

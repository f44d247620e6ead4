#include "bare_cipher.h"

#include <openssl/evp.h>

#include <cstring>

namespace pii {
namespace {

constexpr uint8_t kHeader[SealedValue::kHeaderSize] = {0x00, 0x01, 0x00, 0x04, 0x00, 0x01};

}  // namespace

BareCipher::BareCipher(bool encrypt) : ecb_(EVP_CIPHER_CTX_new()), gcm_(EVP_CIPHER_CTX_new()) {
  static EVP_CIPHER* const kEcb = EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr);
  static EVP_CIPHER* const kGcm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  const uint8_t key[32] = {1};
  auto init = encrypt ? EVP_EncryptInit_ex2 : EVP_DecryptInit_ex2;
  Require(EVP_EncryptInit_ex2(ecb_.get(), kEcb, key, nullptr, nullptr) == 1 &&
              EVP_CIPHER_CTX_set_padding(ecb_.get(), 0) == 1 &&
              init(gcm_.get(), kGcm, key, nullptr, nullptr) == 1,
          "EVP_CipherInit");
}

bool BareCipher::DeriveMessageKey(uint64_t counter, uint8_t* message_key) {
  int written = 0;
  std::memcpy(blocks_ + 4, &counter, sizeof counter);
  std::memcpy(blocks_ + 20, &counter, sizeof counter);
  return EVP_EncryptUpdate(ecb_.get(), message_key, &written, blocks_, sizeof blocks_) == 1;
}

bool BareCipher::Seal(const uint8_t* message_key, uint64_t counter, Sealed* sealed) {
  uint8_t iv[kIvSize] = {};
  std::memcpy(iv, &counter, sizeof counter);
  int written = 0;
  return EVP_EncryptInit_ex2(gcm_.get(), nullptr, message_key, iv, nullptr) == 1 &&
         EVP_EncryptUpdate(gcm_.get(), nullptr, &written, kHeader, sizeof kHeader) == 1 &&
         EVP_EncryptUpdate(gcm_.get(), sealed->data(), &written, AsBytes(kPlaintext).data(),
                           kPlaintextSize) == 1 &&
         EVP_EncryptFinal_ex(gcm_.get(), sealed->data() + kPlaintextSize, &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(gcm_.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, sealed->data() + kPlaintextSize) ==
             1;
}

bool BareCipher::Reveal(const uint8_t* message_key, uint64_t counter, Sealed* sealed, uint8_t* plaintext) {
  uint8_t iv[kIvSize] = {};
  std::memcpy(iv, &counter, sizeof counter);
  int written = 0;
  return EVP_DecryptInit_ex2(gcm_.get(), nullptr, message_key, iv, nullptr) == 1 &&
         EVP_DecryptUpdate(gcm_.get(), nullptr, &written, kHeader, sizeof kHeader) == 1 &&
         EVP_DecryptUpdate(gcm_.get(), plaintext, &written, sealed->data(), kPlaintextSize) == 1 &&
         EVP_CIPHER_CTX_ctrl(gcm_.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, sealed->data() + kPlaintextSize) ==
             1 &&
         EVP_DecryptFinal_ex(gcm_.get(), plaintext + kPlaintextSize, &written) == 1;
}

}  // namespace pii

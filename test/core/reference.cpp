#include "reference.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

#include <memory>
#include <stdexcept>

namespace pii::test {
namespace {

void Require(bool done) {
  if (!done) throw std::runtime_error("OpenSSL refused a call of the reference implementation");
}

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

Bytes Cmac(ByteView key, ByteView message) {
  std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> cmac(EVP_MAC_fetch(nullptr, "CMAC", nullptr),
                                                         EVP_MAC_free);
  std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(EVP_MAC_CTX_new(cmac.get()),
                                                                    EVP_MAC_CTX_free);
  char cipher[] = "AES-256-CBC";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
                         OSSL_PARAM_construct_end()};
  Bytes mac(16);
  size_t size = 0;
  Require(EVP_MAC_init(context.get(), key.data(), key.size(), params) == 1 &&
          EVP_MAC_update(context.get(), message.data(), message.size()) == 1 &&
          EVP_MAC_final(context.get(), mac.data(), &size, mac.size()) == 1 && size == mac.size());
  return mac;
}

}  // namespace

Bytes ReferenceHmac(ByteView key, ByteView message) {
  // HMAC() takes a null key for "the last key", so an empty one needs an address.
  static const uint8_t kNoKey = 0;
  Bytes mac(32);
  unsigned size = 0;
  Require(HMAC(EVP_sha256(), key.empty() ? &kNoKey : key.data(), static_cast<int>(key.size()), message.data(),
               message.size(), mac.data(), &size) != nullptr);
  return mac;
}

// RFC 5869 §2.2 and §2.3.
Bytes ReferenceHkdf(ByteView key, ByteView salt, ByteView info, size_t size) {
  Bytes zeros(32);
  Bytes prk = ReferenceHmac(salt.empty() ? ByteView(zeros) : salt, key);
  Bytes out;
  Bytes block;
  for (uint8_t counter = 1; out.size() < size; ++counter) {
    block.insert(block.end(), info.begin(), info.end());
    block.push_back(counter);
    block = ReferenceHmac(prk, block);
    out.insert(out.end(), block.begin(), block.end());
  }
  out.resize(size);
  return out;
}

Bytes ReferenceGcmSeal(ByteView key, ByteView nonce, ByteView header, ByteView plaintext) {
  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  Bytes sealed(plaintext.size() + 16);
  int written = 0;
  Require(EVP_EncryptInit_ex2(context.get(), EVP_aes_256_gcm(), nullptr, nullptr, nullptr) == 1 &&
          EVP_EncryptInit_ex2(context.get(), nullptr, key.data(), nonce.data(), nullptr) == 1);
  if (!header.empty()) {
    Require(EVP_EncryptUpdate(context.get(), nullptr, &written, header.data(),
                              static_cast<int>(header.size())) == 1);
  }
  if (!plaintext.empty()) {
    Require(EVP_EncryptUpdate(context.get(), sealed.data(), &written, plaintext.data(),
                              static_cast<int>(plaintext.size())) == 1);
  }
  uint8_t* tag = sealed.data() + plaintext.size();
  Require(EVP_EncryptFinal_ex(context.get(), tag, &written) == 1 &&
          EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1);
  return sealed;
}

bool ReferenceGcmOpen(ByteView key, ByteView nonce, ByteView header, ByteView sealed, Bytes* plaintext) {
  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  plaintext->assign(sealed.size() - 16, 0);
  Bytes tag(sealed.end() - 16, sealed.end());
  int written = 0;
  Require(EVP_DecryptInit_ex2(context.get(), EVP_aes_256_gcm(), nullptr, nullptr, nullptr) == 1 &&
          EVP_DecryptInit_ex2(context.get(), nullptr, key.data(), nonce.data(), nullptr) == 1);
  if (!header.empty()) {
    Require(EVP_DecryptUpdate(context.get(), nullptr, &written, header.data(),
                              static_cast<int>(header.size())) == 1);
  }
  if (!plaintext->empty()) {
    Require(EVP_DecryptUpdate(context.get(), plaintext->data(), &written, sealed.data(),
                              static_cast<int>(plaintext->size())) == 1);
  }
  Require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, 16, tag.data()) == 1);
  uint8_t nothing[16];
  return EVP_DecryptFinal_ex(context.get(), nothing, &written) == 1;
}

// C2SP, XAES-256-GCM.md: two CMACs of one block each.
Bytes ReferenceXaesSeal(ByteView key, ByteView nonce, ByteView header, ByteView plaintext) {
  Bytes message_key;
  for (uint8_t counter = 1; counter <= 2; ++counter) {
    Bytes message = {0x00, counter, 'X', 0x00};
    message.insert(message.end(), nonce.begin(), nonce.begin() + 12);
    Bytes half = Cmac(key, message);
    message_key.insert(message_key.end(), half.begin(), half.end());
  }
  return ReferenceGcmSeal(message_key, nonce.subspan(12), header, plaintext);
}

}  // namespace pii::test

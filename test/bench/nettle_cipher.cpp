#include "nettle_cipher.h"

#include <nettle/memops.h>

#include <cstring>

namespace pii {
namespace {

constexpr uint8_t kHeader[6] = {0x00, 0x01, 0x00, 0x04, 0x00, 0x01};

}  // namespace

NettleCipher::NettleCipher() {
  const uint8_t key[AES256_KEY_SIZE] = {1};
  gcm_aes256_set_key(&context_, key);
}

void NettleCipher::Begin(uint64_t counter) {
  uint8_t iv[GCM_IV_SIZE] = {};
  std::memcpy(iv, &counter, sizeof counter);
  gcm_aes256_set_iv(&context_, sizeof iv, iv);
  gcm_aes256_update(&context_, sizeof kHeader, kHeader);
}

void NettleCipher::Seal(uint64_t counter, const uint8_t* plaintext, size_t size, uint8_t* sealed) {
  Begin(counter);
  gcm_aes256_encrypt(&context_, size, sealed, plaintext);
  gcm_aes256_digest(&context_, kTagSize, sealed + size);
}

bool NettleCipher::Reveal(uint64_t counter, const uint8_t* sealed, size_t size, uint8_t* plaintext) {
  uint8_t tag[kTagSize];
  Begin(counter);
  gcm_aes256_decrypt(&context_, size, plaintext, sealed);
  gcm_aes256_digest(&context_, sizeof tag, tag);
  return memeql_sec(tag, sealed + size, sizeof tag) == 1;
}

}  // namespace pii

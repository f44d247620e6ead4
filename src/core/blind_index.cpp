#include "blind_index.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstring>

namespace pii {

void BlindIndexKey::MacContextDeleter::operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }

Status BlindIndexKey::Init(std::span<const uint8_t, SecretKey::kSize> key, uint16_t key_version) {
  static EVP_MAC* const kHmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  mac_.reset(kHmac != nullptr ? EVP_MAC_CTX_new(kHmac) : nullptr);
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                         OSSL_PARAM_construct_end()};
  if (!mac_ || EVP_MAC_init(mac_.get(), key.data(), key.size(), params) != 1) return Status::kCryptoFailed;
  key_version_ = key_version;
  return Status::kOk;
}

Status BlindIndexKey::Hash(std::string_view transform, std::string_view normalized, BlindIndexValue* value) {
  const uint8_t separator = 0x00;
  uint8_t mac[32];
  size_t size = 0;
  // Without a key EVP_MAC_init starts over with the key it has: the inner and outer pads are hashed once, in
  // Init.
  bool done = EVP_MAC_init(mac_.get(), nullptr, 0, nullptr) == 1 &&
              EVP_MAC_update(mac_.get(), AsBytes(transform).data(), transform.size()) == 1 &&
              EVP_MAC_update(mac_.get(), &separator, 1) == 1 &&
              EVP_MAC_update(mac_.get(), AsBytes(normalized).data(), normalized.size()) == 1 &&
              EVP_MAC_final(mac_.get(), mac, &size, sizeof mac) == 1 && size == sizeof mac;
  if (done) {
    StoreBigEndian16(value->data(), key_version_);
    std::memcpy(value->data() + 2, mac, value->size() - 2);
  }
  Wipe(mac);
  return done ? Status::kOk : Status::kCryptoFailed;
}

}  // namespace pii

#include "key_derivation.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace pii {
namespace {

struct KdfContextDeleter {
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

constexpr std::string_view kLabel = "pii-v1";
constexpr size_t kMaxDomainSize = 255;

}  // namespace

Status DeriveKey(std::span<const uint8_t, SecretKey::kSize> root, Purpose purpose, uint16_t class_id,
                 std::string_view domain, SecretKey* derived) {
  static EVP_KDF* const kHkdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  if (domain.size() > kMaxDomainSize) return Status::kTooLong;

  uint8_t info[kLabel.size() + 4 + kMaxDomainSize];
  std::memcpy(info, kLabel.data(), kLabel.size());
  uint8_t* next = info + kLabel.size();
  *next++ = static_cast<uint8_t>(purpose);
  StoreBigEndian16(next, class_id);
  next += 2;
  *next++ = static_cast<uint8_t>(domain.size());
  next = std::copy(domain.begin(), domain.end(), next);  // not memcpy: the name may be empty, and null

  std::unique_ptr<EVP_KDF_CTX, KdfContextDeleter> context(kHkdf != nullptr ? EVP_KDF_CTX_new(kHkdf)
                                                                           : nullptr);
  if (!context) return Status::kCryptoFailed;
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<uint8_t*>(root.data()), root.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, static_cast<size_t>(next - info)),
      OSSL_PARAM_construct_end(),
  };
  std::span<uint8_t> out = derived->Expose();
  if (EVP_KDF_derive(context.get(), out.data(), out.size(), params) == 1) return Status::kOk;
  Wipe(out);
  return Status::kCryptoFailed;
}

Status DeriveCheckValue(std::span<const uint8_t, SecretKey::kSize> root, std::string_view domain,
                        CheckValue* check_value) {
  SecretKey derived;
  Status status = DeriveKey(root, Purpose::kCheckValue, 0, domain, &derived);
  if (status == Status::kOk) std::memcpy(check_value->data(), derived.Expose().data(), check_value->size());
  return status;
}

}  // namespace pii

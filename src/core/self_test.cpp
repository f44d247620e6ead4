#include "self_test.h"

#include <algorithm>
#include <cstring>

#include "aead.h"
#include "blind_index.h"
#include "key_derivation.h"
#include "pii_class.h"

namespace pii {
namespace {

// Known answers beside the code under test, so that no file is needed to trust the library the server loaded.

bool CipherIsRight() {
  // C2SP, XAES-256-GCM.md, second test vector.
  uint8_t key[SecretKey::kSize];
  std::fill_n(key, sizeof key, uint8_t{0x03});
  constexpr std::string_view kNonce = "ABCDEFGHIJKLMNOPQRSTUVWX";
  constexpr std::string_view kPlaintext = "XAES-256-GCM";
  constexpr std::string_view kHeader = "c2sp.org/XAES-256-GCM";
  constexpr uint8_t kSealed[] = {0x98, 0x6e, 0xc1, 0x83, 0x25, 0x93, 0xdf, 0x54, 0x43, 0xa1,
                                 0x79, 0x43, 0x7f, 0xd0, 0x83, 0xbf, 0x3f, 0xdb, 0x41, 0xab,
                                 0xd7, 0x40, 0xa2, 0x1f, 0x71, 0xeb, 0x76, 0x9d};
  XaesKey xaes;
  uint8_t sealed[sizeof kSealed];
  uint8_t plaintext[kPlaintext.size()];
  auto nonce = AsBytes(kNonce).first<kNonceSize>();
  if (xaes.Init(key) != Status::kOk ||
      xaes.Seal(nonce, AsBytes(kHeader), {}, AsBytes(kPlaintext), sealed) != Status::kOk ||
      std::memcmp(sealed, kSealed, sizeof sealed) != 0 ||
      xaes.Open(nonce, AsBytes(kHeader), {}, sealed, plaintext) != Status::kOk ||
      AsText(plaintext) != kPlaintext) {
    return false;
  }
  sealed[sizeof sealed - 1] ^= 1;
  return xaes.Open(nonce, AsBytes(kHeader), {}, sealed, plaintext) == Status::kAuthenticationFailed;
}

/// A message key that is used again gets another IV in another way than a new one (XaesKey). Were that to
/// fail unnoticed, values would share a nonce.
bool NonceIsSetEachTime() {
  uint8_t key[SecretKey::kSize];
  std::fill_n(key, sizeof key, uint8_t{0x03});
  constexpr std::string_view kNonces[] = {"ABCDEFGHIJKLMNOPQRSTUVWX", "ABCDEFGHIJKLMNOPQRSTUVWY"};
  constexpr std::string_view kPlaintext = "XAES-256-GCM";
  XaesKey reused;
  if (reused.Init(key) != Status::kOk) return false;
  for (std::string_view text : kNonces) {
    auto nonce = AsBytes(text).first<kNonceSize>();
    XaesKey fresh;
    uint8_t expected[kPlaintext.size() + XaesKey::kTagSize];
    uint8_t sealed[sizeof expected];
    uint8_t plaintext[kPlaintext.size()];
    if (fresh.Init(key) != Status::kOk ||
        fresh.Seal(nonce, {}, {}, AsBytes(kPlaintext), expected) != Status::kOk ||
        reused.Seal(nonce, {}, {}, AsBytes(kPlaintext), sealed) != Status::kOk ||
        std::memcmp(sealed, expected, sizeof sealed) != 0 ||
        reused.Open(nonce, {}, {}, expected, plaintext) != Status::kOk || AsText(plaintext) != kPlaintext) {
      return false;
    }
  }
  return true;
}

bool MacIsRight() {
  // HMAC-SHA256 with a 32-byte key of 0x0b over `exact` 0x00 `Hi There`, from Python's hmac module; the first
  // 14 bytes. RFC 4231's own keys are not 32 bytes long; its cases are in the unit tests' Wycheproof file.
  uint8_t key[SecretKey::kSize];
  std::fill_n(key, sizeof key, uint8_t{0x0b});
  constexpr uint8_t kMac[] = {0x4e, 0x58, 0x94, 0x72, 0x03, 0x24, 0xb5,
                              0xd8, 0x93, 0x82, 0xe5, 0x9a, 0x1e, 0x0b};
  BlindIndexKey index_key;
  BlindIndexValue value;
  return index_key.Init(key, 1) == Status::kOk &&
         index_key.Hash(TransformName(Transform::kExact), "Hi There", &value) == Status::kOk &&
         std::memcmp(value.data() + 2, kMac, sizeof kMac) == 0;
}

bool DerivationIsRight() {
  // HKDF-SHA256 of 32 bytes of 0x0b without salt, info `pii-v1` 01 0004 07 `default`: FORMAT.md, test
  // vectors.
  uint8_t root[SecretKey::kSize];
  std::fill_n(root, sizeof root, uint8_t{0x0b});
  constexpr uint8_t kKey[] = {0x79, 0x28, 0xe2, 0x13, 0x03, 0xa2, 0x63, 0x7e, 0x60, 0x23, 0xdc,
                              0xe1, 0x14, 0x1f, 0xc5, 0xf4, 0x0f, 0x28, 0xaa, 0xa6, 0xfa, 0x09,
                              0x00, 0x03, 0x3d, 0x7f, 0xd5, 0x24, 0xb4, 0x36, 0xee, 0x9a};
  SecretKey derived;
  return DeriveKey(root, Purpose::kSeal, 4, "default", &derived) == Status::kOk &&
         std::memcmp(derived.Expose().data(), kKey, sizeof kKey) == 0;
}

}  // namespace

Status RunSelfTest() {
  static bool passed = false;
  static uint32_t fork_generation = 0;
  if (!passed || fork_generation != ForkGeneration()) {
    passed = CipherIsRight() && NonceIsSetEachTime() && MacIsRight() && DerivationIsRight();
    fork_generation = ForkGeneration();
  }
  return passed ? Status::kOk : Status::kSelfTestFailed;
}

}  // namespace pii

#include "canary.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace pii {
namespace {

constexpr size_t kMarkedSize = kNonceSize - CanaryMark::kSize;
constexpr size_t kLastWord = 16;  ///< it has the last two bytes that are marked, and the mark
constexpr int kMarkShift = 8 * (kMarkedSize - kLastWord);

uint64_t LoadLittleEndian64(const uint8_t* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

/// The state of SipHash; the constants and rotations are those of its paper.
struct SipState {
  uint64_t v0, v1, v2, v3;

  SipState(uint64_t k0, uint64_t k1)
      : v0(k0 ^ 0x736f6d6570736575),
        v1(k1 ^ 0x646f72616e646f6d),
        v2(k0 ^ 0x6c7967656e657261),
        v3(k1 ^ 0x7465646279746573) {}

  void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }

  void Absorb(uint64_t word) {
    v3 ^= word;
    Round();
    Round();
    v0 ^= word;
  }

  uint64_t Finish() {
    v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) Round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

void CanaryMark::Init(std::span<const uint8_t, SecretKey::kSize> key) {
  std::copy(key.begin(), key.end(), key_.Expose().begin());
}

/// The first 6 bytes of the hash, in the order of its bytes: the low ones of the number.
uint64_t CanaryMark::Compute(std::span<const uint8_t, kNonceSize> nonce) const {
  const uint8_t* key = key_.Expose().data();
  SipState state(LoadLittleEndian64(key), LoadLittleEndian64(key + 8));
  state.Absorb(LoadLittleEndian64(&nonce[0]));
  state.Absorb(LoadLittleEndian64(&nonce[8]));
  uint64_t rest = LoadLittleEndian64(&nonce[kLastWord]) & ((uint64_t{1} << kMarkShift) - 1);
  state.Absorb(rest | uint64_t{kMarkedSize} << 56);
  return state.Finish() & ((uint64_t{1} << 8 * kSize) - 1);
}

void CanaryMark::Mark(std::span<uint8_t, kNonceSize> nonce) const {
  uint64_t mark = Compute(nonce);
  for (size_t i = 0; i < kSize; ++i) nonce[kMarkedSize + i] = static_cast<uint8_t>(mark >> 8 * i);
}

bool CanaryMark::Find(std::span<const uint8_t, kNonceSize> nonce) const {
  return LoadLittleEndian64(&nonce[kLastWord]) >> kMarkShift == Compute(nonce);
}

}  // namespace pii

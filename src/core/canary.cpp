#include "canary.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace pii {
namespace {

constexpr std::string_view kLabel = "pii canary";
constexpr size_t kRandomSize = kNonceSize - kNoncePrefixSize - CanaryMark::kSize;
constexpr size_t kMarkOffset = kNonceSize - CanaryMark::kSize;
static_assert(kLabel.size() + kRandomSize == BlockKey::kBlockSize);

}  // namespace

Status CanaryMark::Init(std::span<const uint8_t, SecretKey::kSize> key) { return key_.Init(key); }

Status CanaryMark::Compute(std::span<const uint8_t, kNonceSize> nonce, std::span<uint8_t, kSize> mark) {
  uint8_t block[BlockKey::kBlockSize];
  std::memcpy(block, kLabel.data(), kLabel.size());
  std::memcpy(block + kLabel.size(), nonce.data() + kNoncePrefixSize, kRandomSize);
  Status status = key_.Encrypt(block, block);
  if (status == Status::kOk) std::memcpy(mark.data(), block, kSize);
  return status;
}

Status CanaryMark::Mark(std::span<uint8_t, kNonceSize> nonce) {
  return Compute(nonce, nonce.subspan<kMarkOffset>());
}

Status CanaryMark::Find(std::span<const uint8_t, kNonceSize> nonce, bool* is_canary) {
  uint8_t mark[kSize];
  Status status = Compute(nonce, mark);
  *is_canary = status == Status::kOk && std::ranges::equal(mark, nonce.subspan<kMarkOffset>());
  return status;
}

}  // namespace pii

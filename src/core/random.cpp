#include "random.h"

#include <openssl/rand.h>
#include <pthread.h>

#include <cstring>

namespace pii {
namespace {

uint32_t fork_generation = 0;

struct Pool {
  uint8_t bytes[4096];
  size_t left = 0;
  uint32_t fork_generation = 0;
};
Pool pool;

}  // namespace

uint32_t ForkGeneration() {
  [[maybe_unused]] static const int kRegistered = pthread_atfork(nullptr, nullptr, [] { ++fork_generation; });
  return fork_generation;
}

Status FillRandom(ByteSpan out) {
  if (out.size() > sizeof pool.bytes) return Status::kTooLong;
  if (pool.left < out.size() || pool.fork_generation != ForkGeneration()) {
    pool.left = 0;
    if (RAND_bytes(pool.bytes, sizeof pool.bytes) != 1) return Status::kCryptoFailed;
    pool.left = sizeof pool.bytes;
    pool.fork_generation = ForkGeneration();
  }
  pool.left -= out.size();
  std::memcpy(out.data(), pool.bytes + pool.left, out.size());
  return Status::kOk;
}

Status FillRandomKey(ByteSpan out) {
  return RAND_priv_bytes(out.data(), static_cast<int>(out.size())) == 1 ? Status::kOk : Status::kCryptoFailed;
}

Status NonceSource::Next(std::span<uint8_t, kNonceSize> nonce) {
  if (left_ == 0 || fork_generation_ != ForkGeneration()) {
    left_ = 0;
    Status status = FillRandom(prefix_);
    if (status != Status::kOk) return status;
    left_ = kValuesPerPrefix;
    canaries_left_ = kCanariesPerPrefix;
    fork_generation_ = ForkGeneration();
  }
  Status status = FillRandom(nonce.subspan<kNoncePrefixSize>());
  if (status != Status::kOk) return status;
  std::memcpy(nonce.data(), prefix_, kNoncePrefixSize);
  --left_;
  return Status::kOk;
}

Status NonceSource::NextForCanary(std::span<uint8_t, kNonceSize> nonce) {
  if (canaries_left_ == 0) left_ = 0;
  Status status = Next(nonce);
  if (status == Status::kOk) --canaries_left_;
  return status;
}

}  // namespace pii

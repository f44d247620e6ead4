#pragma once

#include <openssl/crypto.h>

#include <array>
#include <memory>
#include <string>

#include "bytes.h"

namespace pii {

/// Wipe overwrites `bytes` in a way the compiler may not remove (OPENSSL_cleanse).
inline void Wipe(ByteSpan bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

/// SecretKey owns 32 bytes of key material and wipes them when it dies. It is neither printed, compared nor
/// copied by accident: the bytes are reached through Expose() alone, so that every use can be found by its
/// name.
class SecretKey {
 public:
  static constexpr size_t kSize = 32;

  SecretKey() = default;
  SecretKey(const SecretKey&) = delete;
  SecretKey& operator=(const SecretKey&) = delete;
  SecretKey(SecretKey&& other) noexcept { *this = std::move(other); }
  SecretKey& operator=(SecretKey&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      Wipe(other.bytes_);
    }
    return *this;
  }
  ~SecretKey() { Wipe(bytes_); }

  std::span<uint8_t, kSize> Expose() { return bytes_; }
  std::span<const uint8_t, kSize> Expose() const { return bytes_; }

 private:
  std::array<uint8_t, kSize> bytes_{};
};

/// WipingAllocator is std::allocator that wipes a block before it is returned to the heap.
template <typename T>
struct WipingAllocator {
  using value_type = T;

  WipingAllocator() = default;
  template <typename U>
  WipingAllocator(const WipingAllocator<U>&) noexcept {}

  T* allocate(size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* block, size_t count) noexcept {
    OPENSSL_cleanse(static_cast<void*>(block), count * sizeof(T));
    std::allocator<T>().deallocate(block, count);
  }
  template <typename U>
  bool operator==(const WipingAllocator<U>&) const noexcept {
    return true;
  }
};

/// SecretString is a std::string for text that holds key material or plaintext: heap blocks are wiped when
/// freed. Texts of up to 15 bytes live inside the object itself and are not; no key is that short.
using SecretString = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

}  // namespace pii

// operator delete that wipes. What this project allocates for secrets wipes itself (secret.h); this is for
// the rest: the JSON parser keeps the token it reads in a buffer of its own, and every key of the keyring is
// such a token. Linked into the extension, where -Bsymbolic keeps it from serving anybody else, and into
// pii-keyring.

#include <malloc.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <new>

void operator delete(void* block) noexcept {
  if (block != nullptr) OPENSSL_cleanse(block, malloc_usable_size(block));
  std::free(block);
}

void operator delete(void* block, std::size_t) noexcept { ::operator delete(block); }
void operator delete[](void* block) noexcept { ::operator delete(block); }
void operator delete[](void* block, std::size_t) noexcept { ::operator delete(block); }

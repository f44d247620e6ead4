#pragma once

#include <span>
#include <string>
#include <type_traits>

#include "key_derivation.h"
#include "keyring.h"

namespace pii {

/// KeyTable is a keyring as flat memory of a fixed size, about 450 KiB, so that it can live in memory that
/// processes share and be replaced with one copy. It holds root keys; derived keys exist in each process
/// alone.
struct KeyTable {
  static constexpr size_t kMaxDomains = 1024;
  static constexpr size_t kMaxKeys = 4096;
  static constexpr size_t kMaxClasses = 1024;

  struct Key {
    uint16_t version;
    Purpose purpose;  ///< kSeal or kBlindIndex
    KeyStatus status;
    bool primary;
    int64_t created;  ///< seconds since 1970
    CheckValue check_value;
    uint8_t material[SecretKey::kSize];
  };

  struct DomainEntry {
    char name[PiiClass::kMaxNameSize + 1];  ///< NUL-terminated
    uint32_t first_key;
    uint32_t key_count;
    uint16_t seal_primary;
    uint16_t blind_index_primary;
    uint8_t hash_key[SecretKey::kSize];
  };

  uint32_t domain_count;
  uint32_t key_count;
  uint32_t class_count;
  DomainEntry domains[kMaxDomains];
  Key keys[kMaxKeys];
  PiiClass classes[kMaxClasses];

  /// FindDomain returns null when there is no such domain.
  const DomainEntry* FindDomain(std::string_view name) const;
  /// KeysOf returns the keys of a domain, of both purposes, each purpose in the order of its versions.
  std::span<const Key> KeysOf(const DomainEntry& domain) const {
    return {keys + domain.first_key, domain.key_count};
  }
  /// FindKey returns null when the domain has no such version.
  const Key* FindKey(const DomainEntry& domain, Purpose purpose, uint16_t version) const;
};
static_assert(std::is_trivially_copyable_v<KeyTable>);

/// BuildKeyTable flattens `keyring` into `*table` and computes the check values. On failure (too many
/// entries, no working cryptography) `*problem` is one line and the table is wiped.
bool BuildKeyTable(const Keyring& keyring, KeyTable* table, std::string* problem);

}  // namespace pii

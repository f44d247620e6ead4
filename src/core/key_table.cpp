#include "key_table.h"

#include <cstring>

namespace pii {
namespace {

Status AddKeys(const KeySet& keys, Purpose purpose, std::string_view domain, KeyTable* table) {
  for (const auto& [version, source] : keys.versions) {
    KeyTable::Key& key = table->keys[table->key_count++];
    key.version = version;
    key.purpose = purpose;
    key.status = source.status;
    key.primary = version == keys.primary;
    key.created = source.created;
    if (source.status == KeyStatus::kDestroyed) continue;
    std::memcpy(key.material, source.key.Expose().data(), sizeof key.material);
    Status status = DeriveCheckValue(source.key.Expose(), domain, &key.check_value);
    if (status != Status::kOk) return status;
  }
  return Status::kOk;
}

}  // namespace

const KeyTable::DomainEntry* KeyTable::FindDomain(std::string_view name) const {
  for (uint32_t i = 0; i < domain_count; ++i) {
    if (domains[i].name == name) return &domains[i];
  }
  return nullptr;
}

const KeyTable::Key* KeyTable::FindKey(const DomainEntry& domain, Purpose purpose, uint16_t version) const {
  for (uint32_t i = domain.first_key; i < domain.first_key + domain.key_count; ++i) {
    if (keys[i].purpose == purpose && keys[i].version == version) return &keys[i];
  }
  return nullptr;
}

bool BuildKeyTable(const Keyring& keyring, KeyTable* table, std::string* problem) {
  std::memset(static_cast<void*>(table), 0, sizeof *table);
  size_t key_count = 0;
  for (const auto& [name, domain] : keyring.domains) {
    key_count += domain.seal.versions.size() + domain.blind_index.versions.size();
  }
  auto too_many = [problem](std::string_view what, size_t count, size_t most) {
    *problem = "the keyring has " + std::to_string(count) + " " + std::string(what) + "; at most " +
               std::to_string(most) + " fit";
    return false;
  };
  if (keyring.domains.size() > KeyTable::kMaxDomains) {
    return too_many("domains", keyring.domains.size(), KeyTable::kMaxDomains);
  }
  if (key_count > KeyTable::kMaxKeys) return too_many("keys", key_count, KeyTable::kMaxKeys);
  if (keyring.classes.size() > KeyTable::kMaxClasses) {
    return too_many("classes", keyring.classes.size(), KeyTable::kMaxClasses);
  }

  for (const auto& [name, domain] : keyring.domains) {
    KeyTable::DomainEntry& entry = table->domains[table->domain_count++];
    name.copy(entry.name, PiiClass::kMaxNameSize);
    entry.first_key = table->key_count;
    entry.seal_primary = domain.seal.primary;
    entry.blind_index_primary = domain.blind_index.primary;
    std::memcpy(entry.hash_key, domain.hash_key.Expose().data(), sizeof entry.hash_key);
    Status status = AddKeys(domain.seal, Purpose::kSeal, name, table);
    if (status == Status::kOk) status = AddKeys(domain.blind_index, Purpose::kBlindIndex, name, table);
    if (status != Status::kOk) {
      Wipe({reinterpret_cast<uint8_t*>(table), sizeof *table});
      *problem = "OpenSSL cannot derive keys (HKDF-SHA256)";
      return false;
    }
    entry.key_count = table->key_count - entry.first_key;
  }
  for (const PiiClass& custom : keyring.classes) table->classes[table->class_count++] = custom;
  return true;
}

}  // namespace pii

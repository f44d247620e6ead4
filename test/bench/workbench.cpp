#include "workbench.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "aead.h"
#include "key_derivation.h"
#include "keyring.h"
#include "random.h"

namespace pii {

void Require(bool done, const char* what) {
  if (done) return;
  std::fprintf(stderr, "benchmark: %s failed\n", what);
  std::exit(1);
}

void Require(Status status, const char* what) { Require(status == Status::kOk, what); }

Workbench::Workbench() : table_(std::make_unique<KeyTable>()) {
  Keyring keyring;
  std::string problem;
  Require(AddDomain(&keyring, kDomain, 0), "AddDomain");
  Require(BuildKeyTable(keyring, table_.get(), &problem), "BuildKeyTable");
  Require(protector.Attach(*table_, kDomain), "Attach");
  PrepareClass(kSsnClass);
}

void Workbench::PrepareClass(uint16_t class_id) {
  Require(protector.Prepare(*table_, {Purpose::kSeal, class_id, 1}), "Prepare");
  Require(protector.Prepare(*table_, {Purpose::kBlindIndex, class_id, 1}), "Prepare");
}

void Workbench::PrepareExecutorHash() {
  Require(protector.Prepare(*table_, {Purpose::kExecutorHash, 0, 0}), "Prepare");
}

std::vector<Stored> Workbench::SealWithSharedPrefix() {
  std::vector<Stored> values(kValues);
  for (Stored& value : values) {
    Require(protector.Seal(kSsnClass, AsBytes(kPlaintext), value), "Seal");
  }
  return values;
}

std::vector<Stored> Workbench::SealWithOwnPrefixes() {
  SecretKey key;
  const KeyTable::Key* root = table_->FindKey(table_->domains[0], Purpose::kSeal, 1);
  Require(DeriveKey(root->material, Purpose::kSeal, kSsnClass, kDomain, &key), "DeriveKey");
  XaesKey xaes;
  Require(xaes.Init(key.Expose()), "XaesKey::Init");
  std::vector<Stored> values(kValues);
  for (Stored& value : values) {
    std::span<uint8_t, sizeof(Stored)> bytes(value);
    auto header = bytes.first<SealedValue::kHeaderSize>();
    auto nonce = bytes.subspan<SealedValue::kHeaderSize, kNonceSize>();
    WriteHeader(SealedValue::kXaes256Gcm, kSsnClass, 1, header);
    Require(FillRandom(nonce), "FillRandom");
    Require(xaes.Seal(nonce, header, {}, AsBytes(kPlaintext), bytes.subspan<SealedValue::kPrefixSize>()),
            "XaesKey::Seal");
  }
  return values;
}

}  // namespace pii

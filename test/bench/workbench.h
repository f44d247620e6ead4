#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "key_table.h"
#include "protect.h"
#include "sealed_value.h"

// What every benchmark of the core works on: a keyring of its own and values of known sizes.

namespace pii {

constexpr uint16_t kSsnClass = 4;
constexpr std::string_view kDomain = "default";
constexpr std::string_view kSsn = "123-45-6789";
constexpr std::string_view kPlaintext = "0123456789abcdefghijklmnopqrstuv";
constexpr size_t kPlaintextSize = 32;
static_assert(kPlaintext.size() == kPlaintextSize);

// Values in turn, so that neither side sees one it has just handled. They fit the first-level data cache.
constexpr size_t kValues = 128;
using Stored = std::array<uint8_t, kPlaintextSize + SealedValue::kOverhead>;

/// Require ends the program when what a benchmark is built on does not work.
void Require(bool done, const char* what);
void Require(Status status, const char* what);

/// Workbench is a domain with fresh keys, those of class ssn prepared.
class Workbench {
 public:
  Workbench();

  /// PrepareClass derives the keys of another class.
  void PrepareClass(uint16_t class_id);
  void PrepareExecutorHash();

  /// Values as one backend writes them: one nonce prefix for all.
  std::vector<Stored> SealWithSharedPrefix();

  /// Values of as many backends: every nonce is random as a whole, so each message key has to be derived.
  std::vector<Stored> SealWithOwnPrefixes();

  Protector protector;

 private:
  std::unique_ptr<KeyTable> table_;
};

}  // namespace pii

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pii_class.h"
#include "secret.h"
#include "status.h"

namespace pii {

/// KeyStatus: a disabled key exists and is not used; of a destroyed one only the id is left, so that an error
/// can say what became of it.
enum class KeyStatus : uint8_t { kEnabled, kDisabled, kDestroyed };
std::string_view KeyStatusName(KeyStatus status);

struct KeyVersion {
  KeyStatus status = KeyStatus::kEnabled;
  int64_t created = 0;  ///< seconds since 1970-01-01T00:00:00Z
  SecretKey key;        ///< meaningless when destroyed
};

/// KeySet holds the versions of one purpose. `primary` is the version that new values are sealed or indexed
/// with.
struct KeySet {
  uint16_t primary = 0;
  std::map<uint16_t, KeyVersion> versions;
};

struct Domain {
  KeySet seal;
  KeySet blind_index;
  SecretKey hash_key;  ///< for hashes within a statement; never rotates
};

/// Keyring is all keys and custom classes: what the keyring file says, after every rule of FORMAT.md was
/// checked.
struct Keyring {
  std::map<std::string, Domain, std::less<>> domains;
  std::vector<PiiClass> classes;
};

/// IsDomainName: 1 to 63 bytes of a-z, 0-9, _, - and ., beginning with a letter or digit.
bool IsDomainName(std::string_view text);

/// AddKeyVersion gives `keys` a new random key under the next free id and makes it primary if there is none.
/// The id goes to `*version`. Fails with kTooLong when the 65,535 ids are used up, kCryptoFailed without
/// randomness.
Status AddKeyVersion(KeySet* keys, int64_t now, uint16_t* version);

/// AddDomain makes a domain with version 1 for both purposes and a hash key. The name must be new and a
/// domain name.
Status AddDomain(Keyring* keyring, std::string_view name, int64_t now);

/// ParseKeyring reads the JSON of FORMAT.md ("Keyring file"). On failure `*problem` is one line that names
/// the member by its path, or the byte offset where the JSON breaks off, and never a byte of the input's
/// values.
bool ParseKeyring(std::string_view json, Keyring* keyring, std::string* problem);

/// FormatKeyring writes the JSON, with key material in it.
SecretString FormatKeyring(const Keyring& keyring);

/// ParseTimestamp reads `2026-01-31T00:00:00Z` (RFC 3339, UTC, whole seconds).
bool ParseTimestamp(std::string_view text, int64_t* seconds);
std::string FormatTimestamp(int64_t seconds);

}  // namespace pii

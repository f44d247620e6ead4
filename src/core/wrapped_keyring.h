#pragma once

#include <string>
#include <string_view>

#include "key_derivation.h"
#include "keyring.h"
#include "secret.h"
#include "status.h"

namespace pii {

constexpr const char* kWrappedMagic = "pii_wrapped_keyring";

/// What is said of a wrapped keyring to who has given no root key, in the words of the server's settings and
/// of the program's options.
constexpr const char* kNeedsRootKey =
    "the keyring is wrapped and needs its root key (pii.root_key_file or pii.root_key_command; for "
    "pii-keyring, --root-key-file or --root-key-command)";

/// IsWrappedKeyring tells whether `text` is a JSON object that has `pii_wrapped_keyring` among its own
/// members. It reads no further than that member and checks nothing else: UnwrapKeyring does.
bool IsWrappedKeyring(std::string_view text);

/// ParseRootKey reads a root key: 32 bytes in base64 of RFC 4648 §4 with padding. White space before and
/// after is ignored: files and commands end with a newline. `*problem` is one line that shows no byte of the
/// text.
bool ParseRootKey(std::string_view text, SecretKey* key, std::string* problem);

/// NewRootKey makes a random root key, as ParseRootKey reads it, with a newline. Fails with kCryptoFailed
/// without randomness.
Status NewRootKey(SecretString* text);

/// DeriveRootCheckValue computes the check value that a wrapped keyring names its root key by: that of a key
/// (DeriveCheckValue) in no domain.
Status DeriveRootCheckValue(const SecretKey& root_key, CheckValue* check_value);

/// CheckValueText returns a check value as people see it: 16 hex digits.
std::string CheckValueText(const CheckValue& check_value);

/// WrapKeyring seals the JSON of a keyring under `root_key`, with a new nonce, in the form of FORMAT.md
/// ("Wrapped keyring"). It does not look at what it wraps. Fails when the result would be larger than
/// kMaxKeyringSize, which the JSON is from about 768 KiB on, and without working cryptography.
///
/// Not protected: that the file is an old one. Who can write it can put back what it was before.
bool WrapKeyring(std::string_view keyring_json, const SecretKey& root_key, SecretString* wrapped,
                 std::string* problem);

/// UnwrapKeyring reverses WrapKeyring. `*keyring_json` is wiped and empty unless it succeeds. Another root
/// key than the one the keyring was wrapped under is told from damage by its check value, and `*problem` then
/// has both: one line without any other byte of the text.
bool UnwrapKeyring(std::string_view wrapped, const SecretKey& root_key, SecretString* keyring_json,
                   std::string* problem);

/// OpenKeyring reads a keyring that may be wrapped, with the text of a root key that may be empty: there is
/// none. A wrapped keyring without a root key is refused, and so is a root key without a wrapped keyring: who
/// set one believes that no key lies on the disk in plain. A source of root keys that gave nothing must
/// therefore not be handed on as empty. `*problem` is one line without key material.
bool OpenKeyring(std::string_view text, std::string_view root_key_text, Keyring* keyring,
                 std::string* problem);

}  // namespace pii

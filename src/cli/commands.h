#pragma once

#include <cstdint>
#include <string>

#include "keyring_file.h"

namespace pii::cli {

constexpr const char* kDefaultDomain = "default";

/// Arguments is what the command line says, syntax checked. A command looks at what it needs.
struct Arguments {
  std::string file;
  std::string domain = kDefaultDomain;
  std::string purpose;   ///< seal or blind_index
  uint16_t version = 0;  ///< 1 to 65535
};

/// Command carries one command out and writes what was done, and what to do next, to standard output. On
/// failure nothing has changed unless `problem->message` says so.
using Command = bool (*)(const Arguments& arguments, Problem* problem);

/// InitKeyring makes a keyring file with one domain: version 1 for both purposes, and a hash key. Refuses
/// when `file` exists.
bool InitKeyring(const Arguments& arguments, Problem* problem);

/// AddVersion adds the next version of `purpose`: enabled, not primary. Refuses unknown domains and a keyring
/// that is full.
bool AddVersion(const Arguments& arguments, Problem* problem);

/// PromoteVersion makes `version` the primary of `purpose`. Refuses versions that are unknown, disabled or
/// destroyed; one that is primary already is no failure, and the file is not written.
bool PromoteVersion(const Arguments& arguments, Problem* problem);

/// ListKeyring writes a table of all versions and one of the custom classes, without key material.
bool ListKeyring(const Arguments& arguments, Problem* problem);

/// VerifyKeyring checks all that the server checks before it takes a keyring: whose file it is and who may
/// read it, every rule of FORMAT.md, the room in the server's key table, and the self-test of the cipher.
bool VerifyKeyring(const Arguments& arguments, Problem* problem);

}  // namespace pii::cli

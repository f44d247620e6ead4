#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "problem.h"
#include "root_key.h"

namespace pii::cli {

constexpr const char* kDefaultDomain = "default";

/// Arguments is what the command line says, syntax checked. A command looks at what it needs.
struct Arguments {
  std::string file;
  std::string domain = kDefaultDomain;
  std::string purpose;   ///< seal or blind_index
  uint16_t version = 0;  ///< 1 to 65535
  bool force = false;
  RootKeySource root_key;  ///< of the keyring as it is; of the one that is made
  RootKeySource new_root_key;

  // A custom class.
  std::string class_name;
  uint16_t class_id = 0;  ///< 1000 to 65535; 0: the next one
  std::string normalizer;
  uint8_t keep_first = 0;
  uint8_t keep_last = 0;
  std::vector<std::string> transforms;
};

/// Command carries one command out and writes what was done, and what to do next, to standard output. On
/// failure nothing has changed unless `problem->message` says so. All that read a keyring take a wrapped one,
/// given its root key, and those that change it write it wrapped again.
using Command = bool (*)(const Arguments& arguments, Problem* problem);

/// InitKeyring makes a keyring file with one domain: version 1 for both purposes, and a hash key. With a root
/// key the file is wrapped from the start. Refuses when `file` exists.
bool InitKeyring(const Arguments& arguments, Problem* problem);

/// AddVersion adds the next version of `purpose`: enabled, not primary. Refuses unknown domains and a keyring
/// that is full.
bool AddVersion(const Arguments& arguments, Problem* problem);

/// PromoteVersion makes `version` the primary of `purpose`. Refuses versions that are unknown, disabled or
/// destroyed; one that is primary already is no failure, and the file is not written.
bool PromoteVersion(const Arguments& arguments, Problem* problem);

/// DisableVersion keeps the key of `version` and has servers not use it; EnableVersion takes that back. Both
/// refuse versions that are unknown or destroyed, and DisableVersion the primary. One that is as wanted is no
/// failure, and the file is not written.
bool DisableVersion(const Arguments& arguments, Problem* problem);
bool EnableVersion(const Arguments& arguments, Problem* problem);

/// DestroyVersion takes the key of a disabled `version` out of the keyring for good; its number stays.
/// Refuses without `force`, and says what to check before. Refuses the primary and what is enabled always:
/// disabling can be taken back, so it is the time to see whether a key is still needed.
bool DestroyVersion(const Arguments& arguments, Problem* problem);

/// CreateDomain adds a domain with keys of its own, as InitKeyring makes it. Refuses a name that is taken.
bool CreateDomain(const Arguments& arguments, Problem* problem);

/// DeclareClass adds a custom class. Its id is the one above all others unless `class_id` is given. Refuses
/// names and ids that are taken, also by built-in classes, and transforms of a class that is never searched.
bool DeclareClass(const Arguments& arguments, Problem* problem);

/// ListKeyring writes a table of all versions and one of the custom classes, without key material.
bool ListKeyring(const Arguments& arguments, Problem* problem);

/// VerifyKeyring checks all that the server checks before it takes a keyring: whose file it is and who may
/// read it, that it opens under its root key, every rule of FORMAT.md, the room in the server's key table,
/// and the self-test of the cipher.
bool VerifyKeyring(const Arguments& arguments, Problem* problem);

/// InitRootKey makes a root key file. Refuses when `file` exists.
bool InitRootKey(const Arguments& arguments, Problem* problem);

/// WrapFile replaces a keyring file by its wrapped form; UnwrapFile reverses that; RewrapRoot puts
/// `new_root_key` in the place of `root_key`. Each refuses a file that is wrapped already, or not.
bool WrapFile(const Arguments& arguments, Problem* problem);
bool UnwrapFile(const Arguments& arguments, Problem* problem);
bool RewrapRoot(const Arguments& arguments, Problem* problem);

}  // namespace pii::cli

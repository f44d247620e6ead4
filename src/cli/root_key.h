#pragma once

#include <string>

#include "problem.h"
#include "secret.h"

namespace pii::cli {

/// RootKeySource is where a root key comes from: a file, or what a command writes. Both empty: there is none.
struct RootKeySource {
  std::string file;
  std::string command;

  bool IsGiven() const { return !file.empty() || !command.empty(); }
};

/// RootKey is a root key that was read, or that there is none.
struct RootKey {
  bool is_given = false;
  SecretKey key;
  std::string check_value;  ///< 16 hex digits
  std::string option;       ///< RootKeyOption of its source
};

/// ReadRootKey reads a root key from its source, a file under the rule of keyring files, a command for no
/// longer than 30 seconds. No source, no root key.
bool ReadRootKey(const RootKeySource& source, RootKey* root_key, Problem* problem);

/// RootKeyOption returns the option that names the source, after a blank, for the command to run next; empty
/// without a source. A command is not repeated: it may hold a password.
std::string RootKeyOption(const RootKeySource& source);

}  // namespace pii::cli

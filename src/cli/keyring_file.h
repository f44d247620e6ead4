#pragma once

#include <functional>
#include <string>

#include "problem.h"
#include "secret.h"

namespace pii::cli {

/// KeyFile is what a file holds, which messages say.
enum class KeyFile { kKeyring, kRootKey };

/// ResolvePath returns the absolute path without symbolic links; empty, with errno set, when it leads
/// nowhere.
std::string ResolvePath(const std::string& path);

/// CreateKeyFile writes `text` to a new file `path` with mode 0600, whatever the umask. It fails when
/// anything has that name already, a dangling symbolic link too, even if it appears at the last moment. After
/// a failure nothing is left behind.
bool CreateKeyFile(KeyFile kind, const std::string& path, const SecretString& text, Problem* problem);

/// LoadKeyFile reads a file with keys under the rule of ReadKeyringFile (key_source.h). The user that runs
/// the server is taken to be the caller or, when root calls, the owner of the file.
bool LoadKeyFile(KeyFile kind, const std::string& path, SecretString* text, Problem* problem);

/// Change makes the new text of a keyring file from the old one. An empty new text leaves the file alone.
using Change = std::function<bool(const SecretString& old_text, SecretString* new_text, Problem* problem)>;

/// RewriteKeyringFile loads a keyring file, as LoadKeyFile does, and replaces it whole by what `change`
/// makes of it: a reader sees the old text or the new one, after a power failure too. Owner, group, mode and
/// access control list stay as they are. A symbolic link is followed and stays. Runs on files of the same
/// directory take turns, from reading to replacing. After a failure the old file is untouched, with one
/// exception that the message names: the directory cannot be flushed to disk.
bool RewriteKeyringFile(const std::string& path, const Change& change, Problem* problem);

}  // namespace pii::cli

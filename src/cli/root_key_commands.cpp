// Commands on root keys, and on what is wrapped under them.

#include <unistd.h>

#include "keyring_file.h"
#include "opened_keyring.h"
#include "output.h"
#include "wrapped_keyring.h"

namespace pii::cli {
namespace {

/// Replaces the keyring file by the same keyring under another root key, or none.
bool Rewrap(const Arguments& arguments, const RootKey& old_key, const RootKey& new_key, Problem* problem) {
  return RewriteKeyringFile(
      arguments.file,
      [&](const SecretString& old_text, SecretString* new_text, Problem* change_problem) {
        OpenedKeyring before;
        OpenedKeyring after;
        if (!old_key.is_given && IsWrappedKeyring(old_text)) {
          return Refuse(change_problem, "keyring file " + Quoted(arguments.file) + " is wrapped already",
                        "to change its root key, run pii-keyring rewrap-root; to see it: " +
                            CommandText("list", arguments));
        }
        return OpenText(arguments.file, old_text, old_key, &before, change_problem) &&
               FormatText(arguments.file, before.keyring, new_key, new_text, &after, change_problem);
      },
      problem);
}

}  // namespace

bool InitRootKey(const Arguments& arguments, Problem* problem) {
  SecretString text;
  if (NewRootKey(&text) != Status::kOk) {
    return Refuse(problem, "OpenSSL gives no random bytes for a key", "check the OpenSSL configuration");
  }
  SecretKey key;
  CheckValue check_value;
  std::string what;
  if (!ParseRootKey(text, &key, &what) || DeriveRootCheckValue(key, &check_value) != Status::kOk) {
    return Refuse(problem, "OpenSSL cannot derive keys (HKDF-SHA256)", "check the OpenSSL configuration");
  }
  if (!CreateKeyFile(KeyFile::kRootKey, arguments.file, text, problem)) return false;
  const std::string word = ShellWord(arguments.file);
  Print("created root key file " + Quoted(arguments.file) + ", check value " + CheckValueText(check_value) +
        "\n");
  if (geteuid() == 0) Next("give it to the user that runs the server, for example: chown postgres " + word);
  Next(
      "keep a copy apart from the keyring and from the backups of the database; without it what is wrapped "
      "under it cannot be opened");
  Next("make a wrapped keyring: pii-keyring init KEYRING --root-key-file " + word);
  Next("or wrap one that you have: pii-keyring wrap KEYRING --root-key-file " + word);
  return true;
}

bool WrapFile(const Arguments& arguments, Problem* problem) {
  RootKey root_key;
  if (!ReadRootKey(arguments.root_key, &root_key, problem) || !Rewrap(arguments, {}, root_key, problem)) {
    return false;
  }
  Print("wrapped keyring file " + Quoted(arguments.file) + " under the root key with check value " +
        root_key.check_value + "\n");
  Next("on every server that uses the keyring set " + RootKeySetting(arguments.root_key) +
       " in postgresql.conf, and run pg_ctl reload");
  Next(
      "destroy the copies of the keyring that are not wrapped; what was on the disk may be there still, so "
      "rotate keys that matter");
  return true;
}

bool UnwrapFile(const Arguments& arguments, Problem* problem) {
  RootKey root_key;
  if (!ReadRootKey(arguments.root_key, &root_key, problem) || !Rewrap(arguments, root_key, {}, problem)) {
    return false;
  }
  Print("unwrapped keyring file " + Quoted(arguments.file) + ": its keys are now in plain on the disk\n");
  Next(
      "on every server that uses the keyring take pii.root_key_file and pii.root_key_command out of "
      "postgresql.conf, and run pg_ctl reload");
  return true;
}

bool RewrapRoot(const Arguments& arguments, Problem* problem) {
  RootKey old_key;
  RootKey new_key;
  if (!ReadRootKey(arguments.root_key, &old_key, problem) ||
      !ReadRootKey(arguments.new_root_key, &new_key, problem)) {
    return false;
  }
  if (old_key.check_value == new_key.check_value) {
    return Refuse(problem, "the new root key is the old one, check value " + old_key.check_value,
                  "make a new one: pii-keyring init-root FILE");
  }
  if (!Rewrap(arguments, old_key, new_key, problem)) return false;
  Print("wrapped keyring file " + Quoted(arguments.file) + " under the root key with check value " +
        new_key.check_value + "; it was " + old_key.check_value + "\n");
  Next("on every server that uses the keyring set " + RootKeySetting(arguments.new_root_key) +
       " in postgresql.conf, and run pg_ctl reload");
  Next("keep the old root key as long as you keep a copy of the keyring that is wrapped under it");
  return true;
}

}  // namespace pii::cli

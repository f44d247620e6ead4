#include "root_key.h"

#include "key_source.h"
#include "keyring_file.h"
#include "wrapped_keyring.h"

namespace pii::cli {
namespace {

constexpr int kTimeoutMs = 30'000;

bool RunCommand(const std::string& command, SecretString* text, Problem* problem) {
  std::string what;
  if (RunKeyringCommand(command.c_str(), kTimeoutMs, text, &what)) return true;
  // The limit is the server's setting there, and fixed here.
  constexpr std::string_view kSetting = " (pii.keyring_timeout)";
  if (what.ends_with(kSetting)) what.resize(what.size() - kSetting.size());
  return Refuse(problem, "root key command: " + what,
                "run the command by hand and put right what it reports");
}

}  // namespace

bool ReadRootKey(const RootKeySource& source, RootKey* root_key, Problem* problem) {
  root_key->is_given = source.IsGiven();
  root_key->option = RootKeyOption(source);
  if (!root_key->is_given) return true;
  const bool from_file = !source.file.empty();
  SecretString text;
  if (from_file ? !LoadKeyFile(KeyFile::kRootKey, source.file, &text, problem)
                : !RunCommand(source.command, &text, problem)) {
    return false;
  }
  std::string what;
  if (!ParseRootKey(text, &root_key->key, &what)) {
    return from_file ? Refuse(problem, "root key file " + Quoted(source.file) + ": " + what,
                              "give the name of a file that pii-keyring init-root made")
                     : Refuse(problem, "root key command: " + what,
                              "let the command write the root key to its standard output, and nothing else");
  }
  CheckValue check_value;
  if (DeriveRootCheckValue(root_key->key, &check_value) != Status::kOk) {
    return Refuse(problem, "OpenSSL cannot derive keys (HKDF-SHA256)", "check the OpenSSL configuration");
  }
  root_key->check_value = CheckValueText(check_value);
  return true;
}

std::string RootKeyOption(const RootKeySource& source) {
  if (!source.file.empty()) return " --root-key-file " + ShellWord(source.file);
  return source.command.empty() ? "" : " --root-key-command COMMAND";
}

}  // namespace pii::cli

#include "opened_keyring.h"

#include "key_source.h"
#include "keyring_file.h"
#include "wrapped_keyring.h"

namespace pii::cli {
namespace {

std::string Named(const std::string& file) { return "keyring file " + Quoted(file); }

bool Build(const std::string& file, std::string_view json, OpenedKeyring* opened, Problem* problem) {
  opened->table.reset(new KeyTable);
  std::string what;
  if (ParseKeyring(json, &opened->keyring, &what) &&
      BuildKeyTable(opened->keyring, opened->table.get(), &what)) {
    return true;
  }
  return Refuse(problem, Named(file) + ": " + what,
                "compare it with \"Keyring file\" in FORMAT.md, or restore it from a backup");
}

bool RefuseDomain(const Keyring& keyring, const std::string& name, Problem* problem) {
  constexpr size_t kMost = 10;
  std::string names;
  size_t count = 0;
  for (const auto& [known, domain] : keyring.domains) {
    if (count++ == kMost) {
      names += ", ... (" + std::to_string(keyring.domains.size()) + " in all)";
      break;
    }
    names += (names.empty() ? "" : ", ") + known;
  }
  return Refuse(problem, "the keyring has no domain " + Quoted(name),
                "name one of its domains with --domain: " + names);
}

}  // namespace

bool OpenText(const std::string& file, const SecretString& text, const RootKey& root_key,
              OpenedKeyring* opened, Problem* problem) {
  if (!IsWrappedKeyring(text)) {
    if (!root_key.is_given) return Build(file, text, opened, problem);
    return Refuse(problem, Named(file) + " is not wrapped, and a root key is given",
                  "wrap it: pii-keyring wrap " + ShellWord(file) + root_key.option + "; or give no root key");
  }
  if (!root_key.is_given) {
    return Refuse(problem, Named(file) + " is wrapped",
                  "give its root key: --root-key-file FILE or --root-key-command COMMAND");
  }
  SecretString json;
  std::string what;
  if (!UnwrapKeyring(text, root_key.key, &json, &what)) {
    return Refuse(problem, Named(file) + ": " + what,
                  "give the root key that it was wrapped under, or restore it from a backup");
  }
  return Build(file, json, opened, problem);
}

bool FormatText(const std::string& file, const Keyring& keyring, const RootKey& root_key, SecretString* text,
                OpenedKeyring* opened, Problem* problem) {
  const std::string hint = "keep domains that are not used together in keyring files of their own";
  *text = FormatKeyring(keyring);
  if (root_key.is_given) {
    SecretString wrapped;
    std::string what;
    if (!WrapKeyring(*text, root_key.key, &wrapped, &what)) return Refuse(problem, what, hint);
    *text = std::move(wrapped);
  }
  if (text->size() > kMaxKeyringSize) {
    return Refuse(problem,
                  "the keyring would become larger than " + std::to_string(kMaxKeyringSize >> 20) + " MiB",
                  hint);
  }
  return OpenText(file, *text, root_key, opened, problem);
}

bool LoadKeyring(const Arguments& arguments, RootKey* root_key, OpenedKeyring* opened, Problem* problem) {
  SecretString text;
  return ReadRootKey(arguments.root_key, root_key, problem) &&
         LoadKeyFile(KeyFile::kKeyring, arguments.file, &text, problem) &&
         OpenText(arguments.file, text, *root_key, opened, problem);
}

bool EditKeyring(const Arguments& arguments, const Edit& edit, OpenedKeyring* opened, Problem* problem) {
  // Before the directory is locked: a command may take its time.
  RootKey root_key;
  if (!ReadRootKey(arguments.root_key, &root_key, problem)) return false;
  return RewriteKeyringFile(
      arguments.file,
      [&](const SecretString& old_text, SecretString* new_text, Problem* change_problem) {
        bool changed = false;
        if (!OpenText(arguments.file, old_text, root_key, opened, change_problem) ||
            !edit(&opened->keyring, &changed, change_problem)) {
          return false;
        }
        if (!changed) return true;
        Keyring edited = std::move(opened->keyring);
        return FormatText(arguments.file, edited, root_key, new_text, opened, change_problem);
      },
      problem);
}

bool EditKeys(const Arguments& arguments, const EditOfKeys& edit, OpenedKeyring* opened, Problem* problem) {
  return EditKeyring(
      arguments,
      [&](Keyring* keyring, bool* changed, Problem* edit_problem) {
        auto found = keyring->domains.find(arguments.domain);
        if (found == keyring->domains.end()) return RefuseDomain(*keyring, arguments.domain, edit_problem);
        Domain& domain = found->second;
        return edit(PurposeOf(arguments) == Purpose::kSeal ? &domain.seal : &domain.blind_index, changed,
                    edit_problem);
      },
      opened, problem);
}

Purpose PurposeOf(const Arguments& arguments) {
  return arguments.purpose == PurposeName(Purpose::kSeal) ? Purpose::kSeal : Purpose::kBlindIndex;
}

}  // namespace pii::cli

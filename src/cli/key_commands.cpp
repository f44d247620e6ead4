// Commands on the versions of keys, and on domains.

#include <unistd.h>

#include <ctime>

#include "keyring_file.h"
#include "opened_keyring.h"
#include "output.h"
#include "wrapped_keyring.h"

namespace pii::cli {
namespace {

bool RefuseRandom(Problem* problem) {
  return Refuse(problem, "OpenSSL gives no random bytes for a key", "check the OpenSSL configuration");
}

/// `version 2 of seal in domain "default"`
std::string VersionName(const Arguments& arguments) {
  return "version " + std::to_string(arguments.version) + " of " + arguments.purpose + " in domain " +
         Quoted(arguments.domain);
}

/// The command line for the version that `arguments` names, or another one.
std::string VersionCommand(const std::string& command, const Arguments& arguments, uint16_t version,
                           const std::string& option = "") {
  return CommandText(
      command, arguments,
      " " + arguments.purpose + " " + std::to_string(version) + DomainOption(arguments.domain) + option);
}

std::string AddHint(const Arguments& arguments) {
  return "add a new version: " +
         CommandText("add", arguments, " " + arguments.purpose + DomainOption(arguments.domain));
}

/// Finds the version that `arguments` names. Null, with `*problem`, when there is none.
KeyVersion* FindVersion(const Arguments& arguments, KeySet* keys, Problem* problem) {
  auto found = keys->versions.find(arguments.version);
  if (found != keys->versions.end()) return &found->second;
  Refuse(problem, "there is no " + VersionName(arguments),
         "see which there are: " + CommandText("list", arguments) + "; or " + AddHint(arguments));
  return nullptr;
}

bool RefusePrimary(const Arguments& arguments, const KeySet& keys, Problem* problem) {
  const std::string message = VersionName(arguments) + " is the primary, which new values are written with";
  const auto& [newest, key] = *keys.versions.rbegin();
  if (newest != keys.primary && key.status == KeyStatus::kEnabled) {
    return Refuse(problem, message,
                  "first promote another one: " + VersionCommand("promote", arguments, newest));
  }
  return Refuse(problem, message, "first " + AddHint(arguments) + "; then promote that");
}

bool IsOf(const Arguments& arguments, Purpose purpose) { return PurposeOf(arguments) == purpose; }

/// What shows whether a version is still needed.
constexpr const char* kStatusQuery = "SELECT * FROM pii_column_status('table', 'column')";

/// SetStatus gives the version that `arguments` names another status, which `check` may refuse. `*changed` is
/// false when it has that status already.
bool SetStatus(const Arguments& arguments, KeyStatus status,
               const std::function<bool(const KeySet&, KeyStatus, Problem*)>& check, bool* changed,
               Problem* problem) {
  OpenedKeyring opened;
  return EditKeys(
      arguments,
      [&](KeySet* keys, bool* edited, Problem* edit_problem) {
        KeyVersion* version = FindVersion(arguments, keys, edit_problem);
        if (version == nullptr) return false;
        *changed = version->status != status;
        if (!*changed) return true;
        if (!check(*keys, version->status, edit_problem)) return false;
        version->status = status;
        if (status == KeyStatus::kDestroyed) version->key = SecretKey();
        *edited = true;
        return true;
      },
      &opened, problem);
}

bool PrintUnchanged(const Arguments& arguments, KeyStatus status) {
  Print(VersionName(arguments) + " is " + std::string(KeyStatusName(status)) + " already; nothing to do\n");
  return true;
}

bool RefuseWithoutForce(const Arguments& arguments, Problem* problem) {
  const std::string number = std::to_string(arguments.version);
  const bool seals = IsOf(arguments, Purpose::kSeal);
  const std::string hint =
      "first check that nothing needs it:\n"
      "  - In every database of every server that uses the keyring, for every sealed column,\n"
      "    " +
      std::string(kStatusQuery) + "\n    shows no row of kind " + (seals ? "'sealed'" : "'blind index'") +
      " with key_version " + number +
      ".\n"
      "  - It does not on any standby or logical subscriber either.\n" +
      (seals ? "  - No dump or backup that must stay readable is from a time when it did.\n"
               "  - No column default, view or function has sealed text in it that begins with pii:v" +
                   number + ":.\n"
             : "  - No backup that must be searched without a REINDEX is from a time when it did.\n") +
      "  Then run: " + VersionCommand("destroy", arguments, arguments.version, " --force");
  return Refuse(problem,
                "the key of " + VersionName(arguments) + " would be gone for good, and " +
                    (seals ? "with it every value that is sealed under it"
                           : "no row that is indexed under it would be found"),
                hint);
}

}  // namespace

bool InitKeyring(const Arguments& arguments, Problem* problem) {
  RootKey root_key;
  if (!ReadRootKey(arguments.root_key, &root_key, problem)) return false;
  Keyring keyring;
  if (AddDomain(&keyring, arguments.domain, std::time(nullptr)) != Status::kOk) return RefuseRandom(problem);
  SecretString text;
  OpenedKeyring opened;
  if (!FormatText(arguments.file, keyring, root_key, &text, &opened, problem) ||
      !CreateKeyFile(KeyFile::kKeyring, arguments.file, text, problem)) {
    return false;
  }
  Print("created keyring file " + Quoted(arguments.file) +
        (root_key.is_given ? ", wrapped under the root key with check value " + root_key.check_value : "") +
        ": domain " + Quoted(arguments.domain) + ", version 1 of seal and blind_index\n");
  if (geteuid() == 0) {
    Next("give it to the user that runs the server, for example: chown postgres " +
         ShellWord(arguments.file));
  }
  std::string settings =
      "shared_preload_libraries = 'pii', pii.keyring_file = " + SettingText(arguments.file);
  if (root_key.is_given) settings += ", " + RootKeySetting(arguments.root_key);
  if (arguments.domain != kDefaultDomain) settings += ", pii.domain = '" + arguments.domain + "'";
  Next("in postgresql.conf set " + settings + "; and restart the server");
  Next("keep a copy apart from the backups of the database; without it the data cannot be read");
  return true;
}

bool AddVersion(const Arguments& arguments, Problem* problem) {
  OpenedKeyring opened;
  uint16_t version = 0;
  uint16_t primary = 0;
  bool added = EditKeys(
      arguments,
      [&](KeySet* keys, bool* changed, Problem* edit_problem) {
        Status status = AddKeyVersion(keys, std::time(nullptr), &version);
        if (status == Status::kTooLong) {
          return Refuse(edit_problem,
                        "version 65535 of " + arguments.purpose + " in domain " + Quoted(arguments.domain) +
                            " exists, and no number is above it",
                        "use a new domain for new data");
        }
        if (status != Status::kOk) return RefuseRandom(edit_problem);
        primary = keys->primary;
        *changed = true;
        return true;
      },
      &opened, problem);
  if (!added) return false;
  const KeyTable& table = *opened.table;
  const KeyTable::Key* key =
      table.FindKey(*table.FindDomain(arguments.domain), PurposeOf(arguments), version);
  Print("added version " + std::to_string(version) + " of " + arguments.purpose + " to domain " +
        Quoted(arguments.domain) + ", check value " + CheckValueText(key->check_value) + "; version " +
        std::to_string(primary) + " is still the primary\n");
  NextReload();
  Next("when all of them have it, run: " + VersionCommand("promote", arguments, version));
  return true;
}

bool PromoteVersion(const Arguments& arguments, Problem* problem) {
  OpenedKeyring opened;
  uint16_t old_primary = 0;
  bool promoted = EditKeys(
      arguments,
      [&](KeySet* keys, bool* changed, Problem* edit_problem) {
        const KeyVersion* version = FindVersion(arguments, keys, edit_problem);
        if (version == nullptr) return false;
        if (version->status == KeyStatus::kDisabled) {
          return Refuse(edit_problem, VersionName(arguments) + " is disabled",
                        "enable it: " + VersionCommand("enable", arguments, arguments.version) + "; or " +
                            AddHint(arguments));
        }
        if (version->status == KeyStatus::kDestroyed) {
          return Refuse(edit_problem, VersionName(arguments) + " is destroyed", AddHint(arguments));
        }
        old_primary = keys->primary;
        keys->primary = arguments.version;
        *changed = old_primary != arguments.version;
        return true;
      },
      &opened, problem);
  if (!promoted) return false;
  if (old_primary == arguments.version) {
    Print(VersionName(arguments) + " is the primary already; nothing to do\n");
    return true;
  }
  Print(VersionName(arguments) + " is now the primary; it was version " + std::to_string(old_primary) + "\n");
  NextReload();
  Next(std::string("then CALL pii_rewrap_column('table', 'column') moves ") +
       (IsOf(arguments, Purpose::kSeal) ? "old values" : "old entries of blind indexes") +
       "; see docs/rotation.md");
  return true;
}

bool DisableVersion(const Arguments& arguments, Problem* problem) {
  auto check = [&](const KeySet& keys, KeyStatus status, Problem* check_problem) {
    if (status == KeyStatus::kDestroyed) {
      return Refuse(check_problem, VersionName(arguments) + " is destroyed, which is more than disabled",
                    "see which versions there are: " + CommandText("list", arguments));
    }
    return keys.primary != arguments.version || RefusePrimary(arguments, keys, check_problem);
  };
  bool changed = false;
  if (!SetStatus(arguments, KeyStatus::kDisabled, check, &changed, problem)) return false;
  if (!changed) return PrintUnchanged(arguments, KeyStatus::kDisabled);
  Print(VersionName(arguments) + " is now disabled; a server goes on using it until it reloads\n");
  Next(std::string("check that nothing needs it, in every database: ") + kStatusQuery +
       " shows no row of it");
  NextReload();
  Next(std::string(IsOf(arguments, Purpose::kSeal)
                       ? "values sealed under it cannot be read from then on, until you take it back: "
                       : "rows indexed under it are not found from then on, until you take it back: ") +
       VersionCommand("enable", arguments, arguments.version));
  return true;
}

bool EnableVersion(const Arguments& arguments, Problem* problem) {
  auto check = [&](const KeySet&, KeyStatus status, Problem* check_problem) {
    return status != KeyStatus::kDestroyed ||
           Refuse(check_problem,
                  VersionName(arguments) + " is destroyed: its key is not in the keyring any more",
                  AddHint(arguments) + "; its values need a copy of the keyring from before");
  };
  bool changed = false;
  if (!SetStatus(arguments, KeyStatus::kEnabled, check, &changed, problem)) return false;
  if (!changed) return PrintUnchanged(arguments, KeyStatus::kEnabled);
  Print(VersionName(arguments) + " is now enabled\n");
  NextReload();
  return true;
}

bool DestroyVersion(const Arguments& arguments, Problem* problem) {
  auto check = [&](const KeySet& keys, KeyStatus status, Problem* check_problem) {
    if (keys.primary == arguments.version) return RefusePrimary(arguments, keys, check_problem);
    if (status == KeyStatus::kEnabled) {
      return Refuse(check_problem, VersionName(arguments) + " is enabled",
                    "first disable it, which can be taken back, reload every server and let all applications "
                    "run: " +
                        VersionCommand("disable", arguments, arguments.version));
    }
    return arguments.force || RefuseWithoutForce(arguments, check_problem);
  };
  bool changed = false;
  if (!SetStatus(arguments, KeyStatus::kDestroyed, check, &changed, problem)) return false;
  if (!changed) return PrintUnchanged(arguments, KeyStatus::kDestroyed);
  Print(VersionName(arguments) + " is now destroyed; its number stays\n");
  NextReload();
  Next("destroy every copy of the keyring that still holds the key, backups of it too");
  return true;
}

bool CreateDomain(const Arguments& arguments, Problem* problem) {
  OpenedKeyring opened;
  bool added = EditKeyring(
      arguments,
      [&](Keyring* keyring, bool* changed, Problem* edit_problem) {
        if (keyring->domains.contains(arguments.domain)) {
          return Refuse(edit_problem, "the keyring has a domain " + Quoted(arguments.domain) + " already",
                        "choose another name; see which there are: " + CommandText("list", arguments));
        }
        *changed = true;
        return AddDomain(keyring, arguments.domain, std::time(nullptr)) == Status::kOk ||
               RefuseRandom(edit_problem);
      },
      &opened, problem);
  if (!added) return false;
  Print("added domain " + Quoted(arguments.domain) + ": version 1 of seal and blind_index\n");
  NextReload();
  Next("then ALTER DATABASE name SET pii.domain = '" + arguments.domain +
       "', for a database without sealed values: those of another domain do not open in it");
  return true;
}

}  // namespace pii::cli

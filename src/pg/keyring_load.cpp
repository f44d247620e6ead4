// Where keys come from: the files and commands in the settings.

#include "keyring_load.h"

#include <unistd.h>

#include <cstring>

#include "key_source.h"
#include "pg.h"
#include "settings.h"
#include "wrapped_keyring.h"

namespace pii {
namespace {

/// One of two settings says where something is read from.
struct Source {
  const char* file;
  const char* file_setting;
  const char* command;
  const char* command_setting;
};

bool IsSet(const char* setting) { return setting != nullptr && setting[0] != '\0'; }

Source KeyringSource() {
  return {settings.keyring_file, "pii.keyring_file", settings.keyring_command, "pii.keyring_command"};
}

Source RootKeySource() {
  return {settings.root_key_file, "pii.root_key_file", settings.root_key_command, "pii.root_key_command"};
}

/// IsInside, behind the wall. What cannot be told counts as inside.
bool LiesIn(const char* path, const char* directory) {
  bool inside = true;
  Status status = CallCore([&] {
    inside = IsInside(path, directory);
    return Status::kOk;
  });
  return status != Status::kOk || inside;
}

/// A backup of the data directory must not hold the keys to it. pg_wal and tablespaces are links to
/// elsewhere, and are backed up as well.
bool IsInsideCluster(const char* path) {
  if (LiesIn(path, DataDir)) return true;
  char directory[MAXPGPATH];
  snprintf(directory, sizeof directory, "%s/pg_wal", DataDir);
  if (LiesIn(path, directory)) return true;
  snprintf(directory, sizeof directory, "%s/pg_tblspc", DataDir);
  bool inside = false;
  DIR* tablespaces = AllocateDir(directory);
  while (struct dirent* entry = ReadDirExtended(tablespaces, directory, LOG)) {
    if (entry->d_name[0] == '.') continue;
    char tablespace[MAXPGPATH * 2];
    snprintf(tablespace, sizeof tablespace, "%s/%s", directory, entry->d_name);
    inside = inside || LiesIn(path, tablespace);
  }
  FreeDir(tablespaces);
  return inside;
}

/// What can be said of a source before it is read.
bool CheckSource(const Source& source, bool is_required, CoreText* problem) {
  const char* rule = nullptr;
  const char* subject = source.file_setting;
  bool has_file = IsSet(source.file);
  if (has_file && IsSet(source.command)) {
    snprintf(problem->data, sizeof problem->data, "both %s and %s are set; set one", source.file_setting,
             source.command_setting);
    return false;
  }
  if (!has_file && !IsSet(source.command) && is_required) {
    snprintf(problem->data, sizeof problem->data, "neither %s nor %s is set", source.file_setting,
             source.command_setting);
    return false;
  }
  if (has_file && !is_absolute_path(source.file)) {
    rule = "it must be an absolute path";
  } else if (has_file && access(source.file, F_OK) == 0 && IsInsideCluster(source.file)) {
    rule = "it lies inside the data directory, pg_wal or a tablespace, whose backups would hold the keys";
  }
  if (rule != nullptr) snprintf(problem->data, sizeof problem->data, "%s: %s", subject, rule);
  return rule == nullptr;
}

/// What was wrong, and with which setting.
void Blame(const Source& source, std::string* problem) {
  *problem = std::string(IsSet(source.file) ? source.file_setting : source.command_setting) + ": " + *problem;
}

/// Reads a source that is set and passed CheckSource.
bool ReadSource(const Source& source, bool (*is_cancelled)(), SecretString* text, std::string* problem) {
  bool done = IsSet(source.file)
                  ? ReadKeyringFile(source.file, geteuid(), text, problem)
                  : RunKeyringCommand(source.command, settings.keyring_timeout, text, problem, is_cancelled);
  if (!done) Blame(source, problem);
  return done;
}

/// Reads a root key, where one is set, as the text that OpenKeyring takes. False for what is none.
bool ReadRootKey(bool (*is_cancelled)(), SecretString* text, std::string* problem) {
  Source source = RootKeySource();
  if (!IsSet(source.file) && !IsSet(source.command)) return true;
  if (!ReadSource(source, is_cancelled, text, problem)) return false;
  SecretKey root_key;
  if (ParseRootKey({text->data(), text->size()}, &root_key, problem)) return true;
  Blame(source, problem);
  return false;
}

/// Texts, root key and parsed keyring live and die in here, behind the wall.
Status ReadTable(KeyTable* fresh, CoreText* problem, bool (*is_cancelled)()) {
  SecretString text;
  SecretString root_key;
  Keyring keyring;
  std::string what;
  bool read =
      ReadRootKey(is_cancelled, &root_key, &what) && ReadSource(KeyringSource(), is_cancelled, &text, &what);
  if (read) {
    if (OpenKeyring({text.data(), text.size()}, {root_key.data(), root_key.size()}, &keyring, &what) &&
        BuildKeyTable(keyring, fresh, &what)) {
      return Status::kOk;
    }
    Blame(KeyringSource(), &what);
  }
  SetText(problem, what.data(), what.size());
  return Status::kUnexpected;
}

/// What is wrong with where a file lies, or with who may read it.
bool CheckFile(const Source& source, CoreText* problem) {
  if (!IsSet(source.file)) return true;
  if (!CheckSource(source, true, problem)) return false;
  Status status = CallCore(
      [&] {
        std::string what;
        if (CheckKeyringFile(source.file, geteuid(), &what)) return Status::kOk;
        Blame(source, &what);
        SetText(problem, what.data(), what.size());
        return Status::kUnexpected;
      },
      problem);
  return status == Status::kOk;
}

}  // namespace

bool CheckKeyFiles(CoreText* problem) {
  problem->data[0] = '\0';
  return CheckFile(KeyringSource(), problem) && CheckFile(RootKeySource(), problem);
}

bool LoadKeyTable(KeyTable* fresh, CoreText* problem, bool (*is_cancelled)()) {
  problem->data[0] = '\0';
  return CheckSource(RootKeySource(), false, problem) && CheckSource(KeyringSource(), true, problem) &&
         CallCore([=] { return ReadTable(fresh, problem, is_cancelled); }, problem) == Status::kOk;
}

}  // namespace pii

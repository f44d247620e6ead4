#include "commands.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <vector>

#include "key_source.h"
#include "key_table.h"
#include "keyring.h"
#include "self_test.h"

namespace pii::cli {
namespace {

struct WipeAndDelete {
  void operator()(KeyTable* table) const {
    Wipe({reinterpret_cast<uint8_t*>(table), sizeof *table});
    delete table;
  }
};
using KeyTablePointer = std::unique_ptr<KeyTable, WipeAndDelete>;

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

std::string Quoted(std::string_view name) { return "\"" + std::string(name) + "\""; }

/// Reads the text and builds the table that the server would use, so that what passes here loads there.
bool Check(const std::string& file, std::string_view text, Keyring* keyring, KeyTablePointer* table,
           Problem* problem) {
  table->reset(new KeyTable);
  std::string what;
  if (ParseKeyring(text, keyring, &what) && BuildKeyTable(*keyring, table->get(), &what)) return true;
  return Refuse(problem, "keyring file \"" + file + "\": " + what,
                "compare it with \"Keyring file\" in FORMAT.md, or restore it from a backup");
}

bool LoadAndCheck(const std::string& file, Keyring* keyring, KeyTablePointer* table, Problem* problem) {
  SecretString text;
  return LoadKeyringFile(file, &text, problem) && Check(file, text, keyring, table, problem);
}

/// Formats a changed keyring and checks it as Check does: a file that the server would refuse is not written.
bool FormatAndCheck(const std::string& file, const Keyring& keyring, SecretString* text,
                    KeyTablePointer* table, Problem* problem) {
  *text = FormatKeyring(keyring);
  if (text->size() > kMaxKeyringSize) {
    return Refuse(problem,
                  "the keyring would become larger than " + std::to_string(kMaxKeyringSize >> 20) + " MiB",
                  "keep domains that are not used together in keyring files of their own");
  }
  Keyring reread;
  return Check(file, *text, &reread, table, problem);
}

bool RefuseRandom(Problem* problem) {
  return Refuse(problem, "OpenSSL gives no random bytes for a key", "check the OpenSSL configuration");
}

std::string DomainOption(const std::string& domain) {
  return domain == kDefaultDomain ? "" : " --domain " + domain;
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

/// PurposeName is the word of the keyring file and the command line.
std::string PurposeName(Purpose purpose) { return purpose == Purpose::kSeal ? "seal" : "blind_index"; }

Purpose PurposeOf(const Arguments& arguments) {
  return arguments.purpose == PurposeName(Purpose::kSeal) ? Purpose::kSeal : Purpose::kBlindIndex;
}

/// Finds the keys that `arguments` names. Null, with `*problem`, when there is no such domain.
KeySet* FindKeys(const Arguments& arguments, Keyring* keyring, Problem* problem) {
  auto found = keyring->domains.find(arguments.domain);
  if (found == keyring->domains.end()) {
    RefuseDomain(*keyring, arguments.domain, problem);
    return nullptr;
  }
  return PurposeOf(arguments) == Purpose::kSeal ? &found->second.seal : &found->second.blind_index;
}

/// EditKeys lets `edit` change the keys that `arguments` names, and writes the file when it says so by
/// `*changed`. `*table` is the table of the new keyring.
template <typename Edit>
bool EditKeys(const Arguments& arguments, KeyTablePointer* table, Problem* problem, const Edit& edit) {
  return RewriteKeyringFile(
      arguments.file,
      [&](const SecretString& old_text, SecretString* new_text, Problem* change_problem) {
        Keyring keyring;
        if (!Check(arguments.file, old_text, &keyring, table, change_problem)) return false;
        KeySet* keys = FindKeys(arguments, &keyring, change_problem);
        bool changed = false;
        if (keys == nullptr || !edit(keys, &changed, change_problem)) return false;
        return !changed || FormatAndCheck(arguments.file, keyring, new_text, table, change_problem);
      },
      problem);
}

std::string CheckValueText(const KeyTable::Key& key) {
  if (key.status == KeyStatus::kDestroyed) return "-";
  std::string text;
  for (uint8_t byte : key.check_value) {
    constexpr const char* kDigits = "0123456789abcdef";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

using Row = std::vector<std::string>;

/// The first row is the header. Columns are as wide as their widest cell.
void PrintTable(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows[0].size());
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += (i == 0 ? "" : "  ") + row[i] + std::string(widths[i] - row[i].size(), ' ');
    }
    line.resize(line.find_last_not_of(' ') + 1);
    Print(line + "\n");
  }
}

std::string MaskText(const PiiClass& custom) {
  std::string text;
  if (custom.keep_first > 0) text = "keep_first " + std::to_string(custom.keep_first);
  if (custom.keep_last > 0) {
    text += (text.empty() ? "keep_last " : ", keep_last ") + std::to_string(custom.keep_last);
  }
  return text.empty() ? "****" : text;
}

/// The path as postgresql.conf wants it: absolute, and quoted.
std::string SettingText(const std::string& file) {
  std::string resolved = ResolvePath(file);
  std::string setting = "'";
  for (char c : resolved.empty() ? file : resolved) {
    setting += c;
    if (c == '\'') setting += c;
  }
  return setting + "'";
}

std::string Count(size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

constexpr const char* kReload = "restart every server that uses the keyring";

}  // namespace

bool InitKeyring(const Arguments& arguments, Problem* problem) {
  Keyring keyring;
  if (AddDomain(&keyring, arguments.domain, std::time(nullptr)) != Status::kOk) return RefuseRandom(problem);
  SecretString text;
  KeyTablePointer table;
  if (!FormatAndCheck(arguments.file, keyring, &text, &table, problem) ||
      !CreateKeyringFile(arguments.file, text, problem)) {
    return false;
  }
  const std::string word = ShellWord(arguments.file);
  Print("created keyring file " + Quoted(arguments.file) + ": domain " + Quoted(arguments.domain) +
        ", version 1 of seal and blind_index\n");
  if (geteuid() == 0) {
    Print("next: give it to the user that runs the server, for example: chown postgres " + word + "\n");
  }
  Print("next: in postgresql.conf set pii.keyring_file = " + SettingText(arguments.file));
  if (arguments.domain != kDefaultDomain) Print(" and pii.domain = '" + arguments.domain + "'");
  Print(", and restart the server\n");
  Print("next: keep a copy apart from the backups of the database; without it the data cannot be read\n");
  return true;
}

bool AddVersion(const Arguments& arguments, Problem* problem) {
  KeyTablePointer table;
  uint16_t version = 0;
  uint16_t primary = 0;
  bool added = EditKeys(arguments, &table, problem, [&](KeySet* keys, bool* changed, Problem* edit_problem) {
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
  });
  if (!added) return false;
  const KeyTable::Key* key =
      table->FindKey(*table->FindDomain(arguments.domain), PurposeOf(arguments), version);
  const std::string number = std::to_string(version);
  Print("added version " + number + " of " + arguments.purpose + " to domain " + Quoted(arguments.domain) +
        ", check value " + CheckValueText(*key) + "; version " + std::to_string(primary) +
        " is still the primary\n");
  Print(std::string("next: ") + kReload + "\n");
  Print("next: when all of them have it, run: pii-keyring promote " + ShellWord(arguments.file) + " " +
        arguments.purpose + " " + number + DomainOption(arguments.domain) + "\n");
  return true;
}

bool PromoteVersion(const Arguments& arguments, Problem* problem) {
  const std::string name = "version " + std::to_string(arguments.version) + " of " + arguments.purpose +
                           " in domain " + Quoted(arguments.domain);
  KeyTablePointer table;
  uint16_t old_primary = 0;
  bool promoted =
      EditKeys(arguments, &table, problem, [&](KeySet* keys, bool* changed, Problem* edit_problem) {
        const std::string add = "add a new version: pii-keyring add " + ShellWord(arguments.file) + " " +
                                arguments.purpose + DomainOption(arguments.domain);
        auto found = keys->versions.find(arguments.version);
        if (found == keys->versions.end()) {
          return Refuse(edit_problem, "there is no " + name,
                        "see which there are: pii-keyring list " + ShellWord(arguments.file) + "; or " + add);
        }
        if (found->second.status != KeyStatus::kEnabled) {
          return Refuse(edit_problem, name + " is " + std::string(KeyStatusName(found->second.status)), add);
        }
        old_primary = keys->primary;
        keys->primary = arguments.version;
        *changed = old_primary != arguments.version;
        return true;
      });
  if (!promoted) return false;
  if (old_primary == arguments.version) {
    Print(name + " is the primary already; nothing to do\n");
    return true;
  }
  Print(name + " is now the primary; it was version " + std::to_string(old_primary) + "\n");
  Print(std::string("next: ") + kReload + "\n");
  return true;
}

bool ListKeyring(const Arguments& arguments, Problem* problem) {
  Keyring keyring;
  KeyTablePointer table;
  if (!LoadAndCheck(arguments.file, &keyring, &table, problem)) return false;
  std::vector<Row> keys = {{"domain", "purpose", "version", "status", "primary", "created", "check value"}};
  for (uint32_t i = 0; i < table->domain_count; ++i) {
    const KeyTable::DomainEntry& domain = table->domains[i];
    for (uint32_t j = domain.first_key; j < domain.first_key + domain.key_count; ++j) {
      const KeyTable::Key& key = table->keys[j];
      keys.push_back({domain.name, PurposeName(key.purpose), std::to_string(key.version),
                      std::string(KeyStatusName(key.status)), key.primary ? "*" : "",
                      FormatTimestamp(key.created), CheckValueText(key)});
    }
  }
  PrintTable(keys);
  if (keyring.classes.empty()) return true;
  std::vector<Row> classes = {{"class", "id", "normalize", "mask"}};
  for (const PiiClass& custom : keyring.classes) {
    classes.push_back({std::string(custom.name()), std::to_string(custom.id),
                       std::string(NormalizerName(custom.normalizer)), MaskText(custom)});
  }
  Print("\n");
  PrintTable(classes);
  return true;
}

bool VerifyKeyring(const Arguments& arguments, Problem* problem) {
  if (RunSelfTest() != Status::kOk) {
    return Refuse(problem, "the self-test of XAES-256-GCM, HKDF-SHA256 and HMAC-SHA256 failed",
                  "check the OpenSSL installation and its configuration (openssl.cnf, FIPS mode)");
  }
  Keyring keyring;
  KeyTablePointer table;
  if (!LoadAndCheck(arguments.file, &keyring, &table, problem)) return false;
  size_t counts[3] = {};
  for (uint32_t i = 0; i < table->key_count; ++i) ++counts[static_cast<size_t>(table->keys[i].status)];
  std::string keys = Count(table->key_count, "key version", "key versions");
  if (counts[0] != table->key_count) {
    keys += " (" + std::to_string(counts[0]) + " enabled, " + std::to_string(counts[1]) + " disabled, " +
            std::to_string(counts[2]) + " destroyed)";
  }
  Print("OK: keyring file " + Quoted(arguments.file) + ": " +
        Count(table->domain_count, "domain", "domains") + ", " + keys + ", " +
        Count(table->class_count, "custom class", "custom classes") + "; self-test passed\n");
  struct stat info;
  if (geteuid() == 0 && stat(arguments.file.c_str(), &info) == 0 && info.st_uid == 0 &&
      (info.st_mode & S_IRGRP) == 0) {
    std::fputs("pii-keyring: the file belongs to root, and no other user can read it\n", stderr);
    std::fputs("hint: for a server to read it, run, for example: chown postgres ", stderr);
    std::fputs((ShellWord(arguments.file) + "\n").c_str(), stderr);
  }
  return true;
}

}  // namespace pii::cli

// Commands that only read.

#include <sys/stat.h>
#include <unistd.h>

#include "opened_keyring.h"
#include "output.h"
#include "self_test.h"
#include "wrapped_keyring.h"

namespace pii::cli {
namespace {

std::string MaskText(const PiiClass& custom) {
  std::string text;
  if (custom.keep_first > 0) text = "keep_first " + std::to_string(custom.keep_first);
  if (custom.keep_last > 0) {
    text += (text.empty() ? "keep_last " : ", keep_last ") + std::to_string(custom.keep_last);
  }
  return text.empty() ? "****" : text;
}

std::string TransformsText(const PiiClass& custom) {
  std::string text;
  for (Transform transform : kTransforms) {
    if (!AllowsTransform(custom, transform)) continue;
    text += (text.empty() ? "" : ", ") + std::string(TransformName(transform));
  }
  return text.empty() ? "-" : text;
}

/// The server does not run as root, so what only root can read is of no use to it.
void WarnIfRootAlone(const std::string& what, const std::string& file) {
  struct stat info;
  if (geteuid() != 0 || stat(file.c_str(), &info) != 0 || info.st_uid != 0 || (info.st_mode & S_IRGRP) != 0) {
    return;
  }
  Report({what + " belongs to root, and no other user can read it",
          "for a server to read it, run, for example: chown postgres " + ShellWord(file)},
         0);
}

}  // namespace

bool ListKeyring(const Arguments& arguments, Problem* problem) {
  RootKey root_key;
  OpenedKeyring opened;
  if (!LoadKeyring(arguments, &root_key, &opened, problem)) return false;
  const KeyTable& table = *opened.table;
  std::vector<Row> keys = {{"domain", "purpose", "version", "status", "primary", "created", "check value"}};
  for (uint32_t i = 0; i < table.domain_count; ++i) {
    const KeyTable::DomainEntry& domain = table.domains[i];
    for (const KeyTable::Key& key : table.KeysOf(domain)) {
      keys.push_back({domain.name, PurposeName(key.purpose), std::to_string(key.version),
                      std::string(KeyStatusName(key.status)), key.primary ? "*" : "",
                      FormatTimestamp(key.created),
                      key.status == KeyStatus::kDestroyed ? "-" : CheckValueText(key.check_value)});
    }
  }
  PrintTable(keys);
  if (!opened.keyring.classes.empty()) {
    std::vector<Row> classes = {{"class", "id", "normalize", "mask", "transforms"}};
    for (const PiiClass& custom : opened.keyring.classes) {
      classes.push_back({std::string(custom.name()), std::to_string(custom.id),
                         std::string(NormalizerName(custom.normalizer)), MaskText(custom),
                         TransformsText(custom)});
    }
    Print("\n");
    PrintTable(classes);
  }
  if (root_key.is_given)
    Print("\nwrapped under the root key with check value " + root_key.check_value + "\n");
  return true;
}

bool VerifyKeyring(const Arguments& arguments, Problem* problem) {
  if (RunSelfTest() != Status::kOk) {
    return Refuse(problem, "the self-test of XAES-256-GCM, HKDF-SHA256 and HMAC-SHA256 failed",
                  "check the OpenSSL installation and its configuration (openssl.cnf, FIPS mode)");
  }
  RootKey root_key;
  OpenedKeyring opened;
  if (!LoadKeyring(arguments, &root_key, &opened, problem)) return false;
  const KeyTable& table = *opened.table;
  size_t counts[3] = {};
  for (uint32_t i = 0; i < table.key_count; ++i) ++counts[static_cast<size_t>(table.keys[i].status)];
  std::string keys = Count(table.key_count, "key version", "key versions");
  if (counts[0] != table.key_count) {
    keys += " (" + std::to_string(counts[0]) + " enabled, " + std::to_string(counts[1]) + " disabled, " +
            std::to_string(counts[2]) + " destroyed)";
  }
  Print("OK: keyring file " + Quoted(arguments.file) +
        (root_key.is_given ? ", wrapped under the root key with check value " + root_key.check_value : "") +
        ": " + Count(table.domain_count, "domain", "domains") + ", " + keys + ", " +
        Count(table.class_count, "custom class", "custom classes") + "; self-test passed\n");
  WarnIfRootAlone("the keyring file", arguments.file);
  if (!arguments.root_key.file.empty()) WarnIfRootAlone("the root key file", arguments.root_key.file);
  return true;
}

}  // namespace pii::cli

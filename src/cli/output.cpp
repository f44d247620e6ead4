#include "output.h"

#include <algorithm>
#include <cstdio>

#include "keyring_file.h"

namespace pii::cli {

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

void Next(const std::string& what) { Print("next: " + what + "\n"); }

void NextReload() {
  Next("reload every server that uses the keyring: SELECT pii_reload_keyring(), or pg_ctl reload");
}

std::string SettingText(const std::string& path) {
  std::string resolved = ResolvePath(path);
  std::string setting = "'";
  for (char c : resolved.empty() ? path : resolved) {
    setting += c;
    if (c == '\'') setting += c;
  }
  return setting + "'";
}

std::string RootKeySetting(const RootKeySource& source) {
  return source.file.empty() ? "pii.root_key_command = '(the command)'"
                             : "pii.root_key_file = " + SettingText(source.file);
}

std::string CommandText(const std::string& command, const Arguments& arguments, const std::string& rest) {
  return "pii-keyring " + command + " " + ShellWord(arguments.file) + rest +
         RootKeyOption(arguments.root_key);
}

std::string DomainOption(const std::string& domain) {
  return domain == kDefaultDomain ? "" : " --domain " + domain;
}

std::string Count(size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

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

}  // namespace pii::cli

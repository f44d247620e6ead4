#pragma once

#include <string>
#include <vector>

#include "commands.h"

namespace pii::cli {

/// Print writes to standard output. That it could is seen at the end of the program.
void Print(const std::string& text);

/// Next writes one thing to do next.
void Next(const std::string& what);

/// NextReload tells how servers take the changed keyring.
void NextReload();

/// SettingText returns a path as postgresql.conf wants it: absolute, and quoted.
std::string SettingText(const std::string& path);

/// RootKeySetting returns the line of postgresql.conf that gives a server the root key. A command is not
/// repeated: it may hold a password.
std::string RootKeySetting(const RootKeySource& source);

/// CommandText returns a command line of this program for the file, with the root key that it needs.
std::string CommandText(const std::string& command, const Arguments& arguments, const std::string& rest = "");

/// DomainOption returns the option that names the domain, after a blank; empty for the default one.
std::string DomainOption(const std::string& domain);

std::string Count(size_t count, const std::string& one, const std::string& many);

using Row = std::vector<std::string>;

/// PrintTable takes the first row for the header. Columns are as wide as their widest cell.
void PrintTable(const std::vector<Row>& rows);

}  // namespace pii::cli

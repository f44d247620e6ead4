#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "commands.h"

namespace pii::cli {

// Exit statuses.
constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

/// CommandLine is the parser, and which function each of its commands stands for.
class CommandLine {
 public:
  CommandLine();

  /// Run returns the exit status.
  int Run(int argc, char** argv);

 private:
  CLI::App* AddGroup(const std::string& name, const std::string& description);
  CLI::App* AddCommand(CLI::App* group, const std::string& name, const std::string& description,
                       Command command, const std::string& footer);
  void AddKeyCommands();
  void AddRestingKeyCommands();
  void AddDomainAndClassCommands();
  void AddReadingCommands();
  void AddRootKeyCommands();

  void AddPurpose(CLI::App* command);
  void AddVersionNumber(CLI::App* command);
  void AddDomainOption(CLI::App* command);
  void AddRootKeyOptions(CLI::App* command, const std::string& prefix, const std::string& what,
                         RootKeySource* source);

  CLI::App* ParsedCommand();
  Problem Explain(const CLI::ParseError& error);
  bool CheckRootKeyOptions(CLI::App* command, Problem* problem) const;

  CLI::App app_;
  Arguments arguments_;
  std::map<CLI::App*, Command> commands_;
};

}  // namespace pii::cli

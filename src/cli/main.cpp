// pii-keyring: makes and changes keyring files. This file is the command line; commands.h is what it does.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <new>
#include <vector>

#include "commands.h"
#include "keyring.h"

namespace {

using pii::cli::Arguments;
using pii::cli::Command;
using pii::cli::Problem;

constexpr const char* kVersion = "0.1.0";

// Exit statuses.
constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr const char* kFlow = R"(A first keyring:
  pii-keyring init /etc/postgresql/pii.json
  then, in postgresql.conf, pii.keyring_file = '/etc/postgresql/pii.json', and restart the server

New keys for new values (rotation); old values stay readable:
  pii-keyring add /etc/postgresql/pii.json seal
  then restart every server that uses the keyring, so that all can read the new version
  pii-keyring promote /etc/postgresql/pii.json seal 2
  then restart every server again

Run it as the user that runs the server, or as root. Key material is never shown.
Exit status: 0 done, 1 refused or failed, 2 wrong usage.)";

int Report(const Problem& problem, int exit_status) {
  std::fprintf(stderr, "pii-keyring: %s\nhint: %s\n", problem.message.c_str(), problem.hint.c_str());
  return exit_status;
}

/// CommandLine is the parser, and which function each of its commands stands for.
class CommandLine {
 public:
  CommandLine() {
    app_.set_version_flag("--version", std::string("pii-keyring ") + kVersion, "Print the version and exit");
    app_.set_help_flag("-h,--help", "Print this help and exit");
    app_.require_subcommand(1);
    app_.get_formatter()->column_width(26);
    app_.footer(kFlow);

    CLI::App* init = AddCommand(
        "init", "Create a keyring with version 1 of each key", pii::cli::InitKeyring,
        "FILE is created with mode 0600 and must not exist. Keep it outside the data directory, and a\n"
        "copy of it apart from the backups of the database: without the keys the data cannot be read.\n\n"
        "Example:\n  pii-keyring init /etc/postgresql/pii.json\n"
        "Next: set pii.keyring_file to it and restart the server.");
    AddDomainOption(init);

    CLI::App* add = AddCommand(
        "add", "Add the next version of a key, enabled and not primary", pii::cli::AddVersion,
        "Nothing is written with the new version until it is promoted. Every server must know it before\n"
        "that: what one server writes with it, another one must be able to read.\n\n"
        "Example:\n  pii-keyring add /etc/postgresql/pii.json seal\n"
        "Next: restart every server that uses the keyring, then promote.");
    AddPurpose(add);
    AddDomainOption(add);

    CLI::App* promote = AddCommand(
        "promote", "Make a version the one that new values are written with", pii::cli::PromoteVersion,
        "VERSION must be enabled. The old primary stays enabled: values written with it stay readable.\n\n"
        "Example:\n  pii-keyring promote /etc/postgresql/pii.json seal 2\n"
        "Next: restart every server that uses the keyring.");
    AddPurpose(promote);
    promote->add_option("VERSION", arguments_.version, "Number of the version, as `list` shows it")
        ->required()
        ->type_name("")
        ->check(CLI::Range(1, 65535).description(""));
    AddDomainOption(promote);

    AddCommand(
        "list", "Show domains, versions, check values and custom classes", pii::cli::ListKeyring,
        "A check value tells keys apart without showing them: two servers that show the same one hold\n"
        "the same key. The primary of each purpose has a *.\n\n"
        "Example:\n  pii-keyring list /etc/postgresql/pii.json");

    AddCommand("verify", "Check that a server would accept the file", pii::cli::VerifyKeyring,
               "Checks owner and mode of the file, every rule of its format, and the cipher of this machine; "
               "not where\n"
               "the file lies: a server refuses one in its data directory, pg_wal or a tablespace.\n"
               "Prints one line that begins with OK, or the problem and what to do; changes nothing.\n\n"
               "Example:\n  pii-keyring verify /etc/postgresql/pii.json");
  }

  /// Run returns the exit status.
  int Run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::Success& request) {
      app_.exit(request);  // prints the help or the version
      return kDone;
    } catch (const CLI::ParseError& error) {
      return Report(Explain(error), kUsage);
    }
    Problem problem;
    Command command = commands_.at(app_.get_subcommands().front()->get_name());
    return command(arguments_, &problem) ? kDone : Report(problem, kFailed);
  }

 private:
  CLI::App* AddCommand(const std::string& name, const std::string& description, Command command,
                       const std::string& footer) {
    CLI::App* subcommand = app_.add_subcommand(name, description);
    subcommand->footer(footer);
    subcommand->add_option("FILE", arguments_.file, "Keyring file")->required()->type_name("");
    commands_[name] = command;
    return subcommand;
  }

  void AddPurpose(CLI::App* subcommand) {
    subcommand
        ->add_option("PURPOSE", arguments_.purpose,
                     "seal (keys that encrypt) or blind_index (keys of the hashes for search)")
        ->required()
        ->type_name("")
        ->check(CLI::IsMember({"seal", "blind_index"}).description(""));
  }

  void AddDomainOption(CLI::App* subcommand) {
    auto check_name = [](const std::string& name) {
      return pii::IsDomainName(name) ? std::string()
                                     : "must be 1 to 63 of a-z 0-9 _ - ., the first one a-z or 0-9";
    };
    subcommand->add_option("--domain", arguments_.domain, "Domain of the keys (default: default)")
        ->type_name("NAME")
        ->check(CLI::Validator(check_name, ""));
  }

  Problem Explain(const CLI::ParseError& error) const {
    auto parsed = app_.get_subcommands();
    if (!parsed.empty()) {
      return {LowerFirst(error.what()), "run: pii-keyring " + parsed.front()->get_name() + " --help"};
    }
    std::vector<std::string> unknown = app_.remaining();
    return {
        unknown.empty() ? "no command given" : "there is no command or option \"" + unknown.front() + "\"",
        "run: pii-keyring --help"};
  }

  static std::string LowerFirst(std::string text) {
    bool is_word = text.size() > 1 && std::islower(static_cast<unsigned char>(text[1]));
    if (is_word) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return text;
  }

  CLI::App app_{"pii-keyring makes and changes the file with the keys of the PostgreSQL extension pii.",
                "pii-keyring"};
  Arguments arguments_;
  std::map<std::string, Command> commands_;
};

}  // namespace

int main(int argc, char** argv) {
  // Where standard output was closed, the next file opened would be it. Read only: writing to it still fails.
  int fd;
  do {
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) close(fd);

  // A crash must not leave the keys in a core file.
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  try {
    int exit_status = CommandLine().Run(argc, argv);
    if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
      return Report({std::string("cannot write to standard output: ") + std::strerror(errno),
                     "what was done stays done; see: pii-keyring list FILE"},
                    kFailed);
    }
    return exit_status;
  } catch (const std::bad_alloc&) {
    return Report({"out of memory", "free memory and run the command again"}, kFailed);
  } catch (const std::exception&) {
    // The text of an exception can quote what was being read.
    return Report({"unexpected error", "run: pii-keyring verify FILE"}, kFailed);
  }
}

#include "command_line.h"

#include <cctype>
#include <vector>

#include "keyring.h"

namespace pii::cli {
namespace {

constexpr const char* kVersion = "0.1.0";

constexpr const char* kFlow = R"(A first keyring:
  pii-keyring init /etc/postgresql/pii.json
  then, in postgresql.conf, shared_preload_libraries = 'pii' and
  pii.keyring_file = '/etc/postgresql/pii.json', and restart the server

New keys for new values (rotation); old values stay readable:
  pii-keyring add /etc/postgresql/pii.json seal
  then reload every server that uses the keyring, so that all can read the new version
  pii-keyring promote /etc/postgresql/pii.json seal 2
  then reload every server again; pii_rewrap_column() moves old values

A key that nothing needs any more:
  pii-keyring disable /etc/postgresql/pii.json seal 1
  then reload every server, and see that all applications run
  pii-keyring destroy /etc/postgresql/pii.json seal 1

To reload: SELECT pii_reload_keyring(), or pg_ctl reload.

No key in plain on the disk:
  pii-keyring wrap /etc/postgresql/pii.json --root-key-command COMMAND
  then, in postgresql.conf, pii.root_key_command, and reload the server
Commands on a wrapped keyring need the same option.

Run it as the user that runs the server, or as root. Key material is never shown.
Exit status: 0 done, 1 refused or failed, 2 wrong usage.)";

CLI::Validator Validated(bool (*is_valid)(std::string_view), const std::string& rule) {
  return {[is_valid, rule](const std::string& text) { return is_valid(text) ? std::string() : rule; }, ""};
}

constexpr const char* kDomainRule = "must be 1 to 63 of a-z 0-9 _ - ., the first one a-z or 0-9";

std::string LowerFirst(std::string text) {
  bool is_word = text.size() > 1 && std::islower(static_cast<unsigned char>(text[1]));
  if (is_word) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

/// The words of a command: `domain add`.
std::string Words(const CLI::App* command) {
  const CLI::App* parent = command->get_parent();
  bool is_nested = parent != nullptr && parent->get_parent() != nullptr;
  return (is_nested ? parent->get_name() + " " : "") + command->get_name();
}

}  // namespace

CommandLine::CommandLine()
    : app_("pii-keyring makes and changes the file with the keys of the PostgreSQL extension pii.",
           "pii-keyring") {
  app_.set_version_flag("--version", std::string("pii-keyring ") + kVersion, "Print the version and exit");
  app_.set_help_flag("-h,--help", "Print this help and exit");
  app_.require_subcommand(1);
  app_.get_formatter()->column_width(32);
  app_.footer(kFlow);
  AddKeyCommands();
  AddRestingKeyCommands();
  AddDomainAndClassCommands();
  AddReadingCommands();
  AddRootKeyCommands();
  for (const auto& [command, function] : commands_) {
    if (function == InitRootKey) continue;
    AddRootKeyOptions(command, "--root-key", "the root key", &arguments_.root_key);
    if (function == RewrapRoot) {
      AddRootKeyOptions(command, "--new-root-key", "the new root key", &arguments_.new_root_key);
    }
  }
}

void CommandLine::AddKeyCommands() {
  CLI::App* init = AddCommand(
      &app_, "init", "Create a keyring with version 1 of each key", InitKeyring,
      "FILE is created with mode 0600 and must not exist. Keep it outside the data directory, and a\n"
      "copy of it apart from the backups of the database: without the keys the data cannot be read.\n"
      "With a root key the file is wrapped from the start.\n\n"
      "Example:\n  pii-keyring init /etc/postgresql/pii.json\n"
      "Next: set pii.keyring_file to it and restart the server.");
  AddDomainOption(init);

  CLI::App* add = AddCommand(
      &app_, "add", "Add the next version of a key, enabled and not primary", AddVersion,
      "Nothing is written with the new version until it is promoted. Every server must know it before\n"
      "that: what one server writes with it, another one must be able to read.\n\n"
      "Example:\n  pii-keyring add /etc/postgresql/pii.json seal\n"
      "Next: reload every server that uses the keyring, then promote.");
  AddPurpose(add);
  AddDomainOption(add);

  CLI::App* promote = AddCommand(
      &app_, "promote", "Make a version the one that new values are written with", PromoteVersion,
      "VERSION must be enabled. The old primary stays enabled: values written with it stay readable.\n\n"
      "Example:\n  pii-keyring promote /etc/postgresql/pii.json seal 2\n"
      "Next: reload every server that uses the keyring; pii_rewrap_column() then moves old values.");
  AddPurpose(promote);
  AddVersionNumber(promote);
  AddDomainOption(promote);
}

void CommandLine::AddRestingKeyCommands() {
  CLI::App* disable = AddCommand(
      &app_, "disable", "Keep a version and have servers not use it", DisableVersion,
      "Values of the version cannot be read, or rows found, until it is enabled again; see what needs it\n"
      "with pii_column_status() first. The primary cannot be disabled.\n\n"
      "Example:\n  pii-keyring disable /etc/postgresql/pii.json seal 1\n"
      "Next: reload every server that uses the keyring.");
  AddPurpose(disable);
  AddVersionNumber(disable);
  AddDomainOption(disable);

  CLI::App* enable = AddCommand(&app_, "enable", "Have servers use a disabled version again", EnableVersion,
                                "A destroyed version cannot be enabled.\n\n"
                                "Example:\n  pii-keyring enable /etc/postgresql/pii.json seal 1\n"
                                "Next: reload every server that uses the keyring.");
  AddPurpose(enable);
  AddVersionNumber(enable);
  AddDomainOption(enable);

  CLI::App* destroy = AddCommand(
      &app_, "destroy", "Take the key of a disabled version out for good", DestroyVersion,
      "Nobody can read values of the version after that. Without --force it tells what to check, and does\n"
      "nothing. The number of the version stays, and is not given to another key.\n\n"
      "Example:\n  pii-keyring destroy /etc/postgresql/pii.json seal 1\n"
      "Next: what it says to check; then the same with --force.");
  AddPurpose(destroy);
  AddVersionNumber(destroy);
  AddDomainOption(destroy);
  destroy->add_flag("--force", arguments_.force, "Do it: all that there is to check was checked");
}

void CommandLine::AddDomainAndClassCommands() {
  CLI::App* domain =
      AddCommand(AddGroup("domain", "Commands on domains, which are sets of keys"), "add",
                 "Add a domain with version 1 of each key", CreateDomain,
                 "A database uses the keys of one domain; values of another one do not open in it.\n\n"
                 "Example:\n  pii-keyring domain add /etc/postgresql/pii.json crm\n"
                 "Next: reload every server, then ALTER DATABASE name SET pii.domain = 'crm'.");
  domain->add_option("NAME", arguments_.domain, "Name of the new domain")
      ->required()
      ->type_name("")
      ->check(Validated(IsDomainName, kDomainRule));

  CLI::App* custom = AddCommand(
      AddGroup("class", "Commands on custom classes of personal data"), "add", "Add a custom class",
      DeclareClass,
      "How values are compared, and what a mask shows; both are for ever: the values hold the id.\n"
      "NORMALIZER is none, nfc, name, email, address, plus_digits, digits, alphanumeric, iso_date or\n"
      "ip_address, TRANSFORM is last4, domain, local, year, first3, initials or word; see FORMAT.md.\n\n"
      "Example:\n  pii-keyring class add /etc/postgresql/pii.json member_no --normalize digits --keep-last "
      "3\n"
      "Next: reload every server, then use it as the type pii_text(member_no).");
  custom->add_option("NAME", arguments_.class_name, "Name of the new class")
      ->required()
      ->type_name("")
      ->check(Validated(IsIdentifier, "must be 1 to 63 of a-z 0-9 _, the first one no digit"));
  custom->add_option("--normalize", arguments_.normalizer, "How values are compared")
      ->required()
      ->type_name("NORMALIZER")
      ->check(Validated(
          [](std::string_view name) {
            Normalizer normalizer;
            return NormalizerByName(name, &normalizer);
          },
          "must be none, nfc, name, email, address, plus_digits, digits, alphanumeric, iso_date or "
          "ip_address"));
  custom->add_option("--id", arguments_.class_id, "Its number (default: above all others, from 1000)")
      ->type_name("N")
      ->check(CLI::Range(int{kFirstCustomClass}, 65535).description(""));
  custom->add_option("--keep-first", arguments_.keep_first, "Characters a mask shows at the beginning")
      ->type_name("N")
      ->check(CLI::Range(0, 255).description(""));
  custom->add_option("--keep-last", arguments_.keep_last, "Characters a mask shows at the end")
      ->type_name("N")
      ->check(CLI::Range(0, 255).description(""));
  custom->add_option("--transform", arguments_.transforms, "A part it may be indexed by; may be repeated")
      ->type_name("TRANSFORM")
      ->allow_extra_args(false)
      ->check(Validated(
          [](std::string_view name) {
            Transform transform;
            return TransformByName(name, &transform) && transform != Transform::kExact;
          },
          "must be last4, domain, local, year, first3, initials or word"));
}

void CommandLine::AddReadingCommands() {
  AddCommand(&app_, "list", "Show domains, versions, check values and custom classes", ListKeyring,
             "A check value tells keys apart without showing them: two servers that show the same one hold\n"
             "the same key. The primary of each purpose has a *.\n\n"
             "Example:\n  pii-keyring list /etc/postgresql/pii.json");

  AddCommand(&app_, "verify", "Check that a server would accept the file", VerifyKeyring,
             "Checks owner and mode of the file, every rule of its format, and the cipher of this machine; "
             "not where\n"
             "the file lies: a server refuses one in its data directory, pg_wal or a tablespace.\n"
             "Prints one line that begins with OK, or the problem and what to do; changes nothing.\n\n"
             "Example:\n  pii-keyring verify /etc/postgresql/pii.json");
}

void CommandLine::AddRootKeyCommands() {
  AddCommand(
      &app_, "init-root", "Create a root key file, to wrap keyrings under", InitRootKey,
      "FILE is created with mode 0600 and must not exist. Keep it, and a copy of it, apart from the\n"
      "keyring and from the backups of the database. A root key may as well lie in a KMS or HSM; then\n"
      "give a command that prints it.\n\n"
      "Example:\n  pii-keyring init-root /etc/postgresql/pii.root\n"
      "Next: pii-keyring wrap FILE --root-key-file /etc/postgresql/pii.root");

  AddCommand(
      &app_, "wrap", "Wrap a keyring, so that a server needs a root key to open it", WrapFile,
      "FILE is replaced by its wrapped form. What the disk held before may be there still: rather make\n"
      "a new keyring wrapped from the start (init), where you can choose.\n\n"
      "Example:\n  pii-keyring wrap /etc/postgresql/pii.json --root-key-file /etc/postgresql/pii.root\n"
      "Next: set pii.root_key_file to it and run pg_ctl reload.");

  AddCommand(
      &app_, "unwrap", "Take the wrapping off a keyring", UnwrapFile,
      "Its keys are in plain on the disk after that.\n\n"
      "Example:\n  pii-keyring unwrap /etc/postgresql/pii.json --root-key-file /etc/postgresql/pii.root\n"
      "Next: take pii.root_key_file out of postgresql.conf and run pg_ctl reload.");

  AddCommand(&app_, "rewrap-root", "Wrap a wrapped keyring under another root key", RewrapRoot,
             "The keys in it stay as they are; only what wraps them is new.\n\n"
             "Example:\n  pii-keyring rewrap-root /etc/postgresql/pii.json --root-key-file "
             "/etc/postgresql/pii.root\n"
             "    --new-root-key-file /etc/postgresql/pii.root2\n"
             "Next: set pii.root_key_file to the new one and run pg_ctl reload.");
}

CLI::App* CommandLine::AddGroup(const std::string& name, const std::string& description) {
  CLI::App* group = app_.add_subcommand(name, description);
  group->require_subcommand(1);
  group->footer("");
  return group;
}

CLI::App* CommandLine::AddCommand(CLI::App* group, const std::string& name, const std::string& description,
                                  Command command, const std::string& footer) {
  CLI::App* added = group->add_subcommand(name, description);
  added->footer(footer);
  added->add_option("FILE", arguments_.file, command == InitRootKey ? "Root key file" : "Keyring file")
      ->required()
      ->type_name("");
  commands_[added] = command;
  return added;
}

void CommandLine::AddPurpose(CLI::App* command) {
  command
      ->add_option("PURPOSE", arguments_.purpose,
                   "seal (keys that encrypt) or blind_index (keys of the hashes for search)")
      ->required()
      ->type_name("")
      ->check(CLI::IsMember({"seal", "blind_index"}).description(""));
}

void CommandLine::AddVersionNumber(CLI::App* command) {
  command->add_option("VERSION", arguments_.version, "Number of the version, as `list` shows it")
      ->required()
      ->type_name("")
      ->check(CLI::Range(1, 65535).description(""));
}

void CommandLine::AddDomainOption(CLI::App* command) {
  command->add_option("--domain", arguments_.domain, "Domain of the keys (default: default)")
      ->type_name("NAME")
      ->check(Validated(IsDomainName, kDomainRule));
}

void CommandLine::AddRootKeyOptions(CLI::App* command, const std::string& prefix, const std::string& what,
                                    RootKeySource* source) {
  // An empty name would say that there is no root key, and leave keys in plain because of an unset variable.
  auto is_not_empty = [](std::string_view text) { return !text.empty(); };
  command->add_option(prefix + "-file", source->file, "File with " + what)
      ->type_name("FILE")
      ->check(Validated(is_not_empty, "must not be empty"));
  command->add_option(prefix + "-command", source->command, "Shell command that prints " + what)
      ->type_name("COMMAND")
      ->check(Validated(is_not_empty, "must not be empty"));
}

int CommandLine::Run(int argc, char** argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::Success& request) {
    app_.exit(request);  // prints the help or the version
    return kDone;
  } catch (const CLI::ParseError& error) {
    return Report(Explain(error), kUsage);
  }
  Problem problem;
  CLI::App* parsed = ParsedCommand();
  if (!CheckRootKeyOptions(parsed, &problem)) return Report(problem, kUsage);
  return commands_.at(parsed)(arguments_, &problem) ? kDone : Report(problem, kFailed);
}

/// The innermost command that was recognised; the program itself when there is none.
CLI::App* CommandLine::ParsedCommand() {
  CLI::App* parsed = &app_;
  while (!parsed->get_subcommands().empty()) parsed = parsed->get_subcommands().front();
  return parsed;
}

Problem CommandLine::Explain(const CLI::ParseError& error) {
  CLI::App* parsed = ParsedCommand();
  if (commands_.contains(parsed)) {
    return {LowerFirst(error.what()), "run: pii-keyring " + Words(parsed) + " --help"};
  }
  const std::string group = parsed == &app_ ? "" : parsed->get_name();
  const std::string words = group.empty() ? "" : group + " ";
  std::vector<std::string> unknown = app_.remaining(true);
  const std::string none = "no command given" + (group.empty() ? "" : " after " + group);
  return {unknown.empty() ? none : "there is no command or option \"" + words + unknown.front() + "\"",
          "run: pii-keyring " + words + "--help"};
}

// Not by the parser, which would write its rules into every line of the help.
bool CommandLine::CheckRootKeyOptions(CLI::App* command, Problem* problem) const {
  const Command function = commands_.at(command);
  auto check = [&](const RootKeySource& source, const std::string& prefix, bool is_required) {
    const bool has_both = !source.file.empty() && !source.command.empty();
    if (!has_both && (source.IsGiven() || !is_required)) return true;
    return Refuse(problem,
                  has_both ? prefix + "-file and " + prefix + "-command exclude each other"
                           : prefix + "-file or " + prefix + "-command is required",
                  "run: pii-keyring " + Words(command) + " --help");
  };
  const bool is_required = function == WrapFile || function == UnwrapFile || function == RewrapRoot;
  return check(arguments_.root_key, "--root-key", is_required) &&
         check(arguments_.new_root_key, "--new-root-key", function == RewrapRoot);
}

}  // namespace pii::cli

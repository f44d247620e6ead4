#include "settings.h"

#include "pg.h"
#include "reader_view.h"
#include "shared_keys.h"

namespace pii {

Settings settings;

namespace {

const config_enum_entry kViews[] = {
    {"auto", kViewAuto, false},         {"plain", kViewPlain, false},   {"masked", kViewMasked, false},
    {"redacted", kViewRedacted, false}, {"sealed", kViewSealed, false}, {nullptr, 0, false},
};

const config_enum_entry kAudits[] = {
    {"off", kAuditOff, false},
    {"reveal", kAuditReveal, false},
    {"all", kAuditAll, false},
    {nullptr, 0, false},
};

const config_enum_entry kScrubbings[] = {
    {"off", kScrubOff, false},
    {"sealed", kScrubSealed, false},
    {"all", kScrubAll, false},
    {nullptr, 0, false},
};

const config_enum_entry kWriteModes[] = {
    {"plain", kWritePlain, false},
    {"sealed", kWriteSealed, false},
    {nullptr, 0, false},
};

/// A purpose is one line of the log.
constexpr size_t kLongestPurpose = 200;

bool CheckPurpose(char** purpose, void**, GucSource) {
  if (strlen(*purpose) <= kLongestPurpose) return true;
  GUC_check_errdetail("A purpose has at most %zu bytes.", kLongestPurpose);
  return false;
}

/// Plans may have a blind index value folded in, as an IMMUTABLE function allows: it is the old domain's.
void AssignDomain(const char*, void*) {
  DetachKeys();
  ResetPlanCache();
}

void AssignSealedApplications(const char*, void*) { ForgetApplication(); }

/// A setting of where keys come from. Who sets it runs commands as the server: postgresql.conf alone.
void DefineSource(const char* name, const char* description, const char* detail, char** variable) {
  DefineCustomStringVariable(name, description, detail, variable, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, nullptr,
                             nullptr, nullptr);
}

/// A session that loads the library later reads no keys, and has no such settings.
void DefineServerSettings() {
  DefineSource("pii.keyring_file", "File that holds the keyring.",
               "It must lie outside the data directory and be readable by the server's user alone (0600), or "
               "be owned by root and readable by a group (0640).",
               &settings.keyring_file);
  DefineSource("pii.keyring_command", "Shell command that prints the keyring.",
               "It must exit with status 0 within pii.keyring_timeout.", &settings.keyring_command);
  DefineSource("pii.root_key_file", "File that holds the root key of a wrapped keyring.",
               "32 bytes in base64. The rules of pii.keyring_file hold for it, too.",
               &settings.root_key_file);
  DefineSource("pii.root_key_command", "Shell command that prints the root key of a wrapped keyring.",
               "It must exit with status 0 within pii.keyring_timeout.", &settings.root_key_command);
  DefineCustomIntVariable(
      "pii.keyring_timeout", "Time that pii.keyring_command and pii.root_key_command may take, each.",
      "A command that takes longer is killed. At the start of the server, personal data is then locked.",
      &settings.keyring_timeout, 30000, 100, 600000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
}

}  // namespace

void DefineSettings() {
  if (process_shared_preload_libraries_in_progress) DefineServerSettings();
  DefineCustomStringVariable("pii.domain", "Domain of the keyring that this database uses.",
                             "Usually set by ALTER DATABASE ... SET pii.domain.", &settings.domain, "default",
                             PGC_SUSET, 0, nullptr, AssignDomain, nullptr);
  DefineCustomEnumVariable("pii.view", "How values of sealed columns are shown.",
                           "auto shows as much as the role may see; the others show less.", &settings.view,
                           kViewAuto, kViews, PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomStringVariable(
      "pii.sealed_applications", "Applications that see sealed text, by application_name.",
      "A list with commas. What copies data in bulk belongs here; it needs no plaintext and cannot leak it.",
      &settings.sealed_applications, "pg_dump, pg_dumpall, postgres_fdw, citus_internal, citus_rebalancer",
      PGC_SUSET, 0, nullptr, AssignSealedApplications, nullptr);
  DefineCustomEnumVariable("pii.audit", "Which uses of values are written to the server log.",
                           "reveal: values shown in plain, and refusals; all: every use.", &settings.audit,
                           kAuditOff, kAudits, PGC_SUSET, 0, nullptr, nullptr, nullptr);
  DefineCustomStringVariable("pii.purpose", "What the session reveals values for.",
                             "It stands in the audit lines.", &settings.purpose, "", PGC_USERSET, 0,
                             CheckPurpose, nullptr, nullptr);
  DefineCustomBoolVariable("pii.require_purpose", "Lets nobody reveal values who has not set pii.purpose.",
                           nullptr, &settings.require_purpose, false, PGC_SUSET, 0, nullptr, nullptr,
                           nullptr);
  DefineCustomEnumVariable(
      "pii.log_scrubbing", "Where the server log goes without literals and parameters.",
      "sealed: in databases that have the extension; all: everywhere. Statements stay readable.",
      &settings.log_scrubbing, kScrubSealed, kScrubbings, PGC_SUSET, 0, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable(
      "pii.accept_unverified", "Stores sealed text whose key is not there, without authenticating it.",
      "For a restore into a server without the keys. pii_verify_column() finds what is damaged or forged, "
      "once they are there.",
      &settings.accept_unverified, false, PGC_SUSET, 0, nullptr, nullptr, nullptr);
  DefineCustomEnumVariable(
      "pii.write_mode", "How new values of adopted columns are stored.",
      "plain: as plaintext, until every reader of the table is ready. Other columns are sealed all the same.",
      &settings.write_mode, kWriteSealed, kWriteModes, PGC_SUSET, 0, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable(
      "pii.core_dumps", "Lets a server process that holds keys dump core.",
      "Off, such a process is marked as not dumpable: a core file would hold keys and values.",
      &settings.core_dumps, false, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("pii.build_version", "Set by commands that build indexes.", nullptr,
                          &settings.build_version, 0, 0, UINT16_MAX, PGC_SUSET,
                          GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, nullptr, nullptr,
                          nullptr);
  // Last: it forgets every other name of the prefix that postgresql.conf has set.
  if (process_shared_preload_libraries_in_progress) MarkGUCPrefixReserved("pii");
}

}  // namespace pii

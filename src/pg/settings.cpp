#include "settings.h"

#include "pg.h"
#include "shared_keys.h"

namespace pii {

Settings settings;

namespace {

const config_enum_entry kViews[] = {
    {"auto", kViewAuto, false},         {"plain", kViewPlain, false},   {"masked", kViewMasked, false},
    {"redacted", kViewRedacted, false}, {"sealed", kViewSealed, false}, {nullptr, 0, false},
};

/// Plans may have a blind index value folded in, as an IMMUTABLE function allows: it is the old domain's.
void AssignDomain(const char*, void*) {
  DetachKeys();
  ResetPlanCache();
}

/// What is read when the server starts. A session that loads the library later cannot define such settings.
void DefineServerSettings() {
  DefineCustomStringVariable("pii.keyring_file", "File that holds the keyring.",
                             "It must lie outside the data directory and be readable by the server's user "
                             "alone (0600), or be owned by root "
                             "and readable by a group (0640).",
                             &settings.keyring_file, "", PGC_POSTMASTER, GUC_SUPERUSER_ONLY, nullptr, nullptr,
                             nullptr);
  DefineCustomStringVariable("pii.keyring_command", "Shell command that prints the keyring.",
                             "It must exit with status 0 within pii.keyring_timeout.",
                             &settings.keyring_command, "", PGC_POSTMASTER, GUC_SUPERUSER_ONLY, nullptr,
                             nullptr, nullptr);
  DefineCustomIntVariable(
      "pii.keyring_timeout", "Time that pii.keyring_command may take.",
      "A command that takes longer is killed; the server starts, and personal data is locked.",
      &settings.keyring_timeout, 30000, 100, 600000, PGC_POSTMASTER, GUC_UNIT_MS, nullptr, nullptr, nullptr);
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
  DefineCustomBoolVariable(
      "pii.core_dumps", "Lets a server process that holds keys dump core.",
      "Off, such a process is marked as not dumpable: a core file would hold keys and values.",
      &settings.core_dumps, false, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
  // Last: it forgets every other name of the prefix that postgresql.conf has set.
  if (process_shared_preload_libraries_in_progress) MarkGUCPrefixReserved("pii");
}

}  // namespace pii

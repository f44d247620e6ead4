#pragma once

namespace pii {

/// View is what a reader gets to see of a value (pii.view), from most to least.
enum View : int { kViewAuto, kViewPlain, kViewMasked, kViewRedacted, kViewSealed };

/// Audit is which uses of values are written to the server log (pii.audit).
enum Audit : int { kAuditOff, kAuditReveal, kAuditAll };

/// LogScrubbing is where the server log goes without literals and parameters (pii.log_scrubbing).
enum LogScrubbing : int { kScrubOff, kScrubSealed, kScrubAll };

/// WriteMode is how new values of adopted columns are stored (pii.write_mode).
enum WriteMode : int { kWritePlain, kWriteSealed };

/// The settings under `pii.`, as PostgreSQL keeps them.
struct Settings {
  char* keyring_file;
  char* keyring_command;
  char* root_key_file;
  char* root_key_command;
  int keyring_timeout;  ///< milliseconds
  char* domain;
  int view;
  char* sealed_applications;
  int audit;
  char* purpose;
  bool require_purpose;
  int log_scrubbing;
  bool accept_unverified;
  bool core_dumps;
  int write_mode;
  int build_version;  ///< of the index keys, for the parallel workers of a command that builds indexes
};
extern Settings settings;

/// DefineSettings registers the settings. Called once, from _PG_init.
void DefineSettings();

}  // namespace pii

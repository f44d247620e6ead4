#pragma once

namespace pii {

/// View is what a reader gets to see of a value (pii.view), from most to least.
enum View : int { kViewAuto, kViewPlain, kViewMasked, kViewRedacted, kViewSealed };

/// The settings under `pii.`, as PostgreSQL keeps them.
struct Settings {
  char* keyring_file;
  char* keyring_command;
  int keyring_timeout;  ///< milliseconds
  char* domain;
  int view;
  bool core_dumps;
};
extern Settings settings;

/// DefineSettings registers the settings. Called once, from _PG_init.
void DefineSettings();

}  // namespace pii

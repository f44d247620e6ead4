#pragma once

namespace pii {

/// ReloadAfterSighup reads the keyring again, in the process that does so when the server gets SIGHUP, and
/// writes the outcome to the server log. It raises no error. `is_cancelled`: as in LoadKeyTable.
void ReloadAfterSighup(bool (*is_cancelled)());

}  // namespace pii

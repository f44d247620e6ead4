#pragma once

#include "boundary.h"
#include "key_table.h"

namespace pii {

/// CheckKeyFiles tells whether the files that the settings name still lie and belong where LoadKeyTable wants
/// them, without reading them; commands are not run. False, with a line for people in `*problem`.
bool CheckKeyFiles(CoreText* problem);

/// LoadKeyTable reads the keyring that the settings name, unwraps it where a root key is set, checks all of
/// it and fills `*fresh`. False, with a line for people in `*problem`, when any of that fails; `*fresh` then
/// holds no keys. `is_cancelled`, where it is given, is asked while a command runs, and ends it. It raises no
/// error and needs no transaction.
bool LoadKeyTable(KeyTable* fresh, CoreText* problem, bool (*is_cancelled)());

}  // namespace pii

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "commands.h"
#include "key_table.h"
#include "keyring.h"
#include "problem.h"
#include "root_key.h"

namespace pii::cli {

struct WipeAndDelete {
  void operator()(KeyTable* table) const {
    Wipe({reinterpret_cast<uint8_t*>(table), sizeof *table});
    delete table;
  }
};

/// OpenedKeyring is a keyring, and the table that a server would make of it.
struct OpenedKeyring {
  Keyring keyring;
  std::unique_ptr<KeyTable, WipeAndDelete> table;
};

/// OpenText reads and checks the text of a keyring file, with its root key if it is wrapped: what passes here
/// loads in a server. Refuses a wrapped text without a root key, and a root key for a text that is not
/// wrapped. `file` is for messages.
bool OpenText(const std::string& file, const SecretString& text, const RootKey& root_key,
              OpenedKeyring* opened, Problem* problem);

/// FormatText makes the text of a keyring file, wrapped if there is a root key, and opens it again: what a
/// server would refuse is not written. `*opened` is what it would see.
bool FormatText(const std::string& file, const Keyring& keyring, const RootKey& root_key, SecretString* text,
                OpenedKeyring* opened, Problem* problem);

/// LoadKeyring reads the root key and the keyring file that `arguments` names.
bool LoadKeyring(const Arguments& arguments, RootKey* root_key, OpenedKeyring* opened, Problem* problem);

/// Edit changes a keyring, and says by `*changed` whether it did.
using Edit = std::function<bool(Keyring* keyring, bool* changed, Problem* problem)>;

/// EditKeyring lets `edit` change the keyring file that `arguments` names, and writes it when it was changed:
/// in its old form, wrapped or not. `*opened` is the keyring as the file then holds it.
bool EditKeyring(const Arguments& arguments, const Edit& edit, OpenedKeyring* opened, Problem* problem);

/// The same for the keys of one domain and purpose. Refuses a domain that the keyring does not have.
using EditOfKeys = std::function<bool(KeySet* keys, bool* changed, Problem* problem)>;
bool EditKeys(const Arguments& arguments, const EditOfKeys& edit, OpenedKeyring* opened, Problem* problem);

/// PurposeOf returns the purpose that the command line names.
Purpose PurposeOf(const Arguments& arguments);

}  // namespace pii::cli

#pragma once

#include "boundary.h"
#include "protect.h"

namespace pii {

/// InstallSharedKeys hooks into the start of the server, where shared memory is made and the keyring is read.
/// Called from _PG_init when the library is preloaded.
void InstallSharedKeys();

/// DetachKeys makes the next use of a key attach anew. It only sets a flag, so that a setting's hook may call
/// it.
void DetachKeys();

/// CurrentProtector returns this process's Protector, attached to the keys that are loaded now and to
/// pii.domain. Raises 55000 when there are no keys or no such domain, 58000 when the self-test fails.
Protector* CurrentProtector();

/// HasKeys tells whether CurrentProtector would succeed. It raises no error.
bool HasKeys();

/// PrepareMissingKey derives the key the Protector asked for, with the key table held still.
Status PrepareMissingKey(Protector* protector);

/// CallProtector runs `body(Protector&)` behind the wall, and prepares keys until it has those it needs. It
/// raises an error only when there are no keys at all; what concerns the value is in the status.
template <typename Body>
Status CallProtector(Body body) {
  for (;;) {
    Protector* protector = CurrentProtector();
    Status status = CallCore([&] { return body(*protector); });
    if (status == Status::kKeyNotPrepared)
      status = PrepareMissingKey(protector);
    else
      return status;
    if (status != Status::kOk) return status;
  }
}

/// FindClass returns a class by id or name: a built-in one always, a custom one when keys are loaded; else
/// null. It raises no error. The class lives until the keys are attached again.
const PiiClass* FindClass(uint16_t id);
const PiiClass* FindClass(const char* name);

/// CustomClasses returns the classes the loaded keyring declares; none when no keys are loaded.
std::span<const PiiClass> CustomClasses();

/// SealPrimary returns the version new values are sealed under, 0 when no keys are attached.
uint16_t SealPrimary();

/// KeyringCopy is the keyring that is loaded, without key material, in palloc'ed memory.
struct KeyringCopy {
  const KeyTable* table;     ///< empty when no keys are loaded
  const int64_t* last_used;  ///< for each key: when a process last prepared it (TimestampTz); 0: never
  int64_t loaded_at;         ///< TimestampTz; 0: no keys are loaded
  CoreText last_error;       ///< why the last reading failed; empty when it did not
};
KeyringCopy CopyKeyring();

/// KeyringLoad is what came of reading the keyring.
struct KeyringLoad {
  static constexpr int kNamed = 20;

  /// An enabled key version that values and index entries may be under, and that cannot be used any more.
  struct LostKey {
    char domain[PiiClass::kMaxNameSize + 1];
    Purpose purpose;
    uint16_t version;
    int64_t last_used;   ///< as in KeyringCopy
    const char* reason;  ///< continues "key version 1 …"
  };

  int keys;
  int domains;
  CoreText problem;  ///< why it was refused
  bool is_locked;    ///< no keys are loaded
  int lost_count;    ///< the first kNamed of them are in `lost`
  LostKey lost[kNamed];
};

/// LoadKeyring reads the keyring that the settings name and, when all of it is good, swaps it in; every
/// process uses it from its next value on. When it is not, what was loaded stays, and the result is false.
/// Nobody waits for it. `is_cancelled`: as in LoadKeyTable.
bool LoadKeyring(bool (*is_cancelled)(), KeyringLoad* load);

/// LogLoad writes the outcome to the server log.
void LogLoad(const KeyringLoad& load, bool loaded);

}  // namespace pii

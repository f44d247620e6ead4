#pragma once

#include "boundary.h"
#include "protect.h"

struct ReturnSetInfo;

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

/// EmitKeyring puts the rows of the view pii_keyring into the result: every key without its material, or one
/// row that says why there are none.
void EmitKeyring(ReturnSetInfo* result);

}  // namespace pii

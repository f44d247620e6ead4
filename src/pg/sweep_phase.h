#pragma once

#include "sweep.h"

struct List;

namespace pii {

/// BeginPhase writes, before a sweep that seals or unseals, what new values are stored as from now on. Raises
/// 55000 when they are to be plaintext still (pii.write_mode). False when the sweep has no phase: one that
/// rewraps, or seals a column that was never adopted.
bool BeginPhase(const Sweep& sweep);

/// WaitForWriters waits for the transactions that write one of the tables and began before the phase did:
/// what they have stored is not seen yet.
void WaitForWriters(List* tables);

/// EndPhase writes that all values are sealed, or says what is left to do on the way back.
void EndPhase(const Sweep& sweep);

}  // namespace pii

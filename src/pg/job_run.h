#pragma once

#include <cstdint>

#include "sweep_target.h"

namespace pii {

/// FindJobKind finds the kind of job of a name; false when there is none. JobKinds lists them for a hint.
bool FindJobKind(const char* name, SweepKind* kind);
const char* JobKinds();

/// RunJob works on a job until it is done, stopped or failed, and keeps its row. It does nothing when
/// another process does, or when the job is not to run.
void RunJob(int64_t id);

/// WaitInJob waits, and can be interrupted by a stop or a cancel.
void WaitInJob(int64_t milliseconds);

/// NoteStopRequest is called by the handler of the signal that pii_stop_job() sends. It tells whether there
/// is work to cancel: before and after, the row of the job is yet to be read.
bool NoteStopRequest();

}  // namespace pii

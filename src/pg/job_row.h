#pragma once

#include "job_table.h"
#include "pg.h"
#include "sweep.h"

namespace pii {

// The row of a job, as the process that works on it reads and writes it: while the row has its pid.

/// JobRun is the work of this process on a job.
struct JobRun {
  Job job;
  LOCKTAG lock;
  const char* name;        ///< for the log
  int64_t done_before;     ///< rows_done when this attempt began
  SweepProgress progress;  ///< of this attempt
  bool is_asked_to_end;
  bool is_unwritten;  ///< the row lacks the last progress
};

/// TakeJob makes a job this process's, which then has the settings of its owner. False when it is another's,
/// or not to run.
bool TakeJob(int64_t id, JobRun* run);

/// ReadJobAgain begins an attempt: where the last commit has left the row. False when the job is not to go
/// on.
bool ReadJobAgain(JobRun* run);

/// NoteJobProgress writes `run->progress` within a transaction of the work. False when the job is to end. It
/// does not wait for a row that somebody holds, most likely in pii_stop_job(): rows of the table are held,
/// too.
bool NoteJobProgress(JobRun* run);

/// RewindJob lets the next attempt begin at the first row.
void RewindJob(const JobRun& run);

/// EndJob writes how the job ended and lets go of it. False when it is to go on after all: the stop was taken
/// back.
bool EndJob(JobRun* run, JobState state, const char* error);

}  // namespace pii

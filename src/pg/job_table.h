#pragma once

#include <cstdint>
#include <initializer_list>

#include "own_table.h"

namespace pii {

/// JobState is what a job is at, as pii_job has it. The first two have, or wait for, a process.
enum class JobState { kRunning, kStopping, kStopped, kDone, kFailed };
const char* JobStateName(JobState state);

/// Job is a row of pii_job.
struct Job {
  static constexpr int kNameSize = 64;  ///< NAMEDATALEN

  int64_t id;
  char kind[kNameSize];
  uint32_t table;
  char column[kNameSize];
  uint32_t owner;
  JobState state;
  int batch;
  int64_t pause;  ///< microseconds
  int64_t rows_done;
  uint32_t member;  ///< where to go on: a table of the inheritance tree or partition, and a block of it
  uint32_t block;
  int pid;  ///< of the process that works on it, or did when the server went down; 0: none
};

/// FindJobTable returns the OID of pii_job, 0 when this database does not have the extension. In a
/// transaction.
uint32_t FindJobTable();

/// OpenJobs is OpenBooks for pii_job.
Books OpenJobs();

/// LockJob reads the job that `condition` finds with the parameters, and holds its row until the end of the
/// transaction. False when there is none.
bool LockJob(const Books& books, const char* condition, std::initializer_list<SqlParameter> parameters,
             Job* job);

/// IsAtWork tells whether the process of a job is there.
bool IsAtWork(const Job& job);

}  // namespace pii

#pragma once

#include <cstdint>
#include <initializer_list>

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

/// Books is a while in which pii_job may be read and written, whoever the current user is: as the owner of
/// the table, and with a search_path that nobody else's operators are in. An error ends it, too.
struct Books {
  const char* table;  ///< its qualified name
  bool has_snapshot;  ///< of its own
  uint32_t user;
  int security;
  int guc_level;
};
Books OpenBooks();
void CloseBooks(const Books& books);

/// JobParameter is $1, $2, … of a statement; of type 0, it is a null text.
struct JobParameter {
  uint32_t type;
  uintptr_t value;
};
JobParameter Parameter(int64_t value);
JobParameter Parameter(uint32_t oid);
JobParameter Parameter(const char* text);

/// WriteJobs runs a statement and returns the number of rows; their result is in SPI_tuptable.
uint64_t WriteJobs(const char* statement, std::initializer_list<JobParameter> parameters);

/// LockJob reads the job that `condition` finds with the parameters, and holds its row until the end of the
/// transaction. False when there is none.
bool LockJob(const Books& books, const char* condition, std::initializer_list<JobParameter> parameters,
             Job* job);

/// IsAtWork tells whether the process of a job is there.
bool IsAtWork(const Job& job);

}  // namespace pii

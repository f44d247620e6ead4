#pragma once

#include <cstdint>

struct BackgroundWorkerHandle;

namespace pii {

/// The backend_type of processes that work on jobs.
constexpr const char* kJobWorkerType = "pii job";

/// JobOrder is what a process is told when it is started.
struct JobOrder {
  uint32_t database;
  uint32_t starter;  ///< transaction that started the job, whose end is awaited; 0: none
  int64_t job;       ///< 0: start a process for each job that has none
};

/// StartJobWorker starts a process. False when there is no free slot (max_worker_processes). With `handle`,
/// the caller is told by its latch when the process starts and ends.
bool StartJobWorker(const JobOrder& order, BackgroundWorkerHandle** handle);

}  // namespace pii

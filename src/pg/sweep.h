#pragma once

#include "pg.h"
#include "sweep_target.h"

namespace pii {

/// Sweep is one run over a column that changes what is due, a batch of rows at a time.
struct Sweep {
  SweepKind kind;
  uint32_t table;
  const char* column;
  int batch;        ///< rows of a transaction, at least 1
  int64_t pause;    ///< microseconds between two transactions
  uint32_t member;  ///< table of the inheritance tree or partition where to begin; 0: the first
  uint32_t block;   ///< block of it where to begin
};

/// SweepProgress is how far a run is.
struct SweepProgress {
  int64_t total;    ///< rows that were due when it began
  int64_t done;     ///< rows changed by it
  int64_t skipped;  ///< rows that others held, and that it will return to
  uint32_t member;  ///< where an interrupted run may begin again (Sweep)
  uint32_t block;
};

/// NoteProgress is called in the transaction of each batch, before it is committed, so that what it writes
/// stands or falls with the rows. False ends the run after the commit.
using NoteProgress = bool (*)(const SweepProgress& progress, void* context);

/// SweepColumn runs until nothing is due any more. It commits by SPI_commit(): the caller is connected to
/// SPI with SPI_OPT_NONATOMIC, holds no snapshot, and finds itself in a new transaction afterwards. The
/// current user must be able to read and update the table; to seal or unseal, he must own it. Raises errors
/// as UPDATE does; the batches before are then committed. Rows that others hold are skipped and returned to;
/// it waits for those that stay held at the end.
void SweepColumn(const Sweep& run, NoteProgress note, void* context);

/// PauseOf returns an interval (PostgreSQL's type Interval) in microseconds. Raises 22023 when it is negative
/// or above 24 hours.
int64_t PauseOf(const Interval* pause);

}  // namespace pii

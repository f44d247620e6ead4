// A sweep over a column: rows that are due, values of old key versions that are to be rewrapped or plaintext
// that is to be sealed, are changed a batch and a transaction at a time, while others read and write the
// table.
//
// Rows change by UPDATE, so that triggers, generated columns, indexes and replication see what they always
// see. Which rows to change is found here instead, by the header of the value, because SQL cannot say two
// things:
//
// - "Not those that others hold": a row with a lock on it is left for later, and a wait that comes about all
//   the same ends soon (lock_timeout), so that an application never waits for a row behind a whole batch that
//   waits for another.
// - "A fraction of each page": a new row version goes to its own page where there is room. So a chunk of the
//   table is gone through in rounds: the first moves an eighth of the rows of each page elsewhere, and when
//   it is committed PostgreSQL prunes what it left behind, which makes room on the page for the second, and
//   so on. The table grows by about an eighth and not to its double.

#include "sweep.h"

#include "pg.h"
#include "sealed_column.h"
#include "shared_keys.h"
#include "sweep_phase.h"
#include "sweep_target.h"
#include "sweep_update.h"

namespace pii {
namespace {

constexpr BlockNumber kChunkBlocks = 8192;  ///< 64 MiB: stays in a cache from round to round
constexpr int kRounds = 8;
constexpr int kEveryRow = -1;

/// Rows to be moved together.
struct Batch {
  Datum* places;  ///< ItemPointers
  int count;
  int capacity;
  int skipped;  ///< rows that others hold
};

/// A run over one table after the other.
struct Run {
  Sweep given;
  NameData column;
  NoteProgress note;
  void* context;
  SweepProgress progress;
  Oid table;  ///< the member of the tree that it is at
  bool ends;  ///< NoteProgress said so
};

Relation OpenMember(const Run& run) {
  Relation table = try_table_open(run.table, RowExclusiveLock);
  if (table == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table with OID %u was dropped", run.table)));
  }
  return table;
}

void AppendPlace(Batch* batch, const ItemPointerData& place) {
  if (batch->count == batch->capacity) {
    batch->capacity = batch->capacity == 0 ? 1024 : 2 * batch->capacity;
    Size size = static_cast<Size>(batch->capacity) * sizeof(Datum);
    batch->places =
        static_cast<Datum*>(batch->places == nullptr ? palloc(size) : repalloc(batch->places, size));
  }
  auto* copy = static_cast<ItemPointer>(palloc(sizeof(ItemPointerData)));
  *copy = place;
  batch->places[batch->count++] = PointerGetDatum(copy);
}

/// Does another transaction hold a lock on the row, or is it changing it? Only a hint: it may come and go.
bool IsHeld(TupleTableSlot* row) {
  if (!TTS_IS_BUFFERTUPLE(row)) return false;
  HeapTupleHeader header = ExecFetchSlotHeapTuple(row, false, nullptr)->t_data;
  Buffer buffer = reinterpret_cast<BufferHeapTupleTableSlot*>(row)->buffer;
  LockBuffer(buffer, BUFFER_LOCK_SHARE);  // the two belong together
  uint16 state = header->t_infomask;
  TransactionId holder = HeapTupleHeaderGetRawXmax(header);
  LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
  if ((state & HEAP_XMAX_INVALID) != 0) return false;
  if ((state & HEAP_XMAX_IS_MULTI) != 0) return MultiXactIdIsRunning(holder, HEAP_XMAX_IS_LOCKED_ONLY(state));
  return !TransactionIdIsCurrentTransactionId(holder) && TransactionIdIsInProgress(holder);
}

void TakeRow(TupleTableSlot* row, Batch* batch) {
  if (IsHeld(row)) {
    ++batch->skipped;
  } else {
    AppendPlace(batch, row->tts_tid);
  }
}

/// A rewrap moves what an index alone tells by going through all rows of the table that it did not write
/// itself.
struct Age {
  bool every_row;
  TransactionId began;
};

bool IsOlder(const Age& age, TupleTableSlot* row) {
  if (!age.every_row || !TTS_IS_BUFFERTUPLE(row)) return false;
  TransactionId writer = HeapTupleHeaderGetXmin(ExecFetchSlotHeapTuple(row, false, nullptr)->t_data);
  return TransactionIdPrecedes(writer, age.began);
}

/// Collects rows that are due from block `*block` on, those of one round, until the batch is full, which it
/// is at the end of a page, or `end` is reached. `*block` is then where to go on.
void Collect(Relation table, const SweepTarget& target, const Age& age, int round, int most, BlockNumber end,
             BlockNumber* block, Batch* batch) {
  ItemPointerData first;
  ItemPointerData last;
  ItemPointerSet(&first, *block, FirstOffsetNumber);
  ItemPointerSet(&last, end - 1, MaxOffsetNumber);
  TupleTableSlot* slot = table_slot_create(table, nullptr);
  TableScanDesc scan = table_beginscan_tidrange(table, GetActiveSnapshot(), &first, &last);
  BlockNumber at = *block;
  *block = end;
  while (table_scan_getnextslot_tidrange(scan, ForwardScanDirection, slot)) {
    CHECK_FOR_INTERRUPTS();
    BlockNumber found = ItemPointerGetBlockNumber(&slot->tts_tid);
    if (found != at && batch->count >= most) {
      *block = found;
      break;
    }
    at = found;
    if (round != kEveryRow && ItemPointerGetOffsetNumber(&slot->tts_tid) % kRounds != round) continue;
    bool is_null;
    slot_getattr(slot, target.column, &is_null);
    bool is_older = !is_null && IsOlder(age, slot) && !IsLeftPlain(target, slot);
    if (IsDue(target, slot) || is_older) TakeRow(slot, batch);
  }
  table_endscan(scan);
  ExecDropSingleTupleTableSlot(slot);
}

void Pause(int64 microseconds) {
  TimestampTz end = GetCurrentTimestamp() + microseconds;
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
    if (left <= 0) return;
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
  }
}

/// Ends the transaction of a batch.
void Commit(Run* run, int64 moved) {
  run->progress.done += moved;
  if (!run->note(run->progress, run->context)) run->ends = true;
  SPI_commit();
  if (!run->ends && moved > 0 && run->given.pause > 0) Pause(run->given.pause);
}

/// A transaction that moves a batch: a table, what its rows are to be moved to, and memory that ends with it.
struct Step {
  Relation table;
  SweepTarget target;
  Batch batch;
  MemoryContext work;
  MemoryContext outer;
};

Step BeginStep(const Run& run) {
  Step step{};
  step.work = AllocSetContextCreate(CurrentMemoryContext, "pii rewrap", ALLOCSET_DEFAULT_SIZES);
  step.outer = MemoryContextSwitchTo(step.work);
  CheckMayUpdate(run.given.table, NameStr(run.column), run.given.kind);  // it may have been revoked
  step.table = OpenMember(run);
  step.target = FindSweepTarget(step.table, NameStr(run.column), run.given.kind);
  PushActiveSnapshot(GetTransactionSnapshot());
  return step;
}

/// Moves what was collected and commits. Gives the number of rows that were moved.
int64 EndStep(Run* run, const Step& step) {
  int64 moved = step.batch.count > 0 ? TryUpdateRows(step.table, NameStr(run->column), run->given.kind,
                                                     step.batch.places, step.batch.count)
                                     : 0;
  PopActiveSnapshot();
  run->progress.skipped += step.batch.skipped + (step.batch.count - moved);
  table_close(step.table, NoLock);
  MemoryContextSwitchTo(step.outer);
  MemoryContextDelete(step.work);
  Commit(run, moved);
  return moved;
}

/// Moves a batch; `*block` as in Collect.
int64 MoveBatch(Run* run, const Age& age, int round, BlockNumber end, BlockNumber* block, int64* found) {
  Step step = BeginStep(*run);
  Collect(step.table, step.target, age, round, run->given.batch, end, block, &step.batch);
  *found += step.batch.count + step.batch.skipped;
  return EndStep(run, step);
}

/// Visits the rows of a table that are due by themselves.
void VisitDue(Relation table, const SweepTarget& target, RowVisitor visit, void* context) {
  TupleTableSlot* slot = table_slot_create(table, nullptr);
  TableScanDesc scan = table_beginscan(table, GetActiveSnapshot(), 0, nullptr);
  while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
    CHECK_FOR_INTERRUPTS();
    if (IsDue(target, slot) && !visit(slot, context)) break;
  }
  table_endscan(scan);
  ExecDropSingleTupleTableSlot(slot);
}

/// Is there a row that an index has elsewhere?
bool HasIndexedElsewhere(Relation table, const SweepTarget& target) {
  auto stop = [](TupleTableSlot*, void*) { return false; };
  PushActiveSnapshot(GetTransactionSnapshot());
  bool has = !VisitIndexedElsewhere(table, target, stop, nullptr);
  PopActiveSnapshot();
  return has;
}

/// The main pass over a table, in chunks and rounds.
void SweepTable(Run* run, BlockNumber begin) {
  Relation table = OpenMember(*run);
  BlockNumber blocks = RelationGetNumberOfBlocks(table);
  Age age{HasIndexedElsewhere(table, FindSweepTarget(table, NameStr(run->column), run->given.kind)),
          ReadNextTransactionId()};
  table_close(table, NoLock);
  for (BlockNumber chunk = begin; chunk < blocks && !run->ends; chunk += kChunkBlocks) {
    BlockNumber end = Min(blocks - chunk, kChunkBlocks) + chunk;
    run->progress.member = run->table;
    run->progress.block = chunk;
    for (int round = 0; round < kRounds && !run->ends; ++round) {
      int64 found = 0;
      for (BlockNumber block = chunk; block < end && !run->ends;)
        MoveBatch(run, age, round, end, &block, &found);
    }
  }
}

struct Leftovers {
  Batch* batch;
  int most;
};

/// Moves a batch of rows that only an index tells.
int64 MoveIndexed(Run* run, int64* found) {
  Step step = BeginStep(*run);
  Leftovers leftovers{&step.batch, run->given.batch};
  auto take = [](TupleTableSlot* row, void* context) {
    auto* rest = static_cast<Leftovers*>(context);
    TakeRow(row, rest->batch);
    return rest->batch->count < rest->most;
  };
  VisitIndexedElsewhere(step.table, step.target, take, &leftovers);
  *found += step.batch.count + step.batch.skipped;
  return EndStep(run, step);
}

[[noreturn]] void ReportStuck(const Run& run, Relation table) {
  bool is_rewrap = run.given.kind == SweepKind::kRewrap;
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
           is_rewrap
               ? errmsg("rows of relation \"%s\" stay under old key versions", RelationGetRelationName(table))
               : errmsg("rows of relation \"%s\" stay as they were", RelationGetRelationName(table)),
           errdetail("UPDATE leaves them as they are."),
           errhint("Look for a trigger that restores the column or returns NULL, disable it, and call "
                   "again.")));
}

/// Waits until nobody else holds a row, and locks the last version of it. False when it is gone.
bool LockRow(Relation table, ItemPointer place, TupleTableSlot* slot) {
  TM_FailureData failure;
  TM_Result result = table_tuple_lock(
      table, place, GetActiveSnapshot(), slot, GetCurrentCommandId(false), LockTupleExclusive, LockWaitBlock,
      TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS | TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
  return result == TM_Ok;
}

/// Moves a row that stays held: it waits for it, and the row is its own then. Whoever still finds it as it
/// was, after that UPDATE, would do so for ever.
void MoveHeld(Run* run) {
  Step step = BeginStep(*run);
  auto take = [](TupleTableSlot* row, void* context) {
    AppendPlace(static_cast<Batch*>(context), row->tts_tid);
    return false;
  };
  bool by_index = !VisitIndexedElsewhere(step.table, step.target, take, &step.batch);
  if (!by_index) VisitDue(step.table, step.target, take, &step.batch);
  int64 moved = 0;
  auto* place =
      step.batch.count > 0 ? reinterpret_cast<ItemPointer>(DatumGetPointer(step.batch.places[0])) : nullptr;
  TupleTableSlot* slot = table_slot_create(step.table, nullptr);
  if (place != nullptr && LockRow(step.table, place, slot) && (by_index || IsDue(step.target, slot))) {
    *place = slot->tts_tid;
    moved =
        UpdateRows(step.table, NameStr(run->column), run->given.kind, step.batch.places, step.batch.count);
    if (moved == 0) ReportStuck(*run, step.table);
  }
  ExecDropSingleTupleTableSlot(slot);
  PopActiveSnapshot();
  table_close(step.table, NoLock);
  MemoryContextSwitchTo(step.outer);
  MemoryContextDelete(step.work);
  Commit(run, moved);
}

/// Returns to what was skipped, and takes what was written under old versions meanwhile, until nothing is
/// due.
void FinishTable(Run* run) {
  constexpr Age kAnyAge{false, InvalidTransactionId};
  constexpr int kMostInVain = 5;
  int in_vain = 0;
  int64 last_found = PG_INT64_MAX;
  while (!run->ends) {
    Relation table = OpenMember(*run);
    BlockNumber blocks = RelationGetNumberOfBlocks(table);
    table_close(table, NoLock);
    run->progress.skipped = 0;
    int64 found = 0;
    int64 moved = 0;
    for (BlockNumber block = 0; block < blocks && !run->ends;)
      moved += MoveBatch(run, kAnyAge, kEveryRow, blocks, &block, &found);
    for (int64 more = 1; more > 0 && !run->ends;) {
      more = MoveIndexed(run, &found);
      moved += more;
    }
    if (found == 0) return;
    if (moved == 0 && !run->ends) MoveHeld(run);
    // A trigger may put back what is moved: then as many are due as before, though nobody held one.
    bool in_vain_now = moved > 0 && run->progress.skipped == 0 && found >= last_found;
    in_vain = in_vain_now ? in_vain + 1 : 0;
    last_found = found;
    if (in_vain < kMostInVain) continue;
    ReportStuck(*run, OpenMember(*run));
  }
}

/// Tables with rows of their own, in the order of their OIDs, which outlives a restart.
List* MembersOf(Oid table) {
  List* members = NIL;
  ListCell* cell;
  foreach (cell, find_all_inheritors(table, RowExclusiveLock, nullptr)) {
    Relation member = table_open(lfirst_oid(cell), NoLock);
    if (member->rd_rel->relkind == RELKIND_RELATION && !RELATION_IS_OTHER_TEMP(member)) {
      CheckMayUpdateMember(member);
      members = lappend_oid(members, lfirst_oid(cell));
    }
    table_close(member, NoLock);
  }
  list_sort(members, list_oid_cmp);
  return members;
}

/// Counts what is due, which is to be told beside what is done.
int64 CountDue(Oid member, const char* column, SweepKind kind) {
  Relation table = table_open(member, NoLock);
  SweepTarget target = FindSweepTarget(table, column, kind);
  int64 due = 0;
  if (HasIndexedElsewhere(table, target)) {
    due = static_cast<int64>(Max(table->rd_rel->reltuples, 0.0f));
  } else {
    auto count = [](TupleTableSlot*, void* context) {
      ++*static_cast<int64*>(context);
      return true;
    };
    PushActiveSnapshot(GetTransactionSnapshot());
    VisitDue(table, target, count, &due);
    PopActiveSnapshot();
  }
  table_close(table, NoLock);
  return due;
}

bool WasDropped(const Run& run, Oid member) {
  return member != run.given.table && !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(member));
}

/// Is a row of any partition due? All are asked with one snapshot: an UPDATE of the partition key moves a row
/// as it is stored, so that it can get past a sweep that goes from one to the next.
bool HasDuePartition(const Run& run) {
  if (get_rel_relkind(run.given.table) != RELKIND_PARTITIONED_TABLE) return false;
  bool has = false;
  auto stop = [](TupleTableSlot*, void* context) {
    *static_cast<bool*>(context) = true;
    return false;
  };
  List* members = MembersOf(run.given.table);
  PushActiveSnapshot(GetTransactionSnapshot());
  ListCell* cell;
  foreach (cell, members) {
    Relation table = table_open(lfirst_oid(cell), NoLock);
    if (!has) VisitDue(table, FindSweepTarget(table, NameStr(run.column), run.given.kind), stop, &has);
    table_close(table, NoLock);
  }
  PopActiveSnapshot();
  return has;
}

/// New values have been written in the new form since the sweep began; what older transactions wrote
/// meanwhile is looked for once they are over.
void FinishPhase(Run* run) {
  do {
    List* members = MembersOf(run->given.table);  // partitions may have come since
    SPI_commit();
    WaitForWriters(members);
    ListCell* cell;
    foreach (cell, members) {
      run->table = lfirst_oid(cell);
      if (!run->ends && !WasDropped(*run, run->table)) FinishTable(run);
    }
    if (run->ends) return;
  } while (HasDuePartition(*run));
  Sweep sweep = run->given;
  sweep.column = NameStr(run->column);
  EndPhase(sweep);
  SPI_commit();
}

}  // namespace

int64_t PauseOf(const Interval* pause) {
  if (pause->month != 0 || pause->day != 0 || pause->time < 0 || pause->time > USECS_PER_DAY) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("pause must be a time from 0 to 24 hours")));
  }
  return pause->time;
}

void SweepColumn(const Sweep& given, NoteProgress note, void* context) {
  Run run{};
  run.given = given;
  namestrcpy(&run.column, given.column);
  run.note = note;
  run.context = context;
  CheckMayUpdate(given.table, given.column, given.kind);
  CurrentProtector();  // without keys nothing can be done
  bool has_phase = BeginPhase(given);
  // Others see the phase now, and the trigger that it may have made keeps no writer out while rows are
  // counted.
  SPI_commit();

  // The list outlives the transactions; SPI's memory of this connection does.
  List* members = MembersOf(given.table);
  ListCell* cell;
  foreach (cell, members) {
    if (lfirst_oid(cell) >= given.member)
      run.progress.total += CountDue(lfirst_oid(cell), NameStr(run.column), given.kind);
  }
  SPI_commit();
  foreach (cell, members) {
    if (lfirst_oid(cell) < given.member || run.ends) continue;
    run.table = lfirst_oid(cell);
    if (WasDropped(run, run.table)) continue;  // a partition
    SweepTable(&run, run.table == given.member ? given.block : 0);
    FinishTable(&run);
  }
  if (has_phase && !run.ends) FinishPhase(&run);
  if (run.ends || given.kind != SweepKind::kRewrap) return;
  Relation table = table_open(given.table, AccessShareLock);
  TellWhatStays(table, NameStr(run.column));
  table_close(table, AccessShareLock);
}

}  // namespace pii

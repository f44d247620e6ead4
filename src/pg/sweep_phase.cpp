#include "sweep_phase.h"

#include "adopted_column.h"
#include "attribute_rules.h"
#include "pg.h"
#include "settings.h"

namespace pii {
namespace {

Phase PhaseOf(const Sweep& sweep) {
  return FindAdopted(sweep.table, get_attnum(sweep.table, sweep.column)).phase;
}

bool IsOfAttributeTable(const Sweep& sweep) {
  return FindAttributeColumnsAt(sweep.table, get_attnum(sweep.table, sweep.column)).value != 0;
}

const char* NameOf(Oid table) {
  return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
}

void RequireSealedWrites(const Sweep& sweep) {
  if (PhaseOf(sweep) != Phase::kAdopted || settings.write_mode == kWriteSealed) return;
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
           errmsg("pii.write_mode is plain: new values would be stored as plaintext"),
           errhint("When every reader is ready, set it to sealed (ALTER DATABASE or ALTER ROLE ... SET "
                   "pii.write_mode = sealed), and call again in a new session.")));
}

}  // namespace

bool BeginPhase(const Sweep& sweep) {
  if (sweep.kind == SweepKind::kRewrap) return false;
  if (sweep.kind == SweepKind::kUnseal) {
    SetPhase(sweep.table, sweep.column, Phase::kUnsealing);
    if (IsOfAttributeTable(sweep)) BeginUnsealing(sweep.table);
    return true;
  }
  bool by_attribute = IsOfAttributeTable(sweep);
  if (PhaseOf(sweep) == Phase::kNone && !by_attribute) return false;
  RequireSealedWrites(sweep);
  if (by_attribute) BeginSealing(sweep.table);
  SetPhase(sweep.table, sweep.column, Phase::kSealing);
  // It would be called for each row, to do nothing. Where it cannot be dropped now, it is in the end.
  DropIdleTrigger(sweep.table);
  return true;
}

void WaitForWriters(List* tables) {
  ListCell* cell;
  foreach (cell, tables) {
    LOCKTAG tag;
    SET_LOCKTAG_RELATION(tag, MyDatabaseId, lfirst_oid(cell));
    WaitForLockers(tag, ShareLock, false);
  }
}

void EndPhase(const Sweep& sweep) {
  if (sweep.kind == SweepKind::kSeal) {
    if (IsOfAttributeTable(sweep)) EndSealing(sweep.table);
    SetPhase(sweep.table, sweep.column, Phase::kSealed);
    if (DropIdleTrigger(sweep.table)) return;
    ereport(NOTICE, (errmsg("trigger \"pii_write_mode\" of table \"%s\" has nothing to do any more",
                            get_rel_name(sweep.table)),
                     errhint("The table is in use; drop the trigger when it is less so: DROP TRIGGER "
                             "pii_write_mode ON %s.",
                             NameOf(sweep.table))));
    return;
  }
  ereport(NOTICE,
          (errmsg("all values of column \"%s\" are plaintext, and new ones are stored so", sweep.column),
           errhint("CALL pii_release('%s', '%s') makes it a column of text.", NameOf(sweep.table),
                   sweep.column)));
}

}  // namespace pii

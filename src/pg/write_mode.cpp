// pii.write_mode: what an adopted column stores. The trigger is on tables with an adopted column alone, so
// that no other column is ever written in plain; without it, or its row in pii_adopted_column, values are
// sealed.

#include "adopted_column.h"
#include "pg.h"
#include "privileges.h"
#include "settings.h"
#include "sweep_update.h"
#include "values.h"

namespace pii {
namespace {

bool WantsPlain(const AdoptedColumn& column) {
  return column.phase == Phase::kUnsealing ||
         (column.phase == Phase::kAdopted && settings.write_mode == kWritePlain);
}

/// A value that an UPDATE leaves as it is stays so, but for the way back.
bool IsUnchanged(const TriggerData* trigger, const AdoptedColumn& column, Datum value) {
  if (!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) || column.phase == Phase::kUnsealing) return false;
  bool is_null;
  Datum old =
      heap_getattr(trigger->tg_trigtuple, column.attribute, RelationGetDescr(trigger->tg_relation), &is_null);
  return !is_null && datum_image_eq(old, value, false, -1);
}

/// Plaintext is for the owner of the table to read, sooner or later, whatever class it had. So he may reveal
/// that class, or who writes may: else everybody could copy values to a table of his own and have them
/// unsealed there. A sweep has asked whoever runs it.
bool MayBePlain(const TriggerData* trigger, const varlena* stored) {
  Relation table = trigger->tg_relation;
  if (UnsealedTable() == RelationGetRelid(table)) return true;
  int32 class_id = ClassOf(stored, kTextClass);
  return (PrivilegesOn(class_id) & kReveal) != 0 ||
         (PrivilegesOf(table->rd_rel->relowner, class_id) & kReveal) != 0;
}

/// The row with a column as plaintext; the row itself when there is nothing to change.
HeapTuple WithPlaintext(const TriggerData* trigger, HeapTuple row, const AdoptedColumn& column) {
  TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
  bool is_null;
  Datum value = heap_getattr(row, column.attribute, descriptor, &is_null);
  if (is_null || IsUnchanged(trigger, column, value)) return row;
  auto* stored = PG_DETOAST_DATUM_PACKED(value);
  if (!MayBePlain(trigger, stored)) return row;
  // A canary exists in sealed form alone.
  varlena* plain = Unseal(stored, column.phase != Phase::kUnsealing);
  if (plain == stored) return row;
  int attribute = column.attribute;
  Datum changed = PointerGetDatum(plain);
  bool changed_is_null = false;
  return heap_modify_tuple_by_cols(row, descriptor, 1, &attribute, &changed, &changed_is_null);
}

}  // namespace
}  // namespace pii

/// Trigger of tables with adopted columns.
PII_FUNCTION(pii_write_mode) {
  auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
  if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
      !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || TRIGGER_FIRED_BY_DELETE(trigger->tg_event)) {
    ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                    errmsg("pii_write_mode must be a trigger before INSERT or UPDATE for each row"),
                    errhint("pii_adopt() makes it.")));
  }
  HeapTuple row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
  int count;
  pii::AdoptedColumn* columns = pii::AdoptedColumns(RelationGetRelid(trigger->tg_relation), &count);
  for (int i = 0; i < count; ++i) {
    if (pii::WantsPlain(columns[i])) row = pii::WithPlaintext(trigger, row, columns[i]);
  }
  PG_RETURN_POINTER(row);
}

// The values of attribute tables. What is stored: those of declared attributes sealed, the rest as plaintext;
// without the trigger a value is sealed, as class text. What statements read: plaintext as an incoming value
// of class text, and sealed for its class when its attribute is declared and no job has come by yet.

#include "attribute_rules.h"
#include "incoming_value.h"
#include "mixed_plan.h"
#include "own_function.h"
#include "pg.h"
#include "pii_class.h"
#include "privileges.h"
#include "sealed_value.h"
#include "type_modifier.h"
#include "values.h"

namespace pii {
namespace {

void RequireProtocol(FunctionCallInfo fcinfo) {
  auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
  bool is_row = CALLED_AS_TRIGGER(fcinfo) && TRIGGER_FIRED_BEFORE(trigger->tg_event) &&
                TRIGGER_FIRED_FOR_ROW(trigger->tg_event) && !TRIGGER_FIRED_BY_DELETE(trigger->tg_event);
  if (is_row && trigger->tg_trigger->tgnattr == 2) return;
  ereport(ERROR,
          (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
           errmsg("pii_seal_when must be a trigger before INSERT or UPDATE OF two columns for each row"),
           errhint("SELECT pii_seal_when() makes it.")));
}

/// A class in the type of the column says that all of its values are sealed.
void RequireValueColumn(TupleDesc descriptor, AttrNumber number) {
  Form_pg_attribute column = TupleDescAttr(descriptor, number - 1);
  int32 modifier = column->atttypmod;
  if (IsOwnType(column->atttypid, "pii_text_in")) {
    getBaseTypeAndTypmod(column->atttypid, &modifier);
    if (modifier < 0) return;
  }
  ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                  errmsg("column \"%s\" is not of type pii_text without a class", NameStr(column->attname)),
                  errhint("SELECT pii_seal_when() makes the trigger of a table.")));
}

/// A value as the class of its attribute wants it. A sealed value of an attribute that nobody declared stays
/// so, unless it is of class text: somebody has sealed it on purpose, or it was declared once.
varlena* Conform(varlena* value, int32 class_id) {
  bool is_sealed = IsSealed(StoredBytes(value));
  if (class_id == kNoClass) {
    return is_sealed && ClassOf(value, kTextClass) == kTextClass ? Unseal(value, true) : value;
  }
  if (!is_sealed) return SealLegacy(value, static_cast<uint16_t>(class_id), false);
  return ChangeClass(PointerGetDatum(value), kNoClass, static_cast<uint16_t>(class_id));
}

int32 ClassOfRow(const TriggerData* trigger, HeapTuple row, AttrNumber attribute) {
  TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
  bool is_null;
  Datum name = heap_getattr(row, attribute, descriptor, &is_null);
  if (is_null) return kNoClass;
  return ClassOfAttribute(RelationGetRelid(trigger->tg_relation),
                          TupleDescAttr(descriptor, attribute - 1)->atttypid, name);
}

HeapTuple ConformRow(const TriggerData* trigger, HeapTuple row) {
  TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
  int column = trigger->tg_trigger->tgattr[0];
  RequireValueColumn(descriptor, static_cast<AttrNumber>(column));
  bool is_null;
  Datum datum = heap_getattr(row, column, descriptor, &is_null);
  if (is_null) return row;
  auto* value = PG_DETOAST_DATUM_PACKED(datum);
  varlena* conformed = Conform(value, ClassOfRow(trigger, row, trigger->tg_trigger->tgattr[1]));
  NoteClassOf(RelationGetRelid(trigger->tg_relation), ClassOf(conformed, kTextClass));
  if (conformed == value) return row;
  Datum changed = PointerGetDatum(conformed);
  return heap_modify_tuple_by_cols(row, descriptor, 1, &column, &changed, &is_null);
}

// ------------------------------------------------------------------------------------------------------------
// What is read

/// Plaintext is what the planner hook hands in (mixed_plan.cpp), by a call that no statement can write.
/// Called by hand it would be a way to read plaintext of some class that awaits its sealing as class text.
void RequirePlanned(FunctionCallInfo fcinfo) {
  if (IsPlannedCall(fcinfo)) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("pii_shown() is not to be called by hand"),
                  errhint("Statements that read an attribute table call it by themselves.")));
}

}  // namespace
}  // namespace pii

/// pii_shown(pii_text, text, oid, boolean)
PII_FUNCTION(pii_shown) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  pii::ByteView incoming;
  if (pii::FindIncomingValue(PG_GETARG_DATUM(0), &incoming)) PG_RETURN_DATUM(PG_GETARG_DATUM(0));
  varlena* value = PG_GETARG_VARLENA_PP(0);
  if (pii::IsSealed(pii::StoredBytes(value))) PG_RETURN_DATUM(PG_GETARG_DATUM(0));
  pii::RequirePlanned(fcinfo);
  int32 class_id =
      PG_ARGISNULL(1) ? pii::kNoClass : pii::ClassOfAttribute(PG_GETARG_OID(2), TEXTOID, PG_GETARG_DATUM(1));
  bool is_declared = class_id != pii::kNoClass;
  bool is_compared = PG_GETARG_BOOL(3);
  if (is_declared && is_compared) pii::RequirePrivilege(pii::kSearch, class_id);
  if (is_declared && !is_compared)
    PG_RETURN_POINTER(pii::SealLegacy(value, static_cast<uint16_t>(class_id), false));
  PG_RETURN_POINTER(pii::TakeLegacy(value));
}

/// pii_seal_when() → trigger
PII_FUNCTION(pii_seal_when_trigger) {
  pii::RequireProtocol(fcinfo);
  auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
  bool is_update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
  PG_RETURN_POINTER(pii::ConformRow(trigger, is_update ? trigger->tg_newtuple : trigger->tg_trigtuple));
}

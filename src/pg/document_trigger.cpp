// The trigger that seals documents when they are written.

#include "json_document.h"
#include "pg.h"

namespace pii {
namespace {

/// What a trigger says, read once for a query.
struct Declaration {
  Oid trigger;
  Oid table;
  Oid whole;  ///< the table that it is a partition of, or itself
  AttrNumber column;
  DeclaredPaths* paths;
};

Oid WholeOf(Oid table) {
  return get_rel_relispartition(table) ? llast_oid(get_partition_ancestors(table)) : table;
}

[[noreturn]] void ReportCall() {
  ereport(
      ERROR,
      (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
       errmsg("pii_seal_json_trigger() must be a trigger BEFORE INSERT OR UPDATE FOR EACH ROW with two "
              "arguments"),
       errhint("For example: CREATE TRIGGER seal BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION "
               "pii_seal_json_trigger('doc', '{\"$.account.number\": \"account\"}').")));
}

const TriggerData* RequireTrigger(FunctionCallInfo fcinfo) {
  if (!CALLED_AS_TRIGGER(fcinfo)) ReportCall();
  auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
  bool writes = TRIGGER_FIRED_BY_INSERT(data->tg_event) || TRIGGER_FIRED_BY_UPDATE(data->tg_event);
  bool fits = TRIGGER_FIRED_BEFORE(data->tg_event) && TRIGGER_FIRED_FOR_ROW(data->tg_event) && writes;
  if (!fits || data->tg_trigger->tgnargs != 2) ReportCall();
  return data;
}

AttrNumber FindColumn(Relation table, const char* name) {
  int column = SPI_fnumber(RelationGetDescr(table), name);
  if (column <= 0) {
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_COLUMN),
             errmsg("column \"%s\" of relation \"%s\" does not exist", name, RelationGetRelationName(table)),
             errhint("The first argument of pii_seal_json_trigger() is the column of the document.")));
  }
  auto number = static_cast<AttrNumber>(column);
  if (getBaseType(TupleDescAttr(RelationGetDescr(table), number - 1)->atttypid) != JSONBOID) {
    ereport(ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("column \"%s\" of relation \"%s\" is not jsonb", name, RelationGetRelationName(table)),
             errhint("Convert it: ALTER TABLE ... ALTER COLUMN ... TYPE jsonb.")));
  }
  return number;
}

Declaration* NewDeclaration(FunctionCallInfo fcinfo, const TriggerData* data) {
  MemoryContext outer = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
  auto* declaration = static_cast<Declaration*>(palloc0(sizeof(Declaration)));
  declaration->trigger = data->tg_trigger->tgoid;
  declaration->table = RelationGetRelid(data->tg_relation);
  declaration->whole = WholeOf(declaration->table);
  declaration->column = FindColumn(data->tg_relation, data->tg_trigger->tgargs[0]);
  Datum paths = DirectFunctionCall1(jsonb_in, CStringGetDatum(data->tg_trigger->tgargs[1]));
  declaration->paths = ReadPaths(reinterpret_cast<varlena*>(DatumGetJsonbP(paths)));
  MemoryContextSwitchTo(outer);
  return declaration;
}

const Declaration* FindDeclaration(FunctionCallInfo fcinfo, const TriggerData* data) {
  auto* known = static_cast<Declaration*>(fcinfo->flinfo->fn_extra);
  bool is_same = known != nullptr && known->trigger == data->tg_trigger->tgoid &&
                 known->table == RelationGetRelid(data->tg_relation);
  if (!is_same) fcinfo->flinfo->fn_extra = NewDeclaration(fcinfo, data);
  return static_cast<Declaration*>(fcinfo->flinfo->fn_extra);
}

/// A row may come through a trigger twice: ON CONFLICT DO UPDATE, with what BEFORE INSERT made of it, and a
/// row that moves to another partition. So the last document is kept, for each trigger of a table.
struct Passed {
  Passed* next;
  Oid table;
  Oid user;
  const char* column;
  const char* paths;
  varlena* document;
};
Passed* passed_documents;
LocalTransactionId passed_in;  ///< the transaction that they are of, whose memory they are in

Passed* FindPassed(Oid table, const char* column, const char* paths) {
  if (passed_in != CurrentLocalTransaction()) passed_documents = nullptr;
  passed_in = CurrentLocalTransaction();
  for (Passed* passed = passed_documents; passed != nullptr; passed = passed->next) {
    if (passed->table == table && passed->user == GetUserId() && strcmp(passed->column, column) == 0 &&
        strcmp(passed->paths, paths) == 0)
      return passed;
  }
  auto* passed = static_cast<Passed*>(MemoryContextAllocZero(TopTransactionContext, sizeof(Passed)));
  passed->next = passed_documents;
  passed->table = table;
  passed->user = GetUserId();
  passed->column = MemoryContextStrdup(TopTransactionContext, column);
  passed->paths = MemoryContextStrdup(TopTransactionContext, paths);
  return passed_documents = passed;
}

void Keep(Passed* passed, const varlena* document) {
  if (passed->document != nullptr) pfree(passed->document);
  passed->document = nullptr;
  auto* copy = static_cast<varlena*>(MemoryContextAlloc(TopTransactionContext, VARSIZE(document)));
  memcpy(copy, document, VARSIZE(document));
  passed->document = copy;
}

/// The document in a row, as it is stored; null for NULL.
varlena* DocumentOf(HeapTuple row, const TriggerData* data, AttrNumber column) {
  bool is_null;
  Datum datum = heap_getattr(row, column, RelationGetDescr(data->tg_relation), &is_null);
  return is_null ? nullptr : reinterpret_cast<varlena*>(DatumGetPointer(datum));
}

}  // namespace
}  // namespace pii

/// pii_seal_json_trigger(column, paths)
PII_FUNCTION(pii_seal_json_trigger) {
  const TriggerData* data = pii::RequireTrigger(fcinfo);
  const pii::Declaration* declaration = pii::FindDeclaration(fcinfo, data);
  bool is_update = TRIGGER_FIRED_BY_UPDATE(data->tg_event);
  HeapTuple row = is_update ? data->tg_newtuple : data->tg_trigtuple;
  varlena* stored = pii::DocumentOf(row, data, declaration->column);
  if (stored == nullptr) PG_RETURN_POINTER(row);
  auto* document = reinterpret_cast<varlena*>(DatumGetJsonbP(PointerGetDatum(stored)));
  const varlena* before =
      is_update ? pii::DocumentOf(data->tg_trigtuple, data, declaration->column) : nullptr;
  char** arguments = data->tg_trigger->tgargs;
  pii::Passed* passed = pii::FindPassed(declaration->whole, arguments[0], arguments[1]);
  varlena* sealed = pii::SealDocument(document, *declaration->paths, before, passed->document);
  pii::Keep(passed, sealed);
  if (sealed == document) PG_RETURN_POINTER(row);
  int column = declaration->column;
  Datum value = PointerGetDatum(sealed);
  bool is_null = false;
  PG_RETURN_POINTER(
      heap_modify_tuple_by_cols(row, RelationGetDescr(data->tg_relation), 1, &column, &value, &is_null));
}

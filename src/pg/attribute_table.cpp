// Attribute tables: pii_seal_when() makes a table one, pii_seal_always() undoes it, and a trigger watches
// over the rules.

#include "adopted_column.h"
#include "attribute_rules.h"
#include "own_table.h"
#include "pg.h"
#include "sealed_column.h"
#include "shared_keys.h"
#include "type_modifier.h"

namespace pii {
namespace {

constexpr const char* kTrigger = "pii_seal_when";

const char* NameOf(Oid table) {
  return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
}

/// As the current user, who owns the table.
void RunCommand(const char* command) {
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  if (SPI_execute(command, false, 0) < 0) elog(ERROR, "could not run a command");
  SPI_finish();
}

/// Rows about tables that are gone: their numbers come again.
void ForgetDropped(const char* own_table) {
  Books books = OpenBooks(own_table);
  RunInBooks(psprintf("DELETE FROM %s AS a WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = a.\"table\")",
                      books.table),
             {});
  CloseBooks(books);
}

void RequireOwnedTable(Oid table) {
  const char* name = get_rel_name(table);
  if (name == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", table)));
  }
  if (!pg_class_ownercheck(table, GetUserId())) aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, name);
  char kind = get_rel_relkind(table);
  if (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) return;
  ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a table", name),
                  errhint("Name the table that holds the attributes.")));
}

AttrNumber RequireValueColumn(Oid table, const char* column) {
  AttrNumber number = RequireSealedColumn(table, column);
  Oid type;
  int32 modifier;
  Oid collation;
  get_atttypetypmodcoll(table, number, &type, &modifier, &collation);
  getBaseTypeAndTypmod(type, &modifier);
  if (modifier >= 0) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("column \"%s\" of relation \"%s\" declares a class", column, get_rel_name(table)),
                    errdetail("All of its values are sealed."),
                    errhint("The value column of an attribute table is of type pii_text alone.")));
  }
  if (FindAdopted(table, number).is_padded) {
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("column \"%s\" of relation \"%s\" was of type character", column, get_rel_name(table)),
             errdetail("Its plaintext has trailing blanks that are no part of the values."),
             errhint("Make it a column of type text before it is adopted.")));
  }
  return number;
}

AttrNumber RequireAttributeColumn(Oid table, const char* column) {
  AttrNumber number = get_attnum(table, column);
  if (number <= 0) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%s\" of relation \"%s\" does not exist", column, get_rel_name(table))));
  }
  if (!IsAttributeType(get_atttype(table, number))) {
    ereport(ERROR,
            (errcode(ERRCODE_WRONG_OBJECT_TYPE),
             errmsg("column \"%s\" of relation \"%s\" cannot name attributes", column, get_rel_name(table)),
             errhint("It must be of type text, varchar, name, an enum or an integer.")));
  }
  if (get_attgenerated(table, number) != '\0') {
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("column \"%s\" of relation \"%s\" is a generated column", column, get_rel_name(table)),
             errdetail("It is computed after triggers, so that none knows the attribute of a value."),
             errhint("Name the column that it is made of, or have a trigger fill it.")));
  }
  return number;
}

[[noreturn]] void ReportOther(Oid table, const AttributeColumns& columns) {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("table \"%s\" is an attribute table of column \"%s\" already", get_rel_name(table),
                         get_attname(table, columns.value, false)),
                  errhint("SELECT pii_seal_always(%s, %s) undoes that.", quote_literal_cstr(NameOf(table)),
                          quote_literal_cstr(get_attname(table, columns.value, false)))));
}

/// Partitions get it from their parent; children do not. Always, so that it is also done to what logical
/// replication brings.
void MakeTrigger(Oid table, const char* value, const char* attribute) {
  AttributeColumns columns = FindAttributeColumns(table);
  if (columns.value != 0) {
    bool is_same =
        columns.value == get_attnum(table, value) && columns.attribute == get_attnum(table, attribute);
    if (!is_same) ReportOther(table, columns);
    return;
  }
  const char* schema =
      quote_identifier(get_namespace_name(get_rel_namespace(FindOwnTable("pii_sealed_attribute"))));
  RunCommand(
      psprintf("CREATE TRIGGER %s BEFORE INSERT OR UPDATE OF %s, %s ON %s FOR EACH ROW EXECUTE "
               "FUNCTION %s.pii_seal_when()",
               kTrigger, quote_identifier(value), quote_identifier(attribute), NameOf(table), schema));
  RunCommand(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", NameOf(table), kTrigger));
}

/// New values are no matter of pii.write_mode any more.
void EndAdoption(Oid table, const char* column) {
  if (FindAdopted(table, get_attnum(table, column)).phase == Phase::kNone) return;
  SetPhase(table, column, Phase::kSealing);  // on the way to the next, as any column
  SetPhase(table, column, Phase::kSealed);
  if (DropIdleTrigger(table)) return;
  ereport(NOTICE, (errmsg("trigger \"pii_write_mode\" of table \"%s\" has nothing to do any more",
                          get_rel_name(table)),
                   errhint("The table is in use; drop the trigger when it is less so.")));
}

void ForgetRules(const char* own_table, Oid table) {
  Books books = OpenBooks(own_table);
  RunInBooks(psprintf("DELETE FROM %s WHERE \"table\" = $1", books.table), {Parameter(table)});
  CloseBooks(books);
}

void RequireAttributeTable(Oid table, const char* column) {
  if (FindAttributeColumnsAt(table, get_attnum(table, column)).value != 0) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("column \"%s\" of relation \"%s\" is not the value column of an attribute table",
                         column, get_rel_name(table)),
                  errhint("SELECT pii_seal_when() makes a table one.")));
}

// ------------------------------------------------------------------------------------------------------------
// The rules

enum : AttrNumber { kRuleTable = 1, kRuleAttribute, kRuleClass, kRulePhase };

Oid TableOfRule(HeapTuple row, TupleDesc descriptor) {
  bool is_null;
  return DatumGetObjectId(heap_getattr(row, kRuleTable, descriptor, &is_null));
}

const char* ClassOfRule(HeapTuple row, TupleDesc descriptor) {
  bool is_null;
  Datum name = heap_getattr(row, kRuleClass, descriptor, &is_null);
  return is_null ? "" : TextDatumGetCString(name);
}

bool Exists(Oid table) { return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(table)); }

/// Who owns the table makes its rules; and the extension itself, which notes how far they are.
void RequireOwner(const TriggerData* trigger, Oid table) {
  bool is_own = has_privs_of_role(GetUserId(), trigger->tg_relation->rd_rel->relowner);
  if (is_own || !Exists(table) || pg_class_ownercheck(table, GetUserId())) return;
  aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(table));
}

void CheckNewRule(HeapTuple row, TupleDesc descriptor) {
  Oid table = TableOfRule(row, descriptor);
  if (OidIsValid(table) && !Exists(table)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", table)));
  }
  // A server without keys does not know the classes of its keyring. A restore is to work there.
  if (HasKeys()) RequireClassByName(ClassOfRule(row, descriptor));
}

/// Does an UPDATE leave a rule as it is, but for how far it is?
bool IsSameRule(const TriggerData* trigger) {
  TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
  for (int column : {kRuleTable, kRuleAttribute, kRuleClass}) {
    bool is_null;
    bool was_null;
    Datum before = heap_getattr(trigger->tg_trigtuple, column, descriptor, &was_null);
    Datum now = heap_getattr(trigger->tg_newtuple, column, descriptor, &is_null);
    Form_pg_attribute type = TupleDescAttr(descriptor, column - 1);
    if (is_null || was_null || !datum_image_eq(before, now, type->attbyval, type->attlen)) return false;
  }
  return true;
}

/// A rule that says something else is one that no job has finished.
HeapTuple DeclaredAnew(const TriggerData* trigger) {
  int column = kRulePhase;
  Datum phase = CStringGetTextDatum("declared");
  bool is_null = false;
  return heap_modify_tuple_by_cols(trigger->tg_newtuple, RelationGetDescr(trigger->tg_relation), 1, &column,
                                   &phase, &is_null);
}

/// Values of the class that a rule had are still there.
void LeaveRule(const TriggerData* trigger) {
  TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
  Oid table = TableOfRule(trigger->tg_trigtuple, descriptor);
  RequireOwner(trigger, table);
  if (!Exists(table)) return;
  Books books = OpenBooks("pii_attribute_class");
  RunInBooks(
      psprintf("INSERT INTO %s (\"table\", class) VALUES ($1, $2) ON CONFLICT DO NOTHING", books.table),
      {Parameter(table), Parameter(ClassOfRule(trigger->tg_trigtuple, descriptor))});
  CloseBooks(books);
  InvalidateRules(table);
}

void MakeRule(const TriggerData* trigger, HeapTuple row) {
  TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
  Oid table = TableOfRule(row, descriptor);
  RequireOwner(trigger, table);
  CheckNewRule(row, descriptor);
  if (Exists(table)) InvalidateRules(table);
}

/// The row that is to be stored.
HeapTuple CheckRule(const TriggerData* trigger) {
  if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event)) {
    MakeRule(trigger, trigger->tg_trigtuple);
    return trigger->tg_trigtuple;
  }
  bool is_update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
  bool is_same = is_update && IsSameRule(trigger);
  if (!is_same) LeaveRule(trigger);
  if (!is_update) return trigger->tg_trigtuple;
  MakeRule(trigger, trigger->tg_newtuple);
  return is_same ? trigger->tg_newtuple : DeclaredAnew(trigger);
}

}  // namespace
}  // namespace pii

/// pii_seal_when(regclass, name, name)
PII_FUNCTION(pii_seal_when) {
  Oid table = PG_GETARG_OID(0);
  const char* value = NameStr(*PG_GETARG_NAME(1));
  const char* attribute = NameStr(*PG_GETARG_NAME(2));
  pii::RequireOwnedTable(table);
  ListCell* cell;
  foreach (cell, find_all_inheritors(table, ShareRowExclusiveLock, nullptr)) {
    pii::RequireValueColumn(lfirst_oid(cell), value);
    pii::RequireAttributeColumn(lfirst_oid(cell), attribute);
  }
  pii::ForgetDropped("pii_sealed_attribute");
  pii::ForgetDropped("pii_attribute_class");
  foreach (cell, find_all_inheritors(table, NoLock, nullptr)) {
    pii::MakeTrigger(lfirst_oid(cell), value, attribute);
    CommandCounterIncrement();
  }
  pii::EndAdoption(table, value);
  PG_RETURN_VOID();
}

/// pii_seal_always(regclass, name)
PII_FUNCTION(pii_seal_always) {
  Oid table = PG_GETARG_OID(0);
  const char* value = NameStr(*PG_GETARG_NAME(1));
  pii::RequireOwnedTable(table);
  pii::RequireSealedColumn(table, value);
  List* tables = find_all_inheritors(table, AccessExclusiveLock, nullptr);
  pii::RequireAttributeTable(table, value);
  // What is plaintext stays readable until a job has sealed it; all of it may be on its way to pii_release().
  bool is_unsealing = pii::FindAdopted(table, get_attnum(table, value)).phase == pii::Phase::kUnsealing;
  if (!is_unsealing) pii::SetPhase(table, value, pii::Phase::kSealing);
  ListCell* cell;
  foreach (cell, tables) {
    Oid member = lfirst_oid(cell);
    bool has = pii::FindAttributeColumnsAt(member, get_attnum(member, value)).value != 0;
    if (!has) continue;
    if (!get_rel_relispartition(member) || member == table)
      pii::RunCommand(psprintf("DROP TRIGGER %s ON %s", pii::kTrigger, pii::NameOf(member)));
    CommandCounterIncrement();
    pii::ForgetRules("pii_sealed_attribute", member);
    pii::ForgetRules("pii_attribute_class", member);
  }
  PG_RETURN_VOID();
}

/// Trigger of pii_sealed_attribute for each row.
PII_FUNCTION(pii_sealed_attribute_changed) {
  if (!CALLED_AS_TRIGGER(fcinfo)) elog(ERROR, "pii_sealed_attribute_changed is a trigger function");
  auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
  if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("table %s cannot be truncated", RelationGetRelationName(trigger->tg_relation)),
                    errhint("DELETE the rules of your tables.")));
  }
  // The tables of a publisher are others.
  if (IsLogicalWorker()) PG_RETURN_POINTER(nullptr);
  PG_RETURN_POINTER(pii::CheckRule(trigger));
}

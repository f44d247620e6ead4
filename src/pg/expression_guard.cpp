// An index, a generated column and extended statistics store what their expression gives. PostgreSQL asks for
// IMMUTABLE expressions, and pii_reveal() is not; but that is no protection: statistics take any expression,
// XML constructors count as immutable although they call output functions, and everybody can label a function
// of his own so. So the rule is the other way round: a sealed value may only go where a sealed value comes
// out again, or into what reads its header or hashes it with a key.

#include "expression_guard.h"

#include <initializer_list>

#include "document_index.h"
#include "index_expression.h"
#include "index_version.h"
#include "own_function.h"
#include "pg.h"
#include "search.h"
#include "shared_keys.h"
#include "type_modifier.h"

namespace pii {
namespace {

object_access_hook_type next_object_access;

/// The relation that the command still running gives a sealed column; the catalogs do not show it yet.
Oid sealed_relation;

bool HasSealedAttribute(Oid composite) {
  if (OidIsValid(sealed_relation) && get_typ_typrelid(composite) == sealed_relation) return true;
  TupleDesc attributes = lookup_rowtype_tupdesc(composite, -1);
  bool found = false;
  for (int i = 0; i < attributes->natts && !found; ++i) {
    Form_pg_attribute attribute = TupleDescAttr(attributes, i);
    found = !attribute->attisdropped && HoldsValues(attribute->atttypid);
  }
  ReleaseTupleDesc(attributes);
  return found;
}

}  // namespace

bool HoldsValues(uint32_t type) {
  check_stack_depth();
  type = getBaseType(type);
  Oid element = get_element_type(type);
  if (OidIsValid(element)) return HoldsValues(element);
  if (type < FirstNormalObjectId) return false;
  if (OidIsValid(get_typ_typrelid(type))) return HasSealedAttribute(type);
  return IsOwnType(type, "pii_text_in");
}

namespace {

bool IsSealedExpression(Node* node) {
  // An anonymous row has no type to look into.
  if (IsA(node, RowExpr) && reinterpret_cast<RowExpr*>(node)->row_typeid == RECORDOID) {
    ListCell* cell;
    foreach (cell, reinterpret_cast<RowExpr*>(node)->args) {
      if (IsSealedExpression(static_cast<Node*>(lfirst(cell)))) return true;
    }
    return false;
  }
  return HoldsValues(exprType(node));
}

/// An index that no value could ever enter is refused when it is made, not at the first row.
void CheckTransform(Node* expression) {
  Transform transform;
  if (SourceColumn(expression, &transform) == 0) return;
  auto* column = static_cast<Node*>(linitial(reinterpret_cast<FuncExpr*>(expression)->args));
  int32 modifier = DeclaredModifier(column);
  const PiiClass* pii_class = modifier < 0 ? nullptr : FindClass(static_cast<uint16_t>(modifier));
  if (pii_class == nullptr || AllowsTransform(*pii_class, transform)) return;
  ReportSearchFailure(Status::kNotSearchable, pii_class->id, transform);
}

/// Asks for NULL, reads no more than the header, or gives keyed hashes.
bool GivesNoPlaintext(Node* node) {
  if (IsA(node, NullTest) || IsA(node, FieldSelect)) return true;
  if (!IsA(node, FuncExpr)) return false;
  Oid function = reinterpret_cast<FuncExpr*>(node)->funcid;
  for (const char* symbol : {"pii_key_version", "pii_is_sealed", "pii_blind_index", "pii_word_index"}) {
    if (IsOwnFunction(function, symbol)) return true;
  }
  return false;
}

/// `accepted` points to whether the node above may take a sealed value.
bool Reveals(Node* node, void* accepted) {
  if (node == nullptr) return false;
  if (IsA(node, List) || IsA(node, CaseWhen)) return WalkExpression(node, Reveals, accepted);
  if (OpensDocument(node)) return true;
  CheckTransform(node);
  bool sealed = IsSealedExpression(node);
  if (sealed && !*static_cast<bool*>(accepted)) return true;
  bool accepts = sealed || GivesNoPlaintext(node);
  return WalkExpression(node, Reveals, &accepts);
}

/// pii_blind_index, or an array of it.
bool IsBlindIndex(Oid type) {
  Oid element = get_element_type(type);
  return IsOwnType(OidIsValid(element) ? element : type, "pii_blind_index_in");
}

/// Is there a keyed hash in an expression, but for questions about its key version and whether it is NULL?
/// What is made of a hash is no pii_blind_index any more: it would be kept in statistics, and read without a
/// privilege.
bool UsesHash(Node* node, void*) {
  if (node == nullptr || IsA(node, NullTest)) return false;
  bool asks_version = IsA(node, FuncExpr) &&
                      IsOwnFunction(reinterpret_cast<FuncExpr*>(node)->funcid, "pii_blind_index_key_version");
  if (asks_version) return false;
  if (IsA(node, List)) return WalkExpression(node, UsesHash, nullptr);
  return IsBlindIndex(exprType(node)) || WalkExpression(node, UsesHash, nullptr);
}

/// The expressions of an index or statistics are a list. A hash that is stored as it is stays one.
void CheckHashes(Node* node) {
  if (node != nullptr && IsA(node, List)) {
    ListCell* cell;
    foreach (cell, reinterpret_cast<List*>(node)) CheckHashes(static_cast<Node*>(lfirst(cell)));
    return;
  }
  Transform transform;
  if (SourceColumn(node, &transform) != 0 || IsDocumentIndex(node) || !UsesHash(node, nullptr)) return;
  ereport(ERROR,
          (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("an expression of a blind index is not supported"),
           errdetail("It would keep parts of keyed hashes where nobody asks for SEARCH."),
           errhint("Store pii_blind_index() as it is.")));
}

Node* TreeOf(Datum node_tree) { return static_cast<Node*>(stringToNode(TextDatumGetCString(node_tree))); }

bool RevealsIn(Datum node_tree) {
  bool accepted = true;  // what is stored as pii_text is stored sealed
  return Reveals(TreeOf(node_tree), &accepted);
}

/// A catalog row that the command still running has made: by SnapshotSelf, as no other snapshot sees it.
struct NewRow {
  Relation catalog;
  SysScanDesc scan;
  HeapTuple row;
};

NewRow OpenNewRow(Oid catalog, Oid index, ScanKey keys, int key_count) {
  NewRow found;
  found.catalog = table_open(catalog, AccessShareLock);
  found.scan = systable_beginscan(found.catalog, index, true, SnapshotSelf, key_count, keys);
  found.row = systable_getnext(found.scan);
  return found;
}

void CloseNewRow(const NewRow& found) {
  systable_endscan(found.scan);
  table_close(found.catalog, AccessShareLock);
}

/// Does an expression in one of the columns of the row reveal?
bool RowReveals(const NewRow& found, std::initializer_list<AttrNumber> columns) {
  if (!HeapTupleIsValid(found.row)) return false;
  for (AttrNumber column : columns) {
    bool is_null;
    Datum tree = heap_getattr(found.row, column, RelationGetDescr(found.catalog), &is_null);
    if (!is_null && RevealsIn(tree)) return true;
  }
  return false;
}

void CheckRowHashes(const NewRow& found, AttrNumber column) {
  if (!HeapTupleIsValid(found.row)) return;
  bool is_null;
  Datum tree = heap_getattr(found.row, column, RelationGetDescr(found.catalog), &is_null);
  if (!is_null) CheckHashes(TreeOf(tree));
}

[[noreturn]] void Refuse(const char* what) {
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("%s that reveals a sealed column is not supported", what),
                  errdetail("It would store plaintext."),
                  errhint("Leave the sealed column out of the expression.")));
}

/// Do statistics have a blind index among their columns and expressions?
bool HasBlindIndex(const NewRow& found) {
  if (!HeapTupleIsValid(found.row)) return false;
  auto* statistics = reinterpret_cast<Form_pg_statistic_ext>(GETSTRUCT(found.row));
  for (int i = 0; i < statistics->stxkeys.dim1; ++i) {
    if (IsBlindIndex(get_atttype(statistics->stxrelid, statistics->stxkeys.values[i]))) return true;
  }
  bool is_null;
  Datum tree =
      heap_getattr(found.row, Anum_pg_statistic_ext_stxexprs, RelationGetDescr(found.catalog), &is_null);
  if (is_null) return false;
  ListCell* cell;
  foreach (cell, static_cast<List*>(stringToNode(TextDatumGetCString(tree)))) {
    if (IsBlindIndex(exprType(static_cast<Node*>(lfirst(cell))))) return true;
  }
  return false;
}

/// Statistics of several columns keep the most common values, and no type has a say in it.
void CheckStatistics(Oid statistics) {
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_statistic_ext_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(statistics));
  NewRow found = OpenNewRow(StatisticExtRelationId, StatisticExtOidIndexId, &key, 1);
  bool reveals = RowReveals(found, {Anum_pg_statistic_ext_stxexprs});
  if (!reveals && !HasBlindIndex(found)) CheckRowHashes(found, Anum_pg_statistic_ext_stxexprs);
  bool keeps_hashes = HasBlindIndex(found);
  CloseNewRow(found);
  if (reveals) Refuse("statistics on an expression");
  if (!keeps_hashes) return;
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("extended statistics on a blind index are not supported"),
                  errdetail("They would keep its values, and how frequent each of them is."),
                  errhint("Leave the blind index out of the statistics.")));
}

bool IsColumnIndex(Node* expression) {
  Transform transform;
  return SourceColumn(expression, &transform) > 0;
}

/// Is a key of an index a blind index that `is_kind` holds for, by an expression or a generated column?
bool HasBlindIndexKey(const FormData_pg_index* index, const List* expressions, bool (*is_kind)(Node*)) {
  ListCell* cell;
  foreach (cell, expressions) {
    if (is_kind(static_cast<Node*>(lfirst(cell)))) return true;
  }
  bool found = false;
  Relation table = table_open(index->indrelid, NoLock);
  for (int i = 0; i < index->indnkeyatts && !found; ++i) {
    found = is_kind(GenerationExpression(table, index->indkey.values[i]));
  }
  table_close(table, NoLock);
  return found;
}

/// No version is kept for documents, and no guard is known.
void CheckDocumentConstraint(const FormData_pg_index* index, const List* expressions) {
  bool enforces = index->indisunique || index->indisexclusion;
  if (!enforces || !HasBlindIndexKey(index, expressions, IsDocumentIndex)) return;
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("a unique index on a blind index of a document is not supported"),
                  errdetail("While keys rotate it would not see equal values under two key versions."),
                  errhint("Keep a value that must be unique in a column of type pii_text.")));
}

/// What enforces something must do so while keys rotate.
void CheckConstraint(const NewRow& found) {
  if (!HeapTupleIsValid(found.row)) return;
  auto* index = reinterpret_cast<Form_pg_index>(GETSTRUCT(found.row));
  bool is_null;
  Datum tree = heap_getattr(found.row, Anum_pg_index_indexprs, RelationGetDescr(found.catalog), &is_null);
  List* expressions = is_null ? NIL : reinterpret_cast<List*>(TreeOf(tree));
  CheckDocumentConstraint(index, expressions);
  if (index->indisunique) CheckUniqueBuild(index->indrelid, expressions, !index->indisvalid);
  if (!index->indisexclusion || !HasBlindIndexKey(index, expressions, IsColumnIndex)) return;
  ereport(ERROR,
          (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
           errmsg("an exclusion constraint on a blind index is not supported"),
           errdetail("While keys rotate it would not see equal values under two key versions."),
           errhint("Use UNIQUE on a generated column, or EXCLUDE USING hash (column WITH =) on the sealed "
                   "column itself.")));
}

/// False for a relation that is no index.
bool IndexReveals(Oid relation) {
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_index_indexrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
  NewRow found = OpenNewRow(IndexRelationId, IndexRelidIndexId, &key, 1);
  bool reveals = RowReveals(found, {Anum_pg_index_indexprs, Anum_pg_index_indpred});
  if (!reveals) CheckRowHashes(found, Anum_pg_index_indexprs);
  if (!reveals) CheckConstraint(found);
  CloseNewRow(found);
  return reveals;
}

bool GeneratedColumnReveals(Oid relation, AttrNumber attribute) {
  HeapTuple row = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation), Int16GetDatum(attribute));
  if (!HeapTupleIsValid(row)) return false;
  bool generated = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(row))->attgenerated != '\0';
  ReleaseSysCache(row);
  if (!generated) return false;
  ScanKeyData keys[2];
  ScanKeyInit(&keys[0], Anum_pg_attrdef_adrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
  ScanKeyInit(&keys[1], Anum_pg_attrdef_adnum, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(attribute));
  NewRow found = OpenNewRow(AttrDefaultRelationId, AttrDefaultIndexId, keys, 2);
  bool reveals = RowReveals(found, {Anum_pg_attrdef_adbin});
  if (!reveals) CheckRowHashes(found, Anum_pg_attrdef_adbin);
  CloseNewRow(found);
  return reveals;
}

bool GivesSealedColumn(Oid relation, AttrNumber attribute) {
  ScanKeyData keys[2];
  ScanKeyInit(&keys[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ,
              ObjectIdGetDatum(relation));
  ScanKeyInit(&keys[1], Anum_pg_attribute_attnum, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(attribute));
  NewRow found = OpenNewRow(AttributeRelationId, AttributeRelidNumIndexId, keys, 2);
  bool sealed = HeapTupleIsValid(found.row) &&
                HoldsValues(reinterpret_cast<Form_pg_attribute>(GETSTRUCT(found.row))->atttypid);
  CloseNewRow(found);
  return sealed;
}

/// Looks for a row of a catalog with an expression that reveals; the OID in its column `key` goes to
/// `*object`.
bool FindRevealing(Oid catalog_oid, AttrNumber key, std::initializer_list<AttrNumber> columns, Oid* object) {
  NewRow scan;
  scan.catalog = table_open(catalog_oid, AccessShareLock);
  scan.scan = systable_beginscan(scan.catalog, InvalidOid, false, SnapshotSelf, 0, nullptr);
  bool reveals = false;
  while (!reveals && HeapTupleIsValid(scan.row = systable_getnext(scan.scan))) {
    reveals = RowReveals(scan, columns);
    bool is_null;
    if (reveals)
      *object = DatumGetObjectId(heap_getattr(scan.row, key, RelationGetDescr(scan.catalog), &is_null));
  }
  CloseNewRow(scan);
  return reveals;
}

/// A column became sealed. PostgreSQL makes anew what names the column, and it was checked then; but an index
/// or statistics of a whole row, here or of a table that has such rows in a column, go on as they are. Such
/// commands are rare, so all expressions of the database are looked at.
void CheckRowExpressions(Oid relation) {
  Oid object = InvalidOid;
  sealed_relation = relation;
  bool by_index = FindRevealing(IndexRelationId, Anum_pg_index_indexrelid,
                                {Anum_pg_index_indexprs, Anum_pg_index_indpred}, &object);
  bool by_statistics = !by_index && FindRevealing(StatisticExtRelationId, Anum_pg_statistic_ext_oid,
                                                  {Anum_pg_statistic_ext_stxexprs}, &object);
  sealed_relation = InvalidOid;
  if (!by_index && !by_statistics) return;
  ereport(ERROR,
          (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("an expression would reveal the sealed column"),
           errdetail("%s stores an expression of rows that hold the column.",
                     by_index ? psprintf("Index \"%s\"", get_rel_name(object)) : "A statistics object"),
           errhint("Drop it first.")));
}

void CheckNewObject(Oid class_oid, Oid object, int sub_id) {
  if (class_oid == StatisticExtRelationId) CheckStatistics(object);
  if (class_oid == RelationRelationId && sub_id == 0 && IndexReveals(object))
    Refuse("an index on an expression");
  if (class_oid == AttrDefaultRelationId && GeneratedColumnReveals(object, static_cast<AttrNumber>(sub_id))) {
    Refuse("a generated column");
  }
}

void CheckObjectAccess(ObjectAccessType access, Oid class_oid, Oid object, int sub_id, void* argument) {
  if (next_object_access != nullptr) next_object_access(access, class_oid, object, sub_id, argument);
  if (IsBootstrapProcessingMode() || (access != OAT_POST_CREATE && access != OAT_POST_ALTER)) return;
  sealed_relation = InvalidOid;  // an error may have left it
  if (access == OAT_POST_CREATE) CheckNewObject(class_oid, object, sub_id);
  bool is_column = class_oid == RelationRelationId && sub_id > 0;
  if (is_column && GivesSealedColumn(object, static_cast<AttrNumber>(sub_id))) CheckRowExpressions(object);
}

/// The type that a parameter of CREATE AGGREGATE names; 0 when there is none.
Oid AggregateType(const List* parameters, const char* name) {
  ListCell* cell;
  foreach (cell, parameters) {
    auto* parameter = static_cast<DefElem*>(lfirst(cell));
    if (strcmp(parameter->defname, name) == 0) return typenameTypeId(nullptr, defGetTypeName(parameter));
  }
  return InvalidOid;
}

}  // namespace

void CheckAggregate(const DefineStmt* statement) {
  if (statement->kind != OBJECT_AGGREGATE) return;
  bool has_value = false;
  ListCell* cell;
  foreach (cell, statement->definition) {
    const char* name = static_cast<DefElem*>(lfirst(cell))->defname;
    has_value = has_value || strstr(name, "initcond") != nullptr;
  }
  if (!has_value) return;
  for (const char* name : {"stype", "stype1", "mstype"}) {
    Oid type = AggregateType(statement->definition, name);
    if (!OidIsValid(type) || !HoldsValues(type)) continue;
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("an initial value of a sealed type is not supported"),
                    errdetail("The catalog would keep it as plaintext."),
                    errhint("Leave it out: the first row is the initial state of a strict function.")));
  }
}

void InstallExpressionGuard() {
  next_object_access = object_access_hook;
  object_access_hook = CheckObjectAccess;
}

}  // namespace pii

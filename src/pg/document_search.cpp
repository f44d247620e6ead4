// Search in documents: keyed hashes of what is at a path, the same whether it is sealed or not.

#include "access_log.h"
#include "document_index.h"
#include "document_walk.h"
#include "encoding.h"
#include "index_version.h"
#include "json_value.h"
#include "log_guard.h"
#include "pg.h"
#include "privileges.h"
#include "report.h"
#include "search.h"
#include "shared_keys.h"

namespace pii {
namespace {

/// Hashes being collected, and what they are of.
struct Hashing {
  DeclaredPath path;
  uint16_t version;  ///< 0: the primary one
  bool analyzes;     ///< ANALYZE must not fail: what cannot be read has no hash
  BlindIndexValue* values;
  Size count;
  Size room;
};

void Append(Hashing* hashing, const BlindIndexValue& value) {
  if (hashing->count == hashing->room) {
    hashing->room = Max(2 * hashing->room, 8);
    Size size = hashing->room * sizeof value;
    if (size > MaxAllocSize) ReportTooLong();
    auto* more = static_cast<BlindIndexValue*>(palloc(size));
    if (hashing->count > 0) memcpy(static_cast<void*>(more), hashing->values, hashing->count * sizeof value);
    hashing->values = more;
  }
  hashing->values[hashing->count++] = value;
}

void Hash(Hashing* hashing, const JsonbValue* found) {
  if (found->type == jbvNull) return;
  uint16_t class_id = hashing->path.class_id;
  ByteView text = TextOf(found);
  ByteView utf8 = ToUtf8(text);
  Scratch scratch;
  OpenScratch(&scratch, NormalizedBound(utf8.size()));
  BlindIndexValue value;
  Status status = CallProtector([&](Protector& protector) {
    uint16_t version = hashing->version != 0 ? hashing->version : protector.index_versions()[0];
    return protector.IndexValue(class_id, version, Transform::kExact, AsText(utf8), scratch.span, &value);
  });
  CloseScratch(&scratch);
  if (utf8.data() != text.data()) Wipe({const_cast<uint8_t*>(utf8.data()), utf8.size()});
  bool lacks_key = status == Status::kUnknownKeyVersion || status == Status::kKeyDisabled ||
                   status == Status::kKeyDestroyed;
  if (status != Status::kOk && hashing->analyzes) return;
  if (lacks_key) ReportIndexKey(status, class_id, hashing->version);
  if (status != Status::kOk) ReportSearchFailure(status, class_id, Transform::kExact);
  NoteAccess(Operation::kSearched, class_id, 0);
  Append(hashing, value);
}

/// Opening sealed text of a column here would let who may search a class compare text that he came by.
[[noreturn]] void ReportUnbound(uint16_t class_id) {
  NoteAccess(Operation::kFailed, class_id, 0);
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("a document has sealed text of a column where it is searched"),
                  errhint("Seal it for the document, with pii_seal_json(), which takes IMPORT.")));
}

/// A part of a sealed object is searched no more than the object.
bool IsSearchable(uint16_t class_id) {
  const PiiClass* pii_class = FindClass(class_id);
  return pii_class == nullptr || AllowsTransform(*pii_class, Transform::kExact);
}

/// Opens a sealed string, for what is in it. False: ANALYZE passes it by.
bool OpenInner(Hashing* hashing, const JsonbValue* value, JsonbValue* opened) {
  SealedString sealed;
  Status status = TryFindSealed(value, &sealed);
  if (status == Status::kNotSealedText) {
    *opened = *value;
    return true;
  }
  if (hashing->analyzes) {
    bool is_open = status == Status::kOk && sealed.is_bound() && IsSearchable(sealed.value.class_id) &&
                   (PrivilegesOn(sealed.value.class_id) & kSearch) != 0;
    return is_open && TryOpen(sealed, opened) == Status::kOk;
  }
  if (status != Status::kOk) ReportStatus(status, Origin::kSealedText, 0, 0);
  RequirePrivilege(kSearch, sealed.value.class_id);
  if (!sealed.is_bound()) ReportUnbound(sealed.value.class_id);
  if (!IsSearchable(sealed.value.class_id))
    ReportSearchFailure(Status::kNotSearchable, sealed.value.class_id, Transform::kExact);
  status = TryOpen(sealed, opened);
  if (status != Status::kOk) ReportOpenFailure(status, sealed);
  return true;
}

void HashPlaces(Hashing* hashing, const JsonbValue* value, size_t step);

void HashChildren(Hashing* hashing, JsonbContainer* container, size_t step) {
  const PathStep& way = hashing->path.steps[step];
  bool in_array = JsonContainerIsArray(container);
  JsonbIterator* iterator = JsonbIteratorInit(container);
  JsonbValue child;
  JsonbIteratorToken token = JsonbIteratorNext(&iterator, &child, true);  // the beginning of the container
  bool leads = false;
  for (uint32_t index = 0; (token = JsonbIteratorNext(&iterator, &child, true)) != WJB_DONE;) {
    CHECK_FOR_INTERRUPTS();
    if (token == WJB_KEY)
      leads = LeadsToMember(way, {child.val.string.val, static_cast<size_t>(child.val.string.len)});
    if (token == WJB_ELEM) leads = in_array && LeadsToElement(way, index++);
    if (leads && (token == WJB_VALUE || token == WJB_ELEM)) HashPlaces(hashing, &child, step + 1);
  }
}

/// Hashes what the path leads to from a value on. It may go through an object that is sealed whole.
void HashPlaces(Hashing* hashing, const JsonbValue* value, size_t step) {
  check_stack_depth();
  JsonbValue opened;
  if (!OpenInner(hashing, value, &opened)) return;
  if (step == hashing->path.count) {
    Hash(hashing, &opened);
  } else if (opened.type == jbvBinary) {
    HashChildren(hashing, opened.val.binary.data, step);
  }
}

int CompareValues(const void* left, const void* right) {
  return memcmp(left, right, sizeof(BlindIndexValue));
}

Size SortDistinct(BlindIndexValue* values, Size count) {
  if (count > 1) qsort(values, count, sizeof *values, CompareValues);
  Size distinct = Min(count, 1);
  for (Size i = 1; i < count; ++i) {
    if (values[i] != values[distinct - 1]) values[distinct++] = values[i];
  }
  return distinct;
}

/// The path and class arguments, kept for the query when they are constants.
DeclaredPath PathArgument(FunctionCallInfo fcinfo) {
  if (fcinfo->flinfo->fn_extra != nullptr) return *static_cast<DeclaredPath*>(fcinfo->flinfo->fn_extra);
  Node* call = fcinfo->flinfo->fn_expr;
  bool is_constant = ConstantArgument(call, 1) != nullptr && ConstantArgument(call, 2) != nullptr;
  MemoryContext outer = MemoryContextSwitchTo(is_constant ? fcinfo->flinfo->fn_mcxt : CurrentMemoryContext);
  auto* path = static_cast<DeclaredPath*>(palloc0(sizeof(DeclaredPath)));
  text* argument = PG_GETARG_TEXT_PP(1);
  ReadPath({VARDATA_ANY(argument), VARSIZE_ANY_EXHDR(argument)}, path);
  path->class_id = ClassArgument(fcinfo, 2);
  MemoryContextSwitchTo(outer);
  if (is_constant) fcinfo->flinfo->fn_extra = path;
  return *path;
}

bool IsUnreadable(uint16_t class_id) { return !HasKeys() || (PrivilegesOn(class_id) & kSearch) == 0; }

/// Hashes the values of a document at a path.
void HashDocument(FunctionCallInfo fcinfo, Hashing* hashing) {
  hashing->version = StatementVersion();
  if (hashing->analyzes && IsUnreadable(hashing->path.class_id)) return;
  RequirePrivilege(kSearch, hashing->path.class_id);
  NoteValuesInUse();  // sealed or not
  Jsonb* document = PG_GETARG_JSONB_P(0);
  JsonbValue root;
  if (!JsonbExtractScalar(&document->root, &root)) JsonbToJsonbValue(document, &root);
  HashPlaces(hashing, &root, 0);
}

}  // namespace
}  // namespace pii

/// pii_blind_index(jsonb, text, text)
PII_FUNCTION(pii_json_blind_index) {
  pii::Hashing hashing{};
  hashing.path = pii::PathArgument(fcinfo);
  hashing.analyzes = pii::IsAnalyzing();
  if (pii::HasWildcard(hashing.path.path())) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the path can lead to several values"),
                    errhint("Use pii_json_index() and pii_json_terms() for paths with wildcards.")));
  }
  pii::DocumentMemory memory = pii::EnterDocument();
  pii::HashDocument(fcinfo, &hashing);
  pii::LeaveDocument(memory);
  auto* value = static_cast<pii::BlindIndexValue*>(palloc(sizeof(pii::BlindIndexValue)));
  if (hashing.count > 0) *value = hashing.values[0];
  pii::FreeDocument(memory);
  if (hashing.count == 0) PG_RETURN_NULL();
  PG_RETURN_POINTER(value);
}

/// pii_json_index(jsonb, text, text) → pii_blind_index[], in the order of the hashes.
PII_FUNCTION(pii_json_index) {
  pii::Hashing hashing{};
  hashing.path = pii::PathArgument(fcinfo);
  hashing.analyzes = pii::IsAnalyzing();
  Oid type = pii::BlindIndexType(fcinfo);
  pii::DocumentMemory memory = pii::EnterDocument();
  pii::HashDocument(fcinfo, &hashing);
  Size count = pii::SortDistinct(hashing.values, hashing.count);
  auto* datums = static_cast<Datum*>(palloc_extended((count + 1) * sizeof(Datum), MCXT_ALLOC_HUGE));
  for (Size i = 0; i < count; ++i) datums[i] = PointerGetDatum(&hashing.values[i]);
  pii::LeaveDocument(memory);
  ArrayType* result = construct_array(datums, static_cast<int>(count), type, sizeof(pii::BlindIndexValue),
                                      false, TYPALIGN_CHAR);
  pii::FreeDocument(memory);
  PG_RETURN_ARRAYTYPE_P(result);
}

extern "C" Datum pii_search_terms(PG_FUNCTION_ARGS);

/// pii_json_terms(text, text) → pii_blind_index[][]: one row, with a column for each enabled index key
/// version.
PII_FUNCTION(pii_json_terms) {
  auto* terms = DatumGetArrayTypeP(pii_search_terms(fcinfo));
  int dimensions[] = {1, ArrayGetNItems(ARR_NDIM(terms), ARR_DIMS(terms))};
  int lower_bounds[] = {1, 1};
  Datum* datums;
  int count;
  deconstruct_array(terms, ARR_ELEMTYPE(terms), sizeof(pii::BlindIndexValue), false, TYPALIGN_CHAR, &datums,
                    nullptr, &count);
  PG_RETURN_ARRAYTYPE_P(construct_md_array(datums, nullptr, 2, dimensions, lower_bounds, ARR_ELEMTYPE(terms),
                                           sizeof(pii::BlindIndexValue), false, TYPALIGN_CHAR));
}

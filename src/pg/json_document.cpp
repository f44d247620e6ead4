// What SQL does to sealed values in jsonb documents.

#include "json_document.h"

#include "document_index.h"
#include "json_value.h"
#include "pg.h"
#include "privileges.h"
#include "reader_view.h"

namespace pii {
namespace {

/// A sealed string at a place of a path.
struct Entry {
  int path;
  int size;
  const char* text;
};

int CompareEntries(const void* left, const void* right) {
  auto* one = static_cast<const Entry*>(left);
  auto* other = static_cast<const Entry*>(right);
  if (one->path != other->path) return one->path < other->path ? -1 : 1;
  if (one->size != other->size) return one->size < other->size ? -1 : 1;
  return memcmp(one->text, other->text, static_cast<size_t>(one->size));
}

Entry EntryOf(int path, const JsonbValue* value) {
  return {path, value->val.string.len, value->val.string.val};
}

/// The sealed strings of a document that came through before, in order. They are looked for when the first
/// one is asked about.
struct Known {
  const varlena* document;  ///< null: there is none
  bool is_collected;
  Entry* entries;
  Size count;
  Size room;
};

JsonbValue* Collect(int path, const JsonbValue* value, void* context) {
  auto* known = static_cast<Known*>(context);
  SealedString sealed;
  bool counts = TryFindSealed(value, &sealed) == Status::kOk && sealed.is_bound();
  if (!counts) return nullptr;
  if (known->count == known->room) {
    known->room = Max(2 * known->room, 16);
    auto* more = static_cast<Entry*>(palloc_extended(known->room * sizeof(Entry), MCXT_ALLOC_HUGE));
    if (known->count > 0) memcpy(more, known->entries, known->count * sizeof(Entry));
    known->entries = more;
  }
  known->entries[known->count++] = EntryOf(path, value);
  return nullptr;
}

bool Holds(Known* known, const DeclaredPaths& paths, const Entry& sought) {
  if (known->document == nullptr) return false;
  if (!known->is_collected) {
    Datum document = PointerGetDatum(known->document);
    ChangePlaces(reinterpret_cast<varlena*>(DatumGetJsonbP(document)), paths, Collect, known);
    if (known->count > 0) qsort(known->entries, known->count, sizeof(Entry), CompareEntries);
    known->is_collected = true;
  }
  return known->count > 0 &&
         bsearch(&sought, known->entries, known->count, sizeof(Entry), CompareEntries) != nullptr;
}

struct Sealing {
  const DeclaredPaths* paths;
  Known before;
  Known passed;
};

bool WasThere(Sealing* sealing, int path, const JsonbValue* value) {
  Entry sought = EntryOf(path, value);
  return Holds(&sealing->before, *sealing->paths, sought) || Holds(&sealing->passed, *sealing->paths, sought);
}

JsonbValue* SealPlace(int path, const JsonbValue* value, void* context) {
  auto* sealing = static_cast<Sealing*>(context);
  uint16_t class_id = sealing->paths->paths[path].class_id;
  SealedString sealed;
  if (!FindSealed(value, &sealed)) return SealValue(value, class_id);
  bool was_there = sealed.is_bound() && WasThere(sealing, path, value);
  return TakeSealed(sealed, class_id, was_there);
}

using Form = JsonbValue* (*)(const SealedString& sealed);

JsonbValue* Reveal(const SealedString& sealed) {
  RequireReveal(sealed.value.class_id);
  return RevealSealed(sealed);
}

JsonbValue* Mask(const SealedString& sealed) {
  bool may_mask = (PrivilegesOn(sealed.value.class_id) & kMask) != 0;
  return may_mask ? MaskSealed(sealed) : RedactSealed(sealed);
}

JsonbValue* Show(const SealedString& sealed) {
  switch (ViewFor(sealed.value.class_id)) {
    case kViewPlain:
      return RevealSealed(sealed);
    case kViewMasked:
      return MaskSealed(sealed);
    case kViewSealed:
      return nullptr;
    default:
      return RedactSealed(sealed);
  }
}

/// Sealed text of a column stays: it does not open here.
JsonbValue* FormOf(const JsonbValue* value, void* form) {
  SealedString sealed;
  if (!FindSealed(value, &sealed) || !sealed.is_bound()) return nullptr;
  return (*static_cast<Form*>(form))(sealed);
}

/// A datum of what a walk gave; the document itself when it gave nothing.
varlena* Finish(const DocumentMemory& memory, JsonbValue* changed, varlena* document) {
  LeaveDocument(memory);
  if (changed != nullptr) document = reinterpret_cast<varlena*>(JsonbValueToJsonb(changed));
  FreeDocument(memory);
  return document;
}

Datum EachSealed(FunctionCallInfo fcinfo, Form form) {
  auto* document = reinterpret_cast<varlena*>(PG_GETARG_JSONB_P(0));
  // Statistics would keep what an expression shows of documents, and the guard of expressions does not see
  // what somebody's own function calls.
  if (IsAnalyzing()) PG_RETURN_POINTER(document);
  DocumentMemory memory = EnterDocument();
  JsonbValue* changed = ChangeStrings(document, FormOf, &form);
  PG_RETURN_POINTER(Finish(memory, changed, document));
}

/// The paths of an argument that is a constant are read once.
const DeclaredPaths* PathsArgument(FunctionCallInfo fcinfo, int argument) {
  if (fcinfo->flinfo->fn_extra != nullptr) return static_cast<DeclaredPaths*>(fcinfo->flinfo->fn_extra);
  if (ConstantArgument(fcinfo->flinfo->fn_expr, argument) == nullptr)
    return ReadPaths(reinterpret_cast<varlena*>(PG_GETARG_JSONB_P(argument)));
  MemoryContext outer = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
  DeclaredPaths* paths = ReadPaths(reinterpret_cast<varlena*>(PG_GETARG_JSONB_P(argument)));
  MemoryContextSwitchTo(outer);
  fcinfo->flinfo->fn_extra = paths;
  return paths;
}

JsonbValue* CollectVersion(const JsonbValue* value, void* context) {
  SealedString sealed;
  if (FindSealed(value, &sealed) && sealed.is_bound())
    static_cast<bool*>(context)[sealed.value.key_version] = true;
  return nullptr;
}

}  // namespace

varlena* SealDocument(varlena* document, const DeclaredPaths& paths, const varlena* before,
                      const varlena* passed) {
  DocumentMemory memory = EnterDocument();
  Sealing sealing{&paths, {}, {}};
  sealing.before.document = before;
  sealing.passed.document = passed;
  JsonbValue* changed = ChangePlaces(document, paths, SealPlace, &sealing);
  return Finish(memory, changed, document);
}

}  // namespace pii

PII_FUNCTION(pii_seal_json) {
  const pii::DeclaredPaths* paths = pii::PathsArgument(fcinfo, 1);
  auto* document = reinterpret_cast<varlena*>(PG_GETARG_JSONB_P(0));
  PG_RETURN_POINTER(pii::SealDocument(document, *paths, nullptr, nullptr));
}

PII_FUNCTION(pii_reveal_json) { return pii::EachSealed(fcinfo, pii::Reveal); }
PII_FUNCTION(pii_mask_json) { return pii::EachSealed(fcinfo, pii::Mask); }
PII_FUNCTION(pii_show_json) { return pii::EachSealed(fcinfo, pii::Show); }
PII_FUNCTION(pii_rewrap_json) { return pii::EachSealed(fcinfo, pii::RewrapSealed); }

/// pii_json_key_versions(jsonb) → integer[], in order.
PII_FUNCTION(pii_json_key_versions) {
  auto* document = reinterpret_cast<varlena*>(PG_GETARG_JSONB_P(0));
  pii::DocumentMemory memory = pii::EnterDocument();
  auto* is_there = static_cast<bool*>(palloc0(UINT16_MAX + 1));
  pii::ChangeStrings(document, pii::CollectVersion, is_there);
  auto* datums = static_cast<Datum*>(palloc((UINT16_MAX + 1) * sizeof(Datum)));
  int count = 0;
  for (int version = 0; version <= UINT16_MAX; ++version) {
    if (is_there[version]) datums[count++] = Int32GetDatum(version);
  }
  pii::LeaveDocument(memory);
  ArrayType* found = construct_array(datums, count, INT4OID, sizeof(int32), true, TYPALIGN_INT);
  pii::FreeDocument(memory);
  PG_RETURN_ARRAYTYPE_P(found);
}

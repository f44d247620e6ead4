// Search: blind index values and terms, equality and hashing of sealed values.

#include "search.h"

#include "access_log.h"
#include "attribute_rules.h"
#include "index_expression.h"
#include "index_version.h"
#include "pg.h"
#include "privileges.h"
#include "report.h"
#include "shared_keys.h"
#include "type_modifier.h"
#include "values.h"

namespace pii {
namespace {

/// Opens an argument that is pii_text or text.
PlainValue OpenArgument(FunctionCallInfo fcinfo, int argument, bool is_text) {
  if (is_text) return OpenText(StoredBytes(PG_GETARG_VARLENA_PP(argument)));
  return OpenValue(PG_GETARG_DATUM(argument), ArgumentClass(fcinfo, argument));
}

/// Text has no class yet, so it is class text.
void RequireSearch(FunctionCallInfo fcinfo, int argument, bool is_text) {
  if (is_text) {
    RequirePrivilege(kSearch, kTextClass);
  } else {
    RequireSearchOfArgument(fcinfo, argument);
  }
}

void NoteSearched(const PlainValue& value) {
  NoteAccess(Operation::kSearched, value.class_id, value.key_version);
}

/// Two values that were compared count as one search, of the class that has one.
void NoteCompared(const PlainValue& left, const PlainValue& right) {
  NoteSearched(left.class_id != kTextClass ? left : right);
}

/// Terms being collected, in palloc'ed memory.
struct Terms {
  BlindIndexValue* values;
  bool* nulls;
  size_t count;
  size_t capacity;
};

/// False when PostgreSQL gives no room for so many.
bool Reserve(Terms* terms, size_t more) {
  if (terms->count + more <= terms->capacity) return true;
  terms->capacity = 2 * (terms->count + more);
  Size values_size = terms->capacity * sizeof *terms->values;
  if (values_size > MaxAllocSize) return false;
  auto* values = static_cast<BlindIndexValue*>(palloc(values_size));
  auto* nulls = static_cast<bool*>(palloc(terms->capacity));
  if (terms->count > 0) {
    memcpy(static_cast<void*>(values), terms->values, terms->count * sizeof *values);
    memcpy(nulls, terms->nulls, terms->count);
  }
  terms->values = values;
  terms->nulls = nulls;
  return true;
}

void AppendNull(Terms* terms) {
  if (!Reserve(terms, 1)) ReportTooLong();
  terms->nulls[terms->count++] = true;
}

/// Appends a term for every enabled index version; none when the value has no such part. The versions are
/// those of one moment: the keyring may be replaced between two of them.
Status AppendTerms(Terms* terms, const PlainValue& value, uint16_t class_id, Transform transform) {
  Scratch scratch;
  OpenScratch(&scratch, NormalizedBound(value.size));
  size_t room = CurrentProtector()->index_versions().size();
  size_t count = 0;
  Status status;
  for (;;) {
    if (!Reserve(terms, room)) {
      status = Status::kTooLong;
      break;
    }
    BlindIndexValue* out = terms->values + terms->count;
    status = CallProtector([&](Protector& protector) {
      count = protector.index_versions().size();
      Status result = Status::kOk;
      for (size_t i = 0; i < Min(count, room) && result == Status::kOk; ++i) {
        result = protector.QueryValue(class_id, protector.index_versions()[i], transform, value.operand(),
                                      scratch.span, &out[i]);
      }
      return result;
    });
    if (count <= room) break;
    room = count;
  }
  CloseScratch(&scratch);
  if (status == Status::kNoPart) return Status::kOk;
  if (status != Status::kOk) return status;
  memset(terms->nulls + terms->count, false, count);
  terms->count += count;
  return Status::kOk;
}

Datum ArrayOf(FunctionCallInfo fcinfo, const Terms& terms) {
  Oid type = BlindIndexType(fcinfo);
  if (terms.count == 0) return PointerGetDatum(construct_empty_array(type));
  auto* datums = static_cast<Datum*>(palloc(terms.count * sizeof(Datum)));
  for (size_t i = 0; i < terms.count; ++i) datums[i] = PointerGetDatum(&terms.values[i]);
  int dimension = static_cast<int>(terms.count);
  int lower_bound = 1;
  return PointerGetDatum(construct_md_array(datums, terms.nulls, 1, &dimension, &lower_bound, type,
                                            sizeof(BlindIndexValue), false, TYPALIGN_CHAR));
}

Datum SearchTerms(FunctionCallInfo fcinfo, bool is_text) {
  uint16_t class_id = ClassArgument(fcinfo, 1);
  Transform transform = TransformArgument(fcinfo, 2, false);
  RequirePrivilege(kSearch, class_id);
  RequireSearch(fcinfo, 0, is_text);
  Terms terms{};
  PlainValue value = OpenArgument(fcinfo, 0, is_text);
  RequireSearchOfOpened(&value);
  Status status = AppendTerms(&terms, value, class_id, transform);
  CloseValue(&value);
  if (status != Status::kOk) ReportSearchFailure(status, class_id, transform);
  NoteAccess(Operation::kSearched, class_id, 0);
  return ArrayOf(fcinfo, terms);
}

/// The terms of all classes that values of an attribute table may have. A class that is never searched has no
/// entries in an index.
Status AppendTermsOfTable(Terms* terms, const PlainValue& value, const uint16_t* classes, int count) {
  for (int i = 0; i < count; ++i) {
    Status status = AppendTerms(terms, value, classes[i], Transform::kExact);
    bool counts = status != Status::kNotSearchable || classes[i] == kTextClass;
    if (status != Status::kOk && counts) return status;
  }
  return Status::kOk;
}

Datum AttributeTerms(FunctionCallInfo fcinfo, bool is_text) {
  Oid table = PG_GETARG_OID(1);
  RequireSearchOfTable(table);
  RequireSearch(fcinfo, 0, is_text);
  int count;
  uint16_t* classes = SearchedClasses(table, &count);
  Terms terms{};
  PlainValue value = OpenArgument(fcinfo, 0, is_text);
  RequireSearchOfOpened(&value);
  Status status = AppendTermsOfTable(&terms, value, classes, count);
  CloseValue(&value);
  if (status != Status::kOk) ReportSearchFailure(status, kTextClass, Transform::kExact);
  NoteAccess(Operation::kSearched, kTextClass, 0);
  return ArrayOf(fcinfo, terms);
}

Status Equal(const PlainValue& left, const PlainValue& right, bool* equal) {
  Scratch scratch;
  OpenScratch(&scratch, NormalizedBound(left.size) + NormalizedBound(right.size));
  Status status = CallProtector([&](Protector& protector) {
    return protector.Equal(left.operand(), right.operand(), scratch.span, equal);
  });
  CloseScratch(&scratch);
  return status;
}

/// The class that an equality is decided by.
uint16_t SharedClass(const PlainValue& left, const PlainValue& right) {
  return left.class_id != kTextClass ? left.class_id : right.class_id;
}

/// Opens a value while another is open, which an error closes.
PlainValue OpenBeside(PlainValue* open, Datum datum, uint16_t legacy_class) {
  PlainValue value;
  Status status = TryOpenValue(datum, legacy_class, &value);
  if (status == Status::kOk) return value;
  CloseValue(open);
  ReportStatus(status, Origin::kStored, value.class_id, value.key_version);
}

bool EqualArguments(FunctionCallInfo fcinfo, bool left_is_text, bool right_is_text) {
  // ANALYZE compares the rows of a column of a row type, without an expression; it must not need keys. It
  // keeps some of those rows, sealed as they are.
  if (fcinfo->flinfo->fn_expr == nullptr && IsAnalyzing()) return false;
  RequireSearch(fcinfo, 0, left_is_text);
  RequireSearch(fcinfo, 1, right_is_text);
  // What may raise an error is opened first, text before a value.
  int first = right_is_text ? 1 : 0;
  PlainValue one = OpenArgument(fcinfo, first, left_is_text || right_is_text);
  RequireSearchOfOpened(&one);
  PlainValue other = OpenBeside(&one, PG_GETARG_DATUM(1 - first), ArgumentClass(fcinfo, 1 - first));
  bool equal = false;
  Status status = Equal(one, other, &equal);
  CloseValue(&one);
  CloseValue(&other);
  if (status != Status::kOk) ReportSearchFailure(status, SharedClass(one, other), Transform::kExact);
  NoteCompared(one, other);
  return equal;
}

/// The elements of an array of pii_text or text.
struct Elements {
  Datum* datums;
  bool* nulls;
  int count;
  bool are_text;
};

Elements ElementsOf(ArrayType* array) {
  Elements elements;
  int16 length;
  bool by_value;
  char alignment;
  get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &alignment);
  deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, alignment, &elements.datums,
                    &elements.nulls, &elements.count);
  elements.are_text = ARR_ELEMTYPE(array) == TEXTOID;
  return elements;
}

/// Opens an element that the current user may search.
PlainValue OpenElement(const Elements& elements, int i, uint16_t legacy_class) {
  Datum datum = elements.datums[i];
  RequirePrivilege(kSearch, elements.are_text ? kTextClass : ClassOfArgument(datum, legacy_class));
  PlainValue value = elements.are_text ? OpenText(StoredBytes(PG_DETOAST_DATUM_PACKED(datum)))
                                       : OpenValue(datum, legacy_class);
  RequireSearchOfOpened(&value);
  return value;
}

uint64 HashArgument(FunctionCallInfo fcinfo, bool is_text) {
  RequireSearch(fcinfo, 0, is_text);
  PlainValue value = OpenArgument(fcinfo, 0, is_text);
  RequireSearchOfOpened(&value);
  uint64_t hash = 0;
  Status status = CallProtector([&](Protector& protector) { return protector.Hash(value.operand(), &hash); });
  CloseValue(&value);
  if (status != Status::kOk) ReportSearchFailure(status, value.class_id, Transform::kExact);
  NoteSearched(value);
  return hash;
}

/// The version that a blind index is computed under: one that the call is pinned to, or the one that the
/// statement writes; 0 for the primary one.
uint16_t IndexVersionArgument(FunctionCallInfo fcinfo, int argument) {
  if (PG_NARGS() <= argument) return WriteVersion(fcinfo);
  int32 version = PG_GETARG_INT32(argument);
  if (version < 1 || version > UINT16_MAX) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("key version must be between 1 and %d", UINT16_MAX)));
  }
  return static_cast<uint16_t>(version);
}

bool IsKeyUnavailable(Status status) {
  return status == Status::kUnknownKeyVersion || status == Status::kKeyDisabled ||
         status == Status::kKeyDestroyed;
}

/// As hashtext and hashtextextended: the low half is the same when the seed is 0.
Datum ExtendedHash(FunctionCallInfo fcinfo, bool is_text) {
  uint64 hash = HashArgument(fcinfo, is_text);
  auto seed = static_cast<uint64>(PG_GETARG_INT64(1));
  return UInt64GetDatum(seed == 0 ? hash : hash_combine64(hash, seed));
}

}  // namespace

/// Is an argument a column whose type declares no class? Its plaintext counts as class text, which is what it
/// is hashed as.
bool IsClasslessColumn(FunctionCallInfo fcinfo, int argument) {
  Node* call = fcinfo->flinfo->fn_expr;
  if (call == nullptr || !IsA(call, FuncExpr) || DeclaredClass(fcinfo, argument) != kNoClass) return false;
  return IsA(StripRelabel(static_cast<Node*>(list_nth(reinterpret_cast<FuncExpr*>(call)->args, argument))),
             Var);
}

void RequireSearchOfArgument(FunctionCallInfo fcinfo, int argument) {
  RequirePrivilege(kSearch, ClassOfArgument(PG_GETARG_DATUM(argument), DeclaredClass(fcinfo, argument)));
}

void RequireSearchOfOpened(PlainValue* value) {
  if ((PrivilegesOn(value->class_id) & kSearch) != 0) return;
  CloseValue(value);
  RequirePrivilege(kSearch, value->class_id);
}

bool IsUnreadableInAnalyze(FunctionCallInfo fcinfo) {
  if (!IsAnalyzing()) return false;
  Datum value = PG_GETARG_DATUM(0);
  uint64_t fingerprint;
  return (PrivilegesOn(ClassOfArgument(value, DeclaredClass(fcinfo, 0))) & kSearch) == 0 ||
         !TryFingerprint(value, ArgumentClass(fcinfo, 0), &fingerprint);
}

void OpenScratch(Scratch* scratch, size_t size) {
  bool small = size <= sizeof scratch->stack;
  scratch->heap = small ? nullptr : static_cast<char*>(palloc(Min(size, MaxAllocSize)));
  scratch->span = {small ? scratch->stack : scratch->heap, Min(size, MaxAllocSize)};
}

void CloseScratch(Scratch* scratch) {
  if (scratch->heap != nullptr) pfree(scratch->heap);
}

Transform TransformArgument(FunctionCallInfo fcinfo, int argument, bool allow_word) {
  if (PG_NARGS() <= argument) return Transform::kExact;
  Transform transform;
  if (!TransformByName(text_to_cstring(PG_GETARG_TEXT_PP(argument)), &transform)) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("transform does not exist"),
             errhint("The transforms are: exact, last4, domain, local, year, first3, initials, word.")));
  }
  if (transform == Transform::kWord && !allow_word) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("transform \"word\" gives several index values, not one"),
                    errhint("Use pii_word_index() and pii_word_terms().")));
  }
  return transform;
}

uint16_t ClassArgument(FunctionCallInfo fcinfo, int argument) {
  return RequireClassByName(text_to_cstring(PG_GETARG_TEXT_PP(argument)));
}

Oid BlindIndexType(FunctionCallInfo fcinfo) {
  Node* call = fcinfo->flinfo->fn_expr;
  bool has_call = call != nullptr && IsA(call, FuncExpr);
  return get_element_type(has_call ? exprType(call) : get_func_rettype(fcinfo->flinfo->fn_oid));
}

void ReportSearchFailure(Status status, uint16_t class_id, Transform transform) {
  if (status == Status::kBufferTooSmall) ReportTooLong();
  if (status != Status::kNotSearchable || transform == Transform::kExact) ReportSealFailure(status, class_id);
  const PiiClass* pii_class = FindClass(class_id);
  StringInfoData allowed;
  initStringInfo(&allowed);
  for (Transform candidate : kTransforms) {
    if (pii_class == nullptr || !AllowsTransform(*pii_class, candidate)) continue;
    appendStringInfo(&allowed, "%s%s", allowed.len > 0 ? ", " : "", TransformName(candidate).data());
  }
  if (allowed.len == 0) ReportSealFailure(status, class_id);
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("values of class %s cannot be searched by transform \"%s\"", pii_class->name_text,
                         TransformName(transform).data()),
                  errhint("The transforms of the class are: %s.", allowed.data)));
}

}  // namespace pii

/// pii_blind_index(pii_text), pii_blind_index(pii_text, text), pii_blind_index(pii_text, text, integer)
PII_FUNCTION(pii_blind_index) {
  if (pii::IsUnreadableInAnalyze(fcinfo)) PG_RETURN_NULL();
  pii::Transform transform = pii::TransformArgument(fcinfo, 1, false);
  uint16_t version = pii::IndexVersionArgument(fcinfo, 2);
  if (pii::IsClasslessColumn(fcinfo, 0)) {
    pii::RequirePrivilege(pii::kSearch, pii::ClassOfArgument(PG_GETARG_DATUM(0), pii::kTextClass));
  } else {
    pii::RequireSearchOfArgument(fcinfo, 0);
  }
  pii::PlainValue value = pii::OpenArgument(fcinfo, 0, false);
  pii::Scratch scratch;
  pii::OpenScratch(&scratch, pii::NormalizedBound(value.size));
  auto* index_value = static_cast<pii::BlindIndexValue*>(palloc(sizeof(pii::BlindIndexValue)));
  pii::Status status = pii::CallProtector([&](pii::Protector& protector) {
    return protector.IndexValue(value.class_id, version != 0 ? version : protector.index_versions()[0],
                                transform, {value.data, value.size}, scratch.span, index_value);
  });
  pii::CloseScratch(&scratch);
  pii::CloseValue(&value);
  if (pii::IsKeyUnavailable(status)) pii::ReportIndexKey(status, value.class_id, version);
  if (status != pii::Status::kOk && status != pii::Status::kNoPart)
    pii::ReportSearchFailure(status, value.class_id, transform);
  pii::NoteSearched(value);
  if (status == pii::Status::kNoPart) PG_RETURN_NULL();
  PG_RETURN_POINTER(index_value);
}

/// pii_search_terms(text, text), pii_search_terms(text, text, text)
PII_FUNCTION(pii_search_terms) { return pii::SearchTerms(fcinfo, true); }

/// pii_search_terms(pii_text, text): what the planner puts in place of `column = literal`.
PII_FUNCTION(pii_search_terms_of_value) { return pii::SearchTerms(fcinfo, false); }

/// pii_search_terms(pii_text[], text) and (text[], text): the terms of all; a NULL stays one, as in `= ANY`.
PII_FUNCTION(pii_search_terms_of_array) {
  pii::Elements elements = pii::ElementsOf(PG_GETARG_ARRAYTYPE_P(0));
  uint16_t class_id = pii::ClassArgument(fcinfo, 1);
  pii::RequirePrivilege(pii::kSearch, class_id);
  pii::Terms terms{};
  for (int i = 0; i < elements.count; ++i) {
    CHECK_FOR_INTERRUPTS();
    if (elements.nulls[i]) {
      pii::AppendNull(&terms);
      continue;
    }
    pii::PlainValue value = pii::OpenElement(elements, i, class_id);
    pii::Status status = pii::AppendTerms(&terms, value, class_id, pii::Transform::kExact);
    pii::CloseValue(&value);
    if (status != pii::Status::kOk) pii::ReportSearchFailure(status, class_id, pii::Transform::kExact);
    pii::NoteAccess(pii::Operation::kSearched, class_id, 0);
  }
  return pii::ArrayOf(fcinfo, terms);
}

/// pii_attribute_terms(pii_text, oid) and (text, oid): what the planner puts in place of `value = literal` in
/// an attribute table.
PII_FUNCTION(pii_attribute_terms) { return pii::AttributeTerms(fcinfo, false); }
PII_FUNCTION(pii_attribute_terms_of_text) { return pii::AttributeTerms(fcinfo, true); }

/// pii_attribute_terms(pii_text[], oid) and (text[], oid): the terms of all, as pii_search_terms() of an
/// array.
PII_FUNCTION(pii_attribute_terms_of_array) {
  pii::Elements elements = pii::ElementsOf(PG_GETARG_ARRAYTYPE_P(0));
  Oid table = PG_GETARG_OID(1);
  pii::RequireSearchOfTable(table);
  int count;
  uint16_t* classes = pii::SearchedClasses(table, &count);
  pii::Terms terms{};
  for (int i = 0; i < elements.count; ++i) {
    CHECK_FOR_INTERRUPTS();
    if (elements.nulls[i]) {
      pii::AppendNull(&terms);
      continue;
    }
    pii::PlainValue value = pii::OpenElement(elements, i, pii::kTextClass);
    pii::Status status = pii::AppendTermsOfTable(&terms, value, classes, count);
    pii::CloseValue(&value);
    if (status != pii::Status::kOk) pii::ReportSearchFailure(status, pii::kTextClass, pii::Transform::kExact);
    pii::NoteAccess(pii::Operation::kSearched, pii::kTextClass, 0);
  }
  return pii::ArrayOf(fcinfo, terms);
}

PII_FUNCTION(pii_text_eq) { PG_RETURN_BOOL(pii::EqualArguments(fcinfo, false, false)); }
PII_FUNCTION(pii_text_ne) { PG_RETURN_BOOL(!pii::EqualArguments(fcinfo, false, false)); }
PII_FUNCTION(pii_text_eq_text) { PG_RETURN_BOOL(pii::EqualArguments(fcinfo, false, true)); }
PII_FUNCTION(pii_text_ne_text) { PG_RETURN_BOOL(!pii::EqualArguments(fcinfo, false, true)); }
PII_FUNCTION(text_eq_pii_text) { PG_RETURN_BOOL(pii::EqualArguments(fcinfo, true, false)); }
PII_FUNCTION(text_ne_pii_text) { PG_RETURN_BOOL(!pii::EqualArguments(fcinfo, true, false)); }

/// pii_text_eq_any(pii_text, pii_text[]) and (pii_text, text[]): `= ANY`, in a form that PostgreSQL asks a
/// support function about.
PII_FUNCTION(pii_text_eq_any) {
  pii::Elements elements = pii::ElementsOf(PG_GETARG_ARRAYTYPE_P(1));
  uint16_t column_class = pii::ArgumentClass(fcinfo, 0);
  pii::RequireSearchOfArgument(fcinfo, 0);
  bool has_null = false;
  for (int i = 0; i < elements.count; ++i) {
    CHECK_FOR_INTERRUPTS();
    has_null = has_null || elements.nulls[i];
    if (elements.nulls[i]) continue;
    pii::PlainValue element = pii::OpenElement(elements, i, column_class);
    pii::PlainValue value = pii::OpenBeside(&element, PG_GETARG_DATUM(0), column_class);
    bool equal = false;
    pii::Status status = pii::Equal(value, element, &equal);
    pii::CloseValue(&value);
    pii::CloseValue(&element);
    if (status != pii::Status::kOk) {
      pii::ReportSearchFailure(status, pii::SharedClass(value, element), pii::Transform::kExact);
    }
    pii::NoteCompared(value, element);
    if (equal) PG_RETURN_BOOL(true);
  }
  if (has_null) PG_RETURN_NULL();
  PG_RETURN_BOOL(false);
}

PII_FUNCTION(pii_text_hash) { PG_RETURN_UINT32(static_cast<uint32>(pii::HashArgument(fcinfo, false))); }
PII_FUNCTION(pii_text_hash_extended) { return pii::ExtendedHash(fcinfo, false); }
PII_FUNCTION(pii_text_hash_of_text) {
  PG_RETURN_UINT32(static_cast<uint32>(pii::HashArgument(fcinfo, true)));
}
PII_FUNCTION(pii_text_hash_of_text_extended) { return pii::ExtendedHash(fcinfo, true); }

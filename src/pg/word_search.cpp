// Word search: a value as an array of keyed hashes, one for each word of it; terms as an array of rows, one
// for each word, with a column for each index key version; and the operator and GIN operator class between
// the two.

#include "access_log.h"
#include "pg.h"
#include "privileges.h"
#include "report.h"
#include "search.h"
#include "shared_keys.h"
#include "type_modifier.h"
#include "values.h"

namespace pii {
namespace {

constexpr size_t kSize = sizeof(BlindIndexValue);

/// `count` values, palloc'ed, for each of `versions` key versions in turn.
struct Words {
  BlindIndexValue* values;
  size_t count;
  size_t versions;
};

/// Hashes the words of a value under the primary index version, or under each that is enabled; closes it.
Words HashWords(PlainValue value, uint16_t class_id, bool every_version) {
  Scratch scratch;
  OpenScratch(&scratch, NormalizedBound(value.size));
  Words words{nullptr, 16, CurrentProtector()->index_versions().size()};
  Status status;
  for (;;) {
    size_t room = words.count;
    size_t version_room = words.versions;
    Size needed = room * version_room * kSize;
    if (needed > MaxAllocSize) {
      status = Status::kTooLong;
      break;
    }
    words.values = static_cast<BlindIndexValue*>(palloc(Max(needed, kSize)));
    status = CallProtector([&](Protector& protector) {
      words.versions = every_version ? protector.index_versions().size() : 1;
      if (words.versions > version_room) return Status::kBufferTooSmall;
      Status result = Status::kOk;
      for (size_t i = 0; i < words.versions && result == Status::kOk; ++i) {
        result = protector.IndexWords(class_id, protector.index_versions()[i], {value.data, value.size},
                                      scratch.span, {words.values + i * room, room}, &words.count);
      }
      return result;
    });
    if (status == Status::kOk) {
      // Rows follow each other without the room that was left.
      for (size_t i = 1; i < words.versions; ++i) {
        memmove(static_cast<void*>(words.values + i * words.count), words.values + i * room,
                words.count * kSize);
      }
      break;
    }
    bool grown = words.count > room || words.versions > version_room;
    if (status != Status::kBufferTooSmall || !grown) break;
    pfree(words.values);
  }
  CloseScratch(&scratch);
  CloseValue(&value);
  if (status != Status::kOk) ReportSearchFailure(status, class_id, Transform::kWord);
  NoteAccess(Operation::kSearched, class_id, value.key_version);
  return words;
}

int CompareValues(const void* left, const void* right) { return memcmp(left, right, kSize); }

/// Sorts and drops repeated values: neither the order nor the number of times says anything to a search.
size_t SortDistinct(BlindIndexValue* values, size_t count) {
  if (count == 0) return 0;
  qsort(values, count, kSize, CompareValues);
  size_t distinct = 1;
  for (size_t i = 1; i < count; ++i) {
    if (values[i] != values[distinct - 1]) values[distinct++] = values[i];
  }
  return distinct;
}

/// The elements of an array of pii_blind_index. The rows of a two-dimensional one are words, their elements
/// the key versions; in any other each element is a row.
struct Elements {
  Datum* datums;
  bool* nulls;
  int count;
  int row_size;
};

Elements ElementsOf(ArrayType* array) {
  Elements elements;
  deconstruct_array(array, ARR_ELEMTYPE(array), kSize, false, TYPALIGN_CHAR, &elements.datums,
                    &elements.nulls, &elements.count);
  elements.row_size = ARR_NDIM(array) == 2 ? ARR_DIMS(array)[1] : 1;
  return elements;
}

bool HasValue(const Elements& elements, Datum value) {
  for (int i = 0; i < elements.count; ++i) {
    if (!elements.nulls[i] && CompareValues(DatumGetPointer(elements.datums[i]), DatumGetPointer(value)) == 0)
      return true;
  }
  return false;
}

/// Is there a value of each row of `query` among `elements`?
bool Contains(const Elements& elements, const Elements& query) {
  for (int row = 0; row < query.count; row += query.row_size) {
    bool found = false;
    for (int i = row; i < row + query.row_size && !found; ++i) {
      found = !query.nulls[i] && HasValue(elements, query.datums[i]);
    }
    if (!found) return false;
  }
  return true;
}

/// The row size that pii_word_query left for the consistent functions.
int RowSize(const Pointer* extra_data) { return *reinterpret_cast<const int*>(extra_data[0]); }

}  // namespace
}  // namespace pii

/// pii_word_index(pii_text) → pii_blind_index[]
PII_FUNCTION(pii_word_index) {
  if (pii::IsUnreadableInAnalyze(fcinfo)) PG_RETURN_NULL();
  pii::RequireSearchOfArgument(fcinfo, 0);
  pii::PlainValue value = pii::OpenValue(PG_GETARG_DATUM(0), pii::ArgumentClass(fcinfo, 0));
  pii::Words words = pii::HashWords(value, value.class_id, false);
  int count = static_cast<int>(pii::SortDistinct(words.values, words.count));
  Oid type = pii::BlindIndexType(fcinfo);
  if (count == 0) PG_RETURN_POINTER(construct_empty_array(type));
  auto* datums = static_cast<Datum*>(palloc(static_cast<Size>(count) * sizeof(Datum)));
  for (int i = 0; i < count; ++i) datums[i] = PointerGetDatum(&words.values[i]);
  PG_RETURN_POINTER(construct_array(datums, count, type, pii::kSize, false, TYPALIGN_CHAR));
}

/// pii_word_terms(text, text) → pii_blind_index[][]
PII_FUNCTION(pii_word_terms) {
  uint16_t class_id = pii::ClassArgument(fcinfo, 1);
  pii::RequirePrivilege(pii::kSearch, class_id);
  pii::PlainValue value = pii::OpenText(pii::StoredBytes(PG_GETARG_VARLENA_PP(0)));
  pii::RequireSearchOfOpened(&value);
  pii::Words words = pii::HashWords(value, class_id, true);
  Oid type = pii::BlindIndexType(fcinfo);
  if (words.count == 0) PG_RETURN_POINTER(construct_empty_array(type));
  auto* datums = static_cast<Datum*>(palloc(words.count * words.versions * sizeof(Datum)));
  for (size_t word = 0; word < words.count; ++word) {
    for (size_t version = 0; version < words.versions; ++version) {
      datums[word * words.versions + version] = PointerGetDatum(&words.values[version * words.count + word]);
    }
  }
  int dimensions[] = {static_cast<int>(words.count), static_cast<int>(words.versions)};
  int lower_bounds[] = {1, 1};
  PG_RETURN_POINTER(construct_md_array(datums, nullptr, 2, dimensions, lower_bounds, type, pii::kSize, false,
                                       TYPALIGN_CHAR));
}

/// pii_blind_index[] @> pii_blind_index[]
PII_FUNCTION(pii_word_contains) {
  pii::Elements elements = pii::ElementsOf(PG_GETARG_ARRAYTYPE_P(0));
  PG_RETURN_BOOL(pii::Contains(elements, pii::ElementsOf(PG_GETARG_ARRAYTYPE_P(1))));
}

// GIN support functions, with the arguments that PostgreSQL's documentation gives them.

/// extractValue
PII_FUNCTION(pii_word_values) {
  pii::Elements elements = pii::ElementsOf(PG_GETARG_ARRAYTYPE_P(0));
  *reinterpret_cast<int32*>(PG_GETARG_POINTER(1)) = elements.count;
  *reinterpret_cast<bool**>(PG_GETARG_POINTER(2)) = elements.nulls;
  PG_RETURN_POINTER(elements.datums);
}

/// extractQuery
PII_FUNCTION(pii_word_query) {
  pii::Elements query = pii::ElementsOf(PG_GETARG_ARRAYTYPE_P(0));
  auto* count = reinterpret_cast<int32*>(PG_GETARG_POINTER(1));
  auto** extra_data = reinterpret_cast<Pointer**>(PG_GETARG_POINTER(4));
  auto** nulls = reinterpret_cast<bool**>(PG_GETARG_POINTER(5));
  auto* search_mode = reinterpret_cast<int32*>(PG_GETARG_POINTER(6));
  *count = query.count;
  *nulls = query.nulls;
  if (query.count == 0) {  // every row contains nothing
    *search_mode = GIN_SEARCH_MODE_ALL;
    PG_RETURN_POINTER(nullptr);
  }
  auto* row_size = static_cast<int*>(palloc(sizeof(int)));
  *row_size = query.row_size;
  *extra_data = static_cast<Pointer*>(palloc(static_cast<Size>(query.count) * sizeof(Pointer)));
  for (int i = 0; i < query.count; ++i) (*extra_data)[i] = reinterpret_cast<Pointer>(row_size);
  PG_RETURN_POINTER(query.datums);
}

/// consistent
PII_FUNCTION(pii_word_consistent) {
  auto* check = reinterpret_cast<bool*>(PG_GETARG_POINTER(0));
  int32 count = PG_GETARG_INT32(3);
  auto* extra_data = reinterpret_cast<Pointer*>(PG_GETARG_POINTER(4));
  auto* recheck = reinterpret_cast<bool*>(PG_GETARG_POINTER(5));
  auto* nulls = reinterpret_cast<bool*>(PG_GETARG_POINTER(7));
  *recheck = false;
  for (int row = 0; row < count; row += pii::RowSize(extra_data)) {
    bool found = false;
    for (int i = row; i < row + pii::RowSize(extra_data); ++i) found = found || (check[i] && !nulls[i]);
    if (!found) PG_RETURN_BOOL(false);
  }
  PG_RETURN_BOOL(true);
}

/// triConsistent
PII_FUNCTION(pii_word_triconsistent) {
  auto* check = reinterpret_cast<GinTernaryValue*>(PG_GETARG_POINTER(0));
  int32 count = PG_GETARG_INT32(3);
  auto* extra_data = reinterpret_cast<Pointer*>(PG_GETARG_POINTER(4));
  auto* nulls = reinterpret_cast<bool*>(PG_GETARG_POINTER(6));
  GinTernaryValue result = GIN_TRUE;
  for (int row = 0; row < count; row += pii::RowSize(extra_data)) {
    GinTernaryValue found = GIN_FALSE;
    for (int i = row; i < row + pii::RowSize(extra_data); ++i) {
      if (nulls[i] || check[i] == GIN_FALSE || found == GIN_TRUE) continue;
      found = check[i];
    }
    if (found == GIN_FALSE) PG_RETURN_GIN_TERNARY_VALUE(GIN_FALSE);
    if (found == GIN_MAYBE) result = GIN_MAYBE;
  }
  PG_RETURN_GIN_TERNARY_VALUE(result);
}

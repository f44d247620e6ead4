#include "own_function.h"

#include "pg.h"

namespace pii {
namespace {

/// `$libdir/pii`, or the same library by another path: a guard that did not know it would let plaintext
/// through.
bool IsOwnLibrary(Datum path) {
  char* copy = TextDatumGetCString(path);
  char* slash = strrchr(copy, '/');
  const char* name = slash != nullptr ? slash + 1 : copy;
  bool own = strcmp(name, "pii") == 0 || strcmp(name, "pii" DLSUFFIX) == 0;
  pfree(copy);
  return own;
}

/// What is known of functions, until PostgreSQL says that one has changed: their symbol where they are ours,
/// none where they are not. Statements ask about the same few again and again.
struct Known {
  Oid function;
  char symbol[NAMEDATALEN];
};
constexpr Oid kMostKnown = 256;
Known known[kMostKnown];
uint64 changes;  ///< may come while a function is looked up

/// CREATE OR REPLACE FUNCTION makes another function of one that was ours, or one of ours of another.
void ForgetFunctions(Datum, int, uint32) {
  ++changes;
  memset(known, 0, sizeof known);
}

void WatchFunctions() {
  static bool is_watching;
  if (!is_watching) CacheRegisterSyscacheCallback(PROCOID, ForgetFunctions, Datum(0));
  is_watching = true;
}

/// The symbol of a function, as a row of pg_proc has it; empty when it is not ours.
Known ReadFunction(HeapTuple row, Oid function) {
  Known read{};
  read.function = function;
  if (reinterpret_cast<Form_pg_proc>(GETSTRUCT(row))->prolang != ClanguageId) return read;
  bool source_is_null;
  bool library_is_null;
  Datum source = SysCacheGetAttr(PROCOID, row, Anum_pg_proc_prosrc, &source_is_null);
  Datum library = SysCacheGetAttr(PROCOID, row, Anum_pg_proc_probin, &library_is_null);
  if (source_is_null || library_is_null || !IsOwnLibrary(library)) return read;
  char* symbol = TextDatumGetCString(source);
  bool fits = strlcpy(read.symbol, symbol, sizeof read.symbol) < sizeof read.symbol;
  if (!fits) read.symbol[0] = '\0';  // none of ours is as long
  pfree(symbol);
  return read;
}

}  // namespace

bool IsOwnFunction(uint32_t function, const char* symbol) {
  if (function < FirstNormalObjectId) return false;
  Known* place = &known[function % kMostKnown];
  if (place->function == function) return strcmp(place->symbol, symbol) == 0;
  WatchFunctions();
  uint64 changes_before = changes;
  HeapTuple row = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(row)) return false;
  Known read = ReadFunction(row, function);
  ReleaseSysCache(row);
  if (changes == changes_before) *place = read;
  return strcmp(read.symbol, symbol) == 0;
}

bool IsOwnType(uint32_t type, const char* input_symbol) {
  type = getBaseType(type);
  if (type < FirstNormalObjectId) return false;
  Oid input;
  Oid io_parameter;
  getTypeInputInfo(type, &input, &io_parameter);
  return IsOwnFunction(input, input_symbol);
}

bool IsEquality(uint32_t function) {
  return IsOwnFunction(function, "pii_text_eq") || IsOwnFunction(function, "pii_text_eq_text") ||
         IsOwnFunction(function, "text_eq_pii_text");
}

uint32_t FindFunction(uint32_t schema, const char* name, std::initializer_list<uint32_t> types) {
  oidvector* signature = buildoidvector(types.begin(), static_cast<int>(types.size()));
  Oid function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
                                 PointerGetDatum(signature), ObjectIdGetDatum(schema));
  if (!OidIsValid(function)) elog(ERROR, "function %s of extension pii is missing", name);
  return function;
}

}  // namespace pii

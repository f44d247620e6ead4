#include "own_function.h"

#include "pg.h"

namespace pii {
namespace {

bool Equals(Datum datum, const char* expected) {
  char* copy = TextDatumGetCString(datum);
  bool equal = strcmp(copy, expected) == 0;
  pfree(copy);
  return equal;
}

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

}  // namespace

bool IsOwnFunction(uint32_t function, const char* symbol) {
  if (function < FirstNormalObjectId) return false;
  HeapTuple row = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(row)) return false;
  bool own = false;
  if (reinterpret_cast<Form_pg_proc>(GETSTRUCT(row))->prolang == ClanguageId) {
    bool source_is_null;
    bool library_is_null;
    Datum source = SysCacheGetAttr(PROCOID, row, Anum_pg_proc_prosrc, &source_is_null);
    Datum library = SysCacheGetAttr(PROCOID, row, Anum_pg_proc_probin, &library_is_null);
    own = !source_is_null && !library_is_null && Equals(source, symbol) && IsOwnLibrary(library);
  }
  ReleaseSysCache(row);
  return own;
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

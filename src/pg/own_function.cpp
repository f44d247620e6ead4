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
    own = !source_is_null && !library_is_null && Equals(source, symbol) && Equals(library, "$libdir/pii");
  }
  ReleaseSysCache(row);
  return own;
}

}  // namespace pii

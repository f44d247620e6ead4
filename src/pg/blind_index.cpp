// The type pii_blind_index: 16 bytes, compared as bytes. It knows no keys.

#include "blind_index.h"

#include "pg.h"

namespace pii {
namespace {

constexpr size_t kSize = sizeof(BlindIndexValue);

const uint8_t* Argument(FunctionCallInfo fcinfo, int argument) {
  return reinterpret_cast<const uint8_t*>(PG_GETARG_POINTER(argument));
}

int Compare(FunctionCallInfo fcinfo) { return memcmp(Argument(fcinfo, 0), Argument(fcinfo, 1), kSize); }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

}  // namespace pii

PII_FUNCTION(pii_blind_index_in) {
  const char* text = PG_GETARG_CSTRING(0);
  auto* value = static_cast<uint8_t*>(palloc(pii::kSize));
  bool valid = strlen(text) == 2 * pii::kSize;
  for (size_t i = 0; valid && i < pii::kSize; ++i) {
    int high = pii::HexDigit(text[2 * i]);
    int low = pii::HexDigit(text[2 * i + 1]);
    valid = high >= 0 && low >= 0;
    value[i] = static_cast<uint8_t>(high << 4 | (low & 15));
  }
  if (!valid) {
    // The text is not repeated: somebody may have compared the index with a value.
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("invalid input for type pii_blind_index"),
             errdetail("It takes 32 hexadecimal digits."),
             errhint("To search for a value, write: column = 'value', or pii_blind_index(column) = ANY "
                     "(pii_search_terms('value', 'class')).")));
  }
  PG_RETURN_POINTER(value);
}

PII_FUNCTION(pii_blind_index_out) {
  const uint8_t* value = pii::Argument(fcinfo, 0);
  char* text = static_cast<char*>(palloc(2 * pii::kSize + 1));
  for (size_t i = 0; i < pii::kSize; ++i) snprintf(text + 2 * i, 3, "%02x", value[i]);
  PG_RETURN_CSTRING(text);
}

PII_FUNCTION(pii_blind_index_recv) {
  auto message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
  auto* value = static_cast<uint8_t*>(palloc(pii::kSize));
  memcpy(value, pq_getmsgbytes(message, pii::kSize), pii::kSize);
  PG_RETURN_POINTER(value);
}

PII_FUNCTION(pii_blind_index_send) {
  StringInfoData message;
  pq_begintypsend(&message);
  pq_sendbytes(&message, reinterpret_cast<const char*>(pii::Argument(fcinfo, 0)), pii::kSize);
  PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

PII_FUNCTION(pii_blind_index_eq) { PG_RETURN_BOOL(pii::Compare(fcinfo) == 0); }
PII_FUNCTION(pii_blind_index_ne) { PG_RETURN_BOOL(pii::Compare(fcinfo) != 0); }
PII_FUNCTION(pii_blind_index_lt) { PG_RETURN_BOOL(pii::Compare(fcinfo) < 0); }
PII_FUNCTION(pii_blind_index_le) { PG_RETURN_BOOL(pii::Compare(fcinfo) <= 0); }
PII_FUNCTION(pii_blind_index_gt) { PG_RETURN_BOOL(pii::Compare(fcinfo) > 0); }
PII_FUNCTION(pii_blind_index_ge) { PG_RETURN_BOOL(pii::Compare(fcinfo) >= 0); }
PII_FUNCTION(pii_blind_index_cmp) { PG_RETURN_INT32(pii::Compare(fcinfo)); }

PII_FUNCTION(pii_blind_index_hash) { return hash_any(pii::Argument(fcinfo, 0), pii::kSize); }

PII_FUNCTION(pii_blind_index_hash_extended) {
  return hash_any_extended(pii::Argument(fcinfo, 0), pii::kSize, static_cast<uint64>(PG_GETARG_INT64(1)));
}

#include "encoding.h"

#include "pg.h"
#include "report.h"
#include "secret.h"
#include "shape.h"

namespace pii {
namespace {

/// Converts without raising an error that would quote the text. False when a character has no counterpart.
bool Convert(int from, int to, ByteView source, char* target, size_t capacity, size_t* size) {
  Oid conversion = FindDefaultConversionProc(from, to);
  if (!OidIsValid(conversion)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                    errmsg("default conversion function for encoding \"%s\" to \"%s\" does not exist",
                           pg_encoding_to_char(from), pg_encoding_to_char(to))));
  }
  auto* unconst = const_cast<unsigned char*>(source.data());
  auto* out = reinterpret_cast<unsigned char*>(target);
  int converted = pg_do_encoding_conversion_buf(
      conversion, from, to, unconst, static_cast<int>(source.size()), out, static_cast<int>(capacity), true);
  *size = strlen(target);
  return converted == static_cast<int>(source.size());
}

/// The room pg_do_encoding_conversion_buf wants to convert everything in one call.
size_t ConversionBound(size_t size) { return (size + 1) * MAX_CONVERSION_GROWTH + 1; }

}  // namespace

bool ServerIsUtf8() {
  int encoding = GetDatabaseEncoding();
  return encoding == PG_UTF8 || encoding == PG_SQL_ASCII;
}

ByteView ToUtf8(ByteView text) {
  if (GetDatabaseEncoding() == PG_SQL_ASCII && !IsValidUtf8(AsText(text))) {
    ereport(
        ERROR,
        (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE), errmsg("value is not valid UTF-8"),
         errdetail("Sealed values hold UTF-8; this database has no encoding (SQL_ASCII), so the client must "
                   "send UTF-8.")));
  }
  if (ServerIsUtf8() || IsAscii(AsText(text))) return text;
  size_t capacity = ConversionBound(text.size());
  if (capacity > MaxAllocSize) ReportTooLong();
  char* converted = static_cast<char*>(palloc(capacity));
  size_t size = 0;
  if (!Convert(GetDatabaseEncoding(), PG_UTF8, text, converted, capacity, &size)) {
    Wipe({reinterpret_cast<uint8_t*>(converted), capacity});
    ereport(ERROR,
            (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE), errmsg("value cannot be converted to UTF-8"),
             errdetail("It has a character of encoding %s that UTF-8 lacks.", GetDatabaseEncodingName())));
  }
  return {reinterpret_cast<uint8_t*>(converted), size};
}

char* FromUtf8(char* buffer, size_t head, size_t* size) {
  ByteView text(reinterpret_cast<uint8_t*>(buffer) + head, *size);
  if (ServerIsUtf8() || IsAscii(AsText(text))) return buffer;
  size_t capacity = ConversionBound(*size);
  if (head + capacity > MaxAllocSize) {
    Wipe({reinterpret_cast<uint8_t*>(buffer), head + *size});
    ReportTooLong();
  }
  char* converted = static_cast<char*>(palloc(head + capacity));
  size_t converted_size = 0;
  bool done = Convert(PG_UTF8, GetDatabaseEncoding(), text, converted + head, capacity, &converted_size);
  Wipe({reinterpret_cast<uint8_t*>(buffer), head + *size});
  pfree(buffer);
  if (!done) {
    Wipe({reinterpret_cast<uint8_t*>(converted), head + capacity});
    ereport(ERROR, (errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
                    errmsg("value cannot be shown in the encoding of this database"),
                    errdetail("It has a character that encoding %s lacks.", GetDatabaseEncodingName())));
  }
  *size = converted_size;
  return converted;
}

}  // namespace pii

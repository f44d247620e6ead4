// How values enter and leave the type: input, output, receive, send, and the casts that seal.

#include "incoming_value.h"
#include "pg.h"
#include "pii_class.h"
#include "reader_view.h"
#include "sealed_value.h"
#include "secret.h"
#include "type_modifier.h"
#include "values.h"

namespace pii {
namespace {

varlena* SealInput(ByteView text, int32 type_modifier) {
  if (type_modifier == kNoClass) return TakeText(text);
  return SealText(text, CheckTypeModifier(type_modifier));
}

/// The one choke point for reading: what a client, a cast, COPY, JSON, format() and every other consumer of
/// the type's text gets. Legacy plaintext has no class here, so it shows nothing.
Rendered RenderView(varlena* datum, size_t head) {
  bool is_legacy = !IsSealed(StoredBytes(datum));
  switch (ViewFor(ClassOf(datum, kTextClass))) {
    case kViewPlain:
      return is_legacy ? RenderMasked(datum, head, kTextClass) : RenderPlain(datum, head);
    case kViewMasked:
      return RenderMasked(datum, head, kTextClass);
    case kViewSealed:
      return RenderSealed(datum, head, kTextClass);
    default:
      return RenderRedacted(datum, head, kTextClass);
  }
}

/// What the output functions are called with: the datum was not detoasted.
Rendered RenderArgument(FunctionCallInfo fcinfo) {
  ByteView utf8;
  bool is_stored = FindStoredText(PG_GETARG_DATUM(0), &utf8);
  if (is_stored && ViewFor(kTextClass) == kViewPlain) return RenderStoredText(utf8, 0);
  return RenderView(PG_GETARG_VARLENA_PP(0), 0);
}

ByteView CStringBytes(const char* text) { return AsBytes(std::string_view(text)); }

}  // namespace
}  // namespace pii

PII_FUNCTION(pii_text_in) {
  PG_RETURN_POINTER(pii::SealInput(pii::CStringBytes(PG_GETARG_CSTRING(0)), PG_GETARG_INT32(2)));
}

PII_FUNCTION(pii_text_out) { PG_RETURN_CSTRING(pii::RenderArgument(fcinfo).buffer); }

PII_FUNCTION(pii_text_recv) {
  auto message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
  int size;
  char* text = pq_getmsgtext(message, message->len - message->cursor, &size);
  pii::ByteSpan bytes(reinterpret_cast<uint8_t*>(text), static_cast<size_t>(size));
  varlena* sealed = pii::SealInput(bytes, PG_GETARG_INT32(2));
  pii::Wipe(bytes);
  PG_RETURN_POINTER(sealed);
}

PII_FUNCTION(pii_text_send) {
  pii::Rendered rendered = pii::RenderArgument(fcinfo);
  StringInfoData message;
  pq_begintypsend(&message);
  pq_sendtext(&message, rendered.buffer, static_cast<int>(rendered.size));
  pii::Wipe({reinterpret_cast<uint8_t*>(rendered.buffer), rendered.size});
  PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/// pii_text(pii_text, integer, boolean): a value takes the class of the column it goes to.
PII_FUNCTION(pii_text) {
  PG_RETURN_POINTER(pii::ChangeClass(PG_GETARG_DATUM(0), pii::DeclaredClass(fcinfo, 0),
                                     pii::CheckTypeModifier(PG_GETARG_INT32(1))));
}

/// pii_text(text, integer, boolean), also for varchar.
PII_FUNCTION(pii_text_from_text) {
  PG_RETURN_POINTER(pii::SealInput(pii::StoredBytes(PG_GETARG_VARLENA_PP(0)), PG_GETARG_INT32(1)));
}

/// pii_text(character, integer, boolean): trailing blanks are no part of the value, as in a cast to text.
PII_FUNCTION(pii_text_from_bpchar) {
  BpChar* padded = PG_GETARG_BPCHAR_PP(0);
  auto size =
      static_cast<size_t>(bpchartruelen(VARDATA_ANY(padded), static_cast<int>(VARSIZE_ANY_EXHDR(padded))));
  PG_RETURN_POINTER(pii::SealInput(pii::StoredBytes(padded).first(size), PG_GETARG_INT32(1)));
}

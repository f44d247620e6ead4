// How values enter and leave the type: input, output, receive, send, and the casts that seal.

#include "alter_column.h"
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

/// Nothing could bring the value back.
void RefuseToStoreMask() {
  if (!ConvertsColumns()) return;
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("ALTER TABLE would store a mask in place of a value"),
                  errdetail("A cast to text gives the form that the view shows."),
                  errhint("Write pii_reveal(column), or pii_mask(column) to keep masks alone.")));
}

/// The one choke point for reading: what a client, a cast, COPY, JSON, format() and every other consumer of
/// the type's text gets. Legacy plaintext has no class here, so it shows nothing.
Rendered RenderView(varlena* datum, size_t head) {
  bool is_legacy = !IsSealed(StoredBytes(datum));
  View view = ViewFor(ClassOf(datum, kTextClass));
  if (view != kViewSealed && (view != kViewPlain || is_legacy)) RefuseToStoreMask();
  switch (view) {
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
Rendered RenderArgument(FunctionCallInfo fcinfo, size_t head) {
  ByteView utf8;
  bool is_stored = FindStoredText(PG_GETARG_DATUM(0), &utf8);
  if (is_stored && ViewFor(kTextClass) == kViewPlain) return RenderStoredText(utf8, head);
  return RenderView(PG_GETARG_VARLENA_PP(0), head);
}

/// pq_getmsgtext without its copy: what is left of the message in the server's encoding, which is the message
/// itself where the client's is the same. Whoever gets another one wipes it.
ByteSpan RestOfMessage(StringInfo message) {
  int size = message->len - message->cursor;
  char* text = const_cast<char*>(pq_getmsgbytes(message, size));
  char* converted = pg_client_to_server(text, size);
  return {reinterpret_cast<uint8_t*>(converted),
          converted != text ? strlen(converted) : static_cast<size_t>(size)};
}

/// pq_sendtext without its copy, for text behind the header of a datum.
bytea* ToClient(const Rendered& rendered) {
  char* text = rendered.buffer + VARHDRSZ;
  char* converted = pg_server_to_client(text, static_cast<int>(rendered.size));
  if (converted == text) {
    SET_VARSIZE(rendered.buffer, VARHDRSZ + rendered.size);
    return reinterpret_cast<bytea*>(rendered.buffer);
  }
  size_t size = strlen(converted);
  auto* sent = static_cast<bytea*>(palloc(VARHDRSZ + size));
  SET_VARSIZE(sent, VARHDRSZ + size);
  memcpy(VARDATA(sent), converted, size);
  Wipe({reinterpret_cast<uint8_t*>(text), rendered.size});
  Wipe({reinterpret_cast<uint8_t*>(converted), size});
  return sent;
}

ByteView CStringBytes(const char* text) { return AsBytes(std::string_view(text)); }

}  // namespace
}  // namespace pii

PII_FUNCTION(pii_text_in) {
  PG_RETURN_POINTER(pii::SealInput(pii::CStringBytes(PG_GETARG_CSTRING(0)), PG_GETARG_INT32(2)));
}

PII_FUNCTION(pii_text_out) { PG_RETURN_CSTRING(pii::RenderArgument(fcinfo, 0).buffer); }

PII_FUNCTION(pii_text_recv) {
  auto message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
  const char* received = message->data + message->cursor;
  pii::ByteSpan text = pii::RestOfMessage(message);
  varlena* sealed = pii::SealInput(text, PG_GETARG_INT32(2));
  if (reinterpret_cast<char*>(text.data()) != received) pii::Wipe(text);
  PG_RETURN_POINTER(sealed);
}

PII_FUNCTION(pii_text_send) { PG_RETURN_BYTEA_P(pii::ToClient(pii::RenderArgument(fcinfo, VARHDRSZ))); }

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

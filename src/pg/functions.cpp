// The functions that SQL calls by name. Each is argument, call, result.

#include "pg.h"
#include "privileges.h"
#include "report.h"
#include "sealed_value.h"
#include "shared_keys.h"
#include "type_modifier.h"
#include "values.h"

namespace pii {
namespace {

/// Turns a form with VARHDRSZ bytes of head into a text datum, in place.
text* AsTextDatum(const Rendered& rendered) {
  SET_VARSIZE(rendered.buffer, VARHDRSZ + rendered.size);
  return reinterpret_cast<text*>(rendered.buffer);
}

/// Plaintext that lost its class on the way, in a trigger for example, is not to become class text, which many
/// may reveal.
void RequireKnownClass(FunctionCallInfo fcinfo) {
  bool is_plain = ClassOfArgument(PG_GETARG_DATUM(0), kNoClass) == kNoClass;
  if (is_plain && DeclaredClass(fcinfo, 0) == kNoClass) RequireReveal(kEveryClass);
}

}  // namespace
}  // namespace pii

PII_FUNCTION(pii_seal) {
  text* value = PG_GETARG_TEXT_PP(0);
  char* name = text_to_cstring(PG_GETARG_TEXT_PP(1));
  uint16_t class_id = pii::RequireClassByName(name);
  // Class text is the default, and no reason to take sealed text out of the class it has.
  if (class_id == pii::kTextClass) PG_RETURN_POINTER(pii::SealTextKeepingClass(pii::StoredBytes(value)));
  PG_RETURN_POINTER(pii::SealText(pii::StoredBytes(value), class_id));
}

PII_FUNCTION(pii_seal_canary) {
  text* value = PG_GETARG_TEXT_PP(0);
  uint16_t class_id = pii::RequireClassByName(text_to_cstring(PG_GETARG_TEXT_PP(1)));
  PG_RETURN_POINTER(pii::SealCanary(pii::StoredBytes(value), class_id));
}

PII_FUNCTION(pii_reveal) {
  pii::RequireReveal(pii::ClassOfArgument(PG_GETARG_DATUM(0), pii::DeclaredClass(fcinfo, 0)));
  PG_RETURN_TEXT_P(pii::AsTextDatum(pii::RenderPlain(PG_GETARG_VARLENA_PP(0), VARHDRSZ)));
}

PII_FUNCTION(pii_try_reveal) {
  pii::RequireReveal(pii::ClassOfArgument(PG_GETARG_DATUM(0), pii::DeclaredClass(fcinfo, 0)));
  pii::Rendered rendered;
  if (!pii::TryRenderPlain(PG_GETARG_VARLENA_PP(0), VARHDRSZ, &rendered)) PG_RETURN_NULL();
  PG_RETURN_TEXT_P(pii::AsTextDatum(rendered));
}

PII_FUNCTION(pii_mask) {
  pii::RequirePrivilege(pii::kMask, pii::ClassOfArgument(PG_GETARG_DATUM(0), pii::DeclaredClass(fcinfo, 0)));
  varlena* datum = PG_GETARG_VARLENA_PP(0);
  PG_RETURN_TEXT_P(pii::AsTextDatum(pii::RenderMasked(datum, VARHDRSZ, pii::ArgumentClass(fcinfo, 0))));
}

PII_FUNCTION(pii_sealed) {
  pii::RequireKnownClass(fcinfo);
  varlena* datum = PG_GETARG_VARLENA_PP(0);
  PG_RETURN_TEXT_P(pii::AsTextDatum(pii::RenderSealed(datum, VARHDRSZ, pii::ArgumentClass(fcinfo, 0))));
}

PII_FUNCTION(pii_rewrap) {
  pii::RequireKnownClass(fcinfo);
  PG_RETURN_POINTER(pii::Rewrap(PG_GETARG_VARLENA_PP(0), pii::ArgumentClass(fcinfo, 0)));
}

PII_FUNCTION(pii_class_of) {
  uint16_t id = pii::ClassOf(PG_GETARG_VARLENA_PP(0), pii::ArgumentClass(fcinfo, 0));
  const pii::PiiClass* pii_class = pii::FindClass(id);
  const char* name = pii_class != nullptr ? pii_class->name_text : psprintf("%u", id);
  PG_RETURN_TEXT_P(cstring_to_text(name));
}

PII_FUNCTION(pii_key_version) {
  pii::ByteView stored = pii::StoredBytes(PG_GETARG_VARLENA_PP(0));
  pii::SealedValue value;
  pii::Status status = pii::ParseSealedValue(stored, &value);
  if (status == pii::Status::kNotSealed) PG_RETURN_NULL();
  if (status != pii::Status::kOk) pii::ReportStatus(status, pii::Origin::kStored, 0, 0);
  PG_RETURN_INT32(value.key_version);
}

PII_FUNCTION(pii_is_sealed) {
  pii::SealedValue value;
  pii::Status status = pii::ParseSealedValue(pii::StoredBytes(PG_GETARG_VARLENA_PP(0)), &value);
  if (status != pii::Status::kOk && status != pii::Status::kNotSealed) {
    pii::ReportStatus(status, pii::Origin::kStored, 0, 0);
  }
  PG_RETURN_BOOL(status == pii::Status::kOk);
}

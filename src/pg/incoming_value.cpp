#include "incoming_value.h"

#include "pg.h"
#include "report.h"
#include "shared_keys.h"

namespace pii {
namespace {

struct IncomingValue {
  ExpandedObjectHeader header;  ///< first, as DatumGetEOHP wants it
  MemoryContextCallback wipe;
  bool is_stored;
  size_t size;
  uint8_t text[FLEXIBLE_ARRAY_MEMBER];

  ByteView utf8() const { return {text, size}; }
};

Size FlatSize(ExpandedObjectHeader* header) {
  return VARHDRSZ + Protector::SealedSize(reinterpret_cast<IncomingValue*>(header)->size);
}

void Flatten(ExpandedObjectHeader* header, void* result, Size size) {
  auto* incoming = reinterpret_cast<IncomingValue*>(header);
  SET_VARSIZE(result, size);
  ByteSpan sealed(reinterpret_cast<uint8_t*>(VARDATA(result)), size - VARHDRSZ);
  Status status = CallProtector(
      [&](Protector& protector) { return protector.Seal(kTextClass, incoming->utf8(), sealed); });
  if (status != Status::kOk) ReportSealFailure(status, kTextClass);
}

constexpr ExpandedObjectMethods kMethods = {FlatSize, Flatten};

void WipeText(void* argument) {
  auto* incoming = static_cast<IncomingValue*>(argument);
  Wipe({incoming->text, incoming->size});
}

}  // namespace

varlena* NewIncomingValue(ByteView utf8, bool is_stored) {
  if (Protector::SealedSize(utf8.size()) > MaxAllocSize - VARHDRSZ) ReportTooLong();
  auto* incoming = static_cast<IncomingValue*>(palloc(offsetof(IncomingValue, text) + utf8.size()));
  // Without a context of its own, which a pointer that may be written through would need: this one is read
  // only, and an array can have very many.
  EOH_init_header(&incoming->header, &kMethods, CurrentMemoryContext);
  incoming->is_stored = is_stored;
  incoming->size = utf8.size();
  memcpy(incoming->text, utf8.data(), utf8.size());
  incoming->wipe.func = WipeText;
  incoming->wipe.arg = incoming;
  MemoryContextRegisterResetCallback(CurrentMemoryContext, &incoming->wipe);
  return reinterpret_cast<varlena*>(DatumGetPointer(EOHPGetRODatum(&incoming->header)));
}

bool FindIncomingValue(uintptr_t datum, ByteView* utf8) {
  if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum))) return false;
  ExpandedObjectHeader* header = DatumGetEOHP(datum);
  if (header->eoh_methods != &kMethods) return false;
  *utf8 = reinterpret_cast<IncomingValue*>(header)->utf8();
  return true;
}

bool FindStoredText(uintptr_t datum, ByteView* utf8) {
  return FindIncomingValue(datum, utf8) && reinterpret_cast<IncomingValue*>(DatumGetEOHP(datum))->is_stored;
}

}  // namespace pii

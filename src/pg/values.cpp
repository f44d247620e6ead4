#include "values.h"

#include "access_log.h"
#include "encoding.h"
#include "incoming_value.h"
#include "log_guard.h"
#include "mask.h"
#include "normalize.h"
#include "pg.h"
#include "privileges.h"
#include "report.h"
#include "sealed_text.h"
#include "settings.h"
#include "shape.h"
#include "shared_keys.h"

namespace pii {
namespace {

uint8_t* Bytes(void* memory) { return static_cast<uint8_t*>(memory); }

/// A new datum with room for `size` bytes.
varlena* NewDatum(size_t size) {
  if (size > MaxAllocSize - VARHDRSZ) ReportTooLong();
  auto* datum = static_cast<varlena*>(palloc(VARHDRSZ + size));
  SET_VARSIZE(datum, VARHDRSZ + size);
  return datum;
}

char* NewText(size_t head, size_t size) {
  if (size > MaxAllocSize - head - 1) ReportTooLong();
  return static_cast<char*>(palloc(head + size + 1));
}

void WipeAndFree(char* buffer, size_t size) {
  Wipe({Bytes(buffer), size});
  pfree(buffer);
}

/// Parses a stored value that is known to begin with the mark.
SealedValue ParseStored(ByteView stored) {
  SealedValue value;
  Status status = ParseSealedValue(stored, &value);
  if (status != Status::kOk) ReportStatus(status, Origin::kStored, 0, 0);
  return value;
}

/// Reveals to UTF-8, in a palloc'ed buffer behind `head` bytes. Nothing is left behind on failure.
Status RevealUtf8(const SealedValue& value, size_t head, char** buffer, size_t* size,
                  bool* is_canary = nullptr) {
  NoteValuesInUse();
  size_t bound = value.plaintext_bound();
  *buffer = NewText(head, bound);
  ByteSpan plaintext(Bytes(*buffer) + head, bound);
  Status status = CallProtector(
      [&](Protector& protector) { return protector.Reveal(value, {}, plaintext, size, is_canary); });
  if (status != Status::kOk) {
    pfree(*buffer);
    return status;
  }
  (*buffer)[head + *size] = '\0';
  return Status::kOk;
}

/// Seals UTF-8 text into a new datum; gives the status instead of raising it, so that a caller can wipe
/// `text` first.
Status SealUtf8(ByteView text, uint16_t class_id, varlena** datum, const SealOptions& options = {}) {
  *datum = NewDatum(Protector::SealedSize(text.size()));
  ByteSpan sealed(Bytes(VARDATA(*datum)), VARSIZE(*datum) - VARHDRSZ);
  return CallProtector([&](Protector& protector) { return protector.Seal(class_id, text, sealed, options); });
}

/// Seals text of the server's encoding, which is no sealed text.
varlena* SealServerText(ByteView text, uint16_t class_id, const SealOptions& options = {}) {
  CurrentProtector();  // raises what there is to raise of keys before there is a copy to wipe
  ByteView utf8 = ToUtf8(text);
  varlena* datum;
  Status status = SealUtf8(utf8, class_id, &datum, options);
  if (utf8.data() != text.data())
    WipeAndFree(reinterpret_cast<char*>(const_cast<uint8_t*>(utf8.data())), utf8.size());
  if (status != Status::kOk) ReportSealFailure(status, class_id);
  NoteAccess(Operation::kSealed, class_id, SealPrimary());
  return datum;
}

/// Counts a value that was shown in plain.
void NoteRevealed(const SealedValue& value, bool is_canary) {
  NoteAccess(Operation::kRevealed, value.class_id, value.key_version);
  if (unlikely(is_canary)) NoteCanary(value.class_id, value.key_version);
}

/// Text of a value some other program may have sealed: PostgreSQL's text holds neither a zero byte nor broken
/// UTF-8.
Status CheckText(ByteView utf8) {
  std::string_view text = AsText(utf8);
  return IsValidUtf8(text) && text.find('\0') == std::string_view::npos ? Status::kOk : Status::kInvalidUtf8;
}

/// Does the failure mean that this server lacks the key, and not that there is something wrong with the
/// value?
bool LacksKey(Status status) {
  return status == Status::kUnknownKeyVersion || status == Status::kKeyDisabled ||
         status == Status::kKeyDestroyed || status == Status::kUnknownClass;
}

/// Who may hand in sealed text of this class? A subscriber's apply worker stores what its publisher had.
void RequireImport(uint16_t class_id) {
  if (!IsLogicalWorker()) RequirePrivilege(kImport, class_id);
}

/// Reads sealed text into a datum and authenticates it. A class of -1: whatever it is sealed as.
varlena* ReadSealedText(ByteView text, int class_id) {
  varlena* datum = NewDatum(SealedBytesBound(text.size()));
  size_t size = 0;
  Status status =
      ParseSealedText(AsText(text), {Bytes(VARDATA(datum)), SealedBytesBound(text.size())}, &size);
  if (status != Status::kOk) ReportStatus(status, Origin::kSealedText, 0, 0);
  SET_VARSIZE(datum, VARHDRSZ + size);

  SealedValue value = ParseStored(StoredBytes(datum));
  bool same_class = class_id < 0 || class_id == value.class_id;
  RequireImport(value.class_id);
  if (!same_class && value.class_id != kTextClass) RequireReveal(value.class_id);
  bool accepts_unverified = settings.accept_unverified && same_class;
  if (!HasKeys()) {
    if (!accepts_unverified) ReportLockedImport(value.class_id, value.key_version);
    return datum;
  }
  char* plaintext;
  size_t plaintext_size;
  status = RevealUtf8(value, 0, &plaintext, &plaintext_size);
  if (accepts_unverified && LacksKey(status)) return datum;
  if (status != Status::kOk) ReportStatus(status, Origin::kSealedText, value.class_id, value.key_version);
  ByteView utf8(Bytes(plaintext), plaintext_size);
  status = CheckText(utf8);
  if (status == Status::kOk && !same_class) status = SealUtf8(utf8, static_cast<uint16_t>(class_id), &datum);
  WipeAndFree(plaintext, plaintext_size);
  uint16_t result_class = same_class ? value.class_id : static_cast<uint16_t>(class_id);
  if (status != Status::kOk) ReportSealFailure(status, result_class);
  NoteAccess(Operation::kSealed, result_class, same_class ? value.key_version : SealPrimary());
  return datum;
}

/// Legacy plaintext comes from a text column, so it is text of the server's encoding. Anything else is a
/// sealed value whose mark was damaged: ciphertext, which must not pass for a value.
bool IsLegacyText(ByteView stored) {
  return pg_verify_mbstr(GetDatabaseEncoding(), reinterpret_cast<const char*>(stored.data()),
                         static_cast<int>(stored.size()), true);
}

ByteView RequireLegacyText(ByteView stored) {
  if (!IsLegacyText(stored)) ReportStatus(Status::kNotSealed, Origin::kStored, 0, 0);
  return stored;
}

/// Seals legacy plaintext whatever it looks like: as a mask, or as sealed text, which it was not when it was
/// stored. To refuse it would refuse every statement that reads the table, and to take it for sealed text
/// would let whoever could write the table before its adoption have a stolen value revealed.
varlena* SealStored(ByteView stored, uint16_t class_id) {
  NoteValuesInUse();
  SealOptions options;
  options.stored = true;
  return SealServerText(RequireLegacyText(stored), class_id, options);
}

/// `utf8` as ToUtf8 gave it for `text`: a copy is owned, the text itself is not.
PlainValue OpenUtf8(ByteView utf8, ByteView text, uint16_t class_id) {
  const char* data = reinterpret_cast<const char*>(utf8.data());
  return {data, utf8.size(), class_id, 0, utf8.data() != text.data() ? const_cast<char*>(data) : nullptr};
}

Rendered CopyLegacy(const varlena* datum, size_t head) {
  NoteValuesInUse();
  ByteView text = RequireLegacyText(StoredBytes(datum));
  Rendered rendered{NewText(head, text.size()), text.size()};
  memcpy(rendered.buffer + head, text.data(), text.size());
  rendered.buffer[head + text.size()] = '\0';
  return rendered;
}

Rendered ToServerText(char* buffer, size_t head, size_t size) {
  Rendered rendered{nullptr, size};
  rendered.buffer = FromUtf8(buffer, head, &rendered.size);
  return rendered;
}

/// The declared class, or an error: a value of a class nobody knows has no mask and no name. A copy, because
/// attaching to another keyring replaces the classes.
PiiClass RequireClass(uint16_t class_id) {
  const PiiClass* pii_class = FindClass(class_id);
  if (pii_class == nullptr) ReportSealFailure(Status::kUnknownClass, class_id);
  return *pii_class;
}

}  // namespace

ByteView StoredBytes(const varlena* datum) {
  return {reinterpret_cast<const uint8_t*>(VARDATA_ANY(datum)), VARSIZE_ANY_EXHDR(datum)};
}

varlena* SealText(ByteView text, uint16_t class_id) {
  NoteValuesInUse();
  if (LooksLikeSealedText(AsText(text))) return ReadSealedText(text, class_id);
  return SealServerText(text, class_id);
}

varlena* SealTextKeepingClass(ByteView text) {
  NoteValuesInUse();
  if (LooksLikeSealedText(AsText(text))) return ReadSealedText(text, -1);
  return SealServerText(text, kTextClass);
}

varlena* TakeText(ByteView text) {
  NoteValuesInUse();
  if (LooksLikeSealedText(AsText(text))) return ReadSealedText(text, -1);
  CurrentProtector();  // no keys, no value: not later, when somebody looks at it
  ByteView utf8 = ToUtf8(text);
  varlena* incoming = NewIncomingValue(utf8);
  if (utf8.data() != text.data()) Wipe({const_cast<uint8_t*>(utf8.data()), utf8.size()});
  return incoming;
}

varlena* SealCanary(ByteView text, uint16_t class_id) {
  NoteValuesInUse();
  CurrentProtector();
  if (LooksLikeSealedText(AsText(text)))
    ReportStatus(Status::kMalformedSealedText, Origin::kSealedText, 0, 0);
  ByteView utf8 = ToUtf8(text);
  varlena* datum = NewDatum(Protector::SealedSize(utf8.size()));
  ByteSpan sealed(Bytes(VARDATA(datum)), VARSIZE(datum) - VARHDRSZ);
  SealOptions options;
  options.canary = true;
  Status status =
      CallProtector([&](Protector& protector) { return protector.Seal(class_id, utf8, sealed, options); });
  if (utf8.data() != text.data()) Wipe({const_cast<uint8_t*>(utf8.data()), utf8.size()});
  if (status != Status::kOk) ReportSealFailure(status, class_id);
  NoteAccess(Operation::kSealed, class_id, SealPrimary());
  return datum;
}

varlena* ChangeClass(uintptr_t value_datum, int32_t declared_class, uint16_t class_id) {
  ByteView incoming;
  varlena* changed;
  if (FindIncomingValue(value_datum, &incoming)) {
    Status status = SealUtf8(incoming, class_id, &changed);
    if (status != Status::kOk) ReportSealFailure(status, class_id);
    NoteAccess(Operation::kSealed, class_id, SealPrimary());
    return changed;
  }
  varlena* datum = PG_DETOAST_DATUM_PACKED(value_datum);
  ByteView stored = StoredBytes(datum);
  if (!IsSealed(stored)) {
    if (declared_class != class_id && declared_class != kTextClass) RequireReveal(declared_class);
    return SealText(RequireLegacyText(stored), class_id);
  }
  SealedValue value = ParseStored(stored);
  if (value.class_id == class_id) return datum;
  if (value.class_id != kTextClass) RequireReveal(value.class_id);
  char* plaintext;
  size_t size;
  bool is_canary = false;
  Status status = RevealUtf8(value, 0, &plaintext, &size, &is_canary);
  if (status != Status::kOk) ReportStatus(status, Origin::kStored, value.class_id, value.key_version);
  status = SealUtf8({Bytes(plaintext), size}, class_id, &changed);
  WipeAndFree(plaintext, size);
  if (status != Status::kOk) ReportSealFailure(status, class_id);
  if (value.class_id != kTextClass) NoteRevealed(value, is_canary);
  NoteAccess(Operation::kSealed, class_id, SealPrimary());
  return changed;
}

varlena* Rewrap(varlena* datum, uint16_t legacy_class) {
  ByteView stored = StoredBytes(datum);
  if (!IsSealed(stored)) return SealText(RequireLegacyText(stored), legacy_class);
  SealedValue value = ParseStored(stored);
  varlena* rewrapped = NewDatum(stored.size());
  ByteSpan sealed(Bytes(VARDATA(rewrapped)), stored.size());
  Status status = CallProtector([&](Protector& protector) { return protector.Rewrap(value, {}, sealed); });
  if (status != Status::kOk) ReportStatus(status, Origin::kStored, value.class_id, value.key_version);
  NoteAccess(Operation::kSealed, value.class_id, SealPrimary());
  return rewrapped;
}

varlena* SealLegacy(varlena* datum, uint16_t class_id, bool is_padded) {
  ByteView stored = StoredBytes(datum);
  if (IsSealed(stored)) return datum;
  if (is_padded) {
    int size = bpchartruelen(VARDATA_ANY(datum), static_cast<int>(stored.size()));
    stored = stored.first(static_cast<size_t>(size));
  }
  return SealStored(stored, class_id);
}

varlena* TakeLegacy(varlena* datum) {
  ByteView stored = StoredBytes(datum);
  if (IsSealed(stored)) return datum;
  NoteValuesInUse();
  ByteView utf8 = ToUtf8(RequireLegacyText(stored));
  varlena* taken = NewIncomingValue(utf8, true);
  if (utf8.data() != stored.data())
    WipeAndFree(reinterpret_cast<char*>(const_cast<uint8_t*>(utf8.data())), utf8.size());
  return taken;
}

varlena* Unseal(varlena* datum, bool keeps_canaries) {
  ByteView stored = StoredBytes(datum);
  if (!IsSealed(stored)) return datum;
  SealedValue value = ParseStored(stored);
  char* buffer;
  size_t size;
  bool is_canary = false;
  Status status = RevealUtf8(value, VARHDRSZ, &buffer, &size, &is_canary);
  if (status != Status::kOk) ReportStatus(status, Origin::kStored, value.class_id, value.key_version);
  if (is_canary && keeps_canaries) {
    WipeAndFree(buffer, VARHDRSZ + size);
    return datum;
  }
  NoteRevealed(value, is_canary);
  Rendered plain = ToServerText(buffer, VARHDRSZ, size);
  SET_VARSIZE(plain.buffer, VARHDRSZ + plain.size);
  return reinterpret_cast<varlena*>(plain.buffer);
}

Rendered RenderPlain(const varlena* datum, size_t head) {
  ByteView stored = StoredBytes(datum);
  if (!IsSealed(stored)) return CopyLegacy(datum, head);
  SealedValue value = ParseStored(stored);
  char* buffer;
  size_t size;
  bool is_canary = false;
  Status status = RevealUtf8(value, head, &buffer, &size, &is_canary);
  if (status != Status::kOk) ReportStatus(status, Origin::kStored, value.class_id, value.key_version);
  NoteRevealed(value, is_canary);
  return ToServerText(buffer, head, size);
}

Rendered RenderStoredText(ByteView utf8, size_t head) {
  NoteValuesInUse();
  CurrentProtector();  // without keys nothing is shown
  char* buffer = NewText(head, utf8.size());
  memcpy(buffer + head, utf8.data(), utf8.size());
  buffer[head + utf8.size()] = '\0';
  NoteAccess(Operation::kRevealed, kTextClass, 0);
  return ToServerText(buffer, head, utf8.size());
}

bool TryRenderPlain(const varlena* datum, size_t head, Rendered* rendered) {
  ByteView stored = StoredBytes(datum);
  if (!IsSealed(stored)) {
    if (!IsLegacyText(stored)) return false;
    *rendered = CopyLegacy(datum, head);
    return true;
  }
  SealedValue value;
  char* buffer;
  size_t size;
  if (ParseSealedValue(stored, &value) != Status::kOk) return false;
  bool is_canary = false;
  Status status = RevealUtf8(value, head, &buffer, &size, &is_canary);
  switch (status) {
    case Status::kOk:
      NoteRevealed(value, is_canary);
      *rendered = ToServerText(buffer, head, size);
      return true;
    case Status::kAuthenticationFailed:
    case Status::kBadPadding:
    case Status::kContextRequired:
    case Status::kUnknownClass:
    case Status::kUnknownKeyVersion:
    case Status::kKeyDisabled:
    case Status::kKeyDestroyed:
      NoteAccess(Operation::kFailed, value.class_id, value.key_version);
      return false;
    default:  // not about this value
      ReportStatus(status, Origin::kStored, value.class_id, value.key_version);
  }
}

Rendered RenderMasked(const varlena* datum, size_t head, uint16_t legacy_class) {
  if (!IsSealed(StoredBytes(datum)) && !IsLegacyText(StoredBytes(datum))) legacy_class = kTextClass;
  const PiiClass pii_class = RequireClass(ClassOf(datum, legacy_class));
  ByteView stored = StoredBytes(datum);
  char* plaintext;
  size_t plaintext_size;
  uint16_t key_version = 0;
  if (IsSealed(stored)) {
    SealedValue value = ParseStored(stored);
    key_version = value.key_version;
    Status status = RevealUtf8(value, 0, &plaintext, &plaintext_size);
    if (status != Status::kOk) ReportStatus(status, Origin::kStored, value.class_id, value.key_version);
  } else {
    ByteView utf8 = IsLegacyText(stored) ? ToUtf8(stored) : stored;
    plaintext_size = utf8.size();
    plaintext = NewText(0, plaintext_size);
    memcpy(plaintext, utf8.data(), plaintext_size);
    if (utf8.data() != stored.data()) Wipe({const_cast<uint8_t*>(utf8.data()), utf8.size()});
  }
  size_t bound = MaskBound(plaintext_size);
  char* buffer = NewText(head, bound);
  size_t size = Mask(pii_class, {plaintext, plaintext_size}, {buffer + head, bound});
  buffer[head + size] = '\0';
  WipeAndFree(plaintext, plaintext_size);
  NoteAccess(Operation::kMasked, pii_class.id, key_version);
  return ToServerText(buffer, head, size);
}

Rendered RenderRedacted(const varlena* datum, size_t head, uint16_t legacy_class) {
  const PiiClass pii_class = RequireClass(ClassOf(datum, legacy_class));
  char* buffer = NewText(head, kRedactedBound);
  size_t size = Redact(pii_class, {buffer + head, kRedactedBound});
  buffer[head + size] = '\0';
  return {buffer, size};
}

Rendered RenderSealed(varlena* datum, size_t head, uint16_t legacy_class) {
  if (!IsSealed(StoredBytes(datum))) datum = SealStored(StoredBytes(datum), legacy_class);
  ByteView stored = StoredBytes(datum);
  ParseStored(stored);
  size_t bound = SealedTextBound(stored.size());
  char* buffer = NewText(head, bound);
  size_t size = WriteSealedText(stored, {buffer + head, bound});
  buffer[head + size] = '\0';
  return {buffer, size};
}

Status TryOpenValue(uintptr_t datum, uint16_t legacy_class, PlainValue* opened) {
  NoteValuesInUse();
  *opened = {};
  ByteView stored;
  if (FindIncomingValue(datum, &stored)) {
    *opened = OpenUtf8(stored, stored, kTextClass);
    return Status::kOk;
  }
  stored = StoredBytes(PG_DETOAST_DATUM_PACKED(datum));
  SealedValue value;
  Status status = ParseSealedValue(stored, &value);
  if (status == Status::kNotSealed && IsLegacyText(stored)) {
    if (ServerIsUtf8() && !IsValidUtf8(AsText(stored))) return Status::kInvalidUtf8;
    *opened = OpenUtf8(ToUtf8(stored), stored, legacy_class);
    return Status::kOk;
  }
  if (status != Status::kOk) return status;
  opened->class_id = value.class_id;
  opened->key_version = value.key_version;
  char* plaintext;
  status = RevealUtf8(value, 0, &plaintext, &opened->size);
  if (status == Status::kOk) opened->data = opened->owned = plaintext;
  return status;
}

PlainValue OpenValue(uintptr_t datum, uint16_t legacy_class) {
  PlainValue opened;
  Status status = TryOpenValue(datum, legacy_class, &opened);
  if (status != Status::kOk) ReportStatus(status, Origin::kStored, opened.class_id, opened.key_version);
  return opened;
}

PlainValue OpenText(ByteView text) {
  NoteValuesInUse();
  if (LooksLikeSealedText(AsText(text)))
    return OpenValue(PointerGetDatum(ReadSealedText(text, -1)), kTextClass);
  return OpenUtf8(ToUtf8(text), text, kTextClass);
}

void CloseValue(PlainValue* value) {
  if (value->owned != nullptr) WipeAndFree(value->owned, value->size);
  value->owned = nullptr;
}

bool TryFingerprint(uintptr_t datum, uint16_t legacy_class, uint64_t* fingerprint) {
  if (!HasKeys() || toast_raw_datum_size(datum) > kWidestFingerprint) return false;
  PlainValue opened;
  if (TryOpenValue(datum, legacy_class, &opened) != Status::kOk) return false;
  size_t bound = NormalizedBound(opened.size);
  char* scratch = static_cast<char*>(palloc(bound + 1));
  BlindIndexValue index_value;
  Status status = CallProtector([&](Protector& protector) {
    return protector.IndexValue(opened.class_id, protector.index_versions()[0], Transform::kExact,
                                {opened.data, opened.size}, {scratch, bound}, &index_value);
  });
  pfree(scratch);
  CloseValue(&opened);
  if (status != Status::kOk) return false;
  memcpy(fingerprint, index_value.data() + 2, sizeof *fingerprint);
  return true;
}

int32_t ClassOfArgument(uintptr_t datum, int32_t declared_class) {
  ByteView incoming;
  if (FindIncomingValue(datum, &incoming)) return kTextClass;
  auto* stored = reinterpret_cast<varlena*>(DatumGetPointer(datum));
  if (VARATT_IS_EXTENDED(stored) && !VARATT_IS_SHORT(stored))
    stored = PG_DETOAST_DATUM_SLICE(datum, 0, SealedValue::kPrefixSize + XaesKey::kTagSize);
  SealedValue value;
  bool is_sealed = ParseSealedValue(StoredBytes(stored), &value) == Status::kOk;
  return is_sealed ? value.class_id : declared_class;
}

uint16_t ClassOf(const varlena* datum, uint16_t legacy_class) {
  ByteView stored = StoredBytes(datum);
  return IsSealed(stored) ? ParseStored(stored).class_id : legacy_class;
}

}  // namespace pii

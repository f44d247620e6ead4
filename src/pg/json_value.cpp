#include "json_value.h"

#include "access_log.h"
#include "encoding.h"
#include "log_guard.h"
#include "mask.h"
#include "pg.h"
#include "privileges.h"
#include "report.h"
#include "sealed_text.h"
#include "settings.h"
#include "shape.h"
#include "shared_keys.h"

namespace pii {
namespace {

constexpr std::string_view kContext = "json";

/// The length of `true` and `false` would tell which.
constexpr size_t kPadding = 16;

char* NewMemory(size_t size) {
  if (size > MaxAllocSize) ReportTooLong();
  return static_cast<char*>(palloc(size));
}

/// Memory with plaintext, wiped when its context goes.
struct Plaintext {
  MemoryContextCallback wipe;
  void* data;
  size_t size;
};

void WipePlaintext(void* argument) {
  auto* plaintext = static_cast<Plaintext*>(argument);
  if (plaintext->data != nullptr) Wipe({static_cast<uint8_t*>(plaintext->data), plaintext->size});
}

/// The memory must live as long as the current context.
Plaintext* WipeLater(void* data, size_t size) {
  auto* plaintext = static_cast<Plaintext*>(palloc(sizeof(Plaintext)));
  *plaintext = {};
  plaintext->wipe.func = WipePlaintext;
  plaintext->wipe.arg = plaintext;
  plaintext->data = data;
  plaintext->size = size;
  MemoryContextRegisterResetCallback(CurrentMemoryContext, &plaintext->wipe);
  return plaintext;
}

JsonbValue* NewString(const char* text, size_t size) {
  auto* value = static_cast<JsonbValue*>(palloc0(sizeof(JsonbValue)));
  value->type = jbvString;
  value->val.string.val = const_cast<char*>(text);
  value->val.string.len = static_cast<int>(size);
  return value;
}

/// A string of UTF-8 text in memory of its own.
JsonbValue* NewStringOfUtf8(char* text, size_t size) {
  text = FromUtf8(text, 0, &size);
  return NewString(text, size);
}

ByteView StringOf(const JsonbValue* value) {
  return AsBytes({value->val.string.val, static_cast<size_t>(value->val.string.len)});
}

/// JSON text of a value, in the server's encoding.
ByteView JsonTextOf(const JsonbValue* value) {
  Jsonb* document = JsonbValueToJsonb(const_cast<JsonbValue*>(value));
  WipeLater(document, VARSIZE(document));
  StringInfoData text;
  initStringInfo(&text);
  // Room for all of it, as far as one can know: what PostgreSQL frees as a text grows is not wiped.
  JsonbToCString(&text, &document->root, static_cast<int>(2 * VARSIZE(document)));
  WipeLater(text.data, static_cast<size_t>(text.maxlen));
  return AsBytes({text.data, static_cast<size_t>(text.len)});
}

ByteView Utf8Of(ByteView text) {
  ByteView utf8 = ToUtf8(text);
  if (utf8.data() != text.data()) WipeLater(const_cast<uint8_t*>(utf8.data()), utf8.size());
  return utf8;
}

/// Sealed text of bytes that parse.
JsonbValue* NewSealedString(ByteView stored) {
  size_t bound = SealedTextBound(stored.size());
  char* text = NewMemory(bound);
  return NewString(text, WriteSealedText(stored, {text, bound}));
}

bool HoldsSealedText(const JsonbValue* value) {
  if (value->type != jbvBinary) return false;
  JsonbIterator* iterator = JsonbIteratorInit(value->val.binary.data);
  JsonbValue inner;
  JsonbIteratorToken token;
  while ((token = JsonbIteratorNext(&iterator, &inner, false)) != WJB_DONE) {
    CHECK_FOR_INTERRUPTS();
    bool is_value = token == WJB_VALUE || token == WJB_ELEM;
    if (is_value && inner.type == jbvString && LooksLikeSealedText(AsText(StringOf(&inner)))) return true;
  }
  return false;
}

[[noreturn]] void ReportSealedInside() {
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a sealed value cannot be sealed again"),
                  errdetail("An object or array that is to be sealed has sealed text in it."),
                  errhint("Open the document first, with pii_reveal_json(), and seal the result.")));
}

/// Masks that come back are refused, as in columns. They come as strings.
void CheckData(const JsonbValue* value, uint16_t class_id) {
  if (value->type != jbvString) return;
  ByteView utf8 = Utf8Of(StringOf(value));
  Status status =
      CallProtector([&](Protector& protector) { return protector.CheckData(class_id, AsText(utf8)); });
  if (status != Status::kOk) ReportSealFailure(status, class_id);
}

JsonbValue* Seal(const JsonbValue* value, uint16_t class_id, bool is_canary) {
  NoteValuesInUse();
  CurrentProtector();
  if (HoldsSealedText(value)) ReportSealedInside();
  CheckData(value, class_id);
  ByteView utf8 = Utf8Of(JsonTextOf(value));
  SealOptions options{AsBytes(kContext), kPadding, is_canary};
  size_t size = Protector::SealedSize(utf8.size(), options);
  ByteSpan sealed(reinterpret_cast<uint8_t*>(NewMemory(size)), size);
  Status status =
      CallProtector([&](Protector& protector) { return protector.Seal(class_id, utf8, sealed, options); });
  if (status != Status::kOk) ReportSealFailure(status, class_id);
  NoteAccess(Operation::kSealed, class_id, SealPrimary());
  return NewSealedString(sealed);
}

/// Null for what is no JSON text, and for a number or an escape that PostgreSQL does not take. Its errors
/// would quote them. Parsing leaves nothing behind that a subtransaction would have to undo.
Jsonb* ReadJsonb(char* text, size_t size) {
  Jsonb* volatile document = nullptr;
  MemoryContext context = CurrentMemoryContext;
  PG_TRY();
  {
    if (IsJson(text, size)) document = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
  }
  PG_CATCH();
  {
    if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION) PG_RE_THROW();
    MemoryContextSwitchTo(context);
    FlushErrorState();
  }
  PG_END_TRY();
  return document;
}

/// Parses JSON text that ends with a NUL, which some other program may have sealed.
Status ParseJson(char* text, size_t size, JsonbValue* value) {
  Jsonb* document = ReadJsonb(text, size);
  if (document == nullptr) return Status::kNotSealedText;
  WipeLater(document, VARSIZE(document));
  if (!JsonbExtractScalar(&document->root, value)) JsonbToJsonbValue(document, value);
  return Status::kOk;
}

/// Opens a bound value, or one of a column, which is a string then.
Status Open(const SealedString& sealed, JsonbValue* opened, bool* is_canary) {
  NoteValuesInUse();
  size_t bound = sealed.value.plaintext_bound();
  char* text = NewMemory(bound + 1);
  Plaintext* plaintext = WipeLater(text, bound + 1);
  ByteView context = sealed.is_bound() ? AsBytes(kContext) : ByteView();
  ByteSpan room(reinterpret_cast<uint8_t*>(text), bound);
  size_t size = 0;
  Status status = CallProtector(
      [&](Protector& protector) { return protector.Reveal(sealed.value, context, room, &size, is_canary); });
  if (status != Status::kOk) return status;
  std::string_view utf8(text, size);
  if (!IsValidUtf8(utf8) || utf8.find('\0') != std::string_view::npos) return Status::kInvalidUtf8;
  text[size] = '\0';
  plaintext->data = nullptr;  // FromUtf8 wipes what it does not give back
  text = FromUtf8(text, 0, &size);
  plaintext->data = text;
  plaintext->size = size;
  if (sealed.is_bound()) return ParseJson(text, size, opened);
  *opened = *NewString(text, size);
  return Status::kOk;
}

JsonbValue* OpenOrReport(const SealedString& sealed, bool* is_canary) {
  auto* opened = static_cast<JsonbValue*>(palloc0(sizeof(JsonbValue)));
  Status status = Open(sealed, opened, is_canary);
  if (status != Status::kOk) ReportOpenFailure(status, sealed);
  return opened;
}

/// A copy: attaching to another keyring replaces the classes.
PiiClass RequireClass(uint16_t class_id) {
  const PiiClass* pii_class = FindClass(class_id);
  if (pii_class == nullptr) ReportSealFailure(Status::kUnknownClass, class_id);
  return *pii_class;
}

/// Does the failure mean that this server lacks the key?
bool LacksKey(Status status) {
  return status == Status::kUnknownKeyVersion || status == Status::kKeyDisabled ||
         status == Status::kKeyDestroyed || status == Status::kUnknownClass;
}

}  // namespace

DocumentMemory EnterDocument() {
  MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "pii document", ALLOCSET_DEFAULT_SIZES);
  return {own, MemoryContextSwitchTo(own)};
}

void LeaveDocument(const DocumentMemory& memory) { MemoryContextSwitchTo(memory.outer); }

void FreeDocument(const DocumentMemory& memory) { MemoryContextDelete(memory.own); }

Status TryFindSealed(const JsonbValue* value, SealedString* found) {
  *found = {};
  if (value->type != jbvString) return Status::kNotSealedText;
  ByteView text = StringOf(value);
  if (!LooksLikeSealedText(AsText(text))) return Status::kNotSealedText;
  size_t bound = SealedBytesBound(text.size());
  auto* bytes = reinterpret_cast<uint8_t*>(NewMemory(bound));
  size_t size = 0;
  Status status = ParseSealedText(AsText(text), {bytes, bound}, &size);
  return status == Status::kOk ? ParseSealedValue({bytes, size}, &found->value) : status;
}

bool FindSealed(const JsonbValue* value, SealedString* found) {
  Status status = TryFindSealed(value, found);
  if (status == Status::kNotSealedText) return false;
  if (status != Status::kOk) ReportStatus(status, Origin::kSealedText, 0, 0);
  return true;
}

JsonbValue* SealValue(const JsonbValue* value, uint16_t class_id) { return Seal(value, class_id, false); }

JsonbValue* TakeSealed(const SealedString& sealed, uint16_t class_id, bool was_there) {
  const SealedValue& value = sealed.value;
  bool same_class = value.class_id == class_id;
  bool stays = same_class && sealed.is_bound();
  if (was_there && stays) return nullptr;
  if (!was_there && !IsLogicalWorker()) RequirePrivilege(kImport, value.class_id);
  if (!same_class && value.class_id != kTextClass) RequireReveal(value.class_id);
  bool accepts_unverified = settings.accept_unverified && stays;
  if (!HasKeys()) {
    if (!accepts_unverified) ReportLockedImport(value.class_id, value.key_version);
    return nullptr;
  }
  JsonbValue opened;
  bool is_canary = false;
  Status status = Open(sealed, &opened, &is_canary);
  if (accepts_unverified && LacksKey(status)) return nullptr;
  if (status != Status::kOk) ReportOpenFailure(status, sealed);
  if (!stays) return Seal(&opened, class_id, is_canary);
  NoteAccess(Operation::kSealed, class_id, value.key_version);
  return nullptr;
}

Status TryOpen(const SealedString& sealed, JsonbValue* opened) { return Open(sealed, opened, nullptr); }

JsonbValue* RevealSealed(const SealedString& sealed) {
  bool is_canary = false;
  JsonbValue* opened = OpenOrReport(sealed, &is_canary);
  NoteAccess(Operation::kRevealed, sealed.value.class_id, sealed.value.key_version);
  if (unlikely(is_canary)) NoteCanary(sealed.value.class_id, sealed.value.key_version);
  return opened;
}

JsonbValue* MaskSealed(const SealedString& sealed) {
  const PiiClass pii_class = RequireClass(sealed.value.class_id);
  JsonbValue* opened = OpenOrReport(sealed, nullptr);
  NoteAccess(Operation::kMasked, sealed.value.class_id, sealed.value.key_version);
  // Of an object, an array and a boolean nothing may be seen.
  if (opened->type != jbvString && opened->type != jbvNumeric) return NewString("****", 4);
  ByteView utf8 = Utf8Of(TextOf(opened));
  size_t bound = MaskBound(utf8.size());
  char* mask = NewMemory(bound + 1);
  size_t size = Mask(pii_class, AsText(utf8), {mask, bound});
  return NewStringOfUtf8(mask, size);
}

JsonbValue* RedactSealed(const SealedString& sealed) {
  const PiiClass pii_class = RequireClass(sealed.value.class_id);
  char* text = NewMemory(kRedactedBound);
  return NewString(text, Redact(pii_class, {text, kRedactedBound}));
}

JsonbValue* RewrapSealed(const SealedString& sealed) {
  size_t size = SealedValue::kPrefixSize + sealed.value.body.size();
  ByteSpan rewrapped(reinterpret_cast<uint8_t*>(NewMemory(size)), size);
  Status status = CallProtector(
      [&](Protector& protector) { return protector.Rewrap(sealed.value, AsBytes(kContext), rewrapped); });
  if (status != Status::kOk) ReportOpenFailure(status, sealed);
  NoteAccess(Operation::kSealed, sealed.value.class_id, SealPrimary());
  return NewSealedString(rewrapped);
}

void ReportOpenFailure(Status status, const SealedString& sealed) {
  if (status != Status::kNotSealedText)
    ReportStatus(status, Origin::kStored, sealed.value.class_id, sealed.value.key_version);
  NoteAccess(Operation::kFailed, sealed.value.class_id, sealed.value.key_version);
  ereport(ERROR,
          (errcode(ERRCODE_DATA_CORRUPTED), errmsg("sealed value of a document cannot be read as JSON"),
           errhint("Another program sealed it. FORMAT.md says what it has to seal.")));
}

ByteView TextOf(const JsonbValue* value) {
  return value->type == jbvString ? StringOf(value) : JsonTextOf(value);
}

}  // namespace pii

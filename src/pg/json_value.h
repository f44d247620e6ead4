#pragma once

#include "sealed_value.h"
#include "status.h"

struct JsonbValue;
struct MemoryContextData;

namespace pii {

// One value of a jsonb document, sealed and shown (FORMAT.md, "Values in documents"). Sealed, it is a string
// of sealed text that is bound to the context "json", so that it opens in documents and nowhere else, and
// sealed text of a column opens in none. Plaintext that these make is wiped when the current memory context
// goes, which is one of the caller's for the document (DocumentMemory). All raise the errors of values.h.

/// DocumentMemory is the memory context that a document is worked on in.
struct DocumentMemory {
  MemoryContextData* own;
  MemoryContextData* outer;
};

/// EnterDocument makes a new memory context the current one; LeaveDocument goes back, which must be done
/// before a result is made, and FreeDocument wipes and frees, after that. An error does the same.
DocumentMemory EnterDocument();
void LeaveDocument(const DocumentMemory& memory);
void FreeDocument(const DocumentMemory& memory);

/// SealedString is a string of a document that is sealed text.
struct SealedString {
  SealedValue value;
  bool is_bound() const { return value.context_bound; }
};

/// TryFindSealed tells whether a value is a string of sealed text: kNotSealedText when it is not, another
/// status when it begins like one and is damaged.
Status TryFindSealed(const JsonbValue* value, SealedString* found);

/// FindSealed is TryFindSealed that raises 22P02 for what is damaged.
bool FindSealed(const JsonbValue* value, SealedString* found);

/// SealValue seals a value that is not sealed. A masked value, and an object or array that has sealed text in
/// it, raise 22023.
JsonbValue* SealValue(const JsonbValue* value, uint16_t class_id);

/// TakeSealed authenticates sealed text that came in where a value of `class_id` belongs, which takes IMPORT.
/// Null: it stays as it is; else it is sealed anew, for this class or for documents. `was_there`: it is bound
/// and did not come from outside (SealDocument).
JsonbValue* TakeSealed(const SealedString& sealed, uint16_t class_id, bool was_there);

/// TryOpen reveals a bound value, without asking for a privilege. kNotSealedText: what is in it cannot be
/// read as JSON.
Status TryOpen(const SealedString& sealed, JsonbValue* opened);

/// RevealSealed, MaskSealed and RedactSealed give the form of a bound value. They ask for no privilege.
JsonbValue* RevealSealed(const SealedString& sealed);
JsonbValue* MaskSealed(const SealedString& sealed);
JsonbValue* RedactSealed(const SealedString& sealed);

/// RewrapSealed seals a bound value again under the primary key version.
JsonbValue* RewrapSealed(const SealedString& sealed);

/// ReportOpenFailure raises the error for a status of TryFindSealed or TryOpen.
[[noreturn]] void ReportOpenFailure(Status status, const SealedString& sealed);

/// TextOf returns the text of a value as `->>` gives it: a string's own, JSON text of any other.
ByteView TextOf(const JsonbValue* value);

}  // namespace pii

#pragma once

#include <cstdint>

#include "bytes.h"
#include "protect.h"
#include "status.h"

struct varlena;

namespace pii {

// What SQL does to one value. Datums come and go detoasted, text in the server's encoding; results are
// palloc'ed. All of them raise errors (report.h) and wipe their scratch plaintext first.

/// StoredBytes returns the bytes of a detoasted datum.
ByteView StoredBytes(const varlena* datum);

/// SealText seals text under `class_id`. Text that is sealed text already is authenticated and kept byte for
/// byte, or sealed anew when its class is another: nothing is ever sealed twice.
varlena* SealText(ByteView text, uint16_t class_id);

/// SealTextKeepingClass is SealText without a class to seal for: sealed text keeps its own, plain text gets
/// class 0.
varlena* SealTextKeepingClass(ByteView text);

/// TakeText is SealTextKeepingClass for a target that is not known yet: plain text is an incoming value
/// (incoming_value.h), which is sealed as class text if it is ever stored.
varlena* TakeText(ByteView text);

/// SealCanary seals a honey value (FORMAT.md, "Canaries"). Text that is sealed text is refused.
varlena* SealCanary(ByteView text, uint16_t class_id);

/// ChangeClass gives the value class `class_id`: the value itself when it has that class, else sealed anew,
/// which takes REVEAL on the class that it had, but for class text. Legacy plaintext, of the class its
/// expression declares, and incoming values are sealed. The argument is a datum that was not detoasted.
varlena* ChangeClass(uintptr_t datum, int32_t declared_class, uint16_t class_id);

/// Rewrap seals the value again under the primary key version. Legacy plaintext is sealed under
/// `legacy_class`.
varlena* Rewrap(varlena* datum, uint16_t legacy_class);

/// SealLegacy seals legacy plaintext for `class_id`; a sealed value is returned as it is. `is_padded`:
/// trailing blanks are no part of the plaintext.
varlena* SealLegacy(varlena* datum, uint16_t class_id, bool is_padded);

/// TakeLegacy takes legacy plaintext as an incoming value (incoming_value.h), which is of class text; a sealed
/// value is returned as it is.
varlena* TakeLegacy(varlena* datum);

/// Unseal gives a sealed value as plaintext, the way it stood in the column before it was adopted; legacy
/// plaintext, and with `keeps_canaries` a canary, as it is. Nobody's privilege is asked for: the caller
/// stores it.
varlena* Unseal(varlena* datum, bool keeps_canaries);

/// A form of a value, in a palloc'ed buffer: `head` bytes that are the caller's, `size` bytes of text in the
/// server's encoding, a NUL.
struct Rendered {
  char* buffer;
  size_t size;
};

/// RenderPlain reveals. Legacy plaintext is copied.
Rendered RenderPlain(const varlena* datum, size_t head);

/// RenderStoredText copies plaintext of a column without a class (FindStoredText) as RenderPlain would do.
Rendered RenderStoredText(ByteView utf8, size_t head);

/// TryRenderPlain is RenderPlain that gives false for a value that cannot be read, whatever is wrong with it.
/// It still raises an error when no keys are loaded at all.
bool TryRenderPlain(const varlena* datum, size_t head, Rendered* rendered);

/// RenderMasked masks. Legacy plaintext is masked by the rule of `legacy_class`.
Rendered RenderMasked(const varlena* datum, size_t head, uint16_t legacy_class);

/// RenderRedacted gives the constant of the class, `[ssn]`, without looking at the value.
Rendered RenderRedacted(const varlena* datum, size_t head, uint16_t legacy_class);

/// RenderSealed gives sealed text. Legacy plaintext is sealed under `legacy_class` on the way out.
Rendered RenderSealed(varlena* datum, size_t head, uint16_t legacy_class);

/// PlainValue is a value opened to be compared or hashed: UTF-8 text, and what its header says. An error that
/// is raised before CloseValue leaves the plaintext unwiped, so with one value open another is opened by
/// TryOpenValue.
struct PlainValue {
  const char* data;
  size_t size;
  uint16_t class_id;
  uint16_t key_version;  ///< 0 when it is not sealed
  char* owned;           ///< palloc'ed copy that CloseValue wipes; null when `data` is the caller's

  Protector::Operand operand() const { return {class_id, {data, size}}; }
};

/// OpenValue reveals. Legacy plaintext has class `legacy_class`. The argument is a datum that was not
/// detoasted.
PlainValue OpenValue(uintptr_t datum, uint16_t legacy_class);

/// TryOpenValue is OpenValue that gives the status in place of an error about the value; `opened` then has
/// the class and key version for ReportStatus, and nothing to close.
Status TryOpenValue(uintptr_t datum, uint16_t legacy_class, PlainValue* opened);

/// OpenText takes text of the server's encoding as it is, as class text; sealed text is authenticated and
/// revealed.
PlainValue OpenText(ByteView text);

/// CloseValue wipes and frees what was opened.
void CloseValue(PlainValue* value);

/// TryFingerprint computes a keyed hash that is the same for equal values of a class, for statistics. False,
/// and no error, when it cannot be had, whatever the reason: also of a value of more than kWidestFingerprint
/// bytes, as stored. Detoasting and revealing it would cost more than its statistics are worth; the number is
/// PostgreSQL's WIDTH_THRESHOLD (analyze.c).
constexpr size_t kWidestFingerprint = 1024;
bool TryFingerprint(uintptr_t datum, uint16_t legacy_class, uint64_t* fingerprint);

/// ClassOfArgument returns the class in the header of a datum that was not detoasted, class text for an
/// incoming value, `declared_class` for legacy plaintext and what is damaged. It raises no error: privileges
/// are asked for before a value is looked at.
int32_t ClassOfArgument(uintptr_t datum, int32_t declared_class);

/// ClassOf returns the class id in the header, `legacy_class` for legacy plaintext.
uint16_t ClassOf(const varlena* datum, uint16_t legacy_class);

}  // namespace pii

#pragma once

#include <cstdint>

#include "bytes.h"

struct varlena;

namespace pii {

// A literal or a parameter becomes pii_text before anybody knows which column it is for. Sealing it then, to
// open it again for a comparison or to seal it for its column, would cost more than the rest of a search. So
// it stays what it is for a moment: an expanded object of PostgreSQL (utils/expandeddatum.h), which is a
// pointer into this process's memory. Whatever stores, copies, sends or shows a datum makes it flat first,
// and the flat form is sealed, under class text. The memory is wiped when its context goes away.

/// NewIncomingValue makes a datum of text in UTF-8 that is no sealed text. `is_stored`: it is plaintext of a
/// column, and may be shown without being sealed first. Raises 54000 for a text too long to be sealed.
varlena* NewIncomingValue(ByteView utf8, bool is_stored = false);

/// FindIncomingValue gives the text of a datum that NewIncomingValue made and that nobody has made flat yet.
/// It must be asked before the datum is detoasted. False for any other datum.
bool FindIncomingValue(uintptr_t datum, ByteView* utf8);

/// FindStoredText is FindIncomingValue for those that are plaintext of a column.
bool FindStoredText(uintptr_t datum, ByteView* utf8);

}  // namespace pii

#pragma once

#include "document_walk.h"

namespace pii {

/// SealDocument seals the values at the paths of a jsonb document. `before` is the document that the row had,
/// `passed` one that came out of here in this transaction, each or null, and not detoasted: a sealed value
/// that stands there at a place of the same path did not come from outside, and may stay without IMPORT. The
/// result is the document itself when nothing in it changes.
varlena* SealDocument(varlena* document, const DeclaredPaths& paths, const varlena* before,
                      const varlena* passed);

}  // namespace pii

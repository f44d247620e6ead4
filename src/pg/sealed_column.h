#pragma once

#include <cstdint>

namespace pii {

/// RequireSealedColumn returns the number of a column of type pii_text of a table. Raises 42703 when the
/// table has no such column, 42809 when it is of another type or the relation is a view.
int16_t RequireSealedColumn(uint32_t table, const char* column);

/// ExtensionSchema returns the schema of the extension, quoted, that a column of a type of its belongs to.
const char* ExtensionSchema(uint32_t table, const char* column);

}  // namespace pii

#pragma once

namespace pii {

/// InstallExpressionGuard refuses indexes, generated columns and statistics whose expression would store
/// plaintext. Called from _PG_init.
void InstallExpressionGuard();

}  // namespace pii

#pragma once

#include <cstdint>

struct DefineStmt;

namespace pii {

/// InstallExpressionGuard refuses indexes, generated columns and statistics whose expression would store
/// plaintext. Called from _PG_init.
void InstallExpressionGuard();

/// CheckAggregate refuses CREATE AGGREGATE with an initial value of a type that holds values: PostgreSQL
/// keeps it as text.
void CheckAggregate(const DefineStmt* statement);

/// HoldsValues says whether a type is pii_text, a domain over it, an array of it, or a row with it.
bool HoldsValues(uint32_t type);

}  // namespace pii

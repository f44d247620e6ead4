#pragma once

#include <cstdint>
#include <initializer_list>

namespace pii {

/// FindOwnTable returns the OID of a table of the extension, 0 when this database does not have the
/// extension. In a transaction.
uint32_t FindOwnTable(const char* name);

/// Books is a while in which a table of the extension may be read and written, whoever the current user is:
/// as the owner of the table, and with a search_path that nobody else's operators are in. An error ends it,
/// too.
struct Books {
  const char* table;  ///< its qualified name
  bool has_snapshot;  ///< of its own
  uint32_t user;
  int security;
  int guc_level;
};
Books OpenBooks(const char* table);
void CloseBooks(const Books& books);

/// SqlParameter is $1, $2, … of a statement; of type 0, it is a null text.
struct SqlParameter {
  uint32_t type;
  uintptr_t value;
};
SqlParameter Parameter(int64_t value);
SqlParameter Parameter(uint32_t oid);
SqlParameter Parameter(const char* text);

/// RunInBooks runs a statement and returns the number of rows; their result is in SPI_tuptable.
uint64_t RunInBooks(const char* statement, std::initializer_list<SqlParameter> parameters);

}  // namespace pii

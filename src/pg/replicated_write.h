#pragma once

#include <cstdint>

namespace pii {

/// ReplicatedVersion returns the index version for a call of pii_blind_index(column) in an apply worker of
/// logical replication, 0 for the primary one. Such a worker writes rows without a statement, and an
/// expression knows its column by number and class alone. So the tables of the database are asked that have
/// such a column: when those with a unique index on it do not agree, it raises an error, and the worker tries
/// again later.
uint16_t ReplicatedVersion(int16_t attribute, int32_t modifier);

}  // namespace pii

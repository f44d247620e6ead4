#pragma once

#include <cstdint>

namespace pii {

// Columns that hold plaintext next to sealed values, as the table pii_adopted_column has them: one row for
// each table, partition and child. Without a row such values are masked as **** and hashed as class text,
// which is safe but not what the application saw before.

/// Phase is where the adoption of a column stands.
enum class Phase : uint8_t {
  kNone,       ///< was never adopted, or is so no more
  kAdopted,    ///< new values are sealed, or not: pii.write_mode
  kSealing,    ///< new values are sealed, old ones are being sealed
  kSealed,     ///< all values are sealed, but for those that older snapshots see
  kUnsealing,  ///< new values are stored as plaintext, old ones are being turned into it
};

/// AdoptedColumn is a row of the table.
struct AdoptedColumn {
  int16_t attribute;
  Phase phase;
  bool is_padded;      ///< was character(n): trailing blanks of its plaintext are no part of the value
  uint64_t sealed_by;  ///< full transaction id of the end of sealing; 0 before
};

/// FindAdopted returns the row of a column; one of phase kNone when there is none. Cached; a change counts in
/// every session from its next statement on.
AdoptedColumn FindAdopted(uint32_t table, int16_t attribute);

/// AdoptedColumns returns the rows of a table, palloc'ed; null when there are none.
AdoptedColumn* AdoptedColumns(uint32_t table, int* count);

/// MayShowPlaintext tells whether a statement planned now may meet plaintext in a column.
bool MayShowPlaintext(const AdoptedColumn& column);

/// HasAdopted tells whether it may in any column of a table.
bool HasAdopted(uint32_t table);

/// HasAnyAdopted tells whether this database has a column that was adopted and is not released, or a rule of
/// an attribute table, whose plaintext may await sealing: there is plaintext that statements could carry
/// elsewhere.
bool HasAnyAdopted();

/// HasAdoptedSince tells whether the phase of a column has changed since a moment (PostgreSQL's TimestampTz).
bool HasAdoptedSince(int64_t moment);

/// RecordAdopted writes down, in the transaction of the ALTER TABLE, that a column holds plaintext since
/// then, also for each partition and child, and makes the trigger that keeps pii.write_mode. The current user
/// owns the table.
void RecordAdopted(uint32_t table, const char* column, bool is_padded);

/// SetPhase writes the phase of a column of a table and of its partitions and children. A column that was
/// never adopted is recorded first. The current user owns the table.
void SetPhase(uint32_t table, const char* column, Phase phase);

/// DropIdleTrigger drops the trigger of a table and its children when no column of it needs it any more. It
/// gives way to who holds a lock for long: false, and nothing is done.
bool DropIdleTrigger(uint32_t table);

/// ForgetAdopted takes back what RecordAdopted did.
void ForgetAdopted(uint32_t table, const char* column);

}  // namespace pii

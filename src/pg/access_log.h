#pragma once

#include <cstdint>

struct List;

namespace pii {

// What is done with values is counted where it is done, in this process, and carried over at the end of the
// statement: into the counters of pii_stat_access and, with pii.audit, into the server log.

/// Operation is what was done with a value, or was not: refused, or failed for want of a key or for damage.
enum class Operation : uint8_t { kSealed, kRevealed, kMasked, kSearched, kDenied, kFailed };
constexpr int kOperations = 6;

/// NoteAccess counts one value. `key_version` is 0 where there is none; `attempt` is what was denied, a
/// constant.
void NoteAccess(Operation operation, int32_t class_id, uint16_t key_version, const char* attempt = nullptr);

/// NoteCanary writes an audit line at once, with severity WARNING: a honey value was revealed.
void NoteCanary(uint16_t class_id, uint16_t key_version);

/// CarryOverAccess empties what was noted into the counters and the log. It looks nothing up, so that it may
/// be called while a transaction ends.
void CarryOverAccess();

/// AccessScope is where values are read or written now, for the table in an audit line: the range table of a
/// statement, or one table.
struct AccessScope {
  uint64_t number;  ///< tells scopes apart
  const List* range_table;
  uint32_t table;
};

/// EnterScope makes another scope the current one and returns the one to go back to.
AccessScope EnterScope(const List* range_table, uint32_t table);
void LeaveScope(const AccessScope& outer);

/// InstallAccessLog makes the ends of transactions carry over. Called from _PG_init.
void InstallAccessLog();

}  // namespace pii

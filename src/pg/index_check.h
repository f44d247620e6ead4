#pragma once

struct PlannedStmt;
struct PlanState;

namespace pii {

// An index on pii_blind_index(ssn) is read and written without anybody calling the function under the eyes of
// the check that is in it. So statements are checked when they start.

/// CheckWrites refuses a statement that inserts into or updates a table with a blind index to who may not
/// search its class (42501).
void CheckWrites(const PlannedStmt* statement);

/// CheckIndexScans refuses a statement whose plan reads a blind index to who may not search its class
/// (42501).
void CheckIndexScans(PlanState* plan);

}  // namespace pii

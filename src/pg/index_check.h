#pragma once

struct PlanState;

namespace pii {

/// CheckPlan refuses a statement to who may not search a class (42501), when its plan reads keys of a blind
/// index of the class or writes to a table that has one. `is_run`: false for EXPLAIN alone, which writes
/// nothing.
void CheckPlan(PlanState* plan, bool is_run);

}  // namespace pii

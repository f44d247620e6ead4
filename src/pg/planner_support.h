#pragma once

namespace pii {

/// InstallPlannerSupport hooks into the planner. Called from _PG_init.
void InstallPlannerSupport();

}  // namespace pii

#pragma once

namespace pii {

/// InstallConditionRewrite hooks into the planner. Called from _PG_init.
void InstallConditionRewrite();

}  // namespace pii

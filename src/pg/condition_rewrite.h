#pragma once

namespace pii {

/// InstallConditionRewrite hooks into the planner, in front of other libraries (statement.cpp).
void InstallConditionRewrite();

}  // namespace pii

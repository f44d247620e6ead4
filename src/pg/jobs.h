#pragma once

namespace pii {

/// StartInterruptedJobs starts the jobs of all databases that were running when the server stopped or
/// crashed, or that a primary ran before this server was promoted. Called by the keeper.
void StartInterruptedJobs();

}  // namespace pii

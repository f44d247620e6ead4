#pragma once

namespace pii {

/// InstallStatisticsGuard makes CREATE STATISTICS refuse expressions that would store plaintext. Called from
/// _PG_init.
void InstallStatisticsGuard();

}  // namespace pii

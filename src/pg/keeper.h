#pragma once

namespace pii {

/// InstallKeeper registers the process that serves the extension while the server runs: it reads the keyring
/// again on SIGHUP, and starts the jobs that a restart or a failover interrupted. Called from _PG_init when
/// the library is preloaded.
void InstallKeeper();

}  // namespace pii

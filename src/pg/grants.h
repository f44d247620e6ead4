#pragma once

namespace pii {

/// InstallGrants takes the grants of a role away when the role is dropped. Called from _PG_init.
void InstallGrants();

}  // namespace pii

#pragma once

struct Plan;

namespace pii {

/// DropUnread lets the scans right below a node of a plan give NULL for sealed columns that the node does not
/// read. PostgreSQL has scans hand up whole rows where that costs nothing (use_physical_tlist); to seal what
/// nobody reads would cost much, and need keys for count(*).
void DropUnread(Plan* node);

}  // namespace pii

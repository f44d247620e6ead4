#pragma once

namespace pii {

/// Presence tells whether the database of this session has the extension. The library is loaded into all.
enum class Presence { kUnknown, kAbsent, kPresent };

/// FindPresence looks it up, once, and again after somebody else may have created the extension. In a
/// transaction only.
Presence FindPresence();

/// KnownPresence returns what FindPresence found last; it looks nothing up.
Presence KnownPresence();

}  // namespace pii

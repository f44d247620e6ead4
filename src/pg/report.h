#pragma once

#include "sealed_value.h"
#include "status.h"

namespace pii {

/// Origin is where the bytes of a sealed value came from: damage on disk and a bad literal are different
/// errors.
enum class Origin { kStored, kSealedText };

/// ReportStatus raises the PostgreSQL error for `status`, with what may be said of the value: class, key
/// version and domain. It must be called with no C++ object alive that has a destructor.
[[noreturn]] void ReportStatus(Status status, Origin origin, uint16_t class_id, uint16_t key_version);

/// ReportStatus for a failure that concerns no stored value, such as sealing a new one.
[[noreturn]] void ReportSealFailure(Status status, uint16_t class_id);

/// ReportIndexKey raises the error for a key version that a blind index is pinned to, or stands on
/// (index_version.h), and that cannot be used.
[[noreturn]] void ReportIndexKey(Status status, uint16_t class_id, uint16_t key_version);

/// ReportLockedImport raises the error for sealed text in a server that has no keys to check it with.
[[noreturn]] void ReportLockedImport(uint16_t class_id, uint16_t key_version);

/// ReportTooLong raises the error for a value or its sealed form above PostgreSQL's limit for a datum.
[[noreturn]] void ReportTooLong();

/// ReportNotPreloaded raises the error for a server without `shared_preload_libraries = 'pii'`.
[[noreturn]] void ReportNotPreloaded();

}  // namespace pii

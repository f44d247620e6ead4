#pragma once

#include <cstdint>

#include "document_path.h"

struct JsonbValue;
struct varlena;

namespace pii {

/// DeclaredPath is a path and the class of what is there.
struct DeclaredPath {
  PathStep* steps;
  size_t count;
  uint16_t class_id;

  std::span<const PathStep> path() const { return {steps, count}; }
};

/// DeclaredPaths are the paths of one document, no two of which overlap.
struct DeclaredPaths {
  static constexpr int kMost = 64;

  int count;
  DeclaredPath paths[kMost];
};

/// ReadPath parses a path of the server's encoding into palloc'ed memory. Raises 22023 when it is none.
void ReadPath(std::string_view text, DeclaredPath* path);

/// ReadPaths reads a jsonb object of paths and classes, {"$.account.number": "account"}, into palloc'ed
/// memory. Raises 22023 for anything else.
DeclaredPaths* ReadPaths(const varlena* declared);

// Both walks give a new document as it is to be stored, or null when nothing changes. `change` gives what
// comes in place of a value, null to leave it; `context` is handed to it. They work in the current memory
// context, which is that of a DocumentMemory; the result is a JsonbValue there, for JsonbValueToJsonb.

/// ChangePlaces calls `change` for the values at the paths, by the number of the path: containers whole. JSON
/// null is no value.
using ChangePlace = JsonbValue* (*)(int path, const JsonbValue* value, void* context);
JsonbValue* ChangePlaces(const varlena* document, const DeclaredPaths& paths, ChangePlace change,
                         void* context);

/// ChangeStrings calls `change` for all strings, however deep.
using ChangeString = JsonbValue* (*)(const JsonbValue* value, void* context);
JsonbValue* ChangeStrings(const varlena* document, ChangeString change, void* context);

}  // namespace pii

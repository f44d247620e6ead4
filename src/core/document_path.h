#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pii {

// Paths into JSON documents, a strict subset of SQL/JSON path (ISO/IEC 9075-2): `$`, `.key`, `."quoted key"`,
// `.*`, `[n]` counted from 0, `[*]`. A step that finds another kind of value, or nothing, leads nowhere.

/// PathStep is one step down: to a member of an object, or an element of an array.
struct PathStep {
  enum class Kind : uint8_t { kMember, kEveryMember, kElement, kEveryElement };

  Kind kind;
  uint32_t index;        ///< of kElement
  std::string_view key;  ///< of kMember
};

/// PathStepsBound returns how many steps a path of `size` bytes can have at most.
constexpr size_t PathStepsBound(size_t size) { return size / 2; }

/// ParseDocumentPath reads a path, of any encoding that contains ASCII, into `steps` (PathStepsBound of them
/// are enough); `*count` is how many there are, 0 for `$`. The keys are views of `keys`, which has as many
/// bytes as the path. False for what is no such path.
bool ParseDocumentPath(std::string_view path, std::span<PathStep> steps, std::span<char> keys, size_t* count);

/// LeadsToMember and LeadsToElement tell whether a step leads to this child of an object or array.
bool LeadsToMember(const PathStep& step, std::string_view key);
bool LeadsToElement(const PathStep& step, uint32_t index);

/// HasWildcard tells whether a path can lead to several places.
bool HasWildcard(std::span<const PathStep> path);

/// PathsOverlap tells whether some place of one path can be a place of the other, or lie within it.
bool PathsOverlap(std::span<const PathStep> one, std::span<const PathStep> other);

}  // namespace pii

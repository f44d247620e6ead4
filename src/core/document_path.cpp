#include "document_path.h"

#include <algorithm>

namespace pii {
namespace {

using Kind = PathStep::Kind;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Bytes above ASCII are letters of some script.
bool BeginsKey(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<uint8_t>(c) >= 0x80;
}

/// What is left of a path, and of the room for keys.
struct Reader {
  std::string_view rest;
  std::span<char> keys;

  bool Take(char c) {
    if (rest.empty() || rest.front() != c) return false;
    rest.remove_prefix(1);
    return true;
  }

  std::string_view KeepKey(size_t size) {
    std::string_view key(keys.data(), size);
    keys = keys.subspan(size);
    return key;
  }
};

bool ReadPlainKey(Reader* reader, std::string_view* key) {
  if (reader->rest.empty() || !BeginsKey(reader->rest.front())) return false;
  auto ends = std::find_if(reader->rest.begin(), reader->rest.end(),
                           [](char c) { return !BeginsKey(c) && !IsDigit(c); });
  auto size = static_cast<size_t>(ends - reader->rest.begin());
  std::copy(reader->rest.begin(), ends, reader->keys.begin());
  *key = reader->KeepKey(size);
  reader->rest.remove_prefix(size);
  return true;
}

/// Behind the opening quote. Of the escapes of JSON only those that a key cannot do without.
bool ReadQuotedKey(Reader* reader, std::string_view* key) {
  for (size_t size = 0; !reader->rest.empty();) {
    if (reader->Take('"')) {
      *key = reader->KeepKey(size);
      return true;
    }
    bool is_escaped = reader->Take('\\');
    if (reader->rest.empty()) return false;
    char c = reader->rest.front();
    if (is_escaped && c != '"' && c != '\\') return false;
    reader->keys[size++] = c;
    reader->rest.remove_prefix(1);
  }
  return false;
}

bool ReadMember(Reader* reader, PathStep* step) {
  if (reader->Take('*')) {
    step->kind = Kind::kEveryMember;
    return true;
  }
  step->kind = Kind::kMember;
  return reader->Take('"') ? ReadQuotedKey(reader, &step->key) : ReadPlainKey(reader, &step->key);
}

/// Up to 2^31 - 1, without leading zeros: one path for one place.
bool ReadIndex(Reader* reader, uint32_t* index) {
  size_t digits = 0;
  uint64_t number = 0;
  while (digits < reader->rest.size() && IsDigit(reader->rest[digits]) && number <= INT32_MAX)
    number = number * 10 + static_cast<uint64_t>(reader->rest[digits++] - '0');
  bool has_leading_zero = digits > 1 && reader->rest.front() == '0';
  if (digits == 0 || has_leading_zero || number > INT32_MAX) return false;
  *index = static_cast<uint32_t>(number);
  reader->rest.remove_prefix(digits);
  return true;
}

bool ReadElement(Reader* reader, PathStep* step) {
  step->kind = Kind::kEveryElement;
  if (!reader->Take('*')) {
    step->kind = Kind::kElement;
    if (!ReadIndex(reader, &step->index)) return false;
  }
  return reader->Take(']');
}

bool IsOfObject(Kind kind) { return kind == Kind::kMember || kind == Kind::kEveryMember; }

bool CanMeet(const PathStep& one, const PathStep& other) {
  if (IsOfObject(one.kind) != IsOfObject(other.kind)) return false;
  if (one.kind == Kind::kMember && other.kind == Kind::kMember) return one.key == other.key;
  if (one.kind == Kind::kElement && other.kind == Kind::kElement) return one.index == other.index;
  return true;
}

}  // namespace

bool ParseDocumentPath(std::string_view path, std::span<PathStep> steps, std::span<char> keys,
                       size_t* count) {
  *count = 0;
  Reader reader{path, keys};
  if (keys.size() < path.size() || !reader.Take('$')) return false;
  while (!reader.rest.empty()) {
    if (*count == steps.size()) return false;
    PathStep step{};
    bool is_read = reader.Take('.')   ? ReadMember(&reader, &step)
                   : reader.Take('[') ? ReadElement(&reader, &step)
                                      : false;
    if (!is_read) return false;
    steps[(*count)++] = step;
  }
  return true;
}

bool LeadsToMember(const PathStep& step, std::string_view key) {
  return step.kind == Kind::kEveryMember || (step.kind == Kind::kMember && step.key == key);
}

bool LeadsToElement(const PathStep& step, uint32_t index) {
  return step.kind == Kind::kEveryElement || (step.kind == Kind::kElement && step.index == index);
}

bool HasWildcard(std::span<const PathStep> path) {
  return std::any_of(path.begin(), path.end(), [](const PathStep& step) {
    return step.kind == Kind::kEveryMember || step.kind == Kind::kEveryElement;
  });
}

bool PathsOverlap(std::span<const PathStep> one, std::span<const PathStep> other) {
  size_t shared = std::min(one.size(), other.size());
  for (size_t i = 0; i < shared; ++i) {
    if (!CanMeet(one[i], other[i])) return false;
  }
  return true;
}

}  // namespace pii

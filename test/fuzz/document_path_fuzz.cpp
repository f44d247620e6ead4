// ParseDocumentPath, and the promises of document_path.h about what it accepts.

#include <string>
#include <vector>

#include "bytes.h"
#include "check.h"
#include "document_path.h"

namespace {

using namespace pii;

struct Path {
  std::vector<PathStep> steps;
  std::vector<char> keys;
  bool is_path;

  explicit Path(std::string_view text) : steps(PathStepsBound(text.size())), keys(text.size()) {
    size_t count = 0;
    is_path = ParseDocumentPath(text, steps, keys, &count);
    Check(count <= steps.size(), "the steps fit their bound");
    steps.resize(count);
  }
};

std::string Quoted(std::string_view key) {
  std::string quoted = ".\"";
  for (char c : key) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

/// The same path with all keys quoted.
std::string Write(const std::vector<PathStep>& steps) {
  std::string text = "$";
  for (const PathStep& step : steps) {
    switch (step.kind) {
      case PathStep::Kind::kMember:
        text += Quoted(step.key);
        break;
      case PathStep::Kind::kEveryMember:
        text += ".*";
        break;
      case PathStep::Kind::kElement:
        text += "[" + std::to_string(step.index) + "]";
        break;
      case PathStep::Kind::kEveryElement:
        text += "[*]";
        break;
    }
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Path path(AsText({data, size}));
  if (!path.is_path) return 0;
  std::string text = Write(path.steps);
  Path again(text);
  Check(again.is_path && again.steps.size() == path.steps.size(), "the path written is a path");
  Check(Write(again.steps) == text, "the path written is the path read");
  Check(PathsOverlap(path.steps, again.steps), "a path overlaps itself");
  for (const PathStep& step : path.steps) {
    Check(!LeadsToMember(step, step.key) || !LeadsToElement(step, step.index),
          "a step leads into objects or into arrays");
    Check(LeadsToMember(step, step.key) || LeadsToElement(step, step.index), "a step leads where it says");
  }
  return 0;
}

// Walks through jsonb documents. They are loops, so that the depth of a document does not matter here;
// PostgreSQL checks it where it makes a datum of the result.

#include "document_walk.h"

#include "pg.h"
#include "type_modifier.h"

namespace pii {
namespace {

std::string_view TextOf(const JsonbValue& string) {
  return {string.val.string.val, static_cast<size_t>(string.val.string.len)};
}

const Jsonb* AsJsonb(const varlena* document) { return reinterpret_cast<const Jsonb*>(document); }

JsonbIterator* Begin(const varlena* document) {
  return JsonbIteratorInit(const_cast<JsonbContainer*>(&AsJsonb(document)->root));
}

[[noreturn]] void ReportPaths(const char* message, const char* hint) {
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), errhint("%s", hint)));
}

[[noreturn]] void ReportShape() {
  ReportPaths("paths must be a JSON object of paths and names of classes",
              "For example: '{\"$.account.number\": \"account\", \"$.people[*].ssn\": \"ssn\"}'.");
}

void AddPath(DeclaredPaths* paths, std::string_view text, uint16_t class_id) {
  if (paths->count == DeclaredPaths::kMost)
    ReportPaths("a document has more than 64 paths", "Use wildcards, or seal a whole object by one path.");
  DeclaredPath* added = &paths->paths[paths->count];
  ReadPath(text, added);
  added->class_id = class_id;
  for (int i = 0; i < paths->count; ++i) {
    if (!PathsOverlap(added->path(), paths->paths[i].path())) continue;
    ReportPaths("two paths lead to one value, or one into what the other leads to",
                "A value is sealed once, for one class. Leave one of the paths out.");
  }
  ++paths->count;
}

/// A container on the way down, the paths that lead into it as a set of bits, and the place in it.
struct Level {
  uint64 paths;
  uint32 index;
  bool is_array;
};

struct Walk {
  const DeclaredPaths* paths;
  Level* levels;
  int depth;
  int room;

  Level& top() { return levels[depth - 1]; }
};

void Enter(Walk* walk, uint64 paths, bool is_array) {
  if (walk->depth == walk->room) {
    walk->room *= 2;
    walk->levels =
        static_cast<Level*>(repalloc_huge(walk->levels, static_cast<Size>(walk->room) * sizeof(Level)));
  }
  walk->levels[walk->depth++] = {paths, 0, is_array};
}

/// The paths, of those that lead into the innermost container, that lead to a child of it.
template <typename Leads>
uint64 PathsTo(Walk* walk, Leads leads) {
  uint64 found = 0;
  auto step = static_cast<size_t>(walk->depth - 1);
  for (int i = 0; i < walk->paths->count; ++i) {
    const DeclaredPath& path = walk->paths->paths[i];
    bool goes_on = (walk->top().paths >> i & 1) != 0 && path.count > step;
    if (goes_on && leads(path.steps[step])) found |= UINT64CONST(1) << i;
  }
  return found;
}

uint64 PathsToMember(Walk* walk, std::string_view key) {
  return PathsTo(walk, [key](const PathStep& step) { return LeadsToMember(step, key); });
}

uint64 PathsToElement(Walk* walk) {
  uint32 index = walk->top().index;
  return PathsTo(walk, [index](const PathStep& step) { return LeadsToElement(step, index); });
}

/// The path that ends at a child of the innermost container; -1: none does.
int EndOf(const Walk& walk, uint64 paths) {
  for (int i = 0; paths != 0 && i < walk.paths->count; ++i) {
    if ((paths >> i & 1) != 0 && walk.paths->paths[i].count == static_cast<size_t>(walk.depth)) return i;
  }
  return -1;
}

/// The document itself, for the path `$`.
JsonbValue RootOf(const varlena* document) {
  JsonbValue root;
  auto* jsonb = const_cast<Jsonb*>(AsJsonb(document));
  if (!JsonbExtractScalar(&jsonb->root, &root)) JsonbToJsonbValue(jsonb, &root);
  return root;
}

bool IsValue(JsonbIteratorToken token) { return token == WJB_VALUE || token == WJB_ELEM; }

}  // namespace

void ReadPath(std::string_view text, DeclaredPath* path) {
  size_t bound = PathStepsBound(text.size()) + 1;
  path->steps = static_cast<PathStep*>(palloc(bound * sizeof(PathStep)));
  auto* keys = static_cast<char*>(palloc(text.size() + 1));
  if (ParseDocumentPath(text, {path->steps, bound}, {keys, text.size()}, &path->count)) return;
  ReportPaths("malformed path into a document",
              "A path is $, followed by .key, .\"any key\", .* for all members of an object, [0] for an "
              "element, [*] for all elements of an array.");
}

DeclaredPaths* ReadPaths(const varlena* declared) {
  if (!JB_ROOT_IS_OBJECT(AsJsonb(declared))) ReportShape();
  auto* paths = static_cast<DeclaredPaths*>(palloc0(sizeof(DeclaredPaths)));
  JsonbIterator* iterator = Begin(declared);
  JsonbValue value;
  JsonbValue path{};
  JsonbIteratorToken token;
  while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE) {
    if (token == WJB_KEY) path = value;
    if (token != WJB_VALUE) continue;
    if (value.type != jbvString) ReportShape();
    uint16_t class_id =
        RequireClassByName(pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len)));
    AddPath(paths, TextOf(path), class_id);
  }
  return paths;
}

JsonbValue* ChangePlaces(const varlena* document, const DeclaredPaths& paths, ChangePlace change,
                         void* context) {
  if (paths.count == 1 && paths.paths[0].count == 0) {
    JsonbValue root = RootOf(document);
    return root.type == jbvNull ? nullptr : change(0, &root, context);
  }
  if (paths.count == 0 || JB_ROOT_IS_SCALAR(AsJsonb(document))) return nullptr;
  constexpr int kRoom = 16;
  Walk walk{&paths, static_cast<Level*>(palloc(kRoom * sizeof(Level))), 0, kRoom};
  JsonbIterator* iterator = Begin(document);
  JsonbParseState* state = nullptr;
  JsonbValue* result = nullptr;
  bool has_changed = false;
  uint64 leading = PG_UINT64_MAX;  // the paths that lead to what comes next
  int end = -1;                    // the one that ends there
  JsonbValue value;
  JsonbIteratorToken token;
  // What no path leads into, and what one ends at, comes whole.
  while ((token = JsonbIteratorNext(&iterator, &value, leading == 0 || end >= 0)) != WJB_DONE) {
    CHECK_FOR_INTERRUPTS();
    if (IsValue(token)) {
      bool is_place = end >= 0 && value.type != jbvNull;
      JsonbValue* changed = is_place ? change(end, &value, context) : nullptr;
      has_changed = has_changed || changed != nullptr;
      result = pushJsonbValue(&state, token, changed != nullptr ? changed : &value);
    } else {
      result = pushJsonbValue(&state, token, token == WJB_KEY ? &value : nullptr);
    }
    if (token == WJB_BEGIN_ARRAY || token == WJB_BEGIN_OBJECT)
      Enter(&walk, leading, token == WJB_BEGIN_ARRAY);
    if (token == WJB_END_ARRAY || token == WJB_END_OBJECT) --walk.depth;
    bool in_array = walk.depth > 0 && walk.top().is_array;
    if (in_array && token != WJB_BEGIN_ARRAY) ++walk.top().index;
    leading = token == WJB_KEY ? PathsToMember(&walk, TextOf(value))
              : in_array       ? PathsToElement(&walk)
                               : PG_UINT64_MAX;
    end = in_array || token == WJB_KEY ? EndOf(walk, leading) : -1;
  }
  return has_changed ? result : nullptr;
}

JsonbValue* ChangeStrings(const varlena* document, ChangeString change, void* context) {
  if (JB_ROOT_IS_SCALAR(AsJsonb(document))) {
    JsonbValue root = RootOf(document);
    return root.type == jbvString ? change(&root, context) : nullptr;
  }
  JsonbIterator* iterator = Begin(document);
  JsonbParseState* state = nullptr;
  JsonbValue* result = nullptr;
  bool has_changed = false;
  JsonbValue value;
  JsonbIteratorToken token;
  while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE) {
    CHECK_FOR_INTERRUPTS();
    bool is_string = IsValue(token) && value.type == jbvString;
    JsonbValue* changed = is_string ? change(&value, context) : nullptr;
    has_changed = has_changed || changed != nullptr;
    bool has_value = IsValue(token) || token == WJB_KEY;
    result = pushJsonbValue(&state, token, changed != nullptr ? changed : has_value ? &value : nullptr);
  }
  return has_changed ? result : nullptr;
}

}  // namespace pii

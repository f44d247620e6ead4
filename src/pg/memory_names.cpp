#include "memory_names.h"

#include "hidden_text.h"
#include "pg.h"

namespace pii {
namespace {

/// PostgreSQL shows 100 bytes of a name (MemoryContextStatsPrint of mcxt.c).
constexpr Size kShown = 128;

/// New contexts come first among their siblings. Between a plan and its execution hardly any other is made.
constexpr int kNew = 8;

/// The kinds of named memory. A context that was looked at points to one of these words instead of
/// PostgreSQL's, which says the same and tells them apart.
constexpr const char* kCached[] = {"CachedPlan", "CachedPlanSource"};

const char* CachedKind(MemoryContext context) {
  if (context->name[0] != 'C') return nullptr;  // hardly any has to be compared
  for (const char* kind : kCached) {
    if (context->name != kind && strcmp(context->name, kind) == 0) return kind;
  }
  return nullptr;
}

void HideName(MemoryContext context, const char* kind) {
  if (context->ident != nullptr) {
    char* hidden = HiddenStatement(context->ident);
    if (hidden != nullptr) {
      Size size = Min(strlen(hidden), kShown);
      auto* name = static_cast<char*>(MemoryContextAlloc(context, size + 1));
      memcpy(name, hidden, size);
      name[size] = '\0';
      MemoryContextSetIdentifier(context, name);
      pfree(hidden);
    }
  }
  context->name = kind;
}

void HideNewIn(MemoryContext parent) {
  MemoryContext child = parent->firstchild;
  for (int i = 0; i < kNew && child != nullptr; ++i, child = child->nextchild) {
    const char* kind = CachedKind(child);
    if (kind != nullptr) HideName(child, kind);
  }
}

}  // namespace

void HideNewMemoryNames() {
  HideNewIn(CurrentMemoryContext);  // a statement in analysis, the plan of one that a function has not kept
  HideNewIn(CacheMemoryContext);
}

}  // namespace pii

#include "relation_changes.h"

#include "pg.h"

namespace pii {
namespace {

constexpr int kMost = 8;
void (*callbacks[kMost])(uint32_t relation);
int callback_count;

void TellAll(Datum, Oid relation) {
  for (int i = 0; i < callback_count; ++i) callbacks[i](relation);
}

}  // namespace

void OnRelationChange(void (*forget)(uint32_t relation)) {
  for (int i = 0; i < callback_count; ++i) {
    if (callbacks[i] == forget) return;
  }
  if (callback_count == kMost) elog(ERROR, "too many caches of tables");
  if (callback_count == 0) CacheRegisterRelcacheCallback(TellAll, Datum(0));
  callbacks[callback_count++] = forget;
}

}  // namespace pii

#pragma once

#include <cstdint>

namespace pii {

// Whoever looks after all tables, a superuser mostly, must not run what their owners have written for others
// to run: triggers, checks, casts, and expressions of indexes and policies, whose immutable calls PostgreSQL
// makes when it plans a statement. VACUUM and ANALYZE act as the owner for the same reason.

/// ActingRole is the current user before another one acted, and the settings of then.
struct ActingRole {
  uint32_t user;
  int security;
  int nest_level;
};

/// OwnerOrSelf returns the owner of a table for who has the owner's rights anyhow, else the current user: the
/// functions that the owner's expressions name are found by the search_path of the caller, who must not gain
/// by it.
uint32_t OwnerOrSelf(uint32_t table);

/// ActAs lets a role act. One without the rights of the caller can leave nothing behind that runs with those:
/// no deferred trigger, temporary table, cursor or setting. An error ends it, too, with its (sub)transaction.
ActingRole ActAs(uint32_t role);

/// ActAsBefore ends that.
void ActAsBefore(const ActingRole& before);

/// ReadAs is ActAs for reading alone: row level security that is forced on owners does not apply where none
/// applies to the caller.
ActingRole ReadAs(uint32_t role);

/// ReaderOf returns who is to read all of a table that is looked at among others, by ReadAs: OwnerOrSelf. 0
/// where the owner may not read all of it: planning calls functions that he wrote for it in more places than
/// could be looked for.
uint32_t ReaderOf(uint32_t table);

/// RequireReaderOf raises an error in place of 0.
uint32_t RequireReaderOf(uint32_t table);

}  // namespace pii

#pragma once

#include <cstdint>

namespace pii {

/// Privilege is what a role may do with the values of a class. Bits of a set.
enum Privilege : uint8_t {
  kReveal = 1,  ///< see plaintext; whoever may, may see the mask
  kMask = 2,    ///< see the masked form
  kSearch = 4,  ///< compare values and compute keyed hashes: equality is an oracle
  kImport = 8,  ///< hand in sealed text
};
constexpr uint8_t kAllPrivileges = kReveal | kMask | kSearch | kImport;

/// The class of legacy plaintext whose expression declares none: it takes a privilege on every class (`*`).
constexpr int32_t kEveryClass = -1;

/// PrivilegesOn returns the privileges of the current user on a class: those granted to roles that he has the
/// privileges of, and to PUBLIC. A superuser has all. Cached; grants and changes of roles count from the next
/// statement on, in every session. Class text: whoever may reveal or search any class may do so with this,
/// because a literal has it before it reaches its column.
uint8_t PrivilegesOn(int32_t class_id);

/// PrivilegesOf returns those of another role, not cached.
uint8_t PrivilegesOf(uint32_t role, int32_t class_id);

/// RequirePrivilege raises 42501 when the current user lacks the privilege. The message depends on the user,
/// the class and the privilege alone.
void RequirePrivilege(Privilege privilege, int32_t class_id);

/// RequireReveal is RequirePrivilege for plaintext, which may need a purpose too (pii.require_purpose).
void RequireReveal(int32_t class_id);

/// MayReveal tells whether RequireReveal would succeed.
bool MayReveal(int32_t class_id);

/// PrivilegeTables are the OIDs of the tables of grants, 0 when this database does not have the extension.
struct PrivilegeTables {
  uint32_t of_roles;
  uint32_t of_public;
};

/// FindPrivilegeTables looks them up, in a transaction.
PrivilegeTables FindPrivilegeTables();

/// ForgetPrivileges empties the cache of this process.
void ForgetPrivileges();

/// GrantsOf returns the privileges that `role` (0: PUBLIC) has on a class by now, not cached.
uint8_t GrantsOf(uint32_t role, int32_t class_id);

/// PrivilegeName returns the name of one privilege, as pii_grant() takes it.
const char* PrivilegeName(Privilege privilege);

}  // namespace pii

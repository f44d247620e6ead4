#pragma once

#include "access_log.h"

namespace pii {

/// Access is one kind of use of values within a statement.
struct Access {
  static constexpr int kVersions = 8;
  static constexpr int kNameSize = 64;  ///< NAMEDATALEN

  uint32_t user;
  int32_t class_id;
  Operation operation;
  const char* attempt;  ///< what was denied; a constant
  uint64_t scope;
  uint32_t table;  ///< 0: not known
  uint64_t values;
  uint16_t versions[kVersions];  ///< key versions; more than so many are left out
  int version_count;

  // For the audit line, which may be written when names cannot be looked up any more.
  bool is_named;
  char session_user[kNameSize];
  char current_user[kNameSize];
  char class_name[kNameSize];
  char table_name[2 * kNameSize + 8];
};

/// IsAudited tells whether pii.audit asks for a line about such an operation.
bool IsAudited(Operation operation);

/// NameAccess looks up the names. In a transaction that goes on.
void NameAccess(Access* access);

/// WriteAuditLine writes one line of JSON to the server log, and to nobody else.
void WriteAuditLine(const Access& access, bool is_canary);

/// AuditGrant writes the line of a grant or revocation.
void AuditGrant(bool is_grant, const char* role, const char* class_name, const char* privilege);

}  // namespace pii

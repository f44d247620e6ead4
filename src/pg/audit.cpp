// The audit trail: lines of JSON in the server log, which PostgreSQL and the tools around it keep, rotate and
// forward already.

#include "audit.h"

#include "pg.h"
#include "pii_class.h"
#include "settings.h"
#include "shared_keys.h"

namespace pii {
namespace {

void CopyName(char (&target)[Access::kNameSize], Oid role) {
  const char* name = GetUserNameFromId(role, true);
  strlcpy(target, name != nullptr ? name : "", sizeof target);
}

const char* OperationName(const Access& access) {
  switch (access.operation) {
    case Operation::kSealed:
      return "seal";
    case Operation::kRevealed:
      return "reveal";
    case Operation::kMasked:
      return "mask";
    case Operation::kSearched:
      return "search";
    case Operation::kDenied:
      return access.attempt;
    case Operation::kFailed:
      return "read";
  }
  return "";
}

const char* Decision(Operation operation) {
  if (operation == Operation::kDenied) return "denied";
  return operation == Operation::kFailed ? "failed" : "allowed";
}

void AddText(StringInfo line, const char* key, const char* value) {
  appendStringInfo(line, ", \"%s\": ", key);
  if (value == nullptr || value[0] == '\0') {
    appendStringInfoString(line, "null");
  } else {
    escape_json(line, value);
  }
}

/// A parallel worker works for its leader, whose connection it does not have.
int SessionPid() {
  bool has_leader = MyProc != nullptr && MyProc->lockGroupLeader != nullptr;
  return has_leader ? MyProc->lockGroupLeader->pid : MyProcPid;
}

/// The address of the client, `[local]` on a Unix socket, null for a process without one.
const char* ClientAddress() {
  static char address[NI_MAXHOST];
  if (MyBEEntry == nullptr || MyBEEntry->st_clientaddr.salen == 0) return nullptr;
  const SockAddr& client = MyBEEntry->st_clientaddr;
  if (client.addr.ss_family == AF_UNIX) return "[local]";
  int failed =
      pg_getnameinfo_all(&client.addr, client.salen, address, sizeof address, nullptr, 0, NI_NUMERICHOST);
  return failed == 0 ? address : nullptr;
}

/// What every line begins with. Names are looked up by the caller.
void BeginLine(StringInfo line, const char* session_user, const char* current_user) {
  initStringInfo(line);
  char time[MAXDATELEN + 1];
  JsonEncodeDateTime(time, TimestampTzGetDatum(GetCurrentTimestamp()), TIMESTAMPTZOID, nullptr);
  appendStringInfo(line, "{\"time\": \"%s\", \"pid\": %d", time, SessionPid());
  AddText(line, "session_user", session_user);
  AddText(line, "current_user", current_user);
  AddText(line, "client", ClientAddress());
  AddText(line, "application", application_name);
  AddText(line, "purpose", settings.purpose);
}

}  // namespace

bool IsAudited(Operation operation) {
  if (settings.audit == kAuditAll) return true;
  bool reveals = operation == Operation::kRevealed || operation == Operation::kDenied;
  return settings.audit == kAuditReveal && reveals;
}

void NameAccess(Access* access) {
  CopyName(access->session_user, GetSessionUserId());
  CopyName(access->current_user, access->user);
  const PiiClass* pii_class =
      access->class_id >= 0 ? FindClass(static_cast<uint16_t>(access->class_id)) : nullptr;
  if (pii_class != nullptr) {
    strlcpy(access->class_name, pii_class->name_text, sizeof access->class_name);
  } else {
    snprintf(access->class_name, sizeof access->class_name, "%d", access->class_id);
  }
  access->table_name[0] = '\0';
  const char* table = OidIsValid(access->table) ? get_rel_name(access->table) : nullptr;
  const char* schema = table != nullptr ? get_namespace_name(get_rel_namespace(access->table)) : nullptr;
  if (schema != nullptr) {
    strlcpy(access->table_name, quote_qualified_identifier(schema, table), sizeof access->table_name);
  }
  access->is_named = true;
}

void WriteAuditLine(const Access& access, bool is_canary) {
  StringInfoData line;
  BeginLine(&line, access.session_user, access.current_user);
  AddText(&line, "operation", OperationName(access));
  AddText(&line, "class", access.class_name);
  AddText(&line, "table", access.table_name);
  appendStringInfoString(&line, ", \"key_versions\": [");
  for (int i = 0; i < access.version_count; ++i) {
    appendStringInfo(&line, "%s%u", i > 0 ? ", " : "", access.versions[i]);
  }
  appendStringInfo(&line, "], \"values\": %llu", static_cast<unsigned long long>(access.values));
  AddText(&line, "decision", Decision(access.operation));
  AddText(&line, "severity", is_canary ? "WARNING" : "INFO");
  if (is_canary) AddText(&line, "canary", "a honey value was revealed");
  appendStringInfoChar(&line, '}');
  // Who touched a honey value must not be told: a WARNING goes to the client too, but for this. A log that
  // takes no warnings gets it as LOG.
  int client_level = client_min_messages;
  client_min_messages = ERROR;
  bool takes_warnings = log_min_messages <= WARNING && log_min_messages != LOG;
  ereport(is_canary && takes_warnings ? WARNING : LOG_SERVER_ONLY,
          (errmsg_internal("pii audit: %s", line.data), errhidestmt(true), errhidecontext(true)));
  client_min_messages = client_level;
  pfree(line.data);
}

void AuditGrant(bool is_grant, const char* role, const char* class_name, const char* privilege) {
  if (settings.audit == kAuditOff) return;
  StringInfoData line;
  char session_user[Access::kNameSize];
  CopyName(session_user, GetSessionUserId());
  char current_user[Access::kNameSize];
  CopyName(current_user, GetOuterUserId());
  BeginLine(&line, session_user, current_user);
  AddText(&line, "operation", is_grant ? "grant" : "revoke");
  AddText(&line, "class", class_name);
  AddText(&line, "role", role);
  AddText(&line, "privilege", privilege);
  AddText(&line, "decision", "allowed");
  AddText(&line, "severity", "INFO");
  appendStringInfoChar(&line, '}');
  ereport(LOG_SERVER_ONLY,
          (errmsg_internal("pii audit: %s", line.data), errhidestmt(true), errhidecontext(true)));
  pfree(line.data);
}

}  // namespace pii

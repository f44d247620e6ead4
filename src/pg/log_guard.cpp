// PostgreSQL writes statements, their parameters, failing rows and lines of COPY to its log, and quotes its
// input in messages. Whether a statement concerns a sealed column is not known when it is logged:
// log_statement comes before analysis, a syntax error instead of it, and functions do what their callers do
// not show. So the whole log of a database that has the extension goes without literals.
//
// What belongs to the log alone is changed there alone (detail_log, hide_stmt, hide_ctx). The message itself
// PostgreSQL sends to the client in the same words; it loses only what it quotes and what does not look like
// a name.
//
// Nothing here may raise an error, or look anything up: an error while one is reported throws away the one
// that is reported (elog.c). So the text is not lexed by PostgreSQL's own scanner, which does (sql_text.h).

#include "log_guard.h"

#include <initializer_list>

#include "hidden_text.h"
#include "log_text.h"
#include "memory_names.h"
#include "pg.h"
#include "prepared_result.h"
#include "presence.h"
#include "settings.h"
#include "sql_text.h"

namespace pii {
namespace {

emit_log_hook_type next_emit_log;
post_parse_analyze_hook_type next_post_parse_analyze;

/// When values were used last: starts of the transaction, which tell transactions apart even where none has
/// an id, and of the statement, as a procedure still has what it read before its COMMIT.
struct {
  TimestampTz transaction;
  TimestampTz statement;
} values_in_use;

/// The last answer of CommandTextForOthers.
struct {
  const char* text;
  TimestampTz statement;
  const char* blanked;
} of_message;

/// Start of the last statement that was taken out of pg_stat_activity.
TimestampTz hidden_activity;

/// A session that does not know yet, at its first statement, hides. Processes without a database have no
/// values.
bool IsGuarded() {
  if (settings.log_scrubbing == kScrubOff || !OidIsValid(MyDatabaseId)) return false;
  return settings.log_scrubbing == kScrubAll || KnownPresence() != Presence::kAbsent;
}

bool ValuesInUse() {
  if (values_in_use.transaction == 0) return false;
  return values_in_use.transaction == GetCurrentTransactionStartTimestamp() ||
         values_in_use.statement == GetCurrentStatementStartTimestamp();
}

/// A client that fetches the rows in pieces has the statement shown again with each, and of rows that are
/// kept since the first one (RETURNING, EXPLAIN) no hook tells. Positions in the text matter where there are
/// several statements.
void HidePortal(const char* hidden) {
  Portal portal = ActivePortal;
  if (portal == nullptr || list_length(portal->stmts) != 1) return;
  if (strcmp(portal->sourceText, debug_query_string) != 0) return;
  portal->sourceText = MemoryContextStrdup(portal->portalContext, hidden);
}

/// Messages whose words depend on the language are known by the C function that reports them.
bool IsReportedBy(const ErrorData* error, std::initializer_list<const char*> functions) {
  if (error->funcname == nullptr) return false;
  for (const char* function : functions) {
    if (strcmp(error->funcname, function) == 0) return true;
  }
  return false;
}

bool EndsWith(const char* text, const char* end) {
  size_t size = strlen(text);
  size_t end_size = strlen(end);
  return size >= end_size && memcmp(text + size - end_size, end, end_size) == 0;
}

bool StartsWith(const char* text, const char* start) { return strncmp(text, start, strlen(start)) == 0; }

/// Adds a paragraph to what only the log gets to see.
void AddDetail(ErrorData* error, const char* what, const char* text) {
  const char* before = error->detail_log != nullptr ? error->detail_log : error->detail;
  error->detail_log =
      before != nullptr ? psprintf("%s\n%s%s", before, what, text) : psprintf("%s%s", what, text);
}

/// Messages that are about a statement: log_statement, log_min_duration_statement, auto_explain, pgaudit.
bool ShowsStatement(const ErrorData* error) {
  return error->elevel < ERROR &&
         IsReportedBy(error,
                      {"exec_simple_query", "exec_parse_message", "exec_bind_message", "exec_execute_message",
                       "exec_replication_command", "explain_ExecutorEnd", "log_audit_event"});
}

/// The duration stays, and so do the names of what was executed.
void HideStatementMessage(ErrorData* error) {
  constexpr char kPlan[] = "plan:\n";
  constexpr char kMilliseconds[] = " ms";
  constexpr ptrdiff_t kLongestDuration = 40;
  const char* plan = strstr(error->message, kPlan);
  if (IsReportedBy(error, {"explain_ExecutorEnd"}) && plan != nullptr) {
    error->message =
        Hidden(error->message, HidePlan, static_cast<size_t>(plan - error->message) + strlen(kPlan));
    return;
  }
  size_t kept = 0;
  const char* duration = strstr(error->message, kMilliseconds);
  if (debug_query_string != nullptr && EndsWith(error->message, debug_query_string)) {
    kept = strlen(error->message) - strlen(debug_query_string);
  } else if (duration != nullptr && duration - error->message < kLongestDuration) {
    kept = static_cast<size_t>(duration - error->message) + strlen(kMilliseconds);
  }
  error->message = Hidden(error->message, HideLiterals, kept);
}

/// pg_log_backend_memory_contexts() shows what memory is for, and of a cached statement the first 100 bytes.
/// What is left of a number that was cut there may be shorter than those that are hidden.
void HideMemoryName(ErrorData* error) {
  constexpr char kBeforeName[] = " used: ";
  const char* name = strstr(error->message, kBeforeName);
  if (name == nullptr || strstr(error->message, "; CachedPlan") == nullptr) return;
  name += strlen(kBeforeName);
  error->message = Hidden(error->message, HideLiterals, static_cast<size_t>(name - error->message));
}

constexpr char kNoStatement[] = "(not logged, because it does not begin as a statement does)";

/// The statement that failed. PostgreSQL takes it from a variable of its own.
void HideStatement(ErrorData* error) {
  if (error->hide_stmt || debug_query_string == nullptr) return;
  bool is_statement = error->sqlerrcode != ERRCODE_SYNTAX_ERROR || BeginsWithCommand(debug_query_string);
  char* hidden = is_statement ? HiddenStatement(debug_query_string) : pstrdup(kNoStatement);
  if (hidden == nullptr) return;
  // After an error, a session's statement is over: PostgreSQL sets the variable to null before it frees
  // memory.
  if (error->elevel >= ERROR && MyBackendType == B_BACKEND) {
    debug_query_string = hidden;
    pgstat_report_activity(STATE_RUNNING, hidden);  // it may have failed before HideActivity
  } else {
    error->hide_stmt = true;
    AddDetail(error, "Statement: ", hidden);
  }
}

void HideContextLines(ErrorData* error) {
  if (error->context == nullptr || error->hide_ctx) return;
  error->hide_ctx = true;
  AddDetail(error, "Context: ", Hidden(error->context, HideContext));
}

/// Categories of messages that quote what they were given: a value that is no number, a search that is too
/// long, a command of COPY, and a value in double quotes by mistake, which is a column, cursor or schema that
/// does not exist.
bool QuotesInput(int category) {
  for (int quoting :
       {ERRCODE_DATA_EXCEPTION, ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION, ERRCODE_INVALID_CURSOR_NAME,
        ERRCODE_INVALID_SQL_STATEMENT_NAME, ERRCODE_INVALID_SCHEMA_NAME, ERRCODE_INVALID_CATALOG_NAME,
        ERRCODE_SAVEPOINT_EXCEPTION, ERRCODE_FEATURE_NOT_SUPPORTED, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, ERRCODE_INVALID_CURSOR_STATE}) {
    if (category == ERRCODE_TO_CATEGORY(quoting)) return true;
  }
  return false;
}

bool ShowsRow(int category) {
  return category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
         category == ERRCODE_WITH_CHECK_OPTION_VIOLATION;
}

constexpr char kNotLogged[] = "Not logged, because it may hold values.";

/// This library's messages hold no values.
bool IsOwn(const ErrorData* error) {
  return error->domain != nullptr && strcmp(error->domain, TEXTDOMAIN) == 0;
}

void HideDetail(ErrorData* error) {
  const char* detail = error->detail_log != nullptr ? error->detail_log : error->detail;
  if (detail == nullptr) return;
  int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
  if (IsReportedBy(error, {"elog_node_display"})) {  // debug_print_parse and its like
    error->detail_log = pstrdup("Not logged, because a tree holds the literals of its statement.");
  } else if (ShowsStatement(error) || category == ERRCODE_PLPGSQL_ERROR) {
    error->detail_log = Hidden(detail, HideLiterals);
  } else if (error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED) {
    error->detail_log = Hidden(detail, HideDeadlock);
  } else if (ShowsRow(category) && ValuesInUse()) {
    error->detail_log = Hidden(detail, HideRow);
  } else if (QuotesInput(category)) {
    // The parser of XML shows the line it was at. Other languages quote in other ways.
    bool is_unknown = strchr(detail, '\n') != nullptr || IsTranslated();
    error->detail_log = is_unknown ? pstrdup(kNotLogged) : Hidden(detail, HideQuoted);
  }
}

void HideMessage(ErrorData* error) {
  if (error->message == nullptr) return;
  if (ShowsStatement(error)) {
    HideStatementMessage(error);
  } else if (IsReportedBy(error, {"MemoryContextStatsPrint"})) {
    HideMemoryName(error);
  } else if (error->sqlerrcode == ERRCODE_QUERY_CANCELED && IsReportedBy(error, {"CopyGetData"})) {
    error->message = pstrdup("COPY from stdin failed");  // without what the client says: it may quote a line
  } else if (error->sqlerrcode == ERRCODE_SYNTAX_ERROR) {
    error->message = HiddenMessage(error, HideNear);
  } else if (QuotesInput(ERRCODE_TO_CATEGORY(error->sqlerrcode))) {
    error->message = HiddenMessage(error, HideQuoted);
  }
}

/// Values of which this session knows nothing: of an XML document, and of another server, whose language is
/// not known either.
bool TellsUnknownValues(const ErrorData* error) {
  if (IsReportedBy(error, {"xml_errorHandler"})) return true;
  int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
  return IsReportedBy(error, {"dblink_res_error", "pgfdw_report_error"}) &&
         (category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_PLPGSQL_ERROR);
}

/// The client gets what was raised; the log gets a line of its own, without literals, or without any of it
/// where values are in use.
void LogRaised(ErrorData* error) {
  error->output_to_server = false;
  bool is_unknown = ValuesInUse() || TellsUnknownValues(error) || error->message == nullptr;
  const char* text = is_unknown ? kNotLogged : Hidden(error->message, HideLiterals);
  const char* function = error->context != nullptr ? Hidden(error->context, HideContext) : nullptr;
  ErrorContextCallback* callbacks = error_context_stack;
  error_context_stack = nullptr;  // they would add the context as it is
  ereport(LOG_SERVER_ONLY,
          (errcode(error->sqlerrcode),
           errmsg_internal("raised by a function (%s): %s", error_severity(error->elevel), text),
           function != nullptr ? errdetail_internal("Context: %s", function) : 0));
  error_context_stack = callbacks;
}

constexpr char kAudit[] = "pii audit: ";

bool IsAuditLine(const ErrorData* error) {
  return error->message_id != nullptr && StartsWith(error->message_id, kAudit);
}

/// Nobody else writes lines that look so.
void MarkForgery(ErrorData* error) {
  if (error->message == nullptr || !StartsWith(error->message, kAudit)) return;
  error->message = psprintf("not written by pii: %s", error->message);
}

void Guard(ErrorData* error) {
  // What a function runs it may have made of values, and without quotes they are words like any other.
  bool is_of_values = error->internalquery != nullptr && ValuesInUse();
  // The line that LogRaised writes comes by here itself, with the same SQLSTATE.
  if (!IsOwn(error) && (IsRaised(error) || is_of_values)) {
    LogRaised(error);
    return;
  }
  if (!IsOwn(error)) {
    HideDetail(error);
    HideMessage(error);
  }
  HideStatement(error);
  HideContextLines(error);
  if (error->internalquery != nullptr) {
    error->internalquery = pstrdup(error->internalquery);
    Blank(error->internalquery);
  }
}

/// The postmaster shows the statement of a process that was killed, which may have been before the process
/// could hide it. It does not know of which database.
bool ShowsKilled(const ErrorData* error) {
  return !IsUnderPostmaster && settings.log_scrubbing != kScrubOff && error->detail != nullptr &&
         IsReportedBy(error, {"LogChildExit"});
}

void EmitLog(ErrorData* error) {
  if (!IsAuditLine(error)) {
    MarkForgery(error);
    if (IsGuarded()) Guard(error);
    if (ShowsKilled(error)) error->detail_log = Hidden(error->detail, HideLiterals);
  }
  if (next_emit_log != nullptr) next_emit_log(error);
}

void NoteStatement(ParseState* state, Query* query, JumbleState* jumble) {
  KeepPrepared(state, query);
  FindPresence();
  HideActivity();
  HideMemoryNames();
  // pg_stat_statements, before or behind this hook, leaves out constants and keeps comments. Analysis is
  // over; nobody else looks at the text any more.
  bool has_others = next_post_parse_analyze != nullptr || post_parse_analyze_hook != NoteStatement;
  if (has_others) state->p_sourcetext = CommandTextForOthers(state->p_sourcetext);
  if (next_post_parse_analyze != nullptr) next_post_parse_analyze(state, query, jumble);
}

}  // namespace

void InstallLogGuard() {
  next_emit_log = emit_log_hook;
  emit_log_hook = EmitLog;
  next_post_parse_analyze = post_parse_analyze_hook;
  post_parse_analyze_hook = NoteStatement;
}

bool IsRaised(const ErrorData* error) {
  if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_EXTERNAL_ROUTINE_EXCEPTION &&
      !IsReportedBy(error, {"ClosePipeToProgram", "ClosePipeFromProgram", "xml_ereport"})) {
    return true;
  }
  return IsReportedBy(error,
                      {"exec_stmt_raise", "exec_stmt_assert", "PLy_output", "PLy_elog_impl", "do_util_elog",
                       "pltcl_elog", "dblink_res_error", "pgfdw_report_error", "xml_errorHandler"});
}

void NoteValuesInUse() {
  values_in_use = {GetCurrentTransactionStartTimestamp(), GetCurrentStatementStartTimestamp()};
}

const char* TextForOthers(const char* text) {
  FindPresence();
  if (text == nullptr || !IsGuarded()) return text;
  const char* blanked = BlankedStatement(text);
  return blanked != nullptr ? blanked : text;
}

const char* CommandTextForOthers(const char* text) {
  if (text == nullptr || text != debug_query_string || MessageContext == nullptr) return TextForOthers(text);
  TimestampTz statement = GetCurrentStatementStartTimestamp();
  if (of_message.text == text && of_message.statement == statement) return of_message.blanked;
  MemoryContext outer = MemoryContextSwitchTo(MessageContext);
  of_message = {text, statement, TextForOthers(text)};
  MemoryContextSwitchTo(outer);
  return of_message.blanked;
}

void HideActivity() {
  TimestampTz statement = GetCurrentStatementStartTimestamp();
  if (statement == hidden_activity || !IsGuarded() || debug_query_string == nullptr) return;
  hidden_activity = statement;
  char* hidden = HiddenStatement(debug_query_string);
  if (hidden == nullptr) return;
  pgstat_report_activity(STATE_RUNNING, hidden);
  HidePortal(hidden);
  pfree(hidden);
}

void HideMemoryNames() {
  if (IsGuarded()) HideNewMemoryNames();
}

}  // namespace pii

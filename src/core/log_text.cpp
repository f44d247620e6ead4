#include "log_text.h"

#include <initializer_list>

namespace pii {
namespace {

using Words = std::initializer_list<std::string_view>;

constexpr size_t kNone = std::string_view::npos;
constexpr std::string_view kHidden = "(hidden)";
constexpr std::string_view kNotLogged = "Not logged: it may hold values of sealed columns.";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool StartsWithAny(std::string_view text, Words beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](std::string_view beginning) { return text.starts_with(beginning); });
}

bool IsAnyOf(std::string_view text, Words words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

/// Takes `prefix` from the front of `*text`, if it is there.
bool Take(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

/// Takes decimal digits from the front of `*text`.
bool TakeNumber(std::string_view* text) {
  size_t end = std::min(text->find_first_not_of("0123456789"), text->size());
  text->remove_prefix(end);
  return end > 0;
}

/// Takes the line at the front of `*text`, without its line break.
std::string_view TakeLine(std::string_view* text) {
  size_t end = std::min(text->find('\n'), text->size());
  std::string_view line = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return line;
}

/// The part of `*text` up to `text[end]`, which is taken with it and one line break behind it.
std::string_view TakeThrough(std::string_view* text, size_t end) {
  std::string_view taken = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  Take(text, "\n");
  return taken;
}

// CONTEXT

/// The next double quote at the end of a line, where a quoted statement or value ends.
size_t FindEndOfQuoted(std::string_view text, size_t from) {
  size_t quote = text.find('"', from);
  while (quote != kNone && quote + 1 < text.size() && text[quote + 1] != '\n')
    quote = text.find('"', quote + 1);
  return std::min(quote, text.size());
}

/// The first such quote that is not within a literal or a name of the statement; the end of the text where
/// there is none. A few are tried, as each try reads the statement from its start.
size_t FindEndOfStatement(std::string_view text, bool backslash_escapes) {
  size_t end = FindEndOfQuoted(text, 0);
  for (int tries = 0; tries < 8 && end < text.size(); ++tries) {
    if (LiteralScanner(text.substr(0, end), backslash_escapes).complete()) return end;
    end = FindEndOfQuoted(text, end + 1);
  }
  return text.size();
}

/// Writes the entries of CONTEXT, and for those it does not know (hidden) once.
class ContextWriter {
 public:
  ContextWriter(std::string_view text, bool backslash_escapes, std::span<char> out)
      : text_(text), backslash_escapes_(backslash_escapes), writer_(out) {}

  size_t Write() {
    while (!text_.empty()) {
      if (!WriteStatement() && !WriteCopy()) WriteLine(TakeLine(&text_));
    }
    return writer_.size();
  }

 private:
  void Begin() {
    if (writer_.size() > 0) writer_.Write("\n");
    hidden_ = false;
  }

  void Hide() {
    if (hidden_) return;
    Begin();
    writer_.Write(kHidden);
    hidden_ = true;
  }

  /// SQL statement "…", which may have several lines. One without an end takes the rest of the text.
  bool WriteStatement() {
    if (!StartsWithAny(text_, {"SQL statement \"", "SQL expression \"", "PL/pgSQL assignment \"",
                               "PL/pgSQL expression \""})) {
      return false;
    }
    size_t quote = text_.find('"');
    Begin();
    writer_.Write(text_.substr(0, quote + 1));
    text_.remove_prefix(quote + 1);
    writer_.WriteHidden(TakeThrough(&text_, FindEndOfStatement(text_, backslash_escapes_)),
                        backslash_escapes_);
    writer_.Write("\"");
    return true;
  }

  /// COPY t, line 3, column ssn: "…": all but the value, which may look like anything, and is the last entry
  /// of its error.
  bool WriteCopy() {
    std::string_view rest = text_;
    if (!Take(&rest, "COPY ")) return false;
    size_t comma = rest.find_first_of(",\n");
    if (comma == kNone || !LooksLikeName(rest.substr(0, comma))) return false;
    rest.remove_prefix(comma);
    if (!Take(&rest, ", line ") || !TakeNumber(&rest)) return false;
    Begin();
    size_t value = std::min(rest.find_first_of(":\n"), rest.size());
    std::string_view column = rest.substr(0, value);
    if (!(Take(&column, ", column ") && LooksLikeName(column))) column = {};
    size_t end =
        static_cast<size_t>((column.empty() ? rest.data() : column.data() + column.size()) - text_.data());
    writer_.Write(text_.substr(0, end));
    text_.remove_prefix(end);
    if (text_.starts_with(": \"")) {
      text_ = {};
    } else {
      TakeLine(&text_);
    }
    return true;
  }

  /// portal "x" parameter $1 = '…': a value may have several lines, and is the last entry of its error.
  bool WriteParameters(std::string_view line) {
    for (std::string_view word : {" parameters:", " parameter $"}) {
      size_t found = line.find(word);
      if (found == kNone || !StartsWithAny(line, {"unnamed portal", "portal \"", "extended query"})) continue;
      std::string_view rest = line.substr(found + word.size());
      if (word.back() == '$') TakeNumber(&rest);
      Begin();
      writer_.WriteHidden(line.substr(0, line.size() - rest.size()), false);
      writer_.Write(" (hidden)");
      text_ = {};
      return true;
    }
    return false;
  }

  void WriteLine(std::string_view line) {
    if (WriteParameters(line)) return;
    if (!StartsWithAny(line, {"PL/pgSQL function ", "SQL function \"", "parallel worker", "while "}))
      return Hide();
    Begin();
    if (line.find('\'') == kNone) {
      writer_.Write(line);
    } else {
      writer_.WriteHidden(line, backslash_escapes_);
    }
  }

  std::string_view text_;
  bool backslash_escapes_;
  TextWriter writer_;
  bool hidden_ = false;
};

// DETAIL of a violated constraint

/// What PostgreSQL writes behind the values of a key, with `columns` of it.
void WriteEndOfKey(std::string_view text, std::string_view columns, bool backslash_escapes,
                   TextWriter* writer) {
  for (std::string_view ending : {") already exists.", ") is duplicated."}) {
    if (text.ends_with(ending)) return writer->Write(ending);
  }
  for (std::string_view ending : {") is still referenced from table \"", ") is not present in table \""}) {
    // The last one: a value may hold the same words.
    size_t found = text.rfind(ending);
    if (found == kNone || !text.ends_with("\".")) continue;
    std::string_view table = text.substr(found + ending.size());
    if (table.size() < 2) continue;
    table.remove_suffix(2);
    writer->Write(ending);
    writer->Write(LooksLikeName(table) ? table : "...");
    return writer->Write("\".");
  }
  for (std::string_view ending : {") conflicts with existing key (", ") conflicts with key ("}) {
    for (size_t found = text.find(ending); found != kNone; found = text.find(ending, found + 1)) {
      std::string_view rest = text.substr(found + ending.size());
      // Both keys have the same columns; anything else would be in a value.
      if (!Take(&rest, columns) || !rest.starts_with(")=(") || !text.ends_with(").")) continue;
      writer->Write(ending);
      writer->WriteHidden(columns, backslash_escapes);
      return writer->Write(")=(...).");
    }
  }
  writer->Write(")");
}

// Primary messages

/// The last word of `prose`: what is quoted behind it is one.
std::string_view LastWord(std::string_view prose) {
  if (!prose.ends_with(' ')) return {};
  prose.remove_suffix(1);
  return prose.substr(prose.find_last_of(' ') + 1);
}

/// Words that PostgreSQL writes before the name of an object, and never before a value.
bool IsKindOfObject(std::string_view word) {
  return IsAnyOf(
      word, {"aggregate",  "attribute", "class",        "collation", "column",     "columns",   "constraint",
             "conversion", "cursor",    "database",     "domain",    "encoding",   "enum",      "extension",
             "function",   "index",     "language",     "library",   "method",     "module",    "operator",
             "option",     "parameter", "partition",    "policy",    "portal",     "procedure", "publication",
             "relation",   "relations", "role",         "rule",      "savepoint",  "schema",    "sequence",
             "server",     "slot",      "subscription", "table",     "tablespace", "trigger",   "type",
             "user",       "variable",  "view",         "wrapper"});
}

bool IsPlainName(std::string_view text) { return LooksLikeName(text) && text.find(' ') == kNone; }

/// In upper case.
bool IsWordAnyOf(std::string_view word, Words words) {
  char upper[16];
  if (word.size() > sizeof upper) return false;
  std::transform(word.begin(), word.end(), upper,
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return IsAnyOf({upper, word.size()}, words);
}

bool IsKeyword(std::string_view word) {
  return IsWordAnyOf(
      word,
      {"ADD",      "ALL",     "ALTER",  "AND",     "ANY",      "AS",     "ASC",      "BEGIN",   "BETWEEN",
       "BY",       "CASE",    "CAST",   "CHECK",   "COLUMN",   "COMMIT", "CONFLICT", "COPY",    "CREATE",
       "CROSS",    "DEFAULT", "DELETE", "DESC",    "DISTINCT", "DO",     "DROP",     "ELSE",    "END",
       "EXCEPT",   "EXECUTE", "EXISTS", "EXPLAIN", "FALSE",    "FETCH",  "FOR",      "FROM",    "FULL",
       "FUNCTION", "GRANT",   "GROUP",  "HAVING",  "IF",       "ILIKE",  "IN",       "INDEX",   "INNER",
       "INSERT",   "INTO",    "IS",     "JOIN",    "KEY",      "LEFT",   "LIKE",     "LIMIT",   "NOT",
       "NULL",     "OFFSET",  "ON",     "OR",      "ORDER",    "OUTER",  "OVER",     "PRIMARY", "RETURNING",
       "RIGHT",    "SELECT",  "SET",    "TABLE",   "THEN",     "TO",     "TRUE",     "UNION",   "UNIQUE",
       "UPDATE",   "USING",   "VALUES", "VIEW",    "WHEN",     "WHERE",  "WITH"});
}

bool IsCommand(std::string_view word) {
  return IsWordAnyOf(
      word, {"ABORT",     "ALTER",    "ANALYSE", "ANALYZE", "BEGIN",   "CALL",       "CHECKPOINT", "CLOSE",
             "CLUSTER",   "COMMENT",  "COMMIT",  "COPY",    "CREATE",  "DEALLOCATE", "DECLARE",    "DELETE",
             "DISCARD",   "DO",       "DROP",    "END",     "EXECUTE", "EXPLAIN",    "FETCH",      "GRANT",
             "IMPORT",    "INSERT",   "LISTEN",  "LOAD",    "LOCK",    "MERGE",      "MOVE",       "NOTIFY",
             "PREPARE",   "REASSIGN", "REFRESH", "REINDEX", "RELEASE", "RESET",      "REVOKE",     "ROLLBACK",
             "SAVEPOINT", "SECURITY", "SELECT",  "SET",     "SHOW",    "START",      "TABLE",      "TRUNCATE",
             "UNLISTEN",  "UPDATE",   "VACUUM",  "VALUES",  "WITH"});
}

/// A keyword, a letter, punctuation or a parameter: what a syntax error may be near without telling a value.
bool IsSyntax(std::string_view text) {
  auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  auto is_punctuation = [](char c) {
    return std::string_view("()[]{},;:.=<>+-*/%^~!@#&|`?$\\").find(c) != kNone;
  };
  if (IsKeyword(text) || (text.size() == 1 && is_letter(text[0]))) return true;
  if (text.size() <= 3 && std::all_of(text.begin(), text.end(), is_punctuation)) return true;
  return text.size() <= 4 && text.size() > 1 && text[0] == '$' && CountAsciiDigits(text) == text.size() - 1;
}

// Deadlocks

/// Takes "Process 123" from the front of `*text`.
bool TakeProcess(std::string_view* text) { return Take(text, "Process ") && TakeNumber(text); }

bool BeginsWithProcess(std::string_view text) {
  return TakeProcess(&text) && StartsWithAny(text, {": ", " waits for "});
}

/// "Process 1 waits for ShareLock on tuple (0,1) of relation 16384 of database 5; blocked by process 2."
bool IsWaitingProcess(std::string_view line) {
  auto is_plain = [](char c) {
    return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           IsAnyOf({&c, 1}, {" ", "(", ")", ","});
  };
  if (!TakeProcess(&line) || !Take(&line, " waits for ")) return false;
  size_t end = line.find("; blocked by process ");
  if (end == kNone || !std::all_of(line.begin(), line.begin() + static_cast<ptrdiff_t>(end), is_plain))
    return false;
  line.remove_prefix(end + 21);
  return TakeNumber(&line) && line == ".";
}

/// Takes lines from the front of `*text` up to one that begins with a process, without the last line break.
std::string_view TakeStatement(std::string_view* text) {
  size_t end = text->find('\n');
  while (end != kNone && !BeginsWithProcess(text->substr(end + 1))) end = text->find('\n', end + 1);
  end = std::min(end, text->size());
  std::string_view statement = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return statement;
}

}  // namespace

size_t HideContext(std::string_view text, bool backslash_escapes, std::span<char> out) {
  return ContextWriter(text, backslash_escapes, out).Write();
}

size_t HideRow(std::string_view text, bool backslash_escapes, std::span<char> out) {
  TextWriter writer(out);
  constexpr std::string_view kKey = "Key (";
  constexpr std::string_view kPartitionKey = "Partition key of the failing row contains (";
  size_t equal = text.find(")=(");
  size_t spaced_equal = text.find(") = (");
  if (text.starts_with(kKey) && equal != kNone) {
    std::string_view columns = text.substr(kKey.size(), equal - kKey.size());
    writer.Write(kKey);
    writer.WriteHidden(columns, backslash_escapes);
    writer.Write(")=(...");
    WriteEndOfKey(text.substr(equal + 3), columns, backslash_escapes, &writer);
  } else if (text.starts_with(kPartitionKey) && spaced_equal != kNone) {
    writer.Write(kPartitionKey);
    writer.WriteHidden(text.substr(kPartitionKey.size(), spaced_equal - kPartitionKey.size()),
                       backslash_escapes);
    writer.Write(") = (...).");
  } else if (text.starts_with("Failing row contains (")) {
    writer.Write("Failing row contains (...).");
  } else {
    writer.Write(kNotLogged);
  }
  return writer.size();
}

size_t HideQuoted(std::string_view text, bool backslash_escapes, std::span<char> out) {
  TextWriter writer(out);
  bool name_before = false;
  size_t close = kNone;
  for (;;) {
    size_t open = text.find('"');
    std::string_view prose = text.substr(0, open);
    if (writer.size() == 0 && prose.ends_with(" near ")) return HideNear(text, backslash_escapes, out);
    if (!writer.WriteHidden(prose, backslash_escapes) || open == kNone) return writer.size();
    close = text.find('"', open + 1);
    std::string_view word = LastWord(prose);
    bool list = name_before && IsAnyOf(word, {"and", "or"});
    bool starts = writer.size() == 0;
    bool name = close != kNone && (starts || list || IsKindOfObject(word)) &&
                IsPlainName(text.substr(open + 1, close - open - 1));
    if (!name) break;
    writer.Write(text.substr(open, close + 1 - open));
    text.remove_prefix(close + 1);
    name_before = true;
  }
  writer.Write("\"...\"");
  if (close != kNone) writer.WriteHidden(text.substr(text.rfind('"') + 1), backslash_escapes);
  return writer.size();
}

size_t HideNear(std::string_view text, bool backslash_escapes, std::span<char> out) {
  TextWriter writer(out);
  size_t open = text.find('"');
  size_t close = text.rfind('"');
  if (!writer.WriteHidden(text.substr(0, open), backslash_escapes) || open == kNone) return writer.size();
  std::string_view near = text.substr(open, close + 1 - open);
  writer.Write(close > open && IsSyntax(near.substr(1, near.size() - 2)) ? near : "\"...\"");
  if (close > open) writer.WriteHidden(text.substr(close + 1), backslash_escapes);
  return writer.size();
}

size_t HideDeadlock(std::string_view text, bool backslash_escapes, std::span<char> out) {
  TextWriter writer(out);
  bool hidden = false;
  auto begin_line = [&writer] {
    if (writer.size() > 0) writer.Write("\n");
  };
  while (!text.empty()) {
    std::string_view rest = text;
    if (TakeProcess(&rest) && Take(&rest, ": ")) {
      begin_line();
      writer.Write(text.substr(0, text.size() - rest.size()));
      writer.WriteHidden(TakeStatement(&rest), backslash_escapes);
      text = rest;
      hidden = false;
      continue;
    }
    std::string_view line = TakeLine(&text);
    bool waits = IsWaitingProcess(line);
    if (hidden && !waits) continue;
    begin_line();
    writer.Write(waits ? line : kHidden);
    hidden = !waits;
  }
  return writer.size();
}

bool BeginsWithCommand(std::string_view text) {
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\n\r\f\v(;"), text.size()));
    size_t end = 0;
    if (text.starts_with("--")) {
      TakeLine(&text);
    } else if (text.starts_with("/*") && (end = text.find("*/")) != kNone) {
      text.remove_prefix(end + 2);
    } else {
      break;
    }
  }
  auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  size_t size = 0;
  while (size < text.size() && is_letter(text[size])) ++size;
  return IsCommand(text.substr(0, size));
}

}  // namespace pii

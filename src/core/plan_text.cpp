// HidePlan: the formats of EXPLAIN, as auto_explain writes them.

#include <initializer_list>

#include "log_text.h"

namespace pii {
namespace {

constexpr size_t kNone = std::string_view::npos;

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

std::string_view TrimStart(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  return text;
}

// Text and XML: SQL, and measurements between.

/// What stands before `at`, as far as a measurement reaches back: a list of a million numbers takes no time
/// that grows with its square.
std::string_view Before(std::string_view text, size_t at) {
  constexpr size_t kReach = 200;
  size_t start = at - std::min(at, kReach);
  return text.substr(start, at - start);
}

/// (cost=0.00..12345.67 rows=100000 width=36) or (actual time=0.010..123.456 rows=100000 loops=1)
bool IsInMeasurement(std::string_view before, std::string_view from_number) {
  if (!before.ends_with('=') && !before.ends_with("..")) return false;
  size_t open = before.find_last_not_of("abcdefghijklmnopqrstuvwxyz0123456789=. ");
  if (open == kNone || before[open] != '(') return false;
  std::string_view inside = before.substr(open + 1);
  if (inside.starts_with("actual time=") || inside.starts_with("actual rows=")) return true;
  if (!inside.starts_with("cost=")) return false;
  std::string_view rest =
      from_number.substr(std::min(from_number.find_first_not_of("0123456789."), from_number.size()));
  return inside.find("..") != kNone ||
         from_number.substr(0, from_number.size() - rest.size()).find("..") != kNone;
}

/// A line of text format that holds nothing but measurements.
bool IsInMeasuredLine(std::string_view before) {
  size_t line_break = before.rfind('\n');
  if (line_break == kNone) return false;
  std::string_view line = TrimStart(before.substr(line_break + 1));
  for (std::string_view label :
       {"Batches: ", "Buckets: ", "Buffers: ", "Execution Time: ", "Full-sort Groups: ", "Heap Blocks: ",
        "Heap Fetches: ", "Hits: ", "I/O Timings: ", "Planning Time: ", "Pre-sorted Groups: ",
        "Query Identifier: ", "Rows Removed by ", "Sort Method: ", "Timing: ", "WAL: "}) {
    if (line.starts_with(label)) return true;
  }
  return false;
}

/// <Total-Cost>12345.67</Total-Cost>, but no <Item>, which may be a constant of the query.
bool IsMeasuredElement(std::string_view before, std::string_view behind) {
  size_t open = before.rfind('<');
  if (open == kNone || !behind.starts_with("</")) return false;
  std::string_view name = before.substr(open + 1);
  return name.find('>') == name.size() - 1 && name != "Item>";
}

bool IsMeasurement(std::string_view text, const Literal& literal) {
  if (literal.kind != Literal::Kind::kNumber) return false;
  std::string_view before = Before(text, literal.begin);
  return IsInMeasurement(before, text.substr(literal.begin)) || IsInMeasuredLine(before) ||
         IsMeasuredElement(before, text.substr(literal.end));
}

void WriteText(std::string_view text, bool backslash_escapes, TextWriter* writer) {
  LiteralScanner scanner(text, backslash_escapes);
  Literal literal;
  size_t written = 0;
  while (scanner.Next(&literal)) {
    if (IsMeasurement(text, literal)) continue;
    writer->Write(text.substr(written, literal.begin - written));
    writer->Write(Placeholder(literal.kind));
    written = literal.end;
  }
  writer->Write(text.substr(written));
}

/// Behind a list of parameters: $1 = 'a', $2 = NULL. Quotes are doubled in it and backslashes are not,
/// whatever the session's setting.
size_t EndOfParameters(std::string_view text, size_t at) {
  for (;;) {
    at = text.find(" = ", at);
    if (at == kNone) return text.size();
    at += 3;
    if (text.substr(at).starts_with("NULL")) {
      at += 4;
    } else {
      do {
        at = text.find('\'', at + 1);
        if (at == kNone) return text.size();
        ++at;
      } while (text.substr(at).starts_with('\''));
    }
    if (!text.substr(at).starts_with(", $")) return at;
  }
}

/// Text where backslashes are escapes, but not in the list of parameters.
void WriteTextWithParameters(std::string_view text, bool backslash_escapes, TextWriter* writer) {
  for (std::string_view label : {"\nQuery Parameters: ", "<Query-Parameters>"}) {
    size_t found = text.find(label);
    if (!backslash_escapes || found == kNone) continue;
    size_t start = found + label.size();
    WriteText(text.substr(0, start), backslash_escapes, writer);
    writer->Write("...");
    text.remove_prefix(EndOfParameters(text, start));
    break;
  }
  WriteText(text, backslash_escapes, writer);
}

// JSON and YAML: strings in double quotes, with JSON's escapes.

/// Writes as the inside of a JSON string. Undoes what Unescape puts before a character that was escaped.
class JsonWriter {
 public:
  explicit JsonWriter(TextWriter* writer) : writer_(writer) {}

  void Write(std::string_view text) {
    for (char c : text) Write(c);
  }
  void Finish() {
    if (blank_) writer_->Write(" ");
    blank_ = false;
  }

 private:
  void Write(char c) {
    size_t escape = std::string_view("\"\\\n\r\t").find(c);
    if (escape != kNone) {
      blank_ = false;
      return writer_->Write(std::string_view("\\\"\\\\\\n\\r\\t").substr(2 * escape, 2));
    }
    Finish();
    if (static_cast<unsigned char>(c) <= ' ') {
      blank_ = true;
    } else {
      writer_->Write({&c, 1});
    }
  }

  TextWriter* writer_;
  bool blank_ = false;  ///< not written yet
};

/// Writes the string's content without JSON's escapes, each with blanks before it, so that the size stays:
/// words and strings of SQL never continue over a blank by mistake.
void Unescape(std::string_view content, std::span<char> out) {
  content.copy(out.data(), content.size());
  for (size_t at = 0; at + 1 < content.size(); ++at) {
    if (content[at] != '\\') continue;
    size_t size = content[at + 1] == 'u' ? std::min<size_t>(6, content.size() - at) : 2;
    char c = content[at + 1];
    size_t plain = std::string_view("nrtbf").find(c);
    if (plain != kNone) c = "\n\r\t  "[plain];
    if (size > 2) {
      unsigned code = 0;
      for (char digit : content.substr(at + 2, size - 2)) {
        size_t value = std::string_view("0123456789abcdefABCDEF").find(digit);
        code = code * 16 + static_cast<unsigned>(value == kNone ? 0 : value < 16 ? value : value - 6);
      }
      c = code < 0x80 ? static_cast<char>(code) : '?';
    }
    for (size_t i = at; i + 1 < at + size; ++i) out[i] = ' ';
    out[at + size - 1] = c;
    at += size - 1;
  }
}

/// HidePlan for JSON and YAML.
class JsonHider {
 public:
  JsonHider(std::string_view text, bool backslash_escapes, std::span<char> out)
      : text_(text), backslash_escapes_(backslash_escapes), out_(out), writer_(out) {}

  size_t Write() {
    for (;;) {
      size_t quote = text_.find('"');
      if (!WriteBetween(text_.substr(0, quote)) || quote == kNone) break;
      size_t end = quote + 1;
      while (end < text_.size() && text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
      if (end >= text_.size()) {
        writer_.Write("\"...\"");
        break;
      }
      std::string_view content = text_.substr(quote + 1, end - quote - 1);
      text_.remove_prefix(end + 1);
      writer_.Write("\"");
      WriteString(content);
      writer_.Write("\"");
      if (text_.starts_with(':')) key_ = content;
    }
    return writer_.size();
  }

 private:
  /// Keys of YAML, numbers and punctuation. A number is a measurement where it is the value of a key.
  bool WriteBetween(std::string_view text) {
    size_t line = text.rfind('\n');
    std::string_view key = TrimStart(text.substr(line == kNone ? 0 : line));
    size_t colon = key.rfind(':');
    if (colon != kNone && colon > 0) key_ = key.substr(0, colon);
    LiteralScanner scanner(text, false);
    Literal literal;
    size_t written = 0;
    while (scanner.Next(&literal)) {
      std::string_view before = Before(text, literal.begin);
      if (before.ends_with('-')) before.remove_suffix(1);
      if (literal.kind == Literal::Kind::kNumber && before.ends_with(": ")) continue;
      writer_.Write(text.substr(written, literal.begin - written));
      writer_.Write(Placeholder(literal.kind));
      written = literal.end;
    }
    writer_.Write(text.substr(written));
    return scanner.complete();
  }

  void WriteString(std::string_view content) {
    if (LooksLikeName(content)) return writer_.Write(content);
    // Unescaped at the end of the buffer, which writing does not reach before it was read: HiddenBound.
    if (key_ == "Query Parameters" || out_.size() - writer_.size() < HiddenBound(content.size())) {
      return writer_.Write("...");
    }
    std::span<char> unescaped = out_.last(content.size());
    Unescape(content, unescaped);
    std::string_view sql(unescaped.data(), unescaped.size());
    JsonWriter json(&writer_);
    LiteralScanner scanner(sql, backslash_escapes_);
    Literal literal;
    size_t written = 0;
    while (scanner.Next(&literal)) {
      json.Write(sql.substr(written, literal.begin - written));
      json.Write(Placeholder(literal.kind));
      written = literal.end;
    }
    json.Write(sql.substr(written));
    json.Finish();
  }

  std::string_view text_;
  std::string_view key_;
  bool backslash_escapes_;
  std::span<char> out_;
  TextWriter writer_;
};

bool IsJson(std::string_view text) {
  text = TrimStart(text);
  return text.starts_with('{') || text.starts_with('[') || text.starts_with("Query Text: \"") ||
         text.starts_with("Plan:") || text.starts_with("- Plan:");
}

}  // namespace

size_t HidePlan(std::string_view text, bool backslash_escapes, std::span<char> out) {
  if (IsJson(text)) return JsonHider(text, backslash_escapes, out).Write();
  TextWriter writer(out);
  WriteTextWithParameters(text, backslash_escapes, &writer);
  return writer.size();
}

}  // namespace pii

#include "sql_text.h"

#include <array>
#include <cstdint>

namespace pii {
namespace {

constexpr size_t kNameCapacity = 63;

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsLineBreak(char c) { return c == '\n' || c == '\r'; }
constexpr bool IsOneOf(char c, std::string_view characters) {
  return characters.find(c) != std::string_view::npos;
}

/// What a character is, as bits: every statement of a database that has the extension is read by them.
enum : uint8_t {
  kWordStart = 1,
  kWordPart = 2,
  kSpace = 4,
  kEndsRun = 8,      ///< ends what may be an e-mail address
  kBehindWord = 16,  ///< says that the letters before may be a prefix, or part of more
  kAlone = 32,       ///< begins nothing, whatever follows
};

constexpr std::array<uint8_t, 256> MakeKinds() {
  std::array<uint8_t, 256> kinds{};
  for (size_t i = 0; i < kinds.size(); ++i) {
    char c = static_cast<char>(i);
    // scan.l's ident_start; in a multibyte encoding of the server no byte of a character is ASCII.
    bool starts_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || i >= 0x80;
    bool is_space = IsOneOf(c, " \t\f\v\n\r");
    bool is_part = starts_word || IsDigit(c) || c == '$';
    bool ends_run = is_space || IsOneOf(c, "'\"(),;");
    bool is_behind = IsDigit(c) || IsOneOf(c, "$'\"&");
    kinds[i] = static_cast<uint8_t>((starts_word ? kWordStart : 0) | (is_part ? kWordPart : 0) |
                                    (is_space ? kSpace : 0) | (ends_run ? kEndsRun : 0) |
                                    (is_behind ? kBehindWord : 0) |
                                    (is_space || IsOneOf(c, "(),;=*<>+[]|:") ? kAlone : 0));
  }
  return kinds;
}
constexpr std::array<uint8_t, 256> kKinds = MakeKinds();

bool Is(char c, uint8_t kind) { return (kKinds[static_cast<unsigned char>(c)] & kind) != 0; }
bool IsWordStart(char c) { return Is(c, kWordStart); }
bool IsWordPart(char c) { return Is(c, kWordPart); }
bool IsSpace(char c) { return Is(c, kSpace); }

/// 20240101. A phone number, an SSN or a card number has more.
constexpr size_t kDigitsOfDate = 8;

/// The digits of a word or a number, which may be hexadecimal.
size_t CountDigitsOf(std::string_view element) {
  if (!element.starts_with("0x") && !element.starts_with("0X")) return CountAsciiDigits(element);
  auto is_digit = [](char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
  return 1 + static_cast<size_t>(std::count_if(element.begin() + 2, element.end(), is_digit));
}

/// The literal without its prefix and its quotes, as far as it has them.
std::span<char> WithoutQuotes(std::span<char> text) {
  std::string_view view(text.data(), text.size());
  size_t begin = view.find_first_not_of("bBxXeEnNuU&");
  if (begin == std::string_view::npos || begin > 2) return text;
  std::string_view quote = view.substr(begin, 1);
  if (quote == "$") quote = view.substr(begin, view.find('$', begin + 1) + 1 - begin);
  if (!IsOneOf(quote.front(), "'\"$") || CountAsciiDigits(quote) >= kHiddenDigits) return text;
  begin += quote.size();
  bool closed = view.size() >= begin + quote.size() && view.ends_with(quote);
  return text.subspan(begin, text.size() - begin - (closed ? quote.size() : 0));
}

void Overwrite(std::span<char> text, char by) {
  for (char& c : text) {
    if (!IsLineBreak(c)) c = by;
  }
}

}  // namespace

size_t CountAsciiDigits(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), IsDigit));
}

bool IsNumberedName(std::string_view text) {
  if (text.empty() || IsDigit(text.front()) || !std::all_of(text.begin(), text.end(), IsWordPart))
    return false;
  size_t digits = 0;
  for (size_t i = 1; i < text.size(); ++i) {
    digits = IsDigit(text[i]) ? digits + 1 : 0;
    if (digits > kDigitsOfDate || (digits == 1 && text[i - 1] != '_')) return false;
  }
  return true;
}

bool LooksLikeName(std::string_view text) {
  return text.size() <= kNameCapacity && (CountAsciiDigits(text) < kHiddenDigits || IsNumberedName(text)) &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsWordPart(c) || IsOneOf(c, " .-"); });
}

std::string_view Placeholder(Literal::Kind kind) {
  switch (kind) {
    case Literal::Kind::kString:
    case Literal::Kind::kDollarQuote:
      return "'...'";
    case Literal::Kind::kName:
      return "\"...\"";
    case Literal::Kind::kNumber:
    case Literal::Kind::kWord:
      return "...";
    case Literal::Kind::kLineComment:
      return "\n";
    case Literal::Kind::kBlockComment:
      return " ";
  }
  return "'...'";
}

// Whether the quoting is broken turns out only at the end, so the first pass looks for that; where it is not,
// it has found the literals, too.
LiteralScanner::LiteralScanner(std::string_view sql, bool backslash_escapes)
    : sql_(sql), backslash_escapes_(backslash_escapes), has_at_(sql.find('@') != sql.npos) {
  Literal literal;
  size_t count = 0;
  for (; Scan(&literal); ++count) {
    if (count < known_.size()) known_[count] = literal;
  }
  if (cut_ == kNone && count <= known_.size()) {
    known_count_ = count;
  } else {
    position_ = literal_end_ = run_end_ = 0;
  }
}

bool LiteralScanner::Next(Literal* literal) {
  if (given_ < known_count_) {
    *literal = known_[given_++];
    return true;
  }
  size_t start = position_;
  if (start < cut_ && Scan(literal) && literal->begin < cut_) return true;
  if (cut_ == kNone || start == sql_.size()) return false;
  *literal = {Literal::Kind::kString, std::max(start, cut_), sql_.size()};
  position_ = sql_.size();
  return true;
}

bool LiteralScanner::TakeLiteral(Literal::Kind kind, size_t begin, size_t end, Literal* literal) {
  *literal = {kind, std::max(begin, literal_end_), end};
  position_ = literal_end_ = end;
  literal_joins_ = end > 0 && BelongsToAddress(end - 1);
  return true;
}

/// The quoting is in doubt at `begin`, and may have been since the first string. The word or name directly
/// before goes with it: O'Brien.
void LiteralScanner::Break(size_t begin) {
  begin = std::min(begin, first_string_);
  if (begin == name_end_) begin = name_begin_;
  while (begin > 0 && IsWordPart(sql_[begin - 1])) --begin;
  complete_ = false;
  cut_ = std::min(cut_, WithPrefix(begin));
}

/// Where U& before `begin` begins: in front of a placeholder it would become a prefix.
size_t LiteralScanner::WithPrefix(size_t begin) const {
  while (begin >= 2 && sql_[begin - 1] == '&' && IsOneOf(sql_[begin - 2], "uU") &&
         (begin == 2 || !IsWordPart(sql_[begin - 3]) || sql_[begin - 3] == '$')) {
    begin -= 2;
  }
  return begin;
}

bool LiteralScanner::Scan(Literal* literal) {
  for (;;) {
    SkipPlain();
    if (position_ >= sql_.size()) return false;
    size_t begin = position_;
    char c = sql_[begin];
    bool closed = true;
    if (IsPair(begin, '-', '-')) {
      return TakeLiteral(Literal::Kind::kLineComment, begin, EndOfLine(begin), literal);
    } else if (IsPair(begin, '/', '*')) {
      TakeLiteral(Literal::Kind::kBlockComment, begin, EndOfBlockComment(begin, &closed), literal);
      complete_ = complete_ && closed;
      return true;
    } else if (StringQuote(begin) != kNone) {
      return ScanString(begin, literal);
    } else if (c == '"' || ((c == 'U' || c == 'u') && IsPair(begin + 1, '&', '"'))) {
      if (ScanName(begin, c == '"' ? begin : begin + 2, literal)) return true;
    } else if ((has_at_ && ScanAddress(literal)) || ScanDigits(literal)) {
      return true;
    }
  }
}

/// Skips what most of a statement is: blanks, operators, words without digits that are no prefix of a string,
/// and quoted names of letters alone. In a text with an @, only what ends before it could come.
void LiteralScanner::SkipPlain() {
  size_t position = position_;
  while (position < sql_.size()) {
    char c = sql_[position];
    bool is_name = c == '"';
    size_t end = position;
    if (Is(c, kAlone)) {
      ++end;
    } else {
      if (is_name) ++end;
      while (end < sql_.size() && IsWordStart(sql_[end])) ++end;
      if (end == position || (!is_name && Is(At(end), kBehindWord))) break;
    }
    if (is_name) {
      bool is_plain = At(end) == '"' && end - position <= kNameCapacity;
      char next = At(++end);
      if (!is_plain || IsWordPart(next) || IsOneOf(next, "'\"@")) break;
      name_begin_ = position;
      name_end_ = end;
    } else if (has_at_ && !Is(c, kEndsRun) && !Is(At(end), kEndsRun)) {
      break;
    }
    position = end;
  }
  position_ = position;
}

/// Where the quote of a string that starts at `offset` is, or the first dollar of a dollar quote.
size_t LiteralScanner::StringQuote(size_t offset) const {
  switch (At(offset)) {
    case '\'':
      return offset;
    case '$':
      return DollarDelimiter(offset).empty() ? kNone : offset;
    case 'b':
    case 'B':
    case 'x':
    case 'X':
    case 'e':
    case 'E':
    case 'n':
    case 'N':
      return At(offset + 1) == '\'' ? offset + 1 : kNone;
    case 'u':
    case 'U':
      return IsPair(offset + 1, '&', '\'') ? offset + 2 : kNone;
    default:
      return kNone;
  }
}

/// $$ or $tag$ at `offset`, or nothing.
std::string_view LiteralScanner::DollarDelimiter(size_t offset) const {
  if (At(offset) != '$') return {};
  size_t end = offset + 1;
  if (IsWordStart(At(end))) {
    while (IsWordPart(At(end)) && At(end) != '$') ++end;
  }
  return At(end) == '$' ? sql_.substr(offset, end + 1 - offset) : std::string_view();
}

/// The string at `begin`, with those that continue it.
bool LiteralScanner::ScanString(size_t begin, Literal* literal) {
  bool dollar = sql_[begin] == '$';
  first_string_ = std::min(first_string_, begin);
  bool escapes = backslash_escapes_;
  bool closed = true;
  size_t end = begin;
  for (size_t next = begin; next != kNone; next = NextString(end)) end = EndOfString(next, &escapes, &closed);
  // Such a string is an error without standard_conforming_strings, so how it would end is nowhere written.
  if (backslash_escapes_ && IsOneOf(sql_[begin], "uU")) Break(begin);
  if (!closed && !dollar) Break(begin);
  complete_ = complete_ && closed;
  if (IsWordPart(At(end)) || IsOneOf(At(end), "'\"")) Break(begin);
  return TakeLiteral(dollar ? Literal::Kind::kDollarQuote : Literal::Kind::kString, WithPrefix(begin), end,
                     literal);
}

/// Where the next string begins when nothing but white space with a line break is between. Only one without
/// a prefix continues the string for PostgreSQL, with the escapes of the first; any other is an error.
size_t LiteralScanner::NextString(size_t end) const {
  bool line_break = false;
  bool closed = true;
  while (end < sql_.size() && closed) {
    if (IsSpace(sql_[end])) {
      line_break = line_break || IsLineBreak(sql_[end]);
      ++end;
    } else if (IsPair(end, '-', '-')) {
      line_break = true;
      end = EndOfLine(end);
    } else if (IsPair(end, '/', '*')) {
      end = EndOfBlockComment(end, &closed);
    } else {
      // Of several prefixes the last one counts; the hidden form has none.
      while (IsOneOf(At(end), "uU") && At(end + 1) == '&' && StringQuote(end) == kNone) end += 2;
      return line_break && StringQuote(end) != kNone ? end : kNone;
    }
  }
  return kNone;
}

/// Behind the string that starts at `begin`. `*escapes`: whether one without a prefix takes backslashes; set
/// for the strings that continue this one.
size_t LiteralScanner::EndOfString(size_t begin, bool* escapes, bool* closed) const {
  if (sql_[begin] == '$') {
    std::string_view delimiter = DollarDelimiter(begin);
    size_t end = sql_.find(delimiter, begin + delimiter.size());
    *closed = end != kNone;
    return *closed ? end + delimiter.size() : sql_.size();
  }
  if (IsOneOf(sql_[begin], "eE")) *escapes = true;
  if (IsOneOf(sql_[begin], "bBxXuU")) *escapes = false;
  *closed = false;
  size_t end = StringQuote(begin) + 1;
  while (end < sql_.size() && !*closed) {
    if ((*escapes && sql_[end] == '\\') || IsPair(end, '\'', '\'')) {
      end += 2;
    } else {
      *closed = sql_[end++] == '\'';
    }
  }
  return std::min(end, sql_.size());
}

/// The quoted name at `begin`, whose quote may stand behind U&. One that stays is no literal.
bool LiteralScanner::ScanName(size_t begin, size_t quote, Literal* literal) {
  size_t end = quote + 1;
  while (end < sql_.size() && (sql_[end] != '"' || At(end + 1) == '"')) end += sql_[end] == '"' ? 2 : 1;
  bool closed = end < sql_.size();
  std::string_view name = sql_.substr(quote + 1, end - quote - 1);
  end = std::min(end + 1, sql_.size());
  complete_ = complete_ && closed;
  if (closed && (IsWordPart(At(end)) || At(end) == '\'')) Break(begin);
  bool in_address = At(end) == '@' && (IsWordPart(At(end + 1)) || At(end + 1) == '"');
  name_begin_ = begin;
  name_end_ = position_ = end;
  if (closed && LooksLikeName(name) && !in_address) return false;
  return TakeLiteral(Literal::Kind::kName, begin, end, literal);
}

bool LiteralScanner::BelongsToAddress(size_t offset) const {
  return IsWordPart(At(offset)) || At(offset) == '"';
}

/// An e-mail address without quotes: the characters up to the next blank, quote, parenthesis or comma, when
/// an @ between two words is among them.
bool LiteralScanner::ScanAddress(Literal* literal) {
  size_t begin = position_;
  if (begin < run_end_) return false;
  run_end_ = EndOfRun(begin);
  bool found = false;
  for (size_t at = std::max<size_t>(begin, 1); at < run_end_ && !found; ++at) {
    // A literal directly before may be overwritten by now.
    found = sql_[at] == '@' && (at == literal_end_ ? literal_joins_ : BelongsToAddress(at - 1)) &&
            BelongsToAddress(at + 1);
  }
  if (!found) return false;
  if (IsOneOf(At(run_end_), "'\"$")) Break(begin);
  return TakeLiteral(Literal::Kind::kWord, begin, run_end_, literal);
}

size_t LiteralScanner::EndOfRun(size_t begin) const {
  size_t end = begin;
  for (; end < sql_.size(); ++end) {
    char c = sql_[end];
    if (Is(c, kEndsRun) || IsPair(end, '-', '-') || IsPair(end, '/', '*')) break;
    if (end > begin && !IsWordPart(sql_[end - 1]) && !DollarDelimiter(end).empty()) break;
  }
  return std::max(end, begin + 1);
}

/// The word, number or parameter at the position, with the numbers that it is joined to; or one character.
bool LiteralScanner::ScanDigits(Literal* literal) {
  size_t begin = position_;
  size_t end = EndOfElement(begin);
  position_ = std::max(end, begin + (IsPair(begin, '.', '.') ? 2 : 1));
  if (end == begin) return false;
  size_t last = begin;
  size_t digits = CountDigitsOf(sql_.substr(begin, end - begin));
  if (digits == 0) return false;  // most words
  bool chained = sql_[begin] != '$';
  for (size_t next = begin; chained && (next = NextElement(last, end)) != kNone;) {
    last = next;
    end = EndOfElement(last);
    digits += CountDigitsOf(sql_.substr(last, end - last));
  }
  bool hidden = digits >= kHiddenDigits;
  if (hidden && last == begin && IsNumberedName(sql_.substr(begin, end - begin))) hidden = false;
  if (!hidden) {  // the others have their turn, and comments between them
    last = begin;
    end = position_;
  }
  // Between a number and a quote even the versions of PostgreSQL differ.
  if (!IsWordStart(sql_[last]) && IsOneOf(At(end), "'\"$")) Break(begin);
  if (!hidden) return false;
  return TakeLiteral(IsWordStart(sql_[begin]) ? Literal::Kind::kWord : Literal::Kind::kNumber, begin, end,
                     literal);
}

/// Behind the word, number or parameter at `begin`; `begin` where there is none. What follows digits belongs
/// to them: 0x1f, 1_000, 1.5e-3.
size_t LiteralScanner::EndOfElement(size_t begin) const {
  size_t end = begin;
  if (IsWordStart(At(end))) {
    while (IsWordPart(At(end))) ++end;
    return end;
  }
  if (At(begin) == '$' && IsDigit(At(begin + 1))) ++end;
  auto is_digit = [this](size_t offset) { return IsDigit(At(offset)); };
  if (!is_digit(end) && !(At(end) == '.' && is_digit(end + 1))) return begin;
  for (;;) {
    while (IsWordPart(At(end)) && At(end) != '$') ++end;
    bool exponent = end > begin && IsOneOf(sql_[end - 1], "eE") && IsOneOf(At(end), "+-");
    if (!(exponent || At(end) == '.') || !is_digit(end + 1)) return end;
    ++end;
  }
}

/// The element joined to the one in [`begin`, `end`): by a - / or : when it holds digits, too, or two numbers
/// by blanks, which is never SQL.
size_t LiteralScanner::NextElement(size_t begin, size_t end) const {
  if (IsOneOf(At(end), "-/:")) {
    size_t next = end + 1;
    bool word = IsWordStart(At(next)) && StringQuote(next) == kNone &&
                CountAsciiDigits(sql_.substr(next, EndOfElement(next) - next)) > 0;
    if (word || IsDigit(At(next))) return next;
  }
  if (IsWordStart(sql_[begin])) return kNone;
  size_t next = end;
  for (bool closed = true; next < sql_.size() && closed;) {
    if (At(next) == ' ' || At(next) == '\t') {
      ++next;
    } else if (IsPair(next, '/', '*')) {
      next = EndOfBlockComment(next, &closed);
    } else {
      break;
    }
  }
  return next > end && IsDigit(At(next)) ? next : kNone;
}

/// Behind the comment, which may hold others.
size_t LiteralScanner::EndOfBlockComment(size_t begin, bool* closed) const {
  size_t depth = 1;
  size_t end = begin + 2;
  while (end < sql_.size() && depth > 0) {
    if (IsPair(end, '/', '*')) {
      ++depth;
      end += 2;
    } else if (IsPair(end, '*', '/')) {
      --depth;
      end += 2;
    } else {
      ++end;
    }
  }
  *closed = depth == 0;
  return end;
}

/// Behind the line break.
size_t LiteralScanner::EndOfLine(size_t begin) const {
  size_t end = std::min(sql_.find_first_of("\r\n", begin), sql_.size());
  if (IsPair(end, '\r', '\n')) return end + 2;
  return std::min(end + 1, sql_.size());
}

bool TextWriter::WriteHidden(std::string_view sql, bool backslash_escapes) {
  LiteralScanner scanner(sql, backslash_escapes);
  Literal literal;
  size_t written = 0;
  while (scanner.Next(&literal)) {
    Write(sql.substr(written, literal.begin - written));
    Write(Placeholder(literal.kind));
    written = literal.end;
  }
  Write(sql.substr(written));
  return scanner.complete();
}

size_t HideLiterals(std::string_view sql, bool backslash_escapes, std::span<char> out) {
  TextWriter writer(out);
  writer.WriteHidden(sql, backslash_escapes);
  return writer.size();
}

// What every literal has: a quote, an @, two characters that begin a comment or a dollar quote, digits
// enough, or a number before a $. Most statements of a prepared application have none of it, and are asked
// each time.
bool MayHaveLiterals(std::string_view sql) {
  size_t digits = 0;
  for (size_t i = 0; i < sql.size(); ++i) {
    char c = sql[i];
    char next = i + 1 < sql.size() ? sql[i + 1] : '\0';
    switch (c) {
      case '\'':
      case '"':
      case '@':
        return true;
      case '$':
        if (!IsDigit(next) || (i > 0 && IsWordPart(sql[i - 1]))) return true;
        break;
      case '-':
        if (next == '-') return true;
        break;
      case '/':
        if (next == '*') return true;
        break;
      default:
        if (!IsDigit(c)) break;
        bool is_hexadecimal = c == '0' && (next == 'x' || next == 'X');
        if (is_hexadecimal || ++digits >= kHiddenDigits) return true;
    }
  }
  return false;
}

void BlankLiterals(bool backslash_escapes, std::span<char> sql) {
  LiteralScanner scanner({sql.data(), sql.size()}, backslash_escapes);
  Literal literal;
  while (scanner.Next(&literal)) {
    std::span<char> text = sql.subspan(literal.begin, literal.end - literal.begin);
    switch (literal.kind) {
      case Literal::Kind::kString:
      case Literal::Kind::kDollarQuote:
      case Literal::Kind::kName:
        Overwrite(WithoutQuotes(text), '.');
        break;
      case Literal::Kind::kNumber:
        for (char& c : text) {
          if (IsWordPart(c)) c = '0';
        }
        break;
      case Literal::Kind::kWord:
        Overwrite(text, '.');
        break;
      case Literal::Kind::kLineComment:
      case Literal::Kind::kBlockComment:
        Overwrite(text, ' ');
        break;
    }
  }
}

}  // namespace pii

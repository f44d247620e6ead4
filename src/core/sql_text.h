#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace pii {

// SQL as text for the log: where its literals are, by the lexical rules of PostgreSQL 15 to 18
// (src/backend/parser/scan.l). PostgreSQL's own scanner raises errors, which a hook of the log must not; this
// one reads any bytes. What does not end is a literal to the end of the text, and where the quoting may be
// broken ('O'Brien') everything from the first string on is one.

/// HiddenBound: bytes that the hidden form of `size` bytes may take, whichever function makes it. Into less
/// room the functions write what fits.
constexpr size_t HiddenBound(size_t size) { return 3 * size + 64; }

/// HideLiterals writes the statement with every literal replaced and returns the size: strings by '...',
/// quoted names that do not look like names by "...", comments by a blank or a line break, and numbers and
/// words of five or more digits (but numbered names), dates, and e-mail addresses by ... alone.
/// `backslash_escapes`: standard_conforming_strings is off.
size_t HideLiterals(std::string_view sql, bool backslash_escapes, std::span<char> out);

/// BlankLiterals overwrites the same literals in place, so that positions in the statement and its line
/// breaks stay: numbers by 0, comments by blanks, all else by dots.
void BlankLiterals(bool backslash_escapes, std::span<char> sql);

/// MayHaveLiterals is quick, and false for most statements of a prepared application: those that HideLiterals
/// for sure does not change, whatever the escapes.
bool MayHaveLiterals(std::string_view sql);

/// IsNumberedName: a word with _ before each number of at most eight digits, as partitions are named:
/// events_20240101.
bool IsNumberedName(std::string_view text);

/// LooksLikeName: at most 63 bytes (NAMEDATALEN - 1) of letters, digits, _ . - $ and blanks, fewer than five
/// of them digits unless it is a numbered name. What people search for in double quotes by mistake may look
/// so, too; it is not protected.
bool LooksLikeName(std::string_view text);

/// CountAsciiDigits is what decides whether a number is one to hide.
size_t CountAsciiDigits(std::string_view text);
constexpr size_t kHiddenDigits = 5;  ///< from so many on

struct Literal {
  enum class Kind { kString, kDollarQuote, kName, kNumber, kWord, kLineComment, kBlockComment };

  Kind kind;
  size_t begin;
  size_t end;  ///< behind the last byte
};

/// Placeholder is what stands for a literal in the hidden form.
std::string_view Placeholder(Literal::Kind kind);

/// LiteralScanner gives the literals of a statement that are to be hidden, in order.
class LiteralScanner {
 public:
  /// `sql` must outlive the scanner. Up to the end of the last literal given it may be overwritten.
  LiteralScanner(std::string_view sql, bool backslash_escapes);

  bool Next(Literal* literal);
  /// Nothing ended too late or in a doubtful place.
  bool complete() const { return complete_; }

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  bool Scan(Literal* literal);
  void SkipPlain();
  bool ScanString(size_t begin, Literal* literal);
  bool ScanName(size_t begin, size_t quote, Literal* literal);
  bool ScanAddress(Literal* literal);
  bool BelongsToAddress(size_t offset) const;
  bool ScanDigits(Literal* literal);
  bool TakeLiteral(Literal::Kind kind, size_t begin, size_t end, Literal* literal);
  void Break(size_t begin);

  char At(size_t offset) const { return offset < sql_.size() ? sql_[offset] : '\0'; }
  bool IsPair(size_t offset, char first, char second) const {
    return At(offset) == first && At(offset + 1) == second;
  }
  size_t WithPrefix(size_t begin) const;
  size_t StringQuote(size_t offset) const;
  size_t EndOfString(size_t begin, bool* escapes, bool* closed) const;
  size_t EndOfBlockComment(size_t begin, bool* closed) const;
  size_t EndOfLine(size_t begin) const;
  size_t EndOfElement(size_t begin) const;
  size_t NextElement(size_t begin, size_t end) const;
  size_t EndOfRun(size_t begin) const;
  size_t NextString(size_t end) const;
  std::string_view DollarDelimiter(size_t offset) const;

  std::string_view sql_;
  bool backslash_escapes_;
  bool has_at_;  ///< without an @ there is no e-mail address
  bool complete_ = true;
  size_t position_ = 0;
  size_t literal_end_ = 0;
  bool literal_joins_ = false;  ///< its last byte may stand before the @ of an e-mail address
  size_t run_end_ = 0;          ///< no e-mail address before it
  size_t name_begin_ = 0;       ///< the last quoted name
  size_t name_end_ = 0;
  size_t first_string_ = kNone;
  size_t cut_ = kNone;            ///< from here on all is hidden
  std::array<Literal, 8> known_;  ///< the literals, when they are so few and nothing is cut
  size_t known_count_ = 0;
  size_t given_ = 0;
};

/// TextWriter writes to a buffer as much as fits, and no more.
class TextWriter {
 public:
  explicit TextWriter(std::span<char> out) : out_(out) {}

  void Write(std::string_view text) {
    size_t count = std::min(text.size(), out_.size() - size_);
    text.copy(out_.data() + size_, count);
    size_ += count;
  }
  /// Writes the hidden form of `sql`; returns LiteralScanner::complete().
  bool WriteHidden(std::string_view sql, bool backslash_escapes);
  size_t size() const { return size_; }

 private:
  std::span<char> out_;
  size_t size_ = 0;
};

}  // namespace pii

#include "translated_text.h"

#include <array>

#include "sql_text.h"

namespace pii {
namespace {

constexpr size_t kNone = std::string_view::npos;
constexpr size_t kMostArguments = 16;

/// The arguments by their numbers; `%m`, which has none, is the first.
using Arguments = std::array<std::string_view, kMostArguments + 1>;

/// A part of a format: literal text, or an argument.
struct Part {
  std::string_view literal;
  size_t argument = kNone;
};

/// FormatReader gives the parts of a format, in order.
class FormatReader {
 public:
  explicit FormatReader(std::string_view format) : format_(format) {}

  bool Next(Part* part) {
    if (format_.empty()) return false;
    *part = {};
    if (format_.starts_with("%%")) {
      part->literal = format_.substr(0, 1);
      format_.remove_prefix(2);
    } else if (format_.front() == '%') {
      part->argument = TakeArgument();
    } else {
      part->literal = format_.substr(0, format_.find('%'));
      format_.remove_prefix(part->literal.size());
    }
    return true;
  }

 private:
  /// %s, %-2$*1$lld, %m
  size_t TakeArgument() {
    size_t end = std::min(format_.find_first_not_of("0123456789$ -+#'*.hljztq", 1), format_.size() - 1);
    std::string_view specification = format_.substr(0, end + 1);
    format_.remove_prefix(end + 1);
    if (specification.back() == 'm') return 0;
    size_t dollar = specification.find('$');
    if (dollar == kNone) return ++last_;
    size_t number = 0;
    for (char c : specification.substr(1, dollar - 1))
      number = c >= '0' && c <= '9' ? number * 10 + static_cast<size_t>(c - '0') : kMostArguments;
    return number;
  }

  std::string_view format_;
  size_t last_ = 0;
};

/// Finds the arguments of `format` in a text. An argument ends where the words behind it first come.
bool FindArguments(std::string_view text, std::string_view format, Arguments* arguments) {
  FormatReader reader(format);
  size_t open = kNone;  // the argument that the text begins with
  Part part;
  Part next;
  bool has_next = reader.Next(&next);
  while (has_next) {
    part = next;
    has_next = reader.Next(&next);
    if (part.argument != kNone) {
      if (open != kNone || part.argument > kMostArguments) return false;
      open = part.argument;
      continue;
    }
    size_t found = has_next ? text.find(part.literal) : text.rfind(part.literal);
    if (found == kNone || (open == kNone && found != 0)) return false;
    if (!has_next && found + part.literal.size() != text.size()) return false;
    if (open != kNone) (*arguments)[open] = text.substr(0, found);
    open = kNone;
    text.remove_prefix(found + part.literal.size());
  }
  if (open != kNone) (*arguments)[open] = text;
  return open != kNone || text.empty();
}

}  // namespace

size_t OriginalText(std::string_view text, std::string_view english, std::string_view translated, bool* fits,
                    std::span<char> out) {
  constexpr std::string_view kUnknown = "...";
  Arguments arguments;
  arguments.fill(kUnknown);
  *fits = FindArguments(text, translated, &arguments);
  if (!*fits) arguments.fill(kUnknown);
  TextWriter writer(out);
  FormatReader reader(english);
  Part part;
  while (reader.Next(&part)) {
    if (part.argument == kNone) {
      writer.Write(part.literal);
    } else {
      writer.Write(part.argument <= kMostArguments ? arguments[part.argument] : kUnknown);
    }
  }
  return writer.size();
}

}  // namespace pii

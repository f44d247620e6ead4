#include "translated_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pii {
namespace {

/// Writes to a block of exactly OriginalBound bytes, so that a sanitizer sees a write past the end.
std::string Original(std::string_view text, std::string_view english, std::string_view translated,
                     bool fits) {
  std::vector<char> out(OriginalBound(text.size(), english.size()));
  bool has_fitted = !fits;
  size_t size = OriginalText(text, english, translated, &has_fitted, out);
  EXPECT_EQ(has_fitted, fits) << text;
  return {out.data(), size};
}

TEST(OriginalText, PutsTheArgumentsIntoTheEnglishWords) {
  EXPECT_EQ(
      Original("ungültige Eingabesyntax für Typ integer: »x y«", "invalid input syntax for type %s: \"%s\"",
               "ungültige Eingabesyntax für Typ %s: »%s«", true),
      "invalid input syntax for type integer: \"x y\"");
  EXPECT_EQ(Original("Syntaxfehler", "syntax error", "Syntaxfehler", true), "syntax error");
  EXPECT_EQ(Original("12 % von 007", "%d %% of %03lld", "%d %% von %03lld", true), "12 % of 007");
  EXPECT_EQ(Original("x: Datei fehlt", "no file: %m: %s", "%s: %m", true), "no file: Datei fehlt: x");
}

TEST(OriginalText, KnowsArgumentsInAnotherOrder) {
  EXPECT_EQ(Original("»b«: »a«", "invalid value \"%s\" for \"%s\"", "»%2$s«: »%1$s«", true),
            "invalid value \"a\" for \"b\"");
}

TEST(OriginalText, TakesTheLastWordsFromTheEnd) {
  EXPECT_EQ(Original("»a« fehlt« fehlt", "\"%s\" is missing", "»%s« fehlt", true), "\"a« fehlt\" is missing");
}

TEST(OriginalText, ShowsNoArgumentOfAnotherMessage) {
  for (std::string_view text : {"", "Maria", "Typ »Maria", "der Typ »Maria«", "Typ »Maria« fehlt"}) {
    EXPECT_EQ(Original(text, "type \"%s\"", "Typ »%s«", false), "type \"...\"");
  }
  EXPECT_EQ(Original("Maria", "%s%s", "%s%s", false), "......");
  EXPECT_EQ(Original("Maria", "%s", "%99$s", false), "...");
  EXPECT_EQ(Original("Maria", "%2$s", "%s", true), "...");
}

TEST(OriginalText, ReadsAnyFormat) {
  for (std::string_view format : {"%", "%%%", "%$s", "%-", "%0$s", "%99999999999999999999999$s", "%1$"}) {
    bool fits;
    std::vector<char> out(OriginalBound(5, format.size()));
    EXPECT_LE(OriginalText("Maria", format, format, &fits, out), out.size());
  }
}

}  // namespace
}  // namespace pii

#include "sql_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace pii {
namespace {

/// Hides in a block of exactly HiddenBound bytes, so that a sanitizer sees a write past the end.
std::string Hidden(std::string_view sql, bool backslash_escapes = false) {
  std::vector<char> out(HiddenBound(sql.size()));
  size_t size = HideLiterals(sql, backslash_escapes, out);
  EXPECT_LT(size, out.size());
  return {out.data(), size};
}

std::string Blanked(std::string sql, bool backslash_escapes = false) {
  BlankLiterals(backslash_escapes, sql);
  return sql;
}

struct Case {
  std::string_view sql;
  std::string_view hidden;
};

void ExpectHidden(std::initializer_list<Case> cases, bool backslash_escapes = false) {
  for (const Case& c : cases) {
    EXPECT_EQ(Hidden(c.sql, backslash_escapes), c.hidden) << c.sql;
    EXPECT_TRUE(MayHaveLiterals(c.sql) || c.sql == c.hidden) << c.sql;
    EXPECT_EQ(Hidden(c.hidden, backslash_escapes), c.hidden) << c.sql;
  }
}

TEST(HideLiterals, KeepsTextWithoutLiterals) {
  for (std::string_view sql : {"",
                               "SELECT 1",
                               "SELECT a.b, c::text FROM t WHERE id = $1 LIMIT 100",
                               "a$b$c",
                               "x[1:20]",
                               "12.5-1",
                               "a <@ b AND c @> d AND e @@ f AND @ -5 > 3",
                               "SELECT \"My Table\".\"x-y\", U&\"name\" FROM \"a.b$c\"",
                               "1.2.3.4",
                               "1e5",
                               "1.5e+10",
                               "0x1F",
                               "1_000",
                               "$1",
                               "user0_.id1_0_0_",
                               "\"\"",
                               "a - -b",
                               "...",
                               "'...'",
                               "5 + @x",
                               "größe = 1",
                               "a\nb\r\n\tc",
                               "DATE",
                               "FOR i IN 1..10",
                               "$",
                               "$x",
                               "@",
                               "\\",
                               "a/b*c",
                               "INSERT INTO \"users\" (\"id\") VALUES ($1, $2)"}) {
    EXPECT_EQ(Hidden(sql), sql);
    EXPECT_EQ(Hidden(sql, true), sql);
    EXPECT_EQ(Blanked(std::string(sql)), sql);
  }
}

TEST(HideLiterals, HidesStringsOfEveryForm) {
  ExpectHidden({{"SELECT 'a'", "SELECT '...'"},
                {"''", "'...'"},
                {"'O''Brien', 1", "'...', 1"},
                {"'a\\', 'b'", "'...', '...'"},
                {"E'a\\'b', 1", "'...', 1"},
                {"e'a\\\\', 1", "'...', 1"},
                {"E'a''b\\\\\\'c', 1", "'...', 1"},
                {"B'101' || x'1F'", "'...' || '...'"},
                {"N'a', n'b'", "'...', '...'"},
                {"U&'d\\0061t' UESCAPE '!'", "'...' UESCAPE '...'"},
                {"DATE'1980-01-31'", "DATE'...'"},
                {"xE'a'", "xE'...'"},
                {"$E'a\\'b' + 1", "$'...' + 1"},
                {"'a'::text", "'...'::text"},
                {"('a','b')", "('...','...')"},
                {"'pii:v1:AAECAwQFBgc'", "'...'"}});
}

TEST(HideLiterals, TakesAContinuedStringForOne) {
  ExpectHidden({{"'a'\n'b', 1", "'...', 1"},
                {"E'a' \r\n 'b\\'c', 1", "'...', 1"},
                {"'a' -- x\n\n-- y\n'b', 1", "'...', 1"},
                {"'a' 'b'", "'...' '...'"},
                {"'a'\n;", "'...'\n;"}});
}

TEST(HideLiterals, TakesBackslashesWhereTheServerDoes) {
  ExpectHidden({{"'a\\'b', 1", "'...', 1"},
                {"N'a\\'b', 1", "'...', 1"},
                {"B'1\\', 1", "'...', 1"},
                {"$$a\\$$, 1", "'...', 1"},
                // An error without standard_conforming_strings.
                {"1, U&'a\\', b", "1, '...'"}},
               true);
}

TEST(HideLiterals, HidesDollarQuotes) {
  ExpectHidden({{"$$a$$, 1", "'...', 1"},
                {"$$a'b$c$$ || $1", "'...' || $1"},
                {"$tag$a$$b$tag$", "'...'"},
                {"$a$x$b$a$ 1", "'...' 1"},
                {"$a$b$$a$ 1", "'...' 1"},
                {"$ü_1$x$ü_1$ 1", "'...' 1"},
                {"DO $$BEGIN RAISE 'x'; END$$;", "DO '...';"},
                {"$1$a$", "'...'"},
                {"f($1,$2)$$", "f($1,$2)'...'"}});
}

TEST(HideLiterals, ReplacesComments) {
  ExpectHidden({{"SELECT 1 -- Maria\n+ 2", "SELECT 1 \n+ 2"},
                {"SELECT 1 --", "SELECT 1 \n"},
                {"1 --a\r\n2", "1 \n2"},
                {"1/* it's */+2", "1 +2"},
                {"1 /* a /* b */ c */ 2", "1   2"},
                {"1 /*/ 2 */ 3", "1   3"},
                {"1 /* a", "1  "},
                {"1 /* a /* b */ c", "1  "},
                {"1 +-- a\n2", "1 +\n2"},
                {"2*/* 'a' */3", "2* 3"},
                {"a <>--'\n'b'", "a <>\n'...'"},
                {"-/**/-1", "- -1"},
                {"'--' || '/*'", "'...' || '...'"}});
}

TEST(HideLiterals, HidesNumbersOfFiveDigits) {
  ExpectHidden({{"ssn = 912316725", "ssn = ..."},
                {"x = -12345", "x = -..."},
                {"9999, 10000", "9999, ..."},
                {"123.45", "..."},
                {"1.2345e5", "..."},
                {"12.5e-100", "..."},
                {"0x12345", "..."},
                {"0xDEADBEEF", "..."},
                {"10_000", "..."},
                {".12345", "..."},
                {"912316725abc", "..."},
                {"abc912316725", "..."},
                {"$912316725", "..."},
                {"1..10000", "1....."},
                {"192.168.10.20", "..."},
                {"pii:v1:AB12345C", "pii:..."}});
}

TEST(HideLiterals, KeepsNamesWithNumbers) {
  ExpectHidden({{"FROM events_20240101", "FROM events_20240101"},
                {"FROM \"Events_2024_01_01\"", "FROM \"Events_2024_01_01\""},
                {"toast_16384_index", "toast_16384_index"},
                {"ssn_912316725", "..."},
                {"events20240101", "..."},
                {"_20240101-02-03", "..."},
                {"e_1x23456", "..."}});
}

TEST(HideLiterals, HidesNumbersThatAreJoined) {
  ExpectHidden({{"ssn = 912-31-6725", "ssn = ..."},
                {"1980-01-31", "..."},
                {"1980.01.31", "..."},
                {"31/01/1980", "..."},
                {"12:30:45", "..."},
                {"DE89-3704-0044", "..."},
                {"912 31 6725", "..."},
                {"912/**/31/* x */6725", "..."},
                {"(212) 555-0123", "(212) ..."},
                {"12-34", "12-34"},
                {"1980 - 01 - 31", "1980 - 01 - 31"},
                {"1980, 01, 31", "1980, 01, 31"},
                {"$10-$11-$12", "$10-$11-$12"}});
}

TEST(HideLiterals, HidesAddressesWithoutQuotes) {
  ExpectHidden({{"e = maria@example.org", "e = ..."},
                {"e=maria.lopez+x@example.org AND 1", "... AND 1"},
                {"lower(maria@example.org), 1", "lower(...), 1"},
                {"<maria@example.org>;", "...;"},
                {"\"maria\"@example.org", "\"...\"..."},
                {"maria@\"example\" 'x'", "'...'"},
                {"x@E'a\\'b'", "'...'"}});
}

TEST(HideLiterals, HidesQuotedTextThatIsNoName) {
  ExpectHidden({{"ssn = \"912-31-6725\"", "ssn = \"...\""},
                {"n = \"O'Brien\"", "n = \"...\""},
                {"\"a\"\"b\", \"c\"", "\"...\", \"c\""},
                {"\"a@b\"", "\"...\""},
                {"U&\"\\0061\"", "\"...\""},
                {"\"2024_01\"", "\"...\""},
                {"\"0123456789012345678901234567890123456789012345678901234567890123\"", "\"...\""},
                {"\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk\"",
                 "\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk\""},
                {"\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl\"", "\"...\""}});
}

TEST(HideLiterals, HidesWhatDoesNotEnd) {
  ExpectHidden({{"SELECT 'a", "SELECT '...'"},
                {"SELECT E'a\\", "SELECT '...'"},
                {"SELECT E'a\\'", "SELECT '...'"},
                {"SELECT $$a", "SELECT '...'"},
                {"SELECT $a$b$c$", "SELECT '...'"},
                {"SELECT \"a", "SELECT \"...\""},
                {"SELECT \"a\"\"", "SELECT \"...\""},
                {"SELECT 1 /*", "SELECT 1  "},
                {"'", "'...'"}});
}

TEST(HideLiterals, HidesAllFromTheFirstStringWhereQuotingIsBroken) {
  ExpectHidden({{"VALUES ('O'Brien', 'Maria Lopez')", "VALUES ('...'"},
                {"VALUES ('Maria Lopez', 'O'Brien', 'D'Arcy')", "VALUES ('...'"},
                {"VALUES ('Maria', 'O' Brien)", "VALUES ('...', '...' Brien)"},
                {"VALUES ('Maria', 'O' Brien')", "VALUES ('...'"},
                {"VALUES (1, O'Brien, 'Maria')", "VALUES (1, '...'"},
                {"n = O'Brien", "n = '...'"},
                {"n = 'a'\"b\"", "n = '...'"},
                // Not to make a prefix, or a second string, of what stands before the placeholder.
                {"1, n\"O'Brien\"x", "1, '...'"},
                {"1, U&$$a$$", "1, '...'"},
                {"1, u&u&0\"a", "1, '...'"},
                {"1, \"a\":E@C\"", "1, '...'"},
                {"n = \"a\"b", "n = '...'"},
                {"n = 'a'$$b$$", "n = '...'"},
                {"n = 1'a' OR x", "n = '...'"},
                {"n = 1E'a' OR x", "n = '...'"},
                {"n = 1$a$b$a$", "n = '...'"},
                {"n = $1'a'", "n = '...'"}});
}

TEST(BlankLiterals, KeepsPositions) {
  for (const Case& c : std::initializer_list<Case>{{"SELECT 'a''b', 1", "SELECT '....', 1"},
                                                   {"E'a\\'b'", "E'....'"},
                                                   {"U&'abc'", "U&'...'"},
                                                   {"$$ab$$", "$$..$$"},
                                                   {"$x$ab$x$ $1", "$x$..$x$ $1"},
                                                   {"$x12345$ab$x12345$", ".................."},
                                                   {"'a\nb'", "'.\n.'"},
                                                   {"912-31-6725", "000-00-0000"},
                                                   {"0xABCDEF123", "00000000000"},
                                                   {"1 -- a\n2 /* b */", "1     \n2        "},
                                                   {"= maria@example.org", "= ................."},
                                                   {"= \"O'Brien\"", "= \".......\""},
                                                   {"= 'abc", "= '..."},
                                                   {"('O'Brien', 'x')", "('.............."},
                                                   {"= O'Brien", "= ......."},
                                                   {"abc12345 ü", "........ ü"}}) {
    EXPECT_EQ(Blanked(std::string(c.sql)), c.hidden) << c.sql;
  }
}

/// What was overwritten before it is no reason to leave an address.
TEST(BlankLiterals, FindsWhatIsHidden) {
  std::string_view sql = "U&U&$$a$$@0x1f";
  EXPECT_EQ(Hidden(sql), "'...'...");
  EXPECT_EQ(Blanked(std::string(sql)), "..............");
  EXPECT_EQ(Blanked("a1-2 34567ia@b.c 'x"), "................ '.");
}

TEST(HideLiterals, HidesManyLiterals) {
  std::string sql;
  std::string hidden;
  std::string blanked;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Hidden(sql), hidden);
    EXPECT_EQ(Blanked(sql), blanked);
    sql += "f('ab', 12345),";
    hidden += "f('...', ...),";
    blanked += "f('..', 00000),";
  }
}

TEST(MayHaveLiterals, KnowsStatementsOfAPreparedApplication) {
  for (std::string_view sql : {"SELECT a.b, c::text FROM t WHERE id = $1 LIMIT 100", "BEGIN", "COMMIT",
                               "INSERT INTO t (a, b) VALUES ($1, $2)"}) {
    EXPECT_FALSE(MayHaveLiterals(sql)) << sql;
  }
}

TEST(LooksLikeName, TakesNamesOnly) {
  for (std::string_view name : {"a", "My Table", "a.b-c_d$1", "größe", "t1234", ""}) {
    EXPECT_TRUE(LooksLikeName(name)) << name;
  }
  for (std::string_view other : {"t12345", "O'Brien", "a@b", "a\nb", "a,b", "(a)", "9-1-2-3-4"}) {
    EXPECT_FALSE(LooksLikeName(other)) << other;
  }
}

// No piece of the marker may be seen, however its literal is written and wherever the text is cut.
constexpr std::string_view kMarker = "Q73491628ZQ";

bool ShowsMarker(std::string_view text) {
  for (size_t at = 0; at + 6 <= kMarker.size(); ++at) {
    if (text.find(kMarker.substr(at, 6)) != std::string_view::npos) return true;
  }
  return false;
}

const std::vector<std::string>& MarkedLiterals() {
  static const std::vector<std::string> kLiterals = [] {
    std::vector<std::string> literals;
    for (std::string_view form :
         {"'%'",          "'a''%''b'",   "E'\\'%\\\\'", "e'\\\\''%'",      "B'%'",          "x'%'",
          "N'%'",         "U&'%\\0061'", "$$%$$",       "$t$ $$%$$ ' $t$", "$t$%$t $t$",    "'a'\n'%'",
          "E'a'\n'\\'%'", "-- %\n",      "/* % */",     "/* /* % */ % */", "/*'*/'%'/*'*/", "\"%\"",
          "U&\"%\"",      "%",           "7-349-162",   "Zq734@Kx",        "'--%'",         "'/*%'",
          "-- '\n'%'",    "73491.62",    "7349162"}) {
      std::string literal;
      for (char c : form) c == '%' ? literal += kMarker : literal += c;
      literals.push_back(literal);
    }
    return literals;
  }();
  return kLiterals;
}

void ExpectProperties(std::string_view sql, bool backslash_escapes) {
  std::string hidden = Hidden(sql, backslash_escapes);
  std::string blanked = Blanked(std::string(sql), backslash_escapes);
  ASSERT_EQ(Hidden(hidden, backslash_escapes), hidden) << sql;
  ASSERT_TRUE(MayHaveLiterals(sql) || hidden == sql) << sql;
  ASSERT_EQ(blanked.size(), sql.size());
  ASSERT_EQ(std::count(blanked.begin(), blanked.end(), '\n'), std::count(sql.begin(), sql.end(), '\n'));
  if (backslash_escapes) return;  // the literals are written for the other setting
  ASSERT_FALSE(ShowsMarker(hidden)) << sql << "\n" << hidden;
  ASSERT_FALSE(ShowsMarker(blanked)) << sql << "\n" << blanked;
}

TEST(HideLiterals, ShowsNoPieceOfALiteralWhereverTheTextIsCut) {
  for (const std::string& literal : MarkedLiterals()) {
    std::string sql = "SELECT a FROM t WHERE b = " + literal + " AND c = 'd'";
    for (size_t end = 0; end <= sql.size(); ++end) {
      for (bool backslash_escapes : {false, true}) {
        ExpectProperties(std::string_view(sql).substr(0, end), backslash_escapes);
      }
    }
  }
}

TEST(HideLiterals, ShowsNoPieceOfTwoLiteralsWhereverTheTextIsCut) {
  for (const std::string& first : MarkedLiterals()) {
    for (const std::string& second : MarkedLiterals()) {
      for (std::string_view between : {"", ",", "\n"}) {
        std::string sql = "(" + first + std::string(between) + second + ")";
        for (size_t end = 1 + first.size() + between.size(); end <= sql.size(); ++end) {
          ExpectProperties(std::string_view(sql).substr(0, end), false);
        }
      }
    }
  }
}

TEST(HideLiterals, ShowsNoPieceOfALiteralAfterBackslashes) {
  for (std::string_view literal : {"'\\'%'", "N'\\\\\\'%'", "'\\''\n'\\'%'", "U&'\\'%'", "$$\\$$, '%'"}) {
    std::string sql = "SELECT ";
    for (char c : literal) c == '%' ? sql += kMarker : sql += c;
    for (size_t end = 0; end <= sql.size(); ++end) {
      ASSERT_FALSE(ShowsMarker(Hidden(std::string_view(sql).substr(0, end), true))) << sql;
    }
  }
}

TEST(HideLiterals, WritesNoMoreThanFits) {
  std::string_view sql = "SELECT 'a', \"b@\", 12345 -- c";
  std::string whole = Hidden(sql);
  for (size_t room = 0; room <= whole.size(); ++room) {
    std::vector<char> out(room);
    ASSERT_EQ(HideLiterals(sql, false, out), room);
    ASSERT_EQ(std::string_view(out.data(), room), std::string_view(whole).substr(0, room));
  }
}

}  // namespace
}  // namespace pii

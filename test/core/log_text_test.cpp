#include "log_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pii {
namespace {

using Hide = size_t (*)(std::string_view text, bool backslash_escapes, std::span<char> out);

/// Hides in a block of exactly HiddenBound bytes, so that a sanitizer sees a write past the end.
std::string HiddenBy(Hide hide, std::string_view text) {
  std::vector<char> out(HiddenBound(text.size()));
  size_t size = hide(text, false, out);
  EXPECT_LT(size, out.size());
  return {out.data(), size};
}

struct Case {
  std::string_view text;
  std::string_view hidden;
};

void ExpectHidden(Hide hide, std::initializer_list<Case> cases) {
  for (const Case& c : cases) EXPECT_EQ(HiddenBy(hide, c.text), c.hidden) << c.text;
}

void ExpectKept(Hide hide, std::initializer_list<std::string_view> texts) {
  for (std::string_view text : texts) EXPECT_EQ(HiddenBy(hide, text), text);
}

TEST(HideContext, KeepsLinesThatHoldNoValues) {
  ExpectKept(HideContext, {"", "PL/pgSQL function f(text,integer) line 3 at SQL statement",
                           "SQL function \"f\" statement 1", "SQL function \"f\" during startup",
                           "parallel worker", "while updating tuple (12345,6) in relation \"t\"",
                           "COPY t, line 3", "COPY t, line 123456, column ssn",
                           "SQL statement \"SELECT 1\"\nPL/pgSQL function f() line 3 at PERFORM"});
}

TEST(HideContext, HidesLiteralsOfStatements) {
  ExpectHidden(
      HideContext,
      {{"SQL statement \"INSERT INTO t VALUES ('912-31-6725')\"",
        "SQL statement \"INSERT INTO t VALUES ('...')\""},
       {"SQL statement \"SELECT 'a\nb',\n 912316725\"\nparallel worker",
        "SQL statement \"SELECT '...',\n ...\"\nparallel worker"},
       {"SQL expression \"x = 'Maria'\"", "SQL expression \"x = '...'\""},
       {"PL/pgSQL assignment \"x := 'Maria'\"", "PL/pgSQL assignment \"x := '...'\""},
       {"PL/pgSQL function f('Maria')\nparallel worker", "PL/pgSQL function f('...')\nparallel worker"},
       {"SQL statement \"SELECT \"a\"\nFROM t WHERE n = 'Maria'\"\nparallel worker",
        "SQL statement \"SELECT \"a\"\nFROM t WHERE n = '...'\"\nparallel worker"},
       {"SQL statement \"SELECT 'Maria\"\nwhile Lopez'\"", "SQL statement \"SELECT '...'\""},
       {"SQL statement \"SELECT 'Maria\"\nparallel worker\nLopez", "SQL statement \"SELECT '...'\""},
       {"SQL statement \"SELECT 1\"\nMaria\"\nparallel worker",
        "SQL statement \"SELECT 1\"\n(hidden)\nparallel worker"},
       {"SQL statement \"SELECT 'Maria", "SQL statement \"SELECT '...'\""}});
}

TEST(HideContext, CutsTheLineOfCopy) {
  ExpectHidden(HideContext,
               {{"COPY t, line 3, column ssn: \"912-31-6725\"", "COPY t, line 3, column ssn"},
                {"COPY t, line 3, column ssn: null input", "COPY t, line 3, column ssn"},
                {"COPY t, line 3: \"912-31-6725\tMaria\"", "COPY t, line 3"},
                {"COPY t, line 3: \"Maria\nwhile 5\" tall\nLopez\"\nparallel worker", "COPY t, line 3"},
                {"COPY t, line 3: \"Maria\nLopez", "COPY t, line 3"},
                {"COPY t, line x: \"Maria\"", "(hidden)"},
                {"COPY t, line 3 Maria", "COPY t, line 3"},
                {"COPY t, line 3, column O'Brien: \"x\"", "COPY t, line 3"}});
}

TEST(HideContext, HidesParameters) {
  ExpectHidden(HideContext,
               {{"unnamed portal with parameters: $1 = '912-31-6725', $2 = 'a\nwhile b'",
                 "unnamed portal with parameters: (hidden)"},
                {"portal \"C_1\" with parameters: $1 = 'Maria'", "portal \"C_1\" with parameters: (hidden)"},
                {"extended query with parameters: $1 = 'Maria'", "extended query with parameters: (hidden)"},
                {"unnamed portal parameter $1 = 'Maria'", "unnamed portal parameter $1 (hidden)"},
                {"portal \"p\" parameter $12", "portal \"p\" parameter $12 (hidden)"},
                {"parallel worker\nunnamed portal parameter $1 = '...'",
                 "parallel worker\nunnamed portal parameter $1 (hidden)"}});
}

TEST(HideContext, HidesUnknownLinesOnce) {
  ExpectHidden(HideContext,
               {{"Maria", "(hidden)"},
                {"Maria\nLopez\nparallel worker\n912-31-6725\n", "(hidden)\nparallel worker\n(hidden)"},
                {"PL/Python function \"f\"", "(hidden)"},
                {"SQL statement without quote", "(hidden)"},
                {"\n\n", "(hidden)"}});
}

TEST(HideRow, HidesKeys) {
  ExpectHidden(
      HideRow,
      {{"Key (ssn, id)=(912-31-6725, 1) already exists.", "Key (ssn, id)=(...) already exists."},
       {"Key (ssn)=(912-31-6725) is duplicated.", "Key (ssn)=(...) is duplicated."},
       {"Key (a)=(O)=(B) already exists.) already exists.", "Key (a)=(...) already exists."},
       {"Key (id)=(1) is still referenced from table \"visits\".",
        "Key (id)=(...) is still referenced from table \"visits\"."},
       {"Key (id)=(1) is not present in table \"patients\".",
        "Key (id)=(...) is not present in table \"patients\"."},
       {"Key (id)=(x) is not present in table \"Maria\". ) is not present in table \"patients\".",
        "Key (id)=(...) is not present in table \"patients\"."},
       {"Key (id)=(1) is not present in table \"O'Brien\".",
        "Key (id)=(...) is not present in table \"...\"."},
       {"Key (a, b)=(Maria, 1) conflicts with existing key (a, b)=(Maria, 2).",
        "Key (a, b)=(...) conflicts with existing key (a, b)=(...)."},
       {"Key (a)=(1) conflicts with key (a)=(2).", "Key (a)=(...) conflicts with key (a)=(...)."},
       {"Key (a)=(x) conflicts with existing key (Maria)=(1) conflicts with existing key (a)=(2).",
        "Key (a)=(...) conflicts with existing key (a)=(...)."},
       {"Key (a)=(x) conflicts with existing key (Maria).", "Key (a)=(...)"},
       {"Key ((a || 'Maria'::text))=(x) already exists.", "Key ((a || '...'::text))=(...) already exists."},
       {"Key (a)=(Maria", "Key (a)=(...)"},
       {"Key (a)=(Maria) existe.", "Key (a)=(...)"}});
}

TEST(HideRow, HidesRows) {
  ExpectHidden(HideRow, {{"Failing row contains (1, Maria, 912-31-6725).", "Failing row contains (...)."},
                         {"Failing row contains (1,\n Mar", "Failing row contains (...)."},
                         {"Partition key of the failing row contains (ssn) = (912).",
                          "Partition key of the failing row contains (ssn) = (...)."},
                         {"Partition key of the failing row contains (lower(a), b) = (x) = (y, 1).",
                          "Partition key of the failing row contains (lower(a), b) = (...)."}});
}

TEST(HideRow, HidesWhatItDoesNotKnow) {
  constexpr std::string_view kNotLogged = "Not logged: it may hold values of sealed columns.";
  for (std::string_view text : {"", "Maria", "Key (a)", "Key Maria", "La llave (a)=(1) ya existe.",
                                "Partition key of the failing row contains (Maria"}) {
    EXPECT_EQ(HiddenBy(HideRow, text), kNotLogged) << text;
  }
}

TEST(HideQuoted, KeepsNamesOfObjects) {
  ExpectKept(HideQuoted,
             {"", "division by zero", "column \"ssn\" does not exist", "relation \"public.t\" does not exist",
              "null value in column \"ssn\" of relation \"t\" violates not-null constraint",
              "duplicate key value violates unique constraint \"t_pkey\"",
              "update or delete on table \"a\" violates foreign key constraint \"b\" on table \"c\"",
              "columns \"a\" and \"b\" are of different types", "\"v\" is not a table",
              "value too long for type character varying(10)", "permission denied for table t",
              "function pii_reveal(integer) does not exist"});
}

TEST(HideQuoted, HidesValues) {
  ExpectHidden(
      HideQuoted,
      {{"invalid input syntax for type integer: \"912-31-6725\"",
        "invalid input syntax for type integer: \"...\""},
       {"invalid input syntax for type integer: \"Maria\"", "invalid input syntax for type integer: \"...\""},
       {"invalid input syntax for type json: \"a\" column \"Maria\" b\"",
        "invalid input syntax for type json: \"...\""},
       {"value \"912316725\" is out of range for type smallint",
        "value \"...\" is out of range for type smallint"},
       {"value \"Maria\" is out of range for type smallint",
        "value \"...\" is out of range for type smallint"},
       {"date/time field value out of range: \"31\n1980\"", "date/time field value out of range: \"...\""},
       {"invalid value \"Mari\" for \"YYYY\"", "invalid value \"...\""},
       {"invalid value for parameter \"TimeZone\": \"Maria\"",
        "invalid value for parameter \"TimeZone\": \"...\""},
       {"time zone \"Maria\" not recognized", "time zone \"...\" not recognized"},
       {"column \"912-31-6725\" does not exist", "column \"...\" does not exist"},
       {"column \"Maria Lopez\" does not exist", "column \"...\" does not exist"},
       {"patient \"Maria\" not found", "patient \"...\" not found"},
       {"patient 'Maria' not found", "patient '...' not found"},
       {"patient 'Maria \"x\" Lopez' not found", "patient '...'"},
       {"patient 912-31-6725 not found", "patient ... not found"},
       {"no patient maria@example.org", "no patient ..."},
       {"invalid byte sequence for encoding \"UTF8\": 0xe9 0x72 0x20",
        "invalid byte sequence for encoding \"UTF8\": ..."},
       {"invalid input syntax for type integer: \"Maria", "invalid input syntax for type integer: \"...\""},
       {"syntax error at or near \"Maria\"", "syntax error at or near \"...\""},
       {"syntax error at or near \"SELECT\"", "syntax error at or near \"SELECT\""}});
}

TEST(HideNear, KeepsSyntaxOnly) {
  for (std::string_view near : {"FROM", "from", "Where", ")", ",", ";", "=", "x", "$1", "::", "<="}) {
    std::string text = "syntax error at or near \"" + std::string(near) + "\"";
    EXPECT_EQ(HiddenBy(HideNear, text), text);
    EXPECT_EQ(HiddenBy(HideQuoted, text), text);
  }
  for (std::string_view near :
       {"Maria", "O'Brien", "912", "5", "$12345", "a\"b", "", "'", "\"", "(a", "from\n", "é"}) {
    if (near.empty()) continue;
    std::string text = "syntax error at or near \"" + std::string(near) + "\"";
    EXPECT_EQ(HiddenBy(HideNear, text), "syntax error at or near \"...\"") << near;
    EXPECT_EQ(HiddenBy(HideQuoted, text), "syntax error at or near \"...\"") << near;
  }
  ExpectHidden(HideNear, {{"unterminated quoted string at or near \"'912-31\nMaria \"x\" \"",
                           "unterminated quoted string at or near \"...\""},
                          {"syntax error at or near \"Maria", "syntax error at or near \"...\""},
                          {"syntax error at end of input", "syntax error at end of input"},
                          {"syntax error at or near \"Maria\" LINE 912316725",
                           "syntax error at or near \"...\" LINE ..."}});
}

TEST(HideDeadlock, HidesLiteralsOfStatements) {
  ExpectHidden(
      HideDeadlock,
      {{"Process 12345 waits for ShareLock on transaction 1234567; blocked by process 67890.\n"
        "Process 67890 waits for ExclusiveLock on tuple (0,1) of relation 16384 of database 5; blocked by "
        "process 12345.\n"
        "Process 12345: UPDATE t SET a = 'Maria'\n WHERE ssn = '912-31-6725';\n"
        "Process 67890: UPDATE t SET a = 'Lop",
        "Process 12345 waits for ShareLock on transaction 1234567; blocked by process 67890.\n"
        "Process 67890 waits for ExclusiveLock on tuple (0,1) of relation 16384 of database 5; blocked by "
        "process 12345.\n"
        "Process 12345: UPDATE t SET a = '...'\n WHERE ssn = '...';\n"
        "Process 67890: UPDATE t SET a = '...'"},
       {"Process 1: SELECT 'a\nProcess Maria' -- x", "Process 1: SELECT '...' \n"},
       {"Process 1 waits for Maria's lock; blocked by process 2.", "(hidden)"},
       {"Process 1 waits for a; blocked by process Maria.\nMaria\nProcess 2: SELECT 1",
        "(hidden)\nProcess 2: SELECT 1"},
       {"", ""}});
}

TEST(HideContext, WritesNoMoreThanFits) {
  for (Hide hide : {HidePlan, HideContext, HideRow, HideQuoted, HideNear, HideDeadlock}) {
    for (std::string_view text :
         {"COPY t, line 3: \"Maria\"\nLopez", "Key (a)=(1) already exists.", "{\"a\": \"b'c'\"}",
          "Process 1: SELECT 'a'", "invalid value: \"x\"", "''"}) {
      std::string whole = HiddenBy(hide, text);
      for (size_t room = 0; room < whole.size(); ++room) {
        std::vector<char> out(room);
        ASSERT_LE(hide(text, false, out), room) << text;
      }
    }
  }
}

TEST(BeginsWithCommand, TellsStatementsFromData) {
  for (std::string_view text :
       {"SELECT 1", "select", " \n(select 1)", "; -- x\n/* y */ With t AS (SELECT 1) TABLE t",
        "COPY t FROM STDIN", "do $$$$", "END;"}) {
    EXPECT_TRUE(BeginsWithCommand(text)) << text;
  }
  for (std::string_view text :
       {"", "1\tMaria Gonzalez", "Maria\tselect", "\\N\tMaria", "/* select", "-- select", "selectx 1",
        "select_1", "'select'", "\"select\"", "SELECTSELECTSELECTSELECT", "\\."}) {
    EXPECT_FALSE(BeginsWithCommand(text)) << text;
  }
}

}  // namespace
}  // namespace pii

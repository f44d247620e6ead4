#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "log_text.h"

namespace pii {
namespace {

std::string Hidden(std::string_view plan, bool backslash_escapes = false) {
  std::vector<char> out(HiddenBound(plan.size()));
  size_t size = HidePlan(plan, backslash_escapes, out);
  EXPECT_LT(size, out.size());
  return {out.data(), size};
}

TEST(HidePlan, KeepsEstimatesAndMeasurementsOfText) {
  EXPECT_EQ(
      Hidden("Query Text: SELECT * FROM t WHERE ssn = '912-31-6725' AND id = 912316725\n"
             "Seq Scan on t  (cost=0.00..12345.67 rows=100000 width=36) (actual time=10.010..1234.567 "
             "rows=100000 "
             "loops=10000)\n"
             "  Filter: ((ssn = '912-31-6725'::text) AND (cost = 912316725))\n"
             "  Rows Removed by Filter: 123456\n"
             "  Buffers: shared hit=12345 read=67890\n"
             "Planning Time: 12.345 ms"),
      "Query Text: SELECT * FROM t WHERE ssn = '...' AND id = ...\n"
      "Seq Scan on t  (cost=0.00..12345.67 rows=100000 width=36) (actual time=10.010..1234.567 rows=100000 "
      "loops=10000)\n"
      "  Filter: ((ssn = '...'::text) AND (cost = ...))\n"
      "  Rows Removed by Filter: 123456\n"
      "  Buffers: shared hit=12345 read=67890\n"
      "Planning Time: 12.345 ms");
}

TEST(HidePlan, TakesNoConditionForAMeasurement) {
  for (std::string_view sql : {"(cost=912316725)", "(cost=912316725 rows=1)", "(actual=912316725)",
                               "f(x=912316725)", "(rows=912316725)", "x=912316725", "1..912316725"}) {
    EXPECT_EQ(Hidden("Query Text: SELECT " + std::string(sql)).find("912316725"), std::string::npos) << sql;
  }
}

TEST(HidePlan, KeepsMeasurementsOfXml) {
  EXPECT_EQ(Hidden("<explain xmlns=\"http://www.postgresql.org/2009/explain\">\n"
                   "  <Query-Text>SELECT 'Maria' WHERE a &lt; 912316725</Query-Text>\n"
                   "  <Plan>\n"
                   "    <Node-Type>Seq Scan</Node-Type>\n"
                   "    <Total-Cost>12345.67</Total-Cost>\n"
                   "    <Output><Item>912316725</Item><Item>'Maria'::text</Item></Output>\n"
                   "  </Plan>\n"
                   "</explain>"),
            "<explain xmlns=\"...\">\n"
            "  <Query-Text>SELECT '...' WHERE a &lt; ...</Query-Text>\n"
            "  <Plan>\n"
            "    <Node-Type>Seq Scan</Node-Type>\n"
            "    <Total-Cost>12345.67</Total-Cost>\n"
            "    <Output><Item>...</Item><Item>'...'::text</Item></Output>\n"
            "  </Plan>\n"
            "</explain>");
}

TEST(HidePlan, KeepsKeysAndNamesOfJson) {
  EXPECT_EQ(Hidden("{\n"
                   "  \"Query Text\": \"SELECT \\\"a\\\", 'Ma\\\"ria'\\nFROM \\\"O'Brien\\\" -- x\\n WHERE b "
                   "= E'\\\\'x'\",\n"
                   "  \"Plan\": {\n"
                   "    \"Node Type\": \"Seq Scan\",\n"
                   "    \"Parallel Aware\": false,\n"
                   "    \"Total Cost\": 12345.67,\n"
                   "    \"Output\": [\"a\", \"'Maria'::text\", \"912316725\", \"maria@example.org\"],\n"
                   "    \"Filter\": \"(ssn = '912-31-6725'::text)\"\n"
                   "  }\n"
                   "}"),
            "{\n"
            "  \"Query Text\": \"SELECT \\\"a\\\", '...'\\nFROM \\\"...\\\"\\n WHERE b = '...'\",\n"
            "  \"Plan\": {\n"
            "    \"Node Type\": \"Seq Scan\",\n"
            "    \"Parallel Aware\": false,\n"
            "    \"Total Cost\": 12345.67,\n"
            "    \"Output\": [\"a\", \"'...'::text\", \"...\", \"...\"],\n"
            "    \"Filter\": \"(ssn = '...'::text)\"\n"
            "  }\n"
            "}");
}

TEST(HidePlan, KeepsKeysAndNamesOfYaml) {
  EXPECT_EQ(Hidden("Query Text: \"SELECT 'Maria' AS \\\"a\\\"\"\n"
                   "Query Parameters: \"$1 = 'Maria'\"\n"
                   "Plan: \n"
                   "  Node Type: \"Seq Scan\"\n"
                   "  Total Cost: 12345.67\n"
                   "  Output: \n"
                   "    - \"912316725\"\n"
                   "  Filter: \"(a = '912-31-6725'::text)\"\n"
                   "  Query Identifier: -8123456789012345678"),
            "Query Text: \"SELECT '...' AS \\\"a\\\"\"\n"
            "Query Parameters: \"...\"\n"
            "Plan: \n"
            "  Node Type: \"Seq Scan\"\n"
            "  Total Cost: 12345.67\n"
            "  Output: \n"
            "    - \"...\"\n"
            "  Filter: \"(a = '...'::text)\"\n"
            "  Query Identifier: -8123456789012345678");
}

TEST(HidePlan, HidesWhatIsNoJsonAfterAll) {
  EXPECT_EQ(Hidden("{\"a\": \"Maria's"), "{\"a\": \"...\"");
  EXPECT_EQ(Hidden("{'Maria', \"b\""), "{'...', \"b\"");
  EXPECT_EQ(Hidden("{\"a\": \"\\u0027Maria\\u0027\", 12345, \"x\\"), "{\"a\": \"     '...'\", ..., \"...\"");
  EXPECT_EQ(Hidden("[\"a b\" \"c\\\\\" Maria \" 912316725"), "[\"a b\" \"c\\\\\" Maria \"...\"");
}

// Quotes are doubled in the list of parameters, and nothing else is, whatever the session's setting.
TEST(HidePlan, KnowsParametersWhereBackslashesAreEscapes) {
  EXPECT_EQ(Hidden("Query Text: SELECT 'a\\'b', $1\n"
                   "Query Parameters: $1 = 'a\\', $2 = NULL, $3 = 'Maria''s Lopez\\'\n"
                   "Result  (cost=0.00..0.01 rows=1 width=4)\n"
                   "  Filter: ('Maria\\\\'::text)",
                   true),
            "Query Text: SELECT '...', $1\n"
            "Query Parameters: ...\n"
            "Result  (cost=0.00..0.01 rows=1 width=4)\n"
            "  Filter: ('...'::text)");
  EXPECT_EQ(Hidden("Query Text: SELECT $1\nQuery Parameters: $1 = 'Maria\\", true),
            "Query Text: SELECT $1\nQuery Parameters: ...");
}

// A literal in any format, wherever the plan is cut.
TEST(HidePlan, ShowsNoPieceOfALiteralWhereverTheTextIsCut) {
  constexpr std::string_view kMarker = "Q73491628ZQ";
  for (std::string_view plan :
       {"Query Text: SELECT '%', $$%$$, \"%\"\nSeq Scan on t  (cost=0.00..12345.67 rows=1 width=1)\n  "
        "Filter: (a = "
        "E'\\'%'::text)",
        "<explain>\n<Query-Text>SELECT '%', $$%$$</Query-Text>\n<Filter>(a = '%')</Filter>",
        "{\n\"Query Text\": \"SELECT '%', $$%$$, \\\"%\\\", E'\\\\'%' -- %\\n\",\n\"Filter\": \"(a = "
        "'%')\"\n}",
        "Query Text: \"SELECT '%', /* % */ \\\"%\\\"\"\nPlan:\n  Output:\n    - \"'%'\"\n  Filter: "
        "\"'\\\"%'\""}) {
    std::string text;
    for (char c : plan) c == '%' ? text += kMarker : text += c;
    for (size_t end = 0; end <= text.size(); ++end) {
      std::string hidden = Hidden(std::string_view(text).substr(0, end));
      for (size_t at = 0; at + 6 <= kMarker.size(); ++at) {
        ASSERT_EQ(hidden.find(kMarker.substr(at, 6)), std::string::npos) << text.substr(0, end) << "\n"
                                                                         << hidden;
      }
    }
  }
}

}  // namespace
}  // namespace pii

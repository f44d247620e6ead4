#include "document_path.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pii {
namespace {

/// A path with the memory its steps are views of.
struct Path {
  std::vector<PathStep> steps;
  std::vector<char> keys;
  bool is_path;

  explicit Path(std::string_view text) : steps(PathStepsBound(text.size())), keys(text.size()) {
    size_t count = 0;
    is_path = ParseDocumentPath(text, steps, keys, &count);
    steps.resize(is_path ? count : 0);
  }
};

/// The steps in a form that shows what was understood.
std::string Read(std::string_view text) {
  Path path(text);
  if (!path.is_path) return "no path";
  std::string shown = "$";
  for (const PathStep& step : path.steps) {
    switch (step.kind) {
      case PathStep::Kind::kMember:
        shown += "." + std::string(step.key);
        break;
      case PathStep::Kind::kEveryMember:
        shown += ".(all)";
        break;
      case PathStep::Kind::kElement:
        shown += "[" + std::to_string(step.index) + "]";
        break;
      case PathStep::Kind::kEveryElement:
        shown += "[all]";
        break;
    }
  }
  return shown;
}

bool Overlap(std::string_view one, std::string_view other) {
  return PathsOverlap(Path(one).steps, Path(other).steps);
}

TEST(DocumentPath, ReadsEveryStep) {
  EXPECT_EQ(Read("$"), "$");
  EXPECT_EQ(Read("$.account.number"), "$.account.number");
  EXPECT_EQ(Read("$.people[*].ssn"), "$.people[all].ssn");
  EXPECT_EQ(Read("$[0][17].*"), "$[0][17].(all)");
  EXPECT_EQ(Read("$._a1.Ünï.漢字"), "$._a1.Ünï.漢字");
  EXPECT_EQ(Read("$[2147483647]"), "$[2147483647]");
}

TEST(DocumentPath, ReadsQuotedKeys) {
  EXPECT_EQ(Read(R"($."first name")"), "$.first name");
  EXPECT_EQ(Read(R"($."".a)"), "$..a");
  EXPECT_EQ(Read(R"($."say \"hi\" \\ there"."x.y[*]")"), R"($.say "hi" \ there.x.y[*])");
  EXPECT_EQ(Read(R"($."2fa"."*")"), "$.2fa.*");
}

TEST(DocumentPath, RefusesWhatIsNoPath) {
  for (std::string_view text : {"",
                                "a",
                                ".a",
                                "$.",
                                "$a",
                                "$ .a",
                                "$.a ",
                                "$..a",
                                "$.2fa",
                                "$.a-b",
                                "$.a.",
                                "$[",
                                "$[]",
                                "$[*",
                                "$[ 0]",
                                "$[-1]",
                                "$[+1]",
                                "$[01]",
                                "$[1.5]",
                                "$[0 to 2]",
                                "$[last]",
                                "$[2147483648]",
                                "$[99999999999999999999]",
                                "$.**",
                                "$.*a",
                                "$.\"a",
                                "$.\"a\\",
                                "$.\"a\\n\"",
                                "$.\"a\\u0041\"",
                                "$['a']",
                                "$.a?(@ > 1)",
                                "$.a.size()",
                                "lax $.a",
                                "strict $.a",
                                "$$",
                                "$.a$b",
                                "@",
                                "$[*]]",
                                "$.\"a\"b"}) {
    EXPECT_EQ(Read(text), "no path") << text;
  }
}

TEST(DocumentPath, RefusesMoreThanThereIsRoomFor) {
  PathStep steps[2];
  char keys[6];
  size_t count = 0;
  EXPECT_TRUE(ParseDocumentPath("$.a.b", steps, keys, &count));
  EXPECT_EQ(count, 2u);
  EXPECT_FALSE(ParseDocumentPath("$.a.b", std::span(steps).first(1), keys, &count));
  EXPECT_FALSE(ParseDocumentPath("$.a.b", steps, std::span(keys).first(4), &count));
}

TEST(DocumentPath, LeadsWhereItSays) {
  Path path("$.a.*[3][*]");
  EXPECT_TRUE(LeadsToMember(path.steps[0], "a"));
  EXPECT_FALSE(LeadsToMember(path.steps[0], "b"));
  EXPECT_FALSE(LeadsToMember(path.steps[0], ""));
  EXPECT_FALSE(LeadsToElement(path.steps[0], 0));
  EXPECT_TRUE(LeadsToMember(path.steps[1], "b"));
  EXPECT_FALSE(LeadsToElement(path.steps[1], 0));
  EXPECT_TRUE(LeadsToElement(path.steps[2], 3));
  EXPECT_FALSE(LeadsToElement(path.steps[2], 2));
  EXPECT_FALSE(LeadsToMember(path.steps[2], "3"));
  EXPECT_TRUE(LeadsToElement(path.steps[3], 9));
  EXPECT_FALSE(LeadsToMember(path.steps[3], "9"));
}

TEST(DocumentPath, KnowsWildcards) {
  EXPECT_FALSE(HasWildcard(Path("$").steps));
  EXPECT_FALSE(HasWildcard(Path(R"($.a[0]."*")").steps));
  EXPECT_TRUE(HasWildcard(Path("$.a[*]").steps));
  EXPECT_TRUE(HasWildcard(Path("$.*.a").steps));
}

TEST(DocumentPath, FindsPathsThatMeet) {
  for (auto [one, other] : {std::pair{"$", "$"},
                            {"$", "$.a"},
                            {"$.a", "$.a"},
                            {"$.a", "$.a.b"},
                            {"$.*", "$.a"},
                            {"$.*.b", "$.a.*"},
                            {"$[*]", "$[0]"},
                            {"$.a[*].x", "$.a[3]"},
                            {"$.\"a\"", "$.a"}}) {
    EXPECT_TRUE(Overlap(one, other)) << one << " " << other;
    EXPECT_TRUE(Overlap(other, one)) << other << " " << one;
  }
  for (auto [one, other] : {std::pair{"$.a", "$.b"},
                            {"$.a.b", "$.a.c"},
                            {"$[0]", "$[1]"},
                            {"$.*", "$[*]"},
                            {"$.a[0]", "$.a.b"},
                            {"$.*.b", "$.a.c"},
                            {"$.a", "$.A"}}) {
    EXPECT_FALSE(Overlap(one, other)) << one << " " << other;
    EXPECT_FALSE(Overlap(other, one)) << other << " " << one;
  }
}

}  // namespace
}  // namespace pii

// NextSearchWord: the words of a text, each and whole.

#include <gtest/gtest.h>

#include <vector>

#include "search_form.h"
#include "specimen.h"

namespace pii {
namespace {

using test::Specimens;

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (size_t offset = 0;;) {
    std::string_view word = NextSearchWord(text, &offset);
    if (word.empty()) return words;
    words.emplace_back(word);
  }
}

TEST(NextSearchWord, GivesRunsOfLettersDigitsAndMarks) {
  using List = std::vector<std::string>;
  EXPECT_EQ(Words("jane doe"), (List{"jane", "doe"}));
  EXPECT_EQ(Words("  o'brien-smith, j. "), (List{"o", "brien", "smith", "j"}));
  EXPECT_EQ(Words("1600 example avenue #5b"), (List{"1600", "example", "avenue", "5b"}));
  EXPECT_EQ(Words("q\u0307\u0323x \u0301"), (List{"q\u0307\u0323x", "\u0301"}));
  EXPECT_EQ(Words("zo\u00eb 李娜 ٣٤"), (List{"zo\u00eb", "李娜", "٣٤"}));
  EXPECT_EQ(Words("किताब"), (List{"किताब"}));  // vowel signs are marks
  EXPECT_EQ(Words("doe doe"), (List{"doe", "doe"}));
  EXPECT_EQ(Words("a_b"), (List{"a", "b"}));
  EXPECT_EQ(Words(""), List{});
  EXPECT_EQ(Words(" -.👩 "), List{});
}

TEST(NextSearchWord, IsEmptyEverAfterTheEnd) {
  size_t offset = 0;
  EXPECT_EQ(NextSearchWord("jane ", &offset), "jane");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(NextSearchWord("jane ", &offset), "");
    EXPECT_EQ(offset, 5u);
  }
}

// In order, apart, and nothing that belongs to a word is left out.
TEST(NextSearchWord, CoversTheText) {
  Specimens specimens(650);
  size_t words = 0;
  for (int i = 0; i < 5'000; ++i) {
    std::string text = specimens.OneIn(3) ? specimens.RandomText(60) : specimens.Realistic(MaskRule::kName);
    size_t offset = 0;
    size_t end = 0;
    for (;;) {
      std::string_view word = NextSearchWord(text, &offset);
      auto start = word.empty() ? text.size() : static_cast<size_t>(word.data() - text.data());
      ASSERT_TRUE(Words(std::string_view(text).substr(end, start - end)).empty()) << text;
      if (word.empty()) break;
      ASSERT_GE(start, end) << text;
      ASSERT_TRUE(end == 0 || start > end) << "two words that are one: " << text;
      end = start + word.size();
      ASSERT_EQ(offset, end) << text;
      ++words;
    }
  }
  EXPECT_GT(words, 5'000u);
}

}  // namespace
}  // namespace pii

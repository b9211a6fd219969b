#include "select/pattern.h"

#include <gtest/gtest.h>

#include <random>

namespace fittest::select {
namespace {

TEST(Glob, MatchesTheWholeText) {
  EXPECT_TRUE(matches_glob("", ""));
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("a*c?e", "abbcde"));
  EXPECT_TRUE(matches_glob("tests/*/test_*.py", "tests/a/b/test_c.py"));
  EXPECT_TRUE(matches_glob("*ab", "abaab"));
  EXPECT_TRUE(matches_glob("test_x[?]", "test_x[1]"));
  EXPECT_FALSE(matches_glob("test_x[12]", "test_x1"));
  EXPECT_FALSE(matches_glob("a", "ab"));
  EXPECT_FALSE(matches_glob("a?", "a"));
  EXPECT_FALSE(matches_glob("", "a"));
}

TEST(Glob, AQuestionMarkIsOneCharacter) {
  EXPECT_TRUE(matches_glob("[?]", "[\u00e9]"));
  EXPECT_TRUE(matches_glob("?\u00e9?", "\u65e5\u00e9\U0001f600"));
  EXPECT_FALSE(matches_glob("[??]", "[\u00e9]"));
  EXPECT_TRUE(matches_glob("[?]", "[\xff]"));
}

TEST(Glob, ManyStarsAreNoTrap) {
  std::string stars;
  for (int i = 0; i < 500; ++i) stars += "a*";
  EXPECT_FALSE(matches_glob(stars + "b", std::string(100'000, 'a')));
}

// The definition, character for character.
bool naive(std::string_view glob, std::string_view text) {
  if (glob.empty()) return text.empty();
  if (glob[0] == '*') return naive(glob.substr(1), text) || (!text.empty() && naive(glob, text.substr(1)));
  return !text.empty() && (glob[0] == '?' || glob[0] == text[0]) && naive(glob.substr(1), text.substr(1));
}

TEST(Glob, IsWhatItsDefinitionSays) {
  std::mt19937_64 random(3);
  const auto some = [&](std::string_view letters, std::size_t most) {
    std::string text(random() % most, ' ');
    for (char& c : text) c = letters[random() % letters.size()];
    return text;
  };
  for (int round = 0; round < 50'000; ++round) {
    const std::string glob = some("ab*?", 8);
    const std::string text = some("ab", 10);
    ASSERT_EQ(matches_glob(glob, text), naive(glob, text)) << glob << " " << text;
  }
}

TEST(Regex, IsFoundAnywhere) {
  const auto pattern = Pattern::regex("b+$");
  ASSERT_TRUE(pattern);
  EXPECT_TRUE(pattern->matches("abb"));
  EXPECT_FALSE(pattern->matches("abba"));
  EXPECT_TRUE(Pattern::regex("a.b")->matches("a\nb"));
}

TEST(Regex, SaysWhereItIsRefused) {
  const auto place = [](std::string_view text) {
    const auto pattern = Pattern::regex(text);
    EXPECT_FALSE(pattern) << text;
    return pattern ? text.size() : pattern.error().at;
  };
  EXPECT_EQ(place("ab[c"), 2U);
  EXPECT_EQ(place("*a"), 0U);
  EXPECT_EQ(place("a*|*"), 3U);
  EXPECT_EQ(place("a{2000}"), 1U);
  EXPECT_EQ(place("a\\8"), 1U);
  EXPECT_EQ(place("x(?<n>a)"), 1U);
  EXPECT_LE(place("(a"), 2U);
  EXPECT_LE(place("\xff"), 1U);
}

}  // namespace
}  // namespace fittest::select

// Random expressions against an evaluation that knows nothing but the definitions, and the laws that must hold.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "core/utf8.h"
#include "select/expression.h"
#include "suite.h"

namespace fittest::select {
namespace {

using Random = std::mt19937_64;

const std::vector<std::string> kLabels = {"unit", "slow", "memory_intensive", "a.b", "\u00e9"};

template <typename Choices>
const auto& one_of(const Choices& choices, Random& random) {
  return choices[random() % std::size(choices)];
}

SmallSuite random_suite(Random& random, int size) {
  SmallSuite suite;
  for (int i = 0; i < size; ++i) {
    std::vector<std::string> labels;
    for (const std::string& label : kLabels) {
      if (random() % 3 == 0) labels.push_back(label);
    }
    Facts facts;
    if (random() % 4 != 0) {
      facts = {true,
               MiB(random() % 5),
               MiB(random() % 5),
               static_cast<double>(random() % 5),
               static_cast<std::uint32_t>(1 + random() % 4),
               static_cast<Verdict>(random() % kVerdictCount)};
    }
    suite.add(fmt::format("tests/{}/test_{}.py::{}test_{}{}", one_of("ab", random) == 'a' ? "unit" : "stress",
                          random() % 3, random() % 2 == 0 ? "" : "TestA::", random() % 3,
                          random() % 2 == 0 ? "" : fmt::format("[{}]", random() % 3)),
              std::move(labels), facts);
  }
  return suite;
}

// A random expression as text and, for each test, what it must say.
struct Spoken {
  std::string text;
  std::vector<bool> truth;
};

template <typename Decide>
Spoken leaf(const SmallSuite& suite, std::string text, Decide decide) {
  Spoken out{std::move(text), {}};
  for (TestIndex i = 0; i < suite.tests.size(); ++i) out.truth.push_back(decide(i));
  return out;
}

bool compare(std::string_view relation, double left, double right) {
  if (relation == ">") return left > right;
  if (relation == ">=") return left >= right;
  if (relation == "<") return left < right;
  if (relation == "<=") return left <= right;
  return (relation == "==") == (left == right);
}

Spoken random_leaf(const SmallSuite& suite, Random& random) {
  static const std::vector<std::string> kRelations = {">", ">=", "<", "<=", "==", "!="};
  const auto facts = [&](TestIndex i) -> const Facts& { return suite.facts[i]; };
  const auto id = [&](TestIndex i) { return std::string(suite.tests.id(i)); };
  const auto has = [&](TestIndex i, const std::string& label) {
    return std::ranges::count(suite.tests.labels(i), label) > 0;
  };
  const auto n = static_cast<unsigned>(random() % 5);
  const std::string& label = one_of(kLabels, random);
  const std::string& relation = one_of(kRelations, random);
  switch (random() % 15) {
    case 0:
      return leaf(suite, "all()", [](TestIndex) { return true; });
    case 1:
      return leaf(suite, "none()", [](TestIndex) { return false; });
    case 2:
      return leaf(suite, "unknown()", [&](TestIndex i) { return !facts(i).known; });
    case 3:
      return leaf(suite, random() % 2 == 0 ? "failed()" : "failed(last)",
                  [&](TestIndex i) { return facts(i).known && is_failure(facts(i).last); });
    case 4: {
      const auto verdict = static_cast<Verdict>(random() % kVerdictCount);
      return leaf(suite, fmt::format("verdict({})", name(verdict)),
                  [&](TestIndex i) { return facts(i).known && facts(i).last == verdict; });
    }
    case 5:
      return leaf(suite, fmt::format("peak {} {}MB", relation, n),
                  [&](TestIndex i) { return facts(i).known && compare(relation, facts(i).peak.mib(), n); });
    case 6:
      return leaf(suite, fmt::format("retained{}{} KiB", relation, n * 1024),
                  [&](TestIndex i) { return facts(i).known && compare(relation, facts(i).retained.mib(), n); });
    case 7:
      return leaf(suite,
                  fmt::format("duration {} {}", relation,
                              random() % 2 == 0 ? std::to_string(n) : std::to_string(n * 1000) + "ms"),
                  [&](TestIndex i) { return facts(i).known && compare(relation, facts(i).duration, n); });
    case 8:
      return leaf(suite, fmt::format("runs {} {}", relation, n),
                  [&](TestIndex i) { return compare(relation, facts(i).runs, n); });
    case 9:
      return leaf(suite, fmt::format("label({})", label), [&](TestIndex i) { return has(i, label); });
    case 10:
      return leaf(suite, "label(/^[us]/)", [&](TestIndex i) { return has(i, "unit") || has(i, "slow"); });
    case 11:
      return leaf(suite, fmt::format("name(*{}*)", n), [&](TestIndex i) {
        return id(i).substr(id(i).rfind("::")).find(std::to_string(n)) != std::string::npos;
      });
    case 12:
      return leaf(suite, random() % 2 == 0 ? "file(tests/unit)" : "file(/unit/)",
                  [&](TestIndex i) { return id(i).starts_with("tests/unit/"); });
    case 13:
      return leaf(suite, random() % 2 == 0 ? "class(TestA)" : "class(\"*A\")",
                  [&](TestIndex i) { return id(i).find("::TestA::") != std::string::npos; });
    default:
      return leaf(suite, label, [&](TestIndex i) { return has(i, label); });
  }
}

Spoken random_expression(const SmallSuite& suite, Random& random, int depth) {
  if (depth == 0 || random() % 4 == 0) return random_leaf(suite, random);
  Spoken left = random_expression(suite, random, depth - 1);
  if (random() % 4 == 0) {
    left.text = "not (" + left.text + ")";
    left.truth.flip();
    return left;
  }
  const Spoken right = random_expression(suite, random, depth - 1);
  const bool is_and = random() % 2 == 0;
  for (std::size_t i = 0; i < left.truth.size(); ++i) {
    left.truth[i] = is_and ? left.truth[i] && right.truth[i] : left.truth[i] || right.truth[i];
  }
  left.text = fmt::format("({}) {} ({})", left.text, is_and ? "and" : "or", right.text);
  return left;
}

std::vector<bool> answer(const std::string& text, const SmallSuite& suite) {
  const auto expression = Expression::parse(text, "-E");
  if (!expression) throw std::runtime_error(expression.error().text());
  return expression->match(suite.tests, suite.facts);
}

TEST(ExpressionProperties, AnswersAreThoseOfTheDefinitions) {
  Random random(11);
  const SmallSuite suite = random_suite(random, 300);
  for (int round = 0; round < 3000; ++round) {
    const Spoken spoken = random_expression(suite, random, 5);
    ASSERT_EQ(answer(spoken.text, suite), spoken.truth) << spoken.text;
  }
}

TEST(ExpressionProperties, DeMorgan) {
  Random random(12);
  const SmallSuite suite = random_suite(random, 100);
  for (int round = 0; round < 1000; ++round) {
    const std::string a = random_expression(suite, random, 3).text;
    const std::string b = random_expression(suite, random, 3).text;
    const auto same = [&](const std::string& one, const std::string& other) {
      EXPECT_EQ(answer(one, suite), answer(other, suite)) << one << "\n" << other;
    };
    same(fmt::format("not (({}) and ({}))", a, b), fmt::format("not ({}) or not ({})", a, b));
    same(fmt::format("not (({}) or ({}))", a, b), fmt::format("not ({}) and not ({})", a, b));
    same(fmt::format("({}) and ({})", a, b), fmt::format("({}) and ({})", b, a));
  }
}

// Without parentheses: `and` before `or`, `not` before both.
TEST(ExpressionProperties, Precedence) {
  Random random(13);
  const SmallSuite suite = random_suite(random, 100);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    std::vector<bool> any(suite.tests.size(), false);
    for (auto terms = random() % 4 + 1; terms > 0; --terms) {
      std::vector<bool> all(suite.tests.size(), true);
      for (auto factors = random() % 4 + 1; factors > 0; --factors) {
        Spoken one = random_leaf(suite, random);
        for (auto nots = random() % 3; nots > 0; --nots) {
          one.text = "not " + one.text;
          one.truth.flip();
        }
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = all[i] && one.truth[i];
        text += one.text + (factors > 1 ? " and " : "");
      }
      for (std::size_t i = 0; i < any.size(); ++i) any[i] = any[i] || all[i];
      text += terms > 1 ? " or " : "";
    }
    ASSERT_EQ(answer(text, suite), any) << text;
  }
}

std::size_t characters(std::string_view text) {
  const std::string valid = valid_utf8(text);
  return static_cast<std::size_t>(
      std::ranges::count_if(valid, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

std::string mutate(std::string text, Random& random) {
  static const std::vector<std::string> kPieces = {
      "(",      ")",    " and ", " not ", "/",  "\"", "'",   "\\",       "[",  ">=",   "*",  "\xff", "\u65e5",
      "label(", "peak", "100",   "{9}",   "\n", " ",  "or ", "verdict(", "/)", "(?i)", "\0", "-1MB", ","};
  for (auto n = random() % 5 + 1; n > 0; --n) {
    const std::size_t at = random() % (text.size() + 1);
    switch (random() % 4) {
      case 0:
        text.erase(at, random() % 6 + 1);
        break;
      case 1:
        text.insert(at, one_of(kPieces, random));
        break;
      case 2:
        text.insert(at, text.substr(random() % (text.size() + 1), 12));
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(random());
    }
  }
  return text;
}

TEST(ExpressionProperties, GarbageIsRefusedAtAColumnInsideIt) {
  Random random(14);
  const SmallSuite suite = random_suite(random, 10);
  int refused = 0;
  for (int round = 0; round < 50'000; ++round) {
    const std::string text = mutate(random_expression(suite, random, 2).text, random);
    const auto expression = Expression::parse(text, "-E");
    if (expression) {
      EXPECT_EQ(expression->match(suite.tests, suite.facts).size(), suite.tests.size());
      for (const auto& label : expression->labels()) {
        EXPECT_GE(label.column, 1U) << text;
        EXPECT_LE(label.column, characters(text)) << text;
      }
      continue;
    }
    ++refused;
    const std::string& where = expression.error().where;
    ASSERT_TRUE(where.starts_with("-E, column ")) << text;
    const std::size_t column = std::stoul(where.substr(where.rfind(' ')));
    EXPECT_GE(column, 1U) << text;
    EXPECT_LE(column, characters(text) + 1) << text;
    EXPECT_EQ(valid_utf8(expression.error().what), expression.error().what) << text;
    EXPECT_EQ(std::ranges::count(expression.error().what, '\n'), 2) << expression.error().what;
  }
  EXPECT_GT(refused, 10'000);
}

}  // namespace
}  // namespace fittest::select

// What is decided about a suite before it runs, over a million tests. Prints a table; ends with 1 if a figure misses
// its mark.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/facts.h"
#include "core/test_list.h"
#include "select/expression.h"

namespace fittest::select {
namespace {

constexpr TestIndex kTests = 1'000'000;
constexpr double kFilterSecondsAllowed = 1;

struct Suite {
  TestList tests;
  std::vector<Facts> facts;
};

Suite make_suite() {
  Suite suite;
  std::mt19937_64 random(1);
  for (TestIndex i = 0; i < kTests; ++i) {
    TestList::Traits traits;
    traits.file = i / 50;
    std::vector<std::string> labels{i % 3 == 0 ? "unit" : "integration"};
    if (random() % 10 == 0) labels.emplace_back("slow");
    if (random() % 50 == 0) labels.emplace_back("memory_intensive");
    traits.labels = suite.tests.add_labels(std::move(labels));
    suite.tests.add(fmt::format("tests/{}/analyzers/test_module_{}.py::TestAnalyzer{}::test_signal_{}[{}-float64]",
                                i % 3 == 0 ? "unit" : "integration", i / 50, i / 10 % 5, i % 10, random() % 100),
                    traits);
    suite.facts.push_back({random() % 10 != 0, KiB(random() % 300'000), KiB(random() % 20'000),
                           1e-6 * static_cast<double>(random() % 4'000'000), static_cast<std::uint32_t>(random() % 10),
                           random() % 100 == 0 ? Verdict::failed : Verdict::passed});
  }
  return suite;
}

struct Mark {
  bool missed = false;
  const char* operator()(bool good) {
    missed = missed || !good;
    return good ? "" : "  <- missed";
  }
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void measure_expressions(const Suite& suite, Mark& mark) {
  fmt::print("{:<100}{:>10}{:>9}\n", "1,000,000 tests filtered", "meant", "seconds");
  for (const std::string text :
       {"unit and not memory_intensive and not slow", "peak > 100MB and not label(stress)",
        "file(tests/unit) and class(Test*3)", "name(/signal_[13579]\\[\\d+-float/)",
        "(unit or label(mem*)) and (duration > 2s or peak > 200MB or failed(last) or unknown()) and not name(/_7\\[/)",
        "id(*module_7*Analyzer3*) or file(/integration/.*_\\d*99\\.py$/) or name(*[9?-*) or class(/4$/) or runs < 1"}) {
    const auto begin = std::chrono::steady_clock::now();
    const auto expression = Expression::parse(text, "bench");
    if (!expression) throw std::runtime_error(expression.error().text());
    const std::vector<bool> meant = expression->match(suite.tests, suite.facts);
    const double seconds = seconds_since(begin);
    fmt::print("{:<100}{:>10}{:>9.2f}{}\n", text, std::ranges::count(meant, true), seconds,
               mark(seconds < kFilterSecondsAllowed));
  }
}

}  // namespace
}  // namespace fittest::select

int main() {
  using namespace fittest::select;
  const Suite suite = make_suite();
  Mark mark;
  measure_expressions(suite, mark);
  return mark.missed ? EXIT_FAILURE : EXIT_SUCCESS;
}

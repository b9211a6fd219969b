#include "select/label_check.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace fittest::select {
namespace {

// An id without the parameters.
std::string_view function_of(std::string_view id) {
  const IdParts parts = parts_of(id);
  return id.substr(0, id.size() - (parts.name.size() - parts.function.size()));
}

// What the tests of a function are together.
struct Function {
  std::size_t tests = 0;
  std::size_t heavy = 0;
  std::size_t unmeasured = 0;
};
using Functions = std::unordered_map<std::string_view, Function>;

std::vector<bool> marked(std::span<const TestIndex> chosen, std::size_t size) {
  std::vector<bool> is_chosen(size);
  for (const TestIndex test : chosen) is_chosen[test] = true;
  return is_chosen;
}

bool says_something(const Facts& facts) {
  return facts.known && facts.last != Verdict::skipped && facts.last != Verdict::not_run;
}

}  // namespace

LabelCheck check_label(const MeasuredLabel& label, std::span<const TestIndex> heavy, const TestList& tests,
                       std::span<const Facts> facts) {
  const std::vector<bool> is_heavy = marked(heavy, tests.size());
  // A label that is made of others may ask the history through them.
  const bool is_measured = label.meaning.asks_history() || !label.meaning.labels().empty();
  const auto is_unmeasured = [&](TestIndex test) {
    return is_measured && !is_heavy[test] && !says_something(facts[test]);
  };

  Functions functions;
  for (TestIndex test = 0; test < tests.size(); ++test) {
    Function& function = functions[function_of(tests.id(test))];
    if (is_heavy[test]) ++function.heavy;
    if (is_unmeasured(test)) ++function.unmeasured;
  }

  LabelCheck check;
  for (TestIndex test = 0; test < tests.size(); ++test) {
    const std::vector<std::string>& labels = tests.labels(test);
    const bool is_marked = std::ranges::find(labels, label.name) != labels.end();
    if (is_marked) ++check.written;
    if (is_unmeasured(test)) {
      ++check.unmeasured;
    } else if (is_heavy[test]) {
      if (!is_marked) check.unmarked_but_heavy.push_back(test);
    } else if (is_marked) {
      const Function& function = functions[function_of(tests.id(test))];
      if (function.heavy == 0 && function.unmeasured == 0) check.marked_but_light.push_back(test);
    }
  }
  return check;
}

MarkChanges mend(const LabelCheck& check, const MeasuredLabel& label, std::span<const TestIndex> heavy,
                 const TestList& tests) {
  const std::vector<bool> is_heavy = marked(heavy, tests.size());
  Functions functions;
  for (TestIndex test = 0; test < tests.size(); ++test) {
    Function& function = functions[function_of(tests.id(test))];
    ++function.tests;
    if (is_heavy[test]) ++function.heavy;
  }
  const auto changes = [&](const std::vector<TestIndex>& blamed) {
    std::vector<MarkChange> out;
    for (const TestIndex test : blamed) {
      const std::string_view id = function_of(tests.id(test));
      Function& function = functions[id];
      if (function.tests == 0) continue;  // already said
      out.push_back({std::string(id), label.name, function.heavy, function.tests});
      function.tests = 0;
    }
    return out;
  };
  return {changes(check.unmarked_but_heavy), changes(check.marked_but_light)};
}

}  // namespace fittest::select

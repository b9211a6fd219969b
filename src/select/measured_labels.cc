#include "select/measured_labels.h"

#include <algorithm>
#include <string>

namespace fittest::select {
namespace {

// The same tests, those marked in `has` with one label more.
TestList with_label(const TestList& tests, const std::string& label, const std::vector<bool>& has) {
  TestList more;
  for (TestIndex test = 0; test < tests.size(); ++test) {
    std::vector<std::string> labels = tests.labels(test);
    if (has[test] && std::find(labels.begin(), labels.end(), label) == labels.end()) labels.push_back(label);
    TestList::Traits traits = tests.traits(test);
    traits.labels = more.add_labels(std::move(labels));
    more.add(tests.id(test), traits);
  }
  return more;
}

}  // namespace

std::vector<std::vector<TestIndex>> measure(std::span<const MeasuredLabel> labels, const TestList& tests,
                                            std::span<const Facts> facts) {
  std::vector<std::vector<TestIndex>> found;
  TestList labelled = tests;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::vector<bool> has = labels[i].meaning.match(labelled, facts);
    std::vector<TestIndex>& here = found.emplace_back();
    for (TestIndex test = 0; test < has.size(); ++test) {
      if (has[test]) here.push_back(test);
    }
    const bool is_asked_for = std::any_of(labels.begin() + static_cast<std::ptrdiff_t>(i) + 1, labels.end(),
                                          [](const MeasuredLabel& later) { return !later.meaning.labels().empty(); });
    if (is_asked_for) labelled = with_label(labelled, labels[i].name, has);
  }
  return found;
}

}  // namespace fittest::select

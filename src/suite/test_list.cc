#include "suite/test_list.h"

namespace fittest::suite {

void TestList::add(std::string_view id, Traits traits) {
  text_ += id;
  ends_.push_back(text_.size());
  traits_.push_back(traits);
}

std::string_view TestList::id(TestIndex test) const {
  const std::size_t from = test == 0 ? 0 : ends_[test - 1];
  return std::string_view(text_).substr(from, ends_[test] - from);
}

}  // namespace fittest::suite

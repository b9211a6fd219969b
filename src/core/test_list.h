#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"

namespace fittest {

// Tests in collection order. A million of them stay small: ids stand in one piece of memory, and tests with the same
// labels share them.
class TestList {
 public:
  struct Traits {
    std::uint32_t file = 0;
    std::uint32_t group = 0;    // tests of one group must share a worker, where the distribution asks for it
    bool shares_setup = false;  // a class, module or package fixture is shared with the test before it
    std::uint32_t labels = 0;   // a number `add_labels` gave; 0: none
  };

  void add(std::string_view id, Traits traits);
  // Returns the number of this set of labels; the same set, in the same order, has one number.
  std::uint32_t add_labels(std::vector<std::string> labels);

  // A test whose number no set has (they came from elsewhere) has none.
  void drop_unknown_labels();

  [[nodiscard]] std::size_t size() const { return traits_.size(); }
  // Valid as long as nothing is added.
  [[nodiscard]] std::string_view id(TestIndex test) const;
  [[nodiscard]] const Traits& traits(TestIndex test) const { return traits_[test]; }
  [[nodiscard]] const std::vector<std::string>& labels(TestIndex test) const {
    return label_sets_[traits_[test].labels];
  }
  // All sets of labels, by their numbers.
  [[nodiscard]] const std::vector<std::vector<std::string>>& label_sets() const { return label_sets_; }

 private:
  std::string text_;
  std::vector<std::size_t> ends_;
  std::vector<Traits> traits_;
  std::vector<std::vector<std::string>> label_sets_ = {{}};
  std::map<std::vector<std::string>, std::uint32_t> numbers_ = {{{}, 0}};
};

// The parts of an id: "tests/a.py::TestB::TestC::test_d[1-x]" has the file "tests/a.py", the class "TestB::TestC" and
// the name "test_d[1-x]"; its function is "test_d". An id without "::" is a name alone. Brackets may hold "::".
struct IdParts {
  std::string_view file;
  std::string_view class_name;
  std::string_view name;
  std::string_view function;
};
IdParts parts_of(std::string_view id);

}  // namespace fittest

#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"

namespace fittest::suite {

// The tests of a run in collection order. A hundred thousand of them stay small: ids stand in one piece of memory.
class TestList {
 public:
  struct Traits {
    std::uint32_t file = 0;
    std::uint32_t group = 0;    // tests of one group must share a worker, where the distribution asks for it
    bool shares_setup = false;  // a class, module or package fixture is shared with the test before it
  };

  void add(std::string_view id, Traits traits);
  [[nodiscard]] std::size_t size() const { return traits_.size(); }
  // Valid as long as nothing is added.
  [[nodiscard]] std::string_view id(TestIndex test) const;
  [[nodiscard]] const Traits& traits(TestIndex test) const { return traits_[test]; }

 private:
  std::string text_;
  std::vector<std::size_t> ends_;
  std::vector<Traits> traits_;
};

}  // namespace fittest::suite

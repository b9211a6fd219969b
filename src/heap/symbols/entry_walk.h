#pragma once
#include <elfutils/libdw.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace fittest::heap {

// Steps through DWARF's entries, which lie in each other, in the order of the file. Passes over what lies too deep, and
// ends where an entry leads back. `Context` is what the caller wants to know about the entries around.
template <typename Context>
class EntryWalk {
 public:
  // Begins at the first entry in `root`.
  EntryWalk(Dwarf_Die root, Context context) : before_(dwarf_dieoffset(&root)) {
    Dwarf_Die die{};
    if (dwarf_child(&root, &die) == 0) path_.push_back({die, std::move(context)});
    check();
  }

  [[nodiscard]] bool ended() const { return path_.empty(); }
  // Only while it has not ended:
  [[nodiscard]] Dwarf_Die& entry() { return path_.back().die; }
  [[nodiscard]] const Context& context() const { return path_.back().context; }

  // To the first entry in this one, with `context` for all that lie in it; to the next behind it, if there is none.
  void enter(Context context) {
    Dwarf_Die die{};
    if (path_.size() < kDeepest && dwarf_child(&entry(), &die) == 0) {
      path_.push_back({die, std::move(context)});
      check();
    } else {
      pass();
    }
  }

  // To the next entry behind this one and all in it.
  void pass() {
    Dwarf_Die die{};
    while (!path_.empty() && dwarf_siblingof(&entry(), &die) != 0) path_.pop_back();
    if (!path_.empty()) path_.back().die = die;
    check();
  }

 private:
  static constexpr std::size_t kDeepest = 200;

  struct Place {
    Dwarf_Die die;
    Context context;
  };

  // What leads back would never end.
  void check() {
    if (path_.empty()) return;
    const Dwarf_Off offset = dwarf_dieoffset(&entry());
    if (offset <= before_) path_.clear();
    before_ = offset;
  }

  std::vector<Place> path_;
  Dwarf_Off before_;
};

}  // namespace fittest::heap

#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "heap/read/allowance.h"

namespace fittest::heap {

// Where an allocation's figures are added up: an index into Sums, or, with kTestCell, into the cells of tests. The
// first few are none.
using Cell = std::uint32_t;
inline constexpr Cell kNoCell = 0;
inline constexpr Cell kIgnoredCell = 1;    // of a thread that was not asked for
inline constexpr Cell kInheritedCell = 2;  // of the parent process
inline constexpr Cell kFirstCell = 3;
inline constexpr Cell kTestCell = Cell{1} << 31;

struct LiveEntry {
  std::uint64_t address;
  std::uint64_t size;
  Cell cell;  // kNoCell: the place is empty
  bool sampled;
};

// Address -> allocation, for hundreds of millions of changes: open addressing with linear probing, 24 bytes a place, no
// more than two thirds of them taken. A caller that knows what comes next says so with `prefetch`.
class LiveTable {
 public:
  explicit LiveTable(Allowance& allowance);
  ~LiveTable();
  LiveTable(const LiveTable&) = delete;
  LiveTable& operator=(const LiveTable&) = delete;

  void prefetch(std::uint64_t address) const { __builtin_prefetch(entries_ + home(address), 1); }
  // The cell of what lies where the address most probably is.
  [[nodiscard]] Cell probable_cell(std::uint64_t address) const { return entries_[home(address)].cell; }
  // Makes room for one more. False: that would take more memory than is allowed; then nothing may be put in.
  bool make_room() { return count_ < most_ || grow(); }
  // The entry of the address; a new one has kNoCell, and its other fields but the address are to be filled in by the
  // caller at once. After make_room().
  LiveEntry& put(std::uint64_t address) {
    std::size_t at = home(address);
    while (entries_[at].cell != kNoCell && entries_[at].address != address) at = (at + 1) & mask_;
    if (entries_[at].cell == kNoCell) {
      ++count_;
      entries_[at].address = address;
    }
    return entries_[at];
  }
  // Takes the address out. False: it is not in.
  bool take(std::uint64_t address, LiveEntry& taken) {
    std::size_t at = home(address);
    while (entries_[at].cell != kNoCell && entries_[at].address != address) at = (at + 1) & mask_;
    if (entries_[at].cell == kNoCell) return false;
    taken = entries_[at];
    close_gap(at);
    --count_;
    return true;
  }

  [[nodiscard]] std::size_t count() const { return count_; }
  // Calls use(entry) for each, in no order.
  template <typename Use>
  void for_each(Use use) const {
    for (std::size_t i = 0; i <= mask_; ++i) {
      if (entries_[i].cell != kNoCell) use(entries_[i]);
    }
  }

 private:
  // Addresses are multiples of 8 or more; the product's high bits depend on all of them.
  [[nodiscard]] std::size_t home(std::uint64_t address) const {
    return static_cast<std::size_t>((address * 0x9E37'79B9'7F4A'7C15U) >> shift_);
  }
  // Moves entries up that probing would no longer find with `gap` empty.
  void close_gap(std::size_t gap) {
    std::size_t at = gap;
    for (;;) {
      at = (at + 1) & mask_;
      if (entries_[at].cell == kNoCell) break;
      if (((at - home(entries_[at].address)) & mask_) >= ((at - gap) & mask_)) {
        entries_[gap] = entries_[at];
        gap = at;
      }
    }
    entries_[gap].cell = kNoCell;
  }
  bool grow();

  Allowance& allowance_;
  LiveEntry* entries_;
  std::size_t mask_;
  unsigned shift_;
  std::size_t count_ = 0;
  std::size_t most_;
};

}  // namespace fittest::heap

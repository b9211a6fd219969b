#pragma once
// An open-addressing hash table in pages of its own, for 64-bit numbers, 0 being none. Grows by doubling up to a bound.
// Not for several threads at once.
#include <cstddef>
#include <cstdint>

#include "heap/track/pages.h"

namespace fittest::heap::track {

// Where keys belong that are well mixed themselves.
struct ByItself {
  static std::uint64_t of(std::uint64_t key) { return key; }
};

// `Home`: gives a number for each key, of which as many low bits as are needed say where it belongs.
template <typename Value, typename Home = ByItself>
class GrowingTable {
 public:
  // At most `most` keys (a power of two).
  constexpr explicit GrowingTable(std::size_t most) : most_(most) {}
  ~GrowingTable() = default;  // lives as long as the process; release() gives the memory back
  GrowingTable(const GrowingTable&) = delete;
  GrowingTable& operator=(const GrowingTable&) = delete;

  // The value of `key`, or null.
  Value* find(std::uint64_t key) {
    if (capacity_ == 0) return nullptr;
    for (std::size_t at = home_of(key);; at = (at + 1) & (capacity_ - 1)) {
      if (slots_[at].key == key) return &slots_[at].value;
      if (slots_[at].key == 0) return nullptr;
    }
  }
  // Puts in a key that is not there; false where the table is full or there is no memory.
  bool insert(std::uint64_t key, Value value) {
    // Half full: each key is to be found in one line of the processor's cache, mostly, because nothing else of it is
    // there.
    if (used_ + 1 > capacity_ / 2 && !grow()) return false;
    put(key, value);
    ++used_;
    return true;
  }
  // Takes `key` out and gives its value; false where it is not there.
  bool take(std::uint64_t key, Value& value) {
    if (capacity_ == 0) return false;
    std::size_t at = home_of(key);
    while (slots_[at].key != key) {
      if (slots_[at].key == 0) return false;
      at = (at + 1) & (capacity_ - 1);
    }
    value = slots_[at].value;
    // Knuth, algorithm 6.4R: those behind the hole that would not be found any more move into it.
    std::size_t hole = at;
    for (std::size_t next = (hole + 1) & (capacity_ - 1); slots_[next].key != 0; next = (next + 1) & (capacity_ - 1)) {
      const std::size_t home = home_of(slots_[next].key);
      if (((next - home) & (capacity_ - 1)) >= ((next - hole) & (capacity_ - 1))) {
        slots_[hole] = slots_[next];
        hole = next;
      }
    }
    slots_[hole].key = 0;
    --used_;
    return true;
  }
  [[nodiscard]] std::size_t size() const { return used_; }
  // Calls `visit` with each value, in no order.
  template <typename Visit>
  void each(Visit visit) const {
    for (std::size_t i = 0; i < capacity_; ++i) {
      if (slots_[i].key != 0) visit(slots_[i].value);
    }
  }
  void release() {
    unmap_pages(slots_, capacity_ * sizeof(Slot));
    abandon();
  }
  // Forgets all, its memory too: in a forked child, where it may be half changed.
  void abandon() {
    slots_ = nullptr;
    capacity_ = used_ = 0;
  }

 private:
  struct Slot {
    std::uint64_t key;
    Value value;
  };

  [[nodiscard]] std::size_t home_of(std::uint64_t key) const { return Home::of(key) & (capacity_ - 1); }
  void put(std::uint64_t key, Value value) {
    std::size_t at = home_of(key);
    while (slots_[at].key != 0) at = (at + 1) & (capacity_ - 1);
    slots_[at] = {key, value};
  }
  bool grow() {
    const std::size_t before = capacity_;
    const std::size_t after = before == 0 ? 256 : before * 2;
    if (after > most_ * 2) return false;
    auto* const fresh = static_cast<Slot*>(map_pages(after * sizeof(Slot)));
    if (fresh == nullptr) return false;
    Slot* const old = slots_;
    slots_ = fresh;
    capacity_ = after;
    for (std::size_t i = 0; i < before; ++i) {
      if (old[i].key != 0) put(old[i].key, old[i].value);
    }
    unmap_pages(old, before * sizeof(Slot));
    return true;
  }

  std::size_t most_;
  Slot* slots_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
};

// Mixes a number so that its low bits are good for a table (the finalizer of MurmurHash3); 0 only for 0.
inline std::uint64_t mixed(std::uint64_t x) {
  x ^= x >> 33;
  x *= 0xFF51AFD7ED558CCDULL;
  x ^= x >> 33;
  x *= 0xC4CEB9FE1A85EC53ULL;
  return x ^ (x >> 33);
}

// Where addresses belong: those of the same 2 MiB near each other, as they often come and go one after the other.
struct ByNeighbourhood {
  static std::uint64_t of(std::uint64_t address) { return mixed(address >> 21) + (address >> 16 & 31); }
};

}  // namespace fittest::heap::track

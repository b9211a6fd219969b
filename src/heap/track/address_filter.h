#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fittest::heap::track {

// Says of most addresses that they are not among some ten thousands: counts of those that fall on each place. Asked
// without a lock, by every free; changed by one thread at a time. Neighbours in memory are neighbours here, because
// they are often freed one after the other. Pages that no address falls on are never touched.
//
// Two levels: nearly all that is asked for ends at the first, which stays in a core's own cache; what is left of a heap
// of some GiB, where a fourth of its places are taken, ends at the second.
class AddressFilter {
 public:
  [[nodiscard]] bool may_hold(const void* at) {
    return read(coarse_[coarse_place(at)]) != 0 && read(fine_[fine_place(at)]) != 0;
  }
  void add(const void* at) {
    add_one(coarse_[coarse_place(at)]);
    add_one(fine_[fine_place(at)]);
  }
  // Of an address that was added.
  void remove(const void* at) {
    remove_one(coarse_[coarse_place(at)]);
    remove_one(fine_[fine_place(at)]);
  }

 private:
  static constexpr std::size_t kCoarse = std::size_t{1} << 18;
  static constexpr std::size_t kFine = std::size_t{1} << 20;
  static std::size_t coarse_place(const void* at) {
    return (reinterpret_cast<std::uintptr_t>(at) >> 8) & (kCoarse - 1);
  }
  static std::size_t fine_place(const void* at) { return (reinterpret_cast<std::uintptr_t>(at) >> 4) & (kFine - 1); }

  static std::uint8_t read(std::uint8_t& count) { return std::atomic_ref(count).load(std::memory_order_relaxed); }
  static void write(std::uint8_t& count, int value) {
    std::atomic_ref(count).store(static_cast<std::uint8_t>(value), std::memory_order_relaxed);
  }
  // What has been counted to the end is no longer known, and stays.
  static void add_one(std::uint8_t& count) {
    if (const std::uint8_t now = read(count); now != UINT8_MAX) write(count, now + 1);
  }
  static void remove_one(std::uint8_t& count) {
    if (const std::uint8_t now = read(count); now != UINT8_MAX) write(count, now - 1);
  }

  // Read and written as atomics. (Clang runs out of steps where a million of these have constructors.)
  std::uint8_t coarse_[kCoarse] = {};
  std::uint8_t fine_[kFine] = {};
};

}  // namespace fittest::heap::track

#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fittest::heap::track {

// Says of most addresses that they are not among some ten thousands. Asked without a lock, by every free; changed by
// one thread at a time. Each address falls on a place, neighbours in memory on neighbours here, because they are often
// freed one after the other; a place holds how many fell on it, and their marks, exclusive-ored: of one alone its mark
// is known, so that an address of another mark is denied although the place is taken. Of some GiB with 20,000 held, one
// in a hundred that are not is not denied. Pages that no address falls on are never written to.
class AddressFilter {
 public:
  [[nodiscard]] bool may_hold(const void* at) {
    const std::uint16_t now = read(places_[place(at)]);
    return (now == (kOne | mark(at))) | (now >= 2 * kOne);
  }
  void add(const void* at) {
    std::uint16_t& there = places_[place(at)];
    // What has been counted to the end is no longer known, and stays.
    if (const std::uint16_t now = read(there); now < kFull) write(there, (now + kOne) ^ mark(at));
  }
  // Of an address that was added.
  void remove(const void* at) {
    std::uint16_t& there = places_[place(at)];
    if (const std::uint16_t now = read(there); now < kFull) write(there, (now - kOne) ^ mark(at));
  }

 private:
  static constexpr int kPlaceBits = 17;
  static constexpr unsigned kOne = 0x100;
  static constexpr unsigned kFull = 0xFF00;
  // Bits 8 to 24 of the address. Those around them are its mark: all that allocations up to half a GiB apart differ in.
  static std::size_t place(const void* at) {
    return (reinterpret_cast<std::uintptr_t>(at) >> 8) & ((std::size_t{1} << kPlaceBits) - 1);
  }
  static unsigned mark(const void* at) {
    const auto address = reinterpret_cast<std::uintptr_t>(at);
    return static_cast<unsigned>((address >> 4 & 0x0F) | (address >> (8 + kPlaceBits - 4) & 0xF0));
  }

  static std::uint16_t read(std::uint16_t& there) { return std::atomic_ref(there).load(std::memory_order_relaxed); }
  static void write(std::uint16_t& there, unsigned value) {
    std::atomic_ref(there).store(static_cast<std::uint16_t>(value), std::memory_order_relaxed);
  }

  // Read and written as atomics. (Clang runs out of steps where so many of these have constructors.)
  std::uint16_t places_[std::size_t{1} << kPlaceBits] = {};
};

}  // namespace fittest::heap::track

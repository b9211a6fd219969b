#pragma once
#include <cstddef>
#include <cstdint>

namespace fittest::heap::track {

// The anonymous memory that the program itself mapped: which addresses, so that unmapping a part of it, or of what was
// never counted, takes away what it should. Not for several threads at once.
class Mappings {
 public:
  // [begin, begin + size) is mapped now, whatever was there before. Returns the bytes that were counted there already.
  std::uint64_t add(std::uintptr_t begin, std::uint64_t size);
  // It is no longer. Returns the bytes of it that were counted.
  std::uint64_t remove(std::uintptr_t begin, std::uint64_t size);
  // Whether `address` lies in what is counted.
  [[nodiscard]] bool holds(std::uintptr_t address) const;
  // Ranges that did not fit in.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  struct Range {
    std::uintptr_t begin, end;
  };
  static constexpr std::size_t kMost = std::size_t{1} << 20;  // more than the kernel allows a process by default

  bool grow();
  void insert(std::size_t at, Range range);
  // The first range that ends behind `address`.
  [[nodiscard]] std::size_t first_behind(std::uintptr_t address) const;

  Range* ranges_ = nullptr;  // in order, apart
  std::size_t count_ = 0;
  std::size_t capacity_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace fittest::heap::track

#include "heap/track/mappings.h"

#include <cstring>

#include "heap/track/pages.h"

namespace fittest::heap::track {

bool Mappings::grow() {
  const std::size_t after = capacity_ == 0 ? 256 : capacity_ * 2;
  if (after > kMost) return false;
  auto* const fresh = static_cast<Range*>(map_pages(after * sizeof(Range)));
  if (fresh == nullptr) return false;
  if (count_ > 0) std::memcpy(fresh, ranges_, count_ * sizeof(Range));
  unmap_pages(ranges_, capacity_ * sizeof(Range));
  ranges_ = fresh;
  capacity_ = after;
  return true;
}

std::size_t Mappings::first_behind(std::uintptr_t address) const {
  std::size_t low = 0, high = count_;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (ranges_[middle].end <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

void Mappings::insert(std::size_t at, Range range) {
  if (count_ == capacity_ && !grow()) {
    ++lost_;
    return;
  }
  std::memmove(ranges_ + at + 1, ranges_ + at, (count_ - at) * sizeof(Range));
  ranges_[at] = range;
  ++count_;
}

bool Mappings::holds(std::uintptr_t address) const {
  const std::size_t at = first_behind(address);
  return at < count_ && ranges_[at].begin <= address;
}

std::uint64_t Mappings::add(std::uintptr_t begin, std::uint64_t size) {
  const std::uint64_t before = remove(begin, size);
  insert(first_behind(begin), {begin, begin + size});
  return before;
}

std::uint64_t Mappings::remove(std::uintptr_t begin, std::uint64_t size) {
  const std::uintptr_t end = begin + size;
  std::uint64_t gone = 0;
  std::size_t at = first_behind(begin);
  while (at < count_ && ranges_[at].begin < end) {
    Range& range = ranges_[at];
    const std::uintptr_t from = range.begin > begin ? range.begin : begin;
    const std::uintptr_t to = range.end < end ? range.end : end;
    gone += to - from;
    const Range rest{to, range.end};
    if (from > range.begin) {
      range.end = from;
      ++at;
      if (rest.begin < rest.end) insert(at, rest);  // cut in two
    } else if (rest.begin < rest.end) {
      range.begin = rest.begin;
      ++at;
    } else {
      std::memmove(ranges_ + at, ranges_ + at + 1, (count_ - at - 1) * sizeof(Range));
      --count_;
    }
  }
  return gone;
}

}  // namespace fittest::heap::track

#include "heap/read/live_table.h"

#include <sys/mman.h>

#include <bit>
#include <new>

namespace fittest::heap {
namespace {

constexpr std::size_t kSmallest = std::size_t{1} << 8;
// Of x86; elsewhere the advice is as good.
constexpr std::size_t kLargePage = std::size_t{2} << 20;

constexpr std::size_t most_of(std::size_t places) {
  return places / 3 * 2;
}

// Zeroed, in large pages where there are some: without them nearly every look is a miss in the page tables too.
LiveEntry* map_places(std::size_t places) {
  const std::size_t bytes = places * sizeof(LiveEntry);
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  if (bytes >= kLargePage) ::madvise(memory, bytes, MADV_HUGEPAGE);
  return static_cast<LiveEntry*>(memory);
}

void unmap_places(LiveEntry* entries, std::size_t places) {
  ::munmap(entries, places * sizeof(LiveEntry));
}

}  // namespace

LiveTable::LiveTable(Allowance& allowance)
    : allowance_(allowance),
      entries_(map_places(kSmallest)),
      mask_(kSmallest - 1),
      shift_(64U - static_cast<unsigned>(std::countr_zero(kSmallest))),
      most_(most_of(kSmallest)) {}

LiveTable::~LiveTable() {
  unmap_places(entries_, mask_ + 1);
  if (mask_ + 1 > kSmallest) allowance_.give_back((mask_ + 1) * sizeof(LiveEntry));
}

bool LiveTable::grow() {
  const std::size_t before = mask_ + 1;
  const std::size_t places = before * 2;
  if (!allowance_.take(places * sizeof(LiveEntry))) return false;
  LiveEntry* const old = entries_;
  entries_ = map_places(places);
  mask_ = places - 1;
  --shift_;
  most_ = most_of(places);
  for (std::size_t i = 0; i < before; ++i) {
    if (old[i].cell == kNoCell) continue;
    std::size_t at = home(old[i].address);
    while (entries_[at].cell != kNoCell) at = (at + 1) & mask_;
    entries_[at] = old[i];
  }
  unmap_places(old, before);
  if (before > kSmallest) allowance_.give_back(before * sizeof(LiveEntry));
  return true;
}

}  // namespace fittest::heap

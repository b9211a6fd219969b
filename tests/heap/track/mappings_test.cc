#include "heap/track/mappings.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace fittest::heap::track {
namespace {

// Against a plain array of pages.
TEST(TrackedMappings, CountWhatIsMappedAndNothingTwice) {
  constexpr std::size_t kPages = 300;
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    Mappings mappings;
    std::vector<bool> model(kPages);
    for (int i = 0; i < 2000; ++i) {
      const std::size_t from = random() % kPages;
      const std::size_t size = 1 + random() % std::min<std::size_t>(kPages - from, 1 + random() % 60);
      std::uint64_t there = 0;
      for (std::size_t page = from; page < from + size; ++page) there += model[page] ? 4096 : 0;
      const bool add = random() % 2 == 0;
      const std::uintptr_t begin = 0x10000 + from * 4096;
      EXPECT_EQ(add ? mappings.add(begin, size * 4096) : mappings.remove(begin, size * 4096), there);
      for (std::size_t page = from; page < from + size; ++page) model[page] = add;
      const std::size_t look = random() % kPages;
      ASSERT_EQ(mappings.holds(0x10000 + look * 4096 + 5), model[look]);
    }
    EXPECT_EQ(mappings.lost(), 0U);
  }
}

}  // namespace
}  // namespace fittest::heap::track

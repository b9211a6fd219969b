#include "heap/pack/pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "heap/read/trace_reader.h"
#include "heap/trace_writer.h"
#include "support/folder.h"

namespace fittest::heap {
namespace {

using trace::Kind;
using trace::Mode;

constexpr std::uint64_t kPeriod = 4096;

class PackTest : public testing::Test {
 protected:
  struct Read {
    Profile profile;
    std::vector<TestProfile> tests;
    std::vector<std::vector<AliveFigures>> alive;
  };
  static Read read(const std::filesystem::path& file, std::uint64_t thread = 0) {
    Read out;
    ReadOptions options;
    options.thread_only = thread;
    options.on_test = [&out](const TestProfile& test) { out.tests.push_back(test); };
    options.on_alive = [&out](std::vector<AliveFigures> alive) { out.alive.push_back(std::move(alive)); };
    auto profile = read_profile(file, std::move(options));
    if (!profile) throw std::runtime_error(profile.error().text());
    out.profile = std::move(*profile);
    return out;
  }

  static void expect_near(const Amount& a, const Amount& b) {
    EXPECT_NEAR(a.bytes, b.bytes, 1e-9 * b.bytes + 1e-3);
    EXPECT_NEAR(a.count, b.count, 1e-9 * b.count + 1e-5);
    EXPECT_NEAR(a.variance, b.variance, 1e-9 * b.variance + 10);
  }

  // `peak`: false where one thread alone was asked for, whose own sum is highest at another moment.
  static void expect_same(const Read& packed, const Read& plain, bool peak = true) {
    const Profile& a = packed.profile;
    const Profile& b = plain.profile;
    EXPECT_EQ(a.problems, b.problems);
    EXPECT_EQ(a.program, b.program);
    EXPECT_EQ(a.counters.peak, b.counters.peak);
    EXPECT_EQ(a.counters.allocated, b.counters.allocated);
    EXPECT_EQ(a.unknown_frees, b.unknown_frees);
    EXPECT_EQ(a.lost, b.lost);
    EXPECT_EQ(a.ending, b.ending);
    EXPECT_EQ(a.milliseconds, b.milliseconds);
    if (peak) {
      EXPECT_EQ(a.peak_milliseconds, b.peak_milliseconds);
    }
    EXPECT_EQ(a.stacks.size(), b.stacks.size());
    EXPECT_EQ(a.modules.size(), b.modules.size());
    ASSERT_EQ(a.sizes.counts.size(), b.sizes.counts.size());
    for (std::size_t i = 0; i < a.sizes.counts.size(); ++i) EXPECT_NEAR(a.sizes.counts[i], b.sizes.counts[i], 1e-4);
    ASSERT_EQ(a.figures.size(), b.figures.size());
    for (std::size_t i = 0; i < a.figures.size(); ++i) {
      SCOPED_TRACE(i);
      EXPECT_EQ(a.figures[i].stack, b.figures[i].stack);
      EXPECT_EQ(a.figures[i].kind, b.figures[i].kind);
      EXPECT_EQ(a.figures[i].largest, b.figures[i].largest);
      expect_near(a.figures[i].total, b.figures[i].total);
      if (peak) expect_near(a.figures[i].peak, b.figures[i].peak);
      expect_near(a.figures[i].leaked, b.figures[i].leaked);
      expect_near(a.figures[i].temporary, b.figures[i].temporary);
    }
    ASSERT_EQ(packed.tests.size(), plain.tests.size());
    for (std::size_t i = 0; i < packed.tests.size(); ++i) {
      EXPECT_EQ(packed.tests[i].name, plain.tests[i].name);
      expect_same_test(packed.tests[i], plain.tests[i]);
    }
    ASSERT_EQ(packed.alive.size(), plain.alive.size());
    for (std::size_t i = 0; i < packed.alive.size(); ++i) {
      expect_same_figures(packed.alive[i], plain.alive[i], [](const AliveFigures& one) { return one.alive; });
    }
  }
  static void expect_same_test(const TestProfile& a, const TestProfile& b) {
    expect_same_figures(a.figures, b.figures, [](const TestFigures& one) { return one.total; });
    expect_same_figures(a.figures, b.figures, [](const TestFigures& one) { return one.kept; });
  }
  // Whatever the order.
  template <class Figures, class AmountOf>
  static void expect_same_figures(const std::vector<Figures>& a, const std::vector<Figures>& b, AmountOf amount_of) {
    ASSERT_EQ(a.size(), b.size());
    std::map<std::pair<std::uint32_t, Kind>, Amount> amounts;
    for (const Figures& one : b) amounts[{one.stack, one.kind}] = amount_of(one);
    for (const Figures& one : a) {
      const auto other = amounts.find({one.stack, one.kind});
      ASSERT_NE(other, amounts.end());
      expect_near(amount_of(one), other->second);
    }
  }

  Folder folder_;
};

trace::Counters counters_of(std::uint64_t live, std::uint64_t peak) {
  trace::Counters counters{};
  counters.live = live;
  counters.peak = peak;
  return counters;
}

// A life with threads, tests, mappings over each other, frees of what nobody knows and allocations over live ones.
std::string random_life(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  TraceWriter writer(new_header(Mode::sample, kPeriod));
  const std::uint32_t stacks = 1 + static_cast<std::uint32_t>(random() % 6);
  writer.records().module("/usr/lib/libx.so", "id", 0, 1000, 3000);
  for (std::uint32_t i = 0; i < stacks; ++i) writer.records().stack({1000 + i, 2000});
  std::uint64_t highest = 0;
  bool in_test = false;
  const std::uint64_t steps = 100 + random() % 900;
  for (std::uint64_t i = 0; i < steps; ++i) {
    if (random() % 50 == 0) writer.end_block();
    RecordWriter& out = writer.records();
    const std::uint64_t lot = random() % 100;
    const std::uint64_t address = 0x7000'0000 + random() % 100 * 16;
    const std::uint64_t page = 0x1000'0000 + random() % 50 * 4096;
    const auto stack = static_cast<std::uint32_t>(random() % stacks);
    if (lot < 45) {
      const Kind kind = random() % 3 == 0 ? static_cast<Kind>(3 + random() % 3) : Kind::heap;
      const std::uint64_t size = random() % 4 == 0 ? random() % 100'000 : random() % 200;
      out.alloc(address, size, stack, kind, size < trace::kAlwaysRecorded);
    } else if (lot < 75) {
      out.free(address, random() % 3 == 0, random() % 2 == 0);
    } else if (lot < 80) {
      out.alloc(page, (1 + random() % 20) * 4096, stack, Kind::mapped, false);
    } else if (lot < 84) {
      out.unmap(page, (1 + random() % 20) * 4096);
    } else if (lot < 88) {
      out.thread(1 + random() % 3);
    } else if (lot < 94) {
      const std::uint64_t most = 1 + random() % 1'000'000;
      highest = std::max(highest, most);
      out.live(most, most / 2);
    } else if (lot < 95) {
      out.counters(counters_of(random() % 1000, random() % 1'000'000));
    } else if (lot < 96) {
      out.mark(in_test ? "" : "test " + std::to_string(i), counters_of(1, random() % 1'000'000));
      in_test = !in_test;
    } else {
      out.clock(i);
    }
  }
  if (random() % 2 == 0) writer.records().end();
  writer.header().counters.peak = random() % 2 == 0 ? highest : highest * 2;
  writer.header().milliseconds = steps;
  return writer.bytes();
}

TEST_F(PackTest, a_packed_trace_says_what_it_said_before) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    const auto plain = folder_.write("plain", random_life(seed));
    const auto packed = folder_.write("packed", random_life(seed));
    const auto done = pack_trace(packed);
    ASSERT_TRUE(done) << done.error().text();
    ASSERT_EQ(*done, Packed::packed);
    expect_same(read(packed), read(plain));
    expect_same(read(packed, 2), read(plain, 2), false);
    if (HasFailure()) return;
  }
}

TEST_F(PackTest, equal_allocations_take_next_to_no_room) {
  std::mt19937_64 random(1);
  TraceWriter writer(new_header(Mode::sample, kPeriod));
  for (std::uint64_t i = 0; i < 100; ++i) writer.records().stack({1000 + i * 17, 2000 + i * i});
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    const std::uint64_t address = 0x7000'0000 + random() % 100'000 * 16;
    writer.records().alloc(address, 16 * (1 + random() % 4), static_cast<std::uint32_t>(random() % 100), Kind::heap,
                           true);
    if (random() % 4 != 0) writer.records().free(address, false, true);
    writer.records().live(i, i);
  }
  const auto file = folder_.write("trace", writer.bytes());
  const auto before = std::filesystem::file_size(file);
  ASSERT_EQ(pack_trace(file), Packed::packed);
  EXPECT_LT(std::filesystem::file_size(file) * 20, before);
}

TEST_F(PackTest, a_trace_that_is_longer_than_what_is_held_in_memory) {
  std::mt19937_64 random(2);
  TraceWriter writer(new_header(Mode::sample, kPeriod));
  for (std::uint64_t i = 0; i < 10; ++i) writer.records().stack({1000 + i});
  for (std::uint64_t i = 0; i < 1'200'000; ++i) {
    const std::uint64_t address = 0x7000'0000 + random() % 1'000'000 * 16;
    writer.records().alloc(address, random() % 50'000, static_cast<std::uint32_t>(random() % 10), Kind::heap, true);
    if (i % 1000 == 0) writer.records().live(random() % 1'000'000'000, 0);
  }
  const auto plain = folder_.write("plain", writer.bytes());
  const auto packed = folder_.write("packed", writer.bytes());
  ASSERT_EQ(pack_trace(packed), Packed::packed);
  expect_same(read(packed), read(plain));
}

TEST_F(PackTest, what_must_not_be_changed_stays_as_it_is) {
  const auto left_alone = [this](TraceWriter& writer) {
    const auto file = folder_.write("trace", writer.bytes());
    const auto done = pack_trace(file);
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(*done, Packed::as_it_is);
    EXPECT_EQ(folder_.read("trace"), writer.bytes());
  };
  TraceWriter exact(new_header(Mode::exact));
  left_alone(exact);
  TraceWriter counted(new_header(Mode::count));
  left_alone(counted);
  TraceWriter child(new_header(Mode::sample, kPeriod));
  child.header().parent_process = 1;
  left_alone(child);
  // Damage: whoever looks closer finds more in the original than in what could be read of it.
  TraceWriter damaged(new_header(Mode::sample, kPeriod));
  damaged.records().stack({1});
  damaged.records().byte(0xFF);
  left_alone(damaged);
}

TEST_F(PackTest, a_packed_trace_is_not_packed_again) {
  const auto file = folder_.write("trace", random_life(7));
  ASSERT_EQ(pack_trace(file), Packed::packed);
  const std::string once = folder_.read("trace");
  EXPECT_EQ(pack_trace(file), Packed::as_it_is);
  EXPECT_EQ(folder_.read("trace"), once);
}

TEST_F(PackTest, what_is_no_trace_is_an_error) {
  EXPECT_THAT(pack_trace(folder_.write("trace", "something else")).error().text(), testing::HasSubstr("no heap trace"));
}

// Wherever it is cut off or changed, reading it ends with what could be read.
TEST_F(PackTest, a_damaged_packed_trace_can_be_read) {
  const auto file = folder_.write("trace", random_life(11));
  ASSERT_EQ(pack_trace(file), Packed::packed);
  const std::string whole = folder_.read("trace");
  for (std::size_t length = 0; length < whole.size(); length += 7) {
    const auto profile = read_profile(folder_.write("cut", whole.substr(0, length)));
    if (profile && length > offsetof(trace::Header, program) + 20) {
      EXPECT_FALSE(profile->problems.empty() && !profile->figures.empty());
    }
  }
  std::string no_end = whole;
  std::fill(no_end.begin() + offsetof(trace::Header, program), no_end.end(), 'x');
  no_end.resize(8192, 'x');
  const auto refused = read_profile(folder_.write("endless", no_end));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), testing::HasSubstr("header is damaged"));
}

}  // namespace
}  // namespace fittest::heap

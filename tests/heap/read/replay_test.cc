#include "heap/read/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "heap/read/trace_reader.h"
#include "heap/trace_writer.h"
#include "memory_file.h"

namespace fittest::heap {
namespace {

using trace::Kind;
using trace::Mode;

constexpr std::uint64_t kPeriod = 4096;

// The same sums as Replay's, made by going over everything each time.
class Model {
 public:
  using Key = std::pair<std::uint32_t, Kind>;
  struct One {
    Key key;
    std::uint64_t size, held;
    bool sampled;
    std::uint64_t number;
  };
  struct Sum {
    double bytes = 0, count = 0, variance = 0;
    void add(const One& one) {
      const auto held = static_cast<double>(one.held);
      double p = 1;
      if (one.sampled) p = 1 - std::exp(-static_cast<double>(one.size + trace::kSampledExtra) / kPeriod);
      bytes += held / p;
      count += 1 / p;
      variance += held * held * (1 - p) / (p * p);
    }
  };
  using Sums = std::map<Key, Sum>;

  explicit Model(bool sampled) : sampled_(sampled) {}

  void alloc(std::uint64_t address, const One& one) {
    const bool python = one.key.second >= Kind::python_raw;
    if (one.key.second == Kind::mapped) {
      cut(address, one.size);
      for (std::uint64_t page = address; page < address + one.size; page += 4096) pages_[page] = one.number;
      mappings_[one.number] = one;
    } else {
      (python ? python_ : heap_)[address] = one;
    }
    total[one.key].add(one);
    largest[one.key] = std::max(largest[one.key], one.size);
    look();
  }
  void free(std::uint64_t address, bool python) {
    if ((python ? python_ : heap_).erase(address) == 0) ++unknown;
  }
  void unmap(std::uint64_t address, std::uint64_t size) {
    if (!cut(address, size)) ++unknown;
  }
  void counted(std::uint64_t most) {
    if (!sampled_) return;
    if (most > highest_) {
      highest_ = most;
      peak = candidate_;
    }
    candidate_ = live();
    most_ = held();
  }
  void finish(std::uint64_t header_peak) {
    if (!sampled_ || header_peak > highest_ + highest_ / 64 || highest_ == 0) peak = candidate_;
  }
  [[nodiscard]] Sums live() const {
    Sums sums;
    for (const auto* map : {&heap_, &python_}) {
      for (const auto& [address, one] : *map) sums[one.key].add(one);
    }
    for (const auto& [number, one] : mappings_) sums[one.key].add(one);
    return sums;
  }
  [[nodiscard]] std::vector<std::uint64_t> addresses(bool python) const {
    std::vector<std::uint64_t> addresses;
    for (const auto& [address, one] : python ? python_ : heap_) addresses.push_back(address);
    return addresses;
  }

  Sums total, peak;
  std::map<Key, std::uint64_t> largest;
  std::uint64_t unknown = 0;

 private:
  [[nodiscard]] double held() const {
    double sum = 0;
    for (const auto& [key, one] : live()) sum += one.bytes;
    return sum;
  }
  void look() {
    if (held() <= most_ * (sampled_ ? 1 + 1e-9 : 1)) return;
    most_ = held();
    candidate_ = live();
  }
  bool cut(std::uint64_t address, std::uint64_t size) {
    bool any = false;
    for (auto page = pages_.lower_bound(address); page != pages_.end() && page->first < address + size;) {
      any = true;
      One& one = mappings_[page->second];
      one.held -= 4096;
      if (one.held == 0) mappings_.erase(page->second);
      page = pages_.erase(page);
    }
    return any;
  }

  bool sampled_;
  std::map<std::uint64_t, One> heap_, python_;
  std::map<std::uint64_t, std::uint64_t> pages_;  // to the number of a mapping
  std::map<std::uint64_t, One> mappings_;
  double most_ = 0;
  std::uint64_t highest_ = 0;
  Sums candidate_;
};

void expect_near(const Amount& amount, const Model::Sum& sum) {
  EXPECT_NEAR(amount.bytes, sum.bytes, 1e-9 * std::abs(sum.bytes) + 1e-3);
  EXPECT_NEAR(amount.count, sum.count, 1e-9 * std::abs(sum.count) + 1e-5);
  EXPECT_NEAR(amount.variance, sum.variance, 1e-9 * std::abs(sum.variance) + 10);
}

void expect_same(const Profile& profile, const Model& model) {
  EXPECT_THAT(profile.problems, testing::IsEmpty());
  EXPECT_EQ(profile.unknown_frees, model.unknown);
  EXPECT_EQ(profile.figures.size(), model.total.size());
  Model::Sums leaked = model.live();
  Model::Sums peak = model.peak;
  for (const Figures& figures : profile.figures) {
    const Model::Key key(figures.stack, figures.kind);
    ASSERT_TRUE(model.total.contains(key));
    expect_near(figures.total, model.total.at(key));
    expect_near(figures.peak, peak[key]);
    expect_near(figures.leaked, leaked[key]);
    EXPECT_EQ(figures.largest, model.largest.at(key));
  }
}

// A random life of a process, told to the writer and to the model.
void random_life(std::uint64_t seed, bool sampled) {
  std::mt19937_64 random(seed);
  TraceWriter writer(new_header(sampled ? Mode::sample : Mode::exact, sampled ? kPeriod : 0));
  Model model(sampled);
  const std::uint32_t stacks = 1 + static_cast<std::uint32_t>(random() % 6);
  for (std::uint32_t i = 0; i < stacks; ++i) writer.records().stack({1000 + i, 2000});
  std::uint64_t highest = 0;
  const int steps = 300;
  for (int i = 0; i < steps; ++i) {
    if (random() % 50 == 0) writer.end_block();
    const std::uint64_t lot = random() % 100;
    if (lot < 45) {
      const Kind kind = random() % 3 == 0 ? static_cast<Kind>(3 + random() % 3) : Kind::heap;
      const std::uint64_t size = random() % 4 == 0 ? random() % 100'000 : random() % 200;
      const std::uint64_t address = 0x7000'0000 + random() % 100 * 16;
      const Model::One one{{static_cast<std::uint32_t>(random() % stacks), kind},
                           size,
                           size,
                           sampled && size < trace::kAlwaysRecorded,
                           0};
      model.alloc(address, one);
      writer.records().alloc(address, size, one.key.first, kind, one.sampled);
    } else if (lot < 75) {
      const bool python = random() % 3 == 0;
      const auto known = model.addresses(python);
      const std::uint64_t address =
          known.empty() || random() % 10 == 0 ? 0x7000'0000 + random() % 200 * 16 : known[random() % known.size()];
      model.free(address, python);
      writer.records().free(address, python);
    } else if (lot < 85) {
      const std::uint64_t address = 0x1000'0000 + random() % 50 * 4096;
      const std::uint64_t size = (1 + random() % 20) * 4096;
      const Model::One one{{static_cast<std::uint32_t>(random() % stacks), Kind::mapped},
                           size,
                           size,
                           sampled && size < trace::kAlwaysRecorded,
                           static_cast<std::uint64_t>(i) + 1};
      model.alloc(address, one);
      writer.records().alloc(address, size, one.key.first, Kind::mapped, one.sampled);
    } else if (lot < 94) {
      const std::uint64_t address = 0x1000'0000 + random() % 50 * 4096;
      const std::uint64_t size = (1 + random() % 20) * 4096;
      model.unmap(address, size);
      writer.records().unmap(address, size);
    } else if (lot < 97) {
      const std::uint64_t most = 1 + random() % 1'000'000;
      highest = std::max(highest, most);
      model.counted(most);
      writer.records().live(most, most / 2);
    } else {
      writer.records().clock(static_cast<std::uint64_t>(i));
    }
  }
  writer.header().counters.peak = random() % 2 == 0 ? highest : highest * 2;
  model.finish(writer.header().counters.peak);
  expect_same(profile_of(writer.bytes()), model);
}

TEST(Replay, AnExactTraceGivesWhatANaiveModelGives) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    random_life(seed, false);
    if (HasFailure()) return;
  }
}

TEST(Replay, ASampledTraceGivesWhatANaiveModelGives) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    random_life(seed, true);
    if (HasFailure()) return;
  }
}

TEST(Replay, SampledRecordsEstimateWhatTheyAreASampleOf) {
  // 4,000 allocations of 100 bytes, each seen with the probability that the format states: the truth lies within four
  // standard deviations as often as it should (all but one of sixteen thousand).
  std::mt19937_64 random(1);
  constexpr double kTruth = 400'000;
  int outside = 0;
  double sum = 0;
  constexpr int kRuns = 200;
  for (int run = 0; run < kRuns; ++run) {
    TraceWriter writer(new_header(Mode::sample, kPeriod));
    writer.records().stack({1});
    std::exponential_distribution<double> gap(1.0 / kPeriod);
    double next = gap(random);
    for (std::uint64_t i = 0; i < 4000; ++i) {
      next -= 100 + trace::kSampledExtra;
      if (next >= 0) continue;
      writer.records().alloc(0x1000 + i * 128, 100, 0, Kind::heap, true);
      next = gap(random);
    }
    const Profile profile = profile_of(writer.bytes());
    const double deviation = std::sqrt(profile.leaked.variance);
    outside += std::abs(profile.leaked.bytes - kTruth) > 4 * deviation ? 1 : 0;
    sum += profile.leaked.bytes;
  }
  EXPECT_LE(outside, 1);
  // Each run's deviation is some 10 %, that of their mean a fourteenth.
  EXPECT_NEAR(sum / kRuns, kTruth, 0.03 * kTruth);
}

TEST(Replay, WhatIsFreedBeforeTheThreadAllocatesAgainIsTemporary) {
  TraceWriter writer(new_header(Mode::exact));
  auto& out = writer.records();
  out.stack({1});
  out.stack({2});
  out.thread(10);
  out.alloc(0x100, 10, 0);
  out.thread(11);
  out.alloc(0x200, 20, 1);  // of another thread
  out.thread(10);
  out.free(0x100);  // temporary
  out.alloc(0x300, 30, 0);
  out.alloc(0x400, 40, 0);
  out.free(0x300);  // not: the thread has allocated since
  out.free(0x400);  // temporary
  out.free(0x400);  // unknown
  out.free(0x200);  // not: another thread's
  out.alloc(0x500, 7, 1, Kind::python_object);
  out.alloc(0x500, 1000, 1);
  out.free(0x500, true);  // temporary: Python's allocators are by themselves
  const Profile profile = profile_of(writer.bytes());
  ASSERT_EQ(profile.figures.size(), 3U);
  EXPECT_EQ(profile.figures[0].temporary.bytes, 50);
  EXPECT_EQ(profile.figures[0].temporary.count, 2);
  EXPECT_EQ(profile.figures[1].temporary.count, 0);
  EXPECT_EQ(profile.figures[2].kind, Kind::python_object);
  EXPECT_EQ(profile.figures[2].temporary.bytes, 7);
  EXPECT_EQ(profile.temporary.bytes, 57);
  EXPECT_EQ(profile.unknown_frees, 1U);
  EXPECT_EQ(profile.total.bytes, 1107);
}

TEST(Replay, InASampledTraceTheTrackerSaysWhatIsTemporary) {
  TraceWriter writer(new_header(Mode::sample, kPeriod));
  auto& out = writer.records();
  out.stack({1});
  out.alloc(0x100, 100, 0, Kind::heap, true);
  out.free(0x100);  // others, not sampled, can have been allocated between
  out.alloc(0x100, 100, 0, Kind::heap, true);
  out.free(0x100, false, true);
  out.alloc(0x200, 100'000, 0);
  out.free(0x200, false, true);
  const Profile profile = profile_of(writer.bytes());
  const double p = 1 - std::exp(-(100.0 + trace::kSampledExtra) / kPeriod);
  EXPECT_NEAR(profile.temporary.bytes, 100 / p + 100'000, 1e-3);
  EXPECT_NEAR(profile.temporary.count, 1 / p + 1, 1e-6);
  EXPECT_NEAR(profile.temporary.variance, 10'000 * (1 - p) / (p * p), 1e-3);
  EXPECT_EQ(profile.leaked.bytes, 0);
}

TEST(Replay, OneThreadAlone) {
  TraceWriter writer(new_header(Mode::exact));
  auto& out = writer.records();
  out.stack({1});
  out.alloc(0x50, 1, 0);
  out.thread(10);
  out.alloc(0x100, 10, 0);
  out.thread(11);
  out.alloc(0x200, 20, 0);
  out.free(0x100);
  out.alloc(0x1000, 4096, 0, Kind::mapped);
  out.thread(10);
  out.free(0x200);
  out.unmap(0x1000, 4096);
  out.alloc(0x300, 30, 0);
  ReadOptions options;
  options.thread_only = 10;
  const Profile profile = profile_of(writer.bytes(), options);
  EXPECT_EQ(profile.total.bytes, 40);
  EXPECT_EQ(profile.leaked.bytes, 30);
  EXPECT_EQ(profile.peak.bytes, 30);
  EXPECT_EQ(profile.unknown_frees, 0U);
}

TEST(Replay, SizesAreCountedInPowersOfTwo) {
  TraceWriter writer(new_header(Mode::exact));
  auto& out = writer.records();
  out.stack({1});
  std::uint64_t address = 0;
  for (const std::uint64_t size : {0U, 1U, 2U, 3U, 4U, 1023U, 1024U}) out.alloc(address += 4096, size, 0);
  EXPECT_THAT(profile_of(writer.bytes()).sizes.counts, testing::ElementsAre(2, 2, 1, 0, 0, 0, 0, 0, 0, 1, 1));
}

TEST(Replay, DefinitionsAreGivenAsTheyWereMappedThen) {
  TraceWriter writer(new_header(Mode::exact));
  auto& out = writer.records();
  out.module("/a.so", "A", 0x10, 0x1000, 0x3000);
  out.module("/b.so", "B", 0x20, 0x3000, 0x4000);
  out.code("f", "f.py", 3, 12, "xyz");
  out.stack({0x1001, 0x3000, 0x3001, 0x5000, 0x1000}, {{0, 20, true}});
  out.module("/c.so", "C", 0x30, 0x2000, 0x3800);  // over parts of both
  out.stack({0x1001, 0x3000, 0x3801});
  out.alloc(0x100, 1, 0);
  const Profile profile = profile_of(writer.bytes());
  ASSERT_EQ(profile.stacks.size(), 2U);
  const auto modules = [](const Stack& stack) {
    std::vector<std::uint32_t> numbers;
    for (const NativeFrame& frame : stack.native) numbers.push_back(frame.module);
    return numbers;
  };
  EXPECT_THAT(modules(profile.stacks[0]), testing::ElementsAre(0, 0, 1, kNoModule, kNoModule));
  EXPECT_THAT(modules(profile.stacks[1]), testing::ElementsAre(kNoModule, 2, kNoModule));
  EXPECT_EQ(profile.stacks[0].native[3].address, 0x5000U);
  EXPECT_THAT(profile.stacks[0].python, testing::ElementsAre(PythonFrame{0, 20, true}));
  EXPECT_EQ(profile.codes[0].line_table, "xyz");
  EXPECT_EQ(profile.modules[2].build_id, "C");
}

TEST(Replay, PointsOverTimeAreFewAndHoldTheHighest) {
  TraceWriter writer(new_header(Mode::sample, kPeriod));
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    writer.records().clock(i * 10);
    writer.records().live(i == 77'777 ? 1'000'000 : i % 1000, 0);
  }
  const Profile profile = profile_of(writer.bytes());
  EXPECT_LE(profile.moments.size(), 4096U);
  EXPECT_GE(profile.moments.size(), 1000U);
  const auto highest = std::ranges::max_element(profile.moments, {}, &Moment::live);
  EXPECT_EQ(highest->live, 1'000'000U);
  EXPECT_EQ(highest->milliseconds, 777'770U);
  EXPECT_TRUE(std::ranges::is_sorted(profile.moments, {}, &Moment::milliseconds));
}

TEST(Replay, AGreedyTraceIsReadAsFarAsMemoryIsAllowed) {
  TraceWriter writer(new_header(Mode::exact));
  writer.records().stack({1});
  for (std::uint64_t i = 1; i <= 100'000; ++i) writer.records().alloc(i * 16, 1, 0);
  ReadOptions options;
  options.memory = std::uint64_t{1} << 20;
  const Profile profile = profile_of(writer.bytes(), options);
  EXPECT_THAT(profile.problems, testing::ElementsAre(testing::HasSubstr("more memory than is allowed")));
  EXPECT_GT(profile.total.count, 10'000);
  EXPECT_LT(profile.total.count, 100'000);
}

}  // namespace
}  // namespace fittest::heap

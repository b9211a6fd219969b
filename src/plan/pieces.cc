#include "plan/pieces.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <unordered_map>

#include "plan/batch.h"
#include "plan/packing.h"

namespace fittest::plan {

namespace {

constexpr Place kNoPlace = std::numeric_limits<Place>::max();
constexpr Bytes kHarmlessAnywhere = MiB(16);

// Brings tests of one lane (file or group) together: lanes in the order of their first test, tests in `wanted`'s.
// Returns where each lane begins, and the end.
template <typename LaneOf>
std::vector<Place> gather(std::vector<TestIndex>& wanted, const LaneOf& lane_of) {
  std::unordered_map<std::uint32_t, std::uint32_t> numbers;
  std::vector<Place> starts;  // first the sizes
  for (const TestIndex test : wanted) {
    const auto [found, added] = numbers.try_emplace(lane_of(test), static_cast<std::uint32_t>(numbers.size()));
    if (added) starts.push_back(0);
    ++starts[found->second];
  }
  Place sum = 0;
  for (Place& start : starts) sum += std::exchange(start, sum);
  std::vector<Place> next = starts;
  std::vector<TestIndex> gathered(wanted.size());
  for (const TestIndex test : wanted) gathered[next[numbers.find(lane_of(test))->second]++] = test;
  wanted = std::move(gathered);
  starts.push_back(sum);
  return starts;
}

// Leaves the tests where they are: returns where each stretch of one lane begins, and the end.
template <typename LaneOf>
std::vector<Place> stretches(const std::vector<TestIndex>& wanted, const LaneOf& lane_of) {
  std::vector<Place> starts{0};
  for (Place place = 1; place < wanted.size(); ++place) {
    if (lane_of(wanted[place]) != lane_of(wanted[place - 1])) starts.push_back(place);
  }
  starts.push_back(static_cast<Place>(wanted.size()));
  return starts;
}

// A piece with what decides when it is handed out.
struct Ranked {
  Piece piece;
  Seconds duration = 0;
  Bytes need;
  Seconds weight = 0;
  std::uint64_t tie = 0;
};

// A long test, or one that leaves no room for as many others as there are workers, must not come last. Its weight is
// the time that it, or those of which only a few can run at once, will take one after another.
void weigh(std::vector<Ranked>& urgent, const Machine& machine) {
  std::stable_sort(urgent.begin(), urgent.end(),
                   [](const Ranked& a, const Ranked& b) { return a.need != b.need ? a.need < b.need : a.tie > b.tie; });
  // From the small to the large: what is left to do once the larger ones are done.
  Seconds chain = 0;
  for (Ranked& each : urgent) {
    each.weight = each.duration;
    const Bytes taken = each.need + machine.worker_base;
    const std::uint64_t at_once =
        std::max<std::uint64_t>(1, machine.budget.value / std::max<std::uint64_t>(1, taken.value));
    if (at_once >= machine.workers) continue;
    chain += each.duration;
    each.weight = std::max(each.duration, chain / static_cast<double>(at_once));
  }
  std::stable_sort(urgent.begin(), urgent.end(), [](const Ranked& a, const Ranked& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.tie < b.tie;
  });
}

// Tries whether another order packs better. `total`: what all tests take.
void repack(std::vector<Ranked>& urgent, const Machine& machine, Seconds total, std::uint64_t seed) {
  PackingRoom room{machine.budget, machine.workers, machine.worker_base, total};
  std::vector<Load> loads;
  std::vector<std::uint32_t> order;
  const auto fits = std::stable_partition(urgent.begin(), urgent.end(),
                                          [&](const Ranked& each) { return machine.too_large(each.need); });
  for (auto each = fits; each != urgent.end(); ++each) {
    order.push_back(static_cast<std::uint32_t>(loads.size()));
    loads.push_back({each->need, each->duration});
    room.filler -= each->duration;
  }
  room.filler = std::max(0.0, room.filler);
  const std::vector<Ranked> before(fits, urgent.end());
  auto to = fits;
  for (const std::uint32_t i : improved_order(loads, std::move(order), room, seed)) *to++ = before[i];
}

class Layouter {
 public:
  Layouter(const Order& order, const Beliefs& beliefs, const Machine& machine, Seconds total)
      : order_(order), beliefs_(beliefs), machine_(machine), glued_(longest_glued(total, machine.workers)) {
    long_ = std::max(kLongestBatch, total / (64.0 * machine.workers));
  }

  // Cuts a file where the level changes and around long tests; runs that share a set-up stay whole, and have the
  // level of their largest test, unless they are long or hold a test that does not fit the budget.
  void cut_file(Place begin, Place end, std::vector<Ranked>& pieces) {
    std::optional<Run> open;
    for (Place at = begin; at != end;) {
      const Run run = next_run(at, end);
      at = run.end;
      // Small pieces of large tests: the more freely they can be placed.
      const bool joins = open && open->level == run.level && !open->apart && !run.apart &&
                         (run.level == 0 || open->duration + run.duration <= kLongestBatch);
      if (joins) {
        open->end = run.end;
        open->duration += run.duration;
        open->need = std::max(open->need, run.need);
        continue;
      }
      if (open) add(*open, pieces);
      open = run;
    }
    if (open) add(*open, pieces);
  }

  [[nodiscard]] Ranked whole(Place begin, Place end) const {
    const Cut cut = measure(order_, beliefs_, begin, end);
    return {{begin, end, true}, cut.duration, cut.need, 0, 0};
  }

 private:
  struct Run {
    Place begin = 0;
    Place end = 0;
    int level = 0;
    bool apart = false;  // long: a piece of its own
    Seconds duration = 0;
    Bytes need;
  };

  [[nodiscard]] Run next_run(Place begin, Place end) const {
    Place glued_end = begin + 1;
    Seconds duration = beliefs_.duration(order_.test(begin));
    while (glued_end != end && beliefs_.shares_setup(order_.test(glued_end))) {
      duration += beliefs_.duration(order_.test(glued_end++));
    }
    Run run{begin, begin, 0, false, 0, {}};
    const bool cuttable = duration > glued_;
    for (; run.end != glued_end; ++run.end) {
      const TestIndex test = order_.test(run.end);
      const int level = machine_.level(beliefs_, test);
      const bool too_large = machine_.too_large(beliefs_.peak(test)) && beliefs_.known(test);
      if (run.end != begin && (too_large || (cuttable && level != run.level))) break;
      run.level = std::max(run.level, level);
      run.duration += beliefs_.duration(test);
      run.need = std::max(run.need, beliefs_.peak(test));
      if (too_large) {
        ++run.end;
        break;
      }
    }
    run.apart = run.end - run.begin == 1 ? beliefs_.known(order_.test(begin)) && run.duration > long_ : false;
    return run;
  }

  static void add(const Run& run, std::vector<Ranked>& pieces) {
    pieces.push_back({{run.begin, run.end, run.apart || run.level > 0}, run.duration, run.need, 0, 0});
  }

  const Order& order_;
  const Beliefs& beliefs_;
  const Machine& machine_;
  Seconds glued_;
  Seconds long_ = 0;
};

}  // namespace

Order::Order(std::vector<TestIndex> tests, std::size_t count) : tests_(std::move(tests)), places_(count, kNoPlace) {
  for (Place place = 0; place < tests_.size(); ++place) places_[tests_[place]] = place;
}

void Order::append(TestIndex test) {
  places_[test] = static_cast<Place>(tests_.size());
  tests_.push_back(test);
}

bool Order::has(TestIndex test) const {
  return test < places_.size() && places_[test] != kNoPlace;
}

Bytes Machine::harmless() const {
  return std::max(kHarmlessAnywhere, Bytes{budget.value / (4 * std::uint64_t{workers})});
}

int Machine::level(const Beliefs& beliefs, TestIndex test) const {
  if (!beliefs.known(test)) return 0;
  int level = 0;
  for (Bytes edge = harmless(); edge < beliefs.peak(test) && level < 40; edge += edge) ++level;
  return level;
}

Seconds longest_glued(Seconds left, unsigned workers) {
  return std::max(1.0, left / (4.0 * workers));
}

Layout lay_out(const std::vector<TestIndex>& wanted, const std::vector<TestSpec>& tests, const Beliefs& beliefs,
               const Machine& machine, Dist dist, Sequence sequence, std::uint64_t seed) {
  std::vector<TestIndex> gathered = wanted;
  std::vector<Place> starts{0, static_cast<Place>(gathered.size())};
  if (whole_groups(dist)) {
    starts = gather(gathered, [&](TestIndex test) { return tests[test].group; });
  } else if (dist != Dist::no && sequence == Sequence::as_given) {
    starts = stretches(gathered, [&](TestIndex test) { return tests[test].file; });
  } else if (dist != Dist::no) {
    starts = gather(gathered, [&](TestIndex test) { return tests[test].file; });
  }
  Layout layout{Order(std::move(gathered), tests.size()), {}};
  if (wanted.empty()) return layout;

  Seconds total = 0;
  for (const TestIndex test : wanted) total += beliefs.duration(test);
  Layouter layouter(layout.order, beliefs, machine, total);
  std::vector<Ranked> cut;
  for (std::size_t lane = 0; lane + 1 < starts.size(); ++lane) {
    if (whole_groups(dist)) {
      cut.push_back(layouter.whole(starts[lane], starts[lane + 1]));
    } else if (dist == Dist::no) {
      cut.push_back({{starts[lane], starts[lane + 1]}, 0, {}, 0, 0});
    } else {
      layouter.cut_file(starts[lane], starts[lane + 1], cut);
    }
  }
  layout.pieces.reserve(cut.size());
  if (sequence == Sequence::as_given) {
    for (Ranked& each : cut) {
      each.piece.urgent = false;
      layout.pieces.push_back(each.piece);
    }
    return layout;
  }
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i < cut.size(); ++i) cut[i].tie = seed == 0 ? i : random();
  if (seed != 0) std::stable_sort(cut.begin(), cut.end(), [](const auto& a, const auto& b) { return a.tie < b.tie; });
  const auto calm = std::stable_partition(cut.begin(), cut.end(), [](const Ranked& each) { return each.piece.urgent; });
  std::vector<Ranked> urgent(cut.begin(), calm);
  weigh(urgent, machine);
  repack(urgent, machine, total, seed);
  for (const Ranked& each : urgent) layout.pieces.push_back(each.piece);
  for (auto each = calm; each != cut.end(); ++each) layout.pieces.push_back(each->piece);
  return layout;
}

}  // namespace fittest::plan

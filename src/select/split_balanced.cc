// Longest first into the lightest group, with pieces of files as large as they can be without making the largest group
// larger: a file's tests share its fixtures, and what its modules import.
#include <algorithm>
#include <cmath>
#include <compare>
#include <limits>
#include <numeric>
#include <optional>
#include <set>

#include "select/algorithms.h"

namespace fittest::select {
namespace {

using Microseconds = std::uint64_t;

// A split is good enough if its largest group is at most this far above the target. Files are not cut for less.
constexpr double kGoodEnough = 1.02;
// Files are cut into pieces of a half of the target, then of a quarter, and so on: this often.
constexpr int kFinestCut = 7;
// So many of the lightest groups are looked at for a piece.
constexpr int kCandidates = 16;
// How many moves and exchanges are tried to make the largest group smaller. Counted, not timed: all machines agree.
constexpr std::uint64_t kTries = 30'000'000;
// No test is taken to last longer (eleven days): then no sum can overflow.
constexpr Seconds kLongest = 1e6;

// What plan::lower_bound adds up over a group's tests. Its fourth figure, the longest test, is left out: it is never
// above the target.
struct Load {
  Microseconds work = 0;
  Microseconds memory = 0;  // work, times the share of the budget that is held
  Microseconds alone = 0;   // of tests of which no two fit at once
  std::uint32_t tests = 0;

  Load& operator+=(const Load& other) {
    work += other.work;
    memory += other.memory;
    alone += other.alone;
    tests += other.tests;
    return *this;
  }
  Load& operator-=(const Load& other) {
    work -= other.work;
    memory -= other.memory;
    alone -= other.alone;
    tests -= other.tests;
    return *this;
  }
  friend Load operator+(Load a, const Load& b) { return a += b; }
  friend Load operator-(Load a, const Load& b) { return a -= b; }
};

class Scale {
 public:
  explicit Scale(const SplitOptions& options) : workers_(options.workers), budget_(options.budget.value >> 10) {}

  [[nodiscard]] Load of(const Weight& weight) const {
    Load load;
    load.tests = 1;
    // Tests that weigh nothing are dealt out evenly too: by a microsecond each.
    load.work =
        std::max<Microseconds>(1, static_cast<Microseconds>(std::llround(std::min(weight.duration, kLongest) * 1e6)));
    if (budget_ == 0) return load;
    const std::uint64_t held = std::min(weight.peak.value >> 10, budget_);
    if (held > budget_ / 2) load.alone = load.work;
    constexpr unsigned kParts = 20;  // the share is counted in millionths, roughly
    const auto share =
        static_cast<std::uint64_t>(static_cast<double>(held) / static_cast<double>(budget_) * (1U << kParts));
    load.memory = (load.work * share) >> kParts;
    return load;
  }

  [[nodiscard]] Microseconds cost(const Load& load) const {
    return std::max({(load.work + workers_ - 1) / workers_, load.memory, load.alone});
  }

 private:
  std::uint64_t workers_;
  std::uint64_t budget_;  // in KiB
};

// Tests that are placed as one: neighbours in a lane, which is a file or what must stay whole.
struct Piece {
  std::span<const TestIndex> tests;
  std::uint32_t lane = 0;
  Load load;
  Microseconds cost = 0;
};

struct Placing {
  std::vector<std::uint32_t> group_of;  // for each piece
  std::vector<Load> loads;              // for each group
  Microseconds largest = 0;             // the cost of the costliest
};

class Balancer {
 public:
  Balancer(const SplitTask& task, Microseconds target, Scale scale)
      : task_(task),
        scale_(scale),
        target_(target),
        good_enough_(static_cast<Microseconds>(static_cast<double>(target) * kGoodEnough)) {}

  std::vector<std::uint32_t> run() {
    const bool may_cut = task_.options.keep_whole == KeepWhole::nothing;
    const Gathered lanes = may_cut ? units_of(task_.tests, KeepWhole::file) : task_.units;
    std::vector<Piece> best_pieces = cut(lanes, std::numeric_limits<Microseconds>::max());
    Placing best = place(best_pieces);
    for (int halved = 1; may_cut && halved <= kFinestCut && best.largest > good_enough_; ++halved) {
      std::vector<Piece> pieces = cut(lanes, target_ >> halved);
      if (pieces.size() == best_pieces.size()) continue;
      Placing placing = place(pieces);
      if (placing.largest >= best.largest) continue;
      best = std::move(placing);
      best_pieces = std::move(pieces);
    }
    if (best.largest > good_enough_) repair(best_pieces, best);
    std::vector<std::uint32_t> group_of(task_.tests.size());
    for (std::size_t i = 0; i < best_pieces.size(); ++i) {
      for (const TestIndex test : best_pieces[i].tests) group_of[test] = best.group_of[i];
    }
    return group_of;
  }

 private:
  // Pieces of at most that cost, or of one test; the costliest first.
  [[nodiscard]] std::vector<Piece> cut(const Gathered& lanes, Microseconds limit) const {
    std::vector<Piece> pieces;
    for (std::uint32_t lane = 0; lane < lanes.size(); ++lane) {
      const std::span<const TestIndex> tests = lanes.of(lane);
      std::size_t begin = 0;
      Load load;
      for (std::size_t at = 0; at < tests.size(); ++at) {
        const Load next = scale_.of(task_.weights[tests[at]]);
        if (at != begin && scale_.cost(load + next) > limit) {
          pieces.push_back({tests.subspan(begin, at - begin), lane, load, scale_.cost(load)});
          begin = at;
          load = {};
        }
        load += next;
      }
      pieces.push_back({tests.subspan(begin), lane, load, scale_.cost(load)});
    }
    std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.cost > b.cost; });
    return pieces;
  }

  // A group, the lightest first; of equal ones that with the fewest tests.
  struct Lightest {
    Microseconds cost;
    std::uint32_t tests;
    std::uint32_t group;
    auto operator<=>(const Lightest&) const = default;
  };

  [[nodiscard]] Placing place(const std::vector<Piece>& pieces) const {
    Placing placing{std::vector<std::uint32_t>(pieces.size()), std::vector<Load>(task_.options.splits), 0};
    std::vector<std::optional<std::uint32_t>> home(task_.tests.size());  // of each lane: where its last piece went
    std::set<Lightest> groups;
    for (std::uint32_t group = 0; group < task_.options.splits; ++group) groups.insert({0, 0, group});
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const Piece& piece = pieces[i];
      const auto cost_with = [&](std::uint32_t group) { return scale_.cost(placing.loads[group] + piece.load); };
      std::optional<std::uint32_t> chosen = home[piece.lane];
      if (!chosen || cost_with(*chosen) > target_) {
        auto candidate = groups.begin();
        chosen = candidate->group;
        Microseconds least = cost_with(*chosen);
        // One that costs as much already cannot win.
        for (int n = 1; n < kCandidates && ++candidate != groups.end() && candidate->cost < least; ++n) {
          const Microseconds cost = cost_with(candidate->group);
          if (cost < least) {
            least = cost;
            chosen = candidate->group;
          }
        }
      }
      Load& load = placing.loads[*chosen];
      auto entry = groups.extract({scale_.cost(load), load.tests, *chosen});
      load += piece.load;
      entry.value() = {scale_.cost(load), load.tests, *chosen};
      groups.insert(std::move(entry));
      placing.group_of[i] = *chosen;
      home[piece.lane] = *chosen;
    }
    placing.largest = groups.rbegin()->cost;
    return placing;
  }

  struct Change {
    std::size_t out = 0;              // leaves the costliest group
    std::optional<std::size_t> back;  // comes into it instead
    std::uint32_t with = 0;           // the other group
    Microseconds cost = 0;            // of the costlier of the two afterwards
  };

  // Moves pieces out of the costliest group, or exchanges them, as long as that makes it less costly.
  void repair(const std::vector<Piece>& pieces, Placing& placing) const {
    std::vector<std::vector<std::size_t>> members(placing.loads.size());
    for (std::size_t i = 0; i < pieces.size(); ++i) members[placing.group_of[i]].push_back(i);
    std::vector<std::uint32_t> by_cost(placing.loads.size());
    std::iota(by_cost.begin(), by_cost.end(), 0U);
    const auto less = [&](std::uint32_t a, std::uint32_t b) {
      const Microseconds cost_a = scale_.cost(placing.loads[a]);
      const Microseconds cost_b = scale_.cost(placing.loads[b]);
      return cost_a != cost_b ? cost_a < cost_b : a < b;
    };
    std::uint64_t tries = 0;
    while (true) {
      std::sort(by_cost.begin(), by_cost.end(), less);
      const std::uint32_t costliest = by_cost.back();
      placing.largest = scale_.cost(placing.loads[costliest]);
      by_cost.pop_back();
      if (placing.largest <= good_enough_ || tries > kTries) return;
      const auto change = best_change(pieces, placing, members, costliest, by_cost, tries);
      by_cost.push_back(costliest);
      if (!change) return;
      move(pieces, placing, members, change->out, change->with);
      if (change->back) move(pieces, placing, members, *change->back, costliest);
    }
  }

  [[nodiscard]] std::optional<Change> best_change(const std::vector<Piece>& pieces, const Placing& placing,
                                                  const std::vector<std::vector<std::size_t>>& members,
                                                  std::uint32_t costliest, const std::vector<std::uint32_t>& others,
                                                  std::uint64_t& tries) const {
    std::optional<Change> best;
    const auto consider = [&](std::size_t out, std::optional<std::size_t> back, std::uint32_t with) {
      ++tries;
      const Load moved = pieces[out].load;
      const Load returned = back ? pieces[*back].load : Load{};
      const Microseconds cost = std::max(scale_.cost(placing.loads[costliest] - moved + returned),
                                         scale_.cost(placing.loads[with] - returned + moved));
      if (cost < (best ? best->cost : placing.largest)) best = Change{out, back, with, cost};
    };
    const std::size_t candidates = std::min<std::size_t>(others.size(), kCandidates);
    for (std::size_t n = 0; n < candidates && tries <= kTries; ++n) {
      for (const std::size_t out : members[costliest]) {
        consider(out, std::nullopt, others[n]);
        for (const std::size_t back : members[others[n]]) consider(out, back, others[n]);
      }
    }
    return best;
  }

  static void move(const std::vector<Piece>& pieces, Placing& placing, std::vector<std::vector<std::size_t>>& members,
                   std::size_t piece, std::uint32_t to) {
    const std::uint32_t from = placing.group_of[piece];
    std::erase(members[from], piece);
    members[to].push_back(piece);
    placing.loads[from] -= pieces[piece].load;
    placing.loads[to] += pieces[piece].load;
    placing.group_of[piece] = to;
  }

  const SplitTask& task_;
  Scale scale_;
  Microseconds target_;
  Microseconds good_enough_;
};

}  // namespace

std::vector<std::uint32_t> balanced(const SplitTask& task, Seconds lower_bound) {
  if (task.tests.size() == 0) return {};
  const Scale scale(task.options);
  Load total;
  for (const Weight& weight : task.weights) total += scale.of(weight);
  // In whole microseconds, and with what tests of no weight are counted for.
  const Microseconds target =
      std::max(static_cast<Microseconds>(std::ceil(std::min(lower_bound, kLongest * 1e3) * 1e6)),
               (scale.cost(total) + task.options.splits - 1) / task.options.splits);
  return Balancer(task, target, scale).run();
}

}  // namespace fittest::select

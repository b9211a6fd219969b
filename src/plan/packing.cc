#include "plan/packing.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "plan/bound.h"

namespace fittest::plan {

namespace {

constexpr double kCloseEnough = 1.01;       // of the lower bound: no need to try further
constexpr std::size_t kEffort = 2'000'000;  // loads looked at, in all; ten milliseconds or so
constexpr int kMostTries = 2000;
constexpr int kPatience = 300;  // tries in a row that gain nothing
constexpr int kDepth = 64;      // loads looked at behind one that waits, as in the scheduler's queue

struct Running {
  Seconds end = 0;
  Bytes need;
};

class Packing {
 public:
  Packing(const std::vector<Load>& loads, const PackingRoom& room) : loads_(loads), room_(room) {}

  Seconds makespan(const std::vector<std::uint32_t>& order) {
    order_ = &order;
    next_.resize(order.size() + 1);
    for (std::uint32_t i = 0; i <= order.size(); ++i) next_[i] = i;  // next_[i]: the first not started from i on
    running_.clear();
    free_ = room_.budget;
    now_ = 0;
    Seconds filled = 0;
    for (;;) {
      start_what_fits();
      if (running_.empty()) break;
      const auto first = std::min_element(running_.begin(), running_.end(),
                                          [](const Running& a, const Running& b) { return a.end < b.end; });
      filled += (first->end - now_) * places_for_filler();
      now_ = first->end;
      free_ += first->need;
      running_.erase(first);
    }
    return now_ + std::max(0.0, room_.filler - filled) / room_.workers;
  }
  [[nodiscard]] std::size_t looks() const { return looks_; }

 private:
  std::uint32_t waiting_from(std::uint32_t at) {
    while (next_[at] != at) at = next_[at] = next_[next_[at]];
    return at;
  }

  [[nodiscard]] double places_for_filler() const {
    const double cores = room_.workers - static_cast<double>(running_.size());
    if (room_.base == Bytes{}) return cores;
    return std::min(cores, std::floor(static_cast<double>(free_.value) / static_cast<double>(room_.base.value)));
  }

  void start(std::uint32_t at, const Load& load) {
    const Bytes taken = std::min(free_, load.need + room_.base);
    free_ -= taken;
    running_.push_back({now_ + load.duration, taken});
    next_[at] = at + 1;
  }

  void start_what_fits() {
    bool blocked = false;
    Seconds shadow = 0;
    Bytes beside;
    int depth = kDepth;
    for (std::uint32_t at = waiting_from(0); at < order_->size() && running_.size() < room_.workers && depth > 0;
         at = waiting_from(at + 1)) {
      ++looks_;
      const Load& load = loads_[(*order_)[at]];
      const Bytes needed = load.need + room_.base;
      if (!blocked) {
        if (needed <= free_ || running_.empty()) {
          start(at, load);
          continue;
        }
        blocked = true;
        std::sort(running_.begin(), running_.end(), [](const Running& a, const Running& b) { return a.end < b.end; });
        Bytes then = free_;
        for (const Running& each : running_) {
          then += each.need;
          shadow = each.end;
          if (then >= needed) break;
        }
        beside = then - needed;
        continue;
      }
      --depth;
      const bool in_time = now_ + load.duration <= shadow;
      if (needed > free_ || (!in_time && needed > beside)) continue;
      if (!in_time) beside -= needed;
      start(at, load);
    }
  }

  const std::vector<Load>& loads_;
  const PackingRoom& room_;
  const std::vector<std::uint32_t>* order_ = nullptr;
  std::vector<std::uint32_t> next_;
  std::vector<Running> running_;
  Bytes free_;
  Seconds now_ = 0;
  std::size_t looks_ = 0;
};

Seconds bound_of(const std::vector<Load>& loads, const PackingRoom& room) {
  std::vector<Measured> measured;
  measured.reserve(loads.size() + 1);
  for (const Load& load : loads) measured.push_back({load.need, load.duration});
  const LowerBound bound = lower_bound(measured, room.workers, room.budget);
  return std::max(bound.value(), bound.by_cores + room.filler / room.workers);
}

}  // namespace

Seconds packed_makespan(const std::vector<Load>& loads, const std::vector<std::uint32_t>& order,
                        const PackingRoom& room) {
  return Packing(loads, room).makespan(order);
}

std::vector<std::uint32_t> improved_order(const std::vector<Load>& loads, std::vector<std::uint32_t> order,
                                          const PackingRoom& room, std::uint64_t seed) {
  if (order.size() < 2) return order;
  const Seconds enough = kCloseEnough * bound_of(loads, room);
  Packing packing(loads, room);
  Seconds best = packing.makespan(order);

  // By duration, and by the larger of its shares of memory and cores.
  const auto share = [&](std::uint32_t i) {
    const double memory =
        static_cast<double>(loads[i].need.value) / static_cast<double>(std::max<std::uint64_t>(1, room.budget.value));
    return std::max(memory, 1.0 / room.workers);
  };
  for (const bool by_area : {false, true}) {
    if (best <= enough) return order;
    std::vector<std::uint32_t> other = order;
    std::stable_sort(other.begin(), other.end(), [&](std::uint32_t a, std::uint32_t b) {
      return loads[a].duration * (by_area ? share(a) : 1) > loads[b].duration * (by_area ? share(b) : 1);
    });
    const Seconds makespan = packing.makespan(other);
    if (makespan < best) {
      best = makespan;
      order = std::move(other);
    }
  }

  std::mt19937_64 random(seed);
  int in_vain = 0;
  for (int tries = 0; tries < kMostTries && in_vain < kPatience && best > enough && packing.looks() < kEffort;
       ++tries) {
    std::vector<std::uint32_t> other = order;
    const auto from = other.begin() + static_cast<std::ptrdiff_t>(random() % other.size());
    const auto to = other.begin() + static_cast<std::ptrdiff_t>(random() % other.size());
    if (from < to) {
      std::rotate(from, from + 1, to + 1);
    } else {
      std::rotate(to, from, from + 1);
    }
    const Seconds makespan = packing.makespan(other);
    in_vain = makespan < best ? 0 : in_vain + 1;
    if (makespan > best) continue;
    best = makespan;
    order = std::move(other);
  }
  return order;
}

}  // namespace fittest::plan

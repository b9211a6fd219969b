#include "plan/queue.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

namespace fittest::plan {

namespace {
constexpr Least kNothing{Bytes{std::numeric_limits<std::uint64_t>::max()}, std::numeric_limits<Seconds>::infinity()};
constexpr int kLooks = 64;  // pieces looked at in one search

bool there(const Least& least) {
  return least.need.value != kNothing.need.value;
}
}  // namespace

Queue::Queue(std::vector<Piece> pieces, Measure measure) : measure_(std::move(measure)) {
  rebuild(std::move(pieces));
}

void Queue::rebuild(std::vector<Piece> pieces) {
  // Room in front for as many again, so that putting back costs O(log n) on the average.
  front_ = static_cast<Slot>(std::max<std::size_t>(64, pieces.size() / 4));
  count_ = pieces.size();
  leaves_ = std::bit_ceil(front_ + count_);
  pieces_.assign(front_, Piece{});
  pieces_.insert(pieces_.end(), pieces.begin(), pieces.end());
  pieces_.resize(leaves_);
  least_.assign(2 * leaves_, kNothing);
  refresh();
}

void Queue::refresh() {
  for (std::size_t slot = front_; slot < pieces_.size(); ++slot) {
    if (!pieces_[slot].empty()) least_[leaves_ + slot] = measure_(pieces_[slot]);
  }
  for (std::size_t node = leaves_; node-- > 1;) pull(node);
}

void Queue::pull(std::size_t node) {
  const Least& left = least_[2 * node];
  const Least& right = least_[2 * node + 1];
  least_[node] = {std::min(left.need, right.need), std::min(left.duration, right.duration)};
}

void Queue::set(Slot slot, const Least& least) {
  std::size_t node = leaves_ + slot;
  least_[node] = least;
  while ((node /= 2) > 0) pull(node);
}

std::optional<Queue::Slot> Queue::first() const {
  if (count_ == 0) return std::nullopt;
  std::size_t node = 1;
  while (node < leaves_) {
    node *= 2;
    if (!there(least_[node])) ++node;
  }
  return static_cast<Slot>(node - leaves_);
}

std::optional<Queue::Slot> Queue::find_behind(Slot after, const Opening& opening,
                                              const std::function<bool(const Piece&)>& usable) {
  if (count_ == 0) return std::nullopt;
  int looks = kLooks;
  std::size_t node = leaves_ + after;
  // Next subtree to the right of `node`; climbs until there is one.
  const auto right_of = [](std::size_t at) {
    while (at > 1 && at % 2 == 1) at /= 2;
    return at > 1 ? at + 1 : 0;
  };
  node = right_of(node);
  while (node > 0 && looks > 0) {
    if (!opening.admits(least_[node])) {
      node = right_of(node);
    } else if (node < leaves_) {
      node *= 2;
    } else {
      --looks;
      const auto slot = static_cast<Slot>(node - leaves_);
      set(slot, measure_(pieces_[slot]));
      if (opening.admits(least_[node]) && usable(pieces_[slot])) return slot;
      node = right_of(node);
    }
  }
  return std::nullopt;
}

void Queue::replace(Slot slot, const Piece& piece) {
  pieces_[slot] = piece;
  set(slot, measure_(piece));
}

void Queue::erase(Slot slot) {
  pieces_[slot] = Piece{};
  set(slot, kNothing);
  --count_;
}

void Queue::push_front(const Piece& piece) {
  const std::optional<Slot> head = first();
  if (leaves_ == 0 || (head ? *head : leaves_) == 0) {
    std::vector<Piece> all;
    all.reserve(count_ + 1);
    for (const Piece& each : pieces_) {
      if (!each.empty()) all.push_back(each);
    }
    rebuild(std::move(all));
  }
  const std::optional<Slot> now_first = first();
  front_ = now_first ? *now_first - 1 : static_cast<Slot>(leaves_ - 1);
  pieces_[front_] = piece;
  ++count_;
  set(front_, measure_(piece));
}

}  // namespace fittest::plan

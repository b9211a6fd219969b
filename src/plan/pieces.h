#pragma once
#include <cstdint>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "plan/beliefs.h"
#include "plan/scheduler.h"

namespace fittest::plan {

// A test's place in the order in which the tests are laid out: those of a file (or group) are neighbours there.
using Place = std::uint32_t;

// Which test stands at which place, and back.
class Order {
 public:
  Order() = default;
  // `tests` in the order wanted; `count`: tests of the run, those left out included.
  Order(std::vector<TestIndex> tests, std::size_t count);

  [[nodiscard]] TestIndex test(Place place) const { return tests_[place]; }
  // Only of a test that has a place.
  [[nodiscard]] Place place(TestIndex test) const { return places_[test]; }
  // Gives a test that was left out a place of its own at the end.
  void append(TestIndex test);
  [[nodiscard]] bool has(TestIndex test) const;

 private:
  std::vector<TestIndex> tests_;
  std::vector<Place> places_;
};

// Tests that wait, neighbours in the order, of one file (or group); batches are cut from its front.
struct Piece {
  Place begin = 0;
  Place end = 0;
  // To be handed out before those that are not: long, large, or given back. The others come in collection order, and
  // a worker that has begun one goes on with it.
  bool urgent = false;
  bool fresh = false;  // for a worker that has run nothing yet
  [[nodiscard]] bool empty() const { return begin == end; }
  [[nodiscard]] std::uint32_t size() const { return end - begin; }
};

struct Layout {
  Order order;
  std::vector<Piece> pieces;  // in the order in which they should be handed out
};

// What of the machine the layout and the cutting of batches depend on.
struct Machine {
  Bytes budget;
  unsigned workers = 1;
  Bytes worker_base;
  // A test that needs no more than this need not be kept apart: so small a reservation hinders nobody.
  [[nodiscard]] Bytes harmless() const;
  // 0 for harmless and unknown tests, then one more for each doubling: tests of one level may share a batch.
  [[nodiscard]] int level(const Beliefs& beliefs, TestIndex test) const;
  // True if the test does not fit the budget beside its worker's base.
  [[nodiscard]] bool too_large(Bytes need) const { return need + worker_base > budget; }
};

// True if the batches of this kind are whole groups.
constexpr bool whole_groups(Dist dist) {
  return dist == Dist::loadscope || dist == Dist::loadfile || dist == Dist::loadgroup;
}

// Runs of more than this that share a set-up are cut, `left` being the time that all waiting tests take: a worker must
// not sit on one run when the others have nothing left.
Seconds longest_glued(Seconds left, unsigned workers);

// Lays out the tests of `wanted` (in collection order).
// - load, worksteal: a piece for each stretch of a file with tests of one level; long tests get one of their own.
//   Urgent are those that are long or large, the most critical first.
// - loadscope, loadfile, loadgroup: a piece for each group, the longest first.
// - no: one piece.
// With Sequence::as_given no piece is urgent, they stand in the order of their first tests, and a file whose tests do
// not follow one another has several.
// Ties are broken by collection order for `seed` 0, else by the seed.
Layout lay_out(const std::vector<TestIndex>& wanted, const std::vector<TestSpec>& tests, const Beliefs& beliefs,
               const Machine& machine, Dist dist, Sequence sequence, std::uint64_t seed);

}  // namespace fittest::plan

#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "plan/pieces.h"

namespace fittest::plan {

// The least that can be taken from a piece.
struct Least {
  Bytes need;
  Seconds duration = 0;
};

// What may be started now: something that needs no more than `beside`, or no more than `room` if it is done within
// `slack`.
struct Opening {
  Bytes beside;
  Bytes room;
  Seconds slack = 0;
  [[nodiscard]] bool admits(const Least& least) const {
    return least.need <= beside || (least.need <= room && least.duration <= slack);
  }
};

// The pieces that wait, in the order in which they should be handed out. Finds the first one that fits an opening in
// O(log n), so that a decision does not depend on the number of tests.
class Queue {
 public:
  using Slot = std::uint32_t;  // names a piece until it is erased, or another is put in front
  using Measure = std::function<Least(const Piece&)>;

  Queue() = default;
  Queue(std::vector<Piece> pieces, Measure measure);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::optional<Slot> first() const;
  // The first piece behind `after` that fits, measured anew, for which `usable` holds. Looks at a bounded number of
  // pieces: what lies far behind may be missed, as in any backfilling of bounded depth.
  std::optional<Slot> find_behind(Slot after, const Opening& opening, const std::function<bool(const Piece&)>& usable);

  [[nodiscard]] const Piece& piece(Slot slot) const { return pieces_[slot]; }
  [[nodiscard]] const Least& least(Slot slot) const { return least_[leaves_ + slot]; }
  void replace(Slot slot, const Piece& piece);
  void erase(Slot slot);
  void push_front(const Piece& piece);
  // Measures every piece anew.
  void refresh();

 private:
  void rebuild(std::vector<Piece> pieces);
  void set(Slot slot, const Least& least);
  void pull(std::size_t node);

  Measure measure_;
  std::vector<Piece> pieces_;  // by slot
  std::vector<Least> least_;   // a binary tree: below a node, nothing needs less or takes less; leaves behind `leaves_`
  std::size_t leaves_ = 0;
  Slot front_ = 0;  // no piece before this slot
  std::size_t count_ = 0;
};

}  // namespace fittest::plan

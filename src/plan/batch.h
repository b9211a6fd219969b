#pragma once
#include <cstdint>

#include "core/bytes.h"
#include "core/ids.h"
#include "plan/beliefs.h"
#include "plan/pieces.h"

namespace fittest::plan {

// How long batches should take: long enough that handing them out costs nothing beside it.
constexpr Seconds kLongestBatch = 0.4;
constexpr Seconds kShortestBatch = 0.02;

// The front of a piece: [begin, end).
struct Cut {
  Place end = 0;
  Bytes need;  // above what the worker holds before the first of them: each one's peak on what those before it retained
  Seconds duration = 0;
};

struct CutRules {
  Seconds target = 0;         // do not go on when the batch would take longer; 0: only what must be taken
  Seconds longest_glued = 0;  // a run that shares a set-up is cut here
  Bytes room;                 // what the batch may need, beyond what must be taken
  bool whole = false;         // the whole piece, whatever it needs
};

// The whole of [begin, end).
Cut measure(const Order& order, const Beliefs& beliefs, Place begin, Place end);

// Cuts a batch from the front of `piece`, which is not empty. At least one test, and all of the run that shares its
// set-up, except that a run is cut where it is too long, where it would no longer fit the budget, and where too many
// of its tests are unknown. A batch holds tests of one file and one level.
Cut cut_batch(const Order& order, const Beliefs& beliefs, const Machine& machine, const Piece& piece,
              const CutRules& rules);

// How long a batch should take when all waiting tests together take `left`: shrinks towards the end of the run, so that
// the workers finish together.
Seconds batch_target(Seconds left, unsigned workers);

}  // namespace fittest::plan

#include "plan/batch.h"

#include <algorithm>
#include <optional>

namespace fittest::plan {

namespace {

// How many tests of unknown duration a batch may hold: few while nothing is known, so that no worker is left with a
// long tail; more as results come in. In a file of which nothing was seen, few also where the suite has slow tests.
std::uint32_t unknown_allowed(const Beliefs& beliefs, TestIndex test) {
  double by_suite = 3 + beliefs.seen() / 4;
  const Seconds heavy = beliefs.heavy_duration();
  if (heavy > 0) by_suite = std::min(by_suite, 4 * kLongestBatch / heavy);
  return 1 + 2 * beliefs.seen_in_file(test) + static_cast<std::uint32_t>(by_suite);
}
// A run that shares a set-up may hold more of them: cutting it has its price.
constexpr std::uint32_t kGluedUnknown = 8;

// What takes less than the longest batch is not cut: its tests keep their order in one worker, as those who wrote them
// saw it, and cutting it would gain nothing. So many unknown tests are believed to be that short.
constexpr std::uint32_t kShortUnknown = 8;

// Grows test by test.
struct Sum {
  Bytes need;
  Bytes retained;
  Seconds duration = 0;
  std::uint32_t unknown = 0;

  void add(const Beliefs& beliefs, TestIndex test) {
    need = std::max(need, retained + beliefs.peak(test));
    retained += beliefs.retained(test);
    need = std::max(need, retained);
    duration += beliefs.duration(test);
    if (!beliefs.known(test)) ++unknown;
  }
};

// The whole piece, if it is a file's beginning, short, and fits.
std::optional<Cut> short_piece(const Order& order, const Beliefs& beliefs, const Machine& machine, const Piece& piece,
                               const CutRules& rules) {
  const TestIndex first = order.test(piece.begin);
  if (piece.begin > 0 && beliefs.file(order.test(piece.begin - 1)) == beliefs.file(first)) return std::nullopt;
  Sum sum;
  Seconds known = 0;
  for (Place at = piece.begin; at != piece.end; ++at) {
    const TestIndex test = order.test(at);
    if (beliefs.file(test) != beliefs.file(first) || machine.level(beliefs, test) != machine.level(beliefs, first)) {
      return std::nullopt;
    }
    sum.add(beliefs, test);
    if (beliefs.known(test)) known += beliefs.duration(test);
    if (known > kLongestBatch || sum.unknown > kShortUnknown) return std::nullopt;
    if (at != piece.begin && (sum.need > rules.room || machine.too_large(sum.need))) return std::nullopt;
  }
  return Cut{piece.end, sum.need, sum.duration};
}

}  // namespace

Cut measure(const Order& order, const Beliefs& beliefs, Place begin, Place end) {
  Sum sum;
  for (Place at = begin; at != end; ++at) sum.add(beliefs, order.test(at));
  return {end, sum.need, sum.duration};
}

Cut cut_batch(const Order& order, const Beliefs& beliefs, const Machine& machine, const Piece& piece,
              const CutRules& rules) {
  if (rules.whole) return measure(order, beliefs, piece.begin, piece.end);
  if (rules.target > 0) {
    if (const auto whole = short_piece(order, beliefs, machine, piece, rules)) return *whole;
  }
  const TestIndex first = order.test(piece.begin);
  const std::uint32_t allowed = unknown_allowed(beliefs, first);
  const int level = machine.level(beliefs, first);
  Sum taken;
  Place end = piece.begin;
  while (end != piece.end) {
    const bool must = end == piece.begin;
    if (!must &&
        (beliefs.file(order.test(end)) != beliefs.file(first) || machine.level(beliefs, order.test(end)) != level)) {
      break;
    }
    // The next run that shares a set-up.
    Sum with = taken;
    const Seconds before = with.duration;
    Place at = end;
    do {
      Sum next = with;
      next.add(beliefs, order.test(at));
      if (at != piece.begin && (machine.too_large(next.need) || next.unknown > kGluedUnknown * allowed)) break;
      with = next;
      ++at;
      if (!must && with.duration > rules.target) break;
    } while (at != piece.end && beliefs.shares_setup(order.test(at)) &&
             beliefs.file(order.test(at)) == beliefs.file(first) && with.duration - before < rules.longest_glued);
    if (at == end) break;
    if (!must && (with.duration > rules.target || with.need > rules.room || with.unknown > allowed)) break;
    taken = with;
    end = at;
  }
  return {end, taken.need, taken.duration};
}

Seconds batch_target(Seconds left, unsigned workers) {
  return std::clamp(left / (3.0 * std::max(1U, workers)), kShortestBatch, kLongestBatch);
}

}  // namespace fittest::plan

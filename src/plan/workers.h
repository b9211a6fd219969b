#pragma once
#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "plan/pieces.h"

namespace fittest::plan {

// A batch given to a worker, or meant for it while it starts.
struct Batch {
  Piece piece;     // the tests
  Place next = 0;  // the first one that is not finished, as far as they come in order
  bool alone = false;
  // What the tests from each place on need above what the worker holds before that place; one more, 0, for the end.
  std::vector<Bytes> need_from;
  Seconds left = 0;   // predicted time of what is not finished
  Seconds since = 0;  // when it was begun, or a test last began or ended
  [[nodiscard]] Bytes need() const { return need_from[next - piece.begin]; }
};

enum class Phase { starting, idle, busy, retiring };

struct Worker {
  WorkerId id{};
  Phase phase = Phase::starting;
  Bytes base;  // held when it had started
  Bytes held;
  Seconds asked = 0;  // when it was decided to start it
  bool used = false;  // has run a test
  bool spoiled = false;
  std::optional<Batch> batch;  // starting, or idle: meant for it; busy: running
  std::optional<TestIndex> running;
  Seconds running_since = 0;
  std::optional<Piece> rest;  // the piece it works on; others take of it only when there is nothing else

  // What the worker may come to hold, as far as is known.
  [[nodiscard]] Bytes claim() const { return batch ? held + batch->need() : held; }
  [[nodiscard]] bool is_free() const { return phase == Phase::idle && !batch && !spoiled; }
};

// The workers that there are, few enough to be looked at one by one.
class Workers {
 public:
  Worker& start(Bytes base, Seconds now);
  // Nothing for one that is gone (events can be late).
  [[nodiscard]] Worker* find(WorkerId id);
  void remove(WorkerId id);

  // By id. A worker stays where it is in memory until it is removed.
  [[nodiscard]] std::list<Worker>& all() { return workers_; }
  [[nodiscard]] const std::list<Worker>& all() const { return workers_; }
  [[nodiscard]] std::size_t size() const { return workers_.size(); }
  [[nodiscard]] bool any(Phase phase) const;
  [[nodiscard]] Bytes claims() const;
  // What workers hold that were told to go.
  [[nodiscard]] Bytes releasing() const;
  // A batch runs, or is about to, beside which nothing may.
  [[nodiscard]] bool alone() const;

 private:
  std::list<Worker> workers_;
  std::vector<std::list<Worker>::iterator> index_;  // by id; the end for those that are gone
};

}  // namespace fittest::plan

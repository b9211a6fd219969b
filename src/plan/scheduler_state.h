#pragma once
// Inside of the scheduler: what it knows (here), what events change (events.cc), what it decides (admission.cc).
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "plan/batch.h"
#include "plan/beliefs.h"
#include "plan/pieces.h"
#include "plan/queue.h"
#include "plan/scheduler.h"
#include "plan/workers.h"

namespace fittest::plan {

class Scheduler::State {
 public:
  State(std::vector<TestSpec> tests, const Limits& limits, Dist dist, std::uint64_t seed);
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() = default;

  void settle(TestIndex test);
  void worker_started(WorkerId id, Bytes held, Seconds now);
  void test_started(WorkerId id, TestIndex test, Seconds now);
  void test_finished(WorkerId id, TestIndex test, Bytes peak, Bytes held, Seconds now);
  void batch_done(WorkerId id, Seconds now);
  void worker_spoiled(WorkerId id, Seconds now);
  std::optional<Requeue> worker_gone(WorkerId id, GoneCause cause, std::optional<TestIndex> running,
                                     Bytes observed_peak, Seconds now);
  void run_again(TestIndex test, bool alone);
  void budget_changed(Bytes budget);
  void set_admission(bool open) { open_ = open; }

  std::vector<Decision> decide(Seconds now);

  [[nodiscard]] std::size_t pending() const { return pending_; }
  [[nodiscard]] Seconds time_left(Seconds now) const;
  [[nodiscard]] Bytes reserved() const;

 private:
  // Where a test stands. `given`: in the batch of a worker (or meant for it), not started.
  enum class Standing : std::uint8_t { waiting, given, running, settled };

  // A piece from which a batch may be cut: in the queue, or what a worker has begun.
  struct Source {
    std::optional<Queue::Slot> slot;
    Worker* owner = nullptr;
    [[nodiscard]] explicit operator bool() const { return slot.has_value() || owner != nullptr; }
  };
  // The first piece in the queue waits for memory: when it will have it, and what may stay beside it then.
  struct Shadow {
    Seconds start = 0;
    Bytes beside;
  };

  // Which tests of a batch go back: those that did not start, or the running one too.
  enum class Unfinished { not_started, all };

  // events.cc
  void lay_out_tests();
  void stand(TestIndex test, Standing standing);
  [[nodiscard]] bool holds(const Worker& worker, TestIndex test) const;
  [[nodiscard]] bool runs(const Worker& worker, TestIndex test) const;  // and the worker has begun the batch
  void give_back(Worker& worker, Unfinished which);
  void put_in_front(const std::vector<Piece>& pieces);
  void put_alone(const Piece& piece);
  Requeue requeue_killed(const Worker& worker, TestIndex test, Bytes observed_peak);
  void end_batch(Worker& worker);

  // admission.cc
  [[nodiscard]] Bytes room() const { return machine_.budget - workers_.claims(); }
  [[nodiscard]] const Piece& piece_of(const Source& source) const;
  [[nodiscard]] Least least_of(const Piece& piece) const;
  [[nodiscard]] CutRules cut_rules(Seconds target, Bytes room) const;
  [[nodiscard]] Seconds predicted_end(const Worker& worker, Seconds now) const;
  [[nodiscard]] bool has_slot() const { return workers_.size() < limits_.max_workers; }
  [[nodiscard]] bool worth_starting() const;
  [[nodiscard]] Worker* free_worker(bool unused_only);
  [[nodiscard]] Source largest_rest();
  [[nodiscard]] Shadow shadow_of(Bytes need, Seconds now) const;
  void retire(Worker& worker, RetireReason reason);
  void retire_free(RetireReason reason);
  void retire_worn_out();
  void retire_for_pressure();
  void give_meant_batches(Seconds now);
  void make_way_for(Worker& worker);
  bool admit_one(Seconds now);
  bool admit_own_rest(Seconds now);
  bool admit_beside(const Source& head, Bytes head_need, Seconds now);
  bool admit_alone(Seconds now);
  bool take_meant_batch(Seconds now);
  bool make_room_for(Bytes need, bool in_fresh_worker);
  void set_apart_too_large(const Source& source);
  void dispatch(const Source& source, Worker* worker, const Opening& opening, Seconds now);
  Piece take_from_rest(Worker& owner, const Opening& opening);
  void hand_over(Worker& worker, const Piece& piece, bool alone, Seconds now);
  void begin_batch(Worker& worker, Seconds now);

  std::vector<TestSpec> specs_;  // until the tests are laid out
  Limits limits_;
  Dist dist_;
  std::uint64_t seed_;
  Machine machine_;
  Beliefs beliefs_;
  Order order_;
  Queue queue_;
  Workers workers_;
  std::deque<Piece> alone_;  // what must run with nothing beside it, in order
  std::vector<Standing> standing_;
  std::vector<WorkerId> holders_;    // of tests given or running
  std::vector<std::uint8_t> kills_;  // for memory, by test
  std::size_t pending_;
  Seconds alone_time_ = 0;
  Seconds start_time_ = 0;  // what it takes to start a worker, as seen
  bool base_seen_ = false;
  bool laid_out_ = false;
  bool open_ = true;
  std::uint32_t refresh_due_ = 1;  // measure the queue anew when so many unknown tests were seen
  std::vector<Decision> decisions_;
};

}  // namespace fittest::plan

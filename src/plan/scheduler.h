#pragma once
// Decides which test runs when, and where. Pure: no clock, no I/O; the caller tells what happened and when, and carries
// out what is decided. The same calls give the same decisions.
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"

namespace fittest::plan {

// What is believed of a test before it runs.
struct Prediction {
  Bytes peak;  // above what its worker holds before it
  Seconds duration = 0;
  bool known = false;   // measured before; otherwise borrowed or a prior, corrected as results come in
  Bytes retained = {};  // of its peak, what the worker still holds after it; part of the reservation of a batch
};

enum class Dist { load, loadscope, loadfile, loadgroup, worksteal, no };

struct TestSpec {
  Prediction prediction;
  std::uint32_t file = 0;   // index of its file; tests of a file are usually, not always, neighbours
  std::uint32_t group = 0;  // tests with the same group share a worker, in order. With Dist::load every test is its own
  // A class, module or package fixture is shared with the test before it in the file: cutting before this test costs
  // that set-up again. Dist::load and Dist::worksteal cut elsewhere if they can.
  bool shares_setup = false;
};

// In which order tests are started, as far as memory allows.
enum class Sequence {
  quickest,  // whatever ends the run earliest: the long and the large first, the tests of a file together
  as_given,  // in the order of the tests: the user has put them into one
};

struct Limits {
  Bytes budget;  // for workers: what the zygote holds is taken off already
  unsigned max_workers = 1;
  Bytes worker_base = MiB(12);  // what a fresh worker holds before its first test; corrected by `worker_started`
  Bytes retained_threshold = MiB(128);  // a worker that retains more is thrown away once its batch is done
  Sequence sequence = Sequence::quickest;
};

// --- decisions ---
struct StartWorker {
  WorkerId worker;
};                 // answered by worker_started or worker_gone
struct RunBatch {  // answered by test_* for each test, then batch_done
  WorkerId worker;
  std::vector<TestIndex> tests;
  Bytes reservation;
  bool alone = false;  // nothing else runs beside it
};
enum class RetireReason {
  retained,       // it keeps more than `retained_threshold`
  memory_needed,  // idle, and what it holds is needed for others
  group_done,     // its group is done, and what comes next is better off in a fresh one
  spoiled,
  no_more_work,
};
struct RetireWorker {
  WorkerId worker;
  RetireReason reason;
};  // answered by worker_gone
using Decision = std::variant<StartWorker, RunBatch, RetireWorker>;

enum class GoneCause {
  retired,  // it ended because it was told to
  crashed,  // by itself: signal, exit; the test that ran gets `crashed` from the caller
  killed,   // by fittest, for the run's sake (pressure): the test that ran is run again
  kernel,   // by the kernel's out-of-memory killer: likewise
};

// What became of a test whose worker was killed for memory.
enum class Requeue { again, alone, over_budget };

class Scheduler {
 public:
  // `seed` breaks ties in the order of the pieces; 0 breaks them by collection order.
  Scheduler(std::vector<TestSpec> tests, const Limits& limits, Dist dist, std::uint64_t seed);
  ~Scheduler();
  Scheduler(Scheduler&&) noexcept;
  Scheduler& operator=(Scheduler&&) noexcept;

  // Takes tests out that already have a verdict (--resume). Before the first `decide` and the first event.
  void settle(TestIndex test);

  // --- events ---
  void worker_started(WorkerId worker, Bytes held, Seconds now);
  void test_started(WorkerId worker, TestIndex test, Seconds now);
  // `held`: what the worker holds now.
  void test_finished(WorkerId worker, TestIndex test, Bytes peak, Bytes held, Seconds now);
  void batch_done(WorkerId worker, Seconds now);
  // The worker's interpreter is no longer to be trusted: nothing further is given to it, what is left of its batch
  // goes back into the queue.
  void worker_spoiled(WorkerId worker, Seconds now);
  // Tests of its batch that did not start go back into the queue. For `killed` and `kernel` the running test does too,
  // with `observed_peak` (what it held at least, above what its worker held before it) learned; returned is what
  // becomes of it: again, alone (the next time nothing runs beside it), or over_budget (it ran alone with the whole
  // budget already; it is settled). For `crashed` the running test is settled, for `retired` it goes back.
  std::optional<Requeue> worker_gone(WorkerId worker, GoneCause cause, std::optional<TestIndex> running,
                                     Bytes observed_peak, Seconds now);
  // A test that was believed finished is to run once more, in a fresh worker (its own worker was not to be trusted), in
  // a batch of its own. Nothing happens if the test waits or runs already. `alone`: with nothing beside it.
  void run_again(TestIndex test, bool alone = false);
  // What the zygote and everything that is no worker holds has changed.
  void budget_changed(Bytes budget_for_workers);
  // While admission is stopped (pressure), `decide` starts nothing new; it may still retire.
  void set_admission(bool open);

  // --- decisions --- Called after every event (or bunch of events); empty when there is nothing to do now.
  // While admission is open, tests wait and no worker is busy, something is started, or a worker is starting or on its
  // way out whose report will bring the next decision.
  std::vector<Decision> decide(Seconds now);

  [[nodiscard]] bool finished() const;                 // every test settled
  [[nodiscard]] std::size_t pending() const;           // tests without a verdict, running ones included
  [[nodiscard]] Seconds time_left(Seconds now) const;  // estimate for the progress line
  [[nodiscard]] Bytes reserved() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace fittest::plan

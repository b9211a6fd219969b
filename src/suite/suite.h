#pragma once
// What a run needs of a framework: list the tests, start workers, run batches, hear results, and let the framework
// tell its user about them in its own way. One folder for each framework implements it.
#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"
#include "core/exit_status.h"
#include "core/heap_figures.h"
#include "core/ids.h"
#include "core/test_list.h"
#include "core/verdict.h"
#include "plan/scheduler.h"
#include "select/request.h"

namespace fittest::suite {

// The tests are known.
struct Collected {
  std::string isolation;  // fork, spawn, none: none means that the suite runs them all itself, in order
  std::string isolation_reason;
  unsigned workers = 1;  // at most
  plan::Dist dist = plan::Dist::load;
  std::optional<unsigned> max_worker_restarts;  // stop after more crashes than that
  bool in_given_order = false;                  // the user asked for an order: tests are started in this one
  std::optional<std::string> store_durations;   // a file to write what the tests took into
  bool clean_durations = false;                 // and to forget the tests that did not run
  Seconds took = 0;
  std::vector<std::string> notices = {};  // one line each for the user to read
};

// Where a worker is to live.
struct WorkerPlace {
  WorkerId worker;
  unsigned slot = 0;                     // below the number of workers; free again when its worker is gone
  std::vector<std::string> join_files;   // memory::WorkerDomain::join_files
  std::vector<std::string> environment;  // memory::WorkerDomain::environment
  std::optional<std::string> peak_file;  // memory::WorkerDomain::resettable_peak_file
};

struct TestEnd {
  WorkerId worker{};
  TestIndex test = 0;
  Verdict verdict = Verdict::not_run;
  Seconds duration = 0;
  Bytes peak;
  Bytes held;                       // by the worker, after the test
  std::optional<HeapFigures> heap;  // where the heap is watched
  std::string detail;               // one line: why
  std::string message;              // the failure's text, many lines
  std::string left_behind;          // what the test changed in its worker and did not put back; empty if nothing
  bool broken = false;              // and that makes the worker useless: it runs nothing further
  std::string report;               // the framework's own, for `Suite::report`
};

struct TestAmendment {
  WorkerId worker{};
  TestIndex test = 0;
  Verdict verdict = Verdict::error;
  std::string detail;
  std::string report;
};

// Somebody inside the suite wants the run to end: --maxfail was reached, a test called for it.
struct StopRequest {
  enum class Kind { maxfail, exit, interrupt };
  Kind kind = Kind::maxfail;
  std::string message;
  std::optional<int> exit_code;
  std::optional<TestIndex> by;  // a test that asked and has no verdict for that reason
};

// What a label that is measured, not written by hand, is called, and the tests that have it.
struct LabelledTests {
  std::string name;
  std::vector<TestIndex> tests;
};

// What a suite has to know to measure what its tests allocate, and to hold them to limits.
struct HeapPlan {
  std::optional<std::string> folder;  // for traces that nobody keeps: absolute, and there; nothing: it cannot be made
  struct Limit {
    std::optional<Bytes> memory, leaks;
    std::string where;  // "fittest.toml:12"
    std::vector<TestIndex> tests;
  };
  std::vector<Limit> limits;  // of two for one test the first holds
  // Of a test that must not need more than before: HeapFigures::body_peak of its last successful runs, the oldest
  // first, and what it may need now.
  struct Earlier {
    TestIndex test = 0;
    std::vector<Bytes> peaks;
    Bytes allowed;
  };
  std::vector<Earlier> earlier;
};

// Hears what happens. Called from the event loop only, never from inside a call to the suite.
class Listener {
 public:
  virtual ~Listener() = default;
  // Asked while collecting, before `collected`, about all tests that were found: the measured labels of each,
  virtual std::vector<LabelledTests> measure_labels(const TestList& found) = 0;
  // and which of those that the framework's own options left are to run, in that order. An error ends the session.
  virtual Result<std::vector<TestIndex>> select(const TestList& candidates, const select::Request& request) = 0;
  // The tests that are to run, where any of them is to be measured. `compared`: those that must not need more than
  // before; of some nothing is known.
  virtual HeapPlan plan_heap(const TestList& tests, const std::vector<TestIndex>& compared) = 0;
  virtual void collected(const Collected& what) = 0;
  virtual void worker_ready(WorkerId worker, pid_t pid, Bytes held) = 0;
  virtual void test_started(WorkerId worker, TestIndex test) = 0;
  virtual void test_finished(TestEnd end) = 0;
  virtual void test_amended(TestAmendment amendment) = 0;
  virtual void batch_done(WorkerId worker, Bytes held) = 0;
  // Exactly once for each worker asked for, `worker_ready` or not.
  virtual void worker_gone(WorkerId worker, ExitStatus status) = 0;
  virtual void stop_requested(const StopRequest& request) = 0;
  // The process that collects and reports ended; nothing is heard after this.
  virtual void ended(ExitStatus status) = 0;
  // What cannot go on: the run has to be given up.
  virtual void failed(const Error& error) = 0;
};

// How the run ended, for the framework to say so.
struct Finish {
  enum class Kind { done, interrupted, stopped, exit };
  Kind kind = Kind::done;
  std::string message;
  std::optional<int> exit_code;
};

// Calls return at once; what comes of them is told to the listener.
class Suite {
 public:
  virtual ~Suite() = default;
  // Starts to collect, in the memory domain named. Once.
  virtual Result<void> start(Listener& listener, const WorkerPlace& place) = 0;
  [[nodiscard]] virtual const TestList& tests() const = 0;
  // The process started by `start`.
  [[nodiscard]] virtual pid_t session() const = 0;

  virtual Result<void> start_worker(const WorkerPlace& place) = 0;
  virtual void run_batch(WorkerId worker, std::span<const TestIndex> tests) = 0;
  // Tears down what it holds and ends.
  virtual void retire(WorkerId worker) = 0;
  // The same, in the middle of a test.
  virtual void interrupt(WorkerId worker) = 0;

  // Lets the framework report a result it made, in a worker of this run or of the one that is resumed.
  // `verdict` is what the result means: one that is no failure may reach the framework some milliseconds later,
  // together with others.
  virtual void report(TestIndex test, Verdict verdict, std::string_view report) = 0;
  // The same for what came after the test was reported.
  virtual void amend(TestIndex test, std::string_view report) = 0;
  // A verdict that fittest gave, with text for the reader.
  virtual void report_verdict(TestIndex test, Verdict verdict, const std::string& text) = 0;
  // What a status by which the session ended before it collected means, where that is the user's to mend: the
  // framework is missing, or too old.
  [[nodiscard]] virtual std::optional<Error> explain(ExitStatus status) const = 0;
  // Nothing is reported after this; `Listener::ended` follows.
  virtual void finish(const Finish& how) = 0;
};

}  // namespace fittest::suite

#pragma once
// One ordered stream of events feeds every reader: terminal, JSON lines, history, journal. Readers never ask back.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/bytes.h"
#include "core/heap_figures.h"
#include "core/ids.h"
#include "core/verdict.h"
#include "plan/bound.h"

namespace fittest::report {

struct RunStarted {
  std::string run_id;
  std::string suite;                 // "pytest"
  std::vector<std::string> command;  // what the user typed
  Bytes budget;
  std::string budget_source;  // "--budget 4G", "MemAvailable less a reserve of 1.0 GiB"
  std::string domain;         // "cgroup v1"
  std::vector<std::string> shortcomings;
  Seconds started_at = 0;  // Unix time of the run's clock at 0
  std::string host = {};   // the machine's name
};
struct Collected {
  std::uint32_t tests = 0;
  std::string isolation;  // fork, spawn, none
  std::string isolation_reason;
  unsigned max_workers = 0;
  Bytes zygote_held;
  Seconds took = 0;
};
struct WorkerStarted {
  WorkerId worker;
  std::int64_t pid = 0;
};
struct WorkerEnded {
  WorkerId worker;
  std::string why;
};
struct TestStarted {
  WorkerId worker;
  TestIndex test;
  std::string id;
};
struct TestFinished {
  WorkerId worker;
  TestIndex test;
  std::string id;
  Verdict verdict = Verdict::not_run;
  Seconds duration = 0;
  std::optional<Bytes> peak;
  std::optional<Bytes> retained;
  std::string detail;                  // one line; why a verdict that is not the framework's own was given
  std::string message;                 // the failure's text, many lines; empty for a test that passed
  std::optional<Bytes> at_least = {};  // what it held when it was killed, above what its worker held before it
  std::optional<HeapFigures> heap = {};
};
struct TestAmended {
  TestIndex test;
  std::string id;
  Verdict verdict;
  std::string detail;
};
// A batch was killed for memory and goes back into the queue.
struct BatchKilled {
  WorkerId worker;
  std::string id;  // the test that ran, if one did
  Bytes held;      // the worker
  bool by_kernel = false;
  std::string why;
  Bytes at_least = {};  // held, less what the worker held before the test
};
struct TestRequeued {
  TestIndex test;
  std::string id;
  std::string why;
};  // run once more, whatever the reason
struct PressureChanged {
  std::string what;
};  // "stopped admitting", "froze worker 3", ...
// More than at the start may be held from now on.
struct BudgetRaised {
  Bytes budget;
  std::string why;
};
struct Sample {
  Bytes held;
  Bytes reserved;
  unsigned workers = 0;
};  // several a second
struct Notice {
  std::string text;
};  // something the user should read
struct RunFinished {
  int exit_code = 0;
  bool interrupted = false;
  Seconds wall = 0;
  Bytes peak;  // highest memory of the run
  std::uint32_t kernel_kills = 0;
  plan::LowerBound bound;
};

using Payload = std::variant<RunStarted, Collected, WorkerStarted, WorkerEnded, TestStarted, TestFinished, TestAmended,
                             BatchKilled, TestRequeued, PressureChanged, BudgetRaised, Sample, Notice, RunFinished>;
struct Event {
  Seconds at = 0;
  Payload payload;
};

class Reader {
 public:
  virtual ~Reader() = default;
  virtual void on(const Event& event) = 0;
};

}  // namespace fittest::report

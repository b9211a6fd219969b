#pragma once
// A run without processes: a virtual clock, workers that hold memory and end tests as told, and a kernel that kills
// what passes the budget. Plays the scheduler's decisions and notes whatever it should not have decided.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <variant>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "plan/scheduler.h"

namespace fittest::plan::simulation {

enum class Fate : std::uint8_t {
  finishes,
  crashes,      // ends its worker half-way, each time
  spoils,       // finishes; its worker is not to be trusted after it
  wants_again,  // finishes, and is believed only when it has run a second time, in a fresh worker
};

struct SimulatedTest {
  TestSpec spec;   // what the scheduler is told
  Bytes peak;      // what is true
  Bytes retained;  // at most `peak`
  Seconds duration = 0;
  Fate fate = Fate::finishes;
};

struct SimulatedMachine {
  Limits limits;
  Dist dist = Dist::load;
  std::uint64_t seed = 0;
  Bytes base = MiB(12);        // what a fresh worker really holds
  Seconds start = 0.01;        // a fork
  Seconds hand_over = 0.0002;  // from the end of a batch to the start of the next
};

struct Outcome {
  std::vector<std::string> faults;      // of the scheduler; the first few
  std::vector<std::string> decisions;   // each in a line, if asked for
  std::vector<Seconds> last_start;      // by test
  std::vector<Seconds> first_start;     // by test
  std::vector<std::uint32_t> verdicts;  // by test: how often it was settled and believed; 1 is right
  std::vector<bool> over_budget;
  Seconds makespan = 0;
  Bytes highest;  // of the sum of true memory
  std::size_t batches = 0;
  std::size_t alone = 0;  // batches that ran alone
  std::size_t starts = 0;
  std::size_t kills = 0;
};

class Simulation {
 public:
  Simulation(std::vector<SimulatedTest> tests, const SimulatedMachine& machine)
      : tests_(std::move(tests)),
        machine_(machine),
        scheduler_(specs(tests_), machine.limits, machine.dist, machine.seed) {
    const std::size_t count = tests_.size();
    outcome_.first_start.assign(count, -1);
    outcome_.last_start.assign(count, -1);
    outcome_.verdicts.assign(count, 0);
    outcome_.over_budget.assign(count, false);
    in_hands_.assign(count, false);
    runs_.assign(count, 0);
  }

  Scheduler& scheduler() { return scheduler_; }
  void keep_decisions() { keep_decisions_ = true; }

  Outcome run() {
    carry_out(scheduler_.decide(0));
    while (!scheduler_.finished()) {
      if (events_.empty()) {
        fault(fmt::format("stands still with {} tests pending", scheduler_.pending()));
        break;
      }
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      happen(event);
      carry_out(scheduler_.decide(now_));
      if (outcome_.faults.size() >= 5) break;
    }
    outcome_.makespan = now_;
    for (const std::uint32_t verdicts : outcome_.verdicts) {
      if (verdicts != 1) fault(fmt::format("a test has {} verdicts", verdicts));
    }
    return outcome_;
  }

 private:
  enum class Kind : std::uint8_t { started, test_begins, test_ends, crashed, kernel_kills, gone };
  struct Event {
    Seconds at = 0;
    std::uint64_t number = 0;  // events of one moment come in the order in which they were made
    std::uint32_t worker = 0;
    std::uint32_t life = 0;  // out of date if the worker has been stopped since
    Kind kind = Kind::started;
    bool operator>(const Event& other) const { return at != other.at ? at > other.at : number > other.number; }
  };
  enum class Phase : std::uint8_t { starting, idle, busy, stopped, retiring, gone };
  struct Worker {
    Phase phase = Phase::starting;
    Bytes held;
    Bytes using_now;  // of the running test, above held
    std::vector<TestIndex> batch;
    std::size_t at = 0;
    bool alone = false;
    bool used = false;
    std::uint32_t life = 0;
  };

  static std::vector<TestSpec> specs(const std::vector<SimulatedTest>& tests) {
    std::vector<TestSpec> out;
    out.reserve(tests.size());
    for (const SimulatedTest& test : tests) out.push_back(test.spec);
    return out;
  }

  void fault(const std::string& text) {
    if (outcome_.faults.size() < 5) outcome_.faults.push_back(fmt::format("{:.3f} s: {}", now_, text));
  }
  void soon(Seconds in, std::uint32_t worker, Kind kind) {
    events_.push({now_ + in, next_event_++, worker, workers_[worker].life, kind});
  }
  void add(Bytes amount) {
    held_ += amount;
    outcome_.highest = std::max(outcome_.highest, held_);
  }

  void carry_out(const std::vector<Decision>& decisions) {
    for (const Decision& decision : decisions) {
      if (const auto* start = std::get_if<StartWorker>(&decision)) {
        note("start", number(start->worker), {}, false);
        if (number(start->worker) != workers_.size()) fault("a worker's id is not the next one");
        if (++alive_ > machine_.limits.max_workers) fault("more workers than allowed");
        ++outcome_.starts;
        Worker& worker = workers_.emplace_back();
        worker.held = machine_.base;
        add(worker.held);
        soon(machine_.start, number(start->worker), Kind::started);
      } else if (const auto* run = std::get_if<RunBatch>(&decision)) {
        begin(*run);
      } else {
        const auto& retire = std::get<RetireWorker>(decision);
        note("retire", number(retire.worker), {}, false);
        Worker& worker = workers_[number(retire.worker)];
        if (worker.phase != Phase::idle && worker.phase != Phase::stopped) fault("a busy worker is retired");
        worker.phase = Phase::retiring;
        soon(machine_.start / 2, number(retire.worker), Kind::gone);
      }
    }
  }

  void begin(const RunBatch& run) {
    Worker& worker = workers_[number(run.worker)];
    note("run", number(run.worker), run.tests, run.alone);
    ++outcome_.batches;
    if (run.alone) ++outcome_.alone;
    if (worker.phase != Phase::idle) fault("a batch for a worker that is not idle");
    if (run.tests.empty()) fault("an empty batch");
    for (std::size_t i = 0; i < run.tests.size(); ++i) {
      const TestIndex test = run.tests[i];
      if (i > 0 && test < run.tests[i - 1]) fault("a batch is not in collection order");
      if (in_hands_[test]) fault("a test is given out twice at once");
      if (outcome_.verdicts[test] != 0) fault("a test is given out that is settled");
      in_hands_[test] = true;
      const TestSpec& spec = tests_[test].spec;
      const TestSpec& first = tests_[run.tests.front()].spec;
      const bool of_group =
          machine_.dist == Dist::loadscope || machine_.dist == Dist::loadfile || machine_.dist == Dist::loadgroup;
      if (of_group ? spec.group != first.group : spec.file != first.file) fault("a batch mixes files or groups");
    }
    if (run.alone && alive_ != 1) fault("alone beside a living worker");
    if (alone_now_) fault("beside one that runs alone");
    if (run.alone && worker.used) fault("alone in a used worker");
    worker.phase = Phase::busy;
    worker.batch = run.tests;
    worker.at = 0;
    worker.alone = run.alone;
    alone_now_ = run.alone;
    worker.used = true;
    soon(machine_.hand_over, number(run.worker), Kind::test_begins);
  }

  void happen(const Event& event) {
    Worker& worker = workers_[event.worker];
    if (event.life != worker.life) return;
    const auto id = static_cast<WorkerId>(event.worker);
    switch (event.kind) {
      case Kind::started:
        worker.phase = Phase::idle;
        scheduler_.worker_started(id, worker.held, now_);
        break;
      case Kind::test_begins:
        begin_test(event.worker);
        break;
      case Kind::test_ends:
        end_test(event.worker);
        break;
      case Kind::crashed:
      case Kind::kernel_kills:
        die(event.worker, event.kind);
        break;
      case Kind::gone:
        bury(worker);
        scheduler_.worker_gone(id, GoneCause::retired, std::nullopt, {}, now_);
        break;
    }
  }

  void begin_test(std::uint32_t number) {
    Worker& worker = workers_[number];
    const TestIndex test = worker.batch[worker.at];
    const SimulatedTest& truth = tests_[test];
    if (outcome_.first_start[test] < 0) outcome_.first_start[test] = now_;
    outcome_.last_start[test] = now_;
    ++runs_[test];
    scheduler_.test_started(static_cast<WorkerId>(number), test, now_);
    // What does not fit, the kernel refuses: it kills the largest. If that is this one, when it has reached the limit.
    for (;;) {
      const Bytes room = machine_.limits.budget - held_;
      if (truth.peak <= room) break;
      std::uint32_t largest = number;
      for (std::uint32_t other = 0; other < workers_.size(); ++other) {
        if (workers_[other].phase != Phase::busy || other == number) continue;
        const Bytes most =
            largest == number ? worker.held + room : workers_[largest].held + workers_[largest].using_now;
        if (workers_[other].held + workers_[other].using_now > most) largest = other;
      }
      if (largest == number || workers_[largest].using_now == Bytes{}) break;
      die(largest, Kind::kernel_kills);
    }
    const Bytes left = machine_.limits.budget - held_;
    worker.using_now = std::min(truth.peak, left);
    add(worker.using_now);
    if (truth.peak > left) {
      soon(truth.duration * 0.3, number, Kind::kernel_kills);
    } else if (truth.fate == Fate::crashes) {
      soon(truth.duration * 0.5, number, Kind::crashed);
    } else {
      soon(truth.duration, number, Kind::test_ends);
    }
  }

  void end_test(std::uint32_t number) {
    Worker& worker = workers_[number];
    const auto id = static_cast<WorkerId>(number);
    const TestIndex test = worker.batch[worker.at];
    const SimulatedTest& truth = tests_[test];
    held_ -= worker.using_now;
    worker.using_now = {};
    worker.held += truth.retained;
    add(truth.retained);
    verdict(test);
    scheduler_.test_finished(id, test, truth.peak, worker.held, now_);
    ++worker.at;
    if (truth.fate == Fate::wants_again && runs_[test] == 1) {
      --outcome_.verdicts[test];
      scheduler_.run_again(test);
    }
    if (truth.fate == Fate::spoils) {
      stop(worker);
      worker.phase = Phase::stopped;
      scheduler_.worker_spoiled(id, now_);
      return;
    }
    if (worker.at < worker.batch.size()) {
      begin_test(number);
    } else {
      worker.phase = Phase::idle;
      alone_now_ = false;
      scheduler_.batch_done(id, now_);
    }
  }

  void die(std::uint32_t number, Kind kind) {
    Worker& worker = workers_[number];
    const TestIndex test = worker.batch[worker.at];
    const Bytes observed = worker.using_now;
    stop(worker);
    bury(worker);
    const bool crashed = kind == Kind::crashed;
    if (!crashed) ++outcome_.kills;
    const auto requeue = scheduler_.worker_gone(static_cast<WorkerId>(number),
                                                crashed ? GoneCause::crashed : GoneCause::kernel, test, observed, now_);
    if (crashed == requeue.has_value()) fault("a wrong answer to a worker's end");
    if (crashed || requeue == Requeue::over_budget) verdict(test);
    if (requeue == Requeue::over_budget) outcome_.over_budget[test] = true;
  }

  void verdict(TestIndex test) {
    ++outcome_.verdicts[test];
    in_hands_[test] = false;
  }

  // Takes from the worker what it has not done.
  void stop(Worker& worker) {
    for (const TestIndex test : worker.batch) {
      // Another worker may have some of them by now (run_again), but only those that have a verdict or had one here.
      if (outcome_.verdicts[test] == 0) in_hands_[test] = false;
    }
    ++worker.life;
    alone_now_ = false;
  }

  void bury(Worker& worker) {
    held_ -= worker.held + worker.using_now;
    worker.phase = Phase::gone;
    worker.batch = {};
    --alive_;
  }

  void note(const char* what, std::uint32_t worker, const std::vector<TestIndex>& tests, bool alone) {
    if (!keep_decisions_) return;
    outcome_.decisions.push_back(
        fmt::format("{} {}: {}{}", what, worker, fmt::join(tests, " "), alone ? " alone" : ""));
  }

  std::vector<SimulatedTest> tests_;
  SimulatedMachine machine_;
  Scheduler scheduler_;
  Outcome outcome_;
  std::vector<Worker> workers_;
  std::vector<bool> in_hands_;
  std::vector<std::uint32_t> runs_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t next_event_ = 0;
  unsigned alive_ = 0;
  bool alone_now_ = false;
  Seconds now_ = 0;
  Bytes held_;
  bool keep_decisions_ = false;
};

}  // namespace fittest::plan::simulation

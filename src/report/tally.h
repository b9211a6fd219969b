#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "report/event.h"

namespace fittest::report {

// A test and a figure of it.
struct Ranked {
  TestIndex test = 0;
  std::string id;
  Bytes amount;
  Seconds duration = 0;
};

// The tests with the highest figures, highest first. Memory does not grow with the number of tests.
class Ranking {
 public:
  explicit Ranking(std::size_t size) : size_(size) {}
  // A test that comes again replaces what it had before.
  void put(const Ranked& entry);
  [[nodiscard]] std::vector<Ranked> top() const;

 private:
  std::size_t size_;
  std::vector<Ranked> entries_;  // some more than asked for, so that one taken out leaves no hole
};

// A test with a verdict that only fittest can explain.
struct Problem {
  Verdict verdict = Verdict::not_run;
  std::string id;
  std::string detail;
};

// What the terminal keeps of the events: one byte for each test, and what is shown of the run as a whole.
class Tally {
 public:
  void on(const Event& event);

  [[nodiscard]] std::uint32_t tests() const { return collected_; }
  [[nodiscard]] std::uint32_t done() const { return done_; }  // with a verdict other than not_run
  [[nodiscard]] std::uint32_t failures() const;
  // not_run: what was collected and has no other verdict.
  [[nodiscard]] std::uint32_t count(Verdict verdict) const;
  [[nodiscard]] const Ranking& hungriest() const { return hungriest_; }
  [[nodiscard]] const Ranking& retained() const { return retained_; }
  // In the order of the tests; some of them only, if there are very many.
  [[nodiscard]] const std::map<TestIndex, Problem>& problems() const { return problems_; }
  [[nodiscard]] Bytes budget() const { return budget_; }
  [[nodiscard]] const Sample& last_sample() const { return sample_; }
  [[nodiscard]] std::uint32_t batches_killed() const { return batches_killed_; }
  [[nodiscard]] std::uint32_t requeued() const { return requeued_; }  // for another reason than a kill for memory
  // Whether the TestRequeued that came last only follows from a BatchKilled before it.
  [[nodiscard]] bool requeued_by_kill() const { return requeued_by_kill_; }

 private:
  void settle(TestIndex test, const std::string& id, Verdict verdict, const std::string& detail);

  Bytes budget_;
  std::uint32_t collected_ = 0;
  std::uint32_t done_ = 0;
  std::vector<std::uint8_t> verdicts_;  // by test: 0 = none yet, else Verdict + 1
  std::array<std::uint32_t, kVerdictCount> counts_{};
  Ranking hungriest_{10};
  Ranking retained_{5};
  std::map<TestIndex, Problem> problems_;
  Sample sample_;
  std::uint32_t batches_killed_ = 0;
  std::uint32_t requeued_ = 0;
  std::set<std::string> killed_;  // tests whose kill was told and whose TestRequeued was not
  bool requeued_by_kill_ = false;
};

}  // namespace fittest::report

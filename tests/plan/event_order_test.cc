// Random legal orders of events, without any model of time or memory behind them: workers that fail to start, die
// between tests, are spoiled while a test runs, report late; budgets that move; admission that comes and goes.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "plan/scheduler.h"

namespace fittest::plan {
namespace {

struct LivingWorker {
  bool started = false;
  bool retiring = false;
  bool busy = false;
  bool spoiled = false;
  std::vector<TestIndex> left;  // of its batch
  std::optional<TestIndex> running;
};

class RandomRun {
 public:
  explicit RandomRun(std::uint64_t seed) : random_(seed) {
    constexpr Dist kEvery[] = {Dist::load, Dist::loadscope, Dist::loadfile, Dist::loadgroup, Dist::worksteal, Dist::no};
    limits_ = {MiB(64 + random_() % 4000), 1 + static_cast<unsigned>(random_() % 9), MiB(random_() % 40),
               MiB(random_() % 300)};
    const std::size_t count = 1 + random_() % 300;
    std::vector<TestSpec> tests;
    for (std::size_t i = 0; i < count; ++i) {
      TestSpec spec;
      spec.prediction = {MiB(random_() % (random_() % 20 == 0 ? 5000 : 50)),
                         0.001 * static_cast<double>(random_() % 900), random_() % 3 != 0, MiB(random_() % 5)};
      // Files and groups that are no neighbours, with numbers that leave gaps.
      spec.file = static_cast<std::uint32_t>(random_() % 4 == 0 ? random_() : i / 20);
      spec.group = static_cast<std::uint32_t>(random_() % (1 + count / 5));
      spec.shares_setup = random_() % 2 == 0;
      tests.push_back(spec);
    }
    done_.assign(count, false);
    scheduler_.emplace(std::move(tests), limits_, kEvery[seed % std::size(kEvery)], random_());
    for (TestIndex test = 0; test < count; ++test) {
      if (random_() % 10 == 0) {
        scheduler_->settle(test);
        done_[test] = true;
      }
    }
  }

  void play() {
    for (std::size_t step = 0; step < 100'000; ++step) {
      // Trouble for a while; then only good things happen, and it must come to an end.
      const bool calm = step > 3000;
      if (calm) {
        admitting_ = true;
        scheduler_->set_admission(true);
      }
      if (!calm && random_() % 10 == 0) shake();
      decide();
      const auto open = static_cast<std::size_t>(std::count(done_.begin(), done_.end(), false));
      ASSERT_EQ(scheduler_->pending(), open);
      ASSERT_EQ(scheduler_->finished(), open == 0);
      ASSERT_GE(scheduler_->time_left(now_), 0);
      if (open == 0) return;
      if (workers_.empty()) {
        ASSERT_FALSE(admitting_) << "stands still";
        admitting_ = true;
        scheduler_->set_admission(true);
        continue;
      }
      auto at = workers_.begin();
      std::advance(at, static_cast<std::ptrdiff_t>(random_() % workers_.size()));
      now_ += 0.001 * static_cast<double>(random_() % 100);
      happen(at->first, at->second, calm);
    }
    FAIL() << "no end, with " << scheduler_->pending() << " pending";
  }

 private:
  void decide() {
    for (const Decision& each : scheduler_->decide(now_)) {
      if (const auto* start = std::get_if<StartWorker>(&each)) {
        EXPECT_TRUE(workers_.try_emplace(start->worker).second);
        EXPECT_LE(workers_.size(), limits_.max_workers);
      } else if (const auto* run = std::get_if<RunBatch>(&each)) {
        LivingWorker& worker = workers_.at(run->worker);
        EXPECT_TRUE(worker.started && !worker.busy && !worker.retiring && !worker.spoiled);
        EXPECT_FALSE(run->tests.empty());
        for (const TestIndex test : run->tests) {
          EXPECT_FALSE(done_[test]);
          EXPECT_TRUE(in_hands_.insert(test).second) << "given out twice";
        }
        EXPECT_TRUE(!run->alone || workers_.size() == 1);
        worker.busy = true;
        worker.left = run->tests;
      } else {
        LivingWorker& worker = workers_.at(std::get<RetireWorker>(each).worker);
        EXPECT_FALSE(worker.retiring);
        EXPECT_TRUE(!worker.busy || worker.spoiled);
        worker.retiring = true;
      }
    }
  }

  void shake() {
    if (random_() % 2 == 0) {
      admitting_ = random_() % 2 == 0;
      scheduler_->set_admission(admitting_);
    } else {
      scheduler_->budget_changed(limits_.budget.scaled(0.5 + static_cast<double>(random_() % 100) / 100));
    }
  }

  void drop(const LivingWorker& worker) {
    for (const TestIndex test : worker.left) in_hands_.erase(test);
  }

  void gone(WorkerId id, LivingWorker& worker, GoneCause cause) {
    std::optional<TestIndex> running = worker.running;
    const auto requeue = scheduler_->worker_gone(id, cause, running, MiB(random_() % 4000), now_);
    const bool memory = cause == GoneCause::killed || cause == GoneCause::kernel;
    EXPECT_EQ(requeue.has_value(), memory && running.has_value());
    if (running && (cause == GoneCause::crashed || requeue == Requeue::over_budget)) done_[*running] = true;
    if (running) in_hands_.erase(*running);
    drop(worker);
    workers_.erase(id);
  }

  void happen(WorkerId id, LivingWorker& worker, bool calm) {
    const auto roll = random_() % 100;
    if (worker.retiring) return gone(id, worker, GoneCause::retired);
    if (!calm && roll < 4) {
      constexpr GoneCause kCauses[] = {GoneCause::crashed, GoneCause::killed, GoneCause::kernel, GoneCause::retired};
      return gone(id, worker, kCauses[random_() % 4]);
    }
    if (!calm && roll < 6 && !worker.spoiled) {
      worker.spoiled = true;
      scheduler_->worker_spoiled(id, now_);
      drop(worker);
      worker.left.clear();
      if (!worker.running) worker.busy = false;
      return;
    }
    if (!worker.started) {
      worker.started = true;
      scheduler_->worker_started(id, MiB(random_() % 60), now_);
    } else if (worker.running) {
      const TestIndex test = *worker.running;
      worker.running.reset();
      in_hands_.erase(test);
      done_[test] = true;
      scheduler_->test_finished(id, test, MiB(random_() % 200), MiB(random_() % 400), now_);
      if (worker.spoiled) worker.busy = false;
      if (!calm && random_() % 20 == 0) {
        done_[test] = false;
        scheduler_->run_again(test);
      }
    } else if (worker.busy && !worker.left.empty()) {
      worker.running = worker.left.front();
      worker.left.erase(worker.left.begin());
      scheduler_->test_started(id, *worker.running, now_);
    } else if (worker.busy) {
      worker.busy = false;
      scheduler_->batch_done(id, now_);
    }
  }

  std::mt19937_64 random_;
  Limits limits_;
  std::optional<Scheduler> scheduler_;
  std::map<WorkerId, LivingWorker> workers_;
  std::vector<bool> done_;
  std::set<TestIndex> in_hands_;
  bool admitting_ = true;
  Seconds now_ = 0;
};

TEST(EventOrder, NoLegalOrderLosesATestOrStandsStill) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE(seed);
    RandomRun(seed).play();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace fittest::plan

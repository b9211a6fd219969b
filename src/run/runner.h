#pragma once
// The run itself: hears the suite, the clock and the signals, asks the scheduler and the pressure controller, and
// carries out what they decide. Parts: runner.cc (begin and end), runner_workers.cc, runner_tests.cc, runner_watch.cc
// (memory, patience), runner_stop.cc.
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "history/store.h"
#include "memory/domain.h"
#include "plan/pressure.h"
#include "plan/scheduler.h"
#include "report/json_lines.h"
#include "report/junit.h"
#include "report/terminal.h"
#include "run/guard.h"
#include "run/ledger.h"
#include "run/run.h"
#include "run/run_folder.h"
#include "run/selection.h"
#include "run/session_output.h"
#include "run/worker_table.h"

namespace fittest::run {

class Runner : public suite::Listener {
 public:
  Runner(const RunOptions& options, report::Screen& screen)
      : options_(options),
        budget_(options.budget),
        screen_(screen),
        terminal_(screen),
        signals_(loop_, SIGINT, SIGTERM),
        resized_(loop_, SIGWINCH),
        ticker_(loop_) {}

  int run(const MakeSuite& make_suite, OutputWay way);

  // --- suite::Listener ---
  std::vector<suite::LabelledTests> measure_labels(const TestList& found) override;
  Result<std::vector<TestIndex>> select(const TestList& candidates, const select::Request& request) override;
  suite::HeapPlan plan_heap(const TestList& tests, const std::vector<TestIndex>& compared) override;
  void collected(const suite::Collected& what) override;
  void worker_ready(WorkerId worker, pid_t pid, Bytes held) override;
  void test_started(WorkerId worker, TestIndex test) override;
  void test_finished(suite::TestEnd end) override;
  void test_amended(suite::TestAmendment amendment) override;
  void batch_done(WorkerId worker, Bytes held) override;
  void worker_gone(WorkerId worker, ExitStatus status) override;
  void stop_requested(const suite::StopRequest& request) override;
  void ended(ExitStatus status) override;
  void failed(const Error& error) override;

 private:
  enum class Phase { collecting, running, stopping, finishing, over };

  [[nodiscard]] Seconds now() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  template <typename Payload>
  void tell(Payload payload) {
    ledger_.tell(now(), std::move(payload));
  }
  [[nodiscard]] std::string id(TestIndex test) const { return std::string(suite_->tests().id(test)); }

  Result<void> open_domain();
  std::vector<std::string> heap_environment();
  std::vector<std::string> open_files();  // returns what the user should read
  std::vector<plan::TestSpec> specs();
  void take_over_previous();
  void store_durations();
  int finish_run();
  void tell_about_heap();
  void follow_size();

  // --- runner_workers.cc ---
  void pump();
  void start_worker(const plan::StartWorker& decision);
  void run_batch(const plan::RunBatch& decision);
  void retire(RunningWorker& worker, std::string_view why);
  void kill(RunningWorker& worker, KilledFor why);
  bool was_killed_for_memory(const RunningWorker& worker, ExitStatus status, const memory::Usage& usage);
  bool lend_reserve(TestIndex test);
  Bytes leave_room_for_session();
  void settle_over_budget(const RunningWorker& worker, Bytes most);
  void settle_lost(const RunningWorker& worker, ExitStatus status);
  void settle_without_report(const RunningWorker& worker, Verdict verdict, const std::string& text, Bytes at_least);

  // --- runner_tests.cc ---
  void settle(suite::TestEnd& end, Bytes retained);
  void observed_finished(suite::TestEnd& end);
  void note_left_behind(RunningWorker& worker, const suite::TestEnd& end);

  // --- runner_watch.cc ---
  void tick();
  void sample();
  void follow_session();
  void relieve_pressure();
  void freeze(RunningWorker& worker);
  void thaw(RunningWorker& worker);
  void check_patience();

  // --- runner_stop.cc ---
  void on_signal();
  void stop(const suite::Finish& how);
  void kill_everything();

  void finish_if_done();
  void finish_session(const suite::Finish& how);

  const RunOptions& options_;
  memory::Budget budget_;  // grows when the reserve is lent
  report::Screen& screen_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  asio::io_context loop_;
  std::string run_id_ = new_run_id();
  std::optional<Guard> guard_;
  std::unique_ptr<memory::RunDomain> domain_;
  std::unique_ptr<memory::WorkerDomain> session_domain_;
  std::optional<history::Store> history_;
  std::int64_t history_run_ = 0;
  std::size_t history_notices_ = 0;  // told already
  std::optional<RunFolder> folder_;
  std::optional<Selection> selection_;
  std::unique_ptr<report::JsonLines> journal_;
  std::unique_ptr<report::JUnit> junit_;
  report::Terminal terminal_;
  Ledger ledger_;
  std::optional<SessionOutput> output_;
  std::unique_ptr<suite::Suite> suite_;
  asio::signal_set signals_;
  asio::signal_set resized_;
  asio::steady_timer ticker_;

  Phase phase_ = Phase::collecting;
  std::optional<suite::Collected> collected_;
  std::optional<plan::Scheduler> scheduler_;
  plan::PressureController pressure_;
  WorkerTable workers_;
  std::unordered_map<TestIndex, std::string> second_chances_;  // and which test spoiled the worker of the first
  std::unordered_set<TestIndex> killed_from_outside_;
  suite::Finish finish_;
  std::optional<Error> error_;
  unsigned failed_starts_ = 0;
  unsigned crashes_ = 0;
  bool interrupted_ = false;
  bool phase_stopped_ = false;  // --maxfail and its like

  memory::Usage usage_;
  Bytes peak_;
  Bytes growth_;
  Seconds last_sample_ = 0;
  Seconds last_shown_sample_ = 0;
  Seconds last_flush_ = 0;
  Bytes session_held_;
  ExitStatus session_status_;
  std::optional<RunningWorker> observed_;  // stands for the session with --isolation none
};

}  // namespace fittest::run

#pragma once
// A pytest root, driven directly: a session, workers, and a listener that remembers all it hears.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "programs.h"
#include "suite/pytest/pytest_suite.h"

namespace fittest::suite::pytest {

// Remembers everything it hears.
class Recorder : public Listener {
 public:
  struct Worker {
    pid_t pid = 0;
    int ready = 0, gone = 0, batches_done = 0;
    ExitStatus status;
  };

  std::vector<LabelledTests> measure_labels(const TestList& found) override {
    found_.push_back(found);
    return labelled_;
  }
  Result<std::vector<TestIndex>> select(const TestList& candidates, const select::Request& request) override {
    found_.push_back(candidates);
    requests_.push_back(request);
    return selected_;
  }
  HeapPlan plan_heap(const TestList&, const std::vector<TestIndex>&) override { return heap_plan_; }
  void collected(const Collected& what) override { collected_.push_back(what); }
  void worker_ready(WorkerId worker, pid_t pid, Bytes) override {
    ++workers_[worker].ready;
    workers_[worker].pid = pid;
  }
  void test_started(WorkerId, TestIndex test) override {
    started_.push_back(test);
    if (on_started_) on_started_(test);
  }
  void test_finished(TestEnd end) override { finished_.push_back(std::move(end)); }
  void test_amended(TestAmendment amendment) override { amended_.push_back(std::move(amendment)); }
  void batch_done(WorkerId worker, Bytes) override { ++workers_[worker].batches_done; }
  void worker_gone(WorkerId worker, ExitStatus status) override {
    ++workers_[worker].gone;
    workers_[worker].status = status;
  }
  void stop_requested(const StopRequest& request) override { stops_.push_back(request); }
  void ended(ExitStatus status) override { ended_.push_back(status); }
  void failed(const Error& error) override { failures_.push_back(error); }

  std::vector<Collected> collected_;
  std::map<WorkerId, Worker> workers_;
  std::vector<TestIndex> started_;
  std::vector<TestEnd> finished_;
  std::vector<TestAmendment> amended_;
  std::vector<StopRequest> stops_;
  std::vector<ExitStatus> ended_;
  std::vector<Error> failures_;
  std::function<void(TestIndex)> on_started_;
  // What was asked, and what is answered.
  std::vector<TestList> found_;
  std::vector<select::Request> requests_;
  std::vector<LabelledTests> labelled_;
  Result<std::vector<TestIndex>> selected_;
  HeapPlan heap_plan_;
};

class PytestSuiteTest : public testing::Test {
 protected:
  static constexpr WorkerId kFirst{7}, kSecond{8};

  PytestSuiteTest() { write("pytest.ini", "[pytest]\n"); }

  ~PytestSuiteTest() override {
    // Whatever a failed test left: nothing of it shall outlive it.
    for (const auto& [id, worker] : heard_.workers_) {
      if (worker.gone == 0 && worker.pid > 0) ::kill(worker.pid, SIGKILL);
    }
    if (suite_ && heard_.ended_.empty() && suite_->session() > 0) ::kill(suite_->session(), SIGKILL);
  }

  void write(const std::string& name, const std::string& text) { folder_.file("root/" + name, text); }

  // Starts the session; its output goes to a file.
  void start(std::vector<std::string> arguments = {}, Isolation isolation = Isolation::automatic,
             PytestOptions options = {}) {
    options.python = {test_python(), "test"};
    options.arguments = std::move(arguments);
    options.arguments.insert(options.arguments.end(), {"-p", "no:cacheprovider", "-p", "no:randomly", "--rootdir",
                                                       root(), "-c", root() + "/pytest.ini", root()});
    options.isolation = isolation;
    options.workers = 2;
    output_ = Descriptor(::open((folder_.path() / "output").c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
    options.output = output_.get();
    options.error = output_.get();
    suite_ = make_pytest_suite(loop_, options);
    WorkerPlace place;
    place.environment = {"PYTHONDONTWRITEBYTECODE=1", "PYTEST_ADDOPTS=", "FITTEST_MARK=session"};
    const auto started = suite_->start(heard_, place);
    if (!started) throw std::runtime_error(started.error().text());
  }

  // Starts it and waits for the tests.
  void collect(std::vector<std::string> arguments = {}, Isolation isolation = Isolation::automatic,
               PytestOptions options = {}) {
    start(std::move(arguments), isolation, std::move(options));
    ASSERT_TRUE(run_until([&] { return !heard_.collected_.empty() || !heard_.ended_.empty(); }));
    ASSERT_EQ(heard_.collected_.size(), 1U) << output();
  }

  bool run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(100);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      loop_.restart();
      loop_.run_one_for(std::chrono::milliseconds(100));
    }
    return true;
  }

  void start_worker(WorkerId id, unsigned slot = 0) {
    WorkerPlace place;
    place.worker = id;
    place.slot = slot;
    place.environment = {"FITTEST_MARK=worker", "PYTHONDONTWRITEBYTECODE=1"};
    const auto started = suite_->start_worker(place);
    ASSERT_TRUE(started) << started.error().text();
    ASSERT_TRUE(run_until([&] { return heard_.workers_[id].ready > 0 || heard_.workers_[id].gone > 0; }));
    ASSERT_EQ(heard_.workers_[id].ready, 1) << output();
  }

  void run_batch(WorkerId id, std::vector<TestIndex> tests) {
    const int before = heard_.workers_[id].batches_done;
    suite_->run_batch(id, tests);
    ASSERT_TRUE(run_until([&] { return heard_.workers_[id].batches_done > before; })) << output();
  }

  void retire(WorkerId id) {
    suite_->retire(id);
    ASSERT_TRUE(run_until([&] { return heard_.workers_[id].gone > 0; }));
  }

  void gone(WorkerId id) {
    ASSERT_TRUE(run_until([&] { return heard_.workers_[id].gone > 0; })) << output();
  }

  ExitStatus finish(const Finish& how = {}) {
    suite_->finish(how);
    EXPECT_TRUE(run_until([&] { return !heard_.ended_.empty(); })) << output();
    return heard_.ended_.empty() ? ExitStatus() : heard_.ended_.front();
  }

  // The report of everything that is finished goes to the session.
  void report_all() {
    for (const TestEnd& end : heard_.finished_) suite_->report(end.test, end.verdict, end.report);
  }

  [[nodiscard]] std::vector<std::string> ids() const {
    std::vector<std::string> found;
    for (TestIndex test = 0; test < suite_->tests().size(); ++test) found.emplace_back(suite_->tests().id(test));
    return found;
  }

  [[nodiscard]] const TestEnd& end_of(TestIndex test) const {
    for (const TestEnd& end : heard_.finished_) {
      if (end.test == test) return end;
    }
    throw std::runtime_error("not finished: " + std::to_string(test));
  }

  [[nodiscard]] std::string root() const { return (folder_.path() / "root").string(); }
  [[nodiscard]] std::string output() const { return read_file(folder_.path() / "output"); }
  [[nodiscard]] std::string text_of(const std::string& name) const { return read_file(folder_.path() / "root" / name); }

  TemporaryFolder folder_;
  Recorder heard_;
  asio::io_context loop_;
  Descriptor output_;
  std::unique_ptr<Suite> suite_;
};

}  // namespace fittest::suite::pytest

#include "suite/pytest/pytest_suite.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "suite/process.h"
#include "suite/pytest/bundle.h"
#include "suite/pytest/channel.h"
#include "suite/pytest/decode.h"
#include "suite/pytest/end_watch.h"
#include "suite/pytest/protocol.h"
#include "suite/pytest/session_json.h"

namespace fittest::suite::pytest {
namespace {

using nlohmann::json;

// More than this waiting for the session makes the workers wait; less than the other lets them go on.
constexpr std::size_t kMostQueued = 4 << 20;
constexpr std::size_t kFewQueued = 1 << 20;

struct Worker {
  WorkerId id{};
  pid_t pid = 0;
  bool spawned = false;
  std::unique_ptr<Channel> channel;
  std::unique_ptr<EndWatch> watch;
  bool ended = false;                // its process is; its status is not known yet
  std::optional<Bytes> ready_early;  // what it held when it said so before the zygote had told its pid
};

class PytestSuite : public Suite {
 public:
  PytestSuite(asio::io_context& loop, PytestOptions options) : loop_(loop), options_(std::move(options)) {}

  Result<void> start(Listener& listener, const WorkerPlace& place) override {
    listener_ = &listener;
    auto connection = make_connection();
    auto control = make_connection();
    if (!connection) return tl::unexpected(connection.error());
    if (!control) return tl::unexpected(control.error());
    json setup{{"role", "session"},
               {"channel", connection->second.get()},
               {"control", control->second.get()},
               {"isolation", name(options_.isolation)},
               {"columns", options_.columns},
               {"color", options_.color},
               {"exit_without_pytest", kNoPytest}};
    if (options_.workers) setup["workers"] = *options_.workers;
    setup["list"] = options_.list;
    json asks{{"labels", options_.measures_labels}, {"selects", options_.selects}, {"plan", options_.has_plan}};
    if (options_.order) asks["order"] = *options_.order;
    setup["select"] = std::move(asks);
    setup["heap"] = heap_setup();
    auto bundle = make_bundle(options_.python.path, std::move(setup), options_.arguments);
    if (!bundle) return tl::unexpected(bundle.error());
    ProcessOrder order{
        bundle->command, watched(place.environment), place.join_files, {}, options_.input, options_.output,
        options_.error,  options_.own_session};
    order.keep = {bundle->content.get(), connection->second.get(), control->second.get()};
    auto process = start_process(order);
    if (!process) return tl::unexpected(process.error());
    session_pid_ = process->pid;
    session_ = std::make_unique<Channel>(
        loop_, std::move(connection->first),
        Channel::Handlers{[this](const FrameCutter::Cut& cut) { on_session(cut); }, [this] { session_closed(); },
                          [this](std::size_t bytes) { hold_back(bytes); }});
    zygote_ = std::make_unique<Channel>(
        loop_, std::move(control->first),
        Channel::Handlers{[this](const FrameCutter::Cut& cut) { on_zygote(cut); }, [this] { zygote_closed(); }, {}});
    if (process->handle) {
      session_watch_ = std::make_unique<EndWatch>(loop_, std::move(process->handle), [this] { session_ended(); });
    }
    return {};
  }

  [[nodiscard]] const TestList& tests() const override { return tests_; }
  [[nodiscard]] pid_t session() const override { return session_pid_; }

  Result<void> start_worker(const WorkerPlace& place) override {
    auto connection = make_connection();
    if (!connection) return tl::unexpected(connection.error());
    json order{{"worker", number(place.worker)}, {"slot", place.slot}, {"workers", workers_at_most_}};
    order["join_files"] = place.join_files;
    order["environment"] = place.environment;
    if (place.peak_file) {
      // The kernel names what a cgroup holds beside its peak; v1 and v2 differ.
      const std::string folder = place.peak_file->substr(0, place.peak_file->rfind('/') + 1);
      order["peak_file"] = *place.peak_file;
      order["held_file"] =
          folder + (place.peak_file->ends_with("memory.peak") ? "memory.current" : "memory.usage_in_bytes");
      order["stat_file"] = folder + "memory.stat";
    }
    auto worker = std::make_unique<Worker>();
    worker->id = place.worker;
    if (isolation_ == "spawn") {
      if (auto spawned = spawn(*worker, order, connection->second, place); !spawned) return spawned;
    } else {
      auto sent =
          send_with_descriptor(zygote_->descriptor(), make_frame(Frame::fork, dump(order)), connection->second.get());
      if (!sent) return sent;
    }
    const WorkerId id = place.worker;
    worker->channel = std::make_unique<Channel>(
        loop_, std::move(connection->first),
        Channel::Handlers{
            [this, id](const FrameCutter::Cut& cut) { on_worker(id, cut); }, [this, id] { worker_closed(id); }, {}});
    if (held_back_) worker->channel->set_reading(false);
    workers_[id] = std::move(worker);
    return {};
  }

  void run_batch(WorkerId id, std::span<const TestIndex> batch) override {
    Worker* worker = find(id);
    if (worker == nullptr) return;
    std::string payload;
    for (const TestIndex test : batch) {
      put_u32(payload, test);
      if (!worker->spawned) continue;
      put_u32(payload, static_cast<std::uint32_t>(tests_.id(test).size()));
      payload += tests_.id(test);
    }
    worker->channel->send(make_frame(Frame::batch, payload));
  }

  void retire(WorkerId id) override {
    if (Worker* worker = find(id)) worker->channel->send(make_frame(Frame::retire, {}));
  }

  void interrupt(WorkerId id) override {
    if (Worker* worker = find(id); worker != nullptr && worker->pid != 0) ::kill(worker->pid, SIGINT);
  }

  void report(TestIndex test, Verdict verdict, std::string_view report) override {
    // After a failure pytest may want to stop (-x).
    if (is_failure(verdict)) {
      session_->send(replay(test, report, 1));
    } else {
      session_->send_soon(replay(test, report, 1));
    }
  }
  void amend(TestIndex test, std::string_view report) override { session_->send(replay(test, report, 0)); }

  void report_verdict(TestIndex test, Verdict verdict, const std::string& text) override {
    const std::string_view outcome = is_failure(verdict)                                          ? "failed"
                                     : verdict == Verdict::skipped || verdict == Verdict::xfailed ? "skipped"
                                                                                                  : "passed";
    session_->send(make_frame(
        Frame::verdict,
        dump(json{{"index", test}, {"verdict", fittest::name(verdict)}, {"outcome", outcome}, {"message", text}})));
  }

  [[nodiscard]] std::optional<Error> explain(ExitStatus status) const override {
    if (status.code() != kNoPytest) return std::nullopt;
    return Error{"this Python has no pytest that fittest could use (7.0 or newer)",
                 options_.python.path + " (" + options_.python.source + ")",
                 "install pytest there, or name another Python: --python PATH, or $PYTHON"};
  }

  void finish(const Finish& how) override {
    json text{{"message", how.message}};
    switch (how.kind) {
      case Finish::Kind::done:
        text["reason"] = "done";
        break;
      case Finish::Kind::interrupted:
        text["reason"] = "interrupted";
        break;
      case Finish::Kind::stopped:
        text["reason"] = "shouldstop";
        break;
      case Finish::Kind::exit:
        text["reason"] = "exit";
        break;
    }
    text["returncode"] = how.exit_code ? json(*how.exit_code) : json(nullptr);
    session_->send(make_frame(Frame::finish, dump(text)));
    zygote_->close();
  }

 private:
  Worker* find(WorkerId id) {
    const auto found = workers_.find(id);
    return found == workers_.end() ? nullptr : found->second.get();
  }

  static std::string replay(TestIndex test, std::string_view report, char starts) {
    std::string payload;
    put_u32(payload, test);
    payload += starts;
    payload += report;
    return make_frame(Frame::replay, payload);
  }

  Result<void> spawn(Worker& worker, const json& order, const Descriptor& end, const WorkerPlace& place) {
    json setup{{"role", "worker"},
               {"channel", end.get()},
               {"order", order},
               {"exit_without_pytest", kNoPytest},
               {"in_order", in_order_},
               {"properties", properties_},
               {"testrun_uid", testrun_},
               {"worker_input", worker_input_},
               {"measured_labels", measured_labels_},
               {"heap", heap_setup()},
               {"heap_plan", heap_plan_}};
    auto bundle = make_bundle(options_.python.path, std::move(setup), options_.arguments);
    if (!bundle) return tl::unexpected(bundle.error());
    ProcessOrder process{bundle->command, watched(place.environment), place.join_files, {}, {}, options_.output,
                         options_.error};
    process.keep = {bundle->content.get(), end.get()};
    auto started = start_process(process);
    if (!started) return tl::unexpected(started.error());
    worker.spawned = true;
    watch(worker, started->pid, std::move(started->handle));
    return {};
  }

  // What the pytest side has to know of the heap's tracker.
  [[nodiscard]] json heap_setup() const {
    json setup{{"program", options_.heap.program},
               {"environment", options_.heap.environment},
               {"limits", options_.heap.has_limits}};
    if (!options_.heap.why_not.empty()) setup["why_not"] = options_.heap.why_not;
    return setup;
  }

  [[nodiscard]] std::vector<std::string> watched(std::vector<std::string> environment) const {
    environment.insert(environment.end(), options_.heap.environment.begin(), options_.heap.environment.end());
    return environment;
  }

  void watch(Worker& worker, pid_t pid, Descriptor handle) {
    worker.pid = pid;
    if (!handle) return;  // before Linux 5.3: the end of the connection has to do
    worker.watch = std::make_unique<EndWatch>(loop_, std::move(handle), [this, id = worker.id] { worker_ended(id); });
  }

  // --- what arrives ---

  void on_session(const FrameCutter::Cut& cut) {
    switch (cut.type) {
      case Frame::tests:
        decode_tests(cut.payload, tests_);
        return;
      case Frame::collected:
        on_collected(cut.payload);
        return;
      case Frame::ask:
        on_ask(cut.payload);
        return;
      case Frame::stop:
        if (const auto request = decode_session_stop(cut.payload)) return listener_->stop_requested(*request);
        break;
      case Frame::started:  // --isolation none: the session runs the tests
      case Frame::finished:
        on_test(WorkerId{0}, cut);
        return;
      default:
        break;
    }
    listener_->failed({"the session sent something that makes no sense",
                       "frame '" + std::string(1, static_cast<char>(cut.type)) + "'",
                       "this is a bug in fittest: please report it"});
  }

  void on_collected(std::string_view payload) {
    try {
      const json text = json::parse(payload);
      isolation_ = text.at("isolation");
      in_order_ = text.at("in_order");
      properties_ = text.at("properties");
      testrun_ = text.at("testrun_uid");
      worker_input_ = text.at("worker_input");
      workers_at_most_ = text.at("workers");
      Collected collected;
      collected.isolation = isolation_;
      collected.isolation_reason = text.at("reason");
      collected.workers = workers_at_most_;
      collected.dist = dist_from(text.at("dist"));
      collected.took = text.at("took");
      if (!text.at("max_worker_restart").is_null()) collected.max_worker_restarts = text.at("max_worker_restart");
      take_label_sets(text);
      measured_labels_ = text.at("measured_labels");
      collected.in_given_order = text.at("in_given_order");
      if (!text.at("store_durations").is_null()) collected.store_durations = text.at("store_durations");
      collected.clean_durations = text.at("clean_durations");
      heap_plan_ = text.at("heap_plan");
      collected.notices = text.at("notices").get<std::vector<std::string>>();
      listener_->collected(collected);
    } catch (const json::exception& problem) {
      not_understood(problem);
    }
  }

  // The session waits for the answer.
  void on_ask(std::string_view payload) {
    try {
      const json text = json::parse(payload);
      take_label_sets(text);
      const TestList found = std::exchange(tests_, {});
      json answer;
      if (text.at("stage") == "label") {
        answer["labels"] = json::object();
        for (const LabelledTests& label : listener_->measure_labels(found)) answer["labels"][label.name] = label.tests;
      } else if (text.at("stage") == "heap") {
        auto compared = text.at("compared").get<std::vector<TestIndex>>();
        std::erase_if(compared, [&](TestIndex test) { return test >= found.size(); });
        answer = to_json(listener_->plan_heap(found, compared));
      } else if (const auto selected = listener_->select(found, request_from(text))) {
        answer["selected"] = *selected;
      } else {
        answer["error"] = selected.error().text();
      }
      session_->send(make_frame(Frame::answer, dump(answer)));
    } catch (const json::exception& problem) {
      not_understood(problem);
    }
  }

  // The numbers that tests carry are those of these sets.
  void take_label_sets(const json& text) {
    for (const json& labels : text.at("label_sets")) tests_.add_labels(labels.get<std::vector<std::string>>());
    tests_.drop_unknown_labels();
  }

  void not_understood(const json::exception& problem) {
    listener_->failed({std::string("what the session said of the tests makes no sense: ") + problem.what(), "session",
                       "this is a bug in fittest: please report it"});
  }

  void on_zygote(const FrameCutter::Cut& cut) {
    FieldReader fields(cut.payload);
    if (cut.type == Frame::forked) {
      const auto id = WorkerId{fields.u32()};
      const auto pid = static_cast<pid_t>(fields.u32());
      Worker* worker = find(id);
      if (worker == nullptr) return;
      watch(*worker, pid, open_pidfd(pid));
      if (const auto held = std::exchange(worker->ready_early, std::nullopt)) listener_->worker_ready(id, pid, *held);
    } else if (cut.type == Frame::ended) {
      const auto pid = static_cast<pid_t>(fields.u32());
      const auto status = static_cast<int>(fields.u32());
      for (const auto& [id, worker] : workers_) {
        if (worker->pid != pid || !worker->ended) continue;
        gone(id, ExitStatus(status));
        return;
      }
    }
  }

  void on_worker(WorkerId id, const FrameCutter::Cut& cut) {
    FieldReader fields(cut.payload);
    switch (cut.type) {
      case Frame::ready: {
        const Bytes held{fields.u64()};
        Worker* worker = find(id);
        if (worker == nullptr) return;
        if (worker->pid != 0) {
          listener_->worker_ready(id, worker->pid, held);
        } else {
          worker->ready_early = held;
        }
        return;
      }
      case Frame::started:
      case Frame::finished:
        on_test(id, cut);
        return;
      case Frame::amended:
        if (auto amendment = decode_amendment(id, cut.payload); amendment && amendment->test < tests_.size()) {
          listener_->test_amended(std::move(*amendment));
        }
        return;
      case Frame::batch_done:
        listener_->batch_done(id, Bytes{fields.u64()});
        return;
      case Frame::asks_to_stop:
        if (const auto request = decode_stop_request(cut.payload)) listener_->stop_requested(*request);
        return;
      default:
        return;  // a test that found the descriptor and wrote to it; its worker will not get far
    }
  }

  void on_test(WorkerId id, const FrameCutter::Cut& cut) {
    if (cut.type == Frame::started) {
      if (const auto test = decode_test(cut.payload); test && *test < tests_.size()) listener_->test_started(id, *test);
    } else if (auto end = decode_test_end(id, cut.payload); end && end->test < tests_.size()) {
      listener_->test_finished(std::move(*end));
    }
  }

  // --- ends ---

  void worker_ended(WorkerId id) {
    Worker* worker = find(id);
    if (worker == nullptr || worker->ended) return;
    worker->channel->drain();
    worker = find(id);
    if (worker == nullptr) return;
    worker->ended = true;
    if (worker->spawned) {
      int status = 0;
      while (::waitpid(worker->pid, &status, 0) < 0 && errno == EINTR) continue;
      gone(id, ExitStatus(status));
      return;
    }
    std::string payload;
    put_u32(payload, static_cast<std::uint32_t>(worker->pid));
    zygote_->send(make_frame(Frame::wait, payload));
  }

  // Without a pidfd the end of the connection is the end of the worker.
  void worker_closed(WorkerId id) {
    if (Worker* worker = find(id); worker != nullptr && !worker->watch && worker->pid != 0) worker_ended(id);
  }

  void gone(WorkerId id, ExitStatus status) {
    workers_.erase(id);
    listener_->worker_gone(id, status);
  }

  void zygote_closed() {
    std::vector<WorkerId> left;
    for (const auto& [id, worker] : workers_) {
      if (!worker->spawned) left.push_back(id);
    }
    if (left.empty() || session_done_) return;
    listener_->failed({"the zygote, from which workers are forked, is gone", "process of the session",
                       "see the output above for what ended it; --isolation spawn works without it"});
  }

  void session_closed() {
    if (!session_watch_) session_ended();
  }

  void session_ended() {
    if (session_done_) return;
    session_->drain();
    session_done_ = true;
    int status = 0;
    while (::waitpid(session_pid_, &status, 0) < 0 && errno == EINTR) continue;
    listener_->ended(ExitStatus(status));
  }

  void hold_back(std::size_t bytes) {
    if (held_back_ ? bytes > kFewQueued : bytes < kMostQueued) return;
    held_back_ = !held_back_;
    for (const auto& [id, worker] : workers_) worker->channel->set_reading(!held_back_);
  }

  asio::io_context& loop_;
  PytestOptions options_;
  Listener* listener_ = nullptr;
  TestList tests_;
  pid_t session_pid_ = 0;
  bool session_done_ = false;
  std::unique_ptr<Channel> session_;
  std::unique_ptr<Channel> zygote_;
  std::unique_ptr<EndWatch> session_watch_;
  std::map<WorkerId, std::unique_ptr<Worker>> workers_;
  bool held_back_ = false;
  // From `collected`:
  std::string isolation_;
  bool in_order_ = false;
  bool properties_ = false;
  std::string testrun_;
  json worker_input_;
  json measured_labels_;
  json heap_plan_;
  unsigned workers_at_most_ = 1;
};

}  // namespace

std::unique_ptr<Suite> make_pytest_suite(asio::io_context& loop, PytestOptions options) {
  return std::make_unique<PytestSuite>(loop, std::move(options));
}

}  // namespace fittest::suite::pytest

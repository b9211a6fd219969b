#include "run/runner.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <unordered_map>

#include "history/durations_file.h"
#include "plan/reserve.h"
#include "report/selection_file.h"

namespace fittest::run {
namespace {
constexpr int kInterrupted = 2, kInternalError = 3, kUsage = 4;

Seconds unix_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  std::array<char, 256> text{};
  if (::gethostname(text.data(), text.size() - 1) != 0) return "localhost";
  return text.data();
}

}  // namespace

int run_suite(const RunOptions& options, const MakeSuite& make_suite, OutputWay way, report::Screen& screen) {
  return Runner(options, screen).run(make_suite, way);
}

Result<void> Runner::open_domain() {
  auto opened = memory::open_domain({run_id_, budget_.bytes, options_.domain});
  if (!opened) return tl::unexpected(opened.error());
  domain_ = std::move(opened->domain);
  auto session = domain_->make_session();
  if (!session) return tl::unexpected(session.error());
  session_domain_ = std::move(*session);
  return {};
}

std::vector<std::string> Runner::open_files() {
  std::vector<std::string> notices;
  const auto folder = options_.run_folder ? use_run_folder(*options_.run_folder, run_id_)
                                          : make_run_folder(options_.state_folder, run_id_);
  if (!folder) return {folder.error().text()};
  folder_ = *folder;
  if (auto journal = report::JsonLines::create(folder_->events())) {
    journal_ = std::move(*journal);
    ledger_.add_reader(*journal_);
  } else {
    notices.push_back(journal.error().text());
  }
  if (auto reports = ReportWriter::create(folder_->reports())) {
    ledger_.keep_reports(std::move(*reports));
  } else {
    notices.push_back(reports.error().text());
  }
  if (auto junit = report::JUnit::create(folder_->junit())) {
    junit_ = std::move(*junit);
    ledger_.add_reader(*junit_);
  } else {
    notices.push_back(junit.error().text());
  }
  return notices;
}

// Where the suite's processes write what they allocate, if they do.
std::vector<std::string> Runner::heap_environment() {
  if (!options_.traces_heap || !folder_) return {};
  std::error_code problem;
  const auto folder = std::filesystem::absolute(folder_->heap(), problem);
  if (!problem) std::filesystem::create_directories(folder, problem);
  if (problem) return {};
  return {"FITTEST_HEAP_OUTPUT=" + (folder / "process").string()};
}

int Runner::run(const MakeSuite& make_suite, OutputWay way) {
  const auto refuse = [&](const Error& error) {
    screen_.line("fittest: " + error.text());
    return kUsage;
  };
  ledger_.add_reader(terminal_);
  // In this order: cgroup v2 hands out its controllers only where nobody but fittest stands in the cgroup.
  if (auto opened = open_domain(); !opened) return refuse(opened.error());
  auto guard = Guard::start();
  if (!guard) return refuse(guard.error());
  guard_.emplace(std::move(*guard));
  guard_->watch(domain_->cgroup_directories(), domain_->process_mark());

  std::optional<int> output;
  if (way == OutputWay::through_screen) {
    auto pipe = SessionOutput::open(loop_, screen_);
    if (!pipe) return refuse(pipe.error());
    output_.emplace(std::move(*pipe));
    output = output_->writer();
  }
  suite_ = make_suite(loop_, output);
  std::vector<std::string> notices;
  if (options_.traces_heap) notices = open_files();  // the suite has to know the folder
  suite::WorkerPlace place;
  place.join_files = session_domain_->join_files();
  place.environment = session_domain_->environment();
  for (std::string& line : heap_environment()) place.environment.push_back(std::move(line));
  if (auto started = suite_->start(*this, place); !started) return refuse(started.error());
  session_domain_->adopt(suite_->session());
  signals_.async_wait([this](std::error_code error, int) {
    if (!error) on_signal();
  });

  follow_size();

  // The suite is busy collecting by now: time for what was not needed before.
  if (!options_.traces_heap) notices = open_files();
  tell(report::RunStarted{run_id_, options_.suite, options_.command, budget_.bytes, memory::describe_source(budget_),
                          std::string(memory::name(domain_->kind())), domain_->shortcomings(), unix_time() - now(),
                          host_name()});
  for (const std::string& line : options_.notices) tell(report::Notice{line});
  for (const std::string& line : notices) tell(report::Notice{line});
  for (const std::string& line : memory::sweep_stale_domains()) tell(report::Notice{line});
  history_.emplace(history::Store::open(options_.history_file));
  for (const std::string& line : history_->notices()) tell(report::Notice{line});
  history_notices_ = history_->notices().size();
  selection_.emplace(options_.selection, *history_, options_.suite);
  if (output_) output_->begin();
  tick();
  loop_.run();
  return finish_run();
}

// --- what is to be run ---

std::vector<suite::LabelledTests> Runner::measure_labels(const TestList& found) {
  return selection_->measure_labels(found);
}

Result<std::vector<TestIndex>> Runner::select(const TestList& candidates, const select::Request& request) {
  auto selected = selection_->select(candidates, request);
  for (const std::string& line : selection_->notices()) tell(report::Notice{line});
  return selected;
}

suite::HeapPlan Runner::plan_heap(const TestList& tests, const std::vector<TestIndex>& compared) {
  suite::HeapPlan plan;
  plan.limits = selection_->limits(tests);
  plan.earlier = selection_->earlier(tests, compared);
  if (!folder_) return plan;
  std::error_code problem;
  const auto traces = std::filesystem::absolute(folder_->traces(), problem);
  if (!problem) std::filesystem::create_directories(traces, problem);
  if (!problem) plan.folder = traces.string();
  return plan;
}

std::vector<plan::TestSpec> Runner::specs() {
  const TestList& tests = suite_->tests();
  std::vector<std::string> ids;
  ids.reserve(tests.size());
  for (TestIndex test = 0; test < tests.size(); ++test) ids.push_back(id(test));
  const std::vector<plan::Prediction> predictions = history_->predict(options_.suite, ids);
  std::vector<plan::TestSpec> specs(tests.size());
  for (TestIndex test = 0; test < tests.size(); ++test) {
    specs[test].prediction = predictions[test];
    specs[test].file = tests.traits(test).file;
    specs[test].group = tests.traits(test).group;
    specs[test].shares_setup = tests.traits(test).shares_setup;
  }
  return specs;
}

void Runner::collected(const suite::Collected& what) {
  collected_ = what;
  session_held_ = session_domain_->usage().held;
  ledger_.expect(suite_->tests().size());
  tell(report::Collected{static_cast<std::uint32_t>(suite_->tests().size()), what.isolation, what.isolation_reason,
                         what.workers, session_held_, what.took});
  for (const std::string& line : what.notices) tell(report::Notice{line});
  if (phase_ != Phase::collecting) {  // told to stop meanwhile
    finish_session(finish_);
    return;
  }
  phase_ = Phase::running;
  const report::SelectionFile selection = selection_->file(suite_->tests());
  if (folder_ && (options_.run_folder || selection.split || !selection.variant.empty())) {
    if (auto written = report::write_selection(folder_->selection(), selection); !written) {
      tell(report::Notice{written.error().text()});
    }
  }
  history_run_ = history_->begin_run(options_.suite, run_id_);
  ledger_.keep_history(*history_, history_run_);
  if (what.isolation == "none") {
    if (options_.resume) tell(report::Notice{"--resume has no effect without workers: running all tests"});
    observed_.emplace();
    return;
  }
  plan::Limits limits;
  limits.budget = leave_room_for_session();
  limits.max_workers = what.workers;
  limits.retained_threshold = options_.retained_threshold;
  if (what.in_given_order) limits.sequence = plan::Sequence::as_given;
  std::vector<plan::TestSpec> tests = specs();
  const auto hungriest = std::max_element(
      tests.begin(), tests.end(), [](const auto& a, const auto& b) { return a.prediction.peak < b.prediction.peak; });
  if (hungriest != tests.end() && plan::needs_reserve(hungriest->prediction, limits) &&
      lend_reserve(static_cast<TestIndex>(hungriest - tests.begin()))) {
    limits.budget = leave_room_for_session();
  }
  scheduler_.emplace(std::move(tests), limits, what.dist, 0);
  if (options_.resume) take_over_previous();
  pump();
}

// --resume: the verdicts that the interrupted run has already.
void Runner::take_over_previous() {
  const auto previous = previous_run(options_.state_folder, run_id_);
  if (!previous) {
    tell(report::Notice{"--resume: there is no run to resume here; running all tests"});
    return;
  }
  auto journal = report::read_journal(previous->events());
  if (!journal) {
    tell(report::Notice{"--resume: " + journal.error().text() + "\n  -> running all tests"});
    return;
  }
  if (journal->complete()) {
    tell(report::Notice{"--resume: the last run (" + previous->run_id + ") was not interrupted; running all tests"});
    return;
  }
  std::unordered_map<std::string_view, TestIndex> index;
  for (TestIndex test = 0; test < suite_->tests().size(); ++test) index.emplace(suite_->tests().id(test), test);
  const ReportReader reports(previous->reports());
  std::size_t taken = 0;
  for (report::TestFinished& finished : journal->finished) {
    const auto found = index.find(finished.id);
    if (found == index.end() || ledger_.is_settled(found->second)) continue;
    const TestIndex test = found->second;
    scheduler_->settle(test);
    const auto report = reports.find(finished.id);
    if (report) {
      suite_->report(test, finished.verdict, *report);
    } else {
      suite_->report_verdict(test, finished.verdict,
                             finished.detail.empty() ? "verdict of run " + previous->run_id : finished.detail);
    }
    finished.test = test;
    ledger_.settle(now(), std::move(finished), report.value_or(""));
    ++taken;
  }
  tell(report::Notice{fmt::format("--resume: took over {} verdicts of run {}; {} tests to run", taken, previous->run_id,
                                  suite_->tests().size() - taken)});
}

// --- end ---

void Runner::finish_if_done() {
  if (phase_ == Phase::running && scheduler_ && scheduler_->finished() && workers_.empty()) finish_session({});
  if (phase_ == Phase::stopping && workers_.empty()) finish_session(finish_);
}

void Runner::finish_session(const suite::Finish& how) {
  phase_ = Phase::finishing;
  suite_->finish(how);
}

// Keeps the progress line as wide as the terminal is.
void Runner::follow_size() {
  resized_.async_wait([this](std::error_code error, int) {
    if (error) return;
    screen_.set_columns(report::terminal_columns(STDOUT_FILENO));
    follow_size();
  });
}

void Runner::ended(ExitStatus status) {
  session_status_ = status;
  phase_ = Phase::over;
  ticker_.cancel();
  signals_.cancel();
  resized_.cancel();
  loop_.stop();
}

void Runner::failed(const Error& error) {
  if (phase_ == Phase::over) return;
  if (!error_) error_ = error;
  kill_everything();
}

int Runner::finish_run() {
  // What still lives is nobody's: workers first, then the session's domain, with whatever was left in the background.
  workers_.clear();
  if (output_) output_->drain();
  const memory::Usage last = domain_->usage();
  session_domain_.reset();

  int code = session_status_.by_signal() ? kInternalError : session_status_.code();
  const bool was_collecting = !collected_.has_value();
  if (const auto missing = suite_->explain(session_status_); missing && was_collecting) {
    error_ = missing;
    code = kUsage;
  } else if (!error_ && session_status_.by_signal() && !interrupted_) {
    const bool for_memory = session_status_.signal() == SIGKILL;
    if (for_memory && was_collecting) {
      error_ = {fmt::format("collecting alone does not fit the budget of {}: the kernel ended it when it held {}",
                            format_bytes(budget_.bytes), format_bytes(std::max(peak_, last.peak))),
                "session", "raise --budget, or collect less at once: name a folder, or use -k or -m"};
      code = kUsage;
    } else {
      error_ = {"the process that collects and reports ended by " + session_status_.text(), "session",
                for_memory ? "it was killed from outside, or the budget is too small for it: raise --budget"
                           : "see the output above; with --isolation none pytest runs as it does without fittest"};
    }
  }
  if (interrupted_) code = kInterrupted;
  if (error_) screen_.line("fittest: " + error_->text());
  if (collected_) {
    for (TestIndex test = 0; test < suite_->tests().size(); ++test) {
      if (ledger_.is_settled(test)) continue;
      report::TestFinished finished;
      finished.test = test;
      finished.id = id(test);
      ledger_.settle(now(), std::move(finished), {});
    }
    ledger_.flush_history();
    history_->end_run(history_run_);
    store_durations();
    for (std::size_t i = history_notices_; i < history_->notices().size(); ++i) {
      tell(report::Notice{history_->notices()[i]});
    }
    tell(report::RunFinished{code, interrupted_ || error_.has_value() || phase_stopped_, now(), peak_,
                             static_cast<std::uint32_t>(last.oom_kills),
                             plan::lower_bound(ledger_.measured(), collected_->workers, budget_.bytes)});
    if (junit_ && junit_->error()) screen_.line("fittest: " + junit_->error()->text());
    tell_about_heap();
  }
  if (error_ && code == 0) code = kInternalError;
  return code;
}

// Takes its time where traces are large.
void Runner::tell_about_heap() {
  if (!options_.about_heap || !folder_ || interrupted_ || error_) return;
  std::error_code ignored;
  signals_.clear(ignored);  // nothing is left to be ended in order: Ctrl-C ends fittest
  if (const std::string text = options_.about_heap(folder_->heap()); !text.empty()) screen_.line(text);
}

// --store-durations
void Runner::store_durations() {
  if (!collected_->store_durations) return;
  history::Durations measured;
  for (const auto& [test, duration] : ledger_.durations()) measured[id(test)] = duration;
  const auto old = collected_->clean_durations ? history::OldDurations::drop : history::OldDurations::keep;
  if (const auto stored = history::store_durations(*collected_->store_durations, measured, old); !stored) {
    tell(report::Notice{stored.error().text()});
    return;
  }
  tell(report::Notice{
      fmt::format("stored the durations of {} tests in {}", measured.size(), *collected_->store_durations)});
}

}  // namespace fittest::run

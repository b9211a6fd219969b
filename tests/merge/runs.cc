#include "runs.h"

#include <fmt/format.h>

#include <stdexcept>

namespace fittest::merge {
namespace {

constexpr Seconds kEpoch = 1'700'000'000;

report::TestFinished finished(TestIndex test, const std::string& id, Verdict verdict) {
  report::TestFinished out;
  out.worker = WorkerId{test % 2};
  out.test = test;
  out.id = id;
  out.verdict = verdict;
  out.duration = 0.25;
  out.peak = MiB(test + 1);
  out.retained = KiB(1);
  if (is_failure(verdict)) {
    out.detail = "assert 1 == 2";
    out.message = "def test():\n>       assert 1 == 2\nE       assert 1 == 2\n\n" + id.substr(0, id.find("::")) +
                  ":7: AssertionError";
  }
  return out;
}

template <typename T>
T or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  return std::move(*result);
}

}  // namespace

RunBuilder::RunBuilder(unsigned number, const Verdicts& verdicts) {
  run_.folder = fmt::format("runs/{}", number);
  report::Journal& journal = run_.journal;
  report::RunStarted& started = journal.started.emplace();
  started.run_id = fmt::format("run-{:03}", number);
  started.suite = "pytest";
  started.command = {"fittest", "pytest"};
  started.budget = GiB(1);
  started.domain = "cgroup v2";
  started.started_at = kEpoch + 100 * number;
  started.host = fmt::format("host{}", number);
  bool failed = false;
  for (const auto& [id, verdict] : verdicts) {
    journal.finished.push_back(finished(static_cast<TestIndex>(journal.finished.size()), id, verdict));
    failed = failed || is_failure(verdict);
  }
  journal.workers = verdicts.empty() ? 0 : 2;
  journal.tests = verdicts.size();
  journal.peak = MiB(100 + number);
  journal.until = 50;
  report::RunFinished& ended = journal.ended.emplace();
  ended.exit_code = failed ? 1 : 0;
  ended.wall = 50;
  ended.peak = journal.peak;
}

report::SelectionFile& RunBuilder::selected() {
  if (!run_.selection) {
    run_.selection.emplace().suite = "pytest";
    for (const report::TestFinished& test : run_.journal.finished) run_.selection->candidates.push_back(test.id);
  }
  return *run_.selection;
}

RunBuilder& RunBuilder::selection(std::vector<std::string> candidates) {
  selected().candidates = std::move(candidates);
  return *this;
}
RunBuilder& RunBuilder::variant(const std::string& name) {
  selected().variant = name;
  return *this;
}
RunBuilder& RunBuilder::chunk(const std::string& name) {
  selected().chunk = name;
  return *this;
}
RunBuilder& RunBuilder::group(unsigned group, unsigned splits, const std::string& fingerprint) {
  selected().split = report::SelectionFile::Split{splits, group, "balanced", fingerprint};
  return *this;
}
RunBuilder& RunBuilder::command(std::vector<std::string> words) {
  run_.journal.started->command = std::move(words);
  return *this;
}
RunBuilder& RunBuilder::not_run(std::vector<std::string> ids) {
  run_.journal.without_verdict = std::move(ids);
  return *this;
}
RunBuilder& RunBuilder::killed() {
  run_.journal.ended.reset();
  return *this;
}
RunBuilder& RunBuilder::interrupted() {
  run_.journal.ended->interrupted = true;
  run_.journal.ended->exit_code = 2;
  return *this;
}
RunBuilder& RunBuilder::exit_code(int code) {
  run_.journal.ended->exit_code = code;
  return *this;
}

std::filesystem::path RunBuilder::write(const std::filesystem::path& parent) const {
  const std::filesystem::path folder = parent / run_.id();
  const auto lines = or_throw(report::JsonLines::create(folder / "events.jsonl"));
  const report::Journal& journal = run_.journal;
  lines->on({0, *journal.started});
  lines->on({1, report::WorkerStarted{WorkerId{0}, 100}});
  Seconds at = 1;
  for (const report::TestFinished& test : journal.finished) {
    lines->on({at += 0.5, report::TestStarted{test.worker, test.test, test.id}});
    lines->on({at += 0.5, test});
  }
  for (const std::string& id : journal.without_verdict) {
    report::TestFinished test;
    test.id = id;
    lines->on({at, test});
  }
  for (const auto& killed : journal.killed) {
    lines->on({at, report::BatchKilled{WorkerId{0}, killed.id, killed.at_least, false, "", killed.at_least}});
  }
  lines->on({at, report::Sample{journal.peak, {}, 1}});
  if (journal.ended) lines->on({journal.until, *journal.ended});
  if (run_.selection) {
    const auto written = report::write_selection(folder / "selection.json", *run_.selection);
    if (!written) throw std::runtime_error(written.error().text());
  }
  return folder;
}

Merged merged(std::vector<Run> runs) {
  MergeInput input;
  input.runs = std::move(runs);
  return merge(std::move(input));
}

std::string verdicts_of(const Merged& merged) {
  std::string out;
  for (const MergedTest& test : merged.tests) {
    const std::string& variant = merged.parts[test.part].variant;
    out += (out.empty() ? "" : "; ") + (variant.empty() ? "" : variant + "/") + std::string(test.id) + " ";
    out += test.state == MergedTest::State::missing   ? "missing"
           : test.state == MergedTest::State::not_run ? "not_run"
                                                      : std::string(name(test.finished->verdict));
  }
  return out;
}

}  // namespace fittest::merge

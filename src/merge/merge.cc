#include "merge/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "core/utf8.h"
#include "merge/splits.h"
#include "report/words.h"

namespace fittest::merge {
namespace {

constexpr int kNoTests = 5;

// Which of two verdicts of different jobs counts: the lower one.
unsigned rank(Verdict verdict) {
  if (is_failure(verdict)) return 0;
  switch (verdict) {
    case Verdict::passed:
      return 1;
    case Verdict::xpassed:
      return 2;
    case Verdict::xfailed:
      return 3;
    case Verdict::skipped:
      return 4;
    default:
      return 5;
  }
}

std::string sentence_name(const Run& run) {
  const std::string name = run.name();
  return name == run.id() ? "run " + name : fmt::format("{} (run {})", name, run.id());
}

// ", while a.py::b ran": where its machine was killed for memory, one of them may be why.
std::string running_in(const report::Journal& journal) {
  constexpr std::size_t kShown = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(journal.running.size(), kShown); ++i) {
    text += (i == 0 ? ", while " : ", ") + journal.running[i];
  }
  if (journal.running.size() > kShown) text += fmt::format(" and {} more", journal.running.size() - kShown);
  return text.empty() ? text : text + " ran";
}

// The tests of one part while they are put together.
class PartTests {
 public:
  explicit PartTests(std::uint32_t part) : part_(part) {}

  MergedTest& find_or_add(std::string_view id) {
    const auto [place, is_new] = places_.try_emplace(id, tests_.size());
    if (is_new) {
      tests_.push_back({.id = id, .part = part_});
      jobs_.push_back(0);
    }
    return tests_[place->second];
  }
  // The verdicts of one run. Attempts at a job come one after another, the last one first; jobs are numbered from 1.
  void add_attempt(const Run& run, std::uint32_t run_number, std::uint32_t job) {
    for (const report::TestFinished& finished : run.journal.finished) {
      MergedTest& test = find_or_add(finished.id);
      std::uint32_t& settled_by = jobs_[static_cast<std::size_t>(&test - tests_.data())];
      if (settled_by == job) {
        if (is_failure(finished.verdict) && !is_failure(test.finished->verdict)) test.mended = true;
        continue;
      }
      settled_by = job;
      if (test.state == MergedTest::State::settled && rank(test.finished->verdict) <= rank(finished.verdict)) continue;
      test.state = MergedTest::State::settled;
      test.run = run_number;
      test.finished = &finished;
    }
    for (const std::string& id : run.journal.without_verdict) {
      MergedTest& test = find_or_add(id);
      if (test.state == MergedTest::State::missing) test.state = MergedTest::State::not_run;
    }
  }
  std::vector<MergedTest> take() { return std::move(tests_); }

 private:
  std::uint32_t part_;
  std::vector<MergedTest> tests_;
  std::vector<std::uint32_t> jobs_;  // for each test the job whose last attempt at it was seen
  std::unordered_map<std::string_view, std::size_t> places_;
};

class Merger {
 public:
  explicit Merger(Merged& merged) : merged_(merged) {}

  void put_in_order();
  void find_jobs();
  void merge_tests();
  void judge_runs();
  void judge_splits();

 private:
  using RunNumbers = std::vector<std::uint32_t>;

  Merged& merged_;
  std::map<Job, RunNumbers> jobs_;  // the attempts at each, in the order they started
};

void Merger::put_in_order() {
  std::vector<Run>& runs = merged_.runs;
  std::stable_sort(runs.begin(), runs.end(), starts_before);
  for (std::size_t i = 1; i < runs.size();) {
    if (is_same(runs[i - 1], runs[i])) {
      merged_.notices.push_back(fmt::format("{} is there twice, and counts once: {} and {}", sentence_name(runs[i]),
                                            runs[i - 1].folder.string(), runs[i].folder.string()));
      runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

void Merger::find_jobs() {
  merged_.attempts.resize(merged_.runs.size());
  merged_.superseded.resize(merged_.runs.size());
  for (std::uint32_t number = 0; number < merged_.runs.size(); ++number) {
    const Job job = job_of(merged_.runs[number]);
    if (const Part part{job.suite, job.variant}; std::ranges::find(merged_.parts, part) == merged_.parts.end()) {
      merged_.parts.push_back(part);
    }
    RunNumbers& attempts = jobs_[job];
    attempts.push_back(number);
    merged_.attempts[number] = static_cast<unsigned>(attempts.size());
    if (!merged_.runs[number].journal.ended) continue;
    for (const std::uint32_t earlier : attempts) merged_.superseded[earlier] = earlier != number;
  }
  std::ranges::sort(merged_.parts);
}

void Merger::merge_tests() {
  for (std::uint32_t number = 0; number < merged_.parts.size(); ++number) {
    const Part& part = merged_.parts[number];
    PartTests tests(number);
    for (const Run& run : merged_.runs) {
      if (!run.selection || Part{run.suite(), run.variant()} != part) continue;
      for (const std::string& id : run.selection->candidates) tests.find_or_add(id);
    }
    if (merged_.plan && merged_.plan->suite == part.suite) {
      for (const auto& group : merged_.plan->groups) {
        for (const std::string& id : group) tests.find_or_add(id);
      }
    }
    std::uint32_t job_number = 0;
    for (const auto& [job, attempts] : jobs_) {
      ++job_number;
      if (Part{job.suite, job.variant} != part) continue;
      for (auto attempt = attempts.rbegin(); attempt != attempts.rend(); ++attempt) {
        tests.add_attempt(merged_.runs[*attempt], *attempt, job_number);
      }
    }
    const std::vector<MergedTest> all = tests.take();
    merged_.tests.insert(merged_.tests.end(), all.begin(), all.end());
  }
  for (const MergedTest& test : merged_.tests) {
    if (test.state == MergedTest::State::missing) {
      ++merged_.missing;
    } else {
      const Verdict verdict = test.finished == nullptr ? Verdict::not_run : test.finished->verdict;
      ++merged_.verdicts[static_cast<std::size_t>(verdict)];
    }
    if (test.mended && !is_failure(test.finished->verdict)) ++merged_.mended;
  }
}

void Merger::judge_runs() {
  std::size_t without_selection = 0;
  for (std::size_t i = 0; i < merged_.runs.size(); ++i) {
    const Run& run = merged_.runs[i];
    const report::Journal& journal = run.journal;
    if (!run.selection) ++without_selection;
    if (journal.unreadable_lines > 0 && journal.ended) {
      merged_.notices.push_back(fmt::format("{}: {} of its events cannot be read", sentence_name(run),
                                            report::counted(journal.unreadable_lines, "line")));
    }
    std::string what;
    if (!journal.ended) {
      what = fmt::format("{} did not finish; {} until then{}", sentence_name(run),
                         report::counted(journal.finished.size(), "verdict"), running_in(journal));
    } else if (const int code = journal.ended->exit_code; code != 0 && code != kNoTests) {
      const bool explained = journal.ended->interrupted ? code <= 2 : code == 1 && counts_of(run).failed > 0;
      if (!explained) {
        what = fmt::format("{} ended with exit code {}, which its tests do not explain", sentence_name(run), code);
      }
    }
    if (what.empty()) continue;
    if (merged_.superseded[i]) {
      merged_.notices.push_back(what + "; a later attempt finished");
    } else {
      merged_.problems.push_back(what);
    }
  }
  if (without_selection > 0) {
    merged_.notices.push_back(fmt::format("{} without selection.json: of such a run a test that was lost is not missed",
                                          report::counted(without_selection, "run")));
  }
}

void Merger::judge_splits() {
  const SplitFindings findings = check_splits(merged_.runs, merged_.parts, merged_.plan);
  merged_.problems.insert(merged_.problems.end(), findings.lost.begin(), findings.lost.end());
  merged_.notices.insert(merged_.notices.end(), findings.unequal.begin(), findings.unequal.end());
}

}  // namespace

RunCounts counts_of(const Run& run) {
  RunCounts counts;
  for (const report::TestFinished& test : run.journal.finished) {
    if (is_failure(test.verdict)) {
      ++counts.failed;
    } else if (test.verdict == Verdict::passed) {
      ++counts.passed;
    } else {
      ++counts.other;
    }
  }
  counts.without_verdict = static_cast<std::uint32_t>(run.journal.without_verdict.size());
  return counts;
}

std::size_t Merged::failures() const {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    if (is_failure(static_cast<Verdict>(i))) sum += verdicts[i];
  }
  return sum;
}

int Merged::exit_code() const {
  if (failures() > 0 || count(Verdict::not_run) > 0 || missing > 0 || !problems.empty()) return 1;
  return tests.empty() ? kNoTests : 0;
}

Merged merge(MergeInput input) {
  Merged merged;
  merged.runs = std::move(input.runs);
  merged.plan = std::move(input.plan);
  if (merged.plan) {
    // As the events and selections spell them.
    for (auto& group : merged.plan->groups) {
      for (std::string& id : group) id = valid_utf8(id);
    }
  }
  merged.problems = std::move(input.problems);
  merged.notices = std::move(input.notices);
  Merger merger(merged);
  merger.put_in_order();
  merger.find_jobs();
  merger.merge_tests();
  merger.judge_runs();
  merger.judge_splits();
  return merged;
}

}  // namespace fittest::merge

#include "report/tally.h"

#include <algorithm>

#include "report/words.h"

namespace fittest::report {
namespace {

constexpr std::size_t kMostProblems = 50;
constexpr std::size_t kMostKilled = 100;

bool needs_explaining(Verdict verdict) {
  return verdict == Verdict::over_budget || verdict == Verdict::over_limit || verdict == Verdict::crashed ||
         verdict == Verdict::timed_out;
}

}  // namespace

void Ranking::put(const Ranked& entry) {
  std::erase_if(entries_, [&](const Ranked& other) { return other.test == entry.test; });
  if (entries_.size() >= 2 * size_ && entry.amount <= entries_.back().amount) return;
  // Equal figures stay in the order they came.
  const auto place = std::upper_bound(entries_.begin(), entries_.end(), entry,
                                      [](const Ranked& a, const Ranked& b) { return a.amount > b.amount; });
  entries_.insert(place, entry);
  if (entries_.size() > 2 * size_) entries_.pop_back();
}

std::vector<Ranked> Ranking::top() const {
  const auto count = std::min(size_, entries_.size());
  return {entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::uint32_t Tally::count(Verdict verdict) const {
  if (verdict == Verdict::not_run) return collected_ > done_ ? collected_ - done_ : 0;
  return counts_[static_cast<std::size_t>(verdict)];
}

std::uint32_t Tally::failures() const {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    if (is_failure(static_cast<Verdict>(i))) sum += counts_[i];
  }
  return sum;
}

void Tally::settle(TestIndex test, const std::string& id, Verdict verdict, const std::string& detail) {
  if (test >= verdicts_.size()) verdicts_.resize(test + std::size_t{1});
  std::uint8_t& known = verdicts_[test];
  if (known > 0) {
    --counts_[known - 1U];
    if (known - 1U != static_cast<std::size_t>(Verdict::not_run)) --done_;
  }
  known = static_cast<std::uint8_t>(static_cast<unsigned>(verdict) + 1);
  ++counts_[static_cast<std::size_t>(verdict)];
  if (verdict != Verdict::not_run) ++done_;
  problems_.erase(test);
  if (needs_explaining(verdict) && problems_.size() < kMostProblems) {
    problems_.emplace(test, Problem{verdict, one_line(id), one_line(detail)});
  }
}

void Tally::on(const Event& event) {
  if (const auto* started = std::get_if<RunStarted>(&event.payload)) {
    budget_ = started->budget;
  } else if (const auto* raised = std::get_if<BudgetRaised>(&event.payload)) {
    budget_ = raised->budget;
  } else if (const auto* collected = std::get_if<Collected>(&event.payload)) {
    collected_ = collected->tests;
    verdicts_.reserve(collected->tests);
  } else if (const auto* finished = std::get_if<TestFinished>(&event.payload)) {
    settle(finished->test, finished->id, finished->verdict, finished->detail);
    // One that was killed for the budget has no peak to be compared, only what it held at least.
    if (finished->peak) hungriest_.put({finished->test, finished->id, *finished->peak, finished->duration});
    if (finished->retained) retained_.put({finished->test, finished->id, *finished->retained, finished->duration});
  } else if (const auto* amended = std::get_if<TestAmended>(&event.payload)) {
    settle(amended->test, amended->id, amended->verdict, amended->detail);
  } else if (const auto* sample = std::get_if<Sample>(&event.payload)) {
    sample_ = *sample;
  } else if (const auto* killed = std::get_if<BatchKilled>(&event.payload)) {
    ++batches_killed_;
    if (killed_.size() >= kMostKilled) killed_.clear();
    killed_.insert(killed->id);
  } else if (const auto* requeued = std::get_if<TestRequeued>(&event.payload)) {
    requeued_by_kill_ = killed_.erase(requeued->id) > 0;
    if (!requeued_by_kill_) ++requeued_;
  }
}

}  // namespace fittest::report

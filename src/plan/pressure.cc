#include "plan/pressure.h"

#include <fmt/format.h>

#include <algorithm>

namespace fittest::plan {

namespace {

// Shares of the budget. Closing lies above opening, and freezing above thawing, so that a run at the edge does not
// swing between them at every sample.
struct Levels {
  double stop;    // no new batches
  double freeze;  // stop the youngest
  double kill;
  double thaw;  // below: let the frozen go on
  double open;  // below: new batches again
};
constexpr Levels kEnforced{0.93, 0.96, 0.99, 0.93, 0.88};
// Where the kernel does not stop the run, what is held can pass the budget between two looks.
constexpr Levels kSampled{0.88, 0.92, 0.96, 0.86, 0.80};

constexpr double kLookaheadEnforced = 1;  // sample periods
constexpr double kLookaheadSampled = 2;
constexpr int kPatienceWithKilled = 50;  // samples; then what a killed worker holds counts again
constexpr int kStillSamples = 5;         // nothing ran for so long: open, whatever is held

bool above(Bytes held, Bytes budget, double share) {
  return static_cast<double>(held.value) >= static_cast<double>(budget.value) * share;
}

bool older(const WorkerSnapshot& a, const WorkerSnapshot& b) {
  return a.batch_started != b.batch_started ? a.batch_started < b.batch_started : a.worker < b.worker;
}

}  // namespace

// One sample, with what was decided before taken into account.
struct PressureController::View {
  const Snapshot& now;
  Levels levels;
  Bytes held;       // less what the killed will give back
  Bytes projected;  // held, some looks ahead
  bool killing = false;
  std::vector<const WorkerSnapshot*> running;  // oldest first, without the killed
  std::vector<const WorkerSnapshot*> frozen;   // oldest first, idle ones too
  std::vector<const WorkerSnapshot*> moving;   // running and not frozen
};

PressureController::View PressureController::view(const Snapshot& now) {
  View view{now, now.enforces ? kEnforced : kSampled, now.held, {}, false, {}, {}, {}};
  for (const WorkerSnapshot& worker : now.workers) {
    Said& said = said_.try_emplace(worker.worker, Said{worker.frozen, 0}).first->second;
    if (said.since_kill > 0) {
      if (++said.since_kill <= kPatienceWithKilled) view.held -= worker.held;
      view.killing = true;
      continue;
    }
    if (worker.running) view.running.push_back(&worker);
    if (said.frozen) view.frozen.push_back(&worker);
    if (worker.running && !said.frozen) view.moving.push_back(&worker);
  }
  for (auto* list : {&view.running, &view.frozen, &view.moving}) {
    std::sort(list->begin(), list->end(), [](const auto* a, const auto* b) { return older(*a, *b); });
  }
  const double lookahead = now.enforces ? kLookaheadEnforced : kLookaheadSampled;
  view.projected = view.held + now.growth.scaled(now.sample_period * lookahead);
  return view;
}

void PressureController::forget_the_gone(const Snapshot& now) {
  std::erase_if(said_, [&](const auto& entry) {
    return std::none_of(now.workers.begin(), now.workers.end(),
                        [&](const WorkerSnapshot& worker) { return worker.worker == entry.first; });
  });
}

std::vector<PressureDecision> PressureController::decide(const Snapshot& now) {
  std::vector<PressureDecision> out;
  forget_the_gone(now);
  const View seen = view(now);
  still_ = seen.running.empty() && !seen.killing ? still_ + 1 : 0;
  if (admission_open_ && above(seen.projected, now.budget, seen.levels.stop) && still_ < kStillSamples) {
    admission_open_ = false;
    out.emplace_back(Admission{false});
  }
  // The oldest goes on in any case.
  if (!seen.running.empty() && said_[seen.running.front()->worker].frozen) {
    said_[seen.running.front()->worker].frozen = false;
    out.emplace_back(Thaw{seen.running.front()->worker});
    return out;
  }
  if (!relieve(seen, out)) ease(seen, out);
  return out;
}

// Freezes or kills one, if need be.
bool PressureController::relieve(const View& view, std::vector<PressureDecision>& out) {
  const Snapshot& now = view.now;
  if (view.running.size() == 1) {
    // Nobody else can make room. Where the kernel enforces the budget, it will tell whether that is too much.
    const bool too_much =
        view.held >= now.budget || (above(view.held, now.budget, 0.98) && view.projected > now.budget);
    if (now.enforces || !too_much) return false;
    kill(view, *view.running.front(), out);
    return true;
  }
  if (view.running.empty()) return false;

  if (above(view.projected, now.budget, view.levels.kill)) {
    // Frozen ones first; of these the one whose work costs least to do again, among those that hold enough to matter.
    std::vector<const WorkerSnapshot*> victims;
    for (const WorkerSnapshot* worker : view.running) {
      if (worker != view.running.front() && said_[worker->worker].frozen) victims.push_back(worker);
    }
    if (victims.empty()) victims.assign(view.running.begin() + 1, view.running.end());
    const Bytes most = (*std::max_element(victims.begin(), victims.end(), [](const auto* a, const auto* b) {
                         return a->held < b->held;
                       }))->held;
    std::erase_if(victims, [&](const WorkerSnapshot* worker) { return worker->held < most.scaled(0.25); });
    kill(view,
         **std::min_element(victims.begin(), victims.end(),
                            [](const auto* a, const auto* b) {
                              return a->test_elapsed != b->test_elapsed ? a->test_elapsed < b->test_elapsed
                                                                        : older(*b, *a);
                            }),
         out);
    return true;
  }
  if (now.can_freeze && view.moving.size() > 1 && above(view.projected, now.budget, view.levels.freeze)) {
    // While everyone holds what was expected of them, so much is no surprise.
    const bool surprise = std::any_of(view.running.begin(), view.running.end(),
                                      [](const WorkerSnapshot* each) { return each->held > each->reservation; });
    if (!surprise) return false;
    const WorkerSnapshot& youngest = *view.moving.back();
    said_[youngest.worker].frozen = true;
    out.emplace_back(Freeze{youngest.worker});
    return true;
  }
  return false;
}

// Thaws one, or opens admission once none is frozen.
void PressureController::ease(const View& view, std::vector<PressureDecision>& out) {
  const bool still = still_ >= kStillSamples;
  if (!view.frozen.empty()) {
    if (above(view.projected, view.now.budget, view.levels.thaw) && !still) return;
    said_[view.frozen.front()->worker].frozen = false;
    out.emplace_back(Thaw{view.frozen.front()->worker});
    return;
  }
  if (admission_open_ || view.killing) return;
  if (still || !above(view.projected, view.now.budget, view.levels.open)) {
    admission_open_ = true;
    out.emplace_back(Admission{true});
  }
}

void PressureController::kill(const View& view, const WorkerSnapshot& victim, std::vector<PressureDecision>& out) {
  said_[victim.worker].since_kill = 1;
  const char* which = view.running.size() == 1      ? "it runs with nothing beside it and takes more than the budget"
                      : said_[victim.worker].frozen ? "it was frozen, and an older worker needs the room"
                                                    : "its test costs least to run again";
  out.emplace_back(
      Kill{victim.worker, fmt::format("{} held of a budget of {}: {}; it holds {}", format_bytes(view.now.held),
                                      format_bytes(view.now.budget), which, format_bytes(victim.held))});
}

}  // namespace fittest::plan

#include "plan/workers.h"

#include <algorithm>

namespace fittest::plan {

Worker& Workers::start(Bytes base, Seconds now) {
  Worker worker;
  worker.id = static_cast<WorkerId>(index_.size());
  worker.base = base;
  worker.held = base;
  worker.asked = now;
  index_.push_back(workers_.insert(workers_.end(), std::move(worker)));
  return workers_.back();
}

Worker* Workers::find(WorkerId id) {
  if (number(id) >= index_.size() || index_[number(id)] == workers_.end()) return nullptr;
  return &*index_[number(id)];
}

void Workers::remove(WorkerId id) {
  if (find(id) == nullptr) return;
  workers_.erase(index_[number(id)]);
  index_[number(id)] = workers_.end();
}

bool Workers::any(Phase phase) const {
  return std::any_of(workers_.begin(), workers_.end(), [&](const Worker& each) { return each.phase == phase; });
}

Bytes Workers::claims() const {
  Bytes sum;
  for (const Worker& each : workers_) sum += each.claim();
  return sum;
}

Bytes Workers::releasing() const {
  Bytes sum;
  for (const Worker& each : workers_) {
    if (each.phase == Phase::retiring) sum += each.held;
  }
  return sum;
}

bool Workers::alone() const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const Worker& each) { return each.batch && each.batch->alone; });
}

}  // namespace fittest::plan

#include "run/worker_table.h"

namespace fittest::run {

RunningWorker& WorkerTable::add(WorkerId id) {
  unsigned slot = 0;
  while (slots_.contains(slot)) ++slot;
  slots_.insert(slot);
  RunningWorker& worker = workers_[id];
  worker.id = id;
  worker.slot = slot;
  return worker;
}

void WorkerTable::remove(WorkerId id) {
  const auto found = workers_.find(id);
  if (found == workers_.end()) return;
  slots_.erase(found->second.slot);
  workers_.erase(found);
}

void WorkerTable::clear() {
  workers_.clear();
  slots_.clear();
}

RunningWorker* WorkerTable::find(WorkerId id) {
  const auto found = workers_.find(id);
  return found == workers_.end() ? nullptr : &found->second;
}

}  // namespace fittest::run

#pragma once
#include <sys/types.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/bytes.h"
#include "core/ids.h"
#include "memory/domain.h"

namespace fittest::run {

// Why fittest ended a worker itself.
enum class KilledFor { pressure, timeout, stop, unbelievable };

// A worker of the run, from the order to start it until its process is gone and its domain removed.
struct RunningWorker {
  WorkerId id{};
  unsigned slot = 0;
  std::unique_ptr<memory::WorkerDomain> domain;
  pid_t pid = 0;
  bool ready = false;
  bool ran_a_test = false;
  bool retiring = false;
  bool frozen = false;
  Seconds frozen_at = 0;
  std::string_view ended_because = "retired";  // static text
  std::optional<KilledFor> killed;
  std::optional<Seconds> kill_at;  // patience with it ends

  std::deque<TestIndex> batch;  // given and not finished, in order
  Seconds batch_started = 0;
  Bytes reservation;

  std::optional<TestIndex> running;
  Seconds last_test_ended = 0;
  Seconds test_started = 0;
  Bytes held_before;  // when the running test started
  Bytes most_held;    // highest sample since
  std::uint64_t kernel_kills_before = 0;

  memory::Usage usage;     // last sample
  Bytes held_after_last;   // by the worker's own word
  std::string spoiled_by;  // the test that left something behind; empty if none
  std::string left_behind;
};

// The workers alive, by id; gives out slots, the lowest free first.
class WorkerTable {
 public:
  RunningWorker& add(WorkerId id);
  // Its domain goes with it, and with that whatever still lives there.
  void remove(WorkerId id);
  void clear();
  [[nodiscard]] RunningWorker* find(WorkerId id);
  [[nodiscard]] bool empty() const { return workers_.empty(); }
  [[nodiscard]] std::size_t size() const { return workers_.size(); }
  auto begin() { return workers_.begin(); }
  auto end() { return workers_.end(); }

 private:
  std::map<WorkerId, RunningWorker> workers_;
  std::set<unsigned> slots_;
};

}  // namespace fittest::run

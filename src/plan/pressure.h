#pragma once
// What to do when predictions were wrong and memory runs short. Pure: sees a snapshot, returns decisions.
// Ladder: stop admitting; freeze the youngest; kill the cheapest to redo (the caller requeues it); the oldest running
// worker is never frozen nor killed while another could be, which guarantees progress.
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"

namespace fittest::plan {

struct WorkerSnapshot {
  WorkerId worker;
  Bytes held;
  Bytes reservation;
  Seconds batch_started = 0;    // on the run's clock; the youngest has the highest
  Seconds test_elapsed = 0;     // work that a kill throws away
  bool running = false;         // has a test running; an idle one can simply be retired
  bool frozen = false;
};

struct Snapshot {
  Bytes budget;       // of the whole run
  Bytes held;         // by the whole run, zygote included
  Bytes growth;       // bytes a second, smoothed, not below 0: how fast `held` grows
  Seconds sample_period = 0.02;   // time until the next look
  bool can_freeze = true;
  bool enforces = true;   // the kernel stops the run at the budget (cgroups); if not, act earlier
  std::vector<WorkerSnapshot> workers;
};

struct Admission { bool open; };
struct Freeze { WorkerId worker; };
struct Thaw { WorkerId worker; };
struct Kill { WorkerId worker; std::string why; };
using PressureDecision = std::variant<Admission, Freeze, Thaw, Kill>;

class PressureController {
 public:
  // Called at every sample. Decisions are edges, not levels: what was said before is not said again.
  std::vector<PressureDecision> decide(const Snapshot& now);

 private:
  bool admission_open_ = true;
};

}  // namespace fittest::plan

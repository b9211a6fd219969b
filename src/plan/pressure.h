#pragma once
// What to do when predictions were wrong and memory runs short. Pure: sees a snapshot, returns decisions.
// Ladder: stop admitting; freeze the youngest; kill the cheapest to redo (the caller requeues it); the oldest running
// worker is never frozen nor killed while another could be, which guarantees progress.
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"

namespace fittest::plan {

struct WorkerSnapshot {
  WorkerId worker;
  Bytes held;
  Bytes reservation;          // all it was expected to hold: what it held when its batch began, and the batch's part
  Seconds batch_started = 0;  // on the run's clock; the youngest has the highest
  Seconds test_elapsed = 0;   // work that a kill throws away
  bool running = false;       // has a test running; an idle one can simply be retired
  bool frozen = false;
};

struct Snapshot {
  Bytes budget;                  // of the whole run
  Bytes held;                    // by the whole run, zygote included
  Bytes growth;                  // bytes a second, smoothed, not below 0: how fast `held` grows
  Seconds sample_period = 0.02;  // time until the next look
  bool can_freeze = true;
  bool enforces = true;  // the kernel stops the run at the budget (cgroups); if not, act earlier
  std::vector<WorkerSnapshot> workers;
};

struct Admission {
  bool open;
};
struct Freeze {
  WorkerId worker;
};
struct Thaw {
  WorkerId worker;
};
struct Kill {
  WorkerId worker;
  std::string why;
};
using PressureDecision = std::variant<Admission, Freeze, Thaw, Kill>;

// Promises: while a worker runs, the oldest running one is not frozen, and not killed as long as another could be. When
// nothing runs, admission opens again within a few calls, whatever is held: else the run would stand still.
class PressureController {
 public:
  // Called at every sample. Decisions are edges, not levels: what was said before is not said again.
  std::vector<PressureDecision> decide(const Snapshot& now);

 private:
  struct View;
  struct Said {
    bool frozen = false;
    int since_kill = 0;  // samples since it was said to kill it; 0: never
  };

  void forget_the_gone(const Snapshot& now);
  [[nodiscard]] View view(const Snapshot& now);
  bool relieve(const View& view, std::vector<PressureDecision>& out);
  void ease(const View& view, std::vector<PressureDecision>& out);
  void kill(const View& view, const WorkerSnapshot& victim, std::vector<PressureDecision>& out);

  bool admission_open_ = true;
  int still_ = 0;  // samples in a row in which nothing ran
  std::map<WorkerId, Said> said_;
};

}  // namespace fittest::plan

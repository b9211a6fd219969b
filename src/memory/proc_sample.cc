#include "memory/proc_sample.h"

namespace fittest::memory {

Bytes ProcSampler::held(const std::vector<ProcessStat>& processes) {
  using std::chrono::steady_clock;
  Bytes sum;
  for (const ProcessStat& process : processes) {
    Figure& figure = figures_[process.pid];
    if (figure.start_time != process.start_time) figure = Figure{process.start_time, {}, {}, {}};
    const auto before = steady_clock::now();
    if (before >= figure.next_walk) {
      if (const auto held = read_held(process.pid)) {
        // Resident memory of the same moment: the table's entry is older, and the growth since would count twice.
        figure.proportional = held->proportional;
        figure.resident = held->resident;
      } else if (figure.resident == Bytes{}) {
        figure.proportional = figure.resident = process.resident;  // not ours to read: the nearest there is
      }
      const auto after = steady_clock::now();
      figure.next_walk = after + (after - before) * 20 * figures_.size();
    }
    // Both differences stop at zero, so one of them is.
    sum += figure.proportional + (process.resident - figure.resident) - (figure.resident - process.resident);
  }
  return sum;
}

void ProcSampler::keep_only(const std::set<pid_t>& alive) {
  std::erase_if(figures_, [&](const auto& entry) { return !alive.contains(entry.first); });
}

}  // namespace fittest::memory

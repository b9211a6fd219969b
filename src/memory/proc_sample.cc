#include "memory/proc_sample.h"

#include <set>

namespace fittest::memory {

Bytes ProcSampler::held(const std::vector<ProcessStat>& processes) {
  using std::chrono::steady_clock;
  Bytes sum;
  std::set<pid_t> seen;
  for (const ProcessStat& process : processes) {
    const auto resident = read_resident(process.pid);
    if (!resident) continue;  // gone since
    seen.insert(process.pid);
    Figure& figure = figures_[process.pid];
    if (figure.start_time != process.start_time) figure = Figure{process.start_time, {}, {}, {}};
    const auto before = steady_clock::now();
    if (before >= figure.next_walk) {
      if (const auto proportional = read_proportional(process.pid)) {
        figure.proportional = *proportional;
        figure.resident = *resident;
      } else if (figure.resident == Bytes{}) {
        figure.proportional = figure.resident = *resident;  // not ours to read: the nearest there is
      }
      const auto after = steady_clock::now();
      figure.next_walk = after + (after - before) * 20;
    }
    // Both differences stop at zero, so one of them is.
    sum += figure.proportional + (*resident - figure.resident) - (figure.resident - *resident);
  }
  std::erase_if(figures_, [&](const auto& entry) { return !seen.contains(entry.first); });
  return sum;
}

}  // namespace fittest::memory

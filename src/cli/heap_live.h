#pragma once
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "heap/launch/traces.h"
#include "heap/read/trace_file.h"
#include "heap/view/live.h"

namespace fittest::cli {

// Follows the trace of a process that runs: its counters whenever it is asked, its stacks in a thread of its own, which
// takes at most a tenth of the time. The traces outlive it.
class HeapLive {
 public:
  HeapLive(const heap::Traces& traces, std::uint32_t process, std::string program);
  ~HeapLive();
  HeapLive(const HeapLive&) = delete;
  HeapLive& operator=(const HeapLive&) = delete;

  // Reads the counters anew. `now`: seconds since the program was started.
  void look(Seconds now);
  // Until the next look().
  [[nodiscard]] const heap::LiveState& state() const { return state_; }

 private:
  void read_stacks();

  const heap::Traces& traces_;
  std::uint32_t process_;
  heap::LiveState state_;
  std::filesystem::path path_;
  std::unique_ptr<heap::TraceFile> file_;
  std::shared_ptr<const heap::Stacks> shown_;

  std::mutex mutex_;
  std::condition_variable ended_;
  bool ends_ = false;  // guarded by mutex_, as all below
  std::shared_ptr<const heap::Stacks> stacks_;
  Seconds now_ = 0;
  Seconds stacks_at_ = 0;
  std::thread thread_;
};

}  // namespace fittest::cli

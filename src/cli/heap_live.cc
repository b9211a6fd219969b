#include "cli/heap_live.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "cli/heap_input.h"
#include "heap/read/trace_reader.h"
#include "heap/symbols/symbols.h"

namespace fittest::cli {
namespace {

constexpr double kShareOfTime = 0.1;
constexpr std::chrono::duration<double> kShortestPause{1.0};

}  // namespace

HeapLive::HeapLive(const heap::Traces& traces, std::uint32_t process, std::string program)
    : traces_(traces), process_(process) {
  state_.program = std::move(program);
  thread_ = std::thread([this] { read_stacks(); });
}

HeapLive::~HeapLive() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

void HeapLive::look(Seconds now) {
  const Seconds passed = now - state_.elapsed;
  state_.elapsed = now;
  // A process that executes another program in its own place begins a new trace.
  if (auto paths = traces_.of(process_); !paths.empty() && paths.back() != path_) {
    if (auto file = heap::TraceFile::open(paths.back())) {
      path_ = paths.back();
      file_ = std::make_unique<heap::TraceFile>(std::move(*file));
      state_.counters = {};
    }
  }
  if (file_) {
    file_->refresh();
    const std::uint64_t before = state_.counters.allocations;
    state_.counters = file_->header().counters;
    const std::uint64_t more = state_.counters.allocations - std::min(before, state_.counters.allocations);
    if (passed > 0) state_.allocations_per_second = static_cast<double>(more) / passed;
  }
  const std::lock_guard lock(mutex_);
  now_ = now;
  shown_ = stacks_;
  state_.stacks = shown_.get();
  state_.stacks_at = stacks_at_;
}

void HeapLive::read_stacks() {
  std::filesystem::path path;
  std::unique_ptr<heap::TraceReader> reader;
  std::unique_lock lock(mutex_);
  while (!ends_) {
    const Seconds at = now_;
    lock.unlock();
    const auto begin = std::chrono::steady_clock::now();
    std::shared_ptr<const heap::Stacks> read;
    if (auto paths = traces_.of(process_); !paths.empty() && paths.back() != path) {
      path = paths.back();
      reader.reset();
      if (auto opened = heap::TraceReader::open(path)) reader = std::make_unique<heap::TraceReader>(std::move(*opened));
    }
    if (reader && reader->update()) {
      const heap::Profile profile = reader->profile();
      heap::Symbols symbols(profile);
      read = std::make_shared<heap::Stacks>(gather(profile, symbols));
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    lock.lock();
    if (read && !read->rows.empty()) {
      stacks_ = std::move(read);
      stacks_at_ = at;
    }
    ended_.wait_for(lock, std::max(kShortestPause, took / kShareOfTime), [this] { return ends_; });
  }
}

}  // namespace fittest::cli

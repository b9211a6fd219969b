#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "heap/read/batch.h"
#include "heap/read/profile.h"
#include "heap/trace/format.h"

namespace fittest::heap {

struct ReplayOptions {
  std::uint64_t thread_only = 0;  // the kernel's id of a thread: what others allocate is left out; 0: all
  std::uint64_t memory = 0;       // bytes that may be taken
  std::function<void(const TestProfile&)> on_test;
  std::function<void(std::vector<AliveFigures>)> on_alive;
};

// What is alive at some place in a trace, by address.
struct Alive {
  struct Range {
    std::uint64_t address;
    std::uint64_t size;
  };
  std::vector<Range> heap, python, mapped;
};

// Does again what a trace says was done to memory, and adds it up. One thread at a time.
class Replay {
 public:
  virtual ~Replay() = default;
  // What the process had from its parent. Before the first batch. False: no memory.
  virtual bool inherit(const Alive& alive) = 0;
  // False: it cannot go on, and problem() says why. What came before counts.
  virtual bool consume(const Batch& batch) = 0;
  [[nodiscard]] virtual const std::string& problem() const = 0;
  // Adds what is known so far to a profile whose header fields are filled in.
  virtual void fill(Profile& profile) const = 0;
  [[nodiscard]] virtual Alive alive() const = 0;
};

std::unique_ptr<Replay> make_replay(const trace::Header& header, ReplayOptions options);

}  // namespace fittest::heap

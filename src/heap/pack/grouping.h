#pragma once
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "heap/pack/packed_file.h"
#include "heap/read/batch.h"

namespace fittest::heap {

// The allocations and frees of a sampled trace, put into an order in which equal ones stand together, and under new
// addresses that count up: then a thousand of them take hardly more room than one. Between two flushes the order is
// lost; the sums at each flush are right.
class Grouping {
 public:
  explicit Grouping(PackedFile& out) : out_(out) {}

  // alloc, free and unmap. `thread` is the one that does it.
  void add(const Step& step, std::uint64_t thread);
  void flush();
  // Steps since the last flush.
  [[nodiscard]] std::size_t pending() const { return made_.size() + mapped_.size() + gone_.size() + unknown_.size(); }

 private:
  // One allocation since the last flush.
  struct Made {
    std::uint64_t thread, size;
    std::uint32_t stack;
    trace::Kind kind;
    bool sampled;
    enum class Then : std::uint8_t { alive, freed, temporary } then;
    std::uint64_t address;
  };
  struct Gone {
    bool python, temporary;
    std::uint64_t address;
    auto operator<=>(const Gone&) const = default;
  };
  struct Mapped {
    Step step;
    std::uint64_t thread;
  };
  // What is alive: the address it was given, or its place in made_.
  struct Held {
    bool made;
    std::uint64_t value;
  };
  using Table = std::unordered_map<std::uint64_t, Held>;

  void alloc(const Step& step, std::uint64_t thread);
  void free(const Step& step);
  void let_go(const Held& held, bool python, bool temporary);

  PackedFile& out_;
  Table heap_, python_;
  std::vector<Made> made_;
  std::vector<Gone> gone_;     // of what was made before
  std::vector<Gone> unknown_;  // of what the trace does not know
  std::vector<Mapped> mapped_;
  std::uint64_t next_address_ = 1;
};

}  // namespace fittest::heap

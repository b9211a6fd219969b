#pragma once
// Named parts of a suite, each run by itself: `[[chunk]]` in the configuration. Pure.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"
#include "core/facts.h"
#include "core/test_list.h"
#include "plan/scheduler.h"
#include "select/expression.h"

namespace fittest::select {

struct Chunk {
  std::string name;                      // [A-Za-z0-9_.-]+
  std::string where;                     // "fittest.toml:12"
  std::optional<Expression> expression;  // all tests of `paths` without one
  std::vector<std::string> paths;        // from the configuration's folder; none: the suite's own
  std::optional<unsigned> workers;       // nothing: "auto", as many as memory and cores allow
  std::optional<Seconds> timeout;        // of the whole chunk
  std::optional<Seconds> test_timeout;
  std::optional<unsigned> maxfail;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> arguments;  // for the framework
  std::vector<std::string> after;      // chunks that run before this one
};

// The order they run in: as written, but after those that `after` names. Errors: a name twice, `after` a chunk that
// there is not, a cycle (named).
Result<std::vector<Chunk>> in_order(std::vector<Chunk> chunks);

// Those of these names, in their order. Errors: a name that there is not.
Result<std::vector<Chunk>> named(std::vector<Chunk> chunks, std::span<const std::string> names);

// Which tests each chunk takes.
struct ChunkCover {
  std::vector<std::vector<TestIndex>> tests;  // for each chunk
  std::vector<TestIndex> left_out;            // in no chunk
  struct Overlap {
    TestIndex test;
    std::vector<std::uint32_t> chunks;  // two or more
  };
  std::vector<Overlap> overlaps;
};
// A test is below a path if its id is the path, or goes on behind it with "/", "::" or "[". Paths are compared as
// written, "./" and a "/" at the end aside.
ChunkCover cover(const TestList& tests, std::span<const Facts> facts, std::span<const Chunk> chunks);

// What is expected of a chunk's tests.
struct ChunkForecast {
  std::uint32_t tests = 0;
  std::uint32_t unknown = 0;  // of them, never measured
  Seconds work = 0;           // sum of the durations
  Bytes largest;              // peak
  Bytes together;             // the largest peaks, as many as there are workers
};
ChunkForecast forecast(std::span<const TestIndex> tests, std::span<const plan::Prediction> predictions,
                       unsigned workers);

}  // namespace fittest::select

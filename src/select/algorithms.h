#pragma once
// The algorithms behind `split`. Each answers with a group, from 0, for each unit.
#include <cstdint>
#include <span>
#include <vector>

#include "core/ids.h"
#include "core/test_list.h"
#include "select/split.h"
#include "select/units.h"

namespace fittest::select {

struct SplitTask {
  const TestList& tests;
  std::span<const Weight> weights;  // numbers, none negative
  const Gathered& units;
  const SplitOptions& options;  // splits and workers are not 0
};

// As pytest-split 0.11 has them.
std::vector<std::uint32_t> duration_based_chunks(const SplitTask& task);
std::vector<std::uint32_t> least_duration(const SplitTask& task);

// Equal in time and memory, files as whole as that allows. `target`: what no split can be better than.
// Answers with a group for each test.
std::vector<std::uint32_t> balanced(const SplitTask& task, Seconds target);

}  // namespace fittest::select

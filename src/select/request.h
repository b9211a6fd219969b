#pragma once
#include <optional>
#include <string>
#include <vector>

#include "select/order.h"
#include "select/split.h"

namespace fittest::select {

// What a user asked of a suite's tests through the framework's command line and configuration, beyond what the
// framework does itself. Nothing asked: every test, as collected.
struct Request {
  std::optional<unsigned> splits;  // --splits
  unsigned group = 1;              // --group, from 1
  Algorithm algorithm = Algorithm::balanced;
  KeepWhole keep_whole = KeepWhole::nothing;
  std::optional<unsigned> workers;       // a number that was asked for, not one found on this machine
  std::optional<std::string> durations;  // --durations-path

  Summation summation = Summation::plain;  // of the framework's language, for pytest-split's algorithms

  std::optional<OrderOptions> order;

  bool strict_labels = false;             // a label that nobody has registered is a mistake
  std::vector<std::string> known_labels;  // the registered ones
};

}  // namespace fittest::select

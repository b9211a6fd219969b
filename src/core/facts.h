#pragma once
#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "core/ids.h"
#include "core/verdict.h"

namespace fittest {

// What earlier runs say of a test. Of an unknown test nothing is said.
struct Facts {
  bool known = false;
  Bytes peak;      // the highest of the last runs
  Bytes retained;  // of the last run
  Seconds duration = 0;
  std::uint32_t runs = 0;
  Verdict last = Verdict::not_run;
  std::optional<Bytes> heap_peak = {};  // the highest of the last runs in which the heap was watched
};

}  // namespace fittest

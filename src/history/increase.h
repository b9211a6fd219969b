#pragma once
// What --fail-on-increase takes for noise. Pure.
#include <span>

#include "core/bytes.h"

namespace fittest::history {

// A test may need as much as it needed in any of its last successful runs, `peaks`, the oldest first and at least one,
// and a margin: five times what its figure fell by on average from one run to the next. What falls again was noise;
// what rises and stays is more memory, and makes no room for still more. The margin is never less than
// 1 MiB, which Python gets at once for small objects (whether a test needs one piece more depends on what its worker
// ran before), and 128 KiB for what changes beside that.
Bytes allowed_peak(std::span<const Bytes> peaks);

}  // namespace fittest::history

#pragma once
#include <cstdint>
#include <vector>

#include "core/error.h"
#include "heap/read/batch_reader.h"
#include "heap/read/profile.h"

namespace fittest::heap {

// What has to be known of a sampled trace before its first record can be put elsewhere.
struct Survey {
  std::uint64_t peak_after = 0;  // the number of records after which most was held, as readers find it
  std::uint64_t most = 0;        // what the counters say was held then
  std::vector<Moment> moments;   // memory over time, a hundred points at most
};

// Reads all of it. Errors: a record that is not understood, or too much is alive at once.
Result<Survey> survey(BatchReader reader);

}  // namespace fittest::heap

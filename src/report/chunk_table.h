#pragma once
// What `fittest chunks` ends with.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "core/verdict.h"
#include "report/style.h"
#include "report/tally.h"

namespace fittest::report {

// What became of one chunk.
struct ChunkResult {
  enum class State { not_run, passed, failed };

  std::string name;
  State state = State::not_run;
  std::uint32_t tests = 0;                              // that were, or should have been, run
  std::array<std::uint32_t, kVerdictCount> verdicts{};  // of them, by Verdict
  Seconds took = 0;
  Bytes peak;
  std::optional<int> exit;  // nothing: it did not run
  std::string remark;       // "timed out after 60 s"; may be empty
  std::vector<Problem> failures;
};

// A row for each chunk, one for all together, and below a row what is not in its columns.
std::vector<std::string> chunk_table(std::span<const ChunkResult> results, unsigned columns, const Style& style);

// The failures' ids, whole: they are there to be copied. Some only, where there are very many.
std::vector<std::string> chunk_failures(std::span<const ChunkResult> results, const Style& style);

}  // namespace fittest::report

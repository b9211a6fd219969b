#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "core/bytes.h"
#include "core/ids.h"
#include "report/style.h"

namespace fittest::report {

struct Progress {
  std::optional<std::uint32_t> tests;  // nothing while they are being collected
  std::uint32_t done = 0;
  std::uint32_t failures = 0;
  unsigned workers = 0;
  Bytes held;
  Bytes budget;
  std::optional<Seconds> left;
  Seconds elapsed = 0;
};

// "fittest  4,334/8,669  3 failed  2 workers  [######----] 2.1/4.0 GiB  83 s left", at most `columns` wide: what
// matters least goes first.
std::string progress_line(const Progress& progress, unsigned columns, const Style& style);

// The same for an output that is no terminal: "4,334/8,669 tests done (49 %), 3 failed, ...".
std::string progress_sentence(const Progress& progress);

}  // namespace fittest::report

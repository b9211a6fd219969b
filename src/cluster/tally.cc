#include "cluster/tally.h"

#include <fmt/format.h>

#include <vector>

#include "report/words.h"

namespace fittest::cluster {

std::string progress_text(const Tally& tally) {
  using report::format_count;
  std::vector<std::string> parts;
  if (tally.pending > 0) {
    parts.push_back(format_count(tally.pending) + " pending");
    if (!tally.reason.empty()) parts.back() += " (" + report::one_line(tally.reason) + ")";
  }
  if (tally.running > 0) parts.push_back(format_count(tally.running) + " running");
  if (tally.done > 0) parts.push_back(format_count(tally.done) + " done");
  if (tally.given_up > 0) parts.push_back(format_count(tally.given_up) + " given up");
  const std::uint64_t all = std::uint64_t{tally.pending} + tally.running + tally.done + tally.given_up;
  return fmt::format("fittest  {}: {}", report::counted(all, "group"), fmt::join(parts, ", "));
}

}  // namespace fittest::cluster

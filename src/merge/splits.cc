#include "merge/splits.h"

#include <fmt/format.h>

#include <map>
#include <set>

namespace fittest::merge {
namespace {

// All that one split was made of: runs of different chunks or variants need not fit together.
struct Whole {
  Part part;
  std::string chunk;
  friend auto operator<=>(const Whole&, const Whole&) = default;

  // " of unit, py3.12", or nothing.
  [[nodiscard]] std::string text() const {
    if (chunk.empty() && part.variant.empty()) return "";
    return " of " + chunk + (chunk.empty() || part.variant.empty() ? "" : ", ") + part.variant;
  }
};
using Groups = std::map<unsigned, std::string>;  // group -> fingerprint of its last attempt
using Splits = std::map<unsigned, Groups>;       // by the number of groups

// "1, 3 and 7".
template <typename Range, typename Text>
std::string listed(const Range& range, Text text) {
  std::string out;
  std::size_t left = range.size();
  for (const auto& item : range) {
    out += text(item);
    if (--left > 0) out += left == 1 ? " and " : ", ";
  }
  return out;
}

void compare_fingerprints(const Whole& whole, unsigned splits, const Groups& groups, SplitFindings& findings) {
  std::map<std::string, std::vector<unsigned>> by_fingerprint;
  for (const auto& [group, fingerprint] : groups) by_fingerprint[fingerprint].push_back(group);
  if (by_fingerprint.size() < 2) return;
  std::string sides;
  for (const auto& [fingerprint, members] : by_fingerprint) {
    sides += sides.empty() ? "" : " | ";
    sides += listed(members, [](unsigned group) { return std::to_string(group); });
  }
  findings.unequal.push_back(
      fmt::format("the {} groups{} were not cut from the same tests and durations ({}): tests may have run twice or "
                  "never; write one plan for all of them: fittest split --plan {} --out plan.json",
                  splits, whole.text(), sides, splits));
}

}  // namespace

SplitFindings check_splits(const std::vector<Run>& runs, const std::vector<Part>& parts,
                           const std::optional<select::SplitPlan>& plan) {
  std::map<Whole, Splits> wholes;
  for (const Run& run : runs) {
    if (!run.selection || !run.selection->split) continue;
    const auto& split = *run.selection->split;
    wholes[{{run.suite(), run.variant()}, run.selection->chunk}][split.splits][split.group] = split.fingerprint;
  }
  if (plan) {
    for (const Part& part : parts) {
      if (part.suite == plan->suite) wholes[{part, ""}][static_cast<unsigned>(plan->groups.size())];
    }
  }
  SplitFindings findings;
  for (const auto& [whole, splits] : wholes) {
    if (splits.size() > 1) {
      findings.unequal.push_back(
          fmt::format("there are runs of splits{} into {} groups: they do not fit together", whole.text(),
                      listed(splits, [](const auto& entry) { return std::to_string(entry.first); })));
    }
    for (const auto& [count, groups] : splits) {
      compare_fingerprints(whole, count, groups, findings);
      const bool planned = plan && plan->suite == whole.part.suite && plan->groups.size() == count;
      // A file may name any number of groups: those that there are bound what is listed.
      std::size_t lost = 0;
      for (unsigned group = 1; group <= count && lost < 100; ++group) {
        if (groups.contains(group) || (planned && plan->groups[group - 1].empty())) continue;
        ++lost;
        findings.lost.push_back(fmt::format("group {} of {}{} has no run", group, count, whole.text()));
      }
    }
  }
  return findings;
}

}  // namespace fittest::merge

#pragma once
#include <string>

#include "heap/view/look.h"
#include "heap/view/stacks.h"

namespace fittest::heap {

struct DiffOptions {
  Measure by = Measure::peak;
  std::size_t limit = 10;        // stacks of each kind, grown and shrunk; 0: all
  std::size_t frames_limit = 8;  // of each stack; 0: all
};

// What one stack has more of in B than in A.
struct Change {
  std::vector<std::uint32_t> frames;  // innermost first, indices into Diff::lines
  trace::Kind kind = trace::Kind::heap;
  Amount before, after;
  [[nodiscard]] double bytes() const { return after.bytes - before.bytes; }
};

struct Diff {
  std::vector<Line> lines;
  std::vector<Change> grown, shrunk;  // beyond what sampling explains; the largest first
  std::size_t unclear = 0;            // stacks whose change may be the sampling's
  double unclear_bytes = 0;           // their sum
};

// Stacks are the same if their functions are, in files of the same name: lines move between two versions of a program.
// A change counts that is more than kChangeInDeviations standard deviations of the difference of the two estimates.
inline constexpr double kChangeInDeviations = 3;
Diff diff(const Stacks& a, const Stacks& b, Measure by);

std::string diff_text(const Profile& about_a, const Stacks& a, const Profile& about_b, const Stacks& b,
                      const DiffOptions& options, const Look& look);
std::string diff_json(const Profile& about_a, const Stacks& a, const Profile& about_b, const Stacks& b,
                      const DiffOptions& options);

}  // namespace fittest::heap

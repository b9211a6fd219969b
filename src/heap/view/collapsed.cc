#include "heap/view/collapsed.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "report/words.h"

namespace fittest::heap {
namespace {

// Neither a semicolon, which parts frames, nor a line's end may be in a name.
std::string frame_name(const Line& line) {
  std::string name = report::one_line(line.function);
  if (!line.file.empty()) name += " (" + report::one_line(line.file) + ")";
  std::ranges::replace(name, ';', ':');
  return name;
}

}  // namespace

std::string collapsed_text(const Stacks& stacks, Measure by) {
  std::vector<std::string> names;
  names.reserve(stacks.lines.size());
  for (const Line& line : stacks.lines) names.push_back(frame_name(line));
  std::map<std::string, double> sums;
  for (const StackRow& row : stacks.rows) {
    const double bytes = of(row.amounts, by).bytes;
    if (!(bytes > 0)) continue;
    std::string key;
    for (std::size_t i = row.frames.size(); i > 0; --i) {
      if (!key.empty()) key += ';';
      key += names[row.frames[i - 1]];
    }
    sums[std::move(key)] += bytes;
  }
  std::string out;
  for (const auto& [key, bytes] : sums) out += fmt::format("{} {:.0f}\n", key, bytes);
  return out;
}

}  // namespace fittest::heap

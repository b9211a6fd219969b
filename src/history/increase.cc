#include "history/increase.h"

#include <algorithm>
#include <stdexcept>

namespace fittest::history {
namespace {

constexpr double kFalls = 5;
constexpr Bytes kSmallestMargin = KiB(1024 + 128);

}  // namespace

Bytes allowed_peak(std::span<const Bytes> peaks) {
  if (peaks.empty()) throw std::invalid_argument("allowed_peak: no run to compare with");
  double fallen = 0;
  for (std::size_t i = 1; i < peaks.size(); ++i) {
    if (peaks[i] < peaks[i - 1]) fallen += static_cast<double>((peaks[i - 1] - peaks[i]).value);
  }
  const double falls = static_cast<double>(std::max<std::size_t>(1, peaks.size() - 1));
  const Bytes noise{static_cast<std::uint64_t>(kFalls * fallen / falls)};
  const Bytes highest = *std::ranges::max_element(peaks);
  return highest + std::max(kSmallestMargin, noise);
}

}  // namespace fittest::history

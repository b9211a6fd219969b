#include "heap/view/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/bytes.h"
#include "report/words.h"

namespace fittest::heap {
namespace {

// Sums of estimates can be a little below zero by rounding, and garbage in a trace must not become undefined here.
std::uint64_t whole(double value) {
  if (!(value > 0)) return 0;
  return static_cast<std::uint64_t>(std::min(std::round(value), 9e18));
}

}  // namespace

std::string_view word(Measure measure) {
  constexpr std::array<std::string_view, kMeasures.size()> kWords{"peak", "total", "leaked", "temporary"};
  return kWords[static_cast<std::size_t>(measure)];
}

std::string_view title(Measure measure) {
  constexpr std::array<std::string_view, kMeasures.size()> kTitles{
      "held at the peak", "allocated in all", "leaked: held at the end", "temporary: freed before the next allocation"};
  return kTitles[static_cast<std::size_t>(measure)];
}

std::optional<Measure> measure_from(std::string_view text) {
  for (const Measure measure : kMeasures) {
    if (word(measure) == text) return measure;
  }
  return std::nullopt;
}

void add(Amounts& to, const Amounts& more) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    to[i].bytes += more[i].bytes;
    to[i].count += more[i].count;
    to[i].variance += more[i].variance;
  }
}

double error_of(const Amount& amount) {
  return amount.variance > 0 ? kErrorInDeviations * std::sqrt(amount.variance) : 0;
}

std::string bytes_text(double bytes) {
  return format_bytes({whole(bytes)});
}

std::string error_text(const Amount& amount) {
  const double error = error_of(amount);
  if (!(error > 0) || !(amount.bytes > 0)) return "";
  const double percent = 100 * error / amount.bytes;
  if (percent < 0.05) return "";
  return percent < 9.95 ? fmt::format(" ± {:.1f} %", percent) : fmt::format(" ± {:.0f} %", percent);
}

std::string share_text(double part, double whole_sum) {
  if (!(whole_sum > 0)) return "-";
  return fmt::format("{:.1f} %", 100 * part / whole_sum);
}

std::string count_text(double count) {
  return report::format_count(whole(count));
}

}  // namespace fittest::heap

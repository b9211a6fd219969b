#include "history/lenders.h"

#include <algorithm>

namespace fittest::history {
namespace {

// The suite's word, less certain the fewer tests it comes from.
double pulled_to_prior(double quartile, double prior, std::size_t known) {
  if (quartile >= prior) return quartile;
  const auto tests = static_cast<double>(known);
  constexpr auto kWeight = static_cast<double>(kPriorWeight);
  return (tests * quartile + kWeight * prior) / (tests + kWeight);
}

// The smallest value that three quarters of them do not pass; nothing of none.
template <typename Value>
std::optional<Value> upper_quartile(std::vector<Value>& values) {
  if (values.empty()) return std::nullopt;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>((values.size() * 3 + 3) / 4 - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace

std::string_view without_parameters(std::string_view id) {
  if (!id.ends_with(']')) return id;
  // A folder may have a bracket in its name, a Python function may not: look behind the file.
  const auto file_end = id.find("::");
  const auto bracket = id.find('[', file_end == std::string_view::npos ? 0 : file_end);
  return bracket == std::string_view::npos || bracket == 0 ? id : id.substr(0, bracket);
}

void Lenders::Open::add(std::optional<Bytes> peak, Seconds duration) {
  if (peak) peaks.push_back(*peak);
  durations.push_back(duration);
  used = true;
}

void Lenders::Open::settle() {
  // A function that has got parameters since is lent to twice, not by neighbours: what it took without them comes
  // first and counts only where nothing follows.
  if (const auto peak = upper_quartile(peaks)) quartiles->peak = peak;
  if (const auto duration = upper_quartile(durations)) quartiles->duration = duration;
}

void Lenders::want(std::string_view id) {
  for_each_group(id, [this](std::string_view group) { groups_.try_emplace(group); });
}

void Lenders::add_if_wanted(std::string_view group, std::optional<Bytes> peak, Seconds duration) {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return;
  auto place = std::ranges::find(open_, &found->second, &Open::quartiles);
  if (place == open_.end()) place = open_.insert(open_.end(), Open{&found->second, {}, {}, true});
  place->add(peak, duration);
}

void Lenders::lend(std::string_view id, std::optional<Bytes> peak, Seconds duration) {
  suite_.add(peak, duration);
  for (Open& group : open_) group.used = false;
  if (without_parameters(id).size() == id.size()) add_if_wanted(id, peak, duration);
  for_each_group(id, [&](std::string_view group) { add_if_wanted(group, peak, duration); });
  std::erase_if(open_, [](Open& group) {
    if (!group.used) group.settle();
    return !group.used;
  });
}

void Lenders::settle() {
  for (Open& group : open_) group.settle();
  open_.clear();
  suite_peaks_ = suite_.peaks.size();
  suite_durations_ = suite_.durations.size();
  suite_.quartiles = &of_suite_;
  suite_.settle();
  suite_ = {};
}

plan::Prediction Lenders::borrow(std::string_view id) const {
  Quartiles lent;
  for_each_group(id, [&](std::string_view name) {
    const auto found = groups_.find(name);
    if (found == groups_.end()) return;
    if (!lent.peak) lent.peak = found->second.peak;
    if (!lent.duration) lent.duration = found->second.duration;
  });
  if (!lent.peak) {
    const double pulled = pulled_to_prior(static_cast<double>(of_suite_.peak.value_or(Bytes{}).value),
                                          static_cast<double>(kPriorPeak.value), suite_peaks_);
    lent.peak = Bytes{static_cast<std::uint64_t>(pulled)};
  }
  if (!lent.duration) lent.duration = pulled_to_prior(of_suite_.duration.value_or(0), kPriorDuration, suite_durations_);
  return {*lent.peak, *lent.duration, false};
}

}  // namespace fittest::history

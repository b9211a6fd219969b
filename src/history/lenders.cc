#include "history/lenders.h"

namespace fittest::history {
namespace {

// The suite's word, less certain the fewer tests it comes from.
double pulled_to_prior(double quartile, double prior, std::size_t known) {
  if (quartile >= prior) return quartile;
  const auto tests = static_cast<double>(known);
  constexpr auto kWeight = static_cast<double>(kPriorWeight);
  return (tests * quartile + kWeight * prior) / (tests + kWeight);
}

}  // namespace

std::string_view without_parameters(std::string_view id) {
  if (!id.ends_with(']')) return id;
  // A folder may have a bracket in its name, a Python function may not: look behind the file.
  const auto file_end = id.find("::");
  const auto bracket = id.find('[', file_end == std::string_view::npos ? 0 : file_end);
  return bracket == std::string_view::npos || bracket == 0 ? id : id.substr(0, bracket);
}

void Lenders::want(std::string_view id) {
  for_each_group(id, [this](std::string_view group) {
    groups_.try_emplace(group, static_cast<std::uint32_t>(groups_.size() + 1));
  });
}

void Lenders::lend(std::string_view id, std::optional<Bytes> peak, Seconds duration) {
  const auto add = [&](std::uint32_t group) {
    if (peak) peaks_.add(group, *peak);
    durations_.add(group, static_cast<float>(duration));
  };
  add(kSuite);
  const auto add_if_wanted = [&](std::string_view name) {
    if (const auto found = groups_.find(name); found != groups_.end()) add(found->second);
  };
  // Its own id may be a group: of a function that has got parameters since.
  if (without_parameters(id).size() == id.size()) add_if_wanted(id);
  for_each_group(id, add_if_wanted);
}

void Lenders::settle() {
  peaks_.settle();
  durations_.settle();
}

plan::Prediction Lenders::borrow(std::string_view id) const {
  const Quartiles<Bytes>::Group* peak = nullptr;
  const Quartiles<float>::Group* duration = nullptr;
  for_each_group(id, [&](std::string_view name) {
    const auto found = groups_.find(name);
    if (found == groups_.end()) return;
    if (!peak) peak = peaks_.find(found->second);
    if (!duration) duration = durations_.find(found->second);
  });
  plan::Prediction borrowed;
  if (peak) {
    borrowed.peak = peak->quartile;
  } else {
    const auto* suite = peaks_.find(kSuite);
    const double pulled = pulled_to_prior(suite ? static_cast<double>(suite->quartile.value) : 0,
                                          static_cast<double>(kPriorPeak.value), suite ? suite->size : 0);
    borrowed.peak = Bytes{static_cast<std::uint64_t>(pulled)};
  }
  if (duration) {
    borrowed.duration = static_cast<Seconds>(duration->quartile);
  } else {
    const auto* suite = durations_.find(kSuite);
    borrowed.duration =
        pulled_to_prior(suite ? static_cast<double>(suite->quartile) : 0, kPriorDuration, suite ? suite->size : 0);
  }
  return borrowed;
}

}  // namespace fittest::history

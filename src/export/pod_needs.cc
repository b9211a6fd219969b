#include "export/pod_needs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace fittest::exporting {
namespace {

constexpr Bytes kUnknownSession = MiB(256);
constexpr Bytes kLeastBudget = MiB(128);
constexpr unsigned kMostCpus = 4;  // that are asked for unless the user does
// Where the kernel ends a container whole, what passes the budget between two looks must find room below its limit.
constexpr double kBudgetOfMemory = 0.7;
constexpr Seconds kUnknownDeadline = 3600;
constexpr Seconds kBesideTests = 600;  // pulling the image, setting up, collecting
constexpr double kSlowerMachine = 2;

Bytes in_whole_mib(Bytes amount) {
  return MiB((amount.value + MiB(1).value - 1) / MiB(1).value);
}

std::size_t known(std::span<const plan::Prediction> tests) {
  return static_cast<std::size_t>(std::ranges::count_if(tests, &plan::Prediction::known));
}

std::string in_words(Seconds time) {
  return time < 60 ? fmt::format("{:.1f} s", time) : fmt::format("{:.1f} min", time / 60);
}

void choose_cpus(PodNeeds& needs, std::span<const plan::Prediction> tests, const PodOptions& options) {
  if (options.cpus) {
    needs.cpus = std::max(1U, *options.cpus);
    needs.cpus_source = "--cpus";
    return;
  }
  Seconds work = 0;
  Seconds longest = 0;
  for (const plan::Prediction& test : tests) {
    work += test.duration;
    longest = std::max(longest, test.duration);
  }
  work /= std::max(1U, options.splits);
  // More workers than this would wait for the longest test.
  const double useful = longest > 0 ? std::ceil(work / longest) : 1;
  needs.cpus = static_cast<unsigned>(std::clamp(useful, 1.0, static_cast<double>(kMostCpus)));
  needs.cpus_source =
      fmt::format("a group has {} of tests, the longest test takes {}; at most {} unless --cpus says so",
                  in_words(work), in_words(longest), kMostCpus);
}

void choose_memory(PodNeeds& needs, std::span<const plan::Prediction> tests, const std::optional<Bytes>& session,
                   const PodOptions& options) {
  if (options.budget) {
    needs.budget = in_whole_mib(*options.budget);
    needs.memory_source = fmt::format("--budget {}", format_bytes(*options.budget));
  } else {
    std::vector<Bytes> peaks;
    for (const plan::Prediction& test : tests) peaks.push_back(test.peak);
    const std::size_t beside = std::min<std::size_t>(needs.cpus, peaks.size());
    std::partial_sort(peaks.begin(), peaks.begin() + static_cast<std::ptrdiff_t>(beside), peaks.end(),
                      std::greater<>());
    Bytes hungriest;
    for (std::size_t i = 0; i < beside; ++i) hungriest += peaks[i];
    const Bytes workers{plan::Limits().worker_base.value * needs.cpus};
    const Bytes held = session.value_or(kUnknownSession);
    needs.budget = in_whole_mib(std::max(kLeastBudget, held + hungriest + workers));
    needs.memory_source = fmt::format(
        "budget {}: session {}{}, {} {} ({} of {} tests measured), {} for their workers", format_bytes(needs.budget),
        format_bytes(held), session ? "" : " (a guess: no run is there to tell)",
        beside == 1 ? "the hungriest test" : fmt::format("the {} hungriest tests at once", beside),
        format_bytes(hungriest), known(tests), tests.size(), format_bytes(workers));
  }
  needs.memory = in_whole_mib(needs.budget.scaled(1 / kBudgetOfMemory));
  needs.memory_source += fmt::format("; it is {:.0f} % of the pod's memory", kBudgetOfMemory * 100);
}

}  // namespace

PodNeeds pod_needs(std::span<const plan::Prediction> tests, const std::optional<Bytes>& session,
                   const PodOptions& options) {
  PodNeeds needs;
  choose_cpus(needs, tests, options);
  choose_memory(needs, tests, session, options);
  return needs;
}

void set_deadline(PodNeeds& needs, std::span<const plan::Prediction> tests,
                  std::span<const select::GroupForecast> groups, const PodOptions& options) {
  if (options.deadline) {
    needs.deadline = *options.deadline;
    needs.deadline_source = "--timeout";
  } else if (known(tests) == 0) {
    needs.deadline = kUnknownDeadline;
    needs.deadline_source = "no test was measured yet";
  } else {
    Seconds longest = 0;
    for (const select::GroupForecast& group : groups) longest = std::max(longest, group.wall);
    needs.deadline = std::ceil(kSlowerMachine * longest + kBesideTests);
    needs.deadline_source = fmt::format("{:.0f} times the {} expected of the longest group, and {} for what is no test",
                                        kSlowerMachine, in_words(longest), in_words(kBesideTests));
  }
}

}  // namespace fittest::exporting

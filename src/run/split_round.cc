#include "run/split_round.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <vector>

#include "core/atomic_file.h"
#include "core/read_file.h"
#include "select/fingerprint.h"

namespace fittest::run {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kKept = 10;  // rounds that nobody has ended

std::set<unsigned> groups_in(const fs::path& file) {
  std::set<unsigned> groups;
  if (const auto text = read_file(file)) {
    std::istringstream words(*text);
    for (unsigned group = 0; words >> group;) groups.insert(group);
  }
  return groups;
}

void forget_old(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, fs::path>> plans;
  std::error_code gone;
  for (fs::directory_iterator it(folder, gone), end; !gone && it != end; it.increment(gone)) {
    std::error_code ignored;
    if (it->path().extension() == ".json") plans.emplace_back(it->last_write_time(ignored), it->path());
  }
  std::sort(plans.begin(), plans.end());
  for (std::size_t i = 0; i + kKept < plans.size(); ++i) {
    fs::remove(plans[i].second, gone);
    fs::remove(plans[i].second.replace_extension(".groups"), gone);
  }
}

}  // namespace

SplitRound::SplitRound(const fs::path& state_folder, const std::string& suite, const TestList& tests,
                       const select::SplitOptions& options)
    : folder_(state_folder / "splits"), splits_(options.splits) {
  name_ = fmt::format("{}-{}-{}-{}-{}-{}-{}", suite,
                      select::fingerprint(tests, std::vector<std::uint32_t>(tests.size())), options.splits,
                      name(options.algorithm), name(options.keep_whole), options.budget.value, options.workers);
}

fs::path SplitRound::plan_file() const {
  return folder_ / (name_ + ".json");
}
fs::path SplitRound::groups_file() const {
  return folder_ / (name_ + ".groups");
}

std::optional<select::SplitPlan> SplitRound::plan_for(unsigned group) const {
  const auto text = read_file(plan_file());
  if (!text || groups_in(groups_file()).contains(group)) return std::nullopt;
  auto plan = select::SplitPlan::from_json(*text, plan_file().string());
  if (!plan || plan->groups.size() != splits_) return std::nullopt;
  return std::move(*plan);
}

void SplitRound::begin(unsigned group, const select::SplitPlan& plan) const {
  if (!write_file(plan_file(), plan.to_json())) return;
  (void)write_file(groups_file(), fmt::format("{}\n", group));
  forget_old(folder_);
}

void SplitRound::go_on(unsigned group) const {
  std::set<unsigned> groups = groups_in(groups_file());
  groups.insert(group);
  std::error_code ignored;
  if (groups.size() == splits_) {
    fs::remove(plan_file(), ignored);
    fs::remove(groups_file(), ignored);
    return;
  }
  std::string text;
  for (const unsigned each : groups) text += fmt::format("{}\n", each);
  (void)write_file(groups_file(), text);
}

}  // namespace fittest::run

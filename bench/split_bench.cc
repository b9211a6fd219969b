// Splitting alone: how fast a million tests are split, and how far the largest group is from the lower bound on the
// recorded profiles and on durations files. Prints two tables; ends with 1 if a figure misses its mark.
//
//   split_bench [DURATIONS.json...]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "history/durations_file.h"
#include "select/split.h"

namespace fittest::select {
namespace {

constexpr double kSecondsAllowed = 3;
constexpr double kRatioAllowed = 1.05;

struct Suite {
  std::string name;
  TestList tests;
  std::vector<Weight> weights;
};

struct Mark {
  bool missed = false;
  const char* operator()(bool good) {
    missed = missed || !good;
    return good ? "" : "  <- missed";
  }
};

// In how many groups the tests of a file are, on average.
double groups_of_a_file(const Suite& suite, const Split& split) {
  std::set<std::pair<std::uint32_t, std::uint32_t>> pairs;
  std::set<std::uint32_t> files;
  for (TestIndex test = 0; test < suite.tests.size(); ++test) {
    files.insert(suite.tests.traits(test).file);
    pairs.insert({suite.tests.traits(test).file, split.group_of[test]});
  }
  return static_cast<double>(pairs.size()) / static_cast<double>(std::max<std::size_t>(1, files.size()));
}

Seconds largest(const Split& split) {
  Seconds most = 0;
  for (const GroupForecast& group : split.groups) most = std::max(most, group.wall);
  return most;
}

void measure(const Suite& suite, const SplitOptions& options, double seconds_allowed, Mark& mark) {
  const auto begin = std::chrono::steady_clock::now();
  const Split result = split(suite.tests, suite.weights, options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double ratio = result.lower_bound > 0 ? largest(result) / result.lower_bound : 1;
  const bool good = seconds < seconds_allowed && (ratio <= kRatioAllowed || options.algorithm != Algorithm::balanced ||
                                                  options.keep_whole != KeepWhole::nothing);
  fmt::print("{:<20}{:>9}{:>7} {:<22}{:<8}{:>8}{:>9}{:>9.3f}{:>8.2f}{:>9.3f}{}\n", suite.name, suite.tests.size(),
             options.splits, name(options.algorithm), name(options.keep_whole), options.workers,
             options.budget > Bytes{} ? format_bytes(options.budget) : "-", ratio, groups_of_a_file(suite, result),
             seconds, mark(good));
}

void print_head() {
  fmt::print("{:<20}{:>9}{:>7} {:<22}{:<8}{:>8}{:>9}{:>9}{:>8}{:>9}\n", "suite", "tests", "splits", "algorithm",
             "whole", "workers", "budget", "ratio", "gr/file", "seconds");
}

Suite million(std::uint32_t files) {
  std::mt19937_64 random(1);
  Suite suite;
  suite.name = fmt::format("million/{}", files);
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    const auto file = static_cast<std::uint32_t>(std::uint64_t{i} * files / 1'000'000);
    suite.tests.add(fmt::format("tests/unit/test_{}.py::TestClass::test_{}", file, i), {file, i, false, 0});
    const auto roll = random() % 10'000;
    suite.weights.push_back(
        {roll == 0 ? 5 : 0.0005 + 1e-6 * static_cast<double>(random() % 20'000), roll == 1   ? GiB(2)
                                                                                 : roll < 20 ? MiB(200)
                                                                                             : KiB(random() % 4096)});
  }
  return suite;
}

// The columns are described in record_profile.py.
Suite read_profile(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  Suite suite;
  suite.name = path.stem().string();
  std::string file;
  std::uint32_t files = 0;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::uint64_t peak = 0;
    std::uint64_t retained = 0;
    double ms = 0;
    int shares = 0;
    std::string id;
    if (!(words >> peak >> retained >> ms >> shares >> id)) throw std::runtime_error("not a profile: " + path.string());
    if (!id.starts_with("::")) {
      ++files;
      file = id.substr(0, id.find("::"));
    } else {
      id = file + id;
    }
    suite.tests.add(id, {files, files, shares != 0, 0});
    suite.weights.push_back({ms / 1000, KiB(peak)});
  }
  return suite;
}

Suite read_durations_file(const std::filesystem::path& path) {
  const auto durations = history::read_durations(path);
  if (!durations) throw std::runtime_error(durations.error().text());
  Suite suite;
  suite.name = path.stem().string();
  std::unordered_map<std::string, std::uint32_t> files;
  for (const auto& [id, seconds] : *durations) {
    const auto number = static_cast<std::uint32_t>(files.size());
    const auto file = files.try_emplace(id.substr(0, id.find("::")), number).first->second;
    suite.tests.add(id, {file, file, false, 0});
    suite.weights.push_back({seconds, {}});
  }
  return suite;
}

int run(int count, char** arguments) {
  Mark mark;
  fmt::print("1,000,000 tests into 1,000 groups\n");
  print_head();
  for (const std::uint32_t files : {1'000'000U, 100'000U, 20'000U, 100U}) {
    const Suite suite = million(files);
    SplitOptions options;
    options.splits = 1000;
    options.budget = GiB(8);
    options.workers = 1;
    measure(suite, options, kSecondsAllowed, mark);
    if (files != 20'000) continue;
    options.keep_whole = KeepWhole::file;
    measure(suite, options, kSecondsAllowed, mark);
    options.keep_whole = KeepWhole::scope;
    measure(suite, options, kSecondsAllowed, mark);
    options.keep_whole = KeepWhole::nothing;
    for (const Algorithm algorithm : {Algorithm::duration_based_chunks, Algorithm::least_duration}) {
      options.algorithm = algorithm;
      measure(suite, options, kSecondsAllowed, mark);
    }
  }
  fmt::print("\nThe largest group by the lower bound, and in how many groups a file is on average\n");
  print_head();
  std::vector<std::filesystem::path> profiles;
  for (const auto& entry : std::filesystem::directory_iterator(FITTEST_PROFILES)) {
    if (entry.path().extension() == ".tsv") profiles.push_back(entry.path());
  }
  std::sort(profiles.begin(), profiles.end());
  std::vector<Suite> suites;
  for (const auto& profile : profiles) suites.push_back(read_profile(profile));
  for (int i = 1; i < count; ++i) suites.push_back(read_durations_file(arguments[i]));
  for (const Suite& suite : suites) {
    for (const unsigned splits : {2U, 4U, 10U, 20U}) {
      SplitOptions options;
      options.splits = splits;
      measure(suite, options, kSecondsAllowed, mark);
      options.budget = GiB(4);
      options.workers = 4;
      measure(suite, options, kSecondsAllowed, mark);
    }
  }
  return mark.missed ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace
}  // namespace fittest::select

int main(int count, char** arguments) {
  try {
    return fittest::select::run(count, arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "split_bench: {}\n", error.what());
    return EXIT_FAILURE;
  }
}

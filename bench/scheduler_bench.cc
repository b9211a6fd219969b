// The scheduler alone, in simulation: how fast it decides over a million tests, and how far its makespan is from the
// lower bound on recorded profiles. Prints two tables; ends with 1 if a figure misses its mark.
//
//   scheduler_bench [PROFILE.tsv...]      (without: those of bench/profiles)
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "plan/bound.h"
#include "plan/simulation.h"

namespace fittest::plan::simulation {
namespace {

constexpr double kSecondsAllowed = 3;
constexpr double kRatioAllowed = 1.10;
constexpr Bytes kMemoryAllowed = GiB(1);
// With more workers, cores and memory can both be scarce at once; there the bound itself may be out of reach.
constexpr unsigned kMarkedWorkers = 2;

// The columns are described in record_profile.py.
std::vector<SimulatedTest> read_profile(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  std::vector<SimulatedTest> tests;
  std::string line;
  std::getline(in, line);
  std::uint32_t files = 0;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::uint64_t peak = 0;
    std::uint64_t retained = 0;
    double ms = 0;
    int shares = 0;
    std::string id;
    if (!(words >> peak >> retained >> ms >> shares >> id)) throw std::runtime_error("not a profile: " + file.string());
    if (!id.starts_with("::")) ++files;
    SimulatedTest test;
    test.peak = KiB(peak);
    test.retained = KiB(std::min(peak, retained));
    test.duration = ms / 1000;
    test.spec.file = files;
    test.spec.group = files;
    test.spec.shares_setup = shares != 0;
    tests.push_back(test);
  }
  return tests;
}

void predict_right(std::vector<SimulatedTest>& tests) {
  for (SimulatedTest& test : tests) test.spec.prediction = {test.peak, test.duration, true, test.retained};
}
void predict_nothing(std::vector<SimulatedTest>& tests) {
  for (SimulatedTest& test : tests) test.spec.prediction = {MiB(64), 0.1, false, {}};
}

struct Mark {
  bool missed = false;
  const char* operator()(bool good) {
    missed = missed || !good;
    return good ? "" : "  <- missed";
  }
};

void check(const Outcome& outcome) {
  if (!outcome.faults.empty()) throw std::runtime_error("the scheduler is at fault: " + outcome.faults.front());
}

void measure_speed(Mark& mark) {
  fmt::print("1,000,000 tests, simulated events included\n");
  fmt::print("{:<12}{:>9}{:>9}{:>10}{:>9}{:>10}{:>9}\n", "dist", "files", "workers", "known", "batches", "seconds",
             "ratio");
  struct Case {
    Dist dist;
    const char* name;
    std::uint32_t files;
    unsigned workers;
    bool known;
  };
  for (const Case& each :
       {Case{Dist::load, "load", 100'000, 16, true}, Case{Dist::load, "load", 20'000, 16, true},
        Case{Dist::load, "load", 100'000, 16, false}, Case{Dist::load, "load", 20'000, 2, false},
        Case{Dist::loadfile, "loadfile", 100'000, 16, true}, Case{Dist::loadfile, "loadfile", 20'000, 16, false},
        Case{Dist::no, "no", 20'000, 1, true}}) {
    std::mt19937_64 random(1);
    std::vector<SimulatedTest> tests(1'000'000);
    std::vector<Measured> measured;
    for (std::size_t i = 0; i < tests.size(); ++i) {
      SimulatedTest& test = tests[i];
      const auto roll = random() % 10'000;
      test.duration = roll == 0 ? 5 : 0.0005 + 1e-6 * static_cast<double>(random() % 20'000);
      test.peak = roll == 1 ? GiB(2) : roll < 20 ? MiB(200) : KiB(random() % 4096);
      test.spec.file = static_cast<std::uint32_t>(i * each.files / tests.size());
      test.spec.group = test.spec.file;
      test.spec.shares_setup = random() % 5 == 0;
      measured.push_back({test.peak, test.duration});
    }
    each.known ? predict_right(tests) : predict_nothing(tests);
    SimulatedMachine machine;
    machine.limits.budget = GiB(8);
    machine.limits.max_workers = each.workers;
    machine.dist = each.dist;
    const auto begin = std::chrono::steady_clock::now();
    const Outcome outcome = Simulation(std::move(tests), machine).run();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    check(outcome);
    const Seconds bound = lower_bound(measured, each.workers, machine.limits.budget).value();
    fmt::print("{:<12}{:>9}{:>9}{:>10}{:>9}{:>10.2f}{:>9.3f}{}\n", each.name, each.files, each.workers,
               each.known ? "yes" : "no", outcome.batches, seconds, outcome.makespan / bound,
               mark(seconds < kSecondsAllowed));
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const Bytes peak = KiB(static_cast<std::uint64_t>(usage.ru_maxrss));
  fmt::print("peak of the process, simulation included: {}{}\n\n", format_bytes(peak), mark(peak < kMemoryAllowed));
}

void measure_makespan(const std::filesystem::path& file, Mark& mark) {
  std::vector<SimulatedTest> all = read_profile(file);
  for (const unsigned workers : {2U, 4U, 8U}) {
    for (const Bytes budget : {GiB(1), GiB(4), GiB(16)}) {
      SimulatedMachine machine;
      machine.limits.budget = budget;
      machine.limits.max_workers = workers;
      // Those that can only be over_budget say nothing about the order of the others.
      std::vector<SimulatedTest> tests = all;
      std::erase_if(tests, [&](const SimulatedTest& test) { return test.peak + machine.base > budget; });
      std::vector<Measured> measured;
      for (const SimulatedTest& test : tests) measured.push_back({test.peak, test.duration});
      const LowerBound bound = lower_bound(measured, workers, budget);
      const char* by = bound.value() == bound.longest    ? "longest"
                       : bound.value() == bound.by_cores ? "cores"
                                                         : "memory";
      predict_right(tests);
      const Outcome known = Simulation(tests, machine).run();
      check(known);
      predict_nothing(tests);
      const Outcome unknown = Simulation(tests, machine).run();
      check(unknown);
      const double ratio = known.makespan / bound.value();
      fmt::print("{:<10}{:>7}{:>8}{:>9}{:>9.1f} {:<8}{:>9.1f}{:>8.3f}{:>9}{:>9}{:>9}{:>12.3f}{:>7}{}\n",
                 file.stem().string(), tests.size(), workers, format_bytes(budget), bound.value(), by, known.makespan,
                 ratio, known.batches, known.starts, format_bytes(known.highest), unknown.makespan / bound.value(),
                 unknown.kills, mark((ratio <= kRatioAllowed || workers > kMarkedWorkers) && known.kills == 0));
    }
  }
}

int run(int count, char** arguments) {
  Mark mark;
  measure_speed(mark);
  std::vector<std::filesystem::path> profiles(arguments + 1, arguments + count);
  if (profiles.empty()) {
    for (const auto& entry : std::filesystem::directory_iterator(FITTEST_PROFILES)) {
      if (entry.path().extension() == ".tsv") profiles.push_back(entry.path());
    }
    std::sort(profiles.begin(), profiles.end());
  }
  fmt::print("{:<10}{:>7}{:>8}{:>9}{:>9} {:<8}{:>9}{:>8}{:>9}{:>9}{:>9}{:>12}{:>7}\n", "profile", "tests", "workers",
             "budget", "bound s", "by", "taken s", "ratio", "batches", "forks", "held", "first run", "kills");
  for (const std::filesystem::path& file : profiles) measure_makespan(file, mark);
  return mark.missed ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace
}  // namespace fittest::plan::simulation

int main(int count, char** arguments) {
  try {
    return fittest::plan::simulation::run(count, arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "scheduler_bench: {}\n", error.what());
    return EXIT_FAILURE;
  }
}

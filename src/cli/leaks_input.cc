#include "cli/leaks_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "core/bytes.h"
#include "export/bash_words.h"
#include "heap/read/merge.h"
#include "heap/read/trace_reader.h"
#include "heap/symbols/merge.h"
#include "heap/symbols/symbols.h"
#include "heap/view/leaks_text.h"
#include "report/words.h"

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;

// Of the end of a run. Some hundred MiB of traces are read in some seconds.
constexpr Bytes kMostAtEnd = MiB(256);
constexpr std::uint64_t kMemoryAtEnd = std::uint64_t{1} << 30;
constexpr Seconds kTimeAtEnd = 10;
constexpr std::size_t kShownAtEnd = 5;

// Of the stacks of a profile, those that are asked about; the others stay as empty ones, so that numbers stay.
void keep_only(heap::Profile& profile, const heap::TestLeftovers& left) {
  std::vector<heap::Stack> kept(profile.stacks.size());
  for (const heap::StackOfTests& stack : left.stacks) kept[stack.stack] = std::move(profile.stacks[stack.stack]);
  profile.stacks = std::move(kept);
  profile.figures = {};
  profile.moments = {};
  profile.tests = {};
}

// Another piece for CPython's allocator for small objects: the interpreter itself maps nothing else.
bool is_pool(const heap::Profile& profile, const heap::StackOfTests& stack) {
  if (stack.kind != heap::trace::Kind::mapped) return false;
  for (const heap::NativeFrame& frame : profile.stacks[stack.stack].native) {
    if (frame.module >= profile.modules.size()) return false;
    heap::Line line;
    line.module = profile.modules[frame.module].path;
    const heap::NamedFrame named = heap::kind_of(line, false);
    if (!named.allocator) return named.owner == heap::Owner::interpreter;
  }
  return false;
}

struct Sized {
  fs::path file;
  std::uint64_t bytes = 0;
};

std::vector<Sized> smallest_first(const fs::path& folder) {
  std::vector<Sized> out;
  for (fs::path& file : traces_in(folder)) {
    std::error_code problem;
    const std::uint64_t bytes = fs::file_size(file, problem);
    if (!problem) out.push_back({std::move(file), bytes});
  }
  std::ranges::stable_sort(out, {}, &Sized::bytes);
  return out;
}

}  // namespace

std::vector<fs::path> traces_in(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code problem;
  for (fs::directory_iterator it(folder, problem), end; !problem && it != end; it.increment(problem)) {
    if (it->path().extension() == ".heap") out.push_back(it->path());
  }
  std::ranges::sort(out);
  return out;
}

Result<LeaksInput> read_leaks(const std::vector<fs::path>& files, const LeaksWanted& wanted) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  LeaksInput input;
  std::vector<heap::Profile> profiles;
  std::vector<heap::TestLeftovers> left;
  for (const fs::path& file : files) {
    const std::chrono::duration<double> taken = Clock::now() - start;
    if (input.traces > 0 && wanted.time && taken.count() > *wanted.time) break;
    heap::LeftoverSums sums;
    heap::ReadOptions options;
    options.memory = wanted.memory;
    options.on_test = [&sums](const heap::TestProfile& test) { sums.add(test); };
    auto profile = heap::read_profile(file, std::move(options));
    if (!profile) return tl::unexpected(profile.error());
    ++input.traces;
    if (profile->tests.empty()) continue;
    left.push_back(sums.take(*profile));
    keep_only(*profile, left.back());
    profiles.push_back(std::move(*profile));
  }
  input.marked = profiles.size();
  heap::Merged merged = heap::merge_with_numbers(std::move(profiles));
  for (std::size_t i = 0; i < left.size(); ++i) {
    for (heap::StackOfTests& stack : left[i].stacks) stack.stack = merged.stacks[i][stack.stack];
  }
  heap::SymbolOptions symbol_options;
  symbol_options.native = wanted.native;
  heap::Symbols symbols(merged.profile, symbol_options);
  const heap::NamesOf names{[&](std::uint32_t stack) { return symbols.indices(merged.profile.stacks[stack]); },
                            [&](std::uint32_t number) -> const heap::Line& { return symbols.known()[number]; }};
  input.leaks = heap::leaks_of(
      left, names, {wanted.test, [&](const heap::StackOfTests& stack) { return is_pool(merged.profile, stack); }});
  input.problems = std::move(merged.profile.problems);
  std::ranges::copy(symbols.problems(), std::back_inserter(input.problems));
  return input;
}

std::string leaks_of_run(const fs::path& folder, const heap::Look& look) {
  const std::vector<Sized> all = smallest_first(folder);
  std::vector<fs::path> files;
  std::uint64_t bytes = 0;
  for (const Sized& one : all) {
    if (bytes + one.bytes > kMostAtEnd.value) break;
    bytes += one.bytes;
    files.push_back(one.file);
  }
  LeaksWanted wanted;
  wanted.memory = kMemoryAtEnd;
  wanted.time = kTimeAtEnd;
  const std::string command = "fittest heap leaks " + exporting::bash_word(folder.string());
  const auto input = read_leaks(files, wanted);
  if (!input) return "  left by tests: cannot be read: " + input.error().text();
  std::string missing;
  if (input->traces < all.size()) {
    missing =
        fmt::format("{} of {}: that would take long", all.size() - input->traces, report::counted(all.size(), "trace"));
  }
  return heap::leaks_summary(input->leaks, kShownAtEnd, command, missing, look);
}

}  // namespace fittest::cli

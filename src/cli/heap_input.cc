#include "cli/heap_input.h"

#include <map>

#include "heap/read/merge.h"
#include "heap/read/trace_file.h"
#include "heap/read/trace_reader.h"

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;

struct Known {
  fs::path path;
  std::uint32_t parent;
};

// By process. Files that are no traces are left to whoever was asked to read them.
std::map<std::uint32_t, Known> processes_of(const std::vector<fs::path>& files) {
  std::map<std::uint32_t, Known> out;
  for (const fs::path& file : files) {
    if (const auto trace = heap::TraceFile::open(file)) {
      out.try_emplace(trace->header().process, Known{file, trace->header().parent_process});
    }
  }
  return out;
}

// "run.4711.heap" -> "run.42.heap".
fs::path beside(const fs::path& file, std::uint32_t process, std::uint32_t other) {
  std::string name = file.filename().string();
  const std::string number = "." + std::to_string(process) + ".";
  const std::size_t at = name.rfind(number);
  if (at == std::string::npos) return {};
  return file.parent_path() / name.replace(at, number.size(), "." + std::to_string(other) + ".");
}

std::vector<fs::path> ancestors_of(const fs::path& file, const std::map<std::uint32_t, Known>& known) {
  std::vector<fs::path> out;
  fs::path at = file;
  constexpr std::size_t kMostGenerations = 100;
  while (out.size() < kMostGenerations) {
    const auto trace = heap::TraceFile::open(at);
    if (!trace || trace->header().parent_process == 0) break;
    const std::uint32_t parent = trace->header().parent_process;
    const auto among = known.find(parent);
    at = among != known.end() ? among->second.path : beside(at, trace->header().process, parent);
    std::error_code problem;
    if (at.empty() || !fs::exists(at, problem)) break;
    out.push_back(at);
  }
  return out;
}

}  // namespace

heap::Stacks gather(const heap::Profile& profile, heap::Symbols& symbols) {
  return heap::gather(profile, {[&](std::uint32_t stack) { return symbols.indices(profile.stacks[stack]); },
                                [&](std::uint32_t number) -> const heap::Line& { return symbols.known()[number]; }});
}

Result<HeapInput> read_heap_traces(const std::vector<fs::path>& files, bool native) {
  const std::map<std::uint32_t, Known> known = processes_of(files);
  std::vector<heap::Profile> profiles;
  for (const fs::path& file : files) {
    heap::ReadOptions options;
    options.ancestors = ancestors_of(file, known);
    auto profile = heap::read_profile(file, options);
    if (!profile) return tl::unexpected(profile.error());
    profiles.push_back(std::move(*profile));
  }
  HeapInput input;
  input.processes = profiles.size();
  input.profile = profiles.size() == 1 ? std::move(profiles.front()) : heap::merge(std::move(profiles));
  heap::SymbolOptions options;
  options.native = native;
  heap::Symbols symbols(input.profile, options);
  input.stacks = gather(input.profile, symbols);
  const auto& problems = symbols.problems();
  input.profile.problems.insert(input.profile.problems.end(), problems.begin(), problems.end());
  return input;
}

}  // namespace fittest::cli

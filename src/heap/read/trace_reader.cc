#include "heap/read/trace_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include "heap/read/ahead.h"

namespace fittest::heap {
namespace {

// Less than this is read in the calling thread: it is done before another has started.
constexpr std::uint64_t kSmall = std::uint64_t{256} << 10;
// Ancestors are read to know addresses and sizes; a family with more generations is a mistake in the headers.
constexpr std::size_t kGenerations = 64;

std::string program_of(const trace::Header& header) {
  return {header.program, ::strnlen(header.program, sizeof header.program)};
}

// Whether the process still has the trace mapped; if so, it writes to it.
bool held_by(std::uint32_t process, std::uint64_t inode) {
  std::ifstream maps(fmt::format("/proc/{}/maps", process));
  // address permissions offset device inode path
  for (std::string line; std::getline(maps, line);) {
    std::size_t at = 0;
    for (int field = 0; field < 4 && at != std::string::npos; ++field) at = line.find(' ', at + 1);
    if (at == std::string::npos) continue;
    if (std::strtoull(line.c_str() + at, nullptr, 10) == inode) return true;
  }
  return false;
}

}  // namespace

TraceReader::TraceReader(TraceFile file, ReadOptions options)
    : batches_(std::make_unique<BatchReader>(std::move(file))),
      replay_(make_replay(batches_->file().header(), {options.thread_only, options.memory, std::move(options.on_test),
                                                      std::move(options.on_alive)})) {
  inherit(std::move(options.ancestors), options.memory);
}
TraceReader::TraceReader(TraceReader&&) noexcept = default;
TraceReader& TraceReader::operator=(TraceReader&&) noexcept = default;
TraceReader::~TraceReader() = default;

Result<TraceReader> TraceReader::open(const std::filesystem::path& file, ReadOptions options) {
  auto opened = TraceFile::open(file);
  if (!opened) return tl::unexpected(std::move(opened.error()));
  return TraceReader(std::move(*opened), std::move(options));
}

Result<TraceReader> TraceReader::adopt(Descriptor file, std::string name, ReadOptions options) {
  auto opened = TraceFile::adopt(std::move(file), std::move(name));
  if (!opened) return tl::unexpected(std::move(opened.error()));
  return TraceReader(std::move(*opened), std::move(options));
}

// An ancestor is read up to the fork, its own ancestors first.
void TraceReader::inherit(std::vector<std::filesystem::path> ancestors, std::uint64_t memory) {
  const trace::Header& header = batches_->file().header();
  if (ancestors.empty() || header.parent_process == 0) return;
  const std::filesystem::path nearest = ancestors.front();
  ancestors.erase(ancestors.begin());
  ancestors.resize(std::min(ancestors.size(), kGenerations));
  ReadOptions options;
  options.ancestors = std::move(ancestors);
  options.memory = memory;
  auto parent = TraceReader::open(nearest, std::move(options));
  if (!parent) {
    problems_.push_back(parent.error().text());
    return;
  }
  const trace::Header& theirs = parent->batches_->file().header();
  if (theirs.process != header.parent_process) {
    problems_.push_back(fmt::format("{} is of process {}, and the parent is {}: what was inherited is not known",
                                    nearest.string(), theirs.process, header.parent_process));
    return;
  }
  parent->batches_->stop_at({header.parent_sequence, header.parent_committed});
  parent->update();
  replay_->inherit(parent->replay_->alive());
}

bool TraceReader::take_from(auto& source) {
  bool any = false;
  for (Batch batch; source.next(batch);) {
    any = true;
    if (!replay_->consume(batch)) return true;
  }
  return any;
}

bool TraceReader::update() {
  TraceFile& file = batches_->file();
  file.refresh();
  bool any = false;
  if (file.left() < kSmall) {
    any = take_from(*batches_);
  } else {
    Ahead ahead(*batches_);
    any = take_from(ahead);
  }
  if (!replay_->problem().empty()) batches_->give_up();
  return any;
}

Profile TraceReader::profile() const {
  const TraceFile& file = batches_->file();
  const trace::Header& header = file.header();
  Profile profile;
  profile.file = file.name();
  profile.program = program_of(header);
  profile.process = header.process;
  profile.parent_process = header.parent_process;
  profile.mode = static_cast<trace::Mode>(header.mode);
  profile.period = header.period;
  profile.milliseconds = header.milliseconds;
  profile.counters = header.counters;
  profile.at_start = header.at_start;
  profile.lost = header.lost;
  replay_->fill(profile);
  if (header.ended != 0) profile.ending = Ending::ended;
  if (profile.ending != Ending::ended && held_by(header.process, file.inode())) profile.ending = Ending::running;
  profile.problems.insert(profile.problems.end(), problems_.begin(), problems_.end());
  if (!replay_->problem().empty()) {
    profile.problems.push_back(replay_->problem());
  } else if (!batches_->problem().empty() && profile.ending != Ending::running && profile.mode != trace::Mode::count) {
    profile.problems.push_back(batches_->problem());
  }
  return profile;
}

Result<Profile> read_profile(const std::filesystem::path& file, ReadOptions options) {
  auto reader = TraceReader::open(file, std::move(options));
  if (!reader) return tl::unexpected(std::move(reader.error()));
  reader->update();
  return reader->profile();
}

}  // namespace fittest::heap

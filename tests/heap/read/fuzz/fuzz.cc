// What reads traces, given any bytes: for libFuzzer (scripts/fuzz), and over the kept corpus in every test run.
// The first byte says how the rest is taken; otherwise checksums would keep nearly all of it from being read:
//   bit 0: as the records of blocks, cut at each 0xFD, the last of them the tail; or else as a whole file
//   bit 1: of a sampled trace      bit 2: tests are told      bit 3: one thread alone
//   bit 4: read a second time after the file has grown      bit 5: also as the child of a process with the same trace
//   bit 6: with bit 0, in the packed form      bit 7: packed, and read again
#include "fuzz.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "heap/pack/pack.h"
#include "heap/read/memory_file.h"
#include "heap/read/merge.h"
#include "heap/read/trace_reader.h"
#include "heap/trace_writer.h"

namespace {

using namespace fittest::heap;

void demand(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

// Whoever shows a profile relies on these.
void check(const Profile& profile) {
  for (const Stack& stack : profile.stacks) {
    for (const NativeFrame& frame : stack.native) {
      demand(frame.module == kNoModule || frame.module < profile.modules.size(), "a frame's module is there");
    }
    for (const PythonFrame& frame : stack.python) demand(frame.code < profile.codes.size(), "a frame's code is there");
  }
  for (const Figures& figures : profile.figures) {
    demand(figures.stack < profile.stacks.size(), "the stack of figures is there");
    const double slack = 1 + 1e-6 * figures.total.bytes;
    demand(figures.total.count > 0, "figures are of an allocation");
    demand(figures.leaked.bytes >= -slack && figures.leaked.bytes <= figures.total.bytes + slack, "leaked of total");
    demand(figures.peak.bytes >= -slack && figures.peak.bytes <= figures.total.bytes + slack, "peak of total");
    demand(figures.temporary.bytes <= figures.total.bytes + slack, "temporary of total");
    demand(figures.total.variance >= 0 && figures.leaked.variance >= 0 && figures.peak.variance >= 0, "variance");
  }
  if (profile.period == 0) demand(profile.peak.bytes >= profile.leaked.bytes, "no more at the end than at the peak");
  for (const TestProfile& test : profile.tests) {
    for (const TestFigures& figures : test.figures) {
      demand(figures.stack < profile.stacks.size(), "the stack of a test is there");
      demand(figures.alive.bytes <= figures.kept.bytes * (1 + 1e-6) + 1, "no more is alive than its test kept");
    }
  }
}

// Packing changes no sum.
void check_packed(const MemoryFile& file, const Profile& profile) {
  const auto packed = packed_form(file.path());
  if (!packed || !*packed) return;
  const Profile again = profile_of(**packed);
  check(again);
  const double slack = 1 + 1e-6 * profile.total.bytes;
  const auto same = [slack](const Amount& a, const Amount& b) {
    demand(std::abs(a.bytes - b.bytes) <= slack, "a packed trace says the same");
  };
  same(again.total, profile.total);
  same(again.peak, profile.peak);
  same(again.leaked, profile.leaked);
  same(again.temporary, profile.temporary);
  demand(again.tests.size() == profile.tests.size(), "a packed trace has the same tests");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned flags = data[0];
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string bytes(rest);
  if ((flags & 1) != 0) {
    trace::Header header = new_header(trace::Mode::exact);
    if ((flags & 2) != 0) header = new_header(trace::Mode::sample, 5000);
    header.tail_capacity = 4096;
    if ((flags & 32) != 0) {
      header.parent_process = header.process;
      header.parent_committed = 4096;
    }
    std::string blocks;
    std::uint64_t sequence = 0;
    for (std::size_t cut = 0; (cut = rest.find('\xFD')) != std::string_view::npos; rest.remove_prefix(cut + 1)) {
      blocks += block_bytes(sequence++, rest.substr(0, std::min<std::size_t>(cut, header.tail_capacity)), 1);
    }
    rest = rest.substr(0, header.tail_capacity);
    if ((flags & 64) != 0) {
      header.version = trace::kPackedVersion;
      header.tail_capacity = 0;
      bytes.assign(reinterpret_cast<const char*>(&header), trace::packed_header_size(header));
      bytes += blocks + block_bytes(sequence, rest);
    } else {
      bytes = header_bytes(header) + tail_bytes(header, sequence, rest) + blocks;
    }
  }
  MemoryFile file((flags & 16) != 0 ? std::string_view(bytes).substr(0, bytes.size() / 2) : std::string_view(bytes));
  ReadOptions options;
  options.memory = std::uint64_t{16} << 20;
  std::size_t stacks_told = 0;
  if ((flags & 4) != 0) {
    options.on_test = [&](const TestProfile& test) { stacks_told += test.figures.size(); };
  }
  if ((flags & 8) != 0) options.thread_only = 1;
  if ((flags & 32) != 0) options.ancestors = {file.path()};
  auto reader = TraceReader::open(file.path(), std::move(options));
  if (!reader) return 0;
  reader->update();
  if ((flags & 16) != 0) {
    file.write(0, bytes);
    reader->update();
  }
  Profile profile = reader->profile();
  check(profile);
  check(merge({profile, profile}));
  if ((flags & 128) != 0 && (flags & 8) == 0 && profile.problems.empty()) check_packed(file, profile);
  return 0;
}

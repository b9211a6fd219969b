// How long it takes to read a trace of a hundred million allocations and as many frees, and how much memory. Writes the
// trace (about a gigabyte) into TMPDIR, reads it in a process of its own each time, prints a table; ends with 1 if a
// figure misses its mark.
//   heap_read_bench [ALLOCATIONS [REPEATS]]
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "heap/read/trace_reader.h"
#include "heap/trace_writer.h"

namespace fittest::heap {
namespace {

constexpr std::uint32_t kStacks = 20'000;
constexpr double kSecondsAllowed = 10;
constexpr double kMiBAllowed = 1024;

// Addresses as an allocator of size classes gives them out: the last one freed first.
class Addresses {
 public:
  std::uint64_t get(std::uint64_t size) {
    std::vector<std::uint64_t>& free = classes_[of(size)];
    if (free.empty()) {
      const std::uint64_t address = next_;
      next_ += std::uint64_t{16} << of(size);
      return address + 16;
    }
    const std::uint64_t address = free.back();
    free.pop_back();
    return address;
  }
  void put_back(std::uint64_t address, std::uint64_t size) { classes_[of(size)].push_back(address); }

 private:
  static std::size_t of(std::uint64_t size) {
    return static_cast<std::size_t>(std::bit_width((size + 15) / 16 * 16 / 16));
  }
  std::array<std::vector<std::uint64_t>, 64> classes_;
  std::uint64_t next_ = 0x5555'5600'0000;
};

struct Allocation {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
};

// Allocations that live about as long as there are places: a new one takes the place of another, which is freed.
struct Pool {
  std::vector<Allocation> places;
  double share;  // of all allocations
};

class Generator {
 public:
  Generator(const std::filesystem::path& file, std::uint64_t allocations)
      : out_(file, std::ios::binary), writer_(header()), allocations_(allocations) {
    out_ << header_bytes(writer_.header()) << tail_bytes(writer_.header(), 0, "");
  }

  void run() {
    define();
    std::array<Pool, 4> pools{Pool{std::vector<Allocation>(1), 0.25}, Pool{std::vector<Allocation>(16), 0.40},
                              Pool{std::vector<Allocation>(20'000), 0.20},
                              Pool{std::vector<Allocation>(1'000'000), 0.15}};
    for (std::uint64_t i = 0; i < allocations_; ++i) {
      if (i % 100'000 == 0) writer_.records().clock(i / 10'000);
      double lot = fraction_(random_);
      std::size_t pool = 0;
      while (pool + 1 < pools.size() && lot >= pools[pool].share) lot -= pools[pool++].share;
      replace(pools[pool].places[random_() % pools[pool].places.size()]);
      if (i % 4096 == 0) out_ << writer_.take_blocks();
    }
    for (Pool& pool : pools) {
      for (Allocation& one : pool.places) release(one);
    }
    writer_.records().end();
    writer_.end_block();
    out_ << writer_.take_blocks();
    // Now the tail is of a block that was not begun.
    out_.seekp(trace::kTailOffset);
    out_ << tail_bytes(writer_.header(), writer_.sequence(), "");
    if (!out_.flush()) throw std::runtime_error("the trace could not be written");
  }

 private:
  static trace::Header header() {
    trace::Header header = new_header(trace::Mode::exact);
    header.tail_capacity = std::uint64_t{256} << 10;
    header.ended = 1;
    return header;
  }
  void define() {
    writer_.records().module("/usr/bin/program", "0123456789", 0x5555'5555'4000, 0x5555'5555'4000, 0x5555'5655'4000);
    writer_.records().thread(4711);
    for (std::uint32_t stack = 0; stack < kStacks; ++stack) {
      std::vector<std::uint64_t> frames;
      for (std::size_t depth = 0; depth < 12 + random_() % 20; ++depth) {
        frames.push_back(0x5555'5555'4000 + random_() % 0x100'0000);
      }
      writer_.records().stack(frames);
    }
  }
  void release(Allocation& one) {
    if (one.address == 0) return;
    writer_.records().free(one.address);
    addresses_.put_back(one.address, one.size);
    one = {};
  }
  void replace(Allocation& one) {
    release(one);
    // Some places in a program do most of it; what was allocated last is often allocated again.
    if (random_() % 3 != 0) {
      stack_ = static_cast<std::uint32_t>(std::pow(fraction_(random_), 4) * kStacks);
      size_ = random_() % 4 == 0 ? size_of(random_()) : size_of(stack_ * std::uint64_t{0x9E37'79B9'7F4A'7C15});
    }
    one = {addresses_.get(size_), size_};
    writer_.records().alloc(one.address, one.size, stack_);
  }
  static std::uint64_t size_of(std::uint64_t random) {
    const std::uint64_t rest = random >> 20;
    const std::uint64_t lot = random % 1000;
    if (lot < 600) return 8 + rest % 120;
    if (lot < 850) return 128 + rest % 384;
    if (lot < 970) return 512 + rest % 3584;
    if (lot < 999) return 4096 + rest % 61'440;
    return 65'536 + rest % 4'000'000;
  }

  std::ofstream out_;
  TraceWriter writer_;
  std::uint64_t allocations_;
  std::mt19937_64 random_{1};
  std::uniform_real_distribution<double> fraction_{0, 1};
  Addresses addresses_;
  std::uint32_t stack_ = 0;
  std::uint64_t size_ = 16;
};

struct Reading {
  double seconds = 0;
  double processor_seconds = 0;
  double mib = 0;  // most resident memory
  std::uint64_t records = 0;
};

// In a process of its own, so that nobody else's memory counts.
Reading read_once(const std::filesystem::path& file) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    const auto profile = read_profile(file);
    if (!profile || !profile->problems.empty() || profile->unknown_frees != 0 || profile->leaked.count != 0) _exit(1);
    const std::uint64_t records = profile->records;
    _exit(::write(ends[1], &records, sizeof records) == sizeof records ? 0 : 1);
  }
  ::close(ends[1]);
  Reading reading;
  const ssize_t got = ::read(ends[0], &reading.records, sizeof reading.records);
  ::close(ends[0]);
  int status = 0;
  struct rusage usage {};
  ::wait4(child, &status, 0, &usage);
  if (got != sizeof reading.records || status != 0)
    throw std::runtime_error("the trace was not read as it was written");
  reading.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  reading.processor_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  reading.mib = static_cast<double>(usage.ru_maxrss) / 1024;
  return reading;
}

int measure(std::uint64_t allocations, std::size_t repeats) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / fmt::format("heap_read_bench.{}.trace", ::getpid());
  struct Remove {
    const std::filesystem::path& file;
    ~Remove() {
      std::error_code ignored;
      std::filesystem::remove(file, ignored);
    }
  } const remove{file};
  Generator(file, allocations).run();
  std::vector<Reading> readings;
  for (std::size_t i = 0; i < repeats; ++i) readings.push_back(read_once(file));
  std::ranges::sort(readings, {}, &Reading::seconds);
  const Reading& median = readings[readings.size() / 2];
  // Marks are for the whole size; a shorter run is held to its share of the time.
  const double share = static_cast<double>(allocations) / 100e6;
  const bool good = median.seconds < kSecondsAllowed * std::max(share, 0.01) && median.mib < kMiBAllowed;
  fmt::print("{:>12}{:>12}{:>12}{:>10}{:>10}{:>12}{:>12}\n", "allocations", "records", "trace MiB", "wall s", "CPU s",
             "ns/record", "peak MiB");
  fmt::print("{:>12}{:>12}{:>12.0f}{:>10.2f}{:>10.2f}{:>12.1f}{:>12.0f}{}\n", allocations, median.records,
             static_cast<double>(std::filesystem::file_size(file)) / 1048576.0, median.seconds,
             median.processor_seconds, median.seconds * 1e9 / static_cast<double>(median.records), median.mib,
             good ? "" : "  <- missed");
  return good ? 0 : 1;
}

}  // namespace
}  // namespace fittest::heap

int main(int argc, char** argv) {
  const std::uint64_t allocations = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000'000;
  const std::size_t repeats = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 3;
  if (allocations == 0 || repeats == 0) {
    fmt::print(stderr, "usage: heap_read_bench [ALLOCATIONS [REPEATS]]\n");
    return 2;
  }
  return fittest::heap::measure(allocations, repeats);
}

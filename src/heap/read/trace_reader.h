#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/error.h"
#include "heap/read/batch_reader.h"
#include "heap/read/profile.h"
#include "heap/read/replay.h"

namespace fittest::heap {

struct ReadOptions {
  // The kernel's id of a thread: only what it allocated is added up (whoever frees it). 0: all threads.
  std::uint64_t thread_only = 0;
  // Called at the end of each test that the trace marks, with its figures by stack: numbers of stacks that will be in
  // Profile::stacks. Without it, a test's figures are not kept apart.
  std::function<void(const TestProfile&)> on_test;
  // Called at the end of each test that the trace marks, with all that is alive then, whoever allocated it.
  std::function<void(std::vector<AliveFigures>)> on_alive;
  // Traces of the parent process, its parent, and so on. What a process held when it forked, its child may free.
  std::vector<std::filesystem::path> ancestors;
  // How much memory reading may take, in bytes.
  std::uint64_t memory = std::uint64_t{8} << 30;
};

// Reads a trace, also while the process writes it. A trace that is cut off or damaged gives what stands before that,
// and Profile::problems says so. One thread at a time; it starts another by itself for the time of `update`.
class TraceReader {
 public:
  // Reads the header alone, and ancestors. Errors: the file is no trace.
  static Result<TraceReader> open(const std::filesystem::path& file, ReadOptions options = {});
  static Result<TraceReader> adopt(Descriptor file, std::string name, ReadOptions options = {});
  TraceReader(TraceReader&&) noexcept;
  TraceReader& operator=(TraceReader&&) noexcept;
  ~TraceReader();

  // Reads what there is by now. False: nothing was new.
  bool update();
  // What is known by now.
  [[nodiscard]] Profile profile() const;

 private:
  TraceReader(TraceFile file, ReadOptions options);
  void inherit(std::vector<std::filesystem::path> ancestors, std::uint64_t memory);
  bool take_from(auto& source);

  std::unique_ptr<BatchReader> batches_;
  std::unique_ptr<Replay> replay_;
  std::vector<std::string> problems_;  // with the ancestors
};

// All of a trace that is there. Errors: the file is no trace.
Result<Profile> read_profile(const std::filesystem::path& file, ReadOptions options = {});

}  // namespace fittest::heap

#pragma once
// Runs chunks one after another, each as a fittest of its own.
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/ids.h"
#include "report/chunk_table.h"
#include "run/child_runner.h"
#include "select/chunk.h"

namespace fittest::run {

// Errors: a path of a chunk that is not there, from the current folder.
Result<void> check_paths(std::span<const select::Chunk> chunks);

// What is run for a chunk.
struct ChunkOrder {
  std::string name;
  std::vector<std::string> command;
  std::vector<std::string> environment;  // "NAME=value", beside what fittest itself has
  std::optional<Seconds> timeout;
  std::filesystem::path folder;           // where its events.jsonl will be
  std::optional<std::uint32_t> expected;  // tests, where that is known beforehand
};

struct ChunkOptions {
  enum class Workers { as_written, one };

  std::string program;                 // this fittest
  std::vector<std::string> handed_on;  // options for each
  Workers workers = Workers::as_written;
  std::filesystem::path folder;  // for a folder of each
};

ChunkOrder order_for(const select::Chunk& chunk, const ChunkOptions& options);

// A word as one would type it in a shell.
std::string shell_quoted(const std::string& word);

// As one would type it: "env A=1 fittest pytest -E 'not slow'".
std::string command_line(const ChunkOrder& order);

enum class AfterFailure { go_on, stop };

// In the current folder. Calls `begins` before each. A result for each order, in their order; after Ctrl-C (see
// ChildRunner::interrupted) those that are left have not run.
std::vector<report::ChunkResult> run_chunks(std::span<const ChunkOrder> orders, ChildRunner& runner,
                                            AfterFailure after_failure,
                                            const std::function<void(const ChunkOrder&)>& begins);

// What a chunk's child left in its folder, and how it ended.
report::ChunkResult chunk_result(const ChunkOrder& order, const Result<ChildEnd>& end);

// 0; 1 with a chunk that failed or did not run; 5 where there was no test in any of them.
int exit_code(std::span<const report::ChunkResult> results);

}  // namespace fittest::run

#pragma once
// What `fittest chunks` says before it runs anything.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/test_list.h"
#include "run/chunks.h"
#include "select/chunk.h"

namespace fittest::cli {

// --list: what is written of each, in the order they run.
std::vector<std::string> list_of_chunks(std::span<const select::Chunk> chunks);

// Tests in several chunks, and tests in none; the first ten of each, or all. Empty where there is neither.
enum class Tests { first_ten, all };
std::vector<std::string> describe_cover(const select::ChunkCover& cover, std::span<const select::Chunk> chunks,
                                        const TestList& tests, Tests shown);

// --dry-run of one chunk: a comment with what is expected, where that is known, and the command line.
std::vector<std::string> dry_run(const run::ChunkOrder& order, const std::optional<select::ChunkForecast>& expected);

}  // namespace fittest::cli

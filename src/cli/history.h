#pragma once
// `fittest history [PATTERN...]`: what is known of each test.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/verdict.h"

namespace fittest::cli {

enum class HistorySort { peak, retained, duration, runs, id, heap_peak, allocated, allocations };
enum class HistoryFigures { memory, heap };  // what a table shows first
enum class HistoryFormat { table, json };

struct HistoryOptions {
  std::filesystem::path file = ".fittest/history.db";
  std::vector<std::string> patterns;  // a test is shown if it matches any; all if there is none
  HistoryFigures figures = HistoryFigures::memory;
  std::optional<HistorySort> sort;  // without one by the first column
  bool reverse = false;
  std::optional<Verdict> verdict;
  std::optional<Bytes> min_peak;
  std::optional<std::uint32_t> limit;  // 0: all; without one 50 in a table, all in JSON
  HistoryFormat format = HistoryFormat::table;
  // A terminal's width: ids are shortened to fit. Nothing where the output is no terminal.
  std::optional<unsigned> columns;
  std::optional<std::int64_t> now;  // Unix time "2 h ago" is counted from; the clock's without one
};

// Adds the verb and its options, which fill `options` when it is parsed. `options` must outlive `app`.
CLI::App* add_history_verb(CLI::App& app, HistoryOptions& options);

// Returns the exit code: 0, also where nothing is known yet, or 4 where the file cannot be used.
int run_history(const HistoryOptions& options, std::ostream& out, std::ostream& err);

// A pattern with `*` (anything) or `?` (one character) is for the whole id, any other for a part of it. Brackets mean
// themselves, because ids are full of them.
bool matches(std::string_view pattern, std::string_view id);

}  // namespace fittest::cli

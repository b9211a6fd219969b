#include "run/chunks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "report/json_lines.h"
#include "report/words.h"

namespace fittest::run {
namespace {

using State = report::ChunkResult::State;

constexpr const char* kEvents = "events.jsonl";
constexpr int kFailures = 1;
constexpr int kInterrupted = 2;
constexpr int kInternalError = 3;
constexpr int kUsage = 4;
constexpr int kNoTests = 5;

std::optional<std::string> missing_path(const select::Chunk& chunk) {
  for (const std::string& path : chunk.paths) {
    // Behind the first "::" stand names of tests.
    std::error_code ignored;
    if (!std::filesystem::exists(path.substr(0, path.find("::")), ignored)) return path;
  }
  return std::nullopt;
}

std::string remark_for(const ChunkOrder& order, const ChildEnd& end) {
  if (end.timed_out) return "timed out after " + report::format_span(order.timeout.value_or(end.took));
  if (end.status.by_signal()) return "killed by " + end.status.text();
  switch (end.status.code()) {
    case kInterrupted:  // also pytest's word for modules that it could not collect
      return "stopped before its end: see above";
    case kInternalError:
      return "ended by an internal error: see above";
    case kUsage:
      return "cannot run like this: see above";
    case kNoTests:
      return "no tests";
    default:
      return {};
  }
}

void take_journal(report::Journal journal, report::ChunkResult& result) {
  for (report::TestFinished& test : journal.finished) {
    ++result.verdicts[static_cast<std::size_t>(test.verdict)];
    if (is_failure(test.verdict)) {
      result.failures.push_back({test.verdict, std::move(test.id), std::move(test.detail)});
    }
  }
  if (journal.tests > 0) result.tests = static_cast<std::uint32_t>(journal.tests);
  result.peak = journal.peak;
}

}  // namespace

Result<void> check_paths(std::span<const select::Chunk> chunks) {
  for (const select::Chunk& chunk : chunks) {
    if (const auto path = missing_path(chunk)) {
      return failure(fmt::format("chunk '{}' has the path '{}', which is not there", chunk.name, *path), chunk.where,
                     "correct it in 'paths', or take it out; paths start from the configuration's folder");
    }
  }
  return {};
}

ChunkOrder order_for(const select::Chunk& chunk, const ChunkOptions& options) {
  ChunkOrder order;
  order.name = chunk.name;
  order.folder = options.folder / chunk.name;
  order.timeout = chunk.timeout;
  // Ids then begin where the paths of chunks do, whatever paths pytest is given.
  order.command = {options.program, "pytest", "--rootdir=."};
  auto& command = order.command;
  command.insert(command.end(), options.handed_on.begin(), options.handed_on.end());
  const bool one_worker = options.workers == ChunkOptions::Workers::one;
  command.insert(command.end(), {"-n", one_worker ? "0" : chunk.workers ? std::to_string(*chunk.workers) : "auto"});
  if (chunk.test_timeout) command.insert(command.end(), {"--test-timeout", fmt::format("{}", *chunk.test_timeout)});
  if (chunk.maxfail) command.insert(command.end(), {"--maxfail", std::to_string(*chunk.maxfail)});
  if (chunk.expression) command.insert(command.end(), {"-E", chunk.expression->text()});
  command.insert(command.end(), {"--run-folder", order.folder.string(), "--as-chunk", chunk.name});
  command.insert(command.end(), chunk.arguments.begin(), chunk.arguments.end());
  command.insert(command.end(), chunk.paths.begin(), chunk.paths.end());
  for (const auto& [name, value] : chunk.environment) order.environment.push_back(name + "=" + value);
  return order;
}

std::string shell_quoted(const std::string& word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string command_line(const ChunkOrder& order) {
  std::string line;
  for (const std::string& variable : order.environment) line += (line.empty() ? "env " : " ") + shell_quoted(variable);
  for (const std::string& word : order.command) line += (line.empty() ? "" : " ") + shell_quoted(word);
  return line;
}

report::ChunkResult chunk_result(const ChunkOrder& order, const Result<ChildEnd>& end) {
  report::ChunkResult result;
  result.name = order.name;
  result.tests = order.expected.value_or(0);
  if (!end) {
    result.state = State::failed;
    result.remark = end.error().what;
  } else {
    if (auto journal = report::read_journal(order.folder / kEvents)) take_journal(std::move(*journal), result);
    const int code = end->status.code();
    result.exit = code;
    result.took = end->took;
    result.remark = remark_for(order, *end);
    result.state = !end->timed_out && (code == 0 || code == kNoTests) ? State::passed : State::failed;
    if (code == kNoTests) result.tests = 0;
  }
  std::uint32_t with_verdict = 0;
  for (const std::uint32_t count : result.verdicts) with_verdict += count;
  result.tests = std::max(result.tests, with_verdict);
  result.verdicts[static_cast<std::size_t>(Verdict::not_run)] += result.tests - with_verdict;
  return result;
}

std::vector<report::ChunkResult> run_chunks(std::span<const ChunkOrder> orders, ChildRunner& runner,
                                            AfterFailure after_failure,
                                            const std::function<void(const ChunkOrder&)>& begins) {
  std::vector<report::ChunkResult> results;
  bool stopped = false;
  for (const ChunkOrder& order : orders) {
    if (stopped || runner.interrupted()) {
      report::ChunkResult left_out;
      left_out.name = order.name;
      left_out.tests = order.expected.value_or(0);
      left_out.verdicts[static_cast<std::size_t>(Verdict::not_run)] = left_out.tests;
      left_out.remark = stopped ? "left out after the failure above" : "left out after the interrupt";
      results.push_back(std::move(left_out));
      continue;
    }
    begins(order);
    std::error_code ignored;
    std::filesystem::remove(order.folder / kEvents,
                            ignored);  // of an earlier run, if this one does not get to write any
    suite::ProcessOrder process;
    process.command = order.command;
    process.environment = order.environment;
    results.push_back(chunk_result(order, runner.run(std::move(process), order.timeout)));
    stopped = after_failure == AfterFailure::stop && results.back().state == State::failed;
  }
  return results;
}

int exit_code(std::span<const report::ChunkResult> results) {
  const auto passed = [](const report::ChunkResult& result) { return result.state == State::passed; };
  if (!std::ranges::all_of(results, passed)) return kFailures;
  return std::ranges::all_of(results, [](const auto& result) { return result.exit == kNoTests; }) ? kNoTests : 0;
}

}  // namespace fittest::run

#pragma once
// Events as JSON lines: docs/events.md is the schema, `kSchemaVersion` its version.
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "core/error.h"
#include "report/event.h"

namespace fittest::report {

inline constexpr int kSchemaVersion = 1;

// {"v":1,"at":0.25,"event":"test_finished",...}: names of fields are those of the structs, bytes are integers; figures
// and texts a struct need not have (std::optional, `detail`, `message`) are left out when empty. Bytes that are no
// UTF-8 become U+FFFD, a longer `message` or `detail` loses its middle: every event can be dumped.
nlohmann::json to_json(const Event& event);
inline constexpr std::size_t kLongestMessage = 64 << 10;
inline constexpr std::size_t kLongestDetail = 4 << 10;

// A line written is a line whole: each is one write(2), so that a reader (or --resume) after kill -9 finds whole lines,
// with at most the last one torn. Samples are thinned: ten a second, and those that are notably higher than the last.
// A file that is there already is gone on with.
class JsonLines : public Reader {
 public:
  // Makes the folders above it too.
  static Result<std::unique_ptr<JsonLines>> create(const std::filesystem::path& file);
  ~JsonLines() override;
  JsonLines(const JsonLines&) = delete;
  JsonLines& operator=(const JsonLines&) = delete;
  void on(const Event& event) override;
  // Lines that could not be written (no space left), for the caller to tell.
  [[nodiscard]] std::size_t lost_lines() const;

 private:
  class Impl;
  explicit JsonLines(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What a journal says of its run, for --resume and `fittest merge`. Of a test told of more than once the last verdict
// counts. A passed test's `message` is not kept.
struct Journal {
  struct Killed {
    std::string id;
    Bytes at_least;
  };

  std::vector<TestFinished> finished;        // none of them not_run
  std::vector<std::string> without_verdict;  // told of as not_run, or to be run again, which they were not
  std::vector<Killed> killed;                // for memory; they may have run again
  std::vector<std::string> running;          // began, and nothing more was told of them
  std::optional<RunStarted> started;         // the last; without the domain's shortcomings
  std::optional<RunFinished> ended;          // of that one; without its bound
  Bytes peak;                                // the highest memory told of
  Seconds until = 0;                         // when the last event happened
  std::uint64_t workers = 0;                 // the numbers of all workers and tests are below these
  std::uint64_t tests = 0;
  bool merged = false;               // what `fittest merge` wrote, of several runs
  std::size_t unreadable_lines = 0;  // torn, foreign, of another version, or longer than kLongestLine

  [[nodiscard]] bool complete() const { return ended && !ended->interrupted; }
};
Result<Journal> read_journal(const std::filesystem::path& file);

}  // namespace fittest::report

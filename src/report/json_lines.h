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

// What a journal says of its run, for --resume. Of a test told of more than once the last verdict counts; one that was
// to run again and did not, or was not_run, is left out. A passed test's `message` is not kept.
struct Journal {
  std::vector<TestFinished> finished;
  std::size_t unreadable_lines = 0;  // torn, foreign, of another version, or longer than kLongestLine
  std::vector<std::string> command;  // of its last RunStarted
  bool complete = false;             // has a RunFinished that was not interrupted
};
inline constexpr std::size_t kLongestLine = 4 << 20;
Result<Journal> read_journal(const std::filesystem::path& file);

}  // namespace fittest::report

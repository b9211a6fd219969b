#pragma once
// Events as JSON lines: docs/events.md is the schema, `kSchemaVersion` its version.
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "core/error.h"
#include "report/event.h"

namespace fittest::report {

inline constexpr int kSchemaVersion = 1;

// {"v":1,"at":0.25,"event":"test_finished",...}: names of fields are those of the structs, bytes are integers,
// optional fields are left out when empty.
nlohmann::json to_json(const Event& event);

// A line written is a line whole: each is one write(2), so that a reader (or --resume) after kill -9 finds whole lines,
// with at most the last one torn.
class JsonLines : public Reader {
 public:
  static Result<std::unique_ptr<JsonLines>> create(const std::filesystem::path& file);
  ~JsonLines() override;
  void on(const Event& event) override;

 private:
  class Impl;
  explicit JsonLines(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The verdicts in a journal, last one for each test id, not_run left out; torn or foreign lines are skipped and counted.
struct Journal {
  std::vector<TestFinished> finished;
  std::size_t unreadable_lines = 0;
  std::vector<std::string> command;   // of its RunStarted
  bool complete = false;              // has a RunFinished that was not interrupted
};
Result<Journal> read_journal(const std::filesystem::path& file);

}  // namespace fittest::report

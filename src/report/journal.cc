#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "report/json_lines.h"
#include "report/line_reader.h"

namespace fittest::report {
namespace {

using nlohmann::json;

// The fields of a line; a wrong type is the same as none.
class Fields {
 public:
  explicit Fields(const json& line) : line_(line) {}

  [[nodiscard]] const std::string* text(const char* key) const {
    const json* found = find(key);
    return found == nullptr ? nullptr : found->get_ptr<const std::string*>();
  }
  [[nodiscard]] std::string text_or_nothing(const char* key) const {
    const std::string* found = text(key);
    return found == nullptr ? std::string() : *found;
  }
  [[nodiscard]] std::optional<std::uint64_t> figure(const char* key) const {
    const json* found = find(key);
    if (found == nullptr || !found->is_number_unsigned()) return std::nullopt;
    return found->get<std::uint64_t>();
  }
  [[nodiscard]] std::optional<std::uint32_t> small_figure(const char* key) const {
    const auto value = figure(key);
    if (!value || *value > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return static_cast<std::uint32_t>(*value);
  }
  [[nodiscard]] std::optional<Bytes> bytes(const char* key) const {
    const auto value = figure(key);
    return value ? std::optional(Bytes{*value}) : std::nullopt;
  }
  [[nodiscard]] std::optional<Seconds> seconds(const char* key) const {
    const json* found = find(key);
    if (found == nullptr || !found->is_number()) return std::nullopt;
    const auto value = found->get<double>();
    return std::isfinite(value) && value >= 0 ? std::optional(value) : std::nullopt;
  }
  [[nodiscard]] std::optional<bool> truth(const char* key) const {
    const json* found = find(key);
    return found != nullptr && found->is_boolean() ? std::optional(found->get<bool>()) : std::nullopt;
  }
  [[nodiscard]] std::optional<std::vector<std::string>> texts(const char* key) const {
    const json* found = find(key);
    if (found == nullptr || !found->is_array()) return std::nullopt;
    std::vector<std::string> out;
    for (const json& item : *found) {
      if (!item.is_string()) return std::nullopt;
      out.push_back(item.get<std::string>());
    }
    return out;
  }
  [[nodiscard]] std::optional<HeapFigures> heap() const {
    const json* found = find("heap");
    if (found == nullptr || !found->is_object()) return std::nullopt;
    const Fields heap(*found);
    const auto peak = heap.bytes("peak");
    const auto allocated = heap.bytes("allocated");
    const auto allocations = heap.figure("allocations");
    if (!peak || !allocated || !allocations) return std::nullopt;
    return HeapFigures{*peak, *allocated, *allocations, heap.bytes("body_peak")};
  }
  [[nodiscard]] std::optional<Verdict> verdict() const {
    const std::string* spelled = text("verdict");
    return spelled == nullptr ? std::nullopt : verdict_from(*spelled);
  }

 private:
  [[nodiscard]] const json* find(const char* key) const {
    const auto found = line_.find(key);
    return found == line_.end() ? nullptr : &*found;
  }
  const json& line_;
};

// One more than the number of a worker or test; 0 where the line has none.
std::uint64_t numbers_up_to(const Fields& fields, const char* key) {
  const auto value = fields.small_figure(key);
  return value ? std::uint64_t{*value} + 1 : 0;
}

class JournalReader {
 public:
  void line(std::string_view text);
  void unreadable() { ++journal_.unreadable_lines; }
  Journal take();

 private:
  // Looks tests up by id without a second copy of each id.
  struct HashOfId {
    using is_transparent = void;
    const std::vector<TestFinished>* tests;
    std::size_t operator()(std::size_t index) const { return (*this)((*tests)[index].id); }
    std::size_t operator()(std::string_view id) const { return std::hash<std::string_view>()(id); }
  };
  struct SameId {
    using is_transparent = void;
    const std::vector<TestFinished>* tests;
    bool operator()(std::size_t a, std::size_t b) const { return (*tests)[a].id == (*tests)[b].id; }
    bool operator()(std::string_view a, std::size_t b) const { return a == (*tests)[b].id; }
    bool operator()(std::size_t a, std::string_view b) const { return (*tests)[a].id == b; }
  };

  // False for a line that is not as the schema says.
  bool take_event(const Fields& fields, const std::string& event);
  bool run_started(const Fields& fields);
  bool run_finished(const Fields& fields);
  bool sample(const Fields& fields);
  bool batch_killed(const Fields& fields);
  bool test_started(const Fields& fields);
  bool test_finished(const Fields& fields);
  bool test_amended(const Fields& fields);
  bool test_requeued(const Fields& fields);
  TestFinished& entry(const std::string& id);

  Journal journal_;
  std::map<std::uint32_t, std::string> running_;  // by worker
  std::vector<TestFinished>& tests_ = journal_.finished;
  std::unordered_set<std::size_t, HashOfId, SameId> by_id_{16, HashOfId{&tests_}, SameId{&tests_}};
};

void JournalReader::line(std::string_view text) {
  if (text.empty()) return;
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) return unreadable();
  const Fields fields(parsed);
  const std::string* event = fields.text("event");
  if (fields.figure("v") != std::uint64_t{kSchemaVersion} || event == nullptr || !take_event(fields, *event))
    unreadable();
}

bool JournalReader::take_event(const Fields& fields, const std::string& event) {
  journal_.until = std::max(journal_.until, fields.seconds("at").value_or(0));
  journal_.workers = std::max(journal_.workers, numbers_up_to(fields, "worker"));
  journal_.tests = std::max(journal_.tests, numbers_up_to(fields, "test"));
  if (event == "collected") journal_.tests = std::max(journal_.tests, fields.figure("tests").value_or(0));
  if (event == "test_started") return test_started(fields);
  if (event == "worker_ended") running_.erase(fields.small_figure("worker").value_or(0));
  if (event == "test_finished") return test_finished(fields);
  if (event == "test_amended") return test_amended(fields);
  if (event == "test_requeued") return test_requeued(fields);
  if (event == "batch_killed") return batch_killed(fields);
  if (event == "sample") return sample(fields);
  if (event == "run_started") return run_started(fields);
  if (event == "run_finished") return run_finished(fields);
  return true;  // says nothing about verdicts, or was added to the schema later
}

bool JournalReader::run_started(const Fields& fields) {
  auto command = fields.texts("command");
  if (!command) return false;
  RunStarted& started = journal_.started.emplace();
  started.command = std::move(*command);
  started.run_id = fields.text_or_nothing("run_id");
  started.suite = fields.text_or_nothing("suite");
  started.budget = fields.bytes("budget").value_or(Bytes{});
  started.budget_source = fields.text_or_nothing("budget_source");
  started.domain = fields.text_or_nothing("domain");
  started.started_at = fields.seconds("started_at").value_or(0);
  started.host = fields.text_or_nothing("host");
  journal_.ended.reset();
  if (fields.text("run") != nullptr) journal_.merged = true;
  return true;
}

bool JournalReader::run_finished(const Fields& fields) {
  const auto interrupted = fields.truth("interrupted");
  if (!interrupted) return false;
  RunFinished& ended = journal_.ended.emplace();
  ended.interrupted = *interrupted;
  ended.exit_code = static_cast<int>(std::min<std::uint64_t>(fields.figure("exit_code").value_or(0), 255));
  ended.wall = fields.seconds("wall").value_or(0);
  ended.peak = fields.bytes("peak").value_or(Bytes{});
  ended.kernel_kills = fields.small_figure("kernel_kills").value_or(0);
  journal_.peak = std::max(journal_.peak, ended.peak);
  return true;
}

bool JournalReader::sample(const Fields& fields) {
  journal_.peak = std::max(journal_.peak, fields.bytes("held").value_or(Bytes{}));
  return true;
}

bool JournalReader::batch_killed(const Fields& fields) {
  const auto at_least = fields.bytes("at_least");
  if (const std::string* id = fields.text("id"); id != nullptr && at_least) {
    journal_.killed.push_back({*id, *at_least});
  }
  return true;
}

TestFinished& JournalReader::entry(const std::string& id) {
  if (const auto found = by_id_.find(std::string_view(id)); found != by_id_.end()) return tests_[*found];
  tests_.emplace_back().id = id;
  by_id_.insert(tests_.size() - 1);
  return tests_.back();
}

bool JournalReader::test_started(const Fields& fields) {
  const std::string* id = fields.text("id");
  const auto worker = fields.small_figure("worker");
  if (id == nullptr || !worker) return false;
  running_[*worker] = *id;
  return true;
}

bool JournalReader::test_finished(const Fields& fields) {
  const std::string* id = fields.text("id");
  const auto worker = fields.small_figure("worker");
  const auto test = fields.small_figure("test");
  const auto verdict = fields.verdict();
  const auto duration = fields.seconds("duration");
  if (id == nullptr || !worker || !test || !verdict || !duration) return false;
  running_.erase(*worker);
  TestFinished& entry = this->entry(*id);
  entry.worker = WorkerId{*worker};
  entry.test = *test;
  entry.verdict = *verdict;
  entry.duration = *duration;
  entry.peak = fields.bytes("peak");
  entry.retained = fields.bytes("retained");
  entry.at_least = fields.bytes("at_least");
  entry.heap = fields.heap();
  entry.detail = fields.text_or_nothing("detail");
  entry.message = *verdict == Verdict::passed ? std::string() : fields.text_or_nothing("message");
  return true;
}

bool JournalReader::test_amended(const Fields& fields) {
  const std::string* id = fields.text("id");
  const auto test = fields.small_figure("test");
  const auto verdict = fields.verdict();
  if (id == nullptr || !test || !verdict) return false;
  TestFinished& entry = this->entry(*id);
  entry.test = *test;
  entry.verdict = *verdict;
  if (const std::string* detail = fields.text("detail")) entry.detail = *detail;
  return true;
}

// What it had is not believed; until it has run once more it has no verdict.
bool JournalReader::test_requeued(const Fields& fields) {
  const std::string* id = fields.text("id");
  if (id == nullptr) return false;
  if (const auto found = by_id_.find(std::string_view(*id)); found != by_id_.end()) {
    tests_[*found].verdict = Verdict::not_run;
  }
  return true;
}

Journal JournalReader::take() {
  by_id_.clear();
  for (auto& [worker, id] : running_) journal_.running.push_back(std::move(id));
  std::erase_if(tests_, [&](TestFinished& test) {
    if (test.verdict != Verdict::not_run) return false;
    journal_.without_verdict.push_back(std::move(test.id));
    return true;
  });
  return std::move(journal_);
}

}  // namespace

Result<Journal> read_journal(const std::filesystem::path& file) {
  auto lines = LineReader::open(file);
  if (!lines) return tl::unexpected(lines.error());
  JournalReader reader;
  while (true) {
    const auto line = lines->next();
    if (!line) return tl::unexpected(line.error());
    if (!*line) return reader.take();
    reader.line(**line);
  }
}

}  // namespace fittest::report

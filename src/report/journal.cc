#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "core/descriptor.h"
#include "report/json_lines.h"

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
  bool test_finished(const Fields& fields);
  bool test_amended(const Fields& fields);
  bool test_requeued(const Fields& fields);
  TestFinished& entry(const std::string& id);

  Journal journal_;
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
  if (event == "test_finished") return test_finished(fields);
  if (event == "test_amended") return test_amended(fields);
  if (event == "test_requeued") return test_requeued(fields);
  if (event == "run_started") return run_started(fields);
  if (event == "run_finished") return run_finished(fields);
  return true;  // says nothing about verdicts, or was added to the schema later
}

bool JournalReader::run_started(const Fields& fields) {
  auto command = fields.texts("command");
  if (!command) return false;
  journal_.command = std::move(*command);
  journal_.complete = false;
  return true;
}

bool JournalReader::run_finished(const Fields& fields) {
  const auto interrupted = fields.truth("interrupted");
  if (!interrupted) return false;
  journal_.complete = !*interrupted;
  return true;
}

TestFinished& JournalReader::entry(const std::string& id) {
  if (const auto found = by_id_.find(std::string_view(id)); found != by_id_.end()) return tests_[*found];
  tests_.emplace_back().id = id;
  by_id_.insert(tests_.size() - 1);
  return tests_.back();
}

bool JournalReader::test_finished(const Fields& fields) {
  const std::string* id = fields.text("id");
  const auto worker = fields.small_figure("worker");
  const auto test = fields.small_figure("test");
  const auto verdict = fields.verdict();
  const auto duration = fields.seconds("duration");
  if (id == nullptr || !worker || !test || !verdict || !duration) return false;
  TestFinished& entry = this->entry(*id);
  entry.worker = WorkerId{*worker};
  entry.test = *test;
  entry.verdict = *verdict;
  entry.duration = *duration;
  entry.peak = fields.bytes("peak");
  entry.retained = fields.bytes("retained");
  const std::string* detail = fields.text("detail");
  entry.detail = detail == nullptr ? std::string() : *detail;
  const std::string* message = fields.text("message");
  entry.message = message == nullptr || *verdict == Verdict::passed ? std::string() : *message;
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
  std::erase_if(tests_, [](const TestFinished& test) { return test.verdict == Verdict::not_run; });
  Journal out;
  out.finished = std::move(journal_.finished);
  out.unreadable_lines = journal_.unreadable_lines;
  out.command = std::move(journal_.command);
  out.complete = journal_.complete;
  return out;
}

}  // namespace

Result<Journal> read_journal(const std::filesystem::path& file) {
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!opened) return system_failure(errno, "cannot be read", file.string(), "name the events.jsonl of an earlier run");
  JournalReader reader;
  std::array<char, 64 << 10> buffer{};
  std::string line;
  bool too_long = false;
  while (true) {
    const ssize_t got = ::read(opened.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return system_failure(errno, "cannot be read", file.string(), "name the events.jsonl of an earlier run");
    if (got == 0) break;
    std::string_view rest(buffer.data(), static_cast<std::size_t>(got));
    while (!rest.empty()) {
      const std::size_t newline = rest.find('\n');
      const std::string_view part = rest.substr(0, newline);
      if (!too_long) line += part;
      if (line.size() > kLongestLine) {
        too_long = true;
        std::string().swap(line);
      }
      if (newline == std::string_view::npos) break;
      if (too_long) {
        reader.unreadable();
      } else {
        reader.line(line);
      }
      line.clear();
      too_long = false;
      rest.remove_prefix(newline + 1);
    }
  }
  // A last line without a newline: whole if it can be read, torn if not.
  if (too_long) reader.unreadable();
  reader.line(line);
  return reader.take();
}

}  // namespace fittest::report

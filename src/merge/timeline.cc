#include "merge/timeline.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <queue>
#include <utility>

#include "core/atomic_file.h"
#include "report/line_reader.h"

namespace fittest::merge {
namespace {

using nlohmann::json;

// What is added to the figures of a run's events.
struct Shift {
  Seconds at = 0;
  std::uint64_t worker = 0;
  std::uint64_t test = 0;
};

void add_to(json& event, const char* key, std::uint64_t amount) {
  const auto found = event.find(key);
  if (found != event.end() && found->is_number_unsigned()) *found = found->get<std::uint64_t>() + amount;
}

// A run's events one after another, shifted.
class Source {
 public:
  Source(const Run& run, Shift shift, report::LineReader lines)
      : id_(run.id()), shift_(shift), lines_(std::move(lines)) {}

  // Moves on to the next event; false at the end.
  Result<bool> next() {
    while (true) {
      const auto line = lines_.next();
      if (!line) return tl::unexpected(line.error());
      if (!*line) return false;
      event_ = json::parse(**line, nullptr, false);
      if (event_.is_object() && event_.value("v", json()) == report::kSchemaVersion && event_.contains("event")) break;
    }
    const auto at = event_.find("at");
    const bool timed = at != event_.end() && at->is_number() && at->get<double>() >= 0;
    // Never back: of one run the order stays.
    at_ = std::max(at_, std::round(((timed ? at->get<double>() : 0) + shift_.at) * 1e6) / 1e6);
    event_["at"] = at_;
    event_["run"] = id_;
    add_to(event_, "worker", shift_.worker);
    add_to(event_, "test", shift_.test);
    return true;
  }
  [[nodiscard]] Seconds at() const { return at_; }
  [[nodiscard]] std::string line() const { return event_.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"; }

 private:
  std::string id_;
  Shift shift_;
  report::LineReader lines_;
  json event_;
  Seconds at_ = 0;
};

Result<std::vector<Source>> open_sources(const std::vector<Run>& runs) {
  // A run that does not say when it started begins with the first.
  Seconds first = 0;
  for (const Run& run : runs) {
    if (run.started() > 0 && (first == 0 || run.started() < first)) first = run.started();
  }
  std::vector<Source> sources;
  Shift shift;
  for (const Run& run : runs) {
    const std::filesystem::path file = run.folder / "events.jsonl";
    if (std::error_code ignored; !std::filesystem::exists(file, ignored)) continue;
    auto lines = report::LineReader::open(file);
    if (!lines) return tl::unexpected(lines.error());
    shift.at = std::max(run.started() - first, 0.0);
    sources.emplace_back(run, shift, std::move(*lines));
    shift.worker += run.journal.workers;
    shift.test += run.journal.tests;
  }
  return sources;
}

}  // namespace

Result<void> write_timeline(const std::vector<Run>& runs, const std::filesystem::path& file) {
  auto sources = open_sources(runs);
  if (!sources) return tl::unexpected(sources.error());
  auto out = AtomicFile::create(file);
  if (!out) return tl::unexpected(out.error());
  using Next = std::pair<Seconds, std::size_t>;
  std::priority_queue<Next, std::vector<Next>, std::greater<>> waiting;
  const auto move_on = [&](std::size_t number) -> Result<void> {
    const auto more = (*sources)[number].next();
    if (!more) return tl::unexpected(more.error());
    if (*more) waiting.emplace((*sources)[number].at(), number);
    return {};
  };
  for (std::size_t i = 0; i < sources->size(); ++i) {
    if (auto moved = move_on(i); !moved) return moved;
  }
  while (!waiting.empty()) {
    const std::size_t number = waiting.top().second;
    waiting.pop();
    out->add((*sources)[number].line());
    if (auto moved = move_on(number); !moved) return moved;
  }
  return out->commit();
}

}  // namespace fittest::merge

#include "cli/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>

#include "history/store.h"
#include "select/pattern.h"

namespace fittest::cli {
namespace {

constexpr std::uint32_t kDefaultRows = 50;
constexpr unsigned kLeastIdWidth = 16;
constexpr int kUsage = 4;

struct Entry {
  std::string suite;
  history::Known test;
};

bool is_wanted(const HistoryOptions& options, const history::Known& test) {
  if (options.verdict && test.last != *options.verdict) return false;
  if (options.min_peak && test.peak < *options.min_peak) return false;
  return options.patterns.empty() ||
         std::ranges::any_of(options.patterns, [&](const std::string& p) { return matches(p, test.id); });
}

// Figures the highest first, ids from a to z; `reverse` turns that round. Equal ones by id.
void sort_entries(std::vector<Entry>& entries, HistorySort by, bool reverse) {
  const auto by_figure = [&](auto figure) {
    std::ranges::stable_sort(entries, [&](const Entry& a, const Entry& b) {
      return reverse ? figure(a.test) < figure(b.test) : figure(b.test) < figure(a.test);
    });
  };
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
    return std::tie(a.test.id, a.suite) < std::tie(b.test.id, b.suite);
  });
  switch (by) {
    case HistorySort::peak:
      return by_figure([](const history::Known& t) { return t.peak; });
    case HistorySort::retained:
      return by_figure([](const history::Known& t) { return t.retained; });
    case HistorySort::duration:
      return by_figure([](const history::Known& t) { return t.duration; });
    case HistorySort::runs:
      return by_figure([](const history::Known& t) { return t.runs; });
    case HistorySort::heap_peak:
      return by_figure([](const history::Known& t) { return t.heap ? t.heap->peak : Bytes{}; });
    case HistorySort::allocated:
      return by_figure([](const history::Known& t) { return t.heap ? t.heap->allocated : Bytes{}; });
    case HistorySort::allocations:
      return by_figure([](const history::Known& t) { return t.heap ? t.heap->allocations : 0; });
    case HistorySort::id:
      if (reverse) std::ranges::reverse(entries);
      return;
  }
}

std::string format_duration(Seconds seconds) {
  if (seconds < 0.00995) return fmt::format("{:.1f} ms", seconds * 1000);
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds < 99.95) return fmt::format("{:.1f} s", seconds);
  if (seconds < 6000) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string with_thousands(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string format_age(std::int64_t seconds) {
  if (seconds < 60) return "just now";
  if (seconds < 3600) return fmt::format("{} min ago", seconds / 60);
  const std::int64_t hours = seconds / 3600;
  if (hours < 48) return fmt::format("{} h ago", hours);
  return fmt::format("{} d ago", hours / 24);
}

std::string format_peak(const history::Known& test) {
  const std::string figure = format_bytes(test.peak);
  // It was killed there: it would have gone on.
  return test.at_least && *test.at_least >= test.peak ? "> " + figure : figure;
}

bool starts_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) != 0x80;
}

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, starts_character));
}

// Control characters as escapes: an id is a test author's text, and goes to a terminal.
std::string printable(std::string_view id) {
  std::string shown;
  for (const char c : id) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

// Keeps both ends: the front says where a test is, the back which of its parameters.
std::string shorten(const std::string& text, std::size_t columns) {
  const std::size_t whole = width(text);
  if (whole <= columns) return text;
  const std::size_t front = (columns - 3) / 2;
  const std::size_t back = columns - 3 - front;
  std::string head;
  std::string tail;
  std::size_t at = 0;
  for (const char c : text) {
    if (starts_character(c)) ++at;
    if (at <= front) head += c;
    if (at > whole - back) tail += c;
  }
  return head + "..." + tail;
}

using Row = std::array<std::string, 7>;
constexpr std::size_t kId = 6;
constexpr std::size_t kLastVerdict = 4;

using Figures = std::array<std::string, 3>;

Figures figures(HistoryFigures which, const history::Known& test) {
  if (which == HistoryFigures::heap) {
    if (!test.heap) return {"-", "-", "-"};
    return {format_bytes(test.heap->peak), format_bytes(test.heap->allocated), with_thousands(test.heap->allocations)};
  }
  // A test that was only ever killed has no more than the figure it was killed at.
  const bool ended = test.runs > 0;
  return {format_peak(test), ended ? format_bytes(test.retained) : "-", ended ? format_duration(test.duration) : "-"};
}

void print_table(const HistoryOptions& options, const std::vector<Entry>& shown, bool with_suite, std::ostream& out) {
  const std::int64_t now = options.now.value_or(static_cast<std::int64_t>(std::time(nullptr)));
  const Figures heads = options.figures == HistoryFigures::heap ? Figures{"heap peak", "allocated", "allocations"}
                                                                : Figures{"peak", "retained", "duration"};
  std::vector<Row> rows{{heads[0], heads[1], heads[2], "runs", "verdict", "last run", "test"}};
  for (const auto& [suite, test] : shown) {
    const auto [first, second, third] = figures(options.figures, test);
    rows.push_back({first, second, third, std::to_string(test.runs), std::string(name(test.last)),
                    format_age(now - test.last_run), (with_suite ? suite + ": " : "") + printable(test.id)});
  }
  std::array<std::size_t, kId> widths{};
  std::size_t before_id = 0;
  for (std::size_t column = 0; column < kId; ++column) {
    for (const Row& row : rows) widths[column] = std::max(widths[column], row[column].size());
    before_id += widths[column] + 2;
  }
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t column = 0; column < kId; ++column) {
      line += column == kLastVerdict ? fmt::format("{:<{}}  ", row[column], widths[column])
                                     : fmt::format("{:>{}}  ", row[column], widths[column]);
    }
    const std::size_t columns = options.columns.value_or(0);
    const std::size_t room = columns > before_id + kLeastIdWidth ? columns - before_id : kLeastIdWidth;
    out << line << (options.columns ? shorten(row[kId], room) : row[kId]) << '\n';
  }
}

nlohmann::json to_json(const Entry& entry) {
  const history::Known& test = entry.test;
  nlohmann::json json = {{"suite", entry.suite},
                         {"id", test.id},
                         {"peak_bytes", test.peak.value},
                         {"killed_at_bytes", nullptr},
                         {"retained_bytes", test.retained.value},
                         {"duration_seconds", test.duration},
                         {"runs", test.runs},
                         {"last_verdict", name(test.last)},
                         {"last_run", test.last_run},
                         {"heap_peak_bytes", nullptr},
                         {"heap_allocated_bytes", nullptr},
                         {"heap_allocations", nullptr}};
  if (test.at_least) json["killed_at_bytes"] = test.at_least->value;
  if (test.heap) {
    json["heap_peak_bytes"] = test.heap->peak.value;
    json["heap_allocated_bytes"] = test.heap->allocated.value;
    json["heap_allocations"] = test.heap->allocations;
  }
  return json;
}

// One test a line: to be read by a person and by line tools too, and never held in memory as a whole.
void print_json(const std::vector<Entry>& shown, std::size_t known, std::ostream& out) {
  out << fmt::format(R"({{"format": "fittest-history", "version": 1, "known": {}, "tests": [)", known);
  const char* separator = "\n";
  for (const Entry& entry : shown) {
    // An id need not be UTF-8; JSON must.
    out << separator << to_json(entry).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    separator = ",\n";
  }
  out << (shown.empty() ? "]}\n" : "\n]}\n");
}

void say_nothing_known(const HistoryOptions& options, std::ostream& out, std::ostream& err) {
  if (options.format == HistoryFormat::json) print_json({}, 0, out);
  (options.format == HistoryFormat::json ? err : out)
      << "No history yet: there are no results in " << options.file.string() << ".\n"
      << "  -> Run the tests with fittest, for example: fittest pytest\n";
}

template <typename Value>
std::map<std::string, Value> sort_names() {
  return {{"peak", Value::peak},
          {"retained", Value::retained},
          {"duration", Value::duration},
          {"runs", Value::runs},
          {"id", Value::id},
          {"heap_peak", Value::heap_peak},
          {"allocated", Value::allocated},
          {"allocations", Value::allocations}};
}

}  // namespace

bool matches(std::string_view pattern, std::string_view id) {
  if (pattern.find_first_of("*?") == std::string_view::npos) return id.find(pattern) != std::string_view::npos;
  return select::matches_glob(pattern, id);
}

CLI::App* add_history_verb(CLI::App& app, HistoryOptions& options) {
  CLI::App* verb = app.add_subcommand("history", "What is known of each test: peak, retained, duration, runs, heap");
  verb->add_option("PATTERN", options.patterns,
                   "Only tests whose id contains this, or, with * or ?, whose whole id matches; several: any of them");
  verb->add_flag_callback(
      "--heap", [&options] { options.figures = HistoryFigures::heap; },
      "What it allocated instead: peak of the heap, allocated in all, how many allocations");
  verb->add_option("--sort", options.sort,
                   "Order: peak, retained, duration, runs, heap_peak, allocated, allocations (highest first) or id")
      ->transform(CLI::CheckedTransformer(sort_names<HistorySort>(), CLI::ignore_case))
      ->type_name("WORD");
  verb->add_flag("--reverse", options.reverse, "Turn the order round");
  verb->add_option_function<std::string>(
          "--verdict",
          [&options](const std::string& word) {
            options.verdict = verdict_from(word);
            if (!options.verdict) {
              throw CLI::ValidationError(
                  "--verdict", fmt::format("'{}' is no verdict; there are {}", word, fmt::join(kVerdictNames, ", ")));
            }
          },
          "Only tests whose last verdict this is")
      ->type_name("VERDICT");
  verb->add_option_function<std::string>(
          "--min-peak",
          [&options](const std::string& size) {
            const auto bytes = parse_bytes(size);
            if (!bytes) throw CLI::ValidationError("--min-peak", bytes.error().text());
            options.min_peak = *bytes;
          },
          "Only tests that held at least this much (100M)")
      ->type_name("SIZE");
  verb->add_option("--limit", options.limit, "At most this many tests, 0 for all (table: 50, JSON: all)")
      ->type_name("N");
  verb->add_flag_callback(
      "--json", [&options] { options.format = HistoryFormat::json; }, "JSON, one test a line");
  verb->add_option("--history", options.file, "The history's file (.fittest/history.db)")->type_name("FILE");
  return verb;
}

int run_history(const HistoryOptions& options, std::ostream& out, std::ostream& err) {
  std::error_code problem;
  const auto status = std::filesystem::status(options.file, problem);
  if (status.type() == std::filesystem::file_type::not_found) {
    say_nothing_known(options, out, err);
    return 0;
  }
  auto store = history::Store::open_to_read(options.file);
  if (!store) {
    err << "fittest: " << store.error().text() << '\n';
    return kUsage;
  }

  std::vector<Entry> entries;
  std::size_t known = 0;
  const auto suites = store->suites();
  for (const std::string& suite : suites) {
    for (history::Known& test : store->all(suite)) {
      ++known;
      if (is_wanted(options, test)) entries.push_back({suite, std::move(test)});
    }
  }
  for (const std::string& notice : store->notices()) err << "fittest: " << notice << '\n';
  if (!store->notices().empty()) return kUsage;
  if (known == 0) {
    say_nothing_known(options, out, err);
    return 0;
  }

  const std::size_t found = entries.size();
  const bool is_json = options.format == HistoryFormat::json;
  const HistorySort first_column = options.figures == HistoryFigures::heap ? HistorySort::heap_peak : HistorySort::peak;
  sort_entries(entries, options.sort.value_or(first_column), options.reverse);
  const std::uint32_t limit = options.limit.value_or(is_json ? 0 : kDefaultRows);
  if (limit != 0 && entries.size() > limit) entries.erase(entries.begin() + limit, entries.end());
  if (is_json) {
    print_json(entries, known, out);
    return 0;
  }
  if (entries.empty()) {
    out << "No test matches; " << with_thousands(known) << " are known.\n"
        << "  -> Leave out a pattern, --verdict or --min-peak.\n";
    return 0;
  }
  print_table(options, entries, suites.size() > 1, out);
  out << '\n' << with_thousands(entries.size()) << " of " << with_thousands(found) << " tests";
  if (found != known) out << " found, " << with_thousands(known) << " known";
  out << (entries.size() < found ? " (--limit 0 shows all)\n" : "\n");
  return 0;
}

}  // namespace fittest::cli

#include "select/suggest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/utf8.h"

namespace fittest::select {
namespace {

// The process that collected, and what its workers hold before their first test, take a part of the budget too. How
// much is not known here.
constexpr double kShareForTests = 0.75;
constexpr double kUsual = 0.95;
// A label or folder tells heavy tests from light ones if at least so many of its tests are heavy...
constexpr double kLeastHeavy = 0.5;
// ...and if it has at least this share of all heavy ones; so there are few of them.
constexpr double kLeastShare = 0.2;
constexpr std::size_t kFewestHeavy = 2;
// A chunk that takes ten times what it took is not slow but stuck.
constexpr double kPatience = 10;
constexpr Seconds kShortestTimeout = 600;
// Marks that say how a test is run, not what it is like.
constexpr std::array<std::string_view, 8> kFrameworkLabels = {"parametrize", "skip",           "skipif",   "xfail",
                                                              "usefixtures", "filterwarnings", "tryfirst", "trylast"};
constexpr std::array<std::string_view, 8> kWordsOfExpressions = {"and",       "or",       "not",      "peak",
                                                                 "heap_peak", "retained", "duration", "runs"};

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// What names a set of tests: a label, or a file or folder. In the order in which people like to read them.
enum class Kind { label, path };
struct Name {
  Kind kind;
  std::string_view text;
  bool operator==(const Name&) const = default;
};
struct HashOfName {
  std::size_t operator()(const Name& name) const {
    return std::hash<std::string_view>()(name.text) * 2 + (name.kind == Kind::label ? 1 : 0);
  }
};

// Calls with the name of each set that the test is in.
template <typename Function>
void for_each_name(const TestList& tests, TestIndex test, Function call) {
  for (const std::string& label : tests.labels(test)) call(Name{Kind::label, label});
  const std::string_view file = parts_of(tests.id(test)).file;
  for (std::size_t end = file.find('/'); end != std::string_view::npos; end = file.find('/', end + 1)) {
    if (end > 0) call(Name{Kind::path, file.substr(0, end)});
  }
  if (!file.empty()) call(Name{Kind::path, file});
}

bool has_name(const TestList& tests, TestIndex test, const Name& name) {
  bool found = false;
  for_each_name(tests, test, [&](const Name& other) { found = found || other == name; });
  return found;
}

// Whether it can be written as an expression that means just itself.
bool can_be_written(const Name& name) {
  if (name.kind == Kind::label && is_one_of(name.text, kFrameworkLabels)) return false;
  if (name.text.empty() || name.text.starts_with("./") || name.text.ends_with('/')) return false;
  return valid_utf8(name.text) == name.text && std::ranges::all_of(name.text, [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte >= 0x20 && byte != 0x7f && c != '"' && c != '\\' && c != '*' && c != '?';
         });
}

std::string written(const Name& name) {
  const bool is_word =
      std::ranges::all_of(name.text, is_plain) && !(name.text.front() >= '0' && name.text.front() <= '9');
  if (name.kind == Kind::label && is_word && !is_one_of(name.text, kWordsOfExpressions)) return std::string(name.text);
  const bool needs_quotes =
      !std::ranges::all_of(name.text, [](char c) { return is_plain(c) || c == '/' || c == '.' || c == '-'; }) ||
      name.text.starts_with('/');
  const std::string_view function = name.kind == Kind::label ? "label" : "file";
  return needs_quotes ? fmt::format("{}(\"{}\")", function, name.text) : fmt::format("{}({})", function, name.text);
}

// A chunk in the making: those of the tests nobody took before that the condition holds for.
struct Part {
  std::string condition;
  std::string name;
  std::vector<TestIndex> tests;
};

class Suggester {
 public:
  Suggester(const TestList& tests, std::span<const Facts> facts, const SuggestOptions& options)
      : tests_(tests), facts_(facts) {
    out_.options = options;
    out_.for_tests = options.budget.scaled(kShareForTests);
    for (std::size_t i = 0; i < tests.size(); ++i) left_.push_back(static_cast<TestIndex>(i));
  }

  Suggestion suggest() {
    const unsigned cores = std::max(out_.options.cores, 2U);
    take_heavy(round_figure({out_.for_tests.value / 2}), "alone");
    if (cores > 2) take_heavy(round_figure({out_.for_tests.value / cores}), "heavy");
    finish();
    return std::move(out_);
  }

 private:
  // Two digits are enough for people, and what is written down must be what was reckoned with.
  static Bytes round_figure(Bytes amount) {
    std::uint64_t step = KiB(1).value;
    if (amount >= MiB(1)) step = MiB(1).value;
    if (amount >= MiB(100)) step = MiB(10).value;
    return {amount.value / step * step};
  }
  static std::string figure(Bytes amount) {
    if (amount.value % MiB(1).value == 0) return fmt::format("{}MB", amount.value / MiB(1).value);
    return fmt::format("{}KB", amount.value / KiB(1).value);
  }

  [[nodiscard]] bool is_over(TestIndex test, Bytes limit) const {
    return facts_[test].known && facts_[test].peak > limit;
  }

  // Takes out what is over the limit: by names, as far as they tell it apart, then by the peak.
  void take_heavy(Bytes limit, std::string_view name) {
    const auto heavy = [&](TestIndex test) { return is_over(test, limit); };
    const auto all = static_cast<std::size_t>(std::ranges::count_if(left_, heavy));
    while (const auto best = best_name(limit, all)) {
      take(written(*best), std::string(best->text), [&](TestIndex test) { return has_name(tests_, test, *best); });
    }
    if (std::ranges::any_of(left_, heavy)) take("peak > " + figure(limit), std::string(name), heavy);
  }

  [[nodiscard]] std::optional<Name> best_name(Bytes limit, std::size_t all_heavy) const {
    struct Count {
      std::size_t tests = 0, known = 0, heavy = 0;
      [[nodiscard]] double precision() const { return static_cast<double>(heavy) / static_cast<double>(known); }
    };
    std::unordered_map<Name, Count, HashOfName> counts;
    for (const TestIndex test : left_) {
      for_each_name(tests_, test, [&](const Name& name) {
        Count& count = counts[name];
        ++count.tests;
        if (facts_[test].known) ++count.known;
        if (is_over(test, limit)) ++count.heavy;
      });
    }
    const auto least =
        std::max(kFewestHeavy, static_cast<std::size_t>(std::ceil(kLeastShare * static_cast<double>(all_heavy))));
    std::optional<std::pair<Name, Count>> best;
    for (const auto& [name, count] : counts) {
      // What all tests have in common tells nothing apart.
      if (count.heavy < least || count.precision() < kLeastHeavy || count.tests == left_.size()) continue;
      if (!can_be_written(name)) continue;
      const auto rank = [](const Name& n, const Count& c) {
        return std::tuple(-static_cast<double>(c.heavy) * c.precision(), n.kind, c.tests, n.text.size(), n.text);
      };
      if (!best || rank(name, count) < rank(best->first, best->second)) best = {name, count};
    }
    if (!best) return std::nullopt;
    return best->first;
  }

  template <typename Predicate>
  void take(std::string condition, std::string name, Predicate is_taken) {
    Part part{std::move(condition), std::move(name), {}};
    std::vector<TestIndex> rest;
    for (const TestIndex test : left_) (is_taken(test) ? part.tests : rest).push_back(test);
    left_ = std::move(rest);
    parts_.push_back(std::move(part));
  }

  // The light ones first: whoever waits for a mistake in the code sees it soon.
  void finish() {
    std::vector<std::string> conditions;
    for (const Part& part : parts_) conditions.push_back(part.condition);
    if (!left_.empty() || parts_.empty()) {
      add(parts_.empty() ? "all" : "light", nothing_of(conditions), std::move(left_));
    } else {
      conditions.pop_back();  // nothing is left beside the last one: it takes all that the others do not
      parts_.back().condition.clear();
    }
    for (std::size_t i = parts_.size(); i > 0; --i) {
      Part& part = parts_[i - 1];
      conditions.resize(i - 1);
      std::string expression = nothing_of(conditions);
      if (!part.condition.empty()) {
        expression = expression.empty() ? part.condition : fmt::format("{} and {}", part.condition, expression);
      }
      add(part.name, std::move(expression), std::move(part.tests));
    }
  }

  static std::string nothing_of(const std::vector<std::string>& conditions) {
    if (conditions.empty()) return {};
    if (conditions.size() == 1 && conditions.front().find(' ') == std::string::npos) return "not " + conditions.front();
    return fmt::format("not ({})", fmt::join(conditions, " or "));
  }

  void add(const std::string& name, std::string expression, std::vector<TestIndex> tests) {
    SuggestedChunk chunk;
    chunk.name = free_name(name);
    chunk.expression = std::move(expression);
    std::vector<Bytes> peaks;
    Seconds longest = 0;
    for (const TestIndex test : tests) {
      const Facts& facts = facts_[test];
      if (!facts.known) {
        ++chunk.unknown;
        continue;
      }
      peaks.push_back(facts.peak);
      if (!chunk.largest || facts.peak > facts_[*chunk.largest].peak) chunk.largest = test;
      if (!(facts.duration > 0) || !std::isfinite(facts.duration)) continue;
      chunk.work += facts.duration;
      longest = std::max(longest, facts.duration);
    }
    std::ranges::sort(peaks);
    if (!peaks.empty())
      chunk.usual = peaks[static_cast<std::size_t>(kUsual * static_cast<double>(peaks.size() - 1) + 0.5)];
    const std::uint64_t fit = chunk.usual.value > 0 ? out_.for_tests.value / chunk.usual.value : out_.options.cores;
    chunk.workers = static_cast<unsigned>(std::clamp<std::uint64_t>(fit, 1, std::max(out_.options.cores, 1U)));
    const Seconds expected = std::max(longest, chunk.work / chunk.workers);
    chunk.timeout = std::max(kShortestTimeout, std::ceil(kPatience * expected / 60) * 60);
    chunk.tests = std::move(tests);
    out_.chunks.push_back(std::move(chunk));
  }

  // "tests/memory" -> "memory", and "memory_2" where that is taken.
  std::string free_name(std::string_view name) {
    name = name.substr(name.rfind('/') + 1);
    if (name.ends_with(".py")) name.remove_suffix(3);
    std::string plain;
    for (const char c : name.substr(0, 80)) plain += is_plain(c) || c == '-' ? c : '_';
    if (plain.empty()) plain = "chunk";
    std::string candidate = plain;
    for (int i = 2; !names_.insert(candidate).second; ++i) candidate = fmt::format("{}_{}", plain, i);
    return candidate;
  }

  const TestList& tests_;
  std::span<const Facts> facts_;
  std::vector<TestIndex> left_;
  std::vector<Part> parts_;
  std::set<std::string> names_;
  Suggestion out_;
};

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// For a comment: on one line, in UTF-8, and not too long.
std::string shown(std::string_view id) {
  std::string out = valid_utf8(id.size() > 100 ? id.substr(0, 97) : id);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return id.size() > 100 ? out + "..." : out;
}

std::string counted(std::size_t tests) {
  return fmt::format("{} test{}", tests, tests == 1 ? "" : "s");
}

}  // namespace

Suggestion suggest(const TestList& tests, std::span<const Facts> facts, const SuggestOptions& options) {
  return Suggester(tests, facts, options).suggest();
}

std::string to_toml(const Suggestion& suggestion, const TestList& tests, std::span<const Facts> facts) {
  std::string out = fmt::format(
      "# Suggested by fittest chunks --suggest from what {} took, for {} core{} and a\n"
      "# budget of {}, of which {} are reckoned for the tests and the rest for\n"
      "# the process that collects.\n",
      counted(tests.size()), suggestion.options.cores, suggestion.options.cores == 1 ? "" : "s",
      format_bytes(suggestion.options.budget), format_bytes(suggestion.for_tests));
  for (const SuggestedChunk& chunk : suggestion.chunks) {
    out += fmt::format("\n# {}, {:.0f} s of work", counted(chunk.tests.size()), chunk.work);
    if (chunk.unknown > 0) out += fmt::format(" (and {} never measured)", chunk.unknown);
    out += ".\n";
    if (chunk.largest) {
      const Bytes peak = facts[*chunk.largest].peak;
      out += fmt::format("# The largest peak is {}: {}\n", format_bytes(peak), shown(tests.id(*chunk.largest)));
      out += fmt::format("# 95 of 100 take {} or less: {} worker{} {} at most.\n", format_bytes(chunk.usual),
                         chunk.workers, chunk.workers == 1 ? " holds" : "s hold",
                         format_bytes({chunk.usual.value * chunk.workers}));
      if (peak > suggestion.for_tests) {
        out += "# This budget may be too small for it: see the verdict over_budget.\n";
      }
    }
    out += fmt::format("[[chunk]]\nname = {}\n", in_quotes(chunk.name));
    if (!chunk.expression.empty()) out += fmt::format("expression = {}\n", in_quotes(chunk.expression));
    out += fmt::format("workers = {}\ntimeout = {:.0f}\n", chunk.workers, chunk.timeout);
  }
  return out;
}

}  // namespace fittest::select

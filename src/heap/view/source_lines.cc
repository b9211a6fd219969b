#include "heap/view/source_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "heap/view/source_block.h"
#include "report/width.h"
#include "report/words.h"
#include "select/pattern.h"

namespace fittest::heap {
namespace {

using report::Color;

constexpr std::uint32_t kContext = 2;  // lines around those of a native function
constexpr std::size_t kTab = 4;

struct Function {
  std::string file;
  std::string name;
  std::uint32_t first_line = 0;  // of Python's; 0: not known
  Language language = Language::native;
  auto operator<=>(const Function&) const = default;
};

struct Spent {
  Amounts amounts{};                       // in the whole function, each stack once
  std::map<std::uint32_t, Amounts> lines;  // by line
};

// "ns::Parser<int>::read(char const*)" -> "ns::Parser<int>::read".
std::string_view without_parameters(std::string_view name) {
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>') --depth;
    if (name[i] == '(' && depth <= 0 && i > 0 && !name.substr(0, i).ends_with("::")) return name.substr(0, i);
  }
  return name;
}

bool is_chosen(const std::string& pattern, const Line& line) {
  const std::string_view name =
      line.language == Language::python ? std::string_view(line.function) : without_parameters(line.function);
  if (pattern.find_first_of("*?") != std::string::npos) {
    return select::matches_glob(pattern, name) || select::matches_glob(pattern, line.function);
  }
  return name == pattern || line.function == pattern || name.ends_with("." + pattern) || name.ends_with("::" + pattern);
}

class Report {
 public:
  Report(const Stacks& stacks, const std::vector<Code>& codes, const SourceOf& source_of,
         const SourceLinesOptions& options, const Look& look)
      : stacks_(stacks), source_of_(source_of), options_(options), look_(look) {
    for (const Code& code : codes) starts_[{code.file, code.name}].insert(code.first_line);
  }

  Result<std::string> make() {
    add_up();
    std::vector<const std::pair<const Function, Spent>*> shown;
    for (const auto& entry : functions_) shown.push_back(&entry);
    std::ranges::stable_sort(shown, [&](const auto* a, const auto* b) {
      return of(a->second.amounts, options_.by).bytes > of(b->second.amounts, options_.by).bytes;
    });
    if (shown.empty()) return nothing_chosen();
    if (options_.limit != 0 && shown.size() > options_.limit) shown.resize(options_.limit);
    for (const auto* entry : shown) put(entry->first, entry->second);
    return std::move(out_);
  }

 private:
  [[nodiscard]] tl::unexpected<Error> nothing_chosen() const {
    if (options_.functions.empty()) {
      return failure("no function that allocated is marked @profile", "--lines",
                     "choose some by name: --lines --function 'load*'");
    }
    std::string names;
    for (const std::string& name : options_.functions) names += (names.empty() ? "" : ", ") + name;
    return failure("no function that allocated has this name: " + names, "--function",
                   "see the names in the report without --lines; * and ? stand for what they do in a shell");
  }

  const std::vector<std::string>* source(const std::string& file) {
    const auto [at, is_new] = sources_.try_emplace(file);
    if (is_new) {
      if (const auto text = source_of_(file)) at->second = split_lines(*text);
    }
    return at->second ? &*at->second : nullptr;
  }

  Function function_of(const Line& line) const {
    Function function{line.file, line.function, 0, line.language};
    const auto at = starts_.find({line.file, line.function});
    if (line.language == Language::python && at != starts_.end()) {
      // Several may have one name (lambdas, redefinitions): the one that begins last before the line.
      const auto behind = at->second.upper_bound(line.line);
      function.first_line = behind == at->second.begin() ? *behind : *std::prev(behind);
    }
    return function;
  }

  bool is_wanted(const Line& line, const Function& function) {
    if (!options_.functions.empty()) {
      return std::ranges::any_of(options_.functions, [&](const std::string& p) { return is_chosen(p, line); });
    }
    if (line.language != Language::python || function.first_line == 0) return false;
    const auto* lines = source(line.file);
    return lines != nullptr && is_marked_profile(*lines, function.first_line - 1);
  }

  void add_up() {
    std::vector<Spent*> spent_of(stacks_.lines.size(), nullptr);
    for (std::size_t i = 0; i < stacks_.lines.size(); ++i) {
      const Line& line = stacks_.lines[i];
      const Function function = function_of(line);
      if (is_wanted(line, function)) spent_of[i] = &functions_[function];
    }
    std::set<const Spent*> seen;
    std::set<std::pair<const Spent*, std::uint32_t>> seen_lines;
    for (const StackRow& row : stacks_.rows) {
      seen.clear();
      seen_lines.clear();
      for (const std::uint32_t frame : row.frames) {
        Spent* spent = spent_of[frame];
        if (spent == nullptr) continue;
        if (seen.insert(spent).second) add(spent->amounts, row.amounts);
        const std::uint32_t line = stacks_.lines[frame].line;
        if (seen_lines.emplace(spent, line).second) add(spent->lines[line], row.amounts);
      }
    }
  }

  [[nodiscard]] Measure gained() const { return options_.by == Measure::total ? Measure::peak : options_.by; }

  void put(const Function& function, const Spent& spent) {
    if (!out_.empty()) out_ += '\n';
    const auto* lines = source(function.file);
    out_ += "Filename: " + report::one_line(function.file.empty() ? "?" : function.file) + "\n";
    out_ += "Function: " + look_.style(Color::bold, short_function(function.name, look_.room(10))) + "\n";
    if (lines == nullptr) out_ += "The source is not here: lines without their text.\n";
    out_ += '\n';
    constexpr std::array<std::string_view, kMeasures.size()> kTitles{"At peak", "Allocated", "Leaked", "Temporary"};
    const std::string head =
        fmt::format("{:>6}  {:>9}  {:>9}  {:>11}   {}", "Line #", kTitles[static_cast<std::size_t>(gained())],
                    "Allocated", "Occurrences", "Line Contents");
    out_ += head + "\n" + std::string(head.size(), '=') + "\n";
    std::uint32_t last = 0;
    const std::vector<std::uint32_t> shown = numbers(function, spent, lines);
    // On a terminal there is no room for what they are all indented by.
    dedent_ = lines == nullptr || look_.columns == 0 ? 0 : common_indentation(*lines, shown);
    for (const std::uint32_t number : shown) {
      if (last != 0 && number != last + 1) out_ += fmt::format("{:>6}\n", "...");
      put_line(number, spent, lines);
      last = number;
    }
  }

  // Which lines are shown.
  std::vector<std::uint32_t> numbers(const Function& function, const Spent& spent,
                                     const std::vector<std::string>* lines) const {
    std::set<std::uint32_t> out;
    const auto count = static_cast<std::uint32_t>(lines == nullptr ? 0 : lines->size());
    const bool is_python = function.language == Language::python;
    if (is_python && function.first_line > 0 && function.first_line <= count) {
      const std::size_t end =
          function.name == "<module>" ? function.first_line : python_block_end(*lines, function.first_line - 1);
      for (std::uint32_t number = function.first_line; number <= end; ++number) out.insert(number);
    }
    for (const auto& [number, amounts] : spent.lines) {
      const std::uint32_t context = lines == nullptr || is_python ? 0 : kContext;
      for (std::uint32_t i = number > context ? number - context : 1; i <= number + context; ++i) {
        if (i == number || i <= count) out.insert(i);
      }
    }
    return {out.begin(), out.end()};
  }

  void put_line(std::uint32_t number, const Spent& spent, const std::vector<std::string>* lines) {
    std::string text;
    if (lines != nullptr && number >= 1 && number <= lines->size()) text = shown_text((*lines)[number - 1]);
    const auto at = spent.lines.find(number);
    if (at == spent.lines.end()) {
      out_ += fmt::format("{:>6}  {:>9}  {:>9}  {:>11}   {}", number, "", "", "", text);
    } else {
      const Amount& total = of(at->second, Measure::total);
      const double now = of(at->second, gained()).bytes;
      out_ += fmt::format("{:>6}  {}  {:>9}  {:>11}   {}", number,
                          look_.style(now > 0 ? Color::bold : Color::none, fmt::format("{:>9}", bytes_text(now))),
                          bytes_text(total.bytes), count_text(total.count), text);
    }
    out_.erase(out_.find_last_not_of(' ') + 1);
    out_ += '\n';
  }

  static std::size_t common_indentation(const std::vector<std::string>& lines, const std::vector<std::uint32_t>& of) {
    std::size_t common = SIZE_MAX;
    for (const std::uint32_t number : of) {
      if (number > lines.size()) continue;
      const std::string text = expanded(lines[number - 1]);
      const std::size_t indentation = text.find_first_not_of(' ');
      if (indentation != std::string::npos) common = std::min(common, indentation);
    }
    return common == SIZE_MAX ? 0 : common;
  }

  // Without tabs and control characters.
  static std::string expanded(const std::string& line) {
    std::string text;
    std::size_t i = 0;
    for (; i < line.size() && (line[i] == ' ' || line[i] == '\t'); ++i) {
      text.append(line[i] == '\t' ? kTab - text.size() % kTab : 1, ' ');
    }
    return text + report::one_line(std::string_view(line).substr(i));
  }

  [[nodiscard]] std::string shown_text(const std::string& line) const {
    std::string text = expanded(line);
    text.erase(0, std::min({dedent_, text.size(), text.find_first_not_of(' ')}));
    constexpr std::size_t kFigures = 46;
    if (look_.columns != 0) text = report::shorten_end(text, look_.room(kFigures, 20));
    return text;
  }

  const Stacks& stacks_;
  const SourceOf& source_of_;
  const SourceLinesOptions& options_;
  const Look& look_;
  std::map<std::pair<std::string, std::string>, std::set<std::uint32_t>> starts_;
  std::map<std::string, std::optional<std::vector<std::string>>> sources_;
  std::map<Function, Spent> functions_;
  std::size_t dedent_ = 0;
  std::string out_;
};

}  // namespace

Result<std::string> source_lines_text(const Stacks& stacks, const std::vector<Code>& codes, const SourceOf& source_of,
                                      const SourceLinesOptions& options, const Look& look) {
  return Report(stacks, codes, source_of, options, look).make();
}

}  // namespace fittest::heap

#include "cli/table_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/nearest.h"

namespace fittest::cli {
namespace {

constexpr Seconds kLongestTimeout = 30.0 * 24 * 3600;

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a floating-point number";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

std::string example(std::string_view key) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kExamples = {
      {{"workers", "workers = 4, or workers = \"auto\""},
       {"budget", "budget = \"4G\" or budget = \"75%\""},
       {"retained-threshold", "retained-threshold = \"128M\""},
       {"test-timeout", "test-timeout = 60"},
       {"timeout", "timeout = 600"},
       {"maxfail", "maxfail = 5"},
       {"name", "name = \"unit_fast\""},
       {"expression", "expression = \"label(unit) and peak < 100MB\""},
       {"paths", "paths = [\"tests/unit\"]"},
       {"after", "after = \"unit_fast\""},
       {"arguments", "arguments = [\"-v\", \"--durations=10\"]"},
       {"environment", "environment = { OMP_NUM_THREADS = \"1\" }"},
       {"tests", "tests = \"label(unit)\""},
       {"memory", "memory = \"100 MB\""},
       {"leaks", "leaks = \"1 MB\""},
       {"labels", "memory_intensive = \"peak > 100MB\", below [labels]"}}};
  const auto* found = std::ranges::find(kExamples, key, [](const auto& pair) { return pair.first; });
  if (found == kExamples.end()) return fmt::format("write the value in quotes: {} = \"...\"", key);
  return fmt::format("write {}for example {}", key.ends_with("timeout") ? "seconds, " : "", found->second);
}

bool is_text(const std::string& text) {
  return !text.empty() && text.find('\0') == std::string::npos;
}

}  // namespace

std::string TableReader::place(const toml::source_region& source) const {
  return fmt::format("{}:{}", file_.string(), source.begin.line);
}

void TableReader::only(std::span<const std::string_view> keys, const std::string& hint) {
  for (const auto& [key, node] : table_) {
    if (std::ranges::find(keys, key.str()) != keys.end()) continue;
    const auto meant = nearest(key.str(), keys);
    return refuse({fmt::format("unknown key '{}'", key.str()), place(key.source()),
                   meant           ? fmt::format("did you mean '{}'?", *meant)
                   : !hint.empty() ? hint
                                   : fmt::format("the keys are {}", fmt::join(keys, ", "))});
  }
}

std::optional<Setting<std::string>> TableReader::text(std::string_view key, std::string_view wanted) {
  const toml::node* node = table_.get(key);
  if (!node) return std::nullopt;
  const auto* string = node->as_string();
  if (!string) {
    refuse_type(key, *node, fmt::format("{} in quotes", wanted));
    return std::nullopt;
  }
  if (!is_text(string->get())) {
    refuse(key, *node, "must not be empty");
    return std::nullopt;
  }
  return Setting<std::string>{string->get(), place(node->source())};
}

std::optional<Setting<std::string>> TableReader::word(std::string_view key, std::span<const std::string_view> words) {
  auto setting = text(key, "a word");
  if (!setting || std::ranges::find(words, setting->value) != words.end()) return setting;
  const auto meant = nearest(setting->value, words);
  refuse(key, *table_.get(key), fmt::format("cannot be \"{}\"", setting->value),
         meant ? fmt::format("did you mean \"{}\"? The words are {}", *meant, fmt::join(words, ", "))
               : fmt::format("the words are {}", fmt::join(words, ", ")));
  return std::nullopt;
}

std::optional<Setting<unsigned>> TableReader::number(std::string_view key, unsigned most) {
  const toml::node* node = table_.get(key);
  if (!node) return std::nullopt;
  const auto* number = node->as_integer();
  if (!number) {
    refuse_type(key, *node, "a number");
    return std::nullopt;
  }
  if (number->get() < 1 || number->get() > most) {
    refuse(key, *node, fmt::format("must be from 1 to {}, not {}", most, number->get()));
    return std::nullopt;
  }
  return Setting<unsigned>{static_cast<unsigned>(number->get()), place(node->source())};
}

std::optional<Setting<std::optional<unsigned>>> TableReader::number_or_auto(std::string_view key, unsigned most) {
  const toml::node* node = table_.get(key);
  if (!node) return std::nullopt;
  if (const auto* string = node->as_string(); string && string->get() == "auto") {
    return Setting<std::optional<unsigned>>{std::nullopt, place(node->source())};
  }
  if (!node->is_integer()) {
    refuse_type(key, *node, "a number or \"auto\"");
    return std::nullopt;
  }
  const auto found = number(key, most);
  if (!found) return std::nullopt;
  return Setting<std::optional<unsigned>>{found->value, found->source};
}

std::optional<Setting<Seconds>> TableReader::seconds(std::string_view key) {
  const toml::node* node = table_.get(key);
  if (!node) return std::nullopt;
  if (!node->is_number()) {
    refuse_type(key, *node, "a number of seconds");
    return std::nullopt;
  }
  const double value = node->value<double>().value_or(0);
  if (!(value > 0 && value <= kLongestTimeout)) {
    refuse(key, *node, fmt::format("must be over 0 and at most {:.0f} seconds", kLongestTimeout));
    return std::nullopt;
  }
  return Setting<Seconds>{value, place(node->source())};
}

std::vector<Setting<std::string>> TableReader::texts(std::string_view key, std::string_view wanted, Alone alone) {
  const toml::node* node = table_.get(key);
  if (!node) return {};
  if (alone == Alone::a_string_alone && node->is_string()) {
    const auto setting = text(key, wanted);
    return setting ? std::vector{*setting} : std::vector<Setting<std::string>>{};
  }
  const auto* array = node->as_array();
  if (!array) {
    refuse_type(key, *node, fmt::format("an array of {} in quotes", wanted));
    return {};
  }
  std::vector<Setting<std::string>> found;
  for (const toml::node& item : *array) {
    const auto* string = item.as_string();
    if (!string) {
      refuse_type(key, item, fmt::format("an array of {} in quotes", wanted));
    } else if (!is_text(string->get())) {
      refuse(key, item, "must not have an empty string in it");
    } else {
      found.push_back({string->get(), place(item.source())});
    }
  }
  return found;
}

std::vector<std::pair<std::string, Setting<std::string>>> TableReader::names_and_texts(std::string_view key) {
  const toml::node* node = table_.get(key);
  if (!node) return {};
  const auto* table = node->as_table();
  if (!table) {
    refuse_type(key, *node, "a table");
    return {};
  }
  std::vector<std::pair<std::string, Setting<std::string>>> found;
  for (const auto& [name, item] : *table) {
    const std::string dotted = fmt::format("{}.{}", key, name.str());
    if (const auto* string = item.as_string(); string && string->get().find('\0') == std::string::npos) {
      found.push_back({std::string(name.str()), {string->get(), place(item.source())}});
    } else if (const auto* number = item.as_integer()) {
      found.push_back({std::string(name.str()), {std::to_string(number->get()), place(item.source())}});
    } else {
      refuse_type(dotted, item, "a string in quotes", example(key));
    }
  }
  return found;
}

void TableReader::refuse(std::string_view key, const toml::node& node, std::string_view what, std::string remedy) {
  refuse(Error{fmt::format("'{}' {}", key, what), place(node.source()),
               remedy.empty() ? example(key) : std::move(remedy)});
}

void TableReader::refuse_type(std::string_view key, const toml::node& node, std::string_view wanted,
                              std::string remedy) {
  const auto kind = fmt::format("{}", type_name(node));
  refuse(key, node, fmt::format("must be {}, not {}", wanted, kind), std::move(remedy));
}

void TableReader::refuse(Error error) {
  if (!error_) error_ = std::move(error);
}

}  // namespace fittest::cli

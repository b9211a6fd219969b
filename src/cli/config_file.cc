#include "cli/config_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <numeric>
#include <span>
#include <string_view>

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargestFile = std::uintmax_t{16} << 20;
constexpr std::int64_t kMostWorkers = 4096;
constexpr Seconds kLongestTimeout = 30.0 * 24 * 3600;
constexpr std::array<std::string_view, 4> kIsolations = {"auto", "fork", "spawn", "none"};
constexpr std::array<std::string_view, 4> kDomains = {"auto", "cgroup-v2", "cgroup-v1", "proc"};
constexpr std::array<std::string_view, 8> kKeys = {"budget",       "isolation",          "python", "domain", "workers",
                                                   "test-timeout", "retained-threshold", "history"};

// How many characters must be put in, taken out or replaced to make one of the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, diagonal + 1, replaced});
    }
  }
  return row.back();
}

// The known name that was probably meant, or nothing where none is near.
std::optional<std::string_view> nearest(std::string_view written, std::span<const std::string_view> known) {
  if (written.size() > 64) return std::nullopt;
  std::string lower(written);
  for (char& c : lower) c = c == '_' ? '-' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  const auto best =
      std::ranges::min_element(known, {}, [&](std::string_view name) { return edit_distance(lower, name); });
  if (edit_distance(lower, *best) > std::max<std::size_t>(2, best->size() / 3)) return std::nullopt;
  return *best;
}

// Reads one table of settings; the first mistake ends it.
class Reader {
 public:
  Reader(const fs::path& file, ConfigKind kind) : file_(file), kind_(kind) { config_.file = file; }

  Result<Config> read(const toml::table& table) {
    for (const auto& [key, node] : table) {
      if (std::ranges::find(kKeys, key.str()) == kKeys.end()) return unknown_key(key);
    }
    read_budget(table);
    config_.isolation = word(table, "isolation", kIsolations);
    config_.domain = word(table, "domain", kDomains);
    read_python(table);
    read_workers(table);
    read_timeout(table);
    read_threshold(table);
    if (const auto path = text(table, "history", "a path")) config_.history = {below_file(path->value), path->source};
    if (error_) return tl::unexpected(*error_);
    return config_;
  }

 private:
  [[nodiscard]] std::string place(const toml::source_region& source) const {
    return fmt::format("{}:{}", file_.string(), source.begin.line);
  }

  [[nodiscard]] tl::unexpected<Error> unknown_key(const toml::key& key) const {
    std::string remedy;
    if (const auto meant = nearest(key.str(), kKeys)) {
      remedy = fmt::format("did you mean '{}'?", *meant);
    } else if (kind_ == ConfigKind::fittest_toml && key.str() == "tool") {
      remedy = "here the settings stand at the top, without [tool.fittest]";
    } else {
      remedy = fmt::format("the keys are {}", fmt::join(kKeys, ", "));
    }
    return failure(fmt::format("unknown key '{}'", key.str()), place(key.source()), std::move(remedy));
  }

  void refuse(std::string_view key, const toml::node& node, std::string_view what, std::string remedy) {
    if (!error_) error_ = Error{fmt::format("'{}' {}", key, what), place(node.source()), std::move(remedy)};
  }

  void refuse_type(std::string_view key, const toml::node& node, std::string_view wanted) {
    const auto kind = fmt::format("{}", type_name(node));
    refuse(key, node, fmt::format("must be {}, not {}", wanted, kind), example(key));
  }

  static std::string_view type_name(const toml::node& node) {
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

  static std::string example(std::string_view key) {
    if (key == "workers") return "write for example workers = 4, or workers = \"auto\"";
    if (key == "test-timeout") return "write seconds, for example test-timeout = 60";
    if (key == "budget") return "write for example budget = \"4G\" or budget = \"75%\"";
    if (key == "retained-threshold") return "write for example retained-threshold = \"128M\"";
    return fmt::format("write the value in quotes: {} = \"...\"", key);
  }

  // A string that is not empty.
  std::optional<Setting<std::string>> text(const toml::table& table, std::string_view key, std::string_view wanted) {
    const toml::node* node = table.get(key);
    if (!node) return std::nullopt;
    const auto* string = node->as_string();
    if (!string) {
      refuse_type(key, *node, fmt::format("{} in quotes", wanted));
      return std::nullopt;
    }
    if (string->get().empty() || string->get().find('\0') != std::string::npos) {
      refuse(key, *node, "must not be empty", example(key));
      return std::nullopt;
    }
    return Setting<std::string>{string->get(), place(node->source())};
  }

  std::optional<Setting<std::string>> word(const toml::table& table, std::string_view key,
                                           std::span<const std::string_view> words) {
    auto setting = text(table, key, "a word");
    if (!setting || std::ranges::find(words, setting->value) != words.end()) return setting;
    const auto meant = nearest(setting->value, words);
    refuse(key, *table.get(key), fmt::format("cannot be \"{}\"", setting->value),
           meant ? fmt::format("did you mean \"{}\"? The words are {}", *meant, fmt::join(words, ", "))
                 : fmt::format("the words are {}", fmt::join(words, ", ")));
    return std::nullopt;
  }

  void read_budget(const toml::table& table) {
    const auto setting = text(table, "budget", "a size or a share");
    if (!setting) return;
    const toml::node& node = *table.get("budget");
    if (std::string_view share = setting->value; share.ends_with('%')) {
      share.remove_suffix(1);
      while (share.ends_with(' ')) share.remove_suffix(1);
      double percent = 0;
      const char* end = share.data() + share.size();
      const auto [stop, problem] = std::from_chars(share.data(), end, percent, std::chars_format::fixed);
      if (problem != std::errc() || stop != end || !(percent > 0 && percent <= 100))
        return refuse("budget", node, "must be over 0 % and at most 100 %", example("budget"));
    } else if (const auto bytes = parse_bytes(setting->value); !bytes) {
      return refuse("budget", node, fmt::format("is malformed: {}", bytes.error().what), example("budget"));
    } else if (*bytes == Bytes{}) {
      return refuse("budget", node, "must not be 0", example("budget"));
    }
    config_.budget = setting;
  }

  void read_threshold(const toml::table& table) {
    const auto setting = text(table, "retained-threshold", "a size");
    if (!setting) return;
    const auto bytes = parse_bytes(setting->value);
    if (!bytes) {
      return refuse("retained-threshold", *table.get("retained-threshold"),
                    fmt::format("is malformed: {}", bytes.error().what), example("retained-threshold"));
    }
    config_.retained_threshold = {*bytes, setting->source};
  }

  void read_python(const toml::table& table) {
    auto setting = text(table, "python", "a path");
    if (!setting) return;
    // A bare name is looked up as a shell would; with a folder in it, it is a path of this file's.
    if (setting->value.find('/') != std::string::npos) setting->value = below_file(setting->value).string();
    config_.python = std::move(setting);
  }

  void read_workers(const toml::table& table) {
    const toml::node* node = table.get("workers");
    if (!node) return;
    if (const auto* string = node->as_string(); string && string->get() == "auto") {
      config_.workers = {std::nullopt, place(node->source())};
      return;
    }
    const auto* number = node->as_integer();
    if (!number) return refuse_type("workers", *node, "a number or \"auto\"");
    if (number->get() < 1 || number->get() > kMostWorkers) {
      return refuse("workers", *node, fmt::format("must be from 1 to {}, not {}", kMostWorkers, number->get()),
                    example("workers"));
    }
    config_.workers = {static_cast<unsigned>(number->get()), place(node->source())};
  }

  void read_timeout(const toml::table& table) {
    const toml::node* node = table.get("test-timeout");
    if (!node) return;
    if (!node->is_number()) return refuse_type("test-timeout", *node, "a number of seconds");
    const double seconds = node->value<double>().value_or(0);
    if (!(seconds > 0 && seconds <= kLongestTimeout)) {
      return refuse("test-timeout", *node, fmt::format("must be over 0 and at most {:.0f} seconds", kLongestTimeout),
                    example("test-timeout"));
    }
    config_.test_timeout = {seconds, place(node->source())};
  }

  [[nodiscard]] fs::path below_file(const std::string& path) const {
    return (file_.parent_path() / path).lexically_normal();
  }

  fs::path file_;
  ConfigKind kind_;
  Config config_;
  std::optional<Error> error_;
};

Result<std::string> read_whole(const fs::path& file) {
  std::error_code problem;
  if (!fs::is_regular_file(file, problem)) {
    return failure("it is no regular file", file.string(), "make it a file, or remove it");
  }
  if (fs::file_size(file, problem) > kLargestFile) {
    return failure("it is larger than 16 MiB, which no configuration is", file.string(), "make it smaller");
  }
  std::ifstream stream(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(stream), {});
  if (!stream) return failure("cannot be read", file.string(), "make it readable for this user");
  return text;
}

// Settings of one folder, if it has any.
Result<std::optional<Config>> read_folder(const fs::path& folder) {
  constexpr std::array<std::pair<const char*, ConfigKind>, 2> kFiles = {
      {{"fittest.toml", ConfigKind::fittest_toml}, {"pyproject.toml", ConfigKind::pyproject_toml}}};
  for (const auto& [name, kind] : kFiles) {
    const fs::path file = folder / name;
    std::error_code ignored;
    if (!fs::exists(fs::symlink_status(file, ignored))) continue;
    const auto text = read_whole(file);
    if (!text) {
      // Whether it speaks of fittest cannot be known; whoever needs it will complain.
      if (kind == ConfigKind::pyproject_toml) continue;
      return tl::unexpected(text.error());
    }
    auto config = parse_config(*text, file, kind);
    if (!config || *config) return config;
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<Config>> parse_config(const std::string& text, const fs::path& file, ConfigKind kind) {
  if (kind == ConfigKind::pyproject_toml && text.find("fittest") == std::string::npos) return std::nullopt;
  try {
    const toml::table whole = toml::parse(std::string_view(text), file.string());
    if (kind == ConfigKind::fittest_toml) {
      auto config = Reader(file, kind).read(whole);
      if (!config) return tl::unexpected(config.error());
      return *config;
    }
    const toml::node_view settings = whole["tool"]["fittest"];
    if (!settings) return std::nullopt;
    if (!settings.is_table()) {
      return failure("'tool.fittest' must be a table",
                     fmt::format("{}:{}", file.string(), settings.node()->source().begin.line),
                     "write [tool.fittest] and the settings below it");
    }
    auto config = Reader(file, kind).read(*settings.as_table());
    if (!config) return tl::unexpected(config.error());
    return *config;
  } catch (const toml::parse_error& error) {
    return failure(fmt::format("not valid TOML: {}", error.description()),
                   fmt::format("{}:{}:{}", file.string(), error.source().begin.line, error.source().begin.column),
                   "correct that line");
  }
}

Result<Config> read_config(const fs::path& directory) {
  std::error_code problem;
  fs::path folder = fs::weakly_canonical(fs::absolute(directory, problem), problem);
  if (problem) return failure(problem.message(), directory.string(), "name a folder that is there");
  while (true) {
    auto config = read_folder(folder);
    if (!config) return tl::unexpected(config.error());
    if (*config) return **config;
    // `.git` is a folder, or a file in a worktree or submodule.
    std::error_code ignored;
    if (fs::exists(fs::symlink_status(folder / ".git", ignored)) || folder == folder.parent_path()) return Config{};
    folder = folder.parent_path();
  }
}

}  // namespace fittest::cli

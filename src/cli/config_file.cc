#include "cli/config_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string_view>

#include "cli/chunk_reader.h"
#include "cli/limit_reader.h"
#include "cli/table_reader.h"

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargestFile = std::uintmax_t{16} << 20;
constexpr unsigned kMostWorkers = 4096;
constexpr std::array<std::string_view, 4> kIsolations = {"auto", "fork", "spawn", "none"};
constexpr std::array<std::string_view, 4> kDomains = {"auto", "cgroup-v2", "cgroup-v1", "proc"};
constexpr std::array<std::string_view, 4> kHeapModes = {"off", "count", "sample", "exact"};
constexpr std::array<std::string_view, 12> kKeys = {
    "budget",  "isolation", "python", "domain", "workers", "test-timeout", "retained-threshold",
    "history", "labels",    "chunk",  "heap",   "limit"};

// Reads the settings; the first mistake ends it.
class Reader {
 public:
  Reader(const toml::table& table, const fs::path& file, ConfigKind kind) : reader_(table, file), kind_(kind) {
    config_.file = file;
  }

  Result<Config> read() {
    const bool misplaced = kind_ == ConfigKind::fittest_toml && reader_.node("tool") != nullptr;
    reader_.only(kKeys, misplaced ? "here the settings stand at the top, without [tool.fittest]" : "");
    read_budget();
    config_.isolation = reader_.word("isolation", kIsolations);
    config_.domain = reader_.word("domain", kDomains);
    config_.heap = reader_.word("heap", kHeapModes);
    read_python();
    config_.workers = reader_.number_or_auto("workers", kMostWorkers);
    config_.test_timeout = reader_.seconds("test-timeout");
    read_threshold();
    if (const auto path = reader_.text("history", "a path")) config_.history = {below_file(path->value), path->source};
    read_labels(reader_, config_);
    read_chunks(reader_, config_);
    read_limits_of_tests(reader_, config_);
    if (reader_.error()) return tl::unexpected(*reader_.error());
    return std::move(config_);
  }

 private:
  void read_budget() {
    const auto setting = reader_.text("budget", "a size or a share");
    if (!setting) return;
    const toml::node& node = *reader_.node("budget");
    if (std::string_view share = setting->value; share.ends_with('%')) {
      share.remove_suffix(1);
      while (share.ends_with(' ')) share.remove_suffix(1);
      double percent = 0;
      const char* end = share.data() + share.size();
      const auto [stop, problem] = std::from_chars(share.data(), end, percent, std::chars_format::fixed);
      if (problem != std::errc() || stop != end || !(percent > 0 && percent <= 100))
        return reader_.refuse("budget", node, "must be over 0 % and at most 100 %");
    } else if (const auto bytes = parse_bytes(setting->value); !bytes) {
      return reader_.refuse("budget", node, fmt::format("is malformed: {}", bytes.error().what));
    } else if (*bytes == Bytes{}) {
      return reader_.refuse("budget", node, "must not be 0");
    }
    config_.budget = setting;
  }

  void read_threshold() {
    const auto setting = reader_.text("retained-threshold", "a size");
    if (!setting) return;
    const auto bytes = parse_bytes(setting->value);
    if (!bytes) {
      return reader_.refuse("retained-threshold", *reader_.node("retained-threshold"),
                            fmt::format("is malformed: {}", bytes.error().what));
    }
    config_.retained_threshold = {*bytes, setting->source};
  }

  void read_python() {
    auto setting = reader_.text("python", "a path");
    if (!setting) return;
    // A bare name is looked up as a shell would; with a folder in it, it is a path of this file's.
    if (setting->value.find('/') != std::string::npos) setting->value = below_file(setting->value).string();
    config_.python = std::move(setting);
  }

  [[nodiscard]] fs::path below_file(const std::string& path) const {
    return (config_.file.parent_path() / path).lexically_normal();
  }

  TableReader reader_;
  ConfigKind kind_;
  Config config_;
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
      auto config = Reader(whole, file, kind).read();
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
    auto config = Reader(*settings.as_table(), file, kind).read();
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

#pragma once
// What a user has written down for every run: `fittest.toml`, or `[tool.fittest]` in `pyproject.toml`.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"
#include "core/ids.h"
#include "select/chunk.h"
#include "select/expression.h"
#include "select/limit.h"

namespace fittest::cli {

// A value and where it was written ("fittest.toml:3"), for messages about it.
template <typename Value>
struct Setting {
  Value value;
  std::string source;
};

// Checked as far as it can be without looking at the machine; words are those the options of the same name take.
struct Config {
  std::filesystem::path file;  // empty where no file has settings

  std::optional<Setting<std::string>> budget;               // "4G", "75%"
  std::optional<Setting<std::string>> isolation;            // auto, fork, spawn, none
  std::optional<Setting<std::string>> python;               // a name to look up, or a path below the file's folder
  std::optional<Setting<std::string>> domain;               // auto, cgroup-v2, cgroup-v1, proc
  std::optional<Setting<std::optional<unsigned>>> workers;  // no number: "auto"
  std::optional<Setting<Seconds>> test_timeout;
  std::optional<Setting<Bytes>> retained_threshold;
  std::optional<Setting<std::filesystem::path>> history;  // below the file's folder
  std::vector<select::MeasuredLabel> labels;              // each behind those it is made of
  std::vector<select::Chunk> chunks;                      // in the order they run
  std::optional<Setting<std::string>> heap;               // off, count, sample, exact
  std::vector<select::Limit> limits;                      // as written: of two for one test the first holds
};

// Looks in `directory`, then in its parents, for the first that has settings; ends at a repository's root (`.git`) or
// the file system's. In one folder `fittest.toml` wins, and `pyproject.toml` is then not looked at. Errors name file
// and line: no TOML, an unknown key, a wrong type, a value out of range. A `pyproject.toml` that does not speak of
// fittest is never an error.
Result<Config> read_config(const std::filesystem::path& directory);

// Where in a file the settings stand.
enum class ConfigKind { fittest_toml, pyproject_toml };

// The settings in `text`; nothing where a pyproject.toml has no [tool.fittest]. `file` is for messages and for the
// folder that paths start from; it is not opened.
Result<std::optional<Config>> parse_config(const std::string& text, const std::filesystem::path& file, ConfigKind kind);

}  // namespace fittest::cli

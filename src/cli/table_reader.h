#pragma once
#include <toml++/toml.h>

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/config_file.h"

namespace fittest::cli {

// Reads the values of one TOML table, and says what is wrong with them: "'workers' must be from 1 to 4096, not 0", with
// file, line and an example. The first mistake is kept; each value that is wrong is read as one that is not there.
class TableReader {
 public:
  // Both must outlive the reader.
  TableReader(const toml::table& table, const std::filesystem::path& file) : table_(table), file_(file) {}

  // All keys must be among these. `hint` is the remedy where none of them is near.
  void only(std::span<const std::string_view> keys, const std::string& hint = {});

  // A string that is not empty. `wanted`: "a path".
  std::optional<Setting<std::string>> text(std::string_view key, std::string_view wanted);
  // A string that is one of these.
  std::optional<Setting<std::string>> word(std::string_view key, std::span<const std::string_view> words);
  // From 1 to `most`.
  std::optional<Setting<unsigned>> number(std::string_view key, unsigned most);
  // The same, or "auto", which is no number.
  std::optional<Setting<std::optional<unsigned>>> number_or_auto(std::string_view key, unsigned most);
  // A span of time: over 0, and at most 30 days.
  std::optional<Setting<Seconds>> seconds(std::string_view key);
  // An array of strings that are not empty; `a_string_alone` is allowed to stand for an array of one.
  enum class Alone { a_string_alone, no };
  std::vector<Setting<std::string>> texts(std::string_view key, std::string_view wanted, Alone alone);
  // A table of strings (or integers), by their names.
  std::vector<std::pair<std::string, Setting<std::string>>> names_and_texts(std::string_view key);

  [[nodiscard]] const toml::node* node(std::string_view key) const { return table_.get(key); }
  // "fittest.toml:3", of the table itself and of a value.
  [[nodiscard]] std::string place() const { return place(table_.source()); }
  [[nodiscard]] std::string place(const toml::source_region& source) const;

  // "'key' what", at the value's place, with an example of the key where there is no remedy.
  void refuse(std::string_view key, const toml::node& node, std::string_view what, std::string remedy = {});
  void refuse_type(std::string_view key, const toml::node& node, std::string_view wanted, std::string remedy = {});
  void refuse(Error error);
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  const toml::table& table_;
  const std::filesystem::path& file_;
  std::optional<Error> error_;
};

}  // namespace fittest::cli

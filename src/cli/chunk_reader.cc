#include "cli/chunk_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kMostWorkers = 4096;
constexpr unsigned kMostFailures = 1'000'000'000;
constexpr std::size_t kLongestName = 100;
constexpr std::array<std::string_view, 10> kChunkKeys = {"name",      "expression",   "paths",   "workers",
                                                         "timeout",   "test-timeout", "maxfail", "environment",
                                                         "arguments", "after"};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_label_name(std::string_view name) {
  return !name.empty() && !is_digit(name.front()) &&
         std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

// It is a folder's name too.
bool is_chunk_name(std::string_view name) {
  return name.size() <= kLongestName && name.find_first_not_of('.') != std::string_view::npos &&
         std::ranges::all_of(name,
                             [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.'; });
}

std::vector<std::string> values(std::vector<Setting<std::string>> settings) {
  std::vector<std::string> out;
  for (auto& setting : settings) out.push_back(std::move(setting.value));
  return out;
}

// Reads one [[chunk]].
class ChunkReader {
 public:
  ChunkReader(const toml::table& table, const fs::path& file) : reader_(table, file) {}

  Result<select::Chunk> read() {
    reader_.only(kChunkKeys);
    chunk_.where = reader_.place();
    read_name();
    read_expression();
    for (auto& path : reader_.texts("paths", "paths", TableReader::Alone::a_string_alone)) read_path(std::move(path));
    if (const auto workers = reader_.number_or_auto("workers", kMostWorkers)) chunk_.workers = workers->value;
    if (const auto timeout = reader_.seconds("timeout")) chunk_.timeout = timeout->value;
    if (const auto timeout = reader_.seconds("test-timeout")) chunk_.test_timeout = timeout->value;
    if (const auto maxfail = reader_.number("maxfail", kMostFailures)) chunk_.maxfail = maxfail->value;
    read_environment();
    chunk_.arguments = values(reader_.texts("arguments", "strings", TableReader::Alone::no));
    chunk_.after = values(reader_.texts("after", "names of chunks", TableReader::Alone::a_string_alone));
    if (reader_.error()) return tl::unexpected(*reader_.error());
    return std::move(chunk_);
  }

 private:
  void read_name() {
    const auto name = reader_.text("name", "a name");
    if (!name)
      return reader_.refuse({"a chunk needs a name", reader_.place(), "write for example name = \"unit_fast\""});
    if (!is_chunk_name(name->value)) {
      return reader_.refuse("name", *reader_.node("name"), fmt::format("cannot be \"{}\"", name->value),
                            fmt::format("use letters, digits, '_', '-' and '.', at most {} of them", kLongestName));
    }
    chunk_.name = name->value;
  }

  void read_expression() {
    const auto text = reader_.text("expression", "an expression");
    if (!text) return;
    auto expression = select::Expression::parse(text->value, text->source);
    if (!expression) return reader_.refuse(expression.error());
    chunk_.expression = std::move(*expression);
  }

  void read_path(Setting<std::string> path) {
    // Behind the first "::" stand names of tests, which may look like anything.
    const std::size_t end = std::min(path.value.find("::"), path.value.size());
    const fs::path normal = fs::path(path.value.substr(0, end)).lexically_normal();
    if (normal.empty() || normal.is_absolute() || *normal.begin() == "..") {
      return reader_.refuse({fmt::format("'paths' cannot have \"{}\" in it", path.value), path.source,
                             "name what is below this file's folder: paths = [\"tests/unit\"]"});
    }
    if (path.value.starts_with('-')) {
      return reader_.refuse({fmt::format("'paths' cannot have \"{}\" in it", path.value), path.source,
                             "an option belongs into 'arguments'"});
    }
    chunk_.paths.push_back(normal.string() + path.value.substr(end));
  }

  void read_environment() {
    for (auto& [name, value] : reader_.names_and_texts("environment")) {
      if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string::npos) {
        return reader_.refuse({fmt::format("'environment' has a variable '{}'", name), value.source,
                               "a variable's name is not empty, and has no '=' in it"});
      }
      chunk_.environment.emplace_back(name, std::move(value.value));
    }
  }

  TableReader reader_;
  select::Chunk chunk_;
};

}  // namespace

void read_labels(TableReader& settings, Config& config) {
  for (auto& [name, text] : settings.names_and_texts("labels")) {
    if (!is_label_name(name)) {
      return settings.refuse({fmt::format("'{}' cannot be the name of a label", name), text.source,
                              "use letters, digits and '_', and no digit first: -m has to understand it"});
    }
    auto meaning = select::Expression::parse(text.value, text.source);
    if (!meaning) return settings.refuse(meaning.error());
    config.labels.push_back({name, std::move(*meaning)});
  }
  auto ordered = select::in_order(std::move(config.labels));
  if (!ordered) return settings.refuse(ordered.error());
  config.labels = std::move(*ordered);
}

void read_chunks(TableReader& settings, Config& config) {
  const toml::node* node = settings.node("chunk");
  if (!node) return;
  const auto* array = node->as_array();
  if (!array) return settings.refuse_type("chunk", *node, "an array of tables", "write [[chunk]] above each chunk");
  for (const toml::node& item : *array) {
    const auto* table = item.as_table();
    if (!table) return settings.refuse_type("chunk", item, "an array of tables", "write [[chunk]] above each chunk");
    auto chunk = ChunkReader(*table, config.file).read();
    if (!chunk) return settings.refuse(chunk.error());
    config.chunks.push_back(std::move(*chunk));
  }
  auto ordered = select::in_order(std::move(config.chunks));
  if (!ordered) return settings.refuse(ordered.error());
  config.chunks = std::move(*ordered);
}

}  // namespace fittest::cli

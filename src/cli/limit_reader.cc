#include "cli/limit_reader.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace fittest::cli {
namespace {

constexpr std::array<std::string_view, 3> kKeys = {"tests", "memory", "leaks"};
constexpr std::string_view kShape = "write [[limit]] above each limit";

// Reads one [[limit]].
class LimitReader {
 public:
  LimitReader(const toml::table& table, const std::filesystem::path& file) : reader_(table, file) {}

  Result<select::Limit> read() {
    reader_.only(kKeys);
    limit_.where = reader_.place();
    read_tests();
    limit_.memory = read_size("memory");
    limit_.leaks = read_size("leaks");
    if (!limit_.memory && !limit_.leaks) {
      reader_.refuse({"a limit needs 'memory' or 'leaks'", reader_.place(), "write for example memory = \"100 MB\""});
    }
    if (reader_.error()) return tl::unexpected(*reader_.error());
    return std::move(limit_);
  }

 private:
  void read_tests() {
    const auto text = reader_.text("tests", "an expression");
    if (!text) return;
    auto expression = select::Expression::parse(text->value, text->source);
    if (!expression) return reader_.refuse(expression.error());
    limit_.tests = std::move(*expression);
  }

  std::optional<Bytes> read_size(std::string_view key) {
    const auto text = reader_.text(key, "a size");
    if (!text) return std::nullopt;
    const auto bytes = parse_bytes(text->value);
    if (bytes) return *bytes;
    reader_.refuse(key, *reader_.node(key), fmt::format("is malformed: {}", bytes.error().what));
    return std::nullopt;
  }

  TableReader reader_;
  select::Limit limit_;
};

}  // namespace

void read_limits_of_tests(TableReader& settings, Config& config) {
  const toml::node* node = settings.node("limit");
  if (!node) return;
  const auto* array = node->as_array();
  if (!array) return settings.refuse_type("limit", *node, "an array of tables", std::string(kShape));
  for (const toml::node& item : *array) {
    const auto* table = item.as_table();
    if (!table) return settings.refuse_type("limit", item, "an array of tables", std::string(kShape));
    auto limit = LimitReader(*table, config.file).read();
    if (!limit) return settings.refuse(limit.error());
    config.limits.push_back(std::move(*limit));
  }
}

}  // namespace fittest::cli

#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace fittest::report {

// As much of JSON Schema (2020-12) as docs/events.schema.json uses. A keyword it does not know is an error, so that the
// schema cannot say more than is checked.
class JsonSchema {
 public:
  explicit JsonSchema(nlohmann::json root) : root_(std::move(root)) {}
  [[nodiscard]] std::vector<std::string> faults(const nlohmann::json& value) const {
    std::vector<std::string> out;
    check(root_, value, "", out);
    return out;
  }

 private:
  void check(const nlohmann::json& schema, const nlohmann::json& value, const std::string& where,
             std::vector<std::string>& out) const;
  nlohmann::json root_;
};

}  // namespace fittest::report

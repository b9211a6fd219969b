#include "json_schema.h"

#include <algorithm>
#include <stdexcept>

namespace fittest::report {
namespace {

using nlohmann::json;

bool has_type(const json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  throw std::logic_error("unknown type in the schema: " + type);
}

}  // namespace

void JsonSchema::check(const json& schema, const json& value, const std::string& where,
                       std::vector<std::string>& out) const {
  const auto refuse = [&](const std::string& why) { out.push_back(where + ": " + why); };
  for (const auto& [keyword, says] : schema.items()) {
    if (keyword == "$schema" || keyword == "$id" || keyword == "title" || keyword == "description" ||
        keyword == "$defs") {
      continue;
    }
    if (keyword == "$ref") {
      check(root_.at(json::json_pointer(says.get<std::string>().substr(1))), value, where, out);
    } else if (keyword == "type") {
      if (!has_type(value, says)) refuse("is no " + says.get<std::string>());
    } else if (keyword == "const") {
      if (value != says) refuse("is not " + says.dump());
    } else if (keyword == "enum") {
      if (std::find(says.begin(), says.end(), value) == says.end()) refuse("is none of " + says.dump());
    } else if (keyword == "minimum") {
      if (value.is_number() && value < says) refuse("is below " + says.dump());
    } else if (keyword == "required") {
      for (const json& key : says) {
        if (value.is_object() && !value.contains(key.get<std::string>())) refuse("lacks " + key.dump());
      }
    } else if (keyword == "properties") {
      for (const auto& [key, property] : says.items()) {
        if (value.is_object() && value.contains(key)) check(property, value[key], where + "/" + key, out);
      }
    } else if (keyword == "additionalProperties") {
      if (says != false) throw std::logic_error("additionalProperties other than false");
      for (const auto& [key, ignored] : value.items()) {
        if (value.is_object() && !schema.at("properties").contains(key)) refuse("has the unknown " + key);
      }
    } else if (keyword == "items") {
      if (!value.is_array()) continue;
      for (const json& item : value) check(says, item, where + "/*", out);
    } else if (keyword == "oneOf") {
      std::size_t fitting = 0;
      std::vector<std::string> all;
      for (const json& branch : says) {
        std::vector<std::string> faults;
        check(branch, value, where, faults);
        if (faults.empty()) ++fitting;
        all.insert(all.end(), faults.begin(), faults.end());
      }
      if (fitting != 1) {
        refuse("fits " + std::to_string(fitting) + " branches");
        out.insert(out.end(), all.begin(), all.end());
      }
    } else {
      throw std::logic_error("unknown keyword in the schema: " + keyword);
    }
  }
}

}  // namespace fittest::report

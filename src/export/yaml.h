#pragma once
// A tree of values as YAML. Private to this folder.
#include <nlohmann/json.hpp>
#include <string>

namespace fittest::exporting {

// Keys keep the order they are given in. Strings must be UTF-8.
using Yaml = nlohmann::ordered_json;

// What is read back is what was given: a string that YAML would take for something else ("3.10", "on", "# x") is
// quoted, text of several lines is a block where a block can hold it. `head`: lines put before it as comments.
std::string to_yaml(const Yaml& value, std::string_view head);

}  // namespace fittest::exporting

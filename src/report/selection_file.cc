#include "report/selection_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "core/atomic_file.h"
#include "core/utf8.h"

namespace fittest::report {
namespace {

using nlohmann::json;

constexpr const char* kRemedy = "it is written by fittest into each run's folder; fetch it from the machine again";

// What is wrong in the file; never leaves this file.
struct Fault {
  std::string what;
};

const json& field(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) throw Fault{fmt::format("no '{}' in it", key)};
  return *found;
}

std::string text(const json& object, const char* key) {
  const json& value = field(object, key);
  if (!value.is_string()) throw Fault{fmt::format("'{}' is no text", key)};
  return value.get<std::string>();
}

std::string text_or_nothing(const json& object, const char* key) {
  return object.contains(key) ? text(object, key) : std::string();
}

std::uint32_t figure(const json& value, const char* key) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > UINT32_MAX) {
    throw Fault{fmt::format("'{}' holds what is no number of a test or group", key)};
  }
  return value.get<std::uint32_t>();
}

const json& list(const json& object, const char* key) {
  const json& value = field(object, key);
  if (!value.is_array()) throw Fault{fmt::format("'{}' is no list", key)};
  return value;
}

std::optional<SelectionFile::Split> split_from(const json& object) {
  if (!object.contains("split") || object["split"].is_null()) return std::nullopt;
  const json& value = object["split"];
  if (!value.is_object()) throw Fault{"'split' is no object"};
  SelectionFile::Split split;
  split.splits = figure(field(value, "splits"), "splits");
  split.group = figure(field(value, "group"), "group");
  if (split.group < 1 || split.group > split.splits) {
    throw Fault{fmt::format("group {} of {} is none", split.group, split.splits)};
  }
  split.algorithm = text_or_nothing(value, "algorithm");
  split.fingerprint = text_or_nothing(value, "fingerprint");
  return split;
}

SelectionFile selection_from(const json& object) {
  if (!object.is_object()) throw Fault{"no JSON object"};
  if (const json& version = field(object, "version"); version != kSelectionVersion) {
    throw Fault{fmt::format("of version {}, and version {} is what can be read", version.dump(), kSelectionVersion)};
  }
  SelectionFile selection;
  selection.suite = text(object, "suite");
  selection.variant = text_or_nothing(object, "variant");
  selection.chunk = text_or_nothing(object, "chunk");
  selection.split = split_from(object);
  for (const json& id : list(object, "candidates")) {
    if (!id.is_string()) throw Fault{"'candidates' holds what is no text"};
    selection.candidates.push_back(id.get<std::string>());
  }
  for (const json& place : list(object, "selected")) {
    selection.selected.push_back(figure(place, "selected"));
    if (selection.selected.back() >= selection.candidates.size()) {
      throw Fault{fmt::format("'selected' names test {} of {}", place.dump(), selection.candidates.size())};
    }
  }
  return selection;
}

}  // namespace

Result<SelectionFile> read_selection(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream content;
  // A folder opens, and then cannot be read.
  if (!in.is_open() || (content << in.rdbuf()).bad()) {
    return system_failure(errno, "cannot be read", file.string(), kRemedy);
  }
  const std::string bytes = std::move(content).str();
  try {
    return selection_from(json::parse(bytes));
  } catch (const json::parse_error& problem) {
    const auto end = bytes.begin() + static_cast<std::ptrdiff_t>(std::min(problem.byte, bytes.size()));
    return failure("no JSON, or torn", fmt::format("{}:{}", file.string(), 1 + std::count(bytes.begin(), end, '\n')),
                   kRemedy);
  } catch (const Fault& fault) {
    return failure(valid_utf8(fault.what), file.string(), kRemedy);
  }
}

Result<void> write_selection(const std::filesystem::path& file, const SelectionFile& selection) {
  json split;
  if (selection.split) {
    split = {{"splits", selection.split->splits},
             {"group", selection.split->group},
             {"algorithm", valid_utf8(selection.split->algorithm)},
             {"fingerprint", valid_utf8(selection.split->fingerprint)}};
  }
  json candidates = json::array();
  for (const std::string& id : selection.candidates) candidates.push_back(valid_utf8(id));
  const json object = {{"version", kSelectionVersion},
                       {"suite", valid_utf8(selection.suite)},
                       {"variant", valid_utf8(selection.variant)},
                       {"chunk", valid_utf8(selection.chunk)},
                       {"split", std::move(split)},
                       {"candidates", std::move(candidates)},
                       {"selected", selection.selected}};
  return write_file(file, object.dump() + "\n");
}

}  // namespace fittest::report

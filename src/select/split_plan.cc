#include "select/split_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/utf8.h"
#include "core/utf8_bytes.h"
#include "select/units.h"

namespace fittest::select {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "fittest-split-plan";
constexpr unsigned kVersion = 1;
constexpr const char* kRemedy = "write the plan anew: fittest split --plan N --out FILE";

// What is wrong with a plan, found deep inside: becomes the Error of from_json.
struct Fault {
  std::string place;
  std::string what;
};

// A value of the plan with its place in it ("groups[2].tests[5]"), for messages.
class Place {
 public:
  Place(const Json& value, std::string name) : value_(value), name_(std::move(name)) {}

  [[nodiscard]] Place member(const std::string& key) const {
    if (!value_.is_object()) wrong("is no object");
    const auto found = value_.find(key);
    const std::string name = name_.empty() ? key : name_ + "." + key;
    if (found == value_.end()) throw Fault{name, "is missing"};
    return {*found, name};
  }
  [[nodiscard]] std::size_t size() const {
    if (!value_.is_array()) wrong("is no list");
    return value_.size();
  }
  [[nodiscard]] Place item(std::size_t index) const {
    return {value_[index], name_ + "[" + std::to_string(index) + "]"};
  }
  [[nodiscard]] std::string text() const {
    if (!value_.is_string()) wrong("is no text");
    return utf8_to_bytes(value_.get_ref<const std::string&>());
  }
  [[nodiscard]] std::uint64_t whole() const {
    if (!value_.is_number_unsigned()) wrong("is no whole number");
    return value_.get<std::uint64_t>();
  }
  [[nodiscard]] std::uint32_t count() const {
    const std::uint64_t number = whole();
    if (number > std::numeric_limits<std::uint32_t>::max()) wrong("is too large");
    return static_cast<std::uint32_t>(number);
  }
  [[nodiscard]] Seconds seconds() const {
    if (!value_.is_number()) wrong("is no number");
    const auto number = value_.get<Seconds>();
    if (!std::isfinite(number) || number < 0) wrong("is no time span");
    return number;
  }
  // A word that `find` knows.
  template <typename Find>
  [[nodiscard]] auto word(const Find& find) const {
    const std::string written = text();
    const auto value = find(written);
    if (!value) wrong("'" + valid_utf8(written) + "' is no word known here");
    return *value;
  }
  [[noreturn]] void wrong(const std::string& what) const { throw Fault{name_, what}; }

 private:
  const Json& value_;
  std::string name_;
};

SplitPlan read_plan(const Place& root) {
  if (root.member("format").text() != kFormat) root.member("format").wrong("is not '" + std::string(kFormat) + "'");
  if (root.member("version").whole() != kVersion) root.member("version").wrong("is not 1: another fittest wrote this");
  SplitPlan plan;
  plan.suite = root.member("suite").text();
  plan.options.algorithm = root.member("algorithm").word(algorithm_from);
  plan.options.keep_whole = root.member("keep_whole").word(keep_whole_from);
  plan.options.budget = {root.member("budget_bytes").whole()};
  plan.options.workers = root.member("workers").count();
  const Place groups = root.member("groups");
  if (groups.size() == 0) groups.wrong("is empty");
  plan.options.splits = static_cast<unsigned>(groups.size());
  std::unordered_map<std::string, std::size_t> group_of;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Place group = groups.item(i);
    GroupForecast forecast;
    forecast.wall = group.member("expected_seconds").seconds();
    forecast.work = group.member("work_seconds").seconds();
    forecast.peak = {group.member("peak_bytes").whole()};
    const Place tests = group.member("tests");
    forecast.tests = static_cast<std::uint32_t>(tests.size());
    std::vector<std::string> ids;
    ids.reserve(tests.size());
    for (std::size_t n = 0; n < tests.size(); ++n) {
      const Place test = tests.item(n);
      ids.push_back(test.text());
      const auto [before, is_new] = group_of.try_emplace(ids.back(), i);
      if (!is_new) {
        test.wrong("'" + valid_utf8(ids.back()) + "' is in groups[" + std::to_string(before->second) + "] already");
      }
    }
    plan.groups.push_back(std::move(ids));
    plan.forecast.push_back(forecast);
  }
  return plan;
}

// FNV-1a, and the last step of splitmix64 so that the low bits depend on all of it.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xCBF29CE484222325U;
  for (const char c : text) {
    value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  }
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31U);
}

using Places = std::unordered_map<std::string_view, std::optional<std::uint32_t>>;

// Which group each file, or scope, of the plan is in; nothing for one that is in several.
template <typename KeyOf>
Places places_of(const SplitPlan& plan, const KeyOf& key_of) {
  Places found;
  for (std::uint32_t group = 0; group < plan.groups.size(); ++group) {
    for (const std::string& id : plan.groups[group]) {
      const auto [entry, is_new] = found.try_emplace(key_of(id), group);
      if (!is_new && entry->second != group) entry->second = std::nullopt;
    }
  }
  return found;
}

std::optional<std::uint32_t> place_of(const Places& places, std::string_view key) {
  const auto found = places.find(key);
  return found == places.end() || key.empty() ? std::nullopt : found->second;
}

// What a new test is placed by where nothing says where: the same for all that must stay together, whichever of them
// are there.
std::string_view hashed_part(std::string_view id, KeepWhole keep_whole) {
  if (keep_whole == KeepWhole::scope) return scope_of(id);
  const std::string_view file = parts_of(id).file;
  return keep_whole == KeepWhole::file && !file.empty() ? file : id;
}

}  // namespace

std::string SplitPlan::to_json() const {
  Json groups_json = Json::array();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    Json ids = Json::array();
    for (const std::string& id : groups[i]) ids.push_back(bytes_to_utf8(id));
    groups_json.push_back({{"expected_seconds", forecast[i].wall},
                           {"work_seconds", forecast[i].work},
                           {"peak_bytes", forecast[i].peak.value},
                           {"tests", std::move(ids)}});
  }
  const Json json = {{"format", kFormat},
                     {"version", kVersion},
                     {"suite", bytes_to_utf8(suite)},
                     {"algorithm", name(options.algorithm)},
                     {"keep_whole", name(options.keep_whole)},
                     {"budget_bytes", options.budget.value},
                     {"workers", options.workers},
                     {"groups", std::move(groups_json)}};
  return json.dump(1) + "\n";
}

Result<SplitPlan> SplitPlan::from_json(std::string_view text, const std::string& where) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::parse_error& error) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, text.size()));
    return failure("no valid JSON", where + ":" + std::to_string(1 + std::count(text.begin(), end, '\n')), kRemedy);
  } catch (const Json::exception& error) {  // a number that is too large
    return failure("no valid JSON: " + valid_utf8(error.what()), where, kRemedy);
  }
  try {
    return read_plan(Place(json, ""));
  } catch (const Fault& fault) {
    return failure(fault.place.empty() ? "the plan " + fault.what : fault.place + " " + fault.what, where, kRemedy);
  }
}

SplitPlan make_plan(const std::string& suite, const TestList& tests, const Split& split, const SplitOptions& options) {
  SplitPlan plan{suite, options, std::vector<std::vector<std::string>>(split.groups.size()), split.groups};
  for (TestIndex test = 0; test < tests.size(); ++test) {
    plan.groups[split.group_of[test]].emplace_back(tests.id(test));
  }
  return plan;
}

std::vector<std::uint32_t> groups_by_plan(const SplitPlan& plan, const TestList& tests) {
  std::unordered_map<std::string_view, std::uint32_t> planned;
  for (std::uint32_t group = 0; group < plan.groups.size(); ++group) {
    for (const std::string& id : plan.groups[group]) planned.try_emplace(id, group);
  }
  const KeepWhole keep_whole = plan.options.keep_whole;
  const Places files = places_of(plan, [](std::string_view id) { return parts_of(id).file; });
  const Places scopes = keep_whole == KeepWhole::scope ? places_of(plan, scope_of) : Places{};
  const Gathered units = units_of(tests, keep_whole);
  std::vector<std::uint32_t> group_of(tests.size());
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    std::optional<std::uint32_t> rest;  // of those that are new
    for (const TestIndex test : units.of(unit)) {
      const auto found = planned.find(tests.id(test));
      if (found != planned.end()) rest = rest.value_or(found->second);
    }
    const std::string_view first = tests.id(units.of(unit).front());
    if (!rest) rest = place_of(scopes, scope_of(first));
    if (!rest) rest = place_of(files, parts_of(first).file);
    if (!rest)
      rest = static_cast<std::uint32_t>(hash(hashed_part(first, keep_whole)) %
                                        std::max<std::size_t>(1, plan.groups.size()));
    for (const TestIndex test : units.of(unit)) {
      const auto found = planned.find(tests.id(test));
      group_of[test] = found != planned.end() ? found->second : *rest;
    }
  }
  return group_of;
}

}  // namespace fittest::select

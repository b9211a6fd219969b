#include "suite/pytest/session_json.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace fittest::suite::pytest {

using nlohmann::json;

namespace {

select::KeepWhole keep_whole_from(plan::Dist dist) {
  switch (dist) {
    case plan::Dist::loadfile:
      return select::KeepWhole::file;
    case plan::Dist::loadscope:
      return select::KeepWhole::scope;
    case plan::Dist::loadgroup:
      return select::KeepWhole::group;
    default:
      return select::KeepWhole::nothing;
  }
}

}  // namespace

std::string_view name(Isolation isolation) {
  switch (isolation) {
    case Isolation::fork:
      return "fork";
    case Isolation::spawn:
      return "spawn";
    case Isolation::none:
      return "none";
    case Isolation::automatic:
      break;
  }
  return "auto";
}

plan::Dist dist_from(const std::string& word) {
  if (word == "loadscope") return plan::Dist::loadscope;
  if (word == "loadfile") return plan::Dist::loadfile;
  if (word == "loadgroup") return plan::Dist::loadgroup;
  if (word == "worksteal") return plan::Dist::worksteal;
  if (word == "no") return plan::Dist::no;
  return plan::Dist::load;
}

select::Request request_from(const json& text) {
  select::Request request;
  if (!text.at("splits").is_null()) request.splits = text.at("splits");
  if (!text.at("group").is_null()) request.group = text.at("group");
  request.algorithm = select::algorithm_from(text.at("algorithm").get<std::string>()).value();
  request.keep_whole = keep_whole_from(dist_from(text.at("dist")));
  if (!text.at("workers").is_null()) request.workers = text.at("workers");
  request.summation = text.at("compensated_sums") ? select::Summation::compensated : select::Summation::plain;
  if (!text.at("durations").is_null()) request.durations = text.at("durations");
  if (!text.at("order").is_null()) {
    request.order =
        select::OrderOptions{select::order_from(text.at("order").get<std::string>()).value(),
                             select::bucket_from(text.at("bucket").get<std::string>()).value(), text.at("seed")};
  }
  request.strict_labels = text.at("strict");
  request.known_labels = text.at("known").get<std::vector<std::string>>();
  return request;
}

json to_json(const HeapPlan& plan) {
  const auto or_nothing = [](const auto& figure) { return figure ? json(figure->value) : json(nullptr); };
  json limits = json::array();
  for (const HeapPlan::Limit& limit : plan.limits) {
    limits.push_back({{"memory", or_nothing(limit.memory)},
                      {"leaks", or_nothing(limit.leaks)},
                      {"where", limit.where},
                      {"tests", limit.tests}});
  }
  json earlier = json::array();
  for (const HeapPlan::Earlier& test : plan.earlier) {
    json peaks = json::array();
    for (const Bytes peak : test.peaks) peaks.push_back(peak.value);
    earlier.push_back({{"test", test.test}, {"peaks", std::move(peaks)}, {"allowed", test.allowed.value}});
  }
  return {{"folder", plan.folder ? json(*plan.folder) : json(nullptr)},
          {"limits", std::move(limits)},
          {"earlier", std::move(earlier)}};
}

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace fittest::suite::pytest

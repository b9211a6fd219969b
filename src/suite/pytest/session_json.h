#pragma once
// What is said to and by the session as JSON: words for enumerations, its questions, and the answers.
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "plan/scheduler.h"
#include "select/request.h"
#include "suite/pytest/pytest_suite.h"

namespace fittest::suite::pytest {

std::string_view name(Isolation isolation);
plan::Dist dist_from(const std::string& word);
// What the session's options ask for. Throws json::exception where it is not what was agreed on.
select::Request request_from(const nlohmann::json& text);
nlohmann::json to_json(const HeapPlan& plan);
// As it goes into a frame: bytes that are no UTF-8 are replaced.
std::string dump(const nlohmann::json& value);

}  // namespace fittest::suite::pytest

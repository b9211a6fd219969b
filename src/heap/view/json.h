#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "heap/view/stacks.h"

namespace fittest::heap {

nlohmann::json frame_json(const Line& line);
// Bytes, count, and the error of the bytes (see error_of).
nlohmann::json amount_json(const Amount& amount);
// A process without its stacks.
nlohmann::json process_json(const Profile& profile);

// The whole report of a process, for programs: docs/heap.md describes it. `limit` stacks, the largest by `by` first; 0:
// all.
nlohmann::json report_json(const Profile& profile, const Stacks& stacks, Measure by, std::size_t limit);

}  // namespace fittest::heap

#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/descriptor.h"
#include "core/error.h"

namespace fittest::suite::pytest {

// An interpreter's way to fittest's pytest side: a file in memory with all modules and what they have to know, and the
// command that starts them.
struct Bundle {
  Descriptor content;                // to be kept open in the process
  std::vector<std::string> command;  // python -c <text>
};

// `setup`: what session.py or worker.py reads; `arguments`: pytest's.
Result<Bundle> make_bundle(const std::string& python, nlohmann::json setup, const std::vector<std::string>& arguments);

}  // namespace fittest::suite::pytest

#pragma once
#include <asio/io_context.hpp>
#include <functional>

#include "history/store.h"
#include "report/screen.h"
#include "report/terminal.h"
#include "run/options.h"
#include "suite/suite.h"

namespace fittest::run {

// Runs every selected test of the suite inside the budget, and returns the exit code: the framework's own, or one of
// pytest's where fittest had to end the run itself (2 interrupted, 3 internal error, 4 it cannot run like this).
// `make_suite` gets the loop, and the descriptor its output is to go to.
using MakeSuite = std::function<std::unique_ptr<suite::Suite>(asio::io_context& loop, std::optional<int> output)>;

// `passes_output`: the framework writes through fittest's screen; otherwise to fittest's own descriptors.
enum class OutputWay { through_screen, direct };

int run_suite(const RunOptions& options, const MakeSuite& make_suite, OutputWay way, report::Screen& screen);

}  // namespace fittest::run

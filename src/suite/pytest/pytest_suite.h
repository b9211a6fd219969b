#pragma once
#include <asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "suite/pytest/interpreter.h"
#include "suite/suite.h"

namespace fittest::suite::pytest {

enum class Isolation { automatic, fork, spawn, none };

// How the heap of the session and of its workers is watched.
struct HeapWatch {
  std::vector<std::string> environment;  // by which the tracker is loaded into them, and knows what to do
  std::string why_not;                   // one line, where it is not watched at all; empty: it is
  bool writes_traces = false;            // each process, into the run's folder
  std::string program;                   // fittest's own path: reads traces
  bool has_limits = false;               // the configuration has some: see Listener::plan_heap
};

struct PytestOptions {
  Interpreter python;
  std::vector<std::string> arguments;  // the user's, as typed
  Isolation isolation = Isolation::automatic;
  std::optional<unsigned> workers;  // from the configuration; -n is stronger
  unsigned columns = 80;            // of the screen that pytest's output goes to
  bool color = false;
  std::optional<int> input;  // descriptors of the session; nothing: /dev/null, fittest's own
  std::optional<int> output;
  std::optional<int> error;
  bool own_session = true;  // apart from the terminal

  // What the session is to ask about its tests: see Listener::measure_labels and Listener::select.
  bool measures_labels = false;
  bool selects = false;              // whatever its own options say
  bool has_plan = false;             // --group is one of a plan's
  std::optional<std::string> order;  // the word behind --order
  HeapWatch heap;
  // Collect, tell, and end.
  bool list = false;
};

// The exit code by which the session says that there is no pytest that it could use.
inline constexpr int kNoPytest = 86;

// A pytest root. One session collects and reports; workers are forked from its zygote, or started on their own.
std::unique_ptr<Suite> make_pytest_suite(asio::io_context& loop, PytestOptions options);

}  // namespace fittest::suite::pytest

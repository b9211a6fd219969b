#include "suite/pytest/mark_patch.h"

#include <sys/wait.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "core/exit_status.h"
#include "suite/process.h"
#include "suite/pytest/bundle.h"

namespace fittest::suite::pytest {
namespace {

constexpr int kNoPytest = 97;

nlohmann::json to_json(const std::vector<select::MarkChange>& changes) {
  nlohmann::json out = nlohmann::json::array();
  for (const select::MarkChange& change : changes) {
    out.push_back({{"test", change.test}, {"label", change.label}, {"heavy", change.heavy}, {"tests", change.tests}});
  }
  return out;
}

}  // namespace

Result<void> print_mark_patch(const Interpreter& python, const select::MarkChanges& changes) {
  const auto bundle = make_bundle(python.path,
                                  {{"role", "mark_patch"},
                                   {"exit_without_pytest", kNoPytest},
                                   {"marks", {{"add", to_json(changes.add)}, {"remove", to_json(changes.remove)}}}},
                                  {});
  if (!bundle) return tl::unexpected(bundle.error());
  ProcessOrder order;
  order.command = bundle->command;
  order.keep = {bundle->content.get()};
  order.own_session = false;  // Ctrl-C is meant for it too
  const auto process = start_process(order);
  if (!process) return tl::unexpected(process.error());
  int status = 0;
  while (::waitpid(process->pid, &status, 0) < 0 && errno == EINTR) continue;
  const ExitStatus end(status);
  if (end.code() == 0) return {};
  return failure("the patch could not be made: " + end.text(), python.path, "see what is said above");
}

}  // namespace fittest::suite::pytest

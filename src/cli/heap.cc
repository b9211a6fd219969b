#include "cli/heap.h"

#include "cli/heap_check.h"
#include "cli/heap_growth.h"
#include "cli/heap_leaks.h"

namespace fittest::cli {

void add_heap_verb(CLI::App& app, std::optional<int>& code) {
  CLI::App* heap = app.add_subcommand("heap", "What a program allocates, where, and what it keeps");
  heap->require_subcommand(1);
  heap->footer("Start with: fittest heap run -- CMD");
  add_heap_run_verb(*heap, code);
  add_heap_report_verb(*heap, code);
  add_heap_diff_verb(*heap, code);
  add_heap_check(*heap, code);
  add_heap_growth(*heap, code);
  add_heap_leaks(*heap, code);
}

}  // namespace fittest::cli

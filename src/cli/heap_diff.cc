#include <unistd.h>

#include <iostream>
#include <memory>

#include "cli/heap.h"
#include "cli/heap_input.h"
#include "cli/refuse.h"
#include "heap/view/diff.h"
#include "report/screen.h"

namespace fittest::cli {
namespace {

struct Asked {
  std::filesystem::path a, b;
  heap::DiffOptions options;
  bool native = false;
  bool json = false;
  std::string color = "auto";
};

int run_diff(const Asked& asked) {
  const auto a = read_heap_traces({asked.a}, asked.native);
  if (!a) return refuse(a.error());
  const auto b = read_heap_traces({asked.b}, asked.native);
  if (!b) return refuse(b.error());
  if (asked.json) {
    std::cout << heap::diff_json(a->profile, a->stacks, b->profile, b->stacks, asked.options);
    return 0;
  }
  const report::ScreenOptions screen = report::screen_options(asked.color, STDOUT_FILENO);
  const heap::Look look{::isatty(STDOUT_FILENO) == 1 ? screen.columns : 0, report::Style(screen.color)};
  std::cout << heap::diff_text(a->profile, a->stacks, b->profile, b->stacks, asked.options, look);
  return 0;
}

}  // namespace

void add_heap_diff_verb(CLI::App& heap, std::optional<int>& code) {
  auto asked = std::make_shared<Asked>();
  CLI::App* verb = heap.add_subcommand("diff", "What a second trace has more or less of, by stack");
  verb->add_option("A", asked->a, "The trace before")->required();
  verb->add_option("B", asked->b, "The trace after")->required();
  verb->add_option_function<std::string>(
          "--top",
          [asked](const std::string& word) {
            const auto by = heap::measure_from(word);
            if (!by) throw CLI::ValidationError("--top", "'" + word + "' is none of peak, total, leaked, temporary");
            asked->options.by = *by;
          },
          "What is compared by stack: peak (default), total, leaked or temporary")
      ->type_name("WORD");
  verb->add_flag("--native", asked->native, "CPython's own functions between Python's too");
  verb->add_option("--limit", asked->options.limit, "At most this many stacks that grew, and that shrank; 0: all; 10")
      ->type_name("N");
  verb->add_flag("--json", asked->json, "For programs");
  verb->add_option("--color", asked->color, "Colours: yes, no, auto (on a terminal)")
      ->check(CLI::IsMember({"yes", "no", "auto"}))
      ->type_name("WORD");
  verb->callback([asked, &code] { code = run_diff(*asked); });
}

}  // namespace fittest::cli

#include "cli/heap_leaks.h"

#include <unistd.h>

#include <iostream>
#include <iterator>
#include <memory>

#include "cli/leaks_input.h"
#include "cli/refuse.h"
#include "heap/view/leaks_text.h"
#include "report/screen.h"

namespace fittest::cli {
namespace {

namespace fs = std::filesystem;

struct Asked {
  std::vector<fs::path> files;
  LeaksWanted wanted;
  std::optional<std::size_t> limit;
  bool json = false;
  std::string color = "auto";
};

int run_leaks(const Asked& asked) {
  std::vector<fs::path> files;
  for (const fs::path& file : asked.files) {
    std::error_code problem;
    if (!fs::is_directory(file, problem)) {
      files.push_back(file);
      continue;
    }
    std::vector<fs::path> in_folder = traces_in(file);
    if (in_folder.empty()) return refuse({"no trace is in it (*.heap)", file.string(), "name a run's folder heap/"});
    std::move(in_folder.begin(), in_folder.end(), std::back_inserter(files));
  }
  const auto input = read_leaks(files, asked.wanted);
  if (!input) return refuse(input.error());
  if (input->marked == 0) {
    return refuse({"no test is marked in what was read", files.front().string(),
                   "fittest pytest --heap=sample writes such traces, one for each worker"});
  }
  if (asked.json) {
    std::cout << heap::leaks_json(input->leaks, input->problems, asked.limit.value_or(0));
    return 0;
  }
  heap::LeaksTextOptions options;
  options.limit = asked.limit.value_or(options.limit);
  const report::ScreenOptions screen = report::screen_options(asked.color, STDOUT_FILENO);
  const heap::Look look{::isatty(STDOUT_FILENO) == 1 ? screen.columns : 0, report::Style(screen.color)};
  std::cout << heap::leaks_text(input->leaks, input->problems, options, look);
  return 0;
}

}  // namespace

void add_heap_leaks(CLI::App& heap, std::optional<int>& code) {
  auto asked = std::make_shared<Asked>();
  CLI::App* verb = heap.add_subcommand("leaks", "What tests left behind, by stack, and whether it looks like leaks");
  verb->add_option("TRACE", asked->files, "Traces of one run's workers, or the folder that holds them")->required();
  verb->add_option("--test", asked->wanted.test, "Only what such tests left: an id, what it begins with, a glob")
      ->type_name("GLOB");
  verb->add_flag("--native", asked->wanted.native, "CPython's own functions between Python's too");
  verb->add_option("--limit", asked->limit, "At most this many stacks (10; of JSON: all); 0: all")->type_name("N");
  verb->add_flag("--json", asked->json, "For programs");
  verb->add_option("--color", asked->color, "Colours: yes, no, auto (on a terminal)")
      ->check(CLI::IsMember({"yes", "no", "auto"}))
      ->type_name("WORD");
  verb->callback([asked, &code] { code = run_leaks(*asked); });
}

}  // namespace fittest::cli

#pragma once
// Runs made by hand, in memory or as folders.
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "merge/merge.h"
#include "merge/run.h"

namespace fittest::merge {

// "test -> verdict" of one run; the message of a failure is what pytest writes.
using Verdicts = std::vector<std::pair<std::string, Verdict>>;

class RunBuilder {
 public:
  // Ids sort by number; the run starts at 1,700,000,000 + 100 * number.
  RunBuilder(unsigned number, const Verdicts& verdicts);
  RunBuilder& selection(std::vector<std::string> candidates);
  RunBuilder& variant(const std::string& name);
  RunBuilder& chunk(const std::string& name);
  RunBuilder& group(unsigned group, unsigned splits, const std::string& fingerprint = "f");
  RunBuilder& command(std::vector<std::string> words);
  RunBuilder& not_run(std::vector<std::string> ids);
  RunBuilder& killed();  // no run_finished
  RunBuilder& interrupted();
  RunBuilder& exit_code(int code);
  [[nodiscard]] Run build() const { return run_; }
  operator Run() const { return run_; }  // NOLINT: that is what it is for

  // The same as a folder below `parent`, with the events told to report::JsonLines.
  std::filesystem::path write(const std::filesystem::path& parent) const;

 private:
  report::SelectionFile& selected();
  Run run_;
};

Merged merged(std::vector<Run> runs);

// "a passed; b missing; ..." in the order of the tests; "py3.12/a passed" in a variant.
std::string verdicts_of(const Merged& merged);

}  // namespace fittest::merge

#pragma once
// Runs a program with the tracker in it, and reads what came of it.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "heap/read/profile.h"
#include "heap/symbols/symbols.h"
#include "support/folder.h"

namespace fittest::heap {

struct Traced {
  int status = 0;  // as waitpid gives it
  int pid = 0;
  std::string output;
  // The "key value" lines of the output.
  std::map<std::string, std::uint64_t> said;
  std::vector<std::filesystem::path> files;  // traces, in the order of their names
  // The trace of the process that was started; fails the test where there is none.
  [[nodiscard]] Profile profile() const;
};

using Environment = std::map<std::string, std::string>;

// `command` with FITTEST_HEAP_OUTPUT in `folder` and what `environment` adds ("": without the variable).
Traced run_traced(const Folder& folder, const std::vector<std::string>& command, Environment environment = {});

// The same for the probe of this folder.
Traced run_probe(const Folder& folder, const std::vector<std::string>& arguments, Environment environment = {});

// The functions on a profile's stacks. The profile must outlive it.
class Functions {
 public:
  explicit Functions(const Profile& profile) : profile_(profile), symbols_(profile) {}
  // Whether one on the stack of `figures` has `part` in its name.
  bool on(const Figures& figures, const std::string& part);

 private:
  const Profile& profile_;
  Symbols symbols_;
  std::map<std::uint32_t, std::vector<Line>> lines_;
};

}  // namespace fittest::heap

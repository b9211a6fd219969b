#pragma once
// Real programs, started as fittest starts them, for tests to look at.
#include <filesystem>
#include <string>
#include <vector>

#include "core/exit_status.h"
#include "suite/process.h"

namespace fittest::suite {

struct Ended {
  std::string output;  // what went to the descriptor 1 of the program
  std::string error;   // and to 2
  ExitStatus status;
  pid_t pid = 0;
};

// A pipe, both ends close-on-exec.
struct Pipe {
  Pipe();
  Descriptor read_end, write_end;
};

// Until all writers are gone.
std::string read_all(const Descriptor& from);

// Starts it with pipes for its output and error (where the order names none), and waits for its end. Throws
// std::runtime_error where it cannot be started.
Ended run_program(ProcessOrder order);

// The interpreter that has pytest: $FITTEST_TEST_PYTHON, else what scripts/python finds. Throws where there is none.
const std::string& test_python();

// A folder of its own for a test, removed with it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Writes the file, with the folders above it; returns where it is.
  std::filesystem::path file(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

std::string read_file(const std::filesystem::path& file);
std::vector<std::string> lines_of(const std::string& text);

}  // namespace fittest::suite

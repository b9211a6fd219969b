#pragma once
// What the tests of the history share: a folder of their own, results, and processes that can be killed.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "history/store.h"

namespace fittest::history {

class InFolder : public testing::Test {
 protected:
  InFolder() {
    std::string name = (place() / "fittest-history-XXXXXX").string();
    if (::mkdtemp(name.data())) folder_ = name;
  }
  ~InFolder() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  InFolder(const InFolder&) = delete;
  InFolder& operator=(const InFolder&) = delete;

  void SetUp() override { ASSERT_FALSE(folder_.empty()); }

  [[nodiscard]] std::filesystem::path file() const { return folder_ / "history.db"; }
  // The names in the folder, sorted.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      found.push_back(entry.path().filename().string());
    std::ranges::sort(found);
    return found;
  }

  std::filesystem::path folder_;

 private:
  // In memory where that is possible: a process that is killed leaves the same there as on a disk, and hundreds of
  // databases need not wait for a disk that others use.
  static std::filesystem::path place() {
    const std::filesystem::path in_memory = "/dev/shm";
    return ::access(in_memory.c_str(), W_OK) == 0 ? in_memory : std::filesystem::temp_directory_path();
  }
};

inline Outcome outcome(const std::string& id, Bytes peak, Seconds duration = 0.01, Verdict verdict = Verdict::passed) {
  Outcome result;
  result.id = id;
  result.verdict = verdict;
  result.peak = peak;
  result.duration = duration;
  return result;
}

inline Outcome killed_at(const std::string& id, Bytes at_least) {
  Outcome result;
  result.id = id;
  result.at_least = at_least;
  return result;
}

// A whole run with these results.
inline void one_run(Store& store, const std::string& run_id, const std::vector<Outcome>& results) {
  const auto run = store.begin_run("pytest", run_id);
  store.record(run, results);
  store.end_run(run);
}

inline std::string contents(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

// Runs `body` in a process of its own; what it returns is said to be wrong, nothing if all is well. "(skip)" in front
// says that the machine does not allow the test.
inline std::string in_child(const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string said = body();
    const bool written = ::write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size());
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 512> part{};
  for (ssize_t got = 0; (got = ::read(ends[0], part.data(), part.size())) > 0;)
    said.append(part.data(), static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) said += "the process ended badly: " + std::to_string(status);
  return said;
}

// The history in `folder`, which knows a.py::x, opened by a user who may only read it: it predicts, says once that
// nothing is recorded, and stays as it was. "(skip)" as above; nothing if all is well.
inline std::string read_only(const std::filesystem::path& folder, const std::filesystem::path& file,
                             const Outcome& next) {
  if (::chmod(folder.c_str(), 0555) != 0 || ::chmod(file.c_str(), 0444) != 0) return "its rights cannot be taken";
  const std::string before = contents(file);
  std::string wrong = in_child([&]() -> std::string {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return "(skip)";
    auto store = Store::open(file);
    one_run(store, "next", {next});
    if (store.notices().size() != 1) return "not one notice";
    if (store.notices()[0].find("are not recorded") == std::string::npos) return store.notices()[0];
    return store.predict("pytest", {"a.py::x"})[0].known ? "" : "what is known was not read";
  });
  ::chmod(folder.c_str(), 0755);
  if (wrong.empty() && contents(file) != before) return "the file has changed";
  return wrong;
}

}  // namespace fittest::history

#include "heap/track/traced.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>

#include "core/descriptor.h"
#include "heap/read/trace_reader.h"

namespace fittest::heap {

Profile Traced::profile() const {
  for (const auto& file : files) {
    auto profile = read_profile(file);
    if (!profile) {
      ADD_FAILURE() << profile.error().text();
      continue;
    }
    if (static_cast<int>(profile->process) == pid) return *profile;
  }
  ADD_FAILURE() << "no trace of the process among " << files.size();
  return {};
}

Traced run_traced(const Folder& folder, const std::vector<std::string>& command, Environment environment) {
  environment.try_emplace("LD_PRELOAD", FITTEST_HEAP_LIBRARY_FILE);
  environment.try_emplace("FITTEST_HEAP_OUTPUT", (folder.path() / "t").string());
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!environment.contains(text.substr(0, text.find('=')))) entries.push_back(text);
  }
  for (const auto& [name, value] : environment) {
    if (!value.empty()) entries.push_back(name + "=" + value);
  }
  std::vector<char*> arguments, variables;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  for (const std::string& entry : entries) variables.push_back(const_cast<char*>(entry.c_str()));
  arguments.push_back(nullptr);
  variables.push_back(nullptr);

  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  const Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  Traced result;
  result.pid = ::fork();
  if (result.pid == 0) {
    ::dup2(write_end.get(), STDOUT_FILENO);
    ::close(read_end.get());
    ::close(write_end.get());
    ::execvpe(arguments[0], arguments.data(), variables.data());
    ::_exit(127);
  }
  write_end = Descriptor();
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(read_end.get(), buffer.data(), buffer.size())) > 0;) {
    result.output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::waitpid(result.pid, &result.status, 0);
  std::istringstream lines(result.output);
  std::string key;
  std::uint64_t value = 0;
  while (lines >> key >> value) result.said[key] = value;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().extension() == ".heap") result.files.push_back(entry.path());
  }
  std::ranges::sort(result.files);
  return result;
}

Traced run_probe(const Folder& folder, const std::vector<std::string>& arguments, Environment environment) {
  std::vector<std::string> command = {FITTEST_HEAP_PROBE};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_traced(folder, command, std::move(environment));
}

bool Functions::on(const Figures& figures, const std::string& part) {
  auto known = lines_.find(figures.stack);
  if (known == lines_.end()) {
    known = lines_.emplace(figures.stack, symbols_.lines(profile_.stacks.at(figures.stack))).first;
  }
  return std::ranges::any_of(known->second,
                             [&](const Line& line) { return line.function.find(part) != std::string::npos; });
}

}  // namespace fittest::heap

#include "programs.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace fittest::suite {

Pipe::Pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  read_end = Descriptor(ends[0]);
  write_end = Descriptor(ends[1]);
}

namespace {

// Appends what is there; false at the end.
bool read_part(int fd, std::string& to) {
  std::array<char, 65536> part{};
  while (true) {
    const ssize_t got = ::read(fd, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to.append(part.data(), static_cast<std::size_t>(got));
    return true;
  }
}

}  // namespace

std::string read_all(const Descriptor& from) {
  std::string text;
  while (read_part(from.get(), text)) continue;
  return text;
}

Ended run_program(ProcessOrder order) {
  Pipe output, error;
  if (!order.output) order.output = output.write_end.get();
  if (!order.error) order.error = error.write_end.get();
  auto process = start_process(order);
  if (!process) throw std::runtime_error(process.error().text());
  output.write_end.reset();
  error.write_end.reset();
  Ended ended;
  ended.pid = process->pid;
  std::array<pollfd, 2> open{pollfd{output.read_end.get(), POLLIN, 0}, pollfd{error.read_end.get(), POLLIN, 0}};
  while (open[0].fd >= 0 || open[1].fd >= 0) {
    if (::poll(open.data(), open.size(), -1) < 0) continue;
    if (open[0].revents != 0 && !read_part(open[0].fd, ended.output)) open[0].fd = -1;
    if (open[1].revents != 0 && !read_part(open[1].fd, ended.error)) open[1].fd = -1;
  }
  int status = 0;
  while (::waitpid(process->pid, &status, 0) < 0 && errno == EINTR) continue;
  ended.status = ExitStatus(status);
  return ended;
}

const std::string& test_python() {
  static const std::string found = [] {
    if (const char* named = std::getenv("FITTEST_TEST_PYTHON"); named != nullptr && *named != '\0') {
      return std::string(named);
    }
    ProcessOrder order;
    order.command = {FITTEST_SOURCE_FOLDER "/scripts/python"};
    const Ended ended = run_program(order);
    if (ended.status.code() != 0) throw std::runtime_error(ended.error);
    return ended.output.substr(0, ended.output.find('\n'));
  }();
  return found;
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "fittest-suite-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = std::filesystem::canonical(pattern);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TemporaryFolder::file(const std::string& name, const std::string& text) const {
  const std::filesystem::path file = path_ / name;
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << text;
  return file;
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace fittest::suite

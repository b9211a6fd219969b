#include "report/json_lines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/descriptor.h"

namespace fittest::report {
namespace {

constexpr Seconds kBetweenSamples = 0.1;
constexpr double kNotablyHigher = 1.05;

bool ends_torn(int fd) {
  struct stat status {};
  char last = '\n';
  if (::fstat(fd, &status) != 0 || status.st_size == 0) return false;
  return ::pread(fd, &last, 1, status.st_size - 1) == 1 && last != '\n';
}

}  // namespace

class JsonLines::Impl {
 public:
  Impl(Descriptor file, bool torn) : file_(std::move(file)), torn_(torn) {}

  void on(const Event& event) {
    if (const auto* sample = std::get_if<Sample>(&event.payload); sample != nullptr && !is_wanted(*sample, event.at)) {
      return;
    }
    write_line(to_json(event).dump());
  }
  [[nodiscard]] std::size_t lost() const { return lost_; }

 private:
  bool is_wanted(const Sample& sample, Seconds at) {
    const bool due = !last_sample_ || at - *last_sample_ >= kBetweenSamples;
    if (!due && sample.held <= last_held_.scaled(kNotablyHigher)) return false;
    last_sample_ = at;
    last_held_ = sample.held;
    return true;
  }

  void write_line(std::string line) {
    line += '\n';
    // What stands there of a line that could not be written whole must not become one with this line.
    if (torn_) line.insert(0, 1, '\n');
    ssize_t done = 0;
    do {
      done = ::write(file_.get(), line.data(), line.size());
    } while (done < 0 && errno == EINTR);
    if (done == static_cast<ssize_t>(line.size())) {
      torn_ = false;
      return;
    }
    ++lost_;
    if (done > 0) torn_ = line[static_cast<std::size_t>(done) - 1] != '\n';
  }

  Descriptor file_;
  bool torn_;
  std::size_t lost_ = 0;
  std::optional<Seconds> last_sample_;
  Bytes last_held_;
};

JsonLines::JsonLines(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JsonLines::~JsonLines() = default;
void JsonLines::on(const Event& event) {
  impl_->on(event);
}
std::size_t JsonLines::lost_lines() const {
  return impl_->lost();
}

Result<std::unique_ptr<JsonLines>> JsonLines::create(const std::filesystem::path& file) {
  static constexpr const char* kRemedy = "events are not written: name a place that can be written to";
  std::error_code problem;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), problem);
  if (problem) return failure("cannot make its folder: " + problem.message(), file.string(), kRemedy);
  Descriptor opened(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (!opened) return system_failure(errno, "cannot be written", file.string(), kRemedy);
  const bool torn = ends_torn(opened.get());
  return std::unique_ptr<JsonLines>(new JsonLines(std::make_unique<Impl>(std::move(opened), torn)));
}

}  // namespace fittest::report

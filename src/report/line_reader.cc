#include "report/line_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace fittest::report {
namespace {

constexpr std::size_t kBuffered = 256 << 10;
constexpr const char* kRemedy = "name the events.jsonl of an earlier run";

}  // namespace

LineReader::LineReader(std::filesystem::path file, Descriptor opened)
    : file_(std::move(file)), opened_(std::move(opened)) {}

Result<LineReader> LineReader::open(const std::filesystem::path& file) {
  Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!opened) return system_failure(errno, "cannot be read", file.string(), kRemedy);
  return LineReader(file, std::move(opened));
}

Result<bool> LineReader::read_more() {
  buffer_.resize(kBuffered);
  begin_ = 0;
  while (true) {
    const ssize_t got = ::read(opened_.get(), buffer_.data(), buffer_.size());
    if (got < 0 && errno == EINTR) continue;
    buffer_.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    if (got < 0) return system_failure(errno, "cannot be read", file_.string(), kRemedy);
    return got > 0;
  }
}

Result<std::optional<std::string_view>> LineReader::next() {
  line_.clear();
  bool begun = false;
  while (true) {
    if (begin_ == buffer_.size()) {
      const auto more = read_more();
      if (!more) return tl::unexpected(more.error());
      if (!*more && !begun) return std::nullopt;
      if (!*more) return line_;
    }
    const std::string_view rest = std::string_view(buffer_).substr(begin_);
    const std::size_t newline = rest.find('\n');
    const std::string_view part = rest.substr(0, newline);
    begin_ += std::min(newline, rest.size() - 1) + 1;
    // As a rule a line is whole in the buffer.
    if (newline != std::string_view::npos && !begun && part.size() <= kLongestLine) return part;
    line_ += part.substr(0, kLongestLine - line_.size());
    if (newline != std::string_view::npos) return line_;
    begun = true;
  }
}

}  // namespace fittest::report

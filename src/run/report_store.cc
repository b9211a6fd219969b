#include "run/report_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace fittest::run {
namespace {

constexpr std::size_t kHead = 8;
constexpr std::uint32_t kLongestId = 1 << 20;

void put(std::string& out, std::size_t number) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift & 0xff);
}

std::uint32_t take(const char* bytes) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

bool read_at(int fd, std::uint64_t offset, char* to, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::pread(fd, to, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    size -= static_cast<std::size_t>(got);
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

}  // namespace

Result<ReportWriter> ReportWriter::create(const std::filesystem::path& file) {
  Descriptor fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd) return system_failure(errno, "cannot be written", file.string());
  return ReportWriter(std::move(fd));
}

void ReportWriter::add(std::string_view id, std::string_view report) {
  if (!file_) return;
  std::string record;
  record.reserve(kHead + id.size() + report.size());
  put(record, id.size());
  put(record, report.size());
  record += id;
  record += report;
  const ssize_t wrote = ::write(file_.get(), record.data(), record.size());
  if (wrote == static_cast<ssize_t>(record.size())) return;
  // The disk is full, or nearly so. What would follow a torn record could not be found any more: take it back.
  if (wrote > 0) {
    struct stat about {};
    if (::fstat(file_.get(), &about) != 0 || ::ftruncate(file_.get(), about.st_size - wrote) != 0) file_.reset();
  }
}

ReportReader::ReportReader(const std::filesystem::path& file) : file_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat about {};
  if (!file_ || ::fstat(file_.get(), &about) != 0) return;
  const auto end = static_cast<std::uint64_t>(about.st_size);
  std::uint64_t at = 0;
  std::array<char, kHead> head{};
  while (at + kHead <= end && read_at(file_.get(), at, head.data(), head.size())) {
    const std::uint32_t id_size = take(head.data());
    const std::uint32_t size = take(head.data() + 4);
    if (id_size > kLongestId || at + kHead + id_size + size > end) return;
    std::string id(id_size, '\0');
    if (!read_at(file_.get(), at + kHead, id.data(), id.size())) return;
    places_[std::move(id)] = {at + kHead + id_size, size};
    at += kHead + id_size + size;
  }
}

std::optional<std::string> ReportReader::find(const std::string& id) const {
  const auto found = places_.find(id);
  if (found == places_.end()) return std::nullopt;
  std::string report(found->second.size, '\0');
  if (!read_at(file_.get(), found->second.offset, report.data(), report.size())) return std::nullopt;
  return report;
}

}  // namespace fittest::run

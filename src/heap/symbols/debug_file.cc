#include "heap/symbols/debug_file.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <memory>

namespace fittest::heap {
namespace {

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};

// .build-id/xx/yyyy.debug
std::filesystem::path path_of_id(const std::string& build_id) {
  std::string hex;
  for (const char byte : build_id) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return std::filesystem::path(".build-id") / hex.substr(0, 2) / (hex.substr(2) + ".debug");
}

std::optional<std::uint32_t> checksum_of(const Descriptor& file) {
  std::array<unsigned char, std::size_t{64} << 10> buffer{};
  uLong crc = crc32(0, nullptr, 0);
  off_t at = 0;
  for (;;) {
    const ssize_t got = pread(file.get(), buffer.data(), buffer.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return static_cast<std::uint32_t>(crc);
    crc = crc32(crc, buffer.data(), static_cast<uInt>(got));
    at += got;
  }
}

// The file at `path`, if its build id is `build_id`.
std::optional<DebugFile> with_id(const std::filesystem::path& path, const std::string& build_id) {
  Descriptor file = open_regular(path);
  if (!file || build_id_of(file) != build_id) return std::nullopt;
  return DebugFile{path, std::move(file)};
}

std::optional<DebugFile> by_id(const std::vector<std::filesystem::path>& folders, const std::string& build_id) {
  if (build_id.size() < 2) return std::nullopt;
  for (const auto& folder : folders) {
    if (auto found = with_id(folder / path_of_id(build_id), build_id)) return found;
  }
  return std::nullopt;
}

}  // namespace

Descriptor open_regular(const std::filesystem::path& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (file && (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))) {
    file.reset();
    errno = EINVAL;
  }
  return file;
}

std::string build_id_of(const Descriptor& file) {
  elf_version(EV_CURRENT);
  const std::unique_ptr<Elf, ElfEnd> elf(elf_begin(file.get(), ELF_C_READ_MMAP, nullptr));
  if (elf == nullptr || elf_kind(elf.get()) != ELF_K_ELF) return {};
  const void* bytes = nullptr;
  const ssize_t size = dwelf_elf_gnu_build_id(elf.get(), &bytes);
  return size <= 0 ? std::string() : std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

std::optional<DebugFile> find_debug_file(const std::vector<std::filesystem::path>& folders,
                                         const std::filesystem::path& object, const DebugLink& link) {
  if (auto found = by_id(folders, link.build_id)) return found;
  // A name with folders in it would lead out of where debug files lie.
  if (link.name.empty() || link.name.find('/') != std::string::npos) return std::nullopt;
  std::error_code ignored;
  const std::filesystem::path folder = std::filesystem::absolute(object, ignored).parent_path();
  std::vector<std::filesystem::path> candidates{folder / link.name, folder / ".debug" / link.name};
  for (const auto& root : folders) candidates.push_back(root / folder.relative_path() / link.name);
  for (const auto& candidate : candidates) {
    if (std::filesystem::equivalent(candidate, object, ignored)) continue;
    Descriptor file = open_regular(candidate);
    if (!file) continue;
    const bool fits = link.build_id.empty() ? checksum_of(file) == link.crc : build_id_of(file) == link.build_id;
    if (fits) return DebugFile{candidate, std::move(file)};
  }
  return std::nullopt;
}

std::optional<DebugFile> find_alternate_file(const std::vector<std::filesystem::path>& folders,
                                             const std::filesystem::path& debug_file, const std::string& name,
                                             const std::string& build_id) {
  if (auto found = by_id(folders, build_id)) return found;
  // A path of its own replaces the folder. It counts from where the file really lies: .build-id holds links.
  std::error_code error;
  std::filesystem::path real = std::filesystem::canonical(debug_file, error);
  if (error) real = debug_file;
  return with_id(real.parent_path() / name, build_id);
}

}  // namespace fittest::heap

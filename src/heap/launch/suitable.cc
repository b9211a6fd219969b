#include "heap/launch/suitable.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/descriptor.h"

namespace fittest::heap {
namespace {

namespace fs = std::filesystem;

// As deep as the kernel follows interpreters of scripts.
constexpr int kMostInterpreters = 5;
constexpr std::size_t kLongestShebang = 256;

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#else
#error "which machine is this?"
#endif

// Fewer bytes at the file's end.
std::string read_at(const Descriptor& file, std::uint64_t offset, std::size_t size) {
  std::string out(size, '\0');
  ssize_t got = 0;
  do got = ::pread(file.get(), out.data(), size, static_cast<off_t>(offset));
  while (got < 0 && errno == EINTR);
  out.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return out;
}

std::string machine_name(Elf64_Half machine) {
  switch (machine) {
    case EM_386:
      return "32-bit x86";
    case EM_X86_64:
      return "x86-64";
    case EM_ARM:
      return "32-bit ARM";
    case EM_AARCH64:
      return "AArch64";
    case EM_RISCV:
      return "RISC-V";
    case EM_PPC64:
      return "PowerPC";
    case EM_S390:
      return "s390";
    default:
      return "machine " + std::to_string(machine);
  }
}

// A sanitizer's run-time library among names of libraries, or nothing: these bring an allocator of their own, and stop
// the program where another library comes before them.
std::optional<std::string> sanitizer_among(const std::vector<std::string>& libraries) {
  for (const std::string& library : libraries) {
    const std::string file = fs::path(library).filename().string();
    for (const std::string_view start : {"libasan.", "libtsan.", "liblsan.", "libhwasan.", "libclang_rt."}) {
      if (file.starts_with(start)) return file;
    }
  }
  return std::nullopt;
}

constexpr std::size_t kMostDynamic = std::size_t{1} << 20;  // bytes of a dynamic section, and of its names

// The libraries that an ELF file asks for (DT_NEEDED). Empty where it cannot be read.
std::vector<std::string> needed_libraries(const Descriptor& file, const std::vector<Elf64_Phdr>& segments) {
  const auto offset_of = [&](std::uint64_t address) -> std::optional<std::uint64_t> {
    for (const Elf64_Phdr& segment : segments) {
      if (segment.p_type == PT_LOAD && address - segment.p_vaddr < segment.p_filesz) {
        return segment.p_offset + (address - segment.p_vaddr);
      }
    }
    return std::nullopt;
  };
  std::vector<std::uint64_t> names;
  std::optional<std::uint64_t> table;
  std::uint64_t table_size = 0;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_DYNAMIC) continue;
    const std::string bytes = read_at(file, segment.p_offset, std::min<std::size_t>(segment.p_filesz, kMostDynamic));
    for (std::size_t at = 0; at + sizeof(Elf64_Dyn) <= bytes.size(); at += sizeof(Elf64_Dyn)) {
      Elf64_Dyn entry;
      std::memcpy(&entry, bytes.data() + at, sizeof entry);
      if (entry.d_tag == DT_NEEDED) names.push_back(entry.d_un.d_val);
      if (entry.d_tag == DT_STRTAB) table = offset_of(entry.d_un.d_ptr);
      if (entry.d_tag == DT_STRSZ) table_size = entry.d_un.d_val;
    }
  }
  std::vector<std::string> libraries;
  if (!table) return libraries;
  const std::string text = read_at(file, *table, std::min<std::size_t>(table_size, kMostDynamic));
  for (const std::uint64_t name : names) {
    if (name < text.size()) libraries.emplace_back(text.c_str() + name);
  }
  return libraries;
}

std::optional<std::string> judge_elf(const Descriptor& file, const std::string& name) {
  const std::string bytes = read_at(file, 0, sizeof(Elf64_Ehdr));
  if (bytes.size() < sizeof(Elf64_Ehdr)) return name + " is cut off";
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  // The machine stands in the same place for 32 bits.
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != kMachine) {
    const bool is_x32 = header.e_machine == kMachine;
    return name + " is for another architecture (" + (is_x32 ? "32 bits of " : "") + machine_name(header.e_machine) +
           ")";
  }
  std::vector<Elf64_Phdr> segments;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const std::string entry = read_at(file, header.e_phoff + i * header.e_phentsize, sizeof(Elf64_Phdr));
    if (entry.size() < sizeof(Elf64_Phdr)) break;
    segments.emplace_back();
    std::memcpy(&segments.back(), entry.data(), sizeof(Elf64_Phdr));
  }
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_INTERP) continue;
    const std::string loader = read_at(file, segment.p_offset, std::min<std::size_t>(segment.p_filesz, 4096)).c_str();
    if (loader.find("ld-musl") != std::string::npos) return name + " is linked to musl";
    if (loader.find("ld-linux") == std::string::npos && loader.find("/ld64") == std::string::npos) {
      return name + " is loaded by " + loader + ", not by glibc's loader";
    }
    if (const auto sanitizer = sanitizer_among(needed_libraries(file, segments))) {
      return name + " is built with a sanitizer (" + *sanitizer + "), which has an allocator of its own";
    }
    return std::nullopt;
  }
  return name + " is statically linked";
}

// The loader drops LD_PRELOAD where the program gets rights that its caller does not have.
std::optional<std::string> judge_rights(const Descriptor& file, const std::string& name) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return std::nullopt;
  if ((status.st_mode & S_ISUID) != 0 && status.st_uid != ::getuid()) return name + " is setuid";
  const bool sets_group = (status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0;
  if (sets_group && status.st_gid != ::getgid()) return name + " is setgid";
  if (::getuid() != 0 && ::fgetxattr(file.get(), "security.capability", nullptr, 0) > 0) {
    return name + " has capabilities of its own";
  }
  return std::nullopt;
}

// "#!/usr/bin/env python3" -> the two words.
std::vector<std::string> shebang(std::string_view start) {
  std::string_view line = start.substr(2, std::min(start.find('\n'), start.size()) - 2);
  std::vector<std::string> words;
  while (words.size() < 2) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    if (line.empty()) break;
    const std::size_t end = std::min(line.find_first_of(" \t\r"), line.size());
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return words;
}

std::optional<std::string> judge(const fs::path& program, int interpreters_left) {
  const std::string name = program.filename().string();
  const Descriptor file(::open(program.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;  // it may be executed all the same; what becomes of it is seen afterwards
  const std::string start = read_at(file, 0, kLongestShebang);
  if (start.starts_with(ELFMAG)) {
    if (auto why = judge_rights(file, name)) return why;
    return judge_elf(file, name);
  }
  if (!start.starts_with("#!") || interpreters_left == 0) return std::nullopt;
  const std::vector<std::string> words = shebang(start);
  if (words.empty()) return std::nullopt;
  // env(1) runs what stands behind it, in its own place.
  if (fs::path(words[0]).filename() == "env" && words.size() == 2 && !words[1].starts_with('-')) {
    if (const auto behind = find_program(words[1])) return judge(*behind, interpreters_left - 1);
  }
  return judge(words[0], interpreters_left - 1);
}

bool can_be_executed(const fs::path& file) {
  std::error_code problem;
  return fs::is_regular_file(file, problem) && ::access(file.c_str(), X_OK) == 0;
}

}  // namespace

Result<fs::path> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    std::error_code problem;
    if (can_be_executed(name)) return fs::path(name);
    if (!fs::exists(name, problem)) return failure("there is no such program", name);
    return failure("may not be executed", name,
                   "chmod +x makes a program of a file; for a script, name its interpreter");
  }
  const char* variable = std::getenv("PATH");
  std::string_view folders = variable == nullptr ? "/usr/bin:/bin" : variable;
  while (!name.empty()) {
    const std::size_t end = std::min(folders.find(':'), folders.size());
    const fs::path folder(end == 0 ? "." : folders.substr(0, end));
    if (can_be_executed(folder / name)) return folder / name;
    if (end == folders.size()) break;
    folders.remove_prefix(end + 1);
  }
  return failure("there is no such program on the PATH", name, "a program that is not on it needs its path: ./" + name);
}

std::optional<std::string> why_not_traceable(const fs::path& program) {
  if (const char* preload = std::getenv("LD_PRELOAD")) {
    std::vector<std::string> libraries(1);
    for (const char* at = preload; *at != '\0'; ++at) {
      if (*at == ':' || *at == ' ') {
        libraries.emplace_back();
      } else {
        libraries.back() += *at;
      }
    }
    if (const auto sanitizer = sanitizer_among(libraries)) {
      return "LD_PRELOAD names a sanitizer (" + *sanitizer + "), which has an allocator of its own";
    }
  }
  return judge(program, kMostInterpreters);
}

}  // namespace fittest::heap

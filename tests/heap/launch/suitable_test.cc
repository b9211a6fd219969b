#include "heap/launch/suitable.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "core/read_file.h"
#include "support/folder.h"

namespace fittest::heap {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Optional;

// A program's headers, and nothing behind them.
std::string elf(const std::string& loader, Elf64_Half machine = EM_X86_64, unsigned char bits = ELFCLASS64) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = bits;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_DYN;
  header.e_machine = machine;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 2;
  Elf64_Phdr segments[2]{};
  segments[0].p_type = PT_LOAD;
  segments[1].p_type = loader.empty() ? PT_NOTE : PT_INTERP;
  segments[1].p_offset = sizeof header + sizeof segments;
  segments[1].p_filesz = loader.size() + 1;
  std::string out(reinterpret_cast<const char*>(&header), sizeof header);
  out.append(reinterpret_cast<const char*>(segments), sizeof segments);
  return out + loader + '\0';
}

constexpr const char* kGlibc = "/lib64/ld-linux-x86-64.so.2";

#if defined(__x86_64__)

TEST(Suitable, AProgramOfGlibc) {
  const Folder folder;
  EXPECT_EQ(why_not_traceable(folder.write_program("app", elf(kGlibc))), std::nullopt);
  EXPECT_EQ(why_not_traceable(FITTEST_PLAIN_PROGRAM), std::nullopt);
}

TEST(Suitable, NotOneWithASanitizer) {
  EXPECT_THAT(why_not_traceable(FITTEST_SANITIZED_PROGRAM),
              Optional(ContainsRegex(R"(sanitizer \((libasan|libclang_rt\.asan))")));
  const char* before = std::getenv("LD_PRELOAD");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("LD_PRELOAD", "libm.so.6:/some/where/libtsan.so.2", 1);
  EXPECT_THAT(why_not_traceable(FITTEST_PLAIN_PROGRAM),
              Optional(HasSubstr("LD_PRELOAD names a sanitizer (libtsan.so.2)")));
  ::setenv("LD_PRELOAD", "libm.so.6", 1);
  EXPECT_EQ(why_not_traceable(FITTEST_PLAIN_PROGRAM), std::nullopt);
  if (before == nullptr) {
    ::unsetenv("LD_PRELOAD");
  } else {
    ::setenv("LD_PRELOAD", kept.c_str(), 1);
  }
}

TEST(Suitable, NotOneOfAnotherKind) {
  const Folder folder;
  EXPECT_THAT(why_not_traceable(folder.write_program("a", elf(""))), Optional(HasSubstr("a is statically linked")));
  EXPECT_THAT(why_not_traceable(folder.write_program("b", elf("/lib/ld-musl-x86_64.so.1"))),
              Optional(HasSubstr("musl")));
  EXPECT_THAT(why_not_traceable(folder.write_program("c", elf("/system/bin/linker64"))),
              Optional(HasSubstr("/system/bin/linker64")));
  EXPECT_THAT(why_not_traceable(folder.write_program("d", elf(kGlibc, EM_AARCH64))), Optional(HasSubstr("AArch64")));
  EXPECT_THAT(why_not_traceable(folder.write_program("e", elf(kGlibc, EM_386, ELFCLASS32))),
              Optional(HasSubstr("32-bit x86")));
  EXPECT_THAT(why_not_traceable(folder.write_program("f", elf(kGlibc, EM_X86_64, ELFCLASS32))),
              Optional(HasSubstr("32 bits of")));
  EXPECT_THAT(why_not_traceable(folder.write_program("g", std::string("\x7f") + "ELF")),
              Optional(HasSubstr("cut off")));
}

TEST(Suitable, AScriptIsWhatItsInterpreterIs) {
  const Folder folder;
  const auto fixed = folder.write_program("fixed", elf(""));
  const auto good = folder.write_program("good", elf(kGlibc));
  EXPECT_THAT(why_not_traceable(folder.write_program("s1", "#!" + fixed.string() + " -u\n")),
              Optional(HasSubstr("fixed is static")));
  EXPECT_EQ(why_not_traceable(folder.write_program("s2", "#! " + good.string() + "\nhello\n")), std::nullopt);
  EXPECT_THAT(why_not_traceable(folder.write_program("s3", "#!/usr/bin/env " + fixed.string() + "\n")),
              Optional(HasSubstr("fixed is static")));
  EXPECT_EQ(why_not_traceable(folder.write_program("s4", "no shebang, the shell reads it\n")), std::nullopt);
  // One that names itself ends.
  const auto loop = folder / "loop";
  folder.write_program("loop", "#!" + loop.string() + "\n");
  EXPECT_EQ(why_not_traceable(loop), std::nullopt);
}

TEST(Suitable, NotOneThatGetsOtherRights) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can make files of others";
  const Folder folder;
  const auto file = folder.write_program("rights", elf(kGlibc));
  ASSERT_EQ(::chown(file.c_str(), 65534, 65534), 0);
  ASSERT_EQ(::chmod(file.c_str(), 04755), 0);
  EXPECT_THAT(why_not_traceable(file), Optional(HasSubstr("setuid")));
  ASSERT_EQ(::chmod(file.c_str(), 02755), 0);
  EXPECT_THAT(why_not_traceable(file), Optional(HasSubstr("setgid")));
  ASSERT_EQ(::chmod(file.c_str(), 0755), 0);
  EXPECT_EQ(why_not_traceable(file), std::nullopt);
}

#endif

TEST(Suitable, HeadersThatAreGarbageAreSurvived) {
  const Folder folder;
  const std::string good = elf(kGlibc);
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char value : {'\0', '\xff'}) {
      std::string bad = good;
      bad[i] = value;
      why_not_traceable(folder.write_program("bad", bad));
    }
    if (i % 8 == 0) why_not_traceable(folder.write_program("short", good.substr(0, i)));
  }
}

TEST(FindProgram, LooksWhereTheKernelWould) {
  const Folder folder;
  const auto file = folder.write_program("tool", "#!/bin/sh\n");
  const std::string before = ::getenv("PATH");
  ::setenv("PATH", ("/nowhere:" + folder.path().string()).c_str(), 1);
  EXPECT_EQ(find_program("tool").value(), file);
  EXPECT_EQ(find_program(file.string()).value(), file);
  EXPECT_THAT(find_program("no_such_tool").error().text(), HasSubstr("on the PATH"));
  ::setenv("PATH", before.c_str(), 1);
  EXPECT_THAT(find_program((folder / "none").string()).error().text(), HasSubstr("no such program"));
  EXPECT_THAT(find_program(folder.write("text", "x").string()).error().text(), HasSubstr("may not be executed"));
  EXPECT_FALSE(find_program(""));
}

}  // namespace
}  // namespace fittest::heap

#include "heap/symbols/symbols.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "core/read_file.h"
#include "heap/symbols/debug_file.h"
#include "noise.h"
#include "output_of.h"
#include "support/folder.h"

namespace fittest::heap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

struct Point {
  std::uint64_t address = 0;
  std::vector<std::uint32_t> lines;  // of the calls, innermost first; 0: none
};

// A sample that ran and is gone, and a folder for its files.
class SymbolsTest : public testing::Test {
 protected:
  // Copies a sample to `folder_/name`, and runs it there.
  void run(const std::string& sample, const std::string& name = "program") {
    program_ = folder_ / name;
    fs::copy_file(fs::path(FITTEST_SAMPLES) / sample, program_, fs::copy_options::overwrite_existing);
    const Output output = output_of(program_.string());
    ASSERT_TRUE(output.succeeded);
    std::istringstream text(output.text);
    Module module;
    module.path = program_;
    points_.clear();
    for (std::string word; text >> word;) {
      if (word == "bias") text >> module.bias;
      if (word == "build_id") {
        text >> word;
        module.build_id = from_hex(word);
      }
      if (word == "point") {
        std::string point;
        Point where;
        where.lines.resize(3);
        text >> point >> where.address >> where.lines[0] >> where.lines[1] >> where.lines[2];
        points_[point] = where;
      }
    }
    ASSERT_EQ(points_.size(), 4U);
    ASSERT_EQ(module.build_id.size(), 20U);
    profile_.modules = {module};
    fs::create_directories(folder_ / "debug");
  }

  void shell(const std::string& command) {
    ASSERT_TRUE(output_of("cd " + folder_.string() + " && exec 2>&1 && " + command).succeeded) << command;
  }

  // .build-id/xx/yyyy.debug of the program
  [[nodiscard]] std::string id_path() const {
    std::string hex;
    for (const char byte : profile_.modules[0].build_id) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      hex += kDigits[static_cast<unsigned char>(byte) >> 4];
      hex += kDigits[static_cast<unsigned char>(byte) & 15];
    }
    return "debug/.build-id/" + hex.substr(0, 2) + "/" + hex.substr(2) + ".debug";
  }

  std::vector<Line> lines(const std::string& point) {
    Symbols symbols(profile_, {.native = false, .debug_folders = {folder_ / "debug"}});
    auto found = symbols.lines({{{points_.at(point).address, 0}}, {}});
    problems_ = symbols.problems();
    return found;
  }
  std::string function(const std::string& point) {
    const auto found = lines(point);
    return found.empty() ? "" : found.back().function;
  }

  void expect_all() {
    const auto inlined = lines("inlined");
    ASSERT_EQ(inlined.size(), 3U);
    const std::vector<std::string> functions{"sample::(anonymous namespace)::inner", "sample::middle(int)",
                                             "sample::Maker<long>::outer(long)"};
    for (std::size_t i = 0; i < 3; ++i) {
      // GCC gives what is local to a file no linkage name, and so no parameters.
      EXPECT_THAT(inlined[i].function, testing::StartsWith(functions[i]));
      EXPECT_EQ(inlined[i].line, points_["inlined"].lines[i]) << i;
      EXPECT_EQ(fs::path(inlined[i].file).filename(), "sample.cc");
      EXPECT_EQ(inlined[i].module, program_);
      EXPECT_EQ(inlined[i].inlined, i < 2);
      EXPECT_EQ(inlined[i].language, Language::native);
    }
    const auto hidden = lines("hidden");
    ASSERT_EQ(hidden.size(), 1U);
    EXPECT_EQ(hidden[0].function, "(anonymous namespace)::hidden()");
    EXPECT_EQ(hidden[0].line, points_["hidden"].lines[0]);
    EXPECT_EQ(function("exported"), "sample_exported");
    EXPECT_EQ(function("ends_in_call"), "sample_ends_in_call");
    EXPECT_THAT(problems_, IsEmpty());
  }

  const Folder own_;
  const fs::path folder_ = own_.path();
  fs::path program_;
  Profile profile_;
  std::map<std::string, Point> points_;
  std::vector<std::string> problems_;
};

TEST_F(SymbolsTest, expand_what_was_inlined) {
  run("heap_sample");
  expect_all();
}

TEST_F(SymbolsTest, know_programs_at_fixed_addresses) {
  run("heap_sample_fixed");
  EXPECT_EQ(profile_.modules[0].bias, 0U);
  expect_all();
}

TEST_F(SymbolsTest, know_dwarf_in_object_files) {
  run("heap_sample_dwo");
  expect_all();
}

TEST_F(SymbolsTest, know_programs_that_were_optimised_when_linked) {
  run("heap_sample_lto");
  expect_all();
}

TEST_F(SymbolsTest, know_compressed_debug_information) {
  run("heap_sample");
  shell("objcopy --compress-debug-sections=zlib program");
  expect_all();
}

// Which writes no table of the addresses of its units.
TEST_F(SymbolsTest, know_what_clang_compiles) {
  const std::string clang = "clang++-14";
  if (!output_of(clang + " --version 2>&1").succeeded) GTEST_SKIP() << clang << " is not installed";
  shell(clang + " -O2 -g -w -std=c++20 -rdynamic -Wl,--build-id=sha1 -o built " FITTEST_SOURCE_FOLDER
                "/tests/heap/symbols/sample.cc");
  run((folder_ / "built").string());
  expect_all();
}

TEST_F(SymbolsTest, find_split_debug_information_by_build_id) {
  run("heap_sample");
  shell("mkdir -p $(dirname " + id_path() + ") && objcopy --only-keep-debug program " + id_path() +
        " && strip program");
  expect_all();
  // That of another program is not taken.
  shell("objcopy --only-keep-debug " FITTEST_SAMPLES "/heap_sample_fixed " + id_path());
  EXPECT_EQ(function("exported"), "sample_exported");
  EXPECT_EQ(lines("exported")[0].line, 0U);
}

TEST_F(SymbolsTest, find_split_debug_information_by_name) {
  run("heap_sample");
  const std::string split =
      "objcopy --only-keep-debug program program.debug && strip program && "
      "objcopy --add-gnu-debuglink=program.debug program && ";
  shell(split + "mkdir .debug && mv program.debug .debug/");
  expect_all();
  shell("mkdir -p debug/$PWD && mv .debug/program.debug debug/$PWD/");
  expect_all();
  shell("mv debug/$PWD/program.debug program.debug");
  expect_all();
  shell("cp " FITTEST_SAMPLES "/heap_sample_fixed program.debug");
  EXPECT_EQ(lines("exported")[0].line, 0U);
}

TEST_F(SymbolsTest, find_split_debug_information_by_checksum) {
  run("heap_sample");
  shell(
      "objcopy --remove-section=.note.gnu.build-id program && objcopy --only-keep-debug program program.debug && "
      "strip program && objcopy --add-gnu-debuglink=program.debug program");
  profile_.modules[0].build_id.clear();
  expect_all();
  shell("printf x >>program.debug");
  EXPECT_EQ(lines("exported")[0].line, 0U);
}

TEST_F(SymbolsTest, follow_dwz_into_its_common_file) {
#if defined(__clang__)
  GTEST_SKIP() << "dwz does not take what Clang 14 writes";
#endif
  if (!output_of("dwz --version 2>&1").succeeded) GTEST_SKIP() << "dwz is not installed";
  run("heap_sample");
  shell(
      "cp program second && mkdir .dwz && dwz -m .dwz/common -M .dwz/common program second && "
      "readelf -S program | grep -q gnu_debugaltlink");
  expect_all();  // by name
  std::string id = build_id_of(open_regular(folder_ / ".dwz/common"));
  ASSERT_EQ(id.size(), 20U);
  std::swap(id, profile_.modules[0].build_id);
  const std::string by_id = id_path();
  std::swap(id, profile_.modules[0].build_id);
  shell("mkdir -p $(dirname " + by_id + ") && mv .dwz/common " + by_id);
  expect_all();
  shell("rm " + by_id);
  EXPECT_EQ(function("exported"), "sample_exported");
}

TEST_F(SymbolsTest, fall_back_to_what_is_exported) {
  run("heap_sample");
  shell("strip program");
  EXPECT_EQ(function("exported"), "sample_exported");
  EXPECT_EQ(function("inlined"), "sample::Maker<long>::outer(long)");
  EXPECT_EQ(function("ends_in_call"), "sample_ends_in_call");
  EXPECT_THAT(function("hidden"), testing::MatchesRegex("0x[0-9a-f]+"));
  EXPECT_EQ(lines("hidden")[0].module, program_);
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(SymbolsTest, read_symbol_tables_without_dwarf) {
  run("heap_sample");
  shell("strip --strip-debug program");
  EXPECT_EQ(function("hidden"), "(anonymous namespace)::hidden()");
  EXPECT_EQ(lines("hidden")[0].line, 0U);
}

// As the _init that older linkers export: it has no size, and must not name all that comes behind its section.
TEST_F(SymbolsTest, end_symbols_without_size_with_their_section) {
  std::ofstream(folder_ / "a.s") << R"(
    .section .init, "ax", @progbits
    .globl early
    .type early, @function
    early: nop
    .text
    hidden: nop
    nop
    .globl exported
    .type exported, @function
    exported: nop
    nop
)";
  shell("c++ -shared -nostdlib -o a.so a.s");
  const auto address_of = [&](const std::string& name) {
    return std::stoull(output_of("nm " + (folder_ / "a.so").string() + " | grep ' " + name + "$'").text, nullptr, 16);
  };
  const std::uint64_t early = address_of("early");
  const std::uint64_t hidden = address_of("hidden");
  const std::uint64_t exported = address_of("exported");
  ASSERT_LT(early, hidden);
  shell("strip a.so");
  profile_.modules = {{folder_ / "a.so", "", 0, 0, 0x10000}};
  Symbols symbols(profile_, {.native = false, .debug_folders = {}});
  const auto name_at = [&](std::uint64_t address) { return symbols.lines({{{address + 1, 0}}, {}})[0].function; };
  EXPECT_EQ(name_at(early), "early");
  EXPECT_THAT(name_at(hidden), testing::StartsWith("0x"));
  EXPECT_EQ(name_at(exported + 1), "exported");
  EXPECT_THAT(name_at(exported + 0x1000), testing::StartsWith("0x"));
}

TEST_F(SymbolsTest, say_that_a_file_has_changed) {
  run("heap_sample");
  fs::copy_file(fs::path(FITTEST_SAMPLES) / "heap_sample_other", program_, fs::copy_options::overwrite_existing);
  Symbols symbols(profile_);
  for (const auto& [name, point] : points_) {
    const auto found = symbols.lines({{{point.address, 0}}, {}});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0].function, testing::MatchesRegex("0x[0-9a-f]+"));
  }
  ASSERT_EQ(symbols.problems().size(), 1U);
  EXPECT_THAT(symbols.problems()[0], HasSubstr(program_.string()));
  EXPECT_THAT(symbols.problems()[0], HasSubstr("has changed since the trace was made"));
}

TEST_F(SymbolsTest, say_which_files_cannot_be_used) {
  run("heap_sample");
  fs::remove(program_);
  EXPECT_THAT(function("exported"), testing::StartsWith("0x"));
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("cannot be opened")));
  ASSERT_EQ(mkfifo(program_.c_str(), 0600), 0);
  EXPECT_THAT(function("exported"), testing::StartsWith("0x"));
  EXPECT_EQ(problems_.size(), 1U);
  profile_.modules[0].build_id.clear();
  fs::remove(program_);
  std::ofstream(program_) << "#!/bin/sh\n";
  EXPECT_THAT(function("exported"), testing::StartsWith("0x"));
  EXPECT_EQ(problems_.size(), 1U);
}

TEST_F(SymbolsTest, give_an_address_where_nothing_is_known) {
  profile_.modules.push_back({"", "", 0x1000, 0x1000, 0x2000});
  Symbols symbols(profile_);
  const auto found = symbols.lines({{{0x1235, kNoModule}, {0x1235, 0}, {0x1235, 77}, {0, 0}}, {{5, 0, true}}});
  ASSERT_EQ(found.size(), 5U);
  EXPECT_EQ(found[0].function, "0x1234");
  EXPECT_EQ(found[1].function, "0x234");
  EXPECT_EQ(found[2].function, "0x1234");
  EXPECT_EQ(found[4].language, Language::python);
  EXPECT_FALSE(found[4].function.empty());
}

// As whoever has a server for debug information set in the environment: it is not asked.
TEST_F(SymbolsTest, ask_no_server) {
  if (std::getenv("DEBUGINFOD_URLS") == nullptr) {
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ASSERT_GE(server, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    ASSERT_EQ(bind(server, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(listen(server, 5), 0);
    ASSERT_EQ(getsockname(server, reinterpret_cast<sockaddr*>(&address), &size), 0);
    // The variable counts from the program's start.
    const std::string url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    const Output output =
        output_of("DEBUGINFOD_TIMEOUT=5 DEBUGINFOD_CACHE_PATH=" + folder_.string() + "/cache DEBUGINFOD_URLS=" + url +
                  " " + fs::read_symlink("/proc/self/exe").string() + " --gtest_filter=SymbolsTest.ask_no_server 2>&1");
    EXPECT_TRUE(output.succeeded) << output.text;
    EXPECT_LT(accept(server, nullptr, nullptr), 0);
    EXPECT_EQ(errno, EAGAIN);
    close(server);
    return;
  }
  run("heap_sample");
  shell(
      "objcopy --only-keep-debug program gone.debug && strip program && "
      "objcopy --add-gnu-debuglink=gone.debug program && rm gone.debug");
  EXPECT_EQ(function("exported"), "sample_exported");
}

// Objects, and split debug files, with bytes changed or cut off: never a crash.
TEST_F(SymbolsTest, survive_garbage) {
  run("heap_sample");
  shell("mkdir -p $(dirname " + id_path() + ") && objcopy --only-keep-debug program " + id_path());
  const fs::path split = folder_ / id_path();
  const auto object = read_file(program_);
  const auto debug = read_file(split);
  shell("strip program");
  const auto stripped = read_file(program_);
  ASSERT_TRUE(object && debug && stripped);
  const std::string build_id = profile_.modules[0].build_id;
#ifdef __SANITIZE_ADDRESS__
  const __lsan::ScopedDisabler disabler;  // libdw loses a few kilobytes on some garbage
#endif
  std::mt19937_64 random = noise();
  for (std::uint64_t round = 0, rounds = noise_rounds(400); round < rounds; ++round) {
    const bool of_debug = round % 2 == 0;
    std::string bytes = of_debug ? *debug : *object;
    for (std::size_t n = random() % 40 + 1; n > 0; --n) {
      // Half of the changes in the headers, which lie at both ends.
      std::size_t at = random() % bytes.size();
      if (n % 4 == 0) at %= 0x400;
      if (n % 4 == 1) at = bytes.size() - 1 - at % 0xA00;
      bytes[at] = static_cast<char>(random());
    }
    if (round % 5 == 0) bytes.resize(random() % bytes.size());
    std::ofstream(of_debug ? split : program_, std::ios::binary | std::ios::trunc) << bytes;
    if (of_debug) std::ofstream(program_, std::ios::binary | std::ios::trunc) << *stripped;
    profile_.modules[0].build_id = of_debug ? build_id : "";
    Symbols symbols(profile_, {.native = false, .debug_folders = {folder_ / "debug"}});
    for (const auto& [name, point] : points_) {
      EXPECT_FALSE(symbols.lines({{{point.address, 0}}, {}}).empty());
    }
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t address = profile_.modules[0].bias + random() % bytes.size();
      EXPECT_FALSE(symbols.lines({{{address, 0}}, {}}).empty());
    }
  }
}

TEST(ReadableName, leaves_out_what_compilers_add) {
  EXPECT_EQ(readable_name("_ZN3foo3barEv.constprop.0.cold"), "foo::bar()");
  EXPECT_EQ(readable_name("list_resize.part.0"), "list_resize");
  EXPECT_EQ(readable_name("_PyEval_EvalFrameDefault.lto_priv.0"), "_PyEval_EvalFrameDefault");
  EXPECT_EQ(readable_name("main.coldStart"), "main.coldStart");
  EXPECT_EQ(readable_name("_Znot_a_name"), "_Znot_a_name");
  EXPECT_EQ(readable_name(""), "");
}

}  // namespace
}  // namespace fittest::heap

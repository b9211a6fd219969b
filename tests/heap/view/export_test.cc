// Formats of other tools: collapsed stacks, pprof, speedscope.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../../report/json_schema.h"
#include "../../report/snapshot.h"
#include "core/read_file.h"
#include "heap/view/collapsed.h"
#include "heap/view/pprof.h"
#include "heap/view/speedscope.h"
#include "profiles.h"

namespace fittest::heap {
namespace {

using report::matches_snapshot;
using ::testing::HasSubstr;

TEST(Collapsed, IsALineForEachStack) {
  EXPECT_TRUE(matches_snapshot("collapsed", collapsed_text(python_program().gathered(), Measure::peak)));
}

TEST(Collapsed, KeepsSeparatorsOutOfNames) {
  Made made;
  made.stack({native("a;b\nc", "", 0), native("main", "", 0)}, kib(1, 1, 1, 0));
  EXPECT_EQ(collapsed_text(made.gathered(), Measure::total), "main;a:b c 1024\n");
  EXPECT_EQ(collapsed_text(made.gathered(), Measure::temporary), "");
}

std::string unzipped(const std::string& bytes) {
  std::string out(1 << 20, '\0');
  z_stream stream{};
  EXPECT_EQ(::inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
  std::string in = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::inflateEnd(&stream);
  return out;
}

TEST(Pprof, IsGzipOfTheMessage) {
  const Made made = python_program();
  const auto file = pprof_file(made.gathered(), made.profile, Measure::peak);
  ASSERT_TRUE(file);
  EXPECT_EQ(unzipped(*file), pprof_message(made.gathered(), made.profile, Measure::peak));
}

TEST(Pprof, ALargeOneIsWhole) {
  Made made;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    made.stack({native("function_" + std::to_string(i * 7919), "a.cc", i)}, kib(1, 1, 1, 0));
  }
  const auto file = pprof_file(made.gathered(), made.profile, Measure::peak);
  ASSERT_TRUE(file);
  EXPECT_EQ(unzipped(*file), pprof_message(made.gathered(), made.profile, Measure::peak));
}

// Read by protoc with the published definition's fields (pprof.proto beside this file).
TEST(Pprof, IsReadByProtoc) {
  const std::string protoc = FITTEST_PROTOC;
  if (protoc.empty()) GTEST_SKIP() << "protoc is not installed";
  Made made = native_program();
  made.profile.modules = {{"/usr/bin/app", "\x01\xab", 0, 0x1000, 0x2000}};
  const std::filesystem::path file = std::filesystem::path(::testing::TempDir()) / "fittest_pprof_message";
  std::ofstream(file, std::ios::binary) << pprof_message(made.gathered(), made.profile, Measure::leaked);
  const std::string command =
      protoc + " --proto_path=" FITTEST_REPORT_TESTS " --decode=perftools.profiles.Profile pprof.proto < " +
      file.string();
  std::string text;
  FILE* out = ::popen(command.c_str(), "r");
  ASSERT_NE(out, nullptr);
  std::array<char, 4096> buffer{};
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), out)) > 0;)
    text.append(buffer.data(), got);
  EXPECT_EQ(::pclose(out), 0);
  std::filesystem::remove(file);
  EXPECT_TRUE(matches_snapshot("pprof", text));
}

// With the schema that speedscope publishes in its package; its words for alternatives and definitions are older ones.
TEST(Speedscope, IsAsItsSchemaSays) {
  const auto schema = read_file(FITTEST_SPEEDSCOPE_SCHEMA);
  ASSERT_TRUE(schema) << schema.error().text();
  std::string text = *schema;
  for (const auto& [old_word, word] : {std::pair{"\"anyOf\"", "\"oneOf\""}, std::pair{"\"definitions\"", "\"$defs\""},
                                       std::pair{"#/definitions/", "#/$defs/"}}) {
    for (std::size_t at = 0; (at = text.find(old_word, at)) != std::string::npos;) {
      text.replace(at, std::string_view(old_word).size(), word);
    }
  }
  const auto json = nlohmann::json::parse(speedscope_json(python_program().gathered(), "app", Measure::total));
  EXPECT_THAT(report::JsonSchema(nlohmann::json::parse(text)).faults(json), ::testing::IsEmpty());
}

TEST(Speedscope, HasAProfileForEachMeasure) {
  const auto json = nlohmann::json::parse(speedscope_json(python_program().gathered(), "app", Measure::total));
  EXPECT_TRUE(matches_snapshot("speedscope", json.dump(1)));
  EXPECT_EQ(json["activeProfileIndex"], 1);
  for (const auto& profile : json["profiles"]) {
    EXPECT_EQ(profile["samples"].size(), profile["weights"].size());
    for (const auto& sample : profile["samples"]) {
      for (const auto& frame : sample) EXPECT_LT(frame.get<std::size_t>(), json["shared"]["frames"].size());
    }
  }
}

}  // namespace
}  // namespace fittest::heap

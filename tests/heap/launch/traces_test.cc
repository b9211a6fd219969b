#include "heap/launch/traces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>

#include "heap/trace/format.h"
#include "support/folder.h"

namespace fittest::heap {
namespace {

namespace fs = std::filesystem;

std::uint64_t now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

std::string trace(std::uint32_t process, std::uint64_t started) {
  trace::Header header{};
  std::memcpy(header.magic, trace::kMagic, sizeof header.magic);
  header.version = trace::kVersion;
  header.process = process;
  header.started = started;
  header.tail_capacity = trace::kSmallestTail;
  header.page_size = 4096;
  std::string out(trace::kHeaderSize + sizeof(trace::TailHeader) + trace::kSmallestTail, '\0');
  std::memcpy(out.data(), &header, sizeof header);
  return out;
}

TEST(Traces, AreThoseOfTheProcessInTheirOrder) {
  const Folder folder;
  const auto traces = Traces::below(folder / "run");
  ASSERT_TRUE(traces) << traces.error().text();
  const std::uint64_t begin = now();
  folder.write("run.12.1.heap", trace(12, begin + 2000));
  folder.write("run.12.heap", trace(12, begin + 1000));
  folder.write("run.13.heap", trace(13, begin + 3000));
  folder.write("run.12.2.heap", "no trace");
  folder.write("runner.12.heap", trace(12, begin + 1000));
  EXPECT_EQ(traces->of(12), (std::vector<fs::path>{folder / "run.12.heap", folder / "run.12.1.heap"}));
  EXPECT_EQ(traces->all().size(), 3U);
}

TEST(Traces, OfAnEarlierRunAreNotOurs) {
  const Folder folder;
  folder.write("run.12.heap", trace(12, now() - 60'000'000'000));
  const auto traces = Traces::below(folder / "run");
  ASSERT_TRUE(traces);
  EXPECT_TRUE(traces->of(12).empty());
}

TEST(Traces, NeedAFolderThatIsThere) {
  const Folder folder;
  const auto traces = Traces::below(folder / "none/run");
  ASSERT_FALSE(traces);
  EXPECT_THAT(traces.error().text(), ::testing::HasSubstr("none: a trace cannot be written there"));
}

TEST(Traces, AreKnownByTheirBeginning) {
  const Folder folder;
  EXPECT_TRUE(is_trace(folder.write("a", trace(1, 1))));
  EXPECT_FALSE(is_trace(folder.write("b", "text")));
  EXPECT_FALSE(is_trace(folder / "none"));
}

}  // namespace
}  // namespace fittest::heap

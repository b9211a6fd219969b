#include "run/run_folder.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "folder.h"

namespace fittest::run {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class RunFolderTest : public InFolder {
 protected:
  [[nodiscard]] fs::path state() const { return folder_ / "state"; }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(state() / "runs")) found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
  }
};

TEST_F(RunFolderTest, NamesAreFitForACgroupAndSortByTime) {
  const std::string id = new_run_id();
  EXPECT_THAT(id, testing::MatchesRegex("[0-9]{8}-[0-9]{6}-[0-9]{6}-[0-9a-f]{8}"));
  EXPECT_NE(id, new_run_id());
  EXPECT_LT(std::string("20200101-000000-1"), id);
}

TEST_F(RunFolderTest, NamesOfTheSameSecondSortByTime) {
  // Without the random digits, which decide only between runs of the same microsecond.
  std::string last;
  for (int i = 0; i < 2000; ++i) {
    const std::string next = new_run_id().substr(0, 22);
    ASSERT_LE(last, next);
    last = next;
  }
}

TEST_F(RunFolderTest, IsMadeWithWhatIsAboveIt) {
  const auto made = make_run_folder(state(), "20250101-120000-7");
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->run_id, "20250101-120000-7");
  EXPECT_TRUE(fs::is_directory(made->path));
  EXPECT_EQ(made->path, state() / "runs" / "20250101-120000-7");
  EXPECT_EQ(made->events().filename(), "events.jsonl");
}

TEST_F(RunFolderTest, IsKeptOutOfRepositories) {
  ASSERT_TRUE(make_run_folder(state(), "a"));
  EXPECT_EQ(text_of(state() / ".gitignore"), "*\n");
  write(state() / ".gitignore", "mine\n");
  ASSERT_TRUE(make_run_folder(state(), "b"));
  EXPECT_EQ(text_of(state() / ".gitignore"), "mine\n") << "what the user has made of it stays";
}

TEST_F(RunFolderTest, TheLastTenStay) {
  for (int i = 10; i < 35; ++i) {
    const auto made = make_run_folder(state(), "20250101-1200" + std::to_string(i) + "-1");
    ASSERT_TRUE(made);
    write(made->events(), "{}\n");
    write(made->path / "deeper" / "file", "x");
  }
  const auto kept = names();
  ASSERT_EQ(kept.size(), 10U);
  EXPECT_EQ(kept.front(), "20250101-120025-1");
  EXPECT_EQ(kept.back(), "20250101-120034-1");
}

TEST_F(RunFolderTest, TheOwnFolderStaysThoughTheClockWentBack) {
  for (int i = 10; i < 25; ++i) ASSERT_TRUE(make_run_folder(state(), "20250101-1200" + std::to_string(i) + "-1"));
  const auto made = make_run_folder(state(), "19700101-000000-1");
  ASSERT_TRUE(made);
  EXPECT_TRUE(fs::exists(made->path));
}

TEST_F(RunFolderTest, FilesAndLinksAreNotFollowed) {
  write(folder_ / "precious" / "file", "x");
  fs::create_directories(state() / "runs");
  fs::create_directory_symlink(folder_ / "precious", state() / "runs" / "0-first-by-name");
  write(state() / "runs" / "notes.txt", "mine");
  for (int i = 10; i < 25; ++i) ASSERT_TRUE(make_run_folder(state(), "20250101-1200" + std::to_string(i) + "-1"));
  EXPECT_TRUE(fs::exists(folder_ / "precious" / "file"));
  EXPECT_TRUE(fs::exists(state() / "runs" / "notes.txt"));
}

TEST_F(RunFolderTest, ThePreviousRunIsTheLatestOther) {
  EXPECT_FALSE(previous_run(state(), "x")) << "there is no folder at all";
  ASSERT_TRUE(make_run_folder(state(), "20250101-120000-7"));
  EXPECT_FALSE(previous_run(state(), "20250101-120000-7")) << "a run is not its own predecessor";
  ASSERT_TRUE(make_run_folder(state(), "20250102-120000-3"));
  ASSERT_TRUE(make_run_folder(state(), "20250103-120000-1"));
  write(state() / "runs" / "zzz", "a file");
  const auto previous = previous_run(state(), "20250103-120000-1");
  ASSERT_TRUE(previous);
  EXPECT_EQ(previous->run_id, "20250102-120000-3");
  EXPECT_EQ(previous->path, state() / "runs" / "20250102-120000-3");
}

TEST_F(RunFolderTest, APlaceThatCannotBeWrittenIsAnErrorThatSaysWhatIsLost) {
  write(state(), "a file");
  const auto made = make_run_folder(state(), "a");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().text(), testing::AllOf(testing::HasSubstr("state"), testing::HasSubstr("--resume")));
}

}  // namespace
}  // namespace fittest::run

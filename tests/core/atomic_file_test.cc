#include "core/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "support/folder.h"

namespace fittest {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class AtomicFileTest : public ::testing::Test {
 protected:
  static std::string content(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] long files() const { return std::distance(fs::directory_iterator(folder_), {}); }
  const Folder own_;
  const fs::path folder_ = own_.path();
};

TEST_F(AtomicFileTest, AppearsWholeInAFolderOfItsOwn) {
  const fs::path file = folder_ / "new" / "folder" / "a.txt";
  ASSERT_TRUE(write_file(file, "text\n"));
  EXPECT_EQ(content(file), "text\n");
  EXPECT_EQ(std::distance(fs::directory_iterator(file.parent_path()), {}), 1);
}

TEST_F(AtomicFileTest, TheOldFileStaysUntilTheEnd) {
  const fs::path file = folder_ / "a.txt";
  ASSERT_TRUE(write_file(file, "old"));
  {
    auto opened = AtomicFile::create(file);
    ASSERT_TRUE(opened);
    opened->add(std::string(1 << 20, 'n'));
    EXPECT_EQ(content(file), "old");
    EXPECT_EQ(files(), 2);
    ASSERT_TRUE(opened->commit());
  }
  EXPECT_EQ(content(file), std::string(1 << 20, 'n'));
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFileTest, GivenUpItLeavesNothing) {
  const fs::path file = folder_ / "a.txt";
  {
    auto opened = AtomicFile::create(file);
    ASSERT_TRUE(opened);
    AtomicFile moved = std::move(*opened);
    moved.add("half");
  }
  EXPECT_EQ(files(), 0);
}

TEST_F(AtomicFileTest, ErrorsNameTheFile) {
  fs::create_directory(folder_ / "a.txt");
  EXPECT_THAT(write_file(folder_ / "a.txt", "text").error().text(), HasSubstr("a.txt: cannot be written"));
  EXPECT_EQ(files(), 1);
  ASSERT_TRUE(write_file(folder_ / "file", ""));
  EXPECT_THAT(write_file(folder_ / "file" / "below", "text").error().text(), HasSubstr("cannot make its folder"));
}

TEST_F(AtomicFileTest, ItHasThePermissionsOfAnyNewFile) {
  const mode_t before = ::umask(0027);
  ASSERT_TRUE(write_file(folder_ / "a.txt", "text"));
  ::umask(before);
  EXPECT_EQ(fs::status(folder_ / "a.txt").permissions(), fs::perms{0640});
}

TEST_F(AtomicFileTest, KeepsThePermissionsOfTheOldFileAndLinksToIt) {
  const fs::path file = folder_ / "a.txt";
  fs::create_symlink("a.txt", folder_ / "link");
  ASSERT_TRUE(write_file(folder_ / "link", "one"));  // where it leads, nothing is there yet
  fs::permissions(file, fs::perms{0640});
  ASSERT_TRUE(write_file(folder_ / "link", "two"));
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_FALSE(fs::is_symlink(file));
  EXPECT_EQ(fs::file_size(file), 3);
  EXPECT_EQ(fs::status(file).permissions(), fs::perms{0640});
  EXPECT_EQ(files(), 2);
}

}  // namespace
}  // namespace fittest

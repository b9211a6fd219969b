// Places that cannot hold a history: the run goes on without one.
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "fixture.h"

namespace fittest::history {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class UnwritableTest : public InFolder {
 protected:
  // A whole run; says what is wrong with the store's behaviour, and gives its notices through `told`.
  static std::string use(const std::filesystem::path& file, std::string& told) {
    auto store = Store::open(file);
    const auto run = store.begin_run("pytest", "1");
    for (int batch = 0; batch < 20; ++batch) {
      std::vector<Outcome> results;
      for (int i = 0; i < 500; ++i) {
        results.push_back(outcome("a.py::test_" + std::to_string(batch) + "_" + std::to_string(i), MiB(1)));
      }
      store.record(run, results);
    }
    store.end_run(run);
    if (store.predict("pytest", {"a.py::x", "a.py::y"}).size() != 2) return "a prediction is missing";
    if (store.notices().size() != 1) return "notices: " + std::to_string(store.notices().size());
    told = store.notices()[0];
    return told.find(file.string()) == std::string::npos ? "the notice does not name the file: " + told : "";
  }

  // `use` in a process of its own, after `prepare`; the notice must contain `wanted`.
  void expect_notice(const std::filesystem::path& file, const std::function<bool()>& prepare,
                     const std::string& wanted) {
    const std::string wrong = in_child([&]() -> std::string {
      if (!prepare()) return "(skip)";
      std::string told;
      const std::string said = use(file, told);
      if (!said.empty()) return said;
      return told.find(wanted) == std::string::npos ? "the notice says: " + told : "";
    });
    if (wrong == "(skip)") GTEST_SKIP() << "needs root, or user namespaces";
    EXPECT_EQ(wrong, "");
  }

  // A mount namespace of its own, with a small file system on `folder_`.
  bool mount_small(const char* options) const {
    if (::unshare(CLONE_NEWNS) != 0) return false;
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
    return ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, options) == 0;
  }
};

TEST_F(UnwritableTest, AFolderInTheFilesPlace) {
  std::filesystem::create_directories(file() / "inner");
  std::string told;
  EXPECT_EQ(use(file(), told), "");
  EXPECT_THAT(told, HasSubstr("folder in its place"));
  EXPECT_THAT(names(), ElementsAre("history.db"));
}

TEST_F(UnwritableTest, AFileInTheFoldersPlace) {
  write(folder_ / "x", "");
  std::string told;
  EXPECT_EQ(use(folder_ / "x" / "history.db", told), "");
}

TEST_F(UnwritableTest, APipeInTheFilesPlaceDoesNotBlock) {
  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
  std::string told;
  EXPECT_EQ(use(file(), told), "");
  EXPECT_THAT(told, HasSubstr("no regular file"));
}

TEST_F(UnwritableTest, AFileSystemOfTheKernels) {
  std::string told;
  EXPECT_EQ(use("/proc/self/history.db", told), "");
}

TEST_F(UnwritableTest, AFolderThisUserMayNotWrite) {
  ASSERT_EQ(::chmod(folder_.c_str(), 0555), 0);
  expect_notice(
      file(), [] { return ::geteuid() != 0 || ::setuid(65534) == 0; }, "cannot be kept there");
  ::chmod(folder_.c_str(), 0755);
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(UnwritableTest, AHistoryThisUserMayOnlyReadStillPredicts) {
  {
    auto store = Store::open(file());
    one_run(store, "1", {outcome("a.py::x", MiB(100))});
  }
  const std::string wrong = read_only(folder_, file(), outcome("a.py::y", MiB(1)));
  if (wrong == "(skip)") GTEST_SKIP() << "cannot become another user";
  EXPECT_EQ(wrong, "");
}

TEST_F(UnwritableTest, AFullDisk) {
  // From no room at all to a disk that fills up in the middle of the run.
  for (const char* size : {"size=4k", "size=64k", "size=300k"}) {
    expect_notice(
        file(), [&] { return mount_small(size); }, "cannot be kept there");
  }
}

TEST_F(UnwritableTest, AReadOnlyFileSystem) {
  expect_notice(
      file(),
      [&] {
        return mount_small("size=1m") &&
               ::mount(nullptr, folder_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
      },
      "cannot be kept there");
}

TEST_F(UnwritableTest, ALimitOnTheSizeOfFiles) {
  expect_notice(
      file(),
      [] {
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{200'000, 200'000};
        return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
      },
      "cannot be kept there");
}

}  // namespace
}  // namespace fittest::history

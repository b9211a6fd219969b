#include "cluster/session_size.h"

#include <gtest/gtest.h>

#include "support/folder.h"

namespace fittest::cluster {
namespace {

constexpr const char* kCollected =
    R"({"v":1,"at":0.5,"event":"collected","tests":3,"isolation":"fork","max_workers":2,"zygote_held":73400320,"took":1})";

TEST(SessionSize, IsThatOfTheLatestRunThatTells) {
  const Folder folder;
  folder.write("runs/20260101-000000-1/events.jsonl", "{\"v\":1}\n" + std::string(kCollected) + "\n");
  folder.write("runs/20260102-000000-1/events.jsonl", R"({"v":1,"event":"collected","zygote_held":1048576})"
                                                      "\n");
  folder.write("runs/20260103-000000-1/events.jsonl", "{\"v\":1,\"event\":\"run_started\"}\n");
  EXPECT_EQ(last_session_size(folder.path()), MiB(1));
  std::filesystem::remove_all(folder.path() / "runs/20260102-000000-1");
  EXPECT_EQ(last_session_size(folder.path()), MiB(70));
}

TEST(SessionSize, IsNothingWhereNoneTells) {
  const Folder folder;
  EXPECT_EQ(last_session_size(folder.path()), std::nullopt);
  folder.write("runs/a/events.jsonl",
               "\xff\n{\"event\":\"collected\"}\n{\"event\":\"collected\",\"zygote_held\":-1}\n\"collected\"\n");
  EXPECT_EQ(last_session_size(folder.path()), std::nullopt);
}

}  // namespace
}  // namespace fittest::cluster

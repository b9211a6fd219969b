#include "run/report_store.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <random>

#include "folder.h"

namespace fittest::run {
namespace {

class ReportStoreTest : public InFolder {
 protected:
  [[nodiscard]] std::filesystem::path file() const { return folder_ / "reports.bin"; }

  ReportWriter writer() {
    auto made = ReportWriter::create(file());
    if (!made) throw std::runtime_error(made.error().text());
    return std::move(*made);
  }
};

std::string random_bytes(std::mt19937_64& random, std::size_t most) {
  std::string bytes(random() % (most + 1), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST_F(ReportStoreTest, GivesBackWhatItWasGiven) {
  std::mt19937_64 random(1);
  std::map<std::string, std::string> reports;
  {
    ReportWriter out = writer();
    for (int i = 0; i < 2000; ++i) {
      const std::string id = "test_a.py::test_" + std::to_string(random() % 1500);
      out.add(id, reports[id] = random_bytes(random, 300));
    }
    out.add("", reports[""] = "of no name");
    out.add(std::string("zero\0inside", 11), reports[std::string("zero\0inside", 11)] = "");
    out.add("large", reports["large"] = std::string(5 << 20, 'x'));
  }
  const ReportReader in(file());
  for (const auto& [id, report] : reports) ASSERT_EQ(in.find(id), report) << id;
  EXPECT_EQ(in.find("test_a.py::test_none"), std::nullopt);
}

TEST_F(ReportStoreTest, TheLastReportOfAnIdCounts) {
  ReportWriter out = writer();
  out.add("a", "first");
  out.add("b", "other");
  out.add("a", "second, which is longer");
  EXPECT_EQ(ReportReader(file()).find("a"), "second, which is longer");
}

TEST_F(ReportStoreTest, WhatIsWrittenIsThereAtOnce) {
  ReportWriter out = writer();
  out.add("a", "one");
  EXPECT_EQ(ReportReader(file()).find("a"), "one") << "kill -9 may come now";
}

TEST_F(ReportStoreTest, WithoutAFileThereAreNoReports) {
  EXPECT_EQ(ReportReader(folder_ / "none").find("a"), std::nullopt);
  EXPECT_EQ(ReportReader(folder_).find("a"), std::nullopt) << "a folder";
}

TEST_F(ReportStoreTest, AFileThatCannotBeWrittenIsAnError) {
  const auto made = ReportWriter::create(folder_ / "no" / "such" / "folder");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().text(), testing::HasSubstr("cannot be written"));
}

TEST_F(ReportStoreTest, WhereverTheFileIsTornAllWholeReportsAreRead) {
  {
    ReportWriter out = writer();
    out.add("first", "11111");
    out.add("second", "222");
    out.add("third", "");
    out.add("fourth", "4444444");
  }
  const std::string whole = text_of(file());
  const std::vector<std::pair<std::string, std::string>> records{
      {"first", "11111"}, {"second", "222"}, {"third", ""}, {"fourth", "4444444"}};
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    write(file(), whole.substr(0, size));
    const ReportReader in(file());
    std::size_t end = 0;
    for (const auto& [id, report] : records) {
      end += 8 + id.size() + report.size();
      ASSERT_EQ(in.find(id), end <= size ? std::optional(report) : std::nullopt) << id << " of " << size << " bytes";
    }
  }
}

TEST_F(ReportStoreTest, AFileOfOtherThingsHasNoReports) {
  for (const std::string& text :
       {std::string("this is no store of reports at all"), std::string(5000, '\xff'), std::string(3, '\0'),
        std::string("\x01\0\0\0\xff\xff\xff\xff"
                    "a",
                    9)}) {
    write(file(), text);
    const ReportReader in(file());
    EXPECT_EQ(in.find("a"), std::nullopt);
    EXPECT_EQ(in.find("this"), std::nullopt);
  }
}

TEST_F(ReportStoreTest, MutatedFilesGiveSomeReportsOrNone) {
  std::mt19937_64 random(2);
  {
    ReportWriter out = writer();
    for (int i = 0; i < 20; ++i) out.add("id" + std::to_string(i), random_bytes(random, 40));
  }
  const std::string whole = text_of(file());
  for (int round = 0; round < 3000; ++round) {
    std::string text = whole;
    for (std::uint64_t n = random() % 5 + 1; n > 0; --n) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text.resize(at + 1);
          break;
        case 1:
          text.erase(at, random() % 10);
          if (text.empty()) text = "x";
          break;
        case 2:
          text.insert(at, random_bytes(random, 10));
          break;
        default:
          text[at] = static_cast<char>(random());
      }
    }
    write(file(), text);
    const ReportReader in(file());
    for (int i = 0; i < 20; ++i) {
      if (const auto report = in.find("id" + std::to_string(i))) {
        ASSERT_LE(report->size(), text.size());
      }
    }
  }
}

// A limit on the size of files stands in for a disk that is full: write(2) is short, then fails.
TEST_F(ReportStoreTest, AFullDiskLosesTheReportsThatDoNotFitAndNoOther) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100, 100};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(3);
    auto out = ReportWriter::create(file());
    if (!out) ::_exit(4);
    out->add("fits", std::string(50, '1'));
    out->add("torn", std::string(500, '2'));
    out->add("late", std::string(10, '3'));
    out->add("none", std::string(90, '4'));
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  const ReportReader in(file());
  EXPECT_EQ(in.find("fits"), std::string(50, '1'));
  EXPECT_EQ(in.find("torn"), std::nullopt);
  EXPECT_EQ(in.find("late"), std::string(10, '3')) << "what comes behind a torn record is found";
  EXPECT_EQ(in.find("none"), std::nullopt);
}

}  // namespace
}  // namespace fittest::run

#include "run/session_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>

namespace fittest::run {
namespace {

// A screen that writes to a file in memory.
class SessionOutputTest : public testing::Test {
 protected:
  SessionOutputTest() : file_(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)), screen_(file_.get(), {}) {
    auto opened = SessionOutput::open(loop_, screen_);
    if (!opened) throw std::runtime_error(opened.error().text());
    output_.emplace(std::move(*opened));
  }

  [[nodiscard]] std::string shown() const {
    std::string text(static_cast<std::size_t>(::lseek(file_.get(), 0, SEEK_END)), '\0');
    EXPECT_EQ(::pread(file_.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    return text;
  }

  void print(std::string_view text) const {
    ASSERT_EQ(::write(output_->writer(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  bool run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      loop_.restart();
      loop_.run_one_for(std::chrono::milliseconds(100));
    }
    return true;
  }

  asio::io_context loop_;
  Descriptor file_;
  report::Screen screen_;
  std::optional<SessionOutput> output_;
};

TEST_F(SessionOutputTest, CarriesWhatIsPrintedToTheScreenByteByByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  all += "\n";
  print("before it begins\n");
  output_->begin();
  print(all);
  ASSERT_TRUE(run_until([&] { return shown().size() >= all.size() + 17; }));
  EXPECT_EQ(shown(), "before it begins\n" + all);
}

TEST_F(SessionOutputTest, TheWriterIsInheritedByNobodyWhoIsNotGivenIt) {
  EXPECT_EQ(::fcntl(output_->writer(), F_GETFD), FD_CLOEXEC);
}

TEST_F(SessionOutputTest, DrainShowsWhatHasBeenPrintedByNow) {
  output_->begin();
  print("seen by the loop\n");
  ASSERT_TRUE(run_until([&] { return !shown().empty(); }));
  print(std::string(40'000, 'x'));
  print("\nand the last line\n");
  output_->drain();
  EXPECT_EQ(shown(), "seen by the loop\n" + std::string(40'000, 'x') + "\nand the last line\n");
}

TEST_F(SessionOutputTest, DrainWithNothingToShowReturns) {
  output_->begin();
  output_->drain();
  EXPECT_EQ(shown(), "");
}

TEST_F(SessionOutputTest, DrainEndsThoughAProcessPrintsOnAndOn) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::dup2(output_->writer(), STDOUT_FILENO);
    ::execlp("yes", "yes", nullptr);
    ::_exit(127);
  }
  ASSERT_TRUE(run_until([&] {
    output_->drain();
    return !shown().empty();
  }));
  const std::size_t before = shown().size();
  output_->drain();
  // A pipe holds 64 KiB, or what a pipe is made to hold here.
  EXPECT_LE(shown().size() - before, static_cast<std::size_t>(::fcntl(output_->writer(), F_GETPIPE_SZ)));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_F(SessionOutputTest, DestroyedWhileItReadsNothingIsTouchedLater) {
  output_->begin();
  print("half a line");
  output_.reset();
  loop_.restart();
  while (loop_.poll() > 0) loop_.restart();  // the sanitizers look
}

}  // namespace
}  // namespace fittest::run

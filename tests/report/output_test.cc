#include "report/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "core/descriptor.h"
#include "report/screen.h"

namespace fittest::report {
namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    reader = Descriptor(ends[0]);
    writer = Descriptor(ends[1]);
  }
  std::string read_all() const {
    std::string out;
    std::array<char, 65536> buffer{};
    for (ssize_t got = 0; (got = ::read(reader.get(), buffer.data(), buffer.size())) > 0;) {
      out.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return out;
  }
  Descriptor reader;
  Descriptor writer;
};

std::string numbered(std::size_t bytes) {
  std::string out;
  for (std::size_t i = 0; out.size() < bytes; ++i) out += std::to_string(i) + " ";
  return out;
}

TEST(Output, AReaderThatSleepsDoesNotStopTheWriter) {
  const Pipe pipe;
  const std::string text = numbered(Output::kMostWaiting / 2);
  Output output(pipe.writer.get());
  output.write(text);  // the pipe holds 64 KiB of it, and nobody reads
  EXPECT_GT(output.waiting(), 0U);
  std::thread late([&] {
    std::string got(text.size(), '\0');
    std::size_t have = 0;
    while (have < got.size()) {
      const ssize_t now = ::read(pipe.reader.get(), got.data() + have, got.size() - have);
      ASSERT_GT(now, 0);
      have += static_cast<std::size_t>(now);
    }
    EXPECT_EQ(got, text);
  });
  output.flush();
  late.join();
  EXPECT_EQ(output.waiting(), 0U);
}

TEST(Output, NeverHoldsMoreThanItsLimit) {
  Pipe pipe;
  const std::string text = numbered(8 * Output::kMostWaiting);
  std::string got;
  std::thread reader([&] { got = pipe.read_all(); });
  {
    Output output(pipe.writer.get());
    for (std::size_t i = 0; i < text.size(); i += 100'000) {
      output.write(std::string_view(text).substr(i, 100'000));
      EXPECT_LE(output.waiting(), Output::kMostWaiting);
    }
  }
  pipe.writer.reset();
  reader.join();
  EXPECT_TRUE(got == text);
}

TEST(Output, NonBlockingDescriptorLosesNothing) {
  Pipe pipe;
  ::fcntl(pipe.writer.get(), F_SETFL, ::fcntl(pipe.writer.get(), F_GETFL) | O_NONBLOCK);
  const std::string text = numbered(3 * Output::kMostWaiting);
  std::string got;
  std::thread reader([&] { got = pipe.read_all(); });
  {
    Output output(pipe.writer.get());
    output.write(text);
  }
  pipe.writer.reset();
  reader.join();
  EXPECT_TRUE(got == text);
}

TEST(Output, ClosedPipeSwallowsWithoutASignal) {
  struct sigaction before {};
  struct sigaction deadly {};
  deadly.sa_handler = SIG_DFL;
  ::sigaction(SIGPIPE, &deadly, &before);
  Pipe pipe;
  pipe.reader.reset();
  Screen screen(pipe.writer.get(), {.terminal = true});
  screen.pass_through("nobody reads this\n");
  EXPECT_TRUE(screen.broken());
  screen.progress("nor this");
  screen.line("nor that");
  sigset_t pending;
  ::sigpending(&pending);
  EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
  ::sigaction(SIGPIPE, &before, nullptr);
}

TEST(Output, DescriptorThatIsNotOpenSwallows) {
  Output output(987);
  output.write("x");
  EXPECT_TRUE(output.broken());
}

TEST(Output, FullDiskLosesWhatHasNoRoomAndGoesOn) {
  const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  if (!full) GTEST_SKIP() << "there is no /dev/full here";
  Output output(full.get());
  output.write(std::string(100'000, 'x'));
  EXPECT_FALSE(output.broken());
  EXPECT_EQ(output.waiting(), 0U);
}

}  // namespace
}  // namespace fittest::report

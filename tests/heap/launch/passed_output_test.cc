#include "heap/launch/passed_output.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

namespace fittest::heap {
namespace {

class PassedOutputTest : public ::testing::Test {
 protected:
  PassedOutputTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    read_ = Descriptor(ends[0]);
    write_ = Descriptor(ends[1]);
  }
  std::string written() {
    write_.reset();
    std::string out;
    std::array<char, 4096> buffer{};
    for (ssize_t got = 0; (got = ::read(read_.get(), buffer.data(), buffer.size())) > 0;) {
      out.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return out;
  }
  Descriptor read_, write_;
};

TEST_F(PassedOutputTest, WholeLinesGoAboveTheBlock) {
  {
    PassedOutput screen(write_.get());
    screen.show("one\ntwo\n", 0);
    screen.pass("hello\nwor", 0.1);
    screen.pass("ld\n", 0.2);
  }
  EXPECT_EQ(written(),
            "one\ntwo\n"
            "\x1b[2A\r\x1b[Jhello\none\ntwo\n"
            "\x1b[2A\r\x1b[Jworld\none\ntwo\n"
            "\x1b[2A\r\x1b[J");
}

TEST_F(PassedOutputTest, AHalfLineGetsItsEndAfterAWhile) {
  {
    PassedOutput screen(write_.get());
    screen.pass("Password: ", 0);
    screen.show("block\n", 1);
    screen.show("block\n", 3);
  }
  EXPECT_EQ(written(), "block\n\x1b[1A\r\x1b[JPassword: \nblock\n\x1b[1A\r\x1b[J");
}

TEST_F(PassedOutputTest, NothingIsKeptBackAtTheEnd) {
  {
    PassedOutput screen(write_.get());
    screen.pass("half", 0);
  }
  EXPECT_EQ(written(), "half\n");
}

}  // namespace
}  // namespace fittest::heap

#include "suite/pytest/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <numeric>
#include <random>
#include <thread>

namespace fittest::suite::pytest {
namespace {

struct Heard {
  Frame type;
  std::string payload;
  bool operator==(const Heard&) const = default;
};

// A channel, and the other end as a plain socket.
class ChannelTest : public testing::Test {
 protected:
  ChannelTest() {
    auto connection = make_connection();
    if (!connection) throw std::runtime_error(connection.error().text());
    other_ = std::move(connection->second);
    open(std::move(connection->first));
  }

  void open(Descriptor end) {
    channel_ = std::make_unique<Channel>(loop_, std::move(end),
                                         Channel::Handlers{[this](const FrameCutter::Cut& cut) {
                                                             heard_.push_back({cut.type, std::string(cut.payload)});
                                                             if (on_frame_) on_frame_();
                                                           },
                                                           [this] {
                                                             ++closed_;
                                                             if (on_closed_) on_closed_();
                                                           },
                                                           [this](std::size_t bytes) { queued_.push_back(bytes); }});
  }

  // Lets the loop work until it is so; false if it never is.
  bool run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      loop_.restart();
      loop_.run_one_for(std::chrono::milliseconds(100));
    }
    return true;
  }
  // Lets it do all it can do now.
  void settle() {
    loop_.restart();
    while (loop_.poll() > 0) loop_.restart();
  }

  // The other side speaks, as far as the socket takes it without waiting; how many bytes that was.
  std::size_t say(std::string_view bytes) {
    std::size_t said = 0;
    while (said < bytes.size()) {
      const ssize_t wrote = ::send(other_.get(), bytes.data() + said, bytes.size() - said, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (wrote <= 0) break;
      said += static_cast<std::size_t>(wrote);
    }
    return said;
  }
  // What has arrived at the other side; fewer bytes than asked for if no more are there.
  std::string listen(std::size_t most = 1 << 20) {
    std::string bytes(most, '\0');
    const ssize_t got = ::recv(other_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }

  asio::io_context loop_;
  Descriptor other_;
  std::vector<Heard> heard_;
  int closed_ = 0;
  std::vector<std::size_t> queued_;
  std::function<void()> on_frame_, on_closed_;
  std::unique_ptr<Channel> channel_;
};

TEST_F(ChannelTest, NothingIsInheritedByOtherProcesses) {
  EXPECT_EQ(::fcntl(other_.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(::fcntl(channel_->descriptor(), F_GETFD), FD_CLOEXEC);
}

TEST_F(ChannelTest, FramesArriveInOrderInPieces) {
  std::string stream;
  std::vector<Heard> sent;
  for (int i = 0; i < 500; ++i) {
    sent.push_back({Frame::started, std::string(static_cast<std::size_t>(i % 37), 'x') + std::to_string(i)});
    stream += make_frame(sent.back().type, sent.back().payload);
  }
  std::mt19937 random(4);
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t part = random() % 300 + 1;
    at += say(std::string_view(stream).substr(at, part));
    settle();
  }
  ASSERT_TRUE(run_until([&] { return heard_.size() >= sent.size(); }));
  EXPECT_EQ(heard_, sent);
  EXPECT_EQ(closed_, 0);
}

TEST_F(ChannelTest, AFrameLargerThanAllBuffersArrives) {
  std::string payload(8 << 20, '\0');
  std::iota(payload.begin(), payload.end(), '\0');
  const std::string frame = make_frame(Frame::finished, payload);
  std::thread speaker([&] {
    for (std::size_t at = 0; at < frame.size();) {
      const ssize_t wrote = ::write(other_.get(), frame.data() + at, frame.size() - at);
      if (wrote <= 0) break;
      at += static_cast<std::size_t>(wrote);
    }
  });
  const bool arrived = run_until([&] { return !heard_.empty(); });
  speaker.join();
  ASSERT_TRUE(arrived);
  EXPECT_EQ(heard_.front().payload, payload);
}

TEST_F(ChannelTest, LargeFramesAreSentAsTheOtherSideReadsThem) {
  std::string expected;
  for (int i = 0; i < 6; ++i) {
    const std::string frame = make_frame(Frame::replay, std::string(1 << 20, static_cast<char>('a' + i)));
    expected += frame;
    channel_->send(frame);
  }
  EXPECT_EQ(queued_.back(), expected.size());
  settle();
  EXPECT_GT(queued_.back(), 0U) << "the socket took 6 MiB without a reader";
  std::string received;
  ASSERT_TRUE(run_until([&] {
    received += listen();
    settle();
    return received.size() >= expected.size();
  }));
  EXPECT_EQ(received, expected);
  ASSERT_TRUE(run_until([&] { return queued_.back() == 0; }));
}

TEST_F(ChannelTest, FramesHeldBackArriveInTheirTurn) {
  std::string expected;
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    const std::string frame = make_frame(Frame::replay, std::string(random() % 2000, static_cast<char>('a' + i % 26)));
    expected += frame;
    if (random() % 10 == 0) {
      channel_->send(frame);
    } else {
      channel_->send_soon(frame);
    }
  }
  std::string received;
  ASSERT_TRUE(run_until([&] {
    received += listen();
    return received.size() >= expected.size();
  }));
  EXPECT_EQ(received, expected);
  EXPECT_LT(queued_.size(), 250U) << "every frame was sent by itself";
}

TEST_F(ChannelTest, WhoIsNotReadMustWait) {
  channel_->set_reading(false);
  // A read that was under way may still take one piece; after that everything is left to the kernel.
  const std::string frame = make_frame(Frame::finished, std::string(1000, 'x'));
  std::size_t said = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::size_t part = say(frame);
    said += part;
    settle();
    if (part < frame.size()) break;
  }
  EXPECT_LT(said, 2'000'000U) << "it is read all the same";
  const std::size_t before = heard_.size();
  EXPECT_LE(before * frame.size(), 64U * 1024);
  channel_->set_reading(true);
  ASSERT_TRUE(run_until([&] { return heard_.size() >= said / frame.size(); }));
  EXPECT_EQ(heard_.size(), said / frame.size());
}

TEST_F(ChannelTest, ReadingMayBeSwitchedAgainAndAgain) {
  for (int i = 0; i < 100; ++i) {
    channel_->set_reading(i % 3 == 0);
    channel_->set_reading(i % 2 == 0);
    ASSERT_GT(say(make_frame(Frame::batch_done, std::to_string(i))), 0U);
    settle();
  }
  channel_->set_reading(true);
  ASSERT_TRUE(run_until([&] { return heard_.size() == 100; }));
  for (std::size_t i = 0; i < heard_.size(); ++i) EXPECT_EQ(heard_[i].payload, std::to_string(i));
}

TEST_F(ChannelTest, TheEndIsToldOnceAndAfterAllThatWasSaid) {
  say(make_frame(Frame::ready, "first") + make_frame(Frame::ready, "last"));
  other_.reset();
  std::size_t heard_before_the_end = 0;
  on_closed_ = [&] { heard_before_the_end = heard_.size(); };
  ASSERT_TRUE(run_until([&] { return closed_ > 0; }));
  settle();
  EXPECT_EQ(heard_before_the_end, 2U);
  EXPECT_EQ(closed_, 1);
}

TEST_F(ChannelTest, HalfAFrameAtTheEndIsNone) {
  say(make_frame(Frame::ready, "whole"));
  say(make_frame(Frame::ready, "torn").substr(0, 6));
  other_.reset();
  ASSERT_TRUE(run_until([&] { return closed_ > 0; }));
  EXPECT_EQ(heard_, (std::vector<Heard>{{Frame::ready, "whole"}}));
}

TEST_F(ChannelTest, GarbageClosesIt) {
  say(std::string(64, '\xff'));
  ASSERT_TRUE(run_until([&] { return closed_ > 0; }));
  EXPECT_TRUE(heard_.empty());
  EXPECT_EQ(say("more"), 0U) << "nobody is at the other end any more";
}

TEST_F(ChannelTest, DrainTakesWhatADeadPeerHasSaid) {
  say(make_frame(Frame::ready, "1") + make_frame(Frame::finished, std::string(100'000, 'x')) +
      make_frame(Frame::batch_done, "3") + "\x09");
  other_.reset();
  channel_->drain();
  ASSERT_EQ(heard_.size(), 3U);
  EXPECT_EQ(heard_[1].payload.size(), 100'000U);
  EXPECT_EQ(closed_, 0) << "whoever drains knows";
  settle();
  EXPECT_EQ(heard_.size(), 3U);
  EXPECT_EQ(closed_, 0);
}

TEST_F(ChannelTest, DrainTakesWhatWasHeldBack) {
  channel_->set_reading(false);
  settle();
  say(make_frame(Frame::ready, "1"));
  settle();
  const std::size_t before = heard_.size();
  say(make_frame(Frame::ready, "2"));
  other_.reset();
  channel_->drain();
  EXPECT_LE(before, 1U);
  EXPECT_EQ(heard_, (std::vector<Heard>{{Frame::ready, "1"}, {Frame::ready, "2"}}));
}

TEST_F(ChannelTest, DrainDoesNotWaitForAPeerThatLives) {
  say(make_frame(Frame::ready, "1"));
  channel_->drain();
  EXPECT_EQ(heard_.size(), 1U);
}

TEST_F(ChannelTest, AHandlerMayDestroyTheChannel) {
  on_frame_ = [&] { channel_.reset(); };
  say(make_frame(Frame::ready, "1") + make_frame(Frame::ready, "2"));
  ASSERT_TRUE(run_until([&] { return !heard_.empty(); }));
  settle();
  EXPECT_EQ(heard_.size(), 1U) << "nothing is heard from a channel that is gone";
  EXPECT_EQ(closed_, 0);
}

TEST_F(ChannelTest, TheHandlerOfTheEndMayDestroyTheChannel) {
  on_closed_ = [&] { channel_.reset(); };
  other_.reset();
  ASSERT_TRUE(run_until([&] { return closed_ > 0; }));
  settle();
  EXPECT_EQ(closed_, 1);
}

TEST_F(ChannelTest, AHandlerMayDestroyTheChannelWhileItDrains) {
  on_frame_ = [&] { channel_.reset(); };
  say(make_frame(Frame::ready, "1") + make_frame(Frame::ready, "2"));
  channel_->drain();
  settle();
  EXPECT_EQ(heard_.size(), 1U);
}

TEST_F(ChannelTest, AHandlerMaySendAndClose) {
  on_frame_ = [&] {
    channel_->send(make_frame(Frame::retire, {}));
    channel_->close();
    channel_->send(make_frame(Frame::retire, {}));
  };
  say(make_frame(Frame::ready, "1") + make_frame(Frame::ready, "2"));
  ASSERT_TRUE(run_until([&] { return !heard_.empty(); }));
  settle();
  EXPECT_EQ(heard_.size(), 1U);
  EXPECT_EQ(closed_, 0) << "it is the own side that closed";
}

TEST_F(ChannelTest, SendingAfterTheEndIsHarmless) {
  other_.reset();
  for (int i = 0; i < 3; ++i) channel_->send(make_frame(Frame::retire, std::string(100'000, 'x')));
  settle();
  channel_->send(make_frame(Frame::retire, {}));
  ASSERT_TRUE(run_until([&] { return closed_ > 0; }));
  channel_->send(make_frame(Frame::retire, {}));
  channel_->drain();
  channel_->close();
  channel_->set_reading(false);
  channel_->set_reading(true);
  settle();
  EXPECT_EQ(closed_, 1);
}

TEST_F(ChannelTest, WhatAPeerSaidBeforeItWentIsHeardThoughItsReadEndIsGone) {
  say(make_frame(Frame::asks_to_stop, "the last word"));
  ::shutdown(other_.get(), SHUT_RD);
  for (int i = 0; i < 3; ++i) channel_->send(make_frame(Frame::retire, std::string(1 << 20, 'x')));
  ASSERT_TRUE(run_until([&] { return !heard_.empty(); }));
  EXPECT_EQ(heard_.front().payload, "the last word");
}

TEST_F(ChannelTest, DestroyedWithMuchUnsentAndUnreadNothingIsTouchedLater) {
  for (int i = 0; i < 10; ++i) channel_->send(make_frame(Frame::replay, std::string(1 << 20, 'x')));
  say(make_frame(Frame::ready, std::string(10'000, 'x')));
  channel_.reset();
  settle();  // the sanitizers look
  EXPECT_TRUE(heard_.empty());
  EXPECT_EQ(closed_, 0);
}

}  // namespace
}  // namespace fittest::suite::pytest

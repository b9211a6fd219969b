#include "suite/pytest/protocol.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace fittest::suite::pytest {
namespace {

using namespace std::string_literals;

struct Sent {
  Frame type;
  std::string payload;
  bool operator==(const Sent&) const = default;
};

// All frames that can be cut now.
std::vector<Sent> cut_all(FrameCutter& cutter) {
  std::vector<Sent> frames;
  while (const auto cut = cutter.next()) frames.push_back({cut->type, std::string(cut->payload)});
  return frames;
}

std::string random_bytes(std::mt19937_64& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// Most are small, some large.
std::size_t random_size(std::mt19937_64& random) {
  switch (random() % 8) {
    case 0:
      return 0;
    case 1:
      return random() % 50'000;
    default:
      return random() % 40;
  }
}

TEST(FieldReader, TakesFieldsOffTheFront) {
  const std::string payload =
      "\x2a"s + "\x01\x02\x03\x04"s + "\xff\xff\xff\xff\xff\xff\xff\xff"s + "\0\0\0\0\0\0\xf8\x3f"s + "namerest";
  FieldReader fields(payload);
  EXPECT_EQ(fields.u8(), 42);
  EXPECT_EQ(fields.u32(), 0x04030201U);
  EXPECT_EQ(fields.u64(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(fields.f64(), 1.5);
  EXPECT_EQ(fields.bytes(4), "name");
  EXPECT_EQ(fields.rest(), "rest");
  EXPECT_TRUE(fields.ok());
}

TEST(FieldReader, AfterAReadPastTheEndAllReadsGiveZero) {
  FieldReader fields("\x01\x02\x03");
  EXPECT_EQ(fields.u32(), 0U);
  EXPECT_FALSE(fields.ok());
  EXPECT_EQ(fields.u8(), 0) << "what was left of the payload is not read as something else";
  EXPECT_EQ(fields.u64(), 0U);
  EXPECT_EQ(fields.f64(), 0.0);
  EXPECT_EQ(fields.bytes(1), "");
  EXPECT_EQ(fields.rest(), "");
  EXPECT_FALSE(fields.ok());
}

TEST(FieldReader, AHugeCountIsPastTheEnd) {
  FieldReader fields("abc");
  EXPECT_EQ(fields.bytes(std::numeric_limits<std::size_t>::max()), "");
  EXPECT_FALSE(fields.ok());
}

TEST(FieldReader, NothingIsEnoughForNothing) {
  FieldReader fields("");
  EXPECT_EQ(fields.bytes(0), "");
  EXPECT_TRUE(fields.ok());
}

TEST(FieldReader, ReadsBackWhatIsPut) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 1000; ++round) {
    std::vector<std::uint32_t> numbers(random() % 20);
    std::string payload;
    for (auto& number : numbers) put_u32(payload, number = static_cast<std::uint32_t>(random() >> random() % 64));
    FieldReader fields(payload);
    for (const auto number : numbers) ASSERT_EQ(fields.u32(), number);
    ASSERT_TRUE(fields.ok());
    ASSERT_TRUE(fields.rest().empty());
  }
}

TEST(FrameCutter, CutsTheSameFramesWhereverTheStreamIsCut) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<Sent> sent(random() % 40 + 1);
    std::string stream;
    for (Sent& frame : sent) {
      frame = {static_cast<Frame>(random() % 256), random_bytes(random, random_size(random))};
      stream += make_frame(frame.type, frame.payload);
    }
    FrameCutter cutter;
    std::vector<Sent> received;
    const std::size_t most = random() % 4 == 0 ? 3 : random() % 20'000 + 1;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t part = std::min<std::size_t>(random() % most + 1, stream.size() - at);
      cutter.append(std::string_view(stream).substr(at, part));
      at += part;
      for (Sent& frame : cut_all(cutter)) received.push_back(std::move(frame));
    }
    ASSERT_EQ(received, sent) << "round " << round;
    ASSERT_FALSE(cutter.bad());
    ASSERT_FALSE(cutter.next());
  }
}

TEST(FrameCutter, AFrameIsNotCutBeforeItIsWhole) {
  const std::string frame = make_frame(Frame::finish, "payload");
  FrameCutter cutter;
  for (std::size_t i = 0; i + 1 < frame.size(); ++i) {
    cutter.append({&frame[i], 1});
    ASSERT_FALSE(cutter.next()) << i;
  }
  cutter.append({&frame.back(), 1});
  EXPECT_EQ(cut_all(cutter), (std::vector<Sent>{{Frame::finish, "payload"}}));
}

TEST(FrameCutter, ALengthOfZeroMakesTheStreamBadForGood) {
  FrameCutter cutter;
  cutter.append(make_frame(Frame::ready, "one") + "\0\0\0\0"s + make_frame(Frame::ready, "two"));
  EXPECT_EQ(cut_all(cutter), (std::vector<Sent>{{Frame::ready, "one"}})) << "what came before is believed";
  EXPECT_TRUE(cutter.bad());
  cutter.append(make_frame(Frame::ready, "three"));
  EXPECT_FALSE(cutter.next());
  EXPECT_TRUE(cutter.bad());
}

TEST(FrameCutter, AHugeLengthMakesTheStreamBadAndTakesNoMemory) {
  for (const std::uint32_t length : {kLargestFrame + 1, std::numeric_limits<std::uint32_t>::max()}) {
    std::string head;
    put_u32(head, length);
    FrameCutter cutter;
    cutter.append(head + "r");
    EXPECT_FALSE(cutter.next());
    EXPECT_TRUE(cutter.bad());
  }
}

TEST(FrameCutter, GarbageNeverEndsInMoreThanItHolds) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 20'000; ++round) {
    // A valid stream with some bytes overwritten, left out, or doubled.
    std::string stream;
    for (std::uint64_t n = random() % 5 + 1; n > 0; --n) {
      stream += make_frame(static_cast<Frame>(random() % 256), random_bytes(random, random() % 30));
    }
    for (std::uint64_t n = random() % 4 + 1; n > 0; --n) {
      const std::size_t at = random() % stream.size();
      if (random() % 3 == 0) {
        stream[at] = static_cast<char>(random());
      } else if (random() % 2 == 0 && stream.size() > 1) {
        stream.erase(at, 1);
      } else {
        stream.insert(at, stream.substr(at, random() % 9));
      }
      // A plausible but long length would have the cutter wait, with room for it: keep it to what a test may take.
      if (stream.size() > 3) stream[3] = static_cast<char>(stream[3] & 0x80);
    }
    FrameCutter cutter;
    std::size_t taken = 0;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t part = std::min<std::size_t>(random() % 50 + 1, stream.size() - at);
      cutter.append(std::string_view(stream).substr(at, part));
      at += part;
      while (const auto cut = cutter.next()) {
        taken += cut->payload.size() + 5;
        FieldReader fields(cut->payload);
        (void)fields.u32();
        (void)fields.u8();
        (void)fields.bytes(fields.u32());
      }
      if (cutter.bad()) break;
    }
    ASSERT_LE(taken, stream.size());
  }
}

TEST(FrameCutter, ManySmallFramesInOnePieceAreCutInLinearTime) {
  std::string stream;
  constexpr int kMany = 200'000;
  for (int i = 0; i < kMany; ++i) stream += make_frame(Frame::started, "1234");
  FrameCutter cutter;
  cutter.append(stream);
  EXPECT_EQ(cut_all(cutter).size(), static_cast<std::size_t>(kMany));
}

}  // namespace
}  // namespace fittest::suite::pytest

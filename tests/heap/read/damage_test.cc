// What is cut off or damaged gives what stands before it, and a problem in words; never more, never a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "heap/read/trace_reader.h"
#include "heap/trace_writer.h"
#include "memory_file.h"

namespace fittest::heap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kTail = 512;

trace::Header small_header() {
  trace::Header header = new_header(trace::Mode::exact);
  header.tail_capacity = kTail;
  return header;
}

// Four allocations of 1, 2, 3 and 4 bytes in each block, the first of which defines their stack; those of the last are
// in the tail.
std::string records_of(std::uint64_t sequence) {
  RecordWriter out;
  if (sequence == 0) out.stack({0x1000, 0x2000});
  for (std::uint64_t i = 1; i <= 4; ++i) out.alloc(sequence * 4096 + i * 64, i, 0);
  return out.take();
}

struct Parts {
  trace::Header header = small_header();
  std::uint64_t tail_sequence = 3;
  std::string tail = records_of(3);
  std::vector<std::string> blocks{block_bytes(0, records_of(0)), block_bytes(1, records_of(1)),
                                  block_bytes(2, records_of(2))};

  [[nodiscard]] std::string bytes() const {
    std::string bytes = header_bytes(header) + tail_bytes(header, tail_sequence, tail);
    for (const std::string& block : blocks) bytes += block;
    return bytes;
  }
};

TEST(Damage, WholeItIsReadWithItsTail) {
  const Profile profile = profile_of(Parts().bytes());
  EXPECT_THAT(profile.problems, IsEmpty());
  EXPECT_EQ(profile.total.count, 16);
  EXPECT_EQ(profile.total.bytes, 40);
  EXPECT_EQ(profile.ending, Ending::cut_off);
}

TEST(Damage, ATailThatStandsAmongTheBlocksIsIgnored) {
  Parts parts;
  parts.tail_sequence = 2;
  parts.tail = records_of(2);
  const Profile profile = profile_of(parts.bytes());
  EXPECT_THAT(profile.problems, IsEmpty());
  EXPECT_EQ(profile.total.count, 12);
}

TEST(Damage, ABlockThatWasBeingAppendedStandsInTheTail) {
  for (const std::size_t kept : {1U, 10U, 24U, 30U}) {
    Parts parts;
    parts.blocks.push_back(block_bytes(3, records_of(3)).substr(0, kept));
    const Profile profile = profile_of(parts.bytes());
    EXPECT_THAT(profile.problems, IsEmpty());
    EXPECT_EQ(profile.total.count, 16);
  }
}

TEST(Damage, RoomSetAsideForBlocksIsNone) {
  Parts parts;
  parts.blocks.emplace_back(10'000, '\0');
  const Profile profile = profile_of(parts.bytes());
  EXPECT_THAT(profile.problems, IsEmpty());
  EXPECT_EQ(profile.total.count, 16);
}

TEST(Damage, BlocksThatAreMissingAreSaid) {
  Parts parts;
  parts.blocks.erase(parts.blocks.begin() + 1);
  Profile profile = profile_of(parts.bytes());
  EXPECT_EQ(profile.total.count, 4);
  EXPECT_THAT(profile.problems, ElementsAre(HasSubstr("number 2, stands where number 1 should")));

  parts = {};
  parts.blocks.pop_back();
  profile = profile_of(parts.bytes());
  EXPECT_EQ(profile.total.count, 8);
  EXPECT_THAT(profile.problems, ElementsAre(HasSubstr("blocks are missing from number 2 on")));
}

TEST(Damage, CutAtEveryByte) {
  const Parts parts;
  const std::string whole = parts.bytes();
  const std::size_t blocks_begin = trace::kHeaderSize + sizeof(trace::TailHeader) + kTail;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    SCOPED_TRACE(size);
    const MemoryFile file(std::string_view(whole).substr(0, size));
    const auto profile = read_profile(file.path());
    ASSERT_EQ(profile.has_value(), size >= sizeof(trace::Header));
    if (!profile) {
      EXPECT_THAT(profile.error().what, HasSubstr("too short"));
      continue;
    }
    EXPECT_THAT(profile->problems, SizeIs(1));  // the tail is of a block later than those that are left
    std::size_t blocks = 0;
    for (std::size_t end = blocks_begin; blocks < 3 && end + parts.blocks[blocks].size() <= size; ++blocks) {
      end += parts.blocks[blocks].size();
    }
    EXPECT_EQ(profile->total.count, 4.0 * static_cast<double>(blocks));
  }
}

TEST(Damage, AFlippedBitInABlockIsFound) {
  const Parts parts;
  const std::string whole = parts.bytes();
  const std::size_t begin = trace::kHeaderSize + sizeof(trace::TailHeader) + kTail;
  for (std::size_t at = begin; at < whole.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      SCOPED_TRACE(testing::Message() << at << " " << bit);
      std::string bytes = whole;
      bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << bit));
      const Profile profile = profile_of(bytes);
      EXPECT_THAT(profile.problems, SizeIs(1));
      std::size_t before = 0;
      for (std::size_t end = begin + parts.blocks[0].size(); end <= at && before < 2; ++before) {
        end += parts.blocks[before + 1].size();
      }
      EXPECT_EQ(profile.total.count, 4.0 * static_cast<double>(before));
    }
  }
}

TEST(Damage, AFlippedBitAnywhereElseEndsNothingElse) {
  const std::string whole = Parts().bytes();
  for (std::size_t at = 0; at < trace::kHeaderSize + sizeof(trace::TailHeader) + 64; ++at) {
    // Nearly all of the page is the program's path, and nothing.
    if (at == offsetof(trace::Header, program)) at = trace::kHeaderSize - 1;
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << bit));
      const MemoryFile file(bytes);
      const auto profile = read_profile(file.path());
      if (!profile) {
        EXPECT_LT(at, sizeof(trace::Header));
        continue;
      }
      EXPECT_LE(profile->total.count, 16);
    }
  }
}

TEST(Damage, RandomBytesInBlocksAreSurvived) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 3000; ++i) {
    std::string records = records_of(0);
    if (i % 2 == 0) {
      records.resize(random() % kTail);
      for (char& byte : records) byte = static_cast<char>(random());
    } else {
      for (int changes = 0; changes < 3; ++changes) records[random() % records.size()] = static_cast<char>(random());
    }
    Parts parts;
    parts.header.period = i % 3 == 0 ? 1000 : 0;
    parts.blocks = {block_bytes(0, records)};
    ReadOptions options;
    options.memory = std::uint64_t{1} << 20;
    profile_of(parts.bytes(), options);
  }
}

TEST(Damage, WhatIsNotDefinedEndsTheReading) {
  const std::vector<std::function<void(RecordWriter&)>> bad{
      [](RecordWriter& out) { out.alloc(0x100, 1, 1); },
      [](RecordWriter& out) { out.alloc(0x100, 1, 1, trace::Kind::mapped); },
      [](RecordWriter& out) {
        out.stack({0x1000}, {{0, 1, false}});
      },
  };
  for (const auto& add : bad) {
    TraceWriter writer(small_header());
    writer.records().stack({0x1000});
    writer.records().alloc(0x200, 2, 0);
    writer.end_block();
    add(writer.records());
    writer.records().alloc(0x300, 3, 0);
    const Profile profile = profile_of(writer.bytes());
    EXPECT_EQ(profile.total.bytes, 2);
    EXPECT_THAT(profile.problems, ElementsAre(HasSubstr("not defined")));
  }
}

TEST(Damage, BlocksLargerThanThereCanBeAreNotEvenRead) {
  const trace::BlockHeader header{trace::kBlockMagic, 0xFFFF'FFFF, 100, 0, 0};
  Parts parts;
  parts.blocks = {std::string(reinterpret_cast<const char*>(&header), sizeof header)};
  EXPECT_THAT(profile_of(parts.bytes()).problems, ElementsAre(HasSubstr("more than there can be")));
  // It says it is small, and is not.
  const std::string large(kTail, 'a');
  parts.blocks = {block_bytes(0, large + large)};
  const std::uint32_t size = kTail;
  std::memcpy(parts.blocks[0].data() + offsetof(trace::BlockHeader, raw_size), &size, sizeof size);
  EXPECT_THAT(profile_of(parts.bytes()).problems, ElementsAre(HasSubstr("cannot be unpacked")));
}

TEST(Damage, WhatIsNoTraceIsAnError) {
  const auto error_of = [](const std::function<void(trace::Header&)>& change) {
    Parts parts;
    std::string bytes = parts.bytes();
    change(parts.header);
    bytes.replace(0, trace::kHeaderSize, header_bytes(parts.header));
    const MemoryFile file(bytes);
    const auto profile = read_profile(file.path());
    return profile ? std::string() : profile.error().what;
  };
  EXPECT_EQ(error_of([](trace::Header& header) { header.magic[0] = 'X'; }), "this is no heap trace");
  EXPECT_THAT(error_of([](trace::Header& header) { header.version = 3; }), HasSubstr("of version 3"));
  EXPECT_THAT(error_of([](trace::Header& header) { header.mode = 3; }), HasSubstr("no mode 3"));
  EXPECT_THAT(error_of([](trace::Header& header) { header.tail_capacity = UINT64_MAX; }), HasSubstr("a tail of"));
  const auto missing = read_profile("there-is-no-such-file");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().text(), HasSubstr("there-is-no-such-file: the heap trace cannot be opened"));
}

TEST(Damage, CountersAloneAreATrace) {
  trace::Header header = new_header(trace::Mode::count);
  header.tail_capacity = 0;
  header.counters.peak = 77;
  header.ended = 1;
  const Profile profile = profile_of(header_bytes(header));
  EXPECT_THAT(profile.problems, IsEmpty());
  EXPECT_EQ(profile.counters.peak, 77U);
  EXPECT_EQ(profile.ending, Ending::ended);
  EXPECT_EQ(profile.program, "/usr/bin/program");
}

}  // namespace
}  // namespace fittest::heap

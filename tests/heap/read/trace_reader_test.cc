#include "heap/read/trace_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <string>

#include "heap/trace_writer.h"
#include "memory_file.h"

namespace fittest::heap {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using trace::Kind;
using trace::Mode;

void expect_equal(const Profile& a, const Profile& b) {
  EXPECT_EQ(a.records, b.records);
  EXPECT_EQ(a.unknown_frees, b.unknown_frees);
  ASSERT_EQ(a.figures.size(), b.figures.size());
  for (std::size_t i = 0; i < a.figures.size(); ++i) {
    EXPECT_EQ(a.figures[i].total.bytes, b.figures[i].total.bytes);
    EXPECT_EQ(a.figures[i].peak.bytes, b.figures[i].peak.bytes);
    EXPECT_EQ(a.figures[i].leaked.bytes, b.figures[i].leaked.bytes);
  }
}

// A file that grows: records into the tail, blocks behind it, as the preloaded library does it.
class Growing {
 public:
  explicit Growing(const trace::Header& header)
      : header_(header), file_(header_bytes(header) + tail_bytes(header, 0, "")) {}

  RecordWriter& records() { return records_; }
  void show() { file_.write(trace::kTailOffset, tail_bytes(header_, sequence_, records_.bytes())); }
  void append() {
    show();
    file_.append(block_bytes(sequence_, records_.take()));
    ++sequence_;
  }
  [[nodiscard]] std::filesystem::path path() const { return file_.path(); }

 private:
  trace::Header header_;
  MemoryFile file_;
  RecordWriter records_;
  std::uint64_t sequence_ = 0;
};

TEST(TraceReader, FollowsAFileThatGrows) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 50; ++round) {
    Growing file(new_header(Mode::exact));
    auto reader = TraceReader::open(file.path());
    ASSERT_TRUE(reader);
    EXPECT_FALSE(reader->update());
    file.records().stack({1});
    file.records().stack({2});
    std::uint64_t records = 2;
    for (int i = 0; i < 400; ++i) {
      const std::uint64_t address = 16 * (1 + random() % 100);
      if (random() % 2 == 0) {
        file.records().alloc(address, random() % 50, static_cast<std::uint32_t>(random() % 2));
      } else {
        file.records().free(address);
      }
      ++records;
      switch (random() % 40) {
        case 0:
          file.append();  // and the tail is still of the block that was appended
          break;
        case 1:
          file.append();
          file.show();
          break;
        case 2:
        case 3:
          file.show();
          reader->update();
          EXPECT_EQ(reader->profile().records, records);
          EXPECT_FALSE(reader->update());
          break;
        default:
          break;
      }
    }
    file.show();
    reader->update();
    const auto at_once = read_profile(file.path());
    ASSERT_TRUE(at_once);
    EXPECT_THAT(at_once->problems, IsEmpty());
    EXPECT_EQ(at_once->records, records);
    expect_equal(reader->profile(), *at_once);
  }
}

TEST(TraceReader, ALargeTraceIsReadAheadToTheSameEnd) {
  std::mt19937_64 random(1);
  TraceWriter writer(new_header(Mode::exact));
  writer.records().stack({1});
  double total = 0;
  std::uint64_t records = 1;
  for (int i = 0; i < 400'000; ++i) {
    const std::uint64_t size = random() % 5000;
    writer.records().alloc(16 * (random() % 100'000), size, 0);
    total += static_cast<double>(size);
    ++records;
  }
  const Profile profile = profile_of(writer.bytes());
  EXPECT_THAT(profile.problems, IsEmpty());
  EXPECT_EQ(profile.total.bytes, total);
  EXPECT_EQ(profile.records, records);

  // And given up in the middle without waiting for the rest.
  std::string bytes = writer.bytes();
  RecordWriter bad;
  bad.alloc(1, 1, 1);
  bytes.replace(trace::kHeaderSize + sizeof(trace::TailHeader) + trace::kSmallestTail, std::string::npos,
                block_bytes(0, bad.bytes()) +
                    bytes.substr(trace::kHeaderSize + sizeof(trace::TailHeader) + trace::kSmallestTail));
  EXPECT_THAT(profile_of(bytes).problems, testing::ElementsAre(HasSubstr("not defined")));
}

TEST(TraceReader, AProcessThatStillWritesIsRunning) {
  const std::string path = testing::TempDir() + "running.trace";
  trace::Header header = new_header(Mode::exact);
  header.process = static_cast<std::uint32_t>(::getpid());
  {
    TraceWriter writer(header);
    writer.records().stack({1});
    writer.end_block();
    std::string bytes = writer.bytes();
    bytes.resize(bytes.size() - 4);  // in the middle of appending
    std::ofstream(path, std::ios::binary) << bytes;
  }
  auto profile = read_profile(path);
  ASSERT_TRUE(profile);
  EXPECT_EQ(profile->ending, Ending::cut_off);
  EXPECT_THAT(profile->problems, testing::SizeIs(1));
  {
    const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    void* page = ::mmap(nullptr, trace::kHeaderSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    ASSERT_NE(page, MAP_FAILED);
    profile = read_profile(path);
    EXPECT_EQ(profile->ending, Ending::running);
    EXPECT_THAT(profile->problems, IsEmpty());
    static_cast<trace::Header*>(page)->ended = 1;
    ::munmap(page, trace::kHeaderSize);
  }
  EXPECT_EQ(read_profile(path)->ending, Ending::ended);
  ::unlink(path.c_str());
}

TEST(TraceReader, AChildMayFreeWhatItInherited) {
  Growing grandparent(new_header(Mode::exact));
  grandparent.records().stack({1});
  grandparent.records().alloc(0x10, 1, 0);
  grandparent.append();
  grandparent.show();

  trace::Header header = new_header(Mode::exact);
  header.process -= 1;
  header.parent_process = header.process + 1;
  header.parent_sequence = 0;
  header.parent_committed = 1'000'000;  // all of that block
  Growing parent(header);
  parent.records().stack({1});
  parent.records().alloc(0x100, 10, 0);
  parent.records().alloc(0x200, 10, 0, Kind::python_object);
  parent.append();
  parent.records().alloc(0x10'0000, 8192, 0, Kind::mapped);
  parent.records().alloc(0x300, 10, 0);
  const std::uint64_t committed = parent.records().bytes().size();
  parent.records().alloc(0x400, 10, 0);  // after the fork
  parent.records().free(0x300);
  parent.show();

  header.process -= 1;
  header.parent_process = header.process + 1;
  header.parent_sequence = 1;
  header.parent_committed = committed;
  TraceWriter child(header);
  auto& out = child.records();
  out.stack({1});
  out.free(0x10);
  out.free(0x100);
  out.free(0x200, true);
  out.free(0x300);
  out.free(0x400);  // was not there yet
  out.unmap(0x10'0000, 4096);
  out.unmap(0x10'1000, 4096);
  out.alloc(0x100, 7, 0);

  ReadOptions options;
  options.ancestors = {parent.path(), grandparent.path()};
  Profile profile = profile_of(child.bytes(), options);
  EXPECT_THAT(profile.problems, IsEmpty());
  EXPECT_EQ(profile.inherited_frees, 5U);
  EXPECT_EQ(profile.unknown_frees, 1U);
  EXPECT_EQ(profile.leaked.bytes, 7);
  EXPECT_EQ(profile.total.bytes, 7);

  profile = profile_of(child.bytes());
  EXPECT_EQ(profile.inherited_frees, 0U);
  EXPECT_EQ(profile.unknown_frees, 7U);

  options.ancestors = {grandparent.path()};
  EXPECT_THAT(profile_of(child.bytes(), options).problems, testing::ElementsAre(HasSubstr("what was inherited")));
}

TEST(TraceReader, WhatTheWriterSaysIsHandedOn) {
  TraceWriter writer(new_header(Mode::exact));
  writer.records().note("allocator", "jemalloc");
  writer.records().lost(3, "the disk is full");
  writer.records().end();
  writer.header().lost = 2;
  writer.header().milliseconds = 55;
  const Profile profile = profile_of(writer.bytes());
  ASSERT_EQ(profile.notes.size(), 1U);
  EXPECT_EQ(profile.notes[0].value, "jemalloc");
  EXPECT_THAT(profile.problems, testing::ElementsAre("3 allocations were not recorded: the disk is full"));
  EXPECT_EQ(profile.lost, 3U);
  EXPECT_EQ(profile.milliseconds, 55U);
  EXPECT_EQ(profile.ending, Ending::ended);
}

}  // namespace
}  // namespace fittest::heap

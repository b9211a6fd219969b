#include "heap/read/records.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "heap/trace_writer.h"

namespace fittest::heap {
namespace {

std::string encode(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

Cursor over(const std::string& bytes) {
  return Cursor(std::as_bytes(std::span(bytes)));
}

TEST(Cursor, NumbersOfEveryLengthAreReadWhateverFollows) {
  std::mt19937_64 random(1);
  for (unsigned bits = 0; bits <= 64; ++bits) {
    for (int i = 0; i < 100; ++i) {
      const std::uint64_t value = bits == 0 ? 0 : random() >> (64 - bits);
      const std::string number = encode(value);
      for (const std::size_t behind : {0U, 1U, 5U, 16U}) {
        std::string bytes = number;
        for (std::size_t k = 0; k < behind; ++k) bytes.push_back(static_cast<char>(random()));
        Cursor in = over(bytes);
        std::uint64_t read = ~value;
        ASSERT_TRUE(in.number(read));
        EXPECT_EQ(read, value);
        EXPECT_EQ(in.left(), behind);
      }
      for (std::size_t cut = 0; cut < number.size(); ++cut) {
        const std::string part = number.substr(0, cut);
        Cursor in = over(part);
        std::uint64_t read = 0;
        EXPECT_FALSE(in.number(read));
      }
    }
  }
}

TEST(Cursor, NumbersOfMoreThan64BitsAreNone) {
  for (const std::string& bytes :
       {std::string(9, '\x80') + '\x02', std::string(10, '\x80') + '\x01', std::string(20, '\xFF')}) {
    Cursor in = over(bytes);
    std::uint64_t read = 0;
    EXPECT_FALSE(in.number(read));
  }
}

TEST(Cursor, SignedNumbersAndTexts) {
  std::string bytes;
  for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, INT64_MAX, INT64_MIN}) {
    bytes += encode((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
  }
  bytes += encode(3) + "abc" + encode(4) + "abc";
  Cursor in = over(bytes);
  for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, INT64_MAX, INT64_MIN}) {
    std::uint64_t read = 0;
    ASSERT_TRUE(in.signed_number(read));
    EXPECT_EQ(static_cast<std::int64_t>(read), value);
  }
  std::string_view text;
  ASSERT_TRUE(in.text(text));
  EXPECT_EQ(text, "abc");
  EXPECT_FALSE(in.text(text));
}

// Says what it is called with.
struct Listener : RecordVisitor {
  std::vector<std::string> heard;
  void alloc(std::uint64_t address, std::uint64_t size, std::uint32_t stack, trace::Kind kind, bool sampled) {
    heard.push_back(
        fmt::format("alloc {} {} {} {}{}", address, size, stack, static_cast<int>(kind), sampled ? " sampled" : ""));
  }
  void free(std::uint64_t address, bool python, bool temporary) {
    heard.push_back(fmt::format("free {}{}{}", address, python ? " python" : "", temporary ? " temporary" : ""));
  }
  void unmap(std::uint64_t address, std::uint64_t size) { heard.push_back(fmt::format("unmap {} {}", address, size)); }
  void other(std::span<const std::byte> bytes) {
    Cursor in(bytes);
    std::uint8_t tag = 0;
    in.byte(tag);
    EXPECT_TRUE(decode_other(tag, in, *this));
    EXPECT_EQ(in.left(), 0U);
  }
  void stack(const StackRecord& record) {
    heard.push_back(fmt::format("stack {} {}", record.native_count, record.python_count));
  }
  void code(const CodeRecord& record) {
    heard.push_back(fmt::format("code {} {} {} {} {}", record.name, record.file, record.first_line, record.python_minor,
                                record.line_table));
  }
  void module(const ModuleRecord& record) {
    heard.push_back(
        fmt::format("module {} {} {} {} {}", record.path, record.build_id, record.bias, record.begin, record.end));
  }
  void clock(std::uint64_t milliseconds) { heard.push_back(fmt::format("clock {}", milliseconds)); }
  void counters(const trace::Counters& c) { heard.push_back(fmt::format("counters {} {}", c.live, c.threads)); }
  void mark(std::string_view name, const trace::Counters& c) {
    heard.push_back(fmt::format("mark {} {} {}", name, c.live, c.threads));
  }
  void thread(std::uint64_t id) { heard.push_back(fmt::format("thread {}", id)); }
  void live(std::uint64_t most, std::uint64_t now) { heard.push_back(fmt::format("live {} {}", most, now)); }
  void lost(std::uint64_t count, std::string_view why) { heard.push_back(fmt::format("lost {} {}", count, why)); }
  void note(std::string_view key, std::string_view value) { heard.push_back(fmt::format("note {} {}", key, value)); }
  void end() { heard.emplace_back("end"); }
};

RecordWriter one_of_each() {
  RecordWriter out;
  out.module("/lib/x.so", "id", 1, 4096, 8192);
  out.code("f", "f.py", 7, 11, "table");
  out.stack({5000, 4100, 9000}, {{0, 12, true}, {0, 14, false}});
  out.thread(12);
  out.alloc(1000, 16, 0);
  out.alloc(5000, 16, 0, trace::Kind::python_object, true);
  out.alloc(2000, 24, 3, trace::Kind::mapped);
  out.free(1000);
  out.free(5000, true, true);
  out.unmap(2000, 10);
  out.alloc(3000, 24, 3);
  out.clock(8);
  out.counters({1, 2, 3, 4, 5, 6, 7, 8});
  out.mark("test", {9, 2, 3, 4, 5, 6, 7, 1});
  out.live(4, 3);
  out.lost(2, "full");
  out.note("a", "b");
  out.end();
  return out;
}

const std::vector<std::string> kOneOfEach{"module /lib/x.so id 1 4096 8192",
                                          "code f f.py 7 11 table",
                                          "stack 3 2",
                                          "thread 12",
                                          "alloc 1000 16 0 0",
                                          "alloc 5000 16 0 5 sampled",
                                          "alloc 2000 24 3 1",
                                          "free 1000",
                                          "free 5000 python temporary",
                                          "unmap 2000 10",
                                          "alloc 3000 24 3 0",
                                          "clock 8",
                                          "counters 1 8",
                                          "mark test 9 1",
                                          "live 4 3",
                                          "lost 2 full",
                                          "note a b",
                                          "end"};

TEST(Records, EveryKindIsHeardAsItWasWritten) {
  const RecordWriter out = one_of_each();
  Cursor in = over(out.bytes());
  Previous previous;
  Listener listener;
  bool damaged = false;
  EXPECT_EQ(decode_records(in, previous, SIZE_MAX, listener, damaged), kOneOfEach.size());
  EXPECT_FALSE(damaged);
  EXPECT_EQ(listener.heard, kOneOfEach);
}

TEST(Records, ReadInPartsTheyAreTheSame) {
  const RecordWriter out = one_of_each();
  Cursor in = over(out.bytes());
  Previous previous;
  Listener listener;
  bool damaged = false;
  while (decode_records(in, previous, 1, listener, damaged) == 1) {
  }
  EXPECT_FALSE(damaged);
  EXPECT_EQ(listener.heard, kOneOfEach);
}

TEST(Records, CutAnywhereTheyAreABeginningOfTheSame) {
  const RecordWriter out = one_of_each();
  std::vector<std::size_t> ends{0};  // of records
  {
    Cursor in = over(out.bytes());
    Previous previous;
    Listener listener;
    bool damaged = false;
    while (decode_records(in, previous, 1, listener, damaged) == 1) ends.push_back(out.bytes().size() - in.left());
  }
  for (std::size_t cut = 0; cut < out.bytes().size(); ++cut) {
    const std::string bytes = out.bytes().substr(0, cut);
    Cursor in = over(bytes);
    Previous previous;
    Listener listener;
    bool damaged = false;
    decode_records(in, previous, SIZE_MAX, listener, damaged);
    const auto whole = std::ranges::upper_bound(ends, cut) - ends.begin() - 1;
    ASSERT_EQ(std::ssize(listener.heard), whole);
    EXPECT_TRUE(std::equal(listener.heard.begin(), listener.heard.end(), kOneOfEach.begin()));
    EXPECT_EQ(damaged, cut != ends[static_cast<std::size_t>(whole)]) << cut;
  }
}

TEST(Records, WhatIsNoRecordIsDamage) {
  const std::vector<std::string> bad{
      std::string("\x00", 1),          // no such tag
      "\x0F",                          // neither
      std::string("\x1E", 1),          // a flag where there are none
      std::string("\x22\x00", 2),      // a free with a flag of alloc
      std::string("\x71\x00\x06", 3),  // a kind that there is not
      "\x01" + encode(2) + encode(kLargestSize) + encode(0),
      "\x01" + encode(2) + encode(8) + encode(UINT32_MAX),
      "\x03" + encode(1'000'000'000) + encode(0),  // more frames than bytes
  };
  for (const std::string& bytes : bad) {
    Cursor in = over(bytes);
    Previous previous;
    Listener listener;
    bool damaged = false;
    EXPECT_EQ(decode_records(in, previous, SIZE_MAX, listener, damaged), 0U);
    EXPECT_TRUE(damaged);
    EXPECT_TRUE(listener.heard.empty());
  }
}

}  // namespace
}  // namespace fittest::heap

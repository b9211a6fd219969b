#pragma once
// Writes traces as docs/heap-trace.md says, independently of the library that is preloaded into processes: for tests of
// what reads them, and for benchmarks.
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heap/trace/format.h"

namespace fittest::heap {

// The bytes of one block.
class RecordWriter {
 public:
  void alloc(std::uint64_t address, std::uint64_t size, std::uint32_t stack, trace::Kind kind = trace::Kind::heap,
             bool sampled = false) {
    std::uint8_t tag = static_cast<std::uint8_t>(trace::Tag::alloc);
    if (size == size_) tag |= trace::kSameSize;
    if (stack == stack_) tag |= trace::kSameStack;
    if (kind != trace::Kind::heap) tag |= trace::kOtherKind;
    if (sampled) tag |= trace::kSampled;
    byte(tag);
    move_to(address);
    if (kind != trace::Kind::heap) number(static_cast<std::uint64_t>(kind));
    if (size != size_) number(size);
    if (stack != stack_) number(stack);
    size_ = size;
    stack_ = stack;
  }
  void free(std::uint64_t address, bool python = false, bool temporary = false) {
    std::uint8_t tag = static_cast<std::uint8_t>(trace::Tag::free);
    if (python) tag |= trace::kFreeOtherKind;
    if (temporary) tag |= trace::kTemporary;
    byte(tag);
    move_to(address);
  }
  void unmap(std::uint64_t address, std::uint64_t size) {
    tag(trace::Tag::unmap);
    move_to(address);
    number(size);
  }
  struct Python {
    std::uint32_t code, offset;
    bool entry;
  };
  void stack(const std::vector<std::uint64_t>& native, const std::vector<Python>& python = {}) {
    tag(trace::Tag::stack);
    number(native.size());
    std::uint64_t before = 0;
    for (const std::uint64_t address : native) {
      signed_number(address - before);
      before = address;
    }
    number(python.size());
    for (const Python& frame : python) {
      number(frame.code);
      number(std::uint64_t{frame.offset} * 2 + (frame.entry ? 1 : 0));
    }
  }
  void code(std::string_view name, std::string_view file, std::uint64_t first_line, std::uint64_t minor,
            std::string_view line_table) {
    tag(trace::Tag::code);
    text(name);
    text(file);
    number(first_line);
    number(minor);
    text(line_table);
    number(0);
  }
  void module(std::string_view path, std::string_view build_id, std::uint64_t bias, std::uint64_t begin,
              std::uint64_t end) {
    tag(trace::Tag::module);
    text(path);
    text(build_id);
    number(bias);
    number(begin);
    number(end);
  }
  void clock(std::uint64_t milliseconds) {
    tag(trace::Tag::clock);
    number(milliseconds);
  }
  void counters(const trace::Counters& values) {
    tag(trace::Tag::counters);
    add(values);
  }
  void mark(std::string_view name, const trace::Counters& values) {
    tag(trace::Tag::mark);
    text(name);
    add(values);
  }
  void thread(std::uint64_t id) {
    tag(trace::Tag::thread);
    number(id);
  }
  void live(std::uint64_t most, std::uint64_t now) {
    tag(trace::Tag::live);
    number(most);
    number(now);
  }
  void lost(std::uint64_t count, std::string_view why) {
    tag(trace::Tag::lost);
    number(count);
    text(why);
  }
  void note(std::string_view key, std::string_view value) {
    tag(trace::Tag::note);
    text(key);
    text(value);
  }
  void end() { tag(trace::Tag::end); }
  void byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  std::string take() {
    std::string bytes;
    bytes.swap(bytes_);
    address_ = size_ = stack_ = 0;
    bytes_.reserve(bytes.size() + 256);
    return bytes;
  }

 private:
  void tag(trace::Tag value) { byte(static_cast<std::uint8_t>(value)); }
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80));
    byte(static_cast<std::uint8_t>(value));
  }
  void signed_number(std::uint64_t value) { number((value << 1) ^ (~(value >> 63) + 1)); }
  void text(std::string_view value) {
    number(value.size());
    bytes_.append(value);
  }
  void add(const trace::Counters& c) {
    for (const std::uint64_t value :
         {c.live, c.peak, c.allocated, c.allocations, c.frees, c.mapped, c.mappings, c.threads}) {
      number(value);
    }
  }
  void move_to(std::uint64_t address) {
    signed_number(address - address_);
    address_ = address;
  }

  std::string bytes_;
  std::uint64_t address_ = 0, size_ = 0, stack_ = 0;
};

// A header that readers accept.
inline trace::Header new_header(trace::Mode mode, std::uint64_t period = 0) {
  trace::Header header{};
  std::memcpy(header.magic, trace::kMagic, sizeof header.magic);
  header.version = trace::kVersion;
  header.mode = static_cast<std::uint32_t>(mode);
  header.process = 4'000'000;  // none: the kernel gives no such number by default
  header.period = period;
  header.tail_capacity = trace::kSmallestTail;
  header.page_size = 4096;
  std::strncpy(header.program, "/usr/bin/program", sizeof header.program - 1);
  return header;
}

// The parts of a trace as bytes.
inline std::string header_bytes(const trace::Header& header) {
  std::string bytes(trace::kHeaderSize, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}
inline std::string tail_bytes(const trace::Header& header, std::uint64_t sequence, std::string_view records) {
  std::string bytes(sizeof(trace::TailHeader) + header.tail_capacity, '\0');
  const trace::TailHeader tail{sequence, records.size()};
  std::memcpy(bytes.data(), &tail, sizeof tail);
  std::memcpy(bytes.data() + sizeof tail, records.data(), std::min<std::size_t>(records.size(), header.tail_capacity));
  return bytes;
}
inline std::string block_bytes(std::uint64_t sequence, std::string_view records, int level = 1) {
  std::string stored(ZSTD_compressBound(records.size()), '\0');
  stored.resize(ZSTD_compress(stored.data(), stored.size(), records.data(), records.size(), level));
  const trace::BlockHeader header{trace::kBlockMagic, static_cast<std::uint32_t>(stored.size()),
                                  static_cast<std::uint32_t>(records.size()),
                                  static_cast<std::uint32_t>(XXH64(stored.data(), stored.size(), 0)), sequence};
  std::string bytes(sizeof header, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes + stored;
}

// A whole trace in memory: records go into a block until it is as full as it may get.
class TraceWriter {
 public:
  explicit TraceWriter(const trace::Header& header) : header_(header) {}

  trace::Header& header() { return header_; }
  RecordWriter& records() {
    if (records_.bytes().size() + kLongest > header_.tail_capacity) end_block();
    return records_;
  }
  void end_block() {
    if (records_.bytes().empty()) return;
    blocks_ += block_bytes(sequence_, records_.take());
    ++sequence_;
  }
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  // With what is in no block yet in the tail.
  [[nodiscard]] std::string bytes() const {
    return header_bytes(header_) + tail_bytes(header_, sequence_, records_.bytes()) + blocks_;
  }
  // Blocks since the last call, for a file that is written bit by bit.
  std::string take_blocks() { return std::exchange(blocks_, {}); }

 private:
  static constexpr std::size_t kLongest = 4096;  // of a record
  trace::Header header_;
  RecordWriter records_;
  std::string blocks_;
  std::uint64_t sequence_ = 0;
};

}  // namespace fittest::heap

#include "heap/pack/packed_file.h"

#include <xxhash.h>
#include <zstd.h>

#include <cstring>
#include <new>

namespace fittest::heap {
namespace {

using trace::kLongestNumber;
using trace::Tag;

// Higher levels gain a twentieth and take three to ten times as long.
constexpr int kCompressionLevel = 12;

}  // namespace

PackedFile::PackedFile(const trace::Header& header) : block_(trace::kLargestTail) {
  trace::Header packed = header;
  packed.version = trace::kPackedVersion;
  packed.tail_capacity = 0;
  packed.program[sizeof packed.program - 1] = '\0';
  out_.assign(reinterpret_cast<const char*>(&packed), trace::packed_header_size(packed));
}

void PackedFile::alloc(trace::Kind kind, std::uint64_t address, std::uint64_t size, std::uint32_t stack, bool sampled) {
  unsigned char* const at = room(trace::kLongestAlloc);
  commit(trace::put_alloc(at, before_, kind, address, size, stack, sampled));
}

void PackedFile::free(std::uint64_t address, bool python, bool temporary) {
  unsigned char* const at = room(1 + kLongestNumber);
  commit(trace::put_free(at, before_, address, python, temporary));
}

void PackedFile::unmap(std::uint64_t address, std::uint64_t bytes) {
  unsigned char* const at = room(1 + 2 * kLongestNumber);
  commit(trace::put_unmap(at, before_, address, bytes));
}

void PackedFile::thread(std::uint64_t id) {
  // With the alloc that follows, or that would begin a block without it.
  unsigned char* const at = room(1 + kLongestNumber + trace::kLongestAlloc);
  if (thread_ == id) return;
  thread_ = id;
  commit(trace::put_number(trace::put_tag(at, Tag::thread), id));
}

void PackedFile::clock(std::uint64_t milliseconds) {
  unsigned char* const at = room(1 + kLongestNumber);
  commit(trace::put_number(trace::put_tag(at, Tag::clock), milliseconds));
}

void PackedFile::live(std::uint64_t most) {
  unsigned char* const at = room(1 + 2 * kLongestNumber);
  commit(trace::put_number(trace::put_number(trace::put_tag(at, Tag::live), most), most));
}

void PackedFile::code(const CodeRecord& code) {
  unsigned char* at = room(1 + 6 * kLongestNumber + code.name.size() + code.file.size() + code.line_table.size());
  at = trace::put_text(trace::put_tag(at, Tag::code), code.name.data(), code.name.size());
  at = trace::put_text(at, code.file.data(), code.file.size());
  at = trace::put_number(trace::put_number(at, code.first_line), code.python_minor);
  at = trace::put_text(at, code.line_table.data(), code.line_table.size());
  commit(trace::put_number(at, code.line_table_left_out));
}

void PackedFile::other(std::span<const std::byte> record) {
  unsigned char* const at = room(record.size());
  std::memcpy(at, record.data(), record.size());
  commit(at + record.size());
}

unsigned char* PackedFile::room(std::size_t most) {
  if (block_.size() - used_ < most) end_block();
  return block_.data() + used_;
}

void PackedFile::end_block() {
  if (used_ == 0) return;
  std::string stored(ZSTD_compressBound(used_), '\0');
  const std::size_t size = ZSTD_compress(stored.data(), stored.size(), block_.data(), used_, kCompressionLevel);
  if (ZSTD_isError(size) != 0) throw std::bad_alloc();  // there is room for any result
  const trace::BlockHeader header{trace::kBlockMagic, static_cast<std::uint32_t>(size),
                                  static_cast<std::uint32_t>(used_),
                                  static_cast<std::uint32_t>(XXH64(stored.data(), size, 0)), sequence_++};
  out_.append(reinterpret_cast<const char*>(&header), sizeof header);
  out_.append(stored, 0, size);
  used_ = 0;
  before_ = {};
  thread_.reset();
}

std::string PackedFile::finish() {
  end_block();
  return std::move(out_);
}

}  // namespace fittest::heap

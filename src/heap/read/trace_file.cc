#include "heap/read/trace_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

namespace fittest::heap {
namespace {

static_assert(std::endian::native == std::endian::little, "headers are read as they lie in the file");

bool packed(const trace::Header& header) {
  return header.version == trace::kPackedVersion;
}

std::uint64_t first_block(const trace::Header& header) {
  if (packed(header)) return trace::packed_header_size(header);
  return trace::kTailOffset + sizeof(trace::TailHeader) + header.tail_capacity;
}

tl::unexpected<Error> no_trace(const std::string& name, std::string what) {
  return failure(std::move(what), name, "give a file that `fittest heap run` or a test run wrote");
}

// Whether the fields that never change can be worked with.
Result<void> check(const trace::Header& header, const std::string& name) {
  if (std::memcmp(header.magic, trace::kMagic, sizeof header.magic) != 0)
    return no_trace(name, "this is no heap trace");
  if (header.version != trace::kVersion && !packed(header)) {
    return failure(fmt::format("this heap trace is of version {}, and this fittest reads versions up to {}",
                               header.version, trace::kPackedVersion),
                   name, "read it with the fittest that wrote it");
  }
  if (header.mode > static_cast<std::uint32_t>(trace::Mode::exact)) {
    return no_trace(name, fmt::format("the trace's header is damaged: there is no mode {}", header.mode));
  }
  if (header.tail_capacity > trace::kLargestTail) {
    return no_trace(name, fmt::format("the trace's header is damaged: a tail of {} bytes is more than there can be",
                                      header.tail_capacity));
  }
  if (packed(header) && (header.tail_capacity != 0 || header.program[sizeof header.program - 1] != '\0')) {
    return no_trace(name, "the trace's header is damaged: a packed one has no tail, and its program's name an end");
  }
  return {};
}

}  // namespace

void TraceFile::FreeContext::operator()(ZSTD_DCtx_s* context) const {
  ZSTD_freeDCtx(context);
}

TraceFile::TraceFile(Descriptor file, std::string name, const trace::Header& header)
    : file_(std::move(file)),
      name_(std::move(name)),
      header_(header),
      place_(first_block(header)),
      context_(ZSTD_createDCtx()) {}
TraceFile::TraceFile(TraceFile&&) noexcept = default;
TraceFile& TraceFile::operator=(TraceFile&&) noexcept = default;
TraceFile::~TraceFile() = default;

Result<TraceFile> TraceFile::open(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_failure(errno, "the heap trace cannot be opened", path.string());
  return adopt(std::move(file), path.string());
}

Result<TraceFile> TraceFile::adopt(Descriptor file, std::string name) {
  trace::Header header{};
  TraceFile trace(std::move(file), std::move(name), header);
  if (!trace.read_header(header)) return no_trace(trace.name_, "this is no heap trace: it is too short");
  if (auto good = check(header, trace.name_); !good) return tl::unexpected(std::move(good.error()));
  trace.header_ = header;
  trace.place_ = first_block(header);
  return trace;
}

bool TraceFile::read_header(trace::Header& header) const {
  const std::size_t got = read(0, std::as_writable_bytes(std::span(&header, 1)));
  if (!packed(header)) return got == sizeof header;
  // Blocks may begin within what was read.
  const std::size_t begin = offsetof(trace::Header, program);
  if (got <= begin) return false;
  if (void* end = std::memchr(header.program, '\0', got - begin)) {
    std::memset(end, 0, static_cast<std::size_t>(std::end(header.program) - static_cast<char*>(end)));
  }
  return true;
}

void TraceFile::refresh() {
  trace::Header header{};
  if (read_header(header) && check(header, name_) && header.tail_capacity == header_.tail_capacity &&
      header.mode == header_.mode && header.period == header_.period) {
    header_ = header;
  }
}

std::uint64_t TraceFile::inode() const {
  struct stat status {};
  return ::fstat(file_.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_ino) : 0;
}

std::uint64_t TraceFile::left() const {
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) return 0;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  return size > place_ ? size - place_ : 0;
}

std::size_t TraceFile::read(std::uint64_t place, std::span<std::byte> into) const {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto rest = into.subspan(done);
    const ssize_t got = ::pread(file_.get(), rest.data(), rest.size(), static_cast<off_t>(place + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

TraceFile::Found TraceFile::damage(std::uint64_t place, std::string what) {
  problem_ = fmt::format("at byte {}: {}; what follows could not be read", place, what);
  return Found::damage;
}

TraceFile::Found TraceFile::next(Block& block) {
  trace::BlockHeader header{};
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(&header, 1));
  const std::size_t got = read(place_, bytes);
  // Room that was set aside and not yet written to reads as zeros.
  if (std::ranges::all_of(bytes.first(got), [](std::byte byte) { return byte == std::byte{0}; })) return Found::nothing;
  if (got < bytes.size()) return damage(place_, "the file ends within the header of a block");
  if (header.magic != trace::kBlockMagic) return damage(place_, "no block begins where one should");
  const std::uint64_t capacity = packed(header_) ? trace::kLargestTail : header_.tail_capacity;
  if (header.raw_size > capacity || header.stored_size > ZSTD_compressBound(header.raw_size)) {
    return damage(place_, fmt::format("a block of {} bytes is more than there can be",
                                      std::max(header.raw_size, header.stored_size)));
  }
  stored_.resize(header.stored_size);
  if (read(place_ + bytes.size(), stored_) < stored_.size()) return damage(place_, "the file ends within a block");
  if (static_cast<std::uint32_t>(XXH64(stored_.data(), stored_.size(), 0)) != header.checksum) {
    return damage(place_, "the checksum of a block does not match");
  }
  block.bytes.resize(header.raw_size);
  const std::size_t unpacked =
      ZSTD_decompressDCtx(context_.get(), block.bytes.data(), block.bytes.size(), stored_.data(), stored_.size());
  if (ZSTD_isError(unpacked) != 0 || unpacked != block.bytes.size()) {
    return damage(place_, "a block cannot be unpacked");
  }
  block.sequence = header.sequence;
  block.place = place_;
  place_ += bytes.size() + stored_.size();
  return Found::block;
}

TraceFile::Found TraceFile::tail(Block& block) {
  if (header_.tail_capacity == 0) return Found::nothing;
  block.place = trace::kTailOffset;
  // The process may begin the next block meanwhile; its sequence tells. It is seldom that fast twice.
  for (int attempt = 0; attempt < 100; ++attempt) {
    trace::TailHeader before{};
    trace::TailHeader after{};
    const std::span<std::byte> first = std::as_writable_bytes(std::span(&before, 1));
    const std::span<std::byte> second = std::as_writable_bytes(std::span(&after, 1));
    if (read(trace::kTailOffset, first) < first.size()) {
      return damage(trace::kTailOffset, "the file ends before the block that was being filled");
    }
    if (before.committed > header_.tail_capacity) {
      return damage(trace::kTailOffset,
                    fmt::format("the block that was being filled cannot hold {} bytes", before.committed));
    }
    block.bytes.resize(before.committed);
    if (read(trace::kTailOffset + first.size(), block.bytes) < block.bytes.size()) {
      return damage(trace::kTailOffset, "the file ends within the block that was being filled");
    }
    if (read(trace::kTailOffset, second) == second.size() && after.sequence == before.sequence) {
      block.sequence = before.sequence;
      return Found::block;
    }
  }
  return Found::nothing;
}

}  // namespace fittest::heap

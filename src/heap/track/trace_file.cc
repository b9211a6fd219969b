#include "heap/track/trace_file.h"

#define ZSTD_STATIC_LINKING_ONLY
#define XXH_INLINE_ALL
#include <fcntl.h>
#include <sys/resource.h>
#include <xxhash.h>
#include <zstd.h>

#include <cstdio>
#include <cstring>

#include "heap/track/pages.h"

namespace fittest::heap::track {
namespace {

constexpr int kCompressionLevel = 1;

// Where blocks are compressed: one for all files, made when the first block is full. The caller's lock guards it.
struct Compressor {
  ZSTD_CCtx* context = nullptr;
  unsigned char* output = nullptr;
  std::size_t output_size = 0;

  bool make(std::size_t largest) {
    if (context != nullptr && output_size >= ZSTD_compressBound(largest)) return true;
    const ZSTD_compressionParameters parameters = ZSTD_getCParams(kCompressionLevel, trace::kLargestTail, 0);
    const std::size_t workspace = ZSTD_estimateCCtxSize_usingCParams(parameters);
    if (context == nullptr) {
      void* at = map_pages(workspace);
      if (at == nullptr) return false;
      context = ZSTD_initStaticCCtx(at, whole_pages(workspace));
      if (context == nullptr) return false;
    }
    unmap_pages(output, output_size);
    output_size = ZSTD_compressBound(largest);
    output = static_cast<unsigned char*>(map_pages(output_size + sizeof(trace::BlockHeader)));
    if (output == nullptr) output_size = 0;
    return output != nullptr;
  }
};
Compressor compressor;

// Open for the time of a block. By raw calls: close and write would be points of cancellation.
class OpenFile {
 public:
  OpenFile(const char* path, int flags)
      : fd_(system_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), flags | O_CLOEXEC, 0666)) {}
  ~OpenFile() {
    if (!failed(fd_)) system_call(SYS_close, fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] long fd() const { return fd_; }

 private:
  long fd_;
};

bool write_all(long fd, const unsigned char* from, std::size_t size, std::uint64_t at) {
  while (size > 0) {
    const long written =
        system_call(SYS_pwrite64, fd, reinterpret_cast<long>(from), static_cast<long>(size), static_cast<long>(at));
    if (written == -EINTR) continue;
    if (failed(written) || written == 0) return false;
    from += written;
    size -= static_cast<std::size_t>(written);
    at += static_cast<std::uint64_t>(written);
  }
  return true;
}

// Memory of `size` bytes shared with a file that is empty. The disk's place is taken at once: a full disk would
// otherwise show as SIGBUS when the memory is written to.
long map_new(long fd, std::size_t size) {
  long result = system_call(SYS_fallocate, fd, 0, 0, static_cast<long>(size));
  if (result == -EOPNOTSUPP || result == -ENOSYS) {
    static constexpr unsigned char kZeros[kPage] = {};
    result = 0;
    for (std::size_t at = 0; at < size && result == 0; at += kPage) {
      if (!write_all(fd, kZeros, kPage, at)) result = -ENOSPC;
    }
  }
  if (failed(result)) return result;
  return system_call(SYS_mmap, 0, static_cast<long>(size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

// EEXIST where there is a file of that name.
long rename_to_new(const char* from, const char* to) {
  const auto old_name = reinterpret_cast<long>(from), new_name = reinterpret_cast<long>(to);
  const long result = system_call(SYS_renameat2, AT_FDCWD, old_name, AT_FDCWD, new_name, RENAME_NOREPLACE);
  if (result != -EINVAL && result != -ENOSYS) return result;
  // A file system without that.
  const long linked = system_call(SYS_linkat, AT_FDCWD, old_name, AT_FDCWD, new_name, 0);
  if (!failed(linked)) system_call(SYS_unlinkat, AT_FDCWD, old_name, 0);
  return linked;
}

// Growing over the limit on file sizes would kill the process by SIGXFSZ.
std::uint64_t file_size_limit() {
  rlimit limit{};
  system_call(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, reinterpret_cast<long>(&limit));
  return limit.rlim_cur;
}

}  // namespace

int TraceFile::create(const char* path, const trace::Header& header, std::size_t tail_capacity, std::uint64_t limit) {
  const std::size_t length = std::strlen(path);
  static constexpr char kUnfinished[] = ".new";
  char unfinished[kMostPath + sizeof kUnfinished];
  if (length + 1 > sizeof path_) return ENAMETOOLONG;
  const std::size_t window = whole_pages(trace::kTailOffset + sizeof(trace::TailHeader) + tail_capacity);
  if (file_size_limit() < window) return EFBIG;
  // Under another name until it is a trace: whoever is killed on the way leaves no file that looks like one.
  std::memcpy(unfinished, path, length);
  std::memcpy(unfinished + length, kUnfinished, sizeof kUnfinished);
  system_call(SYS_unlinkat, AT_FDCWD, reinterpret_cast<long>(unfinished), 0);
  const OpenFile file(unfinished, O_RDWR | O_CREAT | O_EXCL);
  if (failed(file.fd())) return static_cast<int>(-file.fd());
  long result = map_new(file.fd(), window);
  if (!failed(result)) {
    header_ = reinterpret_cast<trace::Header*>(result);
    *header_ = header;
    header_->tail_capacity = tail_capacity;
    capacity_ = tail_capacity;
    result = rename_to_new(unfinished, path);
    if (failed(result)) abandon();
  }
  if (failed(result)) {
    system_call(SYS_unlinkat, AT_FDCWD, reinterpret_cast<long>(unfinished), 0);
    return static_cast<int>(-result);
  }
  std::memcpy(path_, path, length + 1);
  tail_ = reinterpret_cast<trace::TailHeader*>(reinterpret_cast<char*>(header_) + trace::kTailOffset);
  data_ = reinterpret_cast<unsigned char*>(tail_ + 1);
  used_ = 0;
  sequence_ = 0;
  end_ = trace::kTailOffset + sizeof(trace::TailHeader) + tail_capacity;
  limit_ = limit;
  fresh_ = true;
  full_ = false;
  open_ = true;
  return 0;
}

void TraceFile::commit(const unsigned char* end) {
  used_ = static_cast<std::size_t>(end - data_);
  std::atomic_ref(tail_->committed).store(used_, std::memory_order_release);
}

bool TraceFile::next_block() {
  if (full_) return false;
  full_ = true;  // until it worked
  if (!compressor.make(capacity_)) return false;
  unsigned char* const stored = compressor.output + sizeof(trace::BlockHeader);
  const std::size_t size =
      ZSTD_compressCCtx(compressor.context, stored, compressor.output_size, data_, used_, kCompressionLevel);
  if (ZSTD_isError(size) != 0) return false;
  const trace::BlockHeader block{trace::kBlockMagic, static_cast<std::uint32_t>(size),
                                 static_cast<std::uint32_t>(used_), static_cast<std::uint32_t>(XXH64(stored, size, 0)),
                                 sequence_};
  std::memcpy(compressor.output, &block, sizeof block);
  const std::size_t all = sizeof block + size;
  if (end_ + all > limit_ || end_ + all > file_size_limit()) return false;
  {
    const OpenFile file(path_, O_WRONLY);
    if (failed(file.fd()) || !write_all(file.fd(), compressor.output, all, end_)) return false;
  }
  end_ += all;
  // In this order: a reader that sees the old tail sees its sequence among the blocks and leaves it.
  std::atomic_ref(tail_->committed).store(0, std::memory_order_release);
  std::atomic_ref(tail_->sequence).store(++sequence_, std::memory_order_release);
  used_ = 0;
  fresh_ = true;
  full_ = false;
  return true;
}

void TraceFile::close() {
  if (!open_) return;
  header_->ended = 1;
  open_ = false;
}

void TraceFile::abandon() {
  open_ = false;
  if (header_ == nullptr) return;
  unmap_pages(header_, trace::kTailOffset + sizeof(trace::TailHeader) + capacity_);
  header_ = nullptr;
  tail_ = nullptr;
  data_ = nullptr;
  capacity_ = used_ = 0;
}

}  // namespace fittest::heap::track

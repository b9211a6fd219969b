#pragma once
// The file of a trace: header, tail and blocks, checked and unpacked, but not yet understood.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/descriptor.h"
#include "core/error.h"
#include "heap/trace/format.h"

struct ZSTD_DCtx_s;

namespace fittest::heap {

// The bytes of records of one block, or of as much of the tail as is committed. Reused from one block to the next.
struct Block {
  std::uint64_t sequence = 0;
  std::uint64_t place = 0;  // where in the file it begins
  std::vector<std::byte> bytes;
};

// Reads with pread alone: a file that is cut off or written to meanwhile can give wrong bytes, which are then found
// out, but never a signal. Holds one block's stored bytes; a block of no more than the tail's capacity, as the format
// wants.
class TraceFile {
 public:
  // Errors: it cannot be opened, is no trace, or one of a later version.
  static Result<TraceFile> open(const std::filesystem::path& path);
  static Result<TraceFile> adopt(Descriptor file, std::string name);
  TraceFile(TraceFile&&) noexcept;
  TraceFile& operator=(TraceFile&&) noexcept;
  ~TraceFile();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const trace::Header& header() const { return header_; }
  // Reads counters and the like anew. If the header is no longer one, the old is kept.
  void refresh();
  [[nodiscard]] std::uint64_t inode() const;
  // Bytes of blocks not yet read.
  [[nodiscard]] std::uint64_t left() const;

  enum class Found {
    block,    // the next one
    nothing,  // the file ends here
    damage,   // something that is not a whole block; problem() says what. Not passed over: it may become whole
  };
  Found next(Block& block);
  // The tail. Nothing: it is not there, or changes too fast to be seen whole.
  Found tail(Block& block);
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  TraceFile(Descriptor file, std::string name, const trace::Header& header);
  Found damage(std::uint64_t place, std::string what);
  // False: the file is too short for one.
  bool read_header(trace::Header& header) const;
  // How many bytes could be read, up to all of them.
  std::size_t read(std::uint64_t place, std::span<std::byte> into) const;

  struct FreeContext {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  Descriptor file_;
  std::string name_;
  trace::Header header_;
  std::uint64_t place_;  // of the next block
  std::vector<std::byte> stored_;
  std::unique_ptr<ZSTD_DCtx_s, FreeContext> context_;
  std::string problem_;
};

}  // namespace fittest::heap

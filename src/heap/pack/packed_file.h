#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "heap/read/records.h"
#include "heap/trace/encode.h"
#include "heap/trace/format.h"

namespace fittest::heap {

// Writes a packed trace in memory: records into blocks, as large as readers allow.
class PackedFile {
 public:
  explicit PackedFile(const trace::Header& header);

  void alloc(trace::Kind kind, std::uint64_t address, std::uint64_t size, std::uint32_t stack, bool sampled);
  void free(std::uint64_t address, bool python, bool temporary);
  void unmap(std::uint64_t address, std::uint64_t bytes);
  // The thread of what follows.
  void thread(std::uint64_t id);
  void clock(std::uint64_t milliseconds);
  void live(std::uint64_t most);
  void code(const CodeRecord& code);
  // A record of another kind as it was.
  void other(std::span<const std::byte> record);

  // All of it.
  std::string finish();

 private:
  unsigned char* room(std::size_t most);
  void commit(const unsigned char* end) { used_ = static_cast<std::size_t>(end - block_.data()); }
  void end_block();

  std::string out_;
  std::vector<unsigned char> block_;
  std::size_t used_ = 0;
  std::uint64_t sequence_ = 0;
  trace::Before before_;
  std::optional<std::uint64_t> thread_;  // as of the block
};

}  // namespace fittest::heap

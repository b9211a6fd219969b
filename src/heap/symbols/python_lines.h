#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "heap/read/profile.h"

namespace fittest::heap {

// The lines of one Python code object, decoded once from its table; then any number of offsets are looked up. Knows
// co_lnotab (3.9 and older), the co_linetable of 3.10, and the location table of 3.11 and newer. A table that is cut
// off or makes no sense gives what could be decoded of it.
class PythonLines {
 public:
  explicit PythonLines(const Code& code);

  // The source line of the instruction at `offset` (bytes); 0 where there is none, or it is not known.
  [[nodiscard]] std::uint32_t at(std::uint32_t offset) const;

 private:
  struct Start {
    std::uint64_t offset;  // bytes of bytecode
    std::uint32_t line;
  };

  void decode_lnotab(const Code& code);
  void decode_pairs(const Code& code);
  void decode_locations(const Code& code);
  void add(std::uint64_t offset, std::int64_t line);

  std::vector<Start> starts_;  // rising
  std::uint64_t end_ = 0;      // first offset that the table does not tell of
};

// A table that gives the same lines as the code's own and, from 3.11 on, no columns, which are four fifths of it. One
// that is damaged is given back as it is.
[[nodiscard]] std::string line_table_without_columns(const Code& code);

}  // namespace fittest::heap

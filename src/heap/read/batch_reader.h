#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "heap/read/batch.h"
#include "heap/read/records.h"
#include "heap/read/trace_file.h"

namespace fittest::heap {

// A place between two records of a trace.
struct Position {
  std::uint64_t sequence = 0;  // of a block
  std::uint64_t bytes = 0;     // of its records, unpacked
};

// A trace's records in their order, whether they lie in blocks or still in the tail. To be asked again when the process
// may have written more. One thread at a time.
class BatchReader {
 public:
  explicit BatchReader(TraceFile file) : file_(std::move(file)) {}

  // Where to end; by default nowhere.
  void stop_at(Position end) { end_ = end; }
  // The next records; false if there are none now. Ends for good at damage within a block whose checksum matches.
  bool next(Batch& batch);
  // Why there is nothing more, if it is not that the trace ends here. As of the last `next` that was false: a block
  // that is still being written is damage once, and whole the next time.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  // Reading was ended for another reason, which the caller knows.
  void give_up() { ended_ = true; }

  [[nodiscard]] const TraceFile& file() const { return file_; }
  TraceFile& file() { return file_; }

 private:
  bool load();
  bool load_tail();
  [[nodiscard]] std::size_t end_of_block() const;

  TraceFile file_;
  std::optional<Position> end_;
  Block block_;
  Position place_;          // next record
  Previous previous_;       // as of place_
  bool loaded_ = false;     // block_ holds place_
  bool from_tail_ = false;  // block_ is the tail, which grows, or stands among the blocks the next time
  bool ended_ = false;
  std::string problem_;
};

}  // namespace fittest::heap

#pragma once
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "heap/read/batch.h"
#include "heap/read/batch_reader.h"

namespace fittest::heap {

// Reads batches in a thread of its own, a few ahead of the one who takes them. Until it is destroyed, the reader is its
// own; what was read and not taken is lost then.
class Ahead {
 public:
  explicit Ahead(BatchReader& reader);
  ~Ahead();
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;

  // As BatchReader::next. What is in `batch` is given back for reuse.
  bool next(Batch& batch);

 private:
  static constexpr std::size_t kBatches = 8;
  void run();

  BatchReader& reader_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Batch> ready_, empty_;  // ready_: in their order, the oldest at first_
  std::size_t first_ = 0;
  bool done_ = false;      // there will be no more
  bool unwanted_ = false;  // nobody takes any more
  std::thread thread_;
};

}  // namespace fittest::heap

#include "heap/read/ahead.h"

#include <utility>

namespace fittest::heap {

Ahead::Ahead(BatchReader& reader) : reader_(reader), empty_(kBatches), thread_([this] { run(); }) {}

Ahead::~Ahead() {
  {
    const std::lock_guard lock(mutex_);
    unwanted_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Ahead::run() {
  for (;;) {
    Batch batch;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return unwanted_ || !empty_.empty(); });
      if (unwanted_) return;
      batch = std::move(empty_.back());
      empty_.pop_back();
    }
    const bool more = reader_.next(batch);
    {
      const std::lock_guard lock(mutex_);
      if (more) ready_.push_back(std::move(batch));
      done_ = !more;
    }
    changed_.notify_all();
    if (!more) return;
  }
}

bool Ahead::next(Batch& batch) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_ || first_ < ready_.size(); });
  if (first_ == ready_.size()) return false;
  empty_.push_back(std::exchange(batch, std::move(ready_[first_])));
  if (++first_ == ready_.size()) {
    ready_.clear();
    first_ = 0;
  }
  lock.unlock();
  changed_.notify_all();
  return true;
}

}  // namespace fittest::heap

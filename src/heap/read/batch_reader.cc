#include "heap/read/batch_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace fittest::heap {
namespace {

// Puts what is decoded into a batch.
struct Filler {
  Batch& batch;

  void alloc(std::uint64_t address, std::uint64_t size, std::uint32_t stack, trace::Kind kind, bool sampled) {
    batch.steps.push_back({address, size, stack, Step::What::alloc, kind, sampled});
  }
  void free(std::uint64_t address, bool python, bool temporary) {
    const trace::Kind kind = python ? trace::Kind::python_object : trace::Kind::heap;
    batch.steps.push_back({address, 0, 0, Step::What::free, kind, temporary});
  }
  void unmap(std::uint64_t address, std::uint64_t size) {
    batch.steps.push_back({address, size, 0, Step::What::unmap, trace::Kind::mapped, false});
  }
  void other(std::span<const std::byte> record) {
    batch.steps.push_back({batch.bytes.size(), record.size(), 0, Step::What::other, trace::Kind::heap, false});
    batch.bytes.insert(batch.bytes.end(), record.begin(), record.end());
  }
};

}  // namespace

// Of the loaded block, what may be read.
std::size_t BatchReader::end_of_block() const {
  if (end_ && block_.sequence == end_->sequence) {
    return static_cast<std::size_t>(std::min<std::uint64_t>(end_->bytes, block_.bytes.size()));
  }
  return block_.bytes.size();
}

bool BatchReader::load_tail() {
  const TraceFile::Found found = file_.tail(block_);
  if (found == TraceFile::Found::damage && problem_.empty()) problem_ = file_.problem();
  if (found != TraceFile::Found::block) return false;
  from_tail_ = true;
  return true;
}

// Brings the block with place_ in. False: there is nothing new.
bool BatchReader::load() {
  loaded_ = false;
  problem_.clear();
  if (end_ &&
      (place_.sequence > end_->sequence || (place_.sequence == end_->sequence && place_.bytes >= end_->bytes))) {
    return false;
  }
  // A second time if the tail is of a later block than those seen: they were written meanwhile.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const TraceFile::Found found = file_.next(block_);
    if (found == TraceFile::Found::block) {
      from_tail_ = false;
      // Part of it may have been read already, when it was the tail.
      if (block_.sequence == place_.sequence && block_.bytes.size() >= place_.bytes) return loaded_ = true;
      ended_ = true;
      problem_ = fmt::format(
          "at byte {}: a block of {} bytes, number {}, stands where number {} should; what follows "
          "could not be read",
          block_.place, block_.bytes.size(), block_.sequence, place_.sequence);
      return false;
    }
    problem_ = found == TraceFile::Found::damage ? file_.problem() : std::string();
    if (!load_tail()) return false;
    if (block_.sequence == place_.sequence) {
      // The block that is damaged was being written when the process died: all of it is here.
      problem_.clear();
      return loaded_ = block_.bytes.size() > place_.bytes;
    }
    if (block_.sequence < place_.sequence) return false;
  }
  if (problem_.empty()) problem_ = fmt::format("blocks are missing from number {} on", place_.sequence);
  return false;
}

bool BatchReader::next(Batch& batch) {
  batch.clear();
  while (!ended_) {
    if (!loaded_ && !load()) return false;
    const std::size_t end = end_of_block();
    const auto begin = static_cast<std::size_t>(std::min<std::uint64_t>(place_.bytes, end));
    Cursor in(std::span(block_.bytes).subspan(begin, end - begin));
    Filler filler{batch};
    bool damaged = false;
    decode_records(in, previous_, Batch::kSteps, filler, damaged);
    if (damaged) {
      ended_ = true;
      problem_ = fmt::format("at byte {}: block {} holds something that is no record; what follows was not read",
                             block_.place, block_.sequence);
    }
    place_.bytes = end - in.left();
    if (!damaged && in.left() == 0) {
      loaded_ = false;
      // The tail may grow, and a place to stop at may be within the block.
      if (!from_tail_ && end == block_.bytes.size()) {
        place_ = {place_.sequence + 1, 0};
        previous_ = {};
      }
    }
    if (!batch.steps.empty()) return true;
  }
  return false;
}

}  // namespace fittest::heap

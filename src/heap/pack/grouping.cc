#include "heap/pack/grouping.h"

#include <algorithm>
#include <tuple>

#include "heap/read/records.h"

namespace fittest::heap {
namespace {

// Where frees of what the trace does not know go: no allocation is given an address there.
constexpr std::uint64_t kUnknown = std::uint64_t{1} << 63;

}  // namespace

void Grouping::add(const Step& step, std::uint64_t thread) {
  if (step.what == Step::What::unmap || (step.what == Step::What::alloc && is_mapping(step.kind))) {
    mapped_.push_back({step, thread});
  } else if (step.what == Step::What::alloc) {
    alloc(step, thread);
  } else {
    free(step);
  }
}

void Grouping::alloc(const Step& step, std::uint64_t thread) {
  const bool python = of_python(step.kind);
  const Held held{true, made_.size()};
  const auto [place, is_new] = (python ? python_ : heap_).try_emplace(step.address, held);
  if (!is_new) {
    // Its free was not seen.
    let_go(place->second, python, false);
    place->second = held;
  }
  made_.push_back({thread, step.size, step.stack, step.kind, step.sampled, Made::Then::alive, step.address});
}

void Grouping::free(const Step& step) {
  const bool python = of_python(step.kind);
  const bool temporary = step.sampled;
  Table& table = python ? python_ : heap_;
  const auto place = table.find(step.address);
  if (place == table.end()) {
    unknown_.push_back({python, temporary, step.address | kUnknown});
    return;
  }
  let_go(place->second, python, temporary);
  table.erase(place);
}

void Grouping::let_go(const Held& held, bool python, bool temporary) {
  if (held.made) {
    made_[held.value].then = temporary ? Made::Then::temporary : Made::Then::freed;
  } else {
    gone_.push_back({python, temporary, held.value});
  }
}

// What is gone, then what came and went, then what stays: so less is held at every moment in between than at the end or
// at the beginning, but for one allocation.
void Grouping::flush() {
  // A mapping may lie where another was: their order stays.
  for (const Mapped& mapped : mapped_) {
    const Step& step = mapped.step;
    if (step.what == Step::What::unmap) {
      out_.unmap(step.address, step.size);
    } else {
      out_.thread(mapped.thread);
      out_.alloc(step.kind, step.address, step.size, step.stack, step.sampled);
    }
  }
  std::ranges::sort(gone_);
  for (const Gone& gone : gone_) out_.free(gone.address, gone.python, gone.temporary);
  for (const Gone& gone : unknown_) out_.free(gone.address, gone.python, gone.temporary);

  // A stable sort by all but the address.
  std::ranges::stable_sort(made_, {}, [](const Made& one) {
    return std::tuple(one.then == Made::Then::alive, one.thread, one.stack, one.kind, one.size, one.sampled, one.then);
  });
  for (const Made& one : made_) {
    out_.thread(one.thread);
    out_.alloc(one.kind, next_address_, one.size, one.stack, one.sampled);
    const bool python = of_python(one.kind);
    if (one.then == Made::Then::alive) {
      (python ? python_ : heap_)[one.address] = {false, next_address_++};
    } else {
      out_.free(next_address_, python, one.then == Made::Then::temporary);
    }
  }
  mapped_.clear();
  gone_.clear();
  unknown_.clear();
  made_.clear();
}

}  // namespace fittest::heap

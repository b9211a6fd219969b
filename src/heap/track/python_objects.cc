#include "heap/track/python_objects.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "heap/track/growing_table.h"
#include "heap/track/pages.h"
#include "heap/track/python_layout.h"
#include "heap/track/state.h"
#include "heap/track/unwind.h"

namespace fittest::heap::track {
namespace {

// PyRefTracerEvent. `removed`, from 3.15 on: another tracer takes the place.
enum Event : int { created = 0, destroyed = 1, removed = 2 };

struct Made {
  std::uintptr_t object;
  std::uint64_t sequence;
};

constexpr std::size_t kMostObjects = std::size_t{1} << 25;  // which have a GiB or more themselves

// All under the lock of the interpreter that asked, but for what is atomic: others come by, too.
struct Watch {
  std::atomic<bool> open{false};
  bool replaced = false;    // another tracer took the place
  bool incomplete = false;  // there was no room for one
  std::atomic<std::uintptr_t> interpreter{0};
  std::atomic<RefTracer*> previous{nullptr};
  void* previous_data = nullptr;
  GrowingTable<Made> made{kMostObjects};
  std::uint64_t sequence = 0;
  // Survivors, each with a reference of ours, until they are taken.
  Made* survivors = nullptr;
  std::size_t room = 0;  // bytes mapped for them
  std::size_t survivor_count = 0;
};
constinit Watch watch;

// The tracer before may call ours in its turn, where both were set twice.
[[gnu::tls_model("initial-exec")]] constinit thread_local bool calling_previous = false;

// PyThreadState.interp: where find_python() saw it published.
constexpr std::size_t kStateInterpreter = 16;

std::uintptr_t current_interpreter(const PythonReferences& api) {
  std::uintptr_t interpreter = 0;
  const void* state = api.thread_state();
  if (state) std::memcpy(&interpreter, static_cast<const char*>(state) + kStateInterpreter, sizeof interpreter);
  return interpreter;
}

void note(std::uintptr_t object) {
  const Made made{object, ++watch.sequence};
  const std::uint64_t key = mixed(object);
  if (Made* known = watch.made.find(key)) {
    *known = made;  // of which the end was not told
  } else if (!watch.made.insert(key, made)) {
    watch.incomplete = true;
  }
}

int on_reference(void* object, int event, void*) {
  RefTracer* const previous = watch.previous.load(std::memory_order_relaxed);
  if (previous && !calling_previous) {
    calling_previous = true;
    previous(object, event, watch.previous_data);
    calling_previous = false;
  }
  if (!watch.open.load(std::memory_order_relaxed)) return 0;
  if (event == removed) {
    watch.replaced = true;
    return 0;
  }
  if (current_interpreter(python()->references) != watch.interpreter.load(std::memory_order_relaxed)) return 0;
  const auto address = reinterpret_cast<std::uintptr_t>(object);
  if (event == created) note(address);
  if (Made gone; event == destroyed) watch.made.take(mixed(address), gone);
  return 0;
}

// Reads memory that may not be there any more.
class Reader {
 public:
  // An aligned word lies on one page.
  bool read(std::uintptr_t address, std::uint64_t& word) {
    if (address % sizeof word != 0) return false;
    const std::uintptr_t page = address & ~(kPage - 1);
    std::uintptr_t& known = readable_[page / kPage % kKnown];
    if (page == 0 || (page != known && readable_pages(page, 1) == 0)) return false;
    known = page;
    std::memcpy(&word, reinterpret_cast<const void*>(address), sizeof word);
    return true;
  }

 private:
  static constexpr std::size_t kKnown = 64;  // pages, so that few are asked for twice
  std::uintptr_t readable_[kKnown] = {};
};

// Whether `object`, of which no end was told, is one. CPython 3.14 keeps silent of those that it destroys later because
// they lie too deep in others (python/cpython#156371), and an extension may free what it never gave out. A freed object
// has a pointer or nothing in place of its references; for memory that is used for something else it is most unlikely
// that a small number and a type follow each other right there.
bool is_object(Reader& reader, std::uintptr_t object) {
  constexpr std::size_t kType = 8, kTypeFlags = 168;
  constexpr std::uint64_t kTypeSubclass = std::uint64_t{1} << 31;
  std::uint64_t references, type, metatype, flags;
  if (!reader.read(object, references) || !reader.read(object + kType, type)) return false;
  // 32 bits of them, and from 3.14 on 16 more for their overflow and 16 for flags.
  if (static_cast<std::uint32_t>(references) == 0 || (references >> 32 & 0xFFFF) != 0) return false;
  return reader.read(type + kType, metatype) && reader.read(metatype + kTypeFlags, flags) &&
         (flags & kTypeSubclass) != 0;
}

// Puts those that are there into `survivors`, in the order in which they were made. False where there is no memory.
bool collect_survivors() {
  if (watch.made.size() == 0) return true;
  watch.room = watch.made.size() * sizeof(Made);
  watch.survivors = static_cast<Made*>(map_pages(watch.room));
  if (!watch.survivors) return false;
  Made* end = watch.survivors;
  watch.made.each([&](const Made& made) { *end++ = made; });
  std::sort(watch.survivors, end, [](const Made& a, const Made& b) { return a.sequence < b.sequence; });
  // In that order, in which most are neighbours of the one before: few pages have to be asked for.
  Reader reader;
  end = std::remove_if(watch.survivors, end, [&](const Made& made) { return !is_object(reader, made.object); });
  watch.survivor_count = static_cast<std::size_t>(end - watch.survivors);
  return true;
}

// What becomes of their references is the caller's to say.
void forget_survivors() {
  unmap_pages(watch.survivors, watch.room);
  watch.survivors = nullptr;
  watch.survivor_count = 0;
}

// Of survivors that nobody took. May run any code.
void drop_survivors(const PythonReferences& api) {
  while (watch.survivor_count > 0) {
    api.decrease(reinterpret_cast<void*>(watch.survivors[--watch.survivor_count].object));
  }
  forget_survivors();
}

}  // namespace

int begin_python_objects() {
  {
    ThreadState& t = this_thread;
    const Inside inside(t);
    notice_fork(t);
    look_for_python(t);
  }
  const Python* const known = python();
  if (!known || !known->references.set_tracer) return ENOTSUP;
  const PythonReferences& api = known->references;
  if (watch.open.load(std::memory_order_relaxed)) return EALREADY;
  drop_survivors(api);
  watch.replaced = watch.incomplete = false;
  watch.interpreter.store(current_interpreter(api), std::memory_order_relaxed);
  void* data = nullptr;
  // It may still be ours: set again by one who had taken its place, or in a forked child.
  if (RefTracer* const before = api.get_tracer(&data); before != on_reference) {
    watch.previous = before;
    watch.previous_data = data;
  }
  if (api.set_tracer(on_reference, nullptr) != 0) return ENOTSUP;
  watch.open.store(true, std::memory_order_relaxed);
  return 0;
}

int end_python_objects() {
  if (!watch.open.load(std::memory_order_relaxed)) return ENODATA;
  watch.open.store(false, std::memory_order_relaxed);
  const PythonReferences& api = python()->references;
  void* data = nullptr;
  if (api.get_tracer(&data) != on_reference) {
    watch.replaced = true;  // and goes on as it is
  } else {
    // From 3.15 on ours is told that it is removed: that is none of the news of the one before.
    RefTracer* const previous = watch.previous.exchange(nullptr, std::memory_order_relaxed);
    api.set_tracer(previous, watch.previous_data);
  }
  // Nothing runs between the last event and here that could end an object.
  int problem = 0;
  if (watch.replaced) {
    problem = ECANCELED;
  } else if (watch.incomplete) {
    problem = EOVERFLOW;
  } else if (!collect_survivors()) {
    problem = ENOMEM;
  }
  watch.made.release();
  for (std::size_t i = 0; i < watch.survivor_count; ++i) {
    api.increase(reinterpret_cast<void*>(watch.survivors[i].object));
  }
  return problem;
}

void* take_python_objects() {
  const Python* const known = python();
  if (!known || !known->references.set_tracer) return nullptr;
  const PythonReferences& api = known->references;
  void* const list = api.new_list(static_cast<std::ptrdiff_t>(watch.survivor_count));
  if (!list) return nullptr;
  for (std::size_t i = 0; i < watch.survivor_count; ++i) {  // the list takes the reference over
    api.set_item(list, static_cast<std::ptrdiff_t>(i), reinterpret_cast<void*>(watch.survivors[i].object));
  }
  forget_survivors();
  return list;
}

void abandon_python_objects() {
  watch.open.store(false, std::memory_order_relaxed);
  // A fork may have come from a thread without the interpreter lock, in the middle of a change.
  watch.made.abandon();
}

}  // namespace fittest::heap::track

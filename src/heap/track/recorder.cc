#include "heap/track/recorder.h"

#include <cstring>
#include <ctime>

#include "heap/trace/encode.h"
#include "heap/track/objects.h"

namespace fittest::heap::track {
namespace {

using trace::put_counters;
using trace::put_number;
using trace::put_signed;
using trace::put_tag;
using trace::put_text;
using trace::Tag;

constexpr std::size_t kNumber = trace::kLongestNumber;
constexpr std::size_t kMostText = 4096;
constexpr std::size_t kMostLineTable = std::size_t{32} << 10;
constexpr std::uint32_t kRecordsBetweenClocks = 64;
constexpr std::uint64_t kMillisecondsBetweenClocks = 10;

std::size_t text_length(const char* text) {
  return ::strnlen(text, kMostText);
}

}  // namespace

std::uint64_t milliseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

int Recorder::begin(const char* path, const trace::Header& header, std::uint64_t limit) {
  // Larger blocks of a trace of everything pack better and are fewer.
  const std::size_t tail =
      header.mode == static_cast<std::uint32_t>(trace::Mode::exact) ? trace::kSmallestTail * 4 : trace::kSmallestTail;
  const int problem = file_.create(path, header, tail, limit);
  if (problem != 0) return problem;
  recorded_ = 0;
  started_ = milliseconds();
  clock_ = 0;
  until_clock_ = 0;
  return 0;
}

void Recorder::end(const trace::Counters& now) {
  counters(now);
  if (unsigned char* at = start(1)) file_.commit(put_tag(at, Tag::end));
  header().counters = now;
  header().milliseconds = milliseconds() - started_;
  file_.close();
  stacks_.release();
  codes_.release();
  modules_.release();
}

void Recorder::abandon() {
  file_.abandon();
  stacks_.release();
  codes_.release();
  modules_.release();
}

unsigned char* Recorder::start(std::size_t most) {
  unsigned char* const at = file_.room(most);
  if (at == nullptr) {
    ++header().lost;
    return nullptr;
  }
  if (file_.new_block()) {
    before_ = {};
    thread_ = 0;
  }
  return at;
}

void Recorder::keep_time() {
  if (until_clock_-- > 0) return;
  until_clock_ = kRecordsBetweenClocks;
  const std::uint64_t now = milliseconds() - started_;
  header().milliseconds = now;
  if (now < clock_ + kMillisecondsBetweenClocks) return;
  clock_ = now;
  if (unsigned char* at = start(1 + kNumber)) file_.commit(put_number(put_tag(at, Tag::clock), now));
}

void Recorder::alloc(trace::Kind kind, std::uintptr_t address, std::uint64_t size, bool sampled, std::uint32_t thread,
                     const StackKey& stack) {
  std::uint32_t id = 0;
  if (!define(stack, id)) return;
  keep_time();
  unsigned char* at = start(4 * kNumber + 4);
  if (at == nullptr) return;
  if (thread != thread_) {
    at = put_number(put_tag(at, Tag::thread), thread);
    thread_ = thread;
  }
  at = trace::put_alloc(at, before_, kind, address, size, id, sampled);
  recorded_ += size;
  file_.commit(at);
}

void Recorder::free(std::uintptr_t address, bool python, bool temporary) {
  unsigned char* const at = start(1 + kNumber);
  if (at == nullptr) return;
  file_.commit(trace::put_free(at, before_, address, python, temporary));
}

void Recorder::unmap(std::uintptr_t address, std::uint64_t bytes) {
  unsigned char* const at = start(1 + 2 * kNumber);
  if (at == nullptr) return;
  file_.commit(trace::put_unmap(at, before_, address, bytes));
}

void Recorder::live(std::uint64_t most, std::uint64_t now) {
  unsigned char* at = start(1 + 2 * kNumber);
  if (at != nullptr) file_.commit(put_number(put_number(put_tag(at, Tag::live), most), now));
}

void Recorder::counters(const trace::Counters& now) {
  unsigned char* at = start(1 + 8 * kNumber);
  if (at != nullptr) file_.commit(put_counters(put_tag(at, Tag::counters), now));
}

void Recorder::mark(const char* name, const trace::Counters& now) {
  const std::size_t length = text_length(name);
  unsigned char* at = start(1 + 9 * kNumber + length);
  if (at != nullptr) file_.commit(put_counters(put_text(put_tag(at, Tag::mark), name, length), now));
}

void Recorder::note(const char* key, const char* value) {
  const std::size_t key_length = text_length(key), value_length = text_length(value);
  unsigned char* at = start(1 + 2 * kNumber + key_length + value_length);
  if (at != nullptr) file_.commit(put_text(put_text(put_tag(at, Tag::note), key, key_length), value, value_length));
}

bool Recorder::define(const StackKey& stack, std::uint32_t& id) {
  if (const std::uint32_t* known = stacks_.find(stack.hash)) {
    id = *known;
    return true;
  }
  for (std::size_t i = 0; i < stack.native_count; ++i) {
    if (!define_module(stack.native[i] - 1)) return false;
  }
  for (std::size_t i = 0; i < stack.python_count; ++i) {
    if (!define_code(stack.python[i], code_ids_[i])) return false;
  }
  unsigned char* at = start(1 + 2 * kNumber + stack.native_count * kNumber + stack.python_count * 2 * kNumber);
  if (at == nullptr) return false;
  id = static_cast<std::uint32_t>(stacks_.size());
  if (!stacks_.insert(stack.hash, id)) {
    ++header().lost;
    return false;
  }
  at = put_number(put_tag(at, Tag::stack), stack.native_count);
  std::uintptr_t before = 0;
  for (std::size_t i = 0; i < stack.native_count; ++i) {
    at = put_signed(at, stack.native[i] - before);
    before = stack.native[i];
  }
  at = put_number(at, stack.python_count);
  for (std::size_t i = 0; i < stack.python_count; ++i) {
    at = put_number(at, code_ids_[i]);
    at = put_number(at, std::uint64_t{stack.python[i].offset} * 2 + (stack.python[i].entry ? 1 : 0));
  }
  file_.commit(at);
  return true;
}

bool Recorder::define_module(std::uintptr_t address) {
  const Object* object = known_object(address);
  if (object == nullptr) return true;  // no module: the frame stays a number
  const std::uint64_t key = mixed(reinterpret_cast<std::uintptr_t>(object));
  if (modules_.find(key) != nullptr) return true;
  std::size_t length = text_length(object->path);
  if (length != 0) {
    std::memcpy(path_, object->path, length);
  } else {
    const long got = system_call(SYS_readlink, reinterpret_cast<long>("/proc/self/exe"), reinterpret_cast<long>(path_),
                                 static_cast<long>(sizeof path_));
    length = failed(got) ? 0 : static_cast<std::size_t>(got);
  }
  unsigned char build_id[64];
  const std::size_t build_id_size = read_build_id(*object, build_id, sizeof build_id);
  unsigned char* at = start(1 + 5 * kNumber + length + build_id_size);
  if (at == nullptr) return false;
  at = put_text(put_text(put_tag(at, Tag::module), path_, length), build_id, build_id_size);
  file_.commit(put_number(put_number(put_number(at, object->bias), object->begin), object->end));
  return modules_.insert(key, static_cast<std::uint32_t>(modules_.size()));
}

bool Recorder::define_code(const PythonFrameRef& frame, std::uint32_t& id) {
  const std::uint64_t key = mixed(frame.code ^ StackKey::fingerprint(frame.code)) | 1;
  if (const std::uint32_t* known = codes_.find(key)) {
    id = *known;
    return true;
  }
  CodeText text;
  text.name = name_;
  text.file = path_;
  // A loop without a frame has a place among the frames all the same: a code object without a name.
  if (!describe_python_code(frame.code, text)) text.name = text.file = {};
  const std::size_t table = text.line_table.size() < kMostLineTable ? text.line_table.size() : kMostLineTable;
  unsigned char* at = start(1 + 6 * kNumber + text.name.size() + text.file.size() + table);
  if (at == nullptr) return false;
  id = static_cast<std::uint32_t>(codes_.size());
  if (!codes_.insert(key, id)) {
    ++header().lost;
    return false;
  }
  at = put_text(put_text(put_tag(at, Tag::code), text.name.data(), text.name.size()), text.file.data(),
                text.file.size());
  at = put_number(put_number(at, static_cast<std::uint32_t>(text.first_line)), text.minor);
  at = put_text(at, text.line_table.data(), table);
  file_.commit(put_number(at, text.line_table.size() - table));
  return true;
}

}  // namespace fittest::heap::track

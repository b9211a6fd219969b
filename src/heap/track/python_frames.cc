#include "heap/track/python_frames.h"

#include <cstring>

#include "heap/track/python_layout.h"

namespace fittest::heap::track {

namespace {

// The same in all known versions: PyObject, PyVarObject, PyASCIIObject, PyBytesObject.
constexpr std::uintptr_t kReferences = 0;  // the low 32 bits of the count
constexpr std::uintptr_t kType = 8;
constexpr std::uintptr_t kVarSize = 16;
constexpr std::uintptr_t kStringLength = 16;
constexpr std::uintptr_t kStringHash = 24;
constexpr std::uintptr_t kStringState = 32;
constexpr std::uintptr_t kBytesData = 32;

// _PyInterpreterFrame.owner
constexpr std::uint8_t kFirstOwnerOfNoFrame = 3;  // from 3.12 on: the evaluation loop's own places in the chain

// In a reference to an object that lies in a frame, from 3.14 on.
constexpr std::uintptr_t kTagBits = 7;

// Places in the chain that are looked at, so that a ring cannot hold the thread.
constexpr std::size_t kMostPlaces = 4 * kMostPythonFrames;

// dlopened interpreters allocate a thread's variables at their first use, which is here at times: from inside of that
// nothing is read.
[[gnu::tls_model("initial-exec")]] constinit thread_local bool walking = false;

template <typename T>
T read(std::uintptr_t address) {
  T value;
  std::memcpy(&value, reinterpret_cast<const void*>(address), sizeof value);
  return value;
}

// Whether `address` may be of an object, of a frame or of a thread state at all.
bool plausible(std::uintptr_t address) {
  return address >= 4096 && (address & 7) == 0;
}

// Whether a code object lives at `code`, which may be anything that can be read.
bool is_code(const Python& python, std::uintptr_t code) {
  return plausible(code) && read<std::uintptr_t>(code + kType) == python.code_type &&
         read<std::uint32_t>(code + kReferences) != 0;
}

// The thread state of this thread, null if it has none that it may read.
std::uintptr_t thread_state(const Python& python) {
  walking = true;
  const auto state = reinterpret_cast<std::uintptr_t>(python.thread_state());
  walking = false;
  if (!plausible(state)) return 0;
  // The thread that ends the interpreter frees the states of all others, which may not know that yet.
  const auto finalizing = __atomic_load_n(
      reinterpret_cast<const std::uintptr_t*>(python.runtime + python.layout.runtime_finalizing), __ATOMIC_ACQUIRE);
  return finalizing == 0 || finalizing == state ? state : 0;
}

// Up to 3.10 each frame is a Python object and has a native frame of its own.
std::size_t walk_objects(const Python& python, std::uintptr_t frame, PythonFrameRef* out, std::size_t capacity) {
  const PythonLayout& layout = python.layout;
  const unsigned unit = layout.minor >= 10 ? 2 : 1;
  std::size_t n = 0;
  while (n < capacity && plausible(frame)) {
    const auto code = read<std::uintptr_t>(frame + layout.frame_code);
    if (!is_code(python, code)) break;
    const auto instruction = read<std::int32_t>(frame + layout.frame_instruction);
    const std::uint32_t offset = instruction < 0 ? 0 : static_cast<std::uint32_t>(instruction) * unit;
    out[n++] = {.code = code, .offset = offset, .entry = true};
    frame = read<std::uintptr_t>(frame + layout.frame_previous);
  }
  return n;
}

// Whether frames of `code` are the interpreter's own (from 3.12 on: what checks that __init__ returned None), which no
// traceback shows: no instruction may be traced.
bool is_internal(const PythonLayout& layout, std::uintptr_t code) {
  return read<std::int32_t>(code + layout.code_first_traceable) >= read<std::int64_t>(code + kVarSize);
}

std::size_t walk_chain(const Python& python, std::uintptr_t frame, PythonFrameRef* out, std::size_t capacity) {
  const PythonLayout& layout = python.layout;
  const bool has_places_of_loop = layout.minor >= 12;
  std::size_t n = 0;
  // Whether out[n - 1] is of the loop whose place in the chain comes next.
  bool in_loop = false;
  for (std::size_t places = 0; n < capacity && places < kMostPlaces && plausible(frame); ++places) {
    const auto previous = read<std::uintptr_t>(frame + layout.frame_previous);
    if (has_places_of_loop && read<std::uint8_t>(frame + layout.frame_owner) >= kFirstOwnerOfNoFrame) {
      if (in_loop) {
        out[n - 1].entry = true;
      } else {
        out[n++] = {.code = 0, .offset = 0, .entry = true};
      }
      in_loop = false;
      frame = previous;
      continue;
    }
    const auto code = read<std::uintptr_t>(frame + layout.frame_code) & ~(layout.minor >= 14 ? kTagBits : 0);
    if (!is_code(python, code)) break;
    const bool is_entry = layout.frame_is_entry && read<std::uint8_t>(frame + layout.frame_is_entry) != 0;
    if (is_internal(layout, code)) {
      if (is_entry) out[n++] = {.code = 0, .offset = 0, .entry = true};
      frame = previous;
      continue;
    }
    const auto instruction = read<std::uintptr_t>(frame + layout.frame_instruction);
    // In front of the bytecode before the first instruction.
    std::uint64_t offset = instruction - (code + layout.code_bytecode);
    const auto units = read<std::int64_t>(code + kVarSize);
    if (units < 0 || offset >= static_cast<std::uint64_t>(units) * 2) offset = 0;
    out[n++] = {.code = code, .offset = static_cast<std::uint32_t>(offset), .entry = is_entry};
    in_loop = true;
    frame = previous;
  }
  return n;
}

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  // One round of the multiply-xorshift family; the constant is 2^64 over the golden ratio, made odd.
  hash = (hash ^ value) * 0x9E3779B97F4A7C15U;
  return hash ^ hash >> 29;
}

// Appends `point` to `out` at `size`; false if it does not fit.
bool append(std::span<char> out, std::size_t& size, std::uint32_t point) {
  if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) point = '?';
  const std::size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  if (out.size() - size < length) return false;
  if (length == 1) {
    out[size++] = static_cast<char>(point);
    return true;
  }
  constexpr std::uint32_t kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (std::size_t i = 0; i < length; ++i) {
    const std::uint32_t bits = point >> 6 * (length - 1 - i);
    out[size++] = static_cast<char>(i == 0 ? kLead[length] | bits : 0x80 | (bits & 0x3F));
  }
  return true;
}

// The string object at `string` as UTF-8, in the front of `out`. Empty if it is not a compact string, as all names and
// files of code objects are.
std::span<char> copy_string(const PythonLayout& layout, std::uintptr_t string, std::span<char> out) {
  if (!plausible(string)) return out.first(0);
  const auto length = read<std::int64_t>(string + kStringLength);
  const auto state = read<std::uint32_t>(string + kStringState);
  const std::uint32_t kind = state >> 2 & 7;
  const bool compact = (state >> 5 & 1) != 0;
  const bool ascii = (state >> 6 & 1) != 0;
  if (!compact || length < 0 || (kind != 1 && kind != 2 && kind != 4)) return out.first(0);
  const std::uintptr_t data = string + (ascii ? layout.ascii_size : layout.compact_size);
  std::size_t size = 0;
  for (std::uintptr_t i = 0; i < static_cast<std::uintptr_t>(length); ++i) {
    const std::uint32_t point = kind == 1   ? read<std::uint8_t>(data + i)
                                : kind == 2 ? read<std::uint16_t>(data + 2 * i)
                                            : read<std::uint32_t>(data + 4 * i);
    if (!append(out, size, point)) break;
  }
  return out.first(size);
}

}  // namespace

std::size_t walk_python(PythonFrameRef* out, std::size_t capacity) {
  const Python* known = python();
  if (!known || walking) return 0;
  const std::uintptr_t state = thread_state(*known);
  if (!state) return 0;
  const PythonLayout& layout = known->layout;
  auto frame = read<std::uintptr_t>(state + layout.state_frame);
  if (capacity > kMostPythonFrames) capacity = kMostPythonFrames;
  if (layout.minor <= 10) return walk_objects(*known, frame, out, capacity);
  if (layout.state_has_cframe) {
    if (!plausible(frame)) return 0;
    frame = read<std::uintptr_t>(frame + layout.cframe_frame);
  }
  return walk_chain(*known, frame, out, capacity);
}

std::uint64_t python_code_fingerprint(std::uint64_t code) {
  const Python* known = python();
  if (!known || code == 0) return 0;
  const PythonLayout& layout = known->layout;
  const auto name = read<std::uintptr_t>(code + layout.code_name);
  const auto table = read<std::uintptr_t>(code + layout.code_line_table);
  std::uint64_t hash = mix(code, name);
  hash = mix(hash, read<std::uintptr_t>(code + layout.code_file));
  hash = mix(hash, read<std::uint32_t>(code + layout.code_first_line));
  hash = mix(hash, table);
  if (layout.code_version) return mix(hash, read<std::uint32_t>(code + layout.code_version));
  // Code that is made and dropped again and again comes to lie at the same addresses.
  if (plausible(name)) {
    hash = mix(hash, read<std::uint64_t>(name + kStringHash));
    hash = mix(hash, read<std::uint64_t>(name + kStringLength));
  }
  if (plausible(table)) {
    const auto size = read<std::uint64_t>(table + kVarSize);
    hash = mix(hash, size);
    if (size >= 8) hash = mix(hash, read<std::uint64_t>(table + kBytesData));
  }
  return hash;
}

bool describe_python_code(std::uint64_t code, CodeText& text) {
  const Python* known = python();
  if (!known || !is_code(*known, code)) return false;
  const PythonLayout& layout = known->layout;
  text.name = copy_string(layout, read<std::uintptr_t>(code + layout.code_name), text.name);
  text.file = copy_string(layout, read<std::uintptr_t>(code + layout.code_file), text.file);
  text.first_line = read<std::int32_t>(code + layout.code_first_line);
  text.minor = layout.minor;
  text.line_table = {};
  const auto table = read<std::uintptr_t>(code + layout.code_line_table);
  if (plausible(table)) {
    const auto size = read<std::int64_t>(table + kVarSize);
    if (size > 0) {
      text.line_table = {reinterpret_cast<const unsigned char*>(table + kBytesData), static_cast<std::size_t>(size)};
    }
  }
  return true;
}

}  // namespace fittest::heap::track

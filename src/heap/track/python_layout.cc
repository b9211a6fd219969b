#include "heap/track/python_layout.h"

#include <dlfcn.h>

#include <bit>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace fittest::heap::track {

constinit std::atomic<const Python*> found_python{nullptr};

namespace {

static_assert(sizeof(void*) == 8 && std::endian::native == std::endian::little);

// Offsets in release builds for 64-bit Linux: the same for all patch releases of a minor one, and for x86-64 and
// aarch64. From 3.13 on most are replaced by those that the interpreter publishes.
constexpr PythonLayout kLayouts[] = {
    {.minor = 9,
     .state_frame = 24,
     .state_has_cframe = false,
     .cframe_frame = 0,
     .frame_previous = 24,
     .frame_code = 32,
     .frame_instruction = 104,
     .frame_owner = 0,
     .frame_is_entry = 0,
     .code_name = 112,
     .code_file = 104,
     .code_first_line = 40,
     .code_line_table = 120,
     .code_version = 0,
     .code_first_traceable = 0,
     .code_bytecode = 0,
     .ascii_size = 48,
     .compact_size = 72,
     .code_basic_size = 176,
     .frame_basic_size = 368,
     .runtime_finalizing = 16},
    {.minor = 10,
     .state_frame = 24,
     .state_has_cframe = false,
     .cframe_frame = 0,
     .frame_previous = 24,
     .frame_code = 32,
     .frame_instruction = 96,
     .frame_owner = 0,
     .frame_is_entry = 0,
     .code_name = 112,
     .code_file = 104,
     .code_first_line = 40,
     .code_line_table = 120,
     .code_version = 0,
     .code_first_traceable = 0,
     .code_bytecode = 0,
     .ascii_size = 48,
     .compact_size = 72,
     .code_basic_size = 176,
     .frame_basic_size = 360,
     .runtime_finalizing = 16},
    {.minor = 11,
     .state_frame = 56,
     .state_has_cframe = true,
     .cframe_frame = 8,
     .frame_previous = 48,
     .frame_code = 32,
     .frame_instruction = 56,
     .frame_owner = 69,
     .frame_is_entry = 68,
     .code_name = 128,
     .code_file = 112,
     .code_first_line = 72,
     .code_line_table = 136,
     .code_version = 0,
     .code_first_traceable = 168,
     .code_bytecode = 184,
     .ascii_size = 48,
     .compact_size = 72,
     .code_basic_size = 184,
     .frame_basic_size = 120,
     .runtime_finalizing = 24},
    {.minor = 12,
     .state_frame = 56,
     .state_has_cframe = true,
     .cframe_frame = 0,
     .frame_previous = 8,
     .frame_code = 0,
     .frame_instruction = 56,
     .frame_owner = 70,
     .frame_is_entry = 0,
     .code_name = 128,
     .code_file = 112,
     .code_first_line = 68,
     .code_line_table = 136,
     .code_version = 92,
     .code_first_traceable = 176,
     .code_bytecode = 192,
     .ascii_size = 40,
     .compact_size = 56,
     .code_basic_size = 192,
     .frame_basic_size = 120,
     .runtime_finalizing = 24},
    {.minor = 13,
     .state_frame = 72,
     .state_has_cframe = false,
     .cframe_frame = 0,
     .frame_previous = 8,
     .frame_code = 0,
     .frame_instruction = 56,
     .frame_owner = 70,
     .frame_is_entry = 0,
     .code_name = 128,
     .code_file = 112,
     .code_first_line = 68,
     .code_line_table = 136,
     .code_version = 92,
     .code_first_traceable = 184,
     .code_bytecode = 200,
     .ascii_size = 40,
     .compact_size = 56,
     .code_basic_size = 200,
     .frame_basic_size = 136,
     .runtime_finalizing = 608},
    {.minor = 14,
     .state_frame = 72,
     .state_has_cframe = false,
     .cframe_frame = 0,
     .frame_previous = 8,
     .frame_code = 0,
     .frame_instruction = 56,
     .frame_owner = 74,
     .frame_is_entry = 0,
     .code_name = 128,
     .code_file = 112,
     .code_first_line = 68,
     .code_line_table = 136,
     .code_version = 92,
     .code_first_traceable = 192,
     .code_bytecode = 208,
     .ascii_size = 40,
     .compact_size = 56,
     .code_basic_size = 208,
     .frame_basic_size = 152,
     .runtime_finalizing = 784},
};

// The same in all of those versions: PyTypeObject.
constexpr std::size_t kTypeName = 24;
constexpr std::size_t kTypeBasicSize = 32;

template <typename T>
T read(std::uintptr_t address) {
  T value;
  std::memcpy(&value, reinterpret_cast<const void*>(address), sizeof value);
  return value;
}

// Whether `type` is the static type `name` whose objects have `basic_size` bytes.
bool is_type(std::uintptr_t type, const char* name, std::uint16_t basic_size) {
  const auto* own_name = read<const char*>(type + kTypeName);
  return own_name && std::strcmp(own_name, name) == 0 && read<std::int64_t>(type + kTypeBasicSize) == basic_size;
}

// Minor version from "3.11.2 (main, ...", 0 if it is not 3.x.
std::uint32_t minor_of(const char* version) {
  if (!version || version[0] != '3' || version[1] != '.') return 0;
  std::uint32_t minor = 0;
  for (const char* at = version + 2; *at >= '0' && *at <= '9' && minor < 1000; ++at) {
    minor = minor * 10 + static_cast<std::uint32_t>(*at - '0');
  }
  return minor;
}

// Indices of numbers of 64 bits in _Py_DebugOffsets, the start of _PyRuntime, for one minor version.
struct Published {
  std::uint32_t minor;
  std::size_t finalizing, state_interpreter, state_frame;
  std::size_t frame_previous, frame_executable, frame_instruction, frame_owner;
  std::size_t code_file, code_name, code_line_table, code_first_line, code_bytecode;
  std::size_t type, ascii_size;
};
constexpr Published kPublished[] = {
    {.minor = 13,
     .finalizing = 4,
     .state_interpreter = 22,
     .state_frame = 23,
     .frame_previous = 29,
     .frame_executable = 30,
     .frame_instruction = 31,
     .frame_owner = 33,
     .code_file = 35,
     .code_name = 37,
     .code_line_table = 38,
     .code_first_line = 39,
     .code_bytecode = 43,
     .type = 45,
     .ascii_size = 70},
    {.minor = 14,
     .finalizing = 4,
     .state_interpreter = 25,
     .state_frame = 26,
     .frame_previous = 32,
     .frame_executable = 33,
     .frame_instruction = 34,
     .frame_owner = 36,
     .code_file = 40,
     .code_name = 42,
     .code_line_table = 43,
     .code_first_line = 44,
     .code_bytecode = 48,
     .type = 51,
     .ascii_size = 80},
};
constexpr std::uint64_t kLargestOffset = 4096;

// Puts what the interpreter publishes of itself into `layout`. False if it is a free-threaded build, or one that
// differs where nothing is published.
bool take_published(std::uintptr_t runtime, PythonLayout& layout) {
  const auto number = [runtime](std::size_t index) { return read<std::uint64_t>(runtime + index * 8); };
  if (std::memcmp(reinterpret_cast<const void*>(runtime), "xdebugpy", 8) != 0) return false;
  const std::uint64_t version = number(1);
  const bool free_threaded = number(2) != 0;
  if (version >> 24 != 3 || (version >> 16 & 0xFF) != layout.minor || free_threaded) return false;
  for (const Published& at : kPublished) {
    if (at.minor != layout.minor) continue;
    bool sound = true;
    const auto take = [&](std::uint16_t& offset, std::size_t index) {
      const std::uint64_t value = number(index);
      if (value > kLargestOffset) sound = false;
      offset = static_cast<std::uint16_t>(value);
    };
    const std::uint16_t bytecode = layout.code_bytecode;
    const std::uint16_t ascii_size = layout.ascii_size;
    take(layout.runtime_finalizing, at.finalizing);
    take(layout.state_frame, at.state_frame);
    take(layout.frame_previous, at.frame_previous);
    take(layout.frame_code, at.frame_executable);
    take(layout.frame_instruction, at.frame_instruction);
    take(layout.frame_owner, at.frame_owner);
    take(layout.code_file, at.code_file);
    take(layout.code_name, at.code_name);
    take(layout.code_line_table, at.code_line_table);
    take(layout.code_first_line, at.code_first_line);
    take(layout.code_bytecode, at.code_bytecode);
    take(layout.ascii_size, at.ascii_size);
    return sound && number(at.type) == 8 && number(at.state_interpreter) == 16 && layout.code_bytecode == bytecode &&
           layout.ascii_size == ascii_size;
  }
  return false;
}

void* symbol(void* handle, const char* name) {
  void* address = dlsym(handle, name);
  if (!address) dlerror();  // or the program would be told of an error that it did not make
  return address;
}

// The first release whose interpreter tells of each object that it destroys (python/cpython#130382).
constexpr unsigned long kTracesReferences = 0x030D0300;

PythonReferences look_for_references(void* handle) {
  void* version = symbol(handle, "Py_Version");
  if (!version || read<unsigned long>(std::bit_cast<std::uintptr_t>(version)) < kTracesReferences) return {};
  PythonReferences found{};
  const auto take = [&](auto& function, const char* name) {
    void* address = symbol(handle, name);
    function = std::bit_cast<std::remove_reference_t<decltype(function)>>(address);
    return address != nullptr;
  };
  const bool whole =
      take(found.set_tracer, "PyRefTracer_SetTracer") && take(found.get_tracer, "PyRefTracer_GetTracer") &&
      take(found.thread_state, "PyThreadState_GetUnchecked") && take(found.increase, "Py_IncRef") &&
      take(found.decrease, "Py_DecRef") && take(found.new_list, "PyList_New") && take(found.set_item, "PyList_SetItem");
  return whole ? found : PythonReferences{};
}

// Fills `python`. False if there is none behind `handle`, or one that is not known.
bool look(void* handle, Python& python) {
  void* runtime = symbol(handle, "_PyRuntime");
  if (!runtime) return false;
  void* code_type = symbol(handle, "PyCode_Type");
  void* frame_type = symbol(handle, "PyFrame_Type");
  void* thread_state = symbol(handle, "PyGILState_GetThisThreadState");
  void* get_version = symbol(handle, "Py_GetVersion");
  void* get_allocator = symbol(handle, "PyMem_GetAllocator");
  void* set_allocator = symbol(handle, "PyMem_SetAllocator");
  if (!code_type || !frame_type || !thread_state || !get_version || !get_allocator || !set_allocator) return false;
  const std::uint32_t minor = minor_of(std::bit_cast<const char* (*)()>(get_version)());
  for (const PythonLayout& layout : kLayouts) {
    if (layout.minor != minor) continue;
    python.layout = layout;
    python.code_type = std::bit_cast<std::uintptr_t>(code_type);
    python.runtime = std::bit_cast<std::uintptr_t>(runtime);
    python.thread_state = std::bit_cast<decltype(python.thread_state)>(thread_state);
    python.get_allocator = std::bit_cast<decltype(python.get_allocator)>(get_allocator);
    python.set_allocator = std::bit_cast<decltype(python.set_allocator)>(set_allocator);
    python.references = look_for_references(handle);
    return is_type(python.code_type, "code", layout.code_basic_size) &&
           is_type(std::bit_cast<std::uintptr_t>(frame_type), "frame", layout.frame_basic_size) &&
           (minor < 13 || take_published(python.runtime, python.layout));
  }
  return false;
}

}  // namespace

bool find_python(void* handle) {
  if (python()) return true;
  static constinit std::atomic_flag busy{};
  static constinit Python only{};
  // Another thread is at it: whoever asks next is told.
  if (busy.test_and_set(std::memory_order_acquire)) return false;
  if (!python() && look(handle, only)) found_python.store(&only, std::memory_order_release);
  busy.clear(std::memory_order_release);
  return python() != nullptr;
}

}  // namespace fittest::heap::track

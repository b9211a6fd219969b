// What find_python() looks at of an interpreter, with the figures that layout_test.cc sets: a build that is not to be
// had here can be looked at all the same.
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

struct Type {
  std::int64_t references;
  void* type;
  std::int64_t size;
  const char* name;
  std::int64_t basic_size;
};

char version[32];

}  // namespace

extern "C" {

Type PyCode_Type{1, nullptr, 0, "code", 0};
Type PyFrame_Type{1, nullptr, 0, "frame", 0};
std::uint64_t _PyRuntime[256];

const char* Py_GetVersion() {
  return version;
}
void* PyGILState_GetThisThreadState() {
  return nullptr;
}
void PyMem_GetAllocator(int, void*) {}
void PyMem_SetAllocator(int, const void*) {}

void fake_set(const char* text, std::int64_t code_size, std::int64_t frame_size) {
  std::strncpy(version, text, sizeof version - 1);
  PyCode_Type.basic_size = code_size;
  PyFrame_Type.basic_size = frame_size;
}
void fake_publish(std::size_t index, std::uint64_t number) {
  _PyRuntime[index] = number;
}
void fake_cookie(const char* text) {
  std::memcpy(_PyRuntime, text, 8);
}

}  // extern "C"

// A program that is no Python, and loads one behind its own back: embedding LIBPYTHON. With the probe
// library preloaded. Prints what went wrong, or "ok".
#include <dlfcn.h>

#include <bit>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

template <typename Function>
Function* symbol(void* handle, const char* name) {
  void* address = dlsym(handle, name);
  if (!address) {
    std::printf("no %s\n", name);
    std::exit(1);
  }
  return std::bit_cast<Function*>(address);
}

void expect(bool condition, const char* what) {
  if (condition) return;
  std::printf("wrong: %s\n", what);
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  auto* minor = symbol<unsigned()>(RTLD_DEFAULT, "probe_minor");
  auto* kept_text = symbol<std::size_t(char*, std::size_t)>(RTLD_DEFAULT, "probe_kept_text");
  auto* forget = symbol<void()>(RTLD_DEFAULT, "probe_forget");
  auto* spin = symbol<void(std::uint64_t)>(RTLD_DEFAULT, "probe_spin");
  const auto frames = [&] {
    static char text[1 << 18];
    const std::size_t size = kept_text(text, sizeof text);
    forget();
    return std::string(text, size);
  };

  expect(minor() == 0, "an interpreter before there is one");
  std::free(std::malloc(1'000'100));
  expect(frames().empty(), "frames before there is an interpreter");

  void* python = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  expect(python != nullptr, "the interpreter does not load");
  expect(minor() != 0, "no interpreter after dlopen");
  expect(dlerror() == nullptr, "an error that is not the program's");
  std::free(std::malloc(1'000'100));
  expect(frames().empty(), "frames before the interpreter starts");

  auto* initialize = symbol<void(int)>(python, "Py_InitializeEx");
  auto* run = symbol<int(const char*)>(python, "PyRun_SimpleString");
  auto* finalize = symbol<int()>(python, "Py_FinalizeEx");
  auto* save = symbol<void*()>(python, "PyEval_SaveThread");
  auto* restore = symbol<void(void*)>(python, "PyEval_RestoreThread");
  auto* ensure = symbol<int()>(python, "PyGILState_Ensure");
  auto* release = symbol<void(int)>(python, "PyGILState_Release");

  for (int round = 0; round < 5; ++round) {
    initialize(0);
    expect(run("def work():\n  bytearray(1000100)\n\nwork()\n") == 0, "the interpreter does not run");
    expect(frames().starts_with("work\t<string>\t1\n<module>\t<string>\t1\n"), "other frames");
    std::free(std::malloc(1'000'100));
    expect(frames().empty(), "frames outside of Python code");

    // A thread of the program's own that calls Python, and one that never does.
    void* state = save();
    std::thread other([&] {
      std::free(std::malloc(1'000'100));
      expect(frames().empty(), "frames in a thread that Python does not know");
      const int lock = ensure();
      expect(run("work()") == 0, "the interpreter does not run in a thread");
      release(lock);
      expect(frames().starts_with("work\t"), "no frames in a thread");
      std::free(std::malloc(1'000'100));
      expect(frames().empty(), "frames after the thread left Python");
      spin(1000);
    });
    std::thread stranger([&] { spin(100'000); });
    other.join();
    restore(state);
    finalize();
    stranger.join();
    std::free(std::malloc(1'000'100));
    expect(frames().empty(), "frames after the interpreter ended");
  }
  std::puts("ok");
  return 0;
}

// A program that tells where some of its calls return to, as a tracker would have recorded them.
#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <climits>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace {

std::jmp_buf back;
void* last_return = nullptr;
volatile int sink = 0;

}  // namespace

#if defined(__clang__)
#define NOT_INLINED [[gnu::noinline]]
#else
#define NOT_INLINED [[gnu::noinline, gnu::noclone, gnu::noipa]]
#endif

NOT_INLINED void* record() {
  return __builtin_return_address(0);
}

[[noreturn]] NOT_INLINED void record_and_leave() {
  last_return = __builtin_return_address(0);
  std::longjmp(back, 1);
}

namespace sample {

struct Where {
  const void* address;
  int lines[3];  // of the calls, innermost first
};

namespace {

[[gnu::always_inline]] inline Where inner(int value) {
  sink = sink + value;
  const int line = __LINE__ + 1;
  void* address = record();
  sink = sink + 1;
  return {address, {line, 0, 0}};
}

}  // namespace

[[gnu::always_inline]] inline Where middle(int value) {
  sink = sink + 2;
  const int line = __LINE__ + 1;
  Where where = inner(value);
  sink = sink + 3;
  where.lines[1] = line;
  return where;
}

template <typename T>
struct Maker {
  NOT_INLINED static Where outer(T value) {
    sink = sink + 4;
    const int line = __LINE__ + 1;
    Where where = middle(static_cast<int>(value));
    sink = sink + 5;
    where.lines[2] = line;
    return where;
  }
};

}  // namespace sample

using sample::Where;

namespace {

NOT_INLINED Where hidden() {
  const int line = __LINE__ + 1;
  void* address = record();
  sink = sink + 6;
  return {address, {line, 0, 0}};
}

}  // namespace

// Its last instruction is the call, behind which another function begins.
extern "C" NOT_INLINED void sample_ends_in_call() {
  sink = sink + 7;
  record_and_leave();
}

extern "C" NOT_INLINED void sample_follows() {
  sink = sink + 8;
}

extern "C" NOT_INLINED Where sample_exported() {
  const int line = __LINE__ + 1;
  void* address = record();
  sink = sink + 9;
  return {address, {line, 0, 0}};
}

namespace {

void print(const char* name, const Where& where) {
  std::printf("point %s %llu %d %d %d\n", name,
              static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(where.address)), where.lines[0],
              where.lines[1], where.lines[2]);
}

// The program itself comes first.
int print_program(dl_phdr_info* info, std::size_t /*size*/, void* /*data*/) {
  std::printf("bias %llu\n", static_cast<unsigned long long>(info->dlpi_addr));
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type != PT_NOTE) continue;
    const auto* at = reinterpret_cast<const unsigned char*>(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    const unsigned char* end = at + info->dlpi_phdr[i].p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof(note));
      const unsigned char* name = at + sizeof(note);
      const unsigned char* id = name + ((note.n_namesz + 3) & ~3U);
      if (note.n_type == NT_GNU_BUILD_ID) {
        std::printf("build_id ");
        for (unsigned k = 0; k < note.n_descsz; ++k) std::printf("%02x", id[k]);
        std::printf("\n");
      }
      at = id + ((note.n_descsz + 3) & ~3U);
    }
  }
  return 1;
}

}  // namespace

int main() {
  dl_iterate_phdr(print_program, nullptr);
  print("inlined", sample::Maker<long>::outer(1));
  print("hidden", hidden());
  print("exported", sample_exported());
  if (setjmp(back) == 0) sample_ends_in_call();
  sample_follows();
  print("ends_in_call", {last_return, {0, 0, 0}});
}

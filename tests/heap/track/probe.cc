// A program to be watched: `heap_probe WHAT [NUMBER...]` does something with memory, keeps an account of its own, and
// prints what the tracker should have counted, as "key value" lines. Its account lies in static memory.
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

#include "fittest/heap.h"

extern "C" {
__attribute__((weak)) int fittest_heap_version(void);
__attribute__((weak)) void fittest_heap_read(struct fittest_heap_figures*);
__attribute__((weak)) void fittest_heap_mark(const char*);
__attribute__((weak)) int fittest_heap_begin(const char*, unsigned);
__attribute__((weak)) int fittest_heap_end(struct fittest_heap_figures*);
}

namespace {

// Written without the C library's buffers, which would be allocated.
void say(const char* key, std::uint64_t value) {
  char line[128];
  const int length = std::snprintf(line, sizeof line, "%s %llu\n", key, static_cast<unsigned long long>(value));
  if (::write(STDOUT_FILENO, line, static_cast<std::size_t>(length)) != length) std::abort();
}

std::uint64_t number(char** arguments, int index) {
  return std::strtoull(arguments[index], nullptr, 10);
}

struct Numbers {
  std::uint64_t state;
  std::uint64_t operator()(std::uint64_t below) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state >> 33) % below;
  }
};

struct Account {
  std::atomic<std::int64_t> live{0};
  std::atomic<std::int64_t> peak{0};
  std::atomic<std::int64_t> asked{0};  // alive, as asked for
  std::atomic<std::int64_t> asked_peak{0};
  std::atomic<std::uint64_t> allocations{0};
  std::atomic<std::uint64_t> frees{0};
  std::atomic<std::uint64_t> allocated{0};

  static void add(std::atomic<std::int64_t>& live, std::atomic<std::int64_t>& peak, std::int64_t bytes) {
    const std::int64_t now = live.fetch_add(bytes) + bytes;
    std::int64_t seen = peak.load();
    while (now > seen && !peak.compare_exchange_weak(seen, now)) {
    }
  }
  void got(void* at, std::size_t size) {
    const auto usable = static_cast<std::int64_t>(::malloc_usable_size(at));
    add(live, peak, usable);
    add(asked, asked_peak, static_cast<std::int64_t>(size));
    ++allocations;
    allocated += static_cast<std::uint64_t>(usable);
  }
  void gave(void* at, std::size_t size) {
    live -= static_cast<std::int64_t>(::malloc_usable_size(at));
    asked -= static_cast<std::int64_t>(size);
    ++frees;
  }
};
Account account;

constexpr std::size_t kPlaces = 4096;
struct Place {
  void* at;
  std::size_t size;
  bool by_new;
};

std::size_t largest_size = SIZE_MAX;
bool c_alone = false;

std::size_t some_size(Numbers& random) {
  if (largest_size != SIZE_MAX) return random(largest_size + 1);
  switch (random(20)) {
    case 0:
      return 0;
    case 1:
      return random(200'000);
    case 2:
      return random(3'000'000) / (1 + random(50));
    case 3:
      return random(20'000);
    default:
      return random(300);
  }
}

// One random step on one of the places.
void step(Numbers& random, Place* places, std::size_t count) {
  Place& place = places[random(count)];
  if (place.at != nullptr && random(3) != 0) {
    account.gave(place.at, place.size);
    if (place.by_new) {
      ::operator delete(place.at);
    } else {
      std::free(place.at);
    }
    place.at = nullptr;
    return;
  }
  const std::size_t size = some_size(random);
  if (place.at != nullptr) {
    if (place.by_new) return;
    account.gave(place.at, place.size);
    const std::size_t next = size == 0 ? 1 : size;
    place.at = random(2) == 0 ? std::realloc(place.at, next) : ::reallocarray(place.at, 1, next);
    place.size = next;
    account.got(place.at, next);
    return;
  }
  place.by_new = false;
  place.size = size;
  switch (random(8)) {
    case 0:
      place.at = std::calloc(1, size);
      break;
    case 1:
      place.at = std::aligned_alloc(64, size);
      break;
    case 2:
      if (::posix_memalign(&place.at, std::size_t{1} << (3 + random(10)), size) != 0) std::abort();
      break;
    case 3:
      place.at = ::memalign(std::size_t{1} << (4 + random(12)), size);
      break;
    case 4:
      place.at = ::valloc(size);
      break;
    case 5:
      if (c_alone) {
        place.at = std::malloc(size);
        break;
      }
      place.at = ::operator new(size == 0 ? 1 : size);
      place.size = size == 0 ? 1 : size;
      place.by_new = true;
      break;
    case 6:
      place.at = std::realloc(nullptr, size);
      break;
    default:
      place.at = std::malloc(size);
      break;
  }
  account.got(place.at, place.size);
}

void say_account(const fittest_heap_figures& before) {
  fittest_heap_figures after{};
  fittest_heap_read(&after);
  say("live", static_cast<std::uint64_t>(account.live.load()));
  say("peak", static_cast<std::uint64_t>(account.peak.load()));
  say("asked_live", static_cast<std::uint64_t>(account.asked.load()));
  say("asked_peak", static_cast<std::uint64_t>(account.asked_peak.load()));
  say("allocations", account.allocations);
  say("frees", account.frees);
  say("allocated", account.allocated);
  say("tracker_live", after.live - before.live);
  say("tracker_peak", after.peak - before.live);
  say("tracker_allocations", after.allocations - before.allocations);
  say("tracker_frees", after.frees - before.frees);
  say("tracker_allocated", after.allocated - before.allocated);
}

Place places[kPlaces];

// steps SEED COUNT [c]: with c, nothing by operator new
int do_steps(char** arguments) {
  c_alone = arguments[2] != nullptr;
  Numbers random{number(arguments, 0)};
  const std::uint64_t count = number(arguments, 1);
  fittest_heap_mark("steps");
  fittest_heap_figures before{};
  fittest_heap_read(&before);
  for (std::uint64_t i = 0; i < count; ++i) step(random, places, 600);
  say_account(before);
  fittest_heap_mark("");
  return 0;
}

// section FILE SEED COUNT FLAGS: the same as a section
int do_section(char** arguments) {
  Numbers random{number(arguments, 1)};
  for (int i = 0; i < 1000; ++i) step(random, places, 600);  // what is there before
  account.~Account();
  new (&account) Account;
  const int problem = fittest_heap_begin(arguments[0], static_cast<unsigned>(number(arguments, 3)));
  say("begin", static_cast<std::uint64_t>(problem));
  if (problem != 0) return 0;
  say("again", static_cast<std::uint64_t>(fittest_heap_begin("never", 0)));
  for (std::uint64_t i = 0; i < number(arguments, 2); ++i) step(random, places + 1000, 600);
  fittest_heap_figures figures{};
  say("end", static_cast<std::uint64_t>(fittest_heap_end(&figures)));
  say("no_end", static_cast<std::uint64_t>(fittest_heap_end(nullptr)));
  say("asked_live", static_cast<std::uint64_t>(account.asked.load()));
  say("asked_peak", static_cast<std::uint64_t>(account.asked_peak.load()));
  say("allocations", account.allocations);
  say("frees", account.frees);
  say("section_allocations", figures.allocations);
  say("section_frees", figures.frees);
  say("section_recorded", figures.recorded);
  for (std::size_t i = 1000; i < 1600; ++i) std::free(places[i].at);
  return 0;
}

struct Worker {
  pthread_t thread;
  Numbers random;
  std::uint64_t steps;
  Place places[200];
};
Worker workers[64];

void* work(void* data) {
  auto& worker = *static_cast<Worker*>(data);
  for (std::uint64_t i = 0; i < worker.steps; ++i) step(worker.random, worker.places, 200);
  return nullptr;
}

// threads COUNT STEPS ROUNDS: each round makes the threads anew. Small sizes: what one account has just heard of and
// the other not yet is little.
int do_threads(char** arguments) {
  largest_size = 4096;
  const std::uint64_t count = number(arguments, 0);
  // What the C library keeps for a thread (its stack's dtv) is allocated once.
  Worker& first = workers[0];
  first.steps = 0;
  ::pthread_create(&first.thread, nullptr, work, &first);
  ::pthread_join(first.thread, nullptr);
  fittest_heap_mark("threads");
  fittest_heap_figures before{};
  fittest_heap_read(&before);
  for (std::uint64_t round = 0; round < number(arguments, 2); ++round) {
    for (std::uint64_t i = 0; i < count; ++i) {
      workers[i].random = {i * 977 + 13};
      workers[i].steps = number(arguments, 1);
      ::pthread_create(&workers[i].thread, nullptr, work, &workers[i]);
    }
    for (std::uint64_t i = 0; i < count; ++i) ::pthread_join(workers[i].thread, nullptr);
  }
  say_account(before);
  return 0;
}

std::atomic<bool> stop{false};
void* churn(void* data) {
  Numbers random{reinterpret_cast<std::uintptr_t>(data)};
  while (!stop.load()) {
    void* volatile at = std::malloc(1 + random(5000));
    std::free(at);
  }
  return nullptr;
}

// fork_from_threads FORKS: threads allocate while the process forks; each child allocates, too
int do_fork_from_threads(char** arguments) {
  pthread_t threads[4];
  for (std::size_t i = 0; i < 4; ++i) ::pthread_create(&threads[i], nullptr, churn, reinterpret_cast<void*>(i + 1));
  std::uint64_t good = 0;
  for (std::uint64_t i = 0; i < number(arguments, 0); ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      Numbers random{i};
      for (int n = 0; n < 2000; ++n) step(random, places, 300);
      ::_exit(7);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    good += WIFEXITED(status) && WEXITSTATUS(status) == 7 ? 1 : 0;
  }
  stop = true;
  for (pthread_t thread : threads) ::pthread_join(thread, nullptr);
  say("good", good);
  return 0;
}

[[gnu::noinline]] void* parents_allocation(std::size_t size) {
  return std::malloc(size);
}
[[gnu::noinline]] void* childs_allocation(std::size_t size) {
  return std::malloc(size);
}

// fork: what the parent holds the child may free
int do_fork(char**) {
  void* kept[50];
  for (void*& at : kept) at = parents_allocation(100'000);
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0; i < 20; ++i) std::free(kept[i]);
    for (int i = 0; i < 10; ++i) kept[i] = childs_allocation(200'000);
    std::exit(0);
  }
  ::waitpid(child, nullptr, 0);
  say("child", static_cast<std::uint64_t>(child));
  return 0;
}

// vfork: the child has the parent's memory, and ends by _exit
int do_vfork(char**) {
  void* volatile before = parents_allocation(300'000);
  const pid_t child = ::vfork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  void* volatile after = parents_allocation(500'000);
  std::free(before);
  std::free(after);
  return 0;
}

// kill COUNT: dies with COUNT blocks of 1000 bytes
int do_kill(char** arguments) {
  for (std::uint64_t i = 0; i < number(arguments, 0); ++i) {
    void* volatile at = std::malloc(1000);
    (void)at;
  }
  ::kill(::getpid(), SIGKILL);
  return 1;
}

// maps: mapped memory, a part at a time
int do_maps(char**) {
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  fittest_heap_mark("maps");
  fittest_heap_figures before{}, now{};
  fittest_heap_read(&before);
  const auto held = [&](const char* key) {
    fittest_heap_read(&now);
    say(key, now.mapped - before.mapped);
  };
  auto* at = static_cast<char*>(::mmap(nullptr, 8 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  held("mapped");  // 8
  ::munmap(at + 2 * kMiB, kMiB);
  held("hole");  // 7
  ::munmap(at + 2 * kMiB, kMiB);
  held("hole_again");  // 7
  ::mmap(at + kMiB, 3 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  held("over_hole");  // 8
  auto* more = static_cast<char*>(::mremap(at, 8 * kMiB, 16 * kMiB, MREMAP_MAYMOVE));
  held("grown");  // 16
  more = static_cast<char*>(::mremap(more, 16 * kMiB, 4 * kMiB, 0));
  held("shrunk");  // 4
  void* reserved = ::mmap(nullptr, 64 * kMiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  held("reserved");  // 4
  const int zero = ::open("/proc/self/exe", O_RDONLY);
  void* file = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, zero, 0);
  held("file");  // 4
  ::munmap(file, 4096);
  ::munmap(reserved, 64 * kMiB);
  ::munmap(more, 4 * kMiB);
  held("none");  // 0
  auto* end = static_cast<char*>(::sbrk(static_cast<std::intptr_t>(kMiB)));
  held("brk");  // 1
  ::sbrk(-static_cast<std::intptr_t>(kMiB));
  held("brk_back");  // 0
  say("moved", static_cast<std::uint64_t>(end != nullptr));
  fittest_heap_read(&now);
  say("peak", now.peak - before.live);  // 16
  return 0;
}

[[gnu::noinline]] void* in_handler(std::size_t size) {
  void* at = std::malloc(size);
  asm volatile("" : : "r"(at) : "memory");
  return at;
}
void handler(int) {
  void* at = in_handler(123'456);
  asm volatile("" : : "r"(at) : "memory");
}
[[gnu::noinline]] void interrupted() {
  ::raise(SIGUSR1);
  asm volatile("");
}

// signal [1]: allocates in a handler, with 1 on a stack of the handler's own
int do_signal(char** arguments) {
  static char stack[std::size_t{64} << 10];
  struct sigaction action {};
  action.sa_handler = handler;
  if (arguments[0] != nullptr) {
    stack_t other{};
    other.ss_sp = stack;
    other.ss_size = sizeof stack;
    ::sigaltstack(&other, nullptr);
    action.sa_flags = SA_ONSTACK;
  }
  ::sigaction(SIGUSR1, &action, nullptr);
  interrupted();
  return 0;
}

// close_all FILE: closes every descriptor it does not know, opens its own file, and goes on allocating
int do_close_all(char** arguments) {
  for (int fd = 3; fd < 4096; ++fd) ::close(fd);
  const int fd = ::open(arguments[0], O_WRONLY | O_CREAT | O_TRUNC, 0600);
  say("fd", static_cast<std::uint64_t>(fd));
  for (int i = 0; i < 300'000; ++i) {
    void* volatile at = std::malloc(static_cast<std::size_t>(i % 1000));
    std::free(at);
    if (i % 1000 == 0 && ::write(fd, "mine\n", 5) != 5) return 1;
  }
  return 0;
}

[[gnu::noinline]] void* at_depth(std::uint64_t depth) {
  if (depth == 0) return std::malloc(77'777);
  void* volatile at = at_depth(depth - 1);
  return at;
}

// deep LEVELS
int do_deep(char** arguments) {
  void* volatile at = at_depth(number(arguments, 0));
  (void)at;
  return 0;
}

ucontext_t outside, inside;
void on_other_stack() {
  void* volatile at = in_handler(88'888);
  (void)at;
  ::swapcontext(&inside, &outside);
}

void call_on(void* stack, std::size_t size, void (*function)()) {
  ::getcontext(&inside);
  inside.uc_stack.ss_sp = stack;
  inside.uc_stack.ss_size = size;
  inside.uc_link = &outside;
  ::makecontext(&inside, function, 0);
  ::swapcontext(&outside, &inside);
}

// coroutine: allocates on a stack that is no thread's
int do_coroutine(char**) {
  static char stack[std::size_t{128} << 10];
  call_on(stack, sizeof stack, on_other_stack);
  return 0;
}

extern "C" [[gnu::used]] void allocate_below_far_frame() {
  std::free(std::malloc(99'999));
}

// vanishing: allocates on a stack, below a function whose unwind rule is wrong: it says that its caller's frame lies 32
// KiB further up. That is memory at first, and then no more.
int do_vanishing(char**) {
#if defined(__x86_64__)
  constexpr std::size_t kStack = std::size_t{64} << 10;
  void* const both =
      ::mmap(nullptr, 2 * kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (both == MAP_FAILED) return 1;
  const auto on_far_frame = [] {
    asm volatile(
        "call 1f\n\t"
        "jmp 2f\n"
        "1:\n\t"
        ".cfi_remember_state\n\t"
        ".cfi_def_cfa %%rsp, 32768\n\t"
        "subq $8, %%rsp\n\t"
        "call allocate_below_far_frame\n\t"
        "addq $8, %%rsp\n\t"
        "ret\n\t"
        ".cfi_restore_state\n"
        "2:"
        :
        :
        : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
    ::swapcontext(&inside, &outside);
  };
  call_on(both, kStack, on_far_frame);
  ::munmap(static_cast<char*>(both) + kStack, kStack);
  call_on(both, kStack, on_far_frame);
#endif
  return 0;
}

// plugin LIBRARY ROUNDS: loads, calls and unloads a library that allocates
int do_plugin(char** arguments) {
  for (std::uint64_t i = 0; i < number(arguments, 1); ++i) {
    void* library = ::dlopen(arguments[0], RTLD_NOW);
    if (library == nullptr) return 1;
    auto* const allocate = reinterpret_cast<void* (*)(std::size_t)>(::dlsym(library, "plugin_allocates"));
    void* at = allocate(70'000);
    std::free(at);
    ::dlclose(library);
  }
  return 0;
}

// in_folder: leaves the folder it was started in
int do_chdir(char**) {
  if (::chdir("/") != 0) return 1;
  for (int i = 0; i < 200'000; ++i) {
    void* volatile at = std::malloc(static_cast<std::size_t>(i % 1000));
    std::free(at);
  }
  return 0;
}

// environment: what it sees of the tracker in its environment
int do_environment(char**) {
  std::uint64_t seen = 0;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    seen += std::strstr(*entry, "FITTEST_HEAP") != nullptr || std::strstr(*entry, "libfittest_heap") != nullptr ? 1 : 0;
  }
  say("seen", seen);
  const char* preload = std::getenv("LD_PRELOAD");
  say("preload", preload == nullptr ? 0 : std::strlen(preload));
  return 0;
}

// execute PROGRAM ...: becomes another program
int do_execute(char** arguments) {
  void* volatile at = std::malloc(99'999);
  (void)at;
  ::execvp(arguments[0], arguments);
  return 1;
}

template <int Which>
[[gnu::noinline]] void* stack_of() {
  void* at = std::malloc(static_cast<std::size_t>(40 + 37 * Which % 400));
  asm volatile("" : : "r"(at) : "memory");
  return at;
}

template <int... Which>
void from_everywhere(Numbers& random, std::uint64_t rounds, std::integer_sequence<int, Which...>) {
  static void* (*const kStacks[])() = {stack_of<Which>...};
  constexpr std::size_t kKept = 400'000;
  static void* kept[kKept];
  for (std::uint64_t i = 0; i < rounds; ++i) {
    void*& place = kept[random(kKept)];
    std::free(place);
    // Some stacks allocate far more than others.
    const std::uint64_t a = random(sizeof kStacks / sizeof *kStacks), b = random(sizeof kStacks / sizeof *kStacks);
    place = kStacks[a < b ? a : b]();
  }
}

// stacks SEED ROUNDS: many small allocations from thirty stacks, some 100 MB alive
int do_stacks(char** arguments) {
  Numbers random{number(arguments, 0)};
  from_everywhere(random, number(arguments, 1), std::make_integer_sequence<int, 30>{});
  return 0;
}

// detached ROUNDS: thirty threads at once that nobody joins: each frees the stacks of others, long after its
// destructors
int do_detached(char** arguments) {
  static pthread_barrier_t met;
  static sem_t passed;
  pthread_barrier_init(&met, nullptr, 30);
  sem_init(&passed, 0, 0);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  for (std::uint64_t round = 0; round < number(arguments, 0); ++round) {
    for (std::uintptr_t i = 0; i < 30; ++i) {
      pthread_t thread;
      const auto work = [](void* allocates) -> void* {
        if (allocates != nullptr) {
          void* volatile block = std::malloc(100);
          std::free(block);
        }
        pthread_barrier_wait(&met);
        sem_post(&passed);
        return nullptr;
      };
      // Half of them do nothing before they end.
      if (pthread_create(&thread, &attributes, work, i % 2 == 0 ? &met : nullptr) != 0) return 1;
    }
    for (int i = 0; i < 30; ++i) {
      while (sem_wait(&passed) != 0) {
      }
    }
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 2;
  const std::string_view what = arguments[1];
  struct Way {
    std::string_view name;
    int (*run)(char**);
  };
  for (const Way way :
       {Way{"steps", do_steps}, Way{"section", do_section}, Way{"threads", do_threads}, Way{"fork", do_fork},
        Way{"fork_from_threads", do_fork_from_threads}, Way{"vfork", do_vfork}, Way{"kill", do_kill},
        Way{"maps", do_maps}, Way{"signal", do_signal}, Way{"close_all", do_close_all}, Way{"deep", do_deep},
        Way{"coroutine", do_coroutine}, Way{"vanishing", do_vanishing}, Way{"plugin", do_plugin},
        Way{"chdir", do_chdir}, Way{"environment", do_environment}, Way{"execute", do_execute},
        Way{"stacks", do_stacks}, Way{"detached", do_detached}}) {
    if (way.name == what) return way.run(arguments + 2);
  }
  return 2;
}

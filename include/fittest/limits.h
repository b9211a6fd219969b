#ifndef FITTEST_LIMITS_H
#define FITTEST_LIMITS_H
// Limits on what the body of a C++ test may allocate:
//
//   #include <gtest/gtest.h>       // or Catch2's or doctest's header; it has to come first
//   #include <fittest/limits.h>
//
//   TEST(Parser, NeedsLittle) {
//     FITTEST_LIMIT_MEMORY("100 MB");  // first in the body: what comes before does not count
//     FITTEST_LIMIT_LEAKS("1 MB");
//     ...
//   }
//
// They are checked where the scope ends, unless the test has failed already or is left by an exception. A broken limit
// is a failure of the test with GoogleTest, Catch2 and doctest; without any of them it is written to standard error, and
// the process ends with the code FITTEST_LIMITS_EXIT_CODE. They need libfittest_heap.so in the process
// (`fittest heap run -- ./test`) and the program fittest, as $FITTEST_PROGRAM or in PATH; where one is missing that is
// said once, and the limits are not checked. Header only, C++17; before glibc 2.34 link with -ldl.
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <exception>
#include <string>

#include "heap.h"

#define FITTEST_LIMITS_EXIT_CODE 97

namespace fittest::limits {

// What the tests' framework does about a broken limit, and whether the test has failed before.
struct Framework {
  void (*fail)(const char* file, int line, const std::string& text);
  bool (*has_failed)();
};

// The tracker's functions; not weak symbols, because an executable that is not position-independent would have them
// bound to nothing for good.
struct Tracker {
  decltype(&fittest_heap_begin) begin;
  decltype(&fittest_heap_end) end;

  static const Tracker& here() {
    static const Tracker tracker = {
        reinterpret_cast<decltype(&fittest_heap_begin)>(::dlsym(RTLD_DEFAULT, "fittest_heap_begin")),
        reinterpret_cast<decltype(&fittest_heap_end)>(::dlsym(RTLD_DEFAULT, "fittest_heap_end"))};
    return tracker;
  }
};

inline void say_once(const std::string& why) {
  static bool said = false;
  if (!said) std::fprintf(stderr, "fittest: limits are not checked: %s\n", why.c_str());
  said = true;
}

// Bytes of "100 MB", as `fittest heap check` reads it; below 0 for what is no size.
inline double parse_size(const char* text) {
  char* end = nullptr;
  double size = ::strtod(text, &end);
  if (end == text || size < 0) return -1;
  while (*end == ' ') ++end;
  const char* const units = "BKMGTP";
  const char* unit = *end == '\0' ? nullptr : ::strchr(units, ::toupper(static_cast<unsigned char>(*end)));
  if (unit == nullptr) return -1;
  for (; unit != units; --unit) size *= 1024;
  const std::string rest(::toupper(static_cast<unsigned char>(*end)) == 'B' ? end : end + 1);
  const bool is_whole = rest == "B" || rest == "b" || rest == "iB" || rest == "ib";
  return is_whole ? size : -1;
}

// The section that all limits of one body share: the tracker's sections do not nest. Begun by the first, ended when the
// first of them ends; the trace is there until the last has ended.
class Section {
 public:
  static Section& current() {
    static Section section;
    return section;
  }

  void join() {
    if (users_++ > 0) return;
    const char* folder = ::getenv("TMPDIR");
    path_ = std::string(folder != nullptr && *folder != '\0' ? folder : "/tmp") + "/fittest-limit-XXXXXX";
    const int made = ::mkstemp(path_.data());
    if (made >= 0) ::close(made);
    ::unlink(path_.c_str());  // the tracker makes it anew
    const int problem = made < 0 ? errno : Tracker::here().begin(path_.c_str(), FITTEST_HEAP_EXACT);
    open_ = problem == 0;
    if (problem != 0) say_once(path_ + ": " + ::strerror(problem));
  }
  // `is_over`: the body failed or is left by an exception, and its limits say nothing; the first one's word counts.
  void end(bool is_over) {
    if (open_) has_figures_ = Tracker::here().end(&figures_) == 0 && !is_over;
    open_ = false;
  }
  void leave() {
    if (--users_ > 0) return;
    ::unlink(path_.c_str());
    has_figures_ = false;
  }

  // Nothing where the limit holds, or cannot be checked. `option`: of `fittest heap check`.
  std::string broken(const char* option, const char* limit) {
    if (!has_figures_ || static_cast<double>(figures_.recorded) < parse_size(limit)) return {};
    const char* program = ::getenv("FITTEST_PROGRAM");
    const std::string command = quoted(program != nullptr ? program : "fittest") + " heap check " + option + " " +
                                quoted(limit) + " " + quoted(path_) + " 2>&1";
    std::FILE* const output = ::popen(command.c_str(), "r");
    if (output == nullptr) return say_once("no process can be started to read what was recorded"), std::string();
    std::string text;
    char part[4096];
    for (std::size_t got = 0; (got = ::fread(part, 1, sizeof part, output)) > 0;) text.append(part, got);
    const int status = ::pclose(output);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (WIFEXITED(status) && WEXITSTATUS(status) == 1) return text;
    say_once("the program fittest is needed, as $FITTEST_PROGRAM or in PATH: " + text);
    return {};
  }

 private:
  static std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
  }

  std::string path_;
  int users_ = 0;
  bool open_ = false;
  bool has_figures_ = false;
  fittest_heap_figures figures_{};
};

// One limit, from where it stands to the end of the scope around it.
class Limit {
 public:
  Limit(const char* option, const char* limit, const char* file, int line, const Framework& framework)
      : option_(option), limit_(limit), file_(file), line_(line), framework_(framework),
        exceptions_(std::uncaught_exceptions()) {
    if (parse_size(limit) < 0) {
      framework_.fail(file_, line_, std::string("Invalid memory size format: ") + limit);
    } else if (Tracker::here().begin == nullptr || Tracker::here().end == nullptr) {
      say_once("libfittest_heap.so is not loaded; run the program by `fittest heap run`");
    } else {
      Section::current().join();
      joined_ = true;
    }
  }
  ~Limit() {
    if (!joined_) return;
    Section& section = Section::current();
    section.end(std::uncaught_exceptions() != exceptions_ || framework_.has_failed());
    const std::string broken = section.broken(option_, limit_);
    if (!broken.empty()) framework_.fail(file_, line_, broken);
    section.leave();
  }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
  const char* option_;
  const char* limit_;
  const char* file_;
  int line_;
  Framework framework_;
  int exceptions_;
  bool joined_ = false;
};

[[noreturn]] inline void end_process(const char* file, int line, const std::string& text) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, text.c_str());
  std::fflush(nullptr);
  ::_exit(FITTEST_LIMITS_EXIT_CODE);
}

}  // namespace fittest::limits

#if defined(ADD_FAILURE_AT)  // GoogleTest
#define FITTEST_LIMITS_FRAMEWORK                                                                          \
  ::fittest::limits::Framework {                                                                          \
    [](const char* file, int line, const std::string& text) { ADD_FAILURE_AT(file, line) << text; },      \
        [] { return ::testing::Test::HasFailure(); }                                                      \
  }
#elif defined(FAIL_CHECK)  // Catch2, doctest
#define FITTEST_LIMITS_FRAMEWORK                                                             \
  ::fittest::limits::Framework {                                                             \
    [](const char*, int, const std::string& text) { FAIL_CHECK(text); }, [] { return false; } \
  }
#else
#define FITTEST_LIMITS_FRAMEWORK \
  ::fittest::limits::Framework { ::fittest::limits::end_process, [] { return false; } }
#endif

#define FITTEST_LIMITS_JOIN_(a, b) a##b
#define FITTEST_LIMITS_JOIN(a, b) FITTEST_LIMITS_JOIN_(a, b)
#define FITTEST_LIMITS_SCOPE(option, limit)                                                                      \
  const ::fittest::limits::Limit FITTEST_LIMITS_JOIN(fittest_limit_, __COUNTER__)(option, limit, __FILE__, __LINE__, \
                                                                                  FITTEST_LIMITS_FRAMEWORK)

// What the rest of the scope holds at its peak stays below this: "100 MB"; B, KB, MB, GB, TB, PB of 1024.
#define FITTEST_LIMIT_MEMORY(limit) FITTEST_LIMITS_SCOPE("--memory", limit)
// What any one stack allocates in the rest of the scope and does not free stays below this.
#define FITTEST_LIMIT_LEAKS(limit) FITTEST_LIMITS_SCOPE("--leaks", limit)

#endif

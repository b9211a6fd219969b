#ifndef FITTEST_LIMITS_H
#define FITTEST_LIMITS_H
// Limits on what the body of a C++ test may allocate:
//
//   #include <fittest/limits.h>
//   #include <gtest/gtest.h>       // or Catch2's or doctest's header
//
//   TEST(Parser, NeedsLittle) {
//     FITTEST_LIMIT_MEMORY("100 MB");  // first in the body: what comes before does not count
//     FITTEST_LIMIT_LEAKS("1 MB");
//     ...
//   }
//
// They are checked where the scope ends, unless the test has failed already or is left by an exception. A broken limit
// is a failure of the test with GoogleTest, Catch2 and doctest; without any of them it is written to standard error,
// and the process ends with the code FITTEST_LIMITS_EXIT_CODE. They need libfittest_heap.so in the process
// (`fittest heap run -- ./test`) and the program fittest, as $FITTEST_PROGRAM or in PATH; where one is missing that is
// said once, and the limits are not checked. Header only, C++17; before glibc 2.34 link with -ldl.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
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

namespace testing {
class Test;  // GoogleTest's
}

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
    std::string text;
    const int status = check(option, limit, text);
    if (status == 0) return {};
    if (WIFEXITED(status) && WEXITSTATUS(status) == 1) return text;
    say_once("the program fittest is needed, as $FITTEST_PROGRAM or in PATH: " + text);
    return {};
  }

 private:
  // Runs `fittest heap check` on what was recorded. How it ended, as waitpid says it, and what it wrote; a program that
  // could not be started ends as a shell says it, with 127.
  int check(const char* option, const char* limit, std::string& text) const {
    const char* program = ::getenv("FITTEST_PROGRAM");
    if (program == nullptr) program = "fittest";
    const char* const arguments[] = {program, "heap", "check", option, limit, path_.c_str(), nullptr};
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return cannot_start(program, errno, text);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    pid_t process = 0;
    const int problem =
        ::posix_spawnp(&process, program, &actions, nullptr, const_cast<char* const*>(arguments), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    read_to_end(ends[0], text);
    ::close(ends[0]);
    if (problem != 0) return cannot_start(program, problem, text);
    int status = 0;
    while (::waitpid(process, &status, 0) < 0) {
      if (errno != EINTR) return cannot_start(program, errno, text);
    }
    return status;
  }
  static void read_to_end(int end, std::string& text) {
    char part[4096];
    while (true) {
      const ssize_t got = ::read(end, part, sizeof part);
      if (got > 0) {
        text.append(part, static_cast<std::size_t>(got));
      } else if (got == 0 || errno != EINTR) {
        return;
      }
    }
  }
  static int cannot_start(const char* program, int problem, std::string& text) {
    text = std::string(program) + ": " + ::strerror(problem);
    return 127 << 8;
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
      : option_(option),
        limit_(limit),
        file_(file),
        line_(line),
        framework_(framework),
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

constexpr bool begins(const char* text, const char* with) {
  while (*with != '\0' && *text == *with) ++text, ++with;
  return *with == '\0';
}

[[noreturn]] inline void end_process(const char* file, int line, const std::string& text) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, text.c_str());
  std::fflush(nullptr);
  ::_exit(FITTEST_LIMITS_EXIT_CODE);
}

// The framework that is there. `google` and `check` fail a test by the macros of GoogleTest, and of Catch2 and doctest;
// where there are no such macros they cannot be called.
template <bool has_google, bool has_check, typename Google, typename Check, typename Test = ::testing::Test>
Framework framework(Google google, Check check) {
  if constexpr (has_google) {
    return {google, [] { return Test::HasFailure(); }};
  } else if constexpr (has_check) {
    return {check, [] { return false; }};
  } else {
    return {end_process, [] { return false; }};
  }
}

}  // namespace fittest::limits

// Whether a macro of the frameworks is there is asked where a limit stands: what is not there stays as it is written.
#define FITTEST_LIMITS_TEXT_(...) #__VA_ARGS__
#define FITTEST_LIMITS_TEXT(...) FITTEST_LIMITS_TEXT_(__VA_ARGS__)
#define FITTEST_LIMITS_FRAMEWORK                                                                               \
  ::fittest::limits::framework<!::fittest::limits::begins(FITTEST_LIMITS_TEXT(ADD_FAILURE_AT("", 0)),          \
                                                          "ADD_FAILURE_AT"),                                   \
                               !::fittest::limits::begins(FITTEST_LIMITS_TEXT(FAIL_CHECK("")), "FAIL_CHECK")>( \
      [](auto file, auto line, const auto& text) { ADD_FAILURE_AT(file, line) << text; },                      \
      [](auto, auto, const auto& text) { FAIL_CHECK(text); })

#define FITTEST_LIMITS_JOIN_(a, b) a##b
#define FITTEST_LIMITS_JOIN(a, b) FITTEST_LIMITS_JOIN_(a, b)
#define FITTEST_LIMITS_SCOPE(option, limit)                                                                          \
  const ::fittest::limits::Limit FITTEST_LIMITS_JOIN(fittest_limit_, __COUNTER__)(option, limit, __FILE__, __LINE__, \
                                                                                  FITTEST_LIMITS_FRAMEWORK)

// What the rest of the scope holds at its peak stays below this: "100 MB"; B, KB, MB, GB, TB, PB of 1024.
#define FITTEST_LIMIT_MEMORY(limit) FITTEST_LIMITS_SCOPE("--memory", limit)
// What any one stack allocates in the rest of the scope and does not free stays below this.
#define FITTEST_LIMIT_LEAKS(limit) FITTEST_LIMITS_SCOPE("--leaks", limit)

#endif

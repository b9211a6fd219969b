#include "heap/track/environment.h"

#include <cstdlib>
#include <cstring>

#include "heap/track/pages.h"

namespace fittest::heap::track {
namespace {

std::uint64_t number(const char* text, std::uint64_t otherwise) {
  if (text == nullptr || *text == '\0') return otherwise;
  std::uint64_t value = 0;
  for (; *text != '\0'; ++text) {
    if (*text < '0' || *text > '9' || value > UINT64_MAX / 10 - 1) return otherwise;
    value = value * 10 + static_cast<std::uint64_t>(*text - '0');
  }
  return value;
}

bool is(const char* text, const char* word) {
  return text != nullptr && std::strcmp(text, word) == 0;
}

// A path as it is to be understood after the program has changed its folder. "" where it does not fit.
void make_absolute(const char* path, char* into, std::size_t capacity) {
  into[0] = '\0';
  if (path == nullptr || *path == '\0') return;
  std::size_t length = 0;
  if (*path != '/') {
    const long got = system_call(SYS_getcwd, reinterpret_cast<long>(into), static_cast<long>(capacity));
    if (failed(got)) {
      into[0] = '\0';
      return;
    }
    length = std::strlen(into);
    into[length++] = '/';
  }
  const std::size_t rest = std::strlen(path);
  // Room for ".PID.heap" and an attempt.
  if (length + rest + 40 > capacity) {
    into[0] = '\0';
    return;
  }
  std::memcpy(into + length, path, rest + 1);
}

char* put_decimal(char* at, std::uint64_t value) {
  char digits[20];
  std::size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  while (count > 0) *at++ = digits[--count];
  return at;
}

constexpr const char* kNames[] = {"FITTEST_HEAP_OUTPUT", "FITTEST_HEAP_MODE", "FITTEST_HEAP_PERIOD",
                                  "FITTEST_HEAP_LIMIT", "FITTEST_HEAP_FOLLOW"};

// Whether an entry of LD_PRELOAD is this library, under whatever path.
bool is_own(const char* begin, const char* end) {
  static constexpr char kName[] = "libfittest_heap.so";
  constexpr std::size_t kLength = sizeof kName - 1;
  return static_cast<std::size_t>(end - begin) >= kLength && std::memcmp(end - kLength, kName, kLength) == 0;
}

// Calls `see(begin, end)` for each entry of LD_PRELOAD. They are apart by spaces or colons (ld.so(8)).
template <typename See>
void each_entry(const char* list, See see) {
  for (const char* from = list; *from != '\0';) {
    const char* end = from;
    while (*end != '\0' && *end != ':' && *end != ' ') ++end;
    const char* const next = *end == '\0' ? end : end + 1;  // read before `see` may write there
    if (end != from) see(from, end);
    from = next;
  }
}

}  // namespace

bool Environment::trace_path(std::uint32_t pid, unsigned attempt, char* into, std::size_t capacity) const {
  const std::size_t length = std::strlen(output);
  if (length == 0 || length + 40 > capacity) return false;
  std::memcpy(into, output, length);
  char* at = into + length;
  *at++ = '.';
  at = put_decimal(at, pid);
  if (attempt != 0) {
    *at++ = '.';
    at = put_decimal(at, attempt);
  }
  std::memcpy(at, ".heap", 6);
  return true;
}

Environment read_environment() {
  Environment result;
  make_absolute(std::getenv("FITTEST_HEAP_OUTPUT"), result.output, sizeof result.output);
  const char* mode = std::getenv("FITTEST_HEAP_MODE");
  if (is(mode, "count")) result.mode = trace::Mode::count;
  if (is(mode, "exact")) result.mode = trace::Mode::exact;
  result.period = number(std::getenv("FITTEST_HEAP_PERIOD"), result.period);
  if (result.period == 0) result.period = 1;
  result.limit = number(std::getenv("FITTEST_HEAP_LIMIT"), result.limit);
  const char* follow = std::getenv("FITTEST_HEAP_FOLLOW");
  result.follow_exec = is(follow, "exec");
  result.follow = result.follow_exec || is(follow, "fork");
  return result;
}

void clean_environment() {
  for (const char* name : kNames) ::unsetenv(name);
  // Shortened where it stands, because setenv would allocate.
  char* const list = std::getenv("LD_PRELOAD");
  if (list == nullptr) return;
  char* to = list;
  each_entry(list, [&](const char* begin, const char* end) {
    if (is_own(begin, end)) return;
    if (to != list) *to++ = ':';
    std::memmove(to, begin, static_cast<std::size_t>(end - begin));
    to += end - begin;
  });
  *to = '\0';
  if (to == list) ::unsetenv("LD_PRELOAD");
}

void CarriedEnvironment::keep() {
  for (const char* name : kNames) {
    const char* value = std::getenv(name);
    const std::size_t length = std::strlen(name);
    if (value == nullptr) continue;
    // A path is understood from where the process was when it started.
    char path[TraceFile::kMostPath];
    if (std::strcmp(name, "FITTEST_HEAP_OUTPUT") == 0) {
      make_absolute(value, path, sizeof path);
      value = path;
    }
    if (length + 1 + std::strlen(value) + 1 > sizeof kept_[0]) continue;
    char* const to = kept_[count_++];
    std::memcpy(to, name, length);
    to[length] = '=';
    std::strcpy(to + length + 1, value);
  }
  const char* const list = std::getenv("LD_PRELOAD");
  if (list == nullptr) return;
  each_entry(list, [&](const char* begin, const char* end) {
    const auto size = static_cast<std::size_t>(end - begin);
    if (!is_own(begin, end) || size >= sizeof library_) return;
    std::memcpy(library_, begin, size);
    library_[size] = '\0';
  });
}

bool CarriedEnvironment::extend(char* const* environment, char** into, std::size_t capacity, char* text,
                                std::size_t text_size) const {
  if (library_[0] == '\0') return false;
  static constexpr char kPreload[] = "LD_PRELOAD=";
  const char* others = "";
  std::size_t used = 0;
  for (char* const* entry = environment; entry != nullptr && *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, kPreload, sizeof kPreload - 1) == 0) {
      others = *entry + sizeof kPreload - 1;
      continue;
    }
    if (used + kMost + 2 > capacity) return false;
    into[used++] = *entry;
  }
  if (used + kMost + 2 > capacity) return false;
  if (sizeof kPreload + std::strlen(library_) + 1 + std::strlen(others) > text_size) return false;
  std::strcpy(text, kPreload);
  std::strcat(text, library_);
  if (*others != '\0') {
    std::strcat(text, ":");
    std::strcat(text, others);
  }
  into[used++] = text;
  for (std::size_t i = 0; i < count_; ++i) into[used++] = const_cast<char*>(kept_[i]);  // execve changes nothing
  into[used] = nullptr;
  return true;
}

}  // namespace fittest::heap::track

#include "memory/cgroup_files.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <thread>

#include "core/descriptor.h"

namespace fittest::memory {

std::optional<std::string> read_text(const std::filesystem::path& file) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string text;
  std::array<char, 4096> part{};
  while (true) {
    const ssize_t got = ::read(fd.get(), part.data(), part.size());
    if (got < 0) {
      if (errno == EINTR) continue;
      return std::nullopt;
    }
    if (got == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
}

Result<void> write_text(const std::filesystem::path& file, std::string_view text) {
  const Descriptor fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return system_failure(errno, "cannot open for writing", file.string());
  while (::write(fd.get(), text.data(), text.size()) < 0) {
    if (errno != EINTR) return system_failure(errno, "cannot write \"" + std::string(text) + "\"", file.string());
  }
  return {};
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> read_number(const std::filesystem::path& file) {
  const auto text = read_text(file);
  return text ? parse_number(*text) : std::nullopt;
}

std::optional<std::uint64_t> parse_key(std::string_view text, std::string_view key) {
  // Asked 50 times a second for each worker: no copies.
  for (std::size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    const std::size_t end = at + key.size();
    if ((at != 0 && text[at - 1] != '\n') || end >= text.size() || text[end] != ' ') continue;
    return parse_number(text.substr(end + 1, text.find('\n', end) - end - 1));
  }
  return std::nullopt;
}

std::optional<std::uint64_t> read_key(const std::filesystem::path& file, std::string_view key) {
  const auto text = read_text(file);
  return text ? parse_key(*text, key) : std::nullopt;
}

bool has_word(const std::filesystem::path& file, std::string_view word) {
  auto text = read_text(file);
  if (!text) return false;
  std::replace(text->begin(), text->end(), '\n', ' ');
  const auto words = split(*text, ' ');
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_there(const std::filesystem::path& file) {
  std::error_code ignored;
  return std::filesystem::exists(file, ignored);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool poll_until(std::chrono::milliseconds patience, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + patience;
  auto nap = std::chrono::microseconds(200);
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(nap);
    nap = std::min(nap * 2, std::chrono::microseconds(10000));
  }
  return true;
}

}  // namespace fittest::memory

#pragma once
// Small files of the kernel (cgroupfs, /proc): read whole, written at once, parsed without trust in their content.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace fittest::memory {

// The content, or nothing where the file cannot be opened or read. Works for files that say they are of size 0.
std::optional<std::string> read_text(const std::filesystem::path& file);

// One write(2) of the whole text: the kernel takes what is written to such files call by call.
Result<void> write_text(const std::filesystem::path& file, std::string_view text);

// A whole text that is one decimal number, spaces around it allowed. "max", signs and anything else: nothing.
std::optional<std::uint64_t> parse_number(std::string_view text);
std::optional<std::uint64_t> read_number(const std::filesystem::path& file);

// The number behind `key` in lines of "key number" (memory.stat, memory.events, memory.oom_control).
std::optional<std::uint64_t> parse_key(std::string_view text, std::string_view key);
std::optional<std::uint64_t> read_key(const std::filesystem::path& file, std::string_view key);

// True if `word` is one of the words of the file (cgroup.controllers, cgroup.subtree_control).
bool has_word(const std::filesystem::path& file, std::string_view word);

bool is_there(const std::filesystem::path& file);

std::vector<std::string_view> split(std::string_view text, char separator);

// Asks `done` until it says yes or `patience` is over, first at once, then with naps of 0.2 to 10 ms between.
// Returns the last answer.
bool poll_until(std::chrono::milliseconds patience, const std::function<bool()>& done);

}  // namespace fittest::memory

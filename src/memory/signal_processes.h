#pragma once
// Signals that reach the process meant, never another that was given its pid since.
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace fittest::memory {

// The processes listed in the cgroup itself, and in all below it.
std::vector<pid_t> processes_in(const std::filesystem::path& cgroup);
std::vector<pid_t> processes_below(const std::filesystem::path& cgroup);

// Sends `signal` to each process of this one cgroup, except the calling process. Returns how many were there.
std::size_t signal_cgroup(const std::filesystem::path& cgroup, int signal);
// The same with the cgroups below it.
std::size_t signal_below(const std::filesystem::path& cgroup, int signal);

// Sends `signal` to the process `pid` that started at `start_time`; false if that one is gone.
bool signal_process(pid_t pid, std::uint64_t start_time, int signal);

}  // namespace fittest::memory

#pragma once
// What can be done to whole cgroups, of either version: hold still, kill, remove, try whether one can be joined.
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "core/error.h"

namespace fittest::memory {

Result<void> make_cgroup(const std::filesystem::path& directory);

// True if the machine has swap that a memory limit alone would not cover.
bool has_swap();

// SIGKILL to everything in these cgroups and below, until nothing lives there or `patience` is over. The directories of
// one set of processes belong into one call: a v1 freezer's next to its memory twin's, because frozen processes of v1
// die only when thawed. Fork bombs are held still first. Never kills the calling process.
Result<void> kill_cgroups(const std::vector<std::filesystem::path>& directories, std::chrono::milliseconds patience);

// Kills, then removes the directories with all below them. Those that do not exist are fine.
Result<void> remove_cgroups(const std::vector<std::filesystem::path>& directories, std::chrono::milliseconds patience);

// rmdir of one directory without subdirectories, again while the kernel says "busy" (processes on their way out).
bool remove_directory(const std::filesystem::path& directory, std::chrono::milliseconds patience);

// Freezes by the v1 freezer's file or by v2's, and waits until the kernel says that all are frozen.
Result<void> freeze_v1(const std::filesystem::path& directory);
Result<void> thaw_v1(const std::filesystem::path& directory);
Result<void> freeze_v2(const std::filesystem::path& directory);
Result<void> thaw_v2(const std::filesystem::path& directory);
// Where there is no freezer: SIGSTOP to all, again until no new ones appear. A parent that watches its child can tell.
Result<void> stop_all(const std::filesystem::path& directory);

// Starts a process that writes itself into each of the files and ends. Says whether that worked.
Result<void> try_joining(const std::vector<std::string>& join_files);

}  // namespace fittest::memory

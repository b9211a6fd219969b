#include "memory/budget.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace fittest::memory {
namespace {

constexpr Bytes kSmallest = MiB(64);
constexpr Bytes kSmallestReserve = MiB(128);

struct Figure {
  Bytes bytes;
  std::string source;
};

// What the machine has to give right now.
Figure free_room(const MemoryLimits& limits) {
  Figure least{limits.mem_available, "MemAvailable"};
  for (const Limit& cgroup : limits.cgroups) {
    const Bytes room = cgroup.bytes - cgroup.used;
    if (room < least.bytes) least = {room, cgroup.source};
  }
  if (limits.commit_left && *limits.commit_left < least.bytes) {
    least = {*limits.commit_left, "CommitLimit - Committed_AS (overcommit_memory is 2)"};
  }
  return least;
}

// What it could give at most if nothing else ran.
Figure capacity(const MemoryLimits& limits) {
  Figure least{limits.mem_total, "MemTotal"};
  for (const Limit& cgroup : limits.cgroups) {
    if (cgroup.bytes < least.bytes) least = {cgroup.bytes, cgroup.source};
  }
  return least;
}

tl::unexpected<Error> too_small(Bytes bytes, const std::string& where, std::string remedy) {
  return failure("a budget of " + format_bytes(bytes) + " is too small: the smallest is " + format_bytes(kSmallest),
                 where, std::move(remedy));
}

// "75%" or "12.5 %"; over 0, at most 100.
Result<double> parse_share(std::string_view text, const std::string& where) {
  std::string_view digits = text.substr(0, text.find('%'));
  const bool ends_there = text.find('%') + 1 == text.size();
  while (!digits.empty() && digits.back() == ' ') digits.remove_suffix(1);
  double percent = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, problem] = std::from_chars(digits.data(), end, percent, std::chars_format::fixed);
  if (problem != std::errc() || stop != end || !ends_there || !std::isfinite(percent)) {
    return failure("not a share of the memory", where, "write for example --budget 75%");
  }
  if (percent <= 0 || percent > 100) {
    return failure("a share of the memory must be over 0 % and at most 100 %", where, "write for example --budget 75%");
  }
  return percent / 100;
}

Result<Budget> share_of(const MemoryLimits& limits, const std::string& asked, const std::string& where) {
  const auto share = parse_share(asked, where);
  if (!share) return tl::unexpected(share.error());
  const Figure room = free_room(limits);
  const Bytes bytes = room.bytes.scaled(*share);
  if (bytes < kSmallest) {
    return too_small(bytes, where + " of " + format_bytes(room.bytes) + " (" + room.source + ")",
                     "free some memory, raise that limit, or ask for a larger share");
  }
  return Budget{bytes, {}, where + " of " + format_bytes(room.bytes) + ", " + room.source};
}

Result<Budget> size_of(const MemoryLimits& limits, const std::string& asked, const std::string& where) {
  const auto bytes = parse_bytes(asked);
  if (!bytes) {
    return failure(bytes.error().what, where, "write for example --budget 4G, --budget 512M or --budget 75%");
  }
  if (*bytes < kSmallest) return too_small(*bytes, where, "ask for more, for example --budget 512M");
  const Figure most = capacity(limits);
  if (*bytes > most.bytes) {
    return failure("the budget asked for, " + format_bytes(*bytes) + ", is more than the " + format_bytes(most.bytes) +
                       " that " + most.source + " allows here",
                   where, "ask for less, raise that limit, or leave --budget out to use what is free");
  }
  return Budget{*bytes, {}, where};
}

}  // namespace

Result<Budget> choose_budget(const MemoryLimits& limits, const std::optional<std::string>& asked) {
  if (asked) {
    const std::string where = "--budget " + *asked;
    return asked->find('%') == std::string::npos ? size_of(limits, *asked, where) : share_of(limits, *asked, where);
  }
  const Figure room = free_room(limits);
  const Bytes reserve = std::clamp(room.bytes.scaled(0.05), kSmallestReserve, GiB(1));
  const Bytes bytes = room.bytes - reserve;
  if (bytes < kSmallest) {
    return too_small(
        bytes, room.source + " leaves " + format_bytes(room.bytes) + ", less a reserve of " + format_bytes(reserve),
        "free some memory, raise that limit, or name a budget with --budget");
  }
  return Budget{bytes, reserve, room.source};
}

std::string describe_source(const Budget& budget) {
  if (budget.reserve == Bytes{}) return budget.source;
  return budget.source + ", less a reserve of " + format_bytes(budget.reserve);
}

Bytes lendable(const Budget& budget) {
  const Bytes spare = budget.reserve - kSmallestReserve;
  return spare < budget.bytes.scaled(0.01) ? Bytes{} : spare;
}

}  // namespace fittest::memory

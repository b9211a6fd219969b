#include "cluster/ask.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>

#include "suite/process.h"

namespace fittest::cluster {
namespace {

// What was written into a file in memory. A pipe would have to be emptied all the time.
std::string contents(const Descriptor& file) {
  std::string text;
  std::array<char, 1 << 14> bytes{};
  for (;;) {
    const ssize_t got = ::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

// Nothing as long as the process lives.
std::optional<ExitStatus> ended(pid_t pid) {
  int status = 0;
  const pid_t who = ::waitpid(pid, &status, WNOHANG);
  return who == pid ? std::optional(ExitStatus(status)) : std::nullopt;
}

void kill_and_wait(pid_t pid) {
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<Asked> ask(const std::vector<std::string>& command, Interruption& interruption, Signals signals,
                  Seconds longest) {
  const Descriptor output(::memfd_create("output", MFD_CLOEXEC));
  const Descriptor error(::memfd_create("error", MFD_CLOEXEC));
  if (!output || !error) return system_failure(errno, "cannot make a file in memory", command.front());
  suite::ProcessOrder order;
  order.command = command;
  order.output = output.get();
  order.error = error.get();
  const auto process = suite::start_process(order);
  if (!process) return tl::unexpected(process.error());

  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  bool interrupted = false;
  for (;;) {
    if (const auto status = ended(process->pid)) {
      return Asked{{*status, contents(output), contents(error)}, interrupted};
    }
    const Seconds left = longest - std::chrono::duration<double>(Clock::now() - start).count();
    if (left <= 0) {
      kill_and_wait(process->pid);
      return failure(std::to_string(static_cast<int>(longest)) + " s have not been enough for it", command.front());
    }
    // Kernels before 5.3 do not tell of the end: it is looked for.
    constexpr Seconds kBetweenLooks = 0.05;
    if (interruption.wait(process->handle, process->handle ? left : std::min(left, kBetweenLooks)) ==
        Interruption::Woken::signal) {
      interrupted = true;
      if (signals == Signals::wait_for_its_end) continue;
      kill_and_wait(process->pid);
      return Asked{{}, interrupted};
    }
  }
}

}  // namespace fittest::cluster

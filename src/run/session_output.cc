#include "run/session_output.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <cerrno>

namespace fittest::run {

struct SessionOutput::State : std::enable_shared_from_this<State> {
  State(asio::io_context& loop, int fd, report::Screen& the_screen) : reader(loop, fd), screen(the_screen) {}

  void read() {
    reader.async_read_some(asio::buffer(buffer), [self = shared_from_this()](std::error_code error, std::size_t got) {
      if (error) return;
      self->screen.pass_through({self->buffer.data(), got});
      self->read();
    });
  }

  asio::posix::stream_descriptor reader;
  report::Screen& screen;
  std::array<char, 16384> buffer{};
};

Result<SessionOutput> SessionOutput::open(asio::io_context& loop, report::Screen& screen) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure(errno, "cannot make a pipe for the suite's output");
  Descriptor writer(ends[1]);
  return SessionOutput(std::make_shared<State>(loop, ends[0], screen), std::move(writer));
}

void SessionOutput::begin() {
  state_->read();
}

void SessionOutput::drain() {
  std::error_code ignored;
  state_->reader.cancel(ignored);
  state_->reader.non_blocking(true, ignored);
  // Not more than there is now: a process of the suite may go on and on.
  int waiting = 0;
  if (::ioctl(state_->reader.native_handle(), FIONREAD, &waiting) != 0 || waiting < 0) return;
  for (auto left = static_cast<std::size_t>(waiting); left > 0;) {
    const ssize_t got =
        ::read(state_->reader.native_handle(), state_->buffer.data(), std::min(left, state_->buffer.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    state_->screen.pass_through({state_->buffer.data(), static_cast<std::size_t>(got)});
    left -= static_cast<std::size_t>(got);
  }
}

}  // namespace fittest::run

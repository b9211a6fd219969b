#include "suite/pytest/channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace fittest::suite::pytest {
namespace {
constexpr std::size_t kReadSize = 64 * 1024;
constexpr std::size_t kMostGathered = 64 * 1024;
// Too short to be seen, long enough for a dozen tests that do nothing: waking the other side for each of them costs
// more than they do.
constexpr std::chrono::milliseconds kGatherFor{4};
}  // namespace

Result<std::pair<Descriptor, Descriptor>> make_connection() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_failure(errno, "cannot make a connection to a process", {},
                          "raise the limit on open files (ulimit -n)");
  }
  return std::pair{Descriptor(ends[0]), Descriptor(ends[1])};
}

Result<void> send_with_descriptor(int socket, const std::string& frame, int descriptor) {
  iovec part{const_cast<char*>(frame.data()), frame.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  std::size_t done = 0;
  while (done < frame.size()) {
    part = {const_cast<char*>(frame.data()) + done, frame.size() - done};
    const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent >= 0) {
      done += static_cast<std::size_t>(sent);
      message.msg_control = nullptr;  // the descriptor went with the first byte
      message.msg_controllen = 0;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd writable{socket, POLLOUT, 0};
      ::poll(&writable, 1, 1000);
    } else if (errno != EINTR) {
      return system_failure(errno, "the zygote does not listen any more");
    }
  }
  return {};
}

// Shared with the operations under way, which may end after the channel.
struct Channel::State : std::enable_shared_from_this<State> {
  State(asio::io_context& loop, int fd, Handlers the_handlers)
      : socket(loop, asio::local::stream_protocol(), fd), gathering(loop), handlers(std::move(the_handlers)) {
    socket.non_blocking(true);
  }

  void read() {
    if (reading || !reading_wanted || closed) return;
    reading = true;
    socket.async_read_some(asio::buffer(input), [self = shared_from_this()](std::error_code error, std::size_t got) {
      self->reading = false;
      if (self->closed) return;
      if (error) {
        self->lost();
        return;
      }
      self->take(got);
      self->read();
    });
  }

  void take(std::size_t got) {
    cutter.append({input.data(), got});
    while (!closed) {
      const auto cut = cutter.next();
      if (!cut) break;
      handlers.frame(*cut);
    }
    if (cutter.bad()) lost();
  }

  void write() {
    if (writing || output.empty() || closed) return;
    writing = true;
    asio::async_write(socket, asio::buffer(output.front()),
                      [self = shared_from_this()](std::error_code error, std::size_t) {
                        self->writing = false;
                        if (self->closed) return;
                        if (error) {
                          // Whoever is gone may have told something before: the read side says when all is read.
                          self->output.clear();
                          self->waiting = 0;
                          return;
                        }
                        self->waiting -= self->output.front().size();
                        self->output.pop_front();
                        if (self->handlers.queued) self->handlers.queued(self->waiting);
                        self->write();
                      });
  }

  void put(std::string frame) {
    waiting += frame.size();
    output.push_back(std::move(frame));
    if (handlers.queued) handlers.queued(waiting);
    write();
  }

  void gather(const std::string& frame) {
    const bool first = gathered.empty();
    gathered += frame;
    if (gathered.size() >= kMostGathered) {
      put_gathered();
    } else if (first) {
      gathering.expires_after(kGatherFor);
      gathering.async_wait([self = shared_from_this()](std::error_code error) {
        if (!error && !self->closed) self->put_gathered();
      });
    }
  }

  void put_gathered() {
    gathering.cancel();
    if (!gathered.empty()) put(std::exchange(gathered, {}));
  }

  void lost() {
    if (closed) return;
    close();
    // The handler may destroy the channel, and with it itself.
    if (const auto tell = std::move(handlers.closed)) tell();
  }

  void close() {
    closed = true;
    gathering.cancel();
    std::error_code ignored;
    socket.close(ignored);
  }

  asio::local::stream_protocol::socket socket;
  asio::steady_timer gathering;
  Handlers handlers;
  FrameCutter cutter;
  std::vector<char> input = std::vector<char>(kReadSize);
  std::deque<std::string> output;
  std::string gathered;
  std::size_t waiting = 0;
  bool reading = false, writing = false, closed = false, reading_wanted = true;
};

Channel::Channel(asio::io_context& loop, Descriptor end, Handlers handlers)
    : state_(std::make_shared<State>(loop, end.release(), std::move(handlers))) {
  state_->read();
}

Channel::~Channel() {
  state_->close();
}

void Channel::send(std::string frame) {
  if (state_->closed) return;
  state_->put_gathered();
  state_->put(std::move(frame));
}

void Channel::send_soon(const std::string& frame) {
  if (!state_->closed) state_->gather(frame);
}

void Channel::set_reading(bool wanted) {
  state_->reading_wanted = wanted;
  state_->read();
}

void Channel::drain() {
  const auto state = state_;  // a handler may destroy the channel
  while (!state->closed) {
    const ssize_t got = ::recv(state->socket.native_handle(), state->input.data(), state->input.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    state->take(static_cast<std::size_t>(got));
  }
  state->close();
}

void Channel::close() {
  state_->close();
}

int Channel::descriptor() {
  return state_->socket.native_handle();
}

}  // namespace fittest::suite::pytest

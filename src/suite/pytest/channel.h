#pragma once
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/descriptor.h"
#include "core/error.h"
#include "suite/pytest/protocol.h"

namespace fittest::suite::pytest {

// Both ends of a fresh connection, ours first.
Result<std::pair<Descriptor, Descriptor>> make_connection();

// A frame with a descriptor beside it, at once. The socket is one that does not block; such frames are small and few.
Result<void> send_with_descriptor(int socket, const std::string& frame, int descriptor);

// Our end of a connection: hands frames in, queues frames out. Handlers are called from the event loop, and not any
// more once the object is gone.
class Channel {
 public:
  struct Handlers {
    std::function<void(const FrameCutter::Cut&)> frame;
    std::function<void()> closed;                   // by the other side, or broken; once
    std::function<void(std::size_t bytes)> queued;  // how much waits to be sent, each time it changes; may be empty
  };

  Channel(asio::io_context& loop, Descriptor end, Handlers handlers);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void send(std::string frame);
  // In its turn, but held back for some milliseconds so that many small frames wake the other side once.
  void send_soon(const std::string& frame);
  // Frames that would come are left to the kernel, which makes the other side wait.
  void set_reading(bool wanted);
  // Takes what has arrived by now, without waiting; for a process that has ended. Nothing is read after this.
  void drain();
  void close();
  [[nodiscard]] int descriptor();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace fittest::suite::pytest

#pragma once
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <memory>

#include "core/descriptor.h"
#include "core/error.h"
#include "report/screen.h"

namespace fittest::run {

// Carries what the framework prints to the screen.
class SessionOutput {
 public:
  static Result<SessionOutput> open(asio::io_context& loop, report::Screen& screen);
  // The end for the framework's processes to write to.
  [[nodiscard]] int writer() const { return writer_.get(); }
  // Call it once the processes are started: the pipe then ends with the last of them.
  void begin();
  // What has been written by now; for the end, when processes of the suite may still hold the pipe.
  void drain();

 private:
  struct State;
  SessionOutput(std::shared_ptr<State> state, Descriptor writer)
      : state_(std::move(state)), writer_(std::move(writer)) {}
  std::shared_ptr<State> state_;
  Descriptor writer_;
};

}  // namespace fittest::run

#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>

#include "core/descriptor.h"

namespace fittest::suite::pytest {

// Calls back once when the process has ended.
class EndWatch {
 public:
  EndWatch(asio::io_context& loop, Descriptor handle, std::function<void()> ended)
      : handle_(std::make_shared<asio::posix::stream_descriptor>(loop, handle.release())) {
    handle_->async_wait(asio::posix::stream_descriptor::wait_read,
                        [keep = handle_, ended = std::move(ended)](std::error_code error) {
                          if (!error) ended();
                        });
  }
  ~EndWatch() {
    std::error_code ignored;
    handle_->close(ignored);
  }
  EndWatch(const EndWatch&) = delete;
  EndWatch& operator=(const EndWatch&) = delete;

 private:
  std::shared_ptr<asio::posix::stream_descriptor> handle_;
};

}  // namespace fittest::suite::pytest

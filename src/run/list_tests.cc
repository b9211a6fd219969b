#include "run/list_tests.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <cerrno>

#include "core/descriptor.h"

namespace fittest::run {
namespace {

constexpr std::size_t kLongestOutput = 64 << 10;  // of what is shown where collecting fails: its end

class Lister : public suite::Listener {
 public:
  explicit Lister(Selection& selection) : selection_(selection), signals_(loop_, SIGINT, SIGTERM), output_(loop_) {}

  Result<TestList> run(const MakeSuite& make_suite) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure(errno, "cannot make a pipe for the suite's output");
    output_.assign(ends[0]);
    Descriptor writer(ends[1]);
    suite_ = make_suite(loop_, writer.get());
    if (auto started = suite_->start(*this, {}); !started) return tl::unexpected(started.error());
    writer.reset();
    read();
    signals_.async_wait([this](std::error_code error, int) {
      if (error) return;
      error_ = Error{"interrupted while collecting"};
      ::kill(suite_->session(), SIGKILL);
    });
    loop_.run();
    if (error_) return tl::unexpected(*error_);
    if (!collected_) return tl::unexpected(not_collected());
    return suite_->tests();
  }

  std::vector<suite::LabelledTests> measure_labels(const TestList& found) override {
    return selection_.measure_labels(found);
  }
  Result<std::vector<TestIndex>> select(const TestList& candidates, const select::Request& request) override {
    return selection_.select(candidates, request);
  }
  suite::HeapPlan plan_heap(const TestList&, const std::vector<TestIndex>&) override { return {}; }
  void collected(const suite::Collected&) override { collected_ = true; }
  void worker_ready(WorkerId, pid_t, Bytes) override {}
  void test_started(WorkerId, TestIndex) override {}
  void test_finished(suite::TestEnd) override {}
  void test_amended(suite::TestAmendment) override {}
  void batch_done(WorkerId, Bytes) override {}
  void worker_gone(WorkerId, ExitStatus) override {}
  void stop_requested(const suite::StopRequest&) override {}
  void ended(ExitStatus status) override {
    status_ = status;
    signals_.cancel();
    loop_.stop();
  }
  void failed(const Error& error) override {
    if (!error_) error_ = error;
    ::kill(suite_->session(), SIGKILL);
  }

 private:
  void read() {
    output_.async_read_some(asio::buffer(buffer_), [this](std::error_code error, std::size_t got) {
      if (error) return;
      keep(got);
      read();
    });
  }

  void keep(std::size_t got) {
    text_.append(buffer_.data(), got);
    if (text_.size() > 2 * kLongestOutput) text_.erase(0, text_.size() - kLongestOutput);
  }

  // What was printed before the end and is not read yet.
  void drain() {
    std::error_code ignored;
    output_.non_blocking(true, ignored);
    for (std::error_code end; !end;) {
      const std::size_t got = output_.read_some(asio::buffer(buffer_), end);
      if (!end) keep(got);
    }
  }

  Error not_collected() {
    drain();
    if (const auto known = suite_->explain(status_)) return *known;
    constexpr int kNoTests = 5;
    if (status_.code() == kNoTests) return {"no test was collected", "", "name other paths, or another selection"};
    while (!text_.empty() && text_.back() == '\n') text_.pop_back();
    return {"the tests could not be collected: " + status_.text() + (text_.empty() ? "" : "\n" + text_), "",
            "mend what is said above"};
  }

  Selection& selection_;
  asio::io_context loop_;
  asio::signal_set signals_;
  asio::posix::stream_descriptor output_;
  std::array<char, 16384> buffer_{};
  std::string text_;
  std::unique_ptr<suite::Suite> suite_;
  bool collected_ = false;
  ExitStatus status_;
  std::optional<Error> error_;
};

}  // namespace

Result<TestList> list_tests(const MakeSuite& make_suite, Selection& selection) {
  return Lister(selection).run(make_suite);
}

}  // namespace fittest::run

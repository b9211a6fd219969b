#include "report/junit.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <pugixml.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/descriptor.h"
#include "report/junit_case.h"

namespace fittest::report {
namespace {

constexpr const char* kRemedy = "name a place that can be written to, with room for the report";
constexpr std::size_t kBuffered = 64 << 10;

// Bytes to a descriptor in large pieces; the first failure is kept, and nothing is written after it.
class FileWriter {
 public:
  explicit FileWriter(int fd) : fd_(fd) {}

  void add(std::string_view bytes) {
    buffer_ += bytes;
    if (buffer_.size() >= kBuffered) flush();
  }
  void flush() {
    std::string_view rest = buffer_;
    while (!rest.empty() && failed_ == 0) {
      const ssize_t done = ::write(fd_, rest.data(), rest.size());
      if (done > 0) {
        rest.remove_prefix(static_cast<std::size_t>(done));
      } else if (done == 0 || errno != EINTR) {
        failed_ = done == 0 ? ENOSPC : errno;
      }
    }
    buffer_.clear();
  }
  [[nodiscard]] std::size_t waiting() const { return buffer_.size(); }
  [[nodiscard]] int failed() const { return failed_; }  // errno, or 0

 private:
  int fd_;
  std::string buffer_;
  int failed_ = 0;
};

// Where a test's element is in the nameless file.
struct Slot {
  std::uint64_t offset = 0;
  std::uint32_t length = 0;  // 0: none
  Verdict verdict = Verdict::not_run;
};

std::string now_in_iso8601() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S+00:00", &utc);
  return text.data();
}

}  // namespace

class JUnit::Impl {
 public:
  Impl(std::filesystem::path file, Descriptor cases) : file_(std::move(file)), cases_(std::move(cases)) {}

  void on(const Event& event) {
    if (const auto* started = std::get_if<RunStarted>(&event.payload)) {
      run_ = *started;
      timestamp_ = now_in_iso8601();
    } else if (const auto* finished = std::get_if<TestFinished>(&event.payload)) {
      keep(finished->test, finished->verdict, testcase_xml(*finished));
    } else if (const auto* amended = std::get_if<TestAmended>(&event.payload)) {
      amend(*amended);
    } else if (const auto* end = std::get_if<RunFinished>(&event.payload)) {
      if (auto written = write_report(*end); !written) error_ = written.error();
    }
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  void keep(TestIndex test, Verdict verdict, const std::string& element);
  void amend(const TestAmended& amended);
  std::string read(const Slot& slot);
  // Everything but the test cases; the first ends, and the second begins, where they belong.
  [[nodiscard]] std::pair<std::string, std::string> frame(const RunFinished& end) const;
  Result<void> write_report(const RunFinished& end);

  std::filesystem::path file_;
  Descriptor cases_;
  FileWriter writer_{cases_.get()};
  std::uint64_t end_ = 0;  // of the nameless file, what is buffered included
  std::vector<Slot> slots_;
  RunStarted run_;
  std::string timestamp_;
  std::optional<Error> error_;
};

void JUnit::Impl::keep(TestIndex test, Verdict verdict, const std::string& element) {
  if (test >= slots_.size()) slots_.resize(test + std::size_t{1});
  slots_[test] = {end_, static_cast<std::uint32_t>(element.size()), verdict};
  writer_.add(element);
  end_ += element.size();
}

void JUnit::Impl::amend(const TestAmended& amended) {
  std::string before;
  if (amended.test < slots_.size() && slots_[amended.test].length > 0) before = read(slots_[amended.test]);
  if (before.empty()) {
    TestFinished alone;
    alone.id = amended.id;
    alone.verdict = amended.verdict;
    alone.detail = amended.detail;
    keep(amended.test, amended.verdict, testcase_xml(alone));
  } else {
    keep(amended.test, amended.verdict, amended_testcase_xml(before, amended));
  }
}

// Empty when it cannot be read back.
std::string JUnit::Impl::read(const Slot& slot) {
  writer_.flush();
  std::string text(slot.length, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got =
        ::pread(cases_.get(), text.data() + have, text.size() - have, static_cast<off_t>(slot.offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    have += static_cast<std::size_t>(got);
  }
  return text;
}

std::pair<std::string, std::string> JUnit::Impl::frame(const RunFinished& end) const {
  std::array<std::size_t, 4> counts{};
  std::size_t tests = 0;
  for (const Slot& slot : slots_) {
    if (slot.length == 0) continue;
    ++tests;
    ++counts[static_cast<std::size_t>(junit_count(slot.verdict))];
  }
  const std::string title = xml_text(run_.suite.empty() ? std::string("fittest") : run_.suite);
  const auto count = [&](JUnitCount what) { return std::to_string(counts[static_cast<std::size_t>(what)]); };

  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "utf-8";
  pugi::xml_node suites = document.append_child("testsuites");
  pugi::xml_node suite = suites.append_child("testsuite");
  for (pugi::xml_node node : {suites, suite}) {
    node.append_attribute("name") = node == suites ? (title + " tests").c_str() : title.c_str();
    node.append_attribute("tests") = std::to_string(tests).c_str();
    node.append_attribute("failures") = count(JUnitCount::failure).c_str();
    node.append_attribute("errors") = count(JUnitCount::error).c_str();
    node.append_attribute("skipped") = count(JUnitCount::skipped).c_str();
    node.append_attribute("time") = fmt::format("{:.3f}", std::max(end.wall, 0.0)).c_str();
  }
  suite.append_attribute("timestamp") = timestamp_.c_str();
  suite.append_attribute("hostname") = xml_text(run_.host).c_str();
  pugi::xml_node properties = suite.append_child("properties");
  const auto property = [&](const char* key, const std::string& value) {
    pugi::xml_node node = properties.append_child("property");
    node.append_attribute("name") = key;
    node.append_attribute("value") = xml_text(value).c_str();
  };
  property("fittest.run_id", run_.run_id);
  property("fittest.budget_bytes", std::to_string(run_.budget.value));
  property("fittest.budget_source", run_.budget_source);
  property("fittest.domain", run_.domain);
  property("fittest.peak_bytes", std::to_string(end.peak.value));
  property("fittest.kernel_kills", std::to_string(end.kernel_kills));

  std::ostringstream out;
  document.save(out, "", pugi::format_raw, pugi::encoding_utf8);
  std::string text = out.str();
  const std::size_t cases = text.rfind("</testsuite>");
  return {text.substr(0, cases), text.substr(cases) + "\n"};
}

Result<void> JUnit::Impl::write_report(const RunFinished& end) {
  if (timestamp_.empty()) timestamp_ = now_in_iso8601();
  writer_.flush();
  if (writer_.failed() != 0) return system_failure(writer_.failed(), "cannot be written", file_.string(), kRemedy);
  const std::filesystem::path unfinished = file_.string() + fmt::format(".{}.tmp", ::getpid());
  const Descriptor opened(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!opened) return system_failure(errno, "cannot be written", unfinished.string(), kRemedy);
  FileWriter report(opened.get());
  const auto [before, after] = frame(end);
  report.add(before);
  for (const Slot& slot : slots_) {
    if (slot.length == 0) continue;
    const std::string element = read(slot);
    if (element.empty()) {
      ::unlink(unfinished.c_str());
      return failure("a test case that was set aside cannot be read back", file_.string(), kRemedy);
    }
    report.add("\n");
    report.add(element);
  }
  report.add("\n");
  report.add(after);
  report.flush();
  const int failed = report.failed() != 0                               ? report.failed()
                     : ::rename(unfinished.c_str(), file_.c_str()) != 0 ? errno
                                                                        : 0;
  if (failed == 0) return {};
  ::unlink(unfinished.c_str());
  return system_failure(failed, "cannot be written", file_.string(), kRemedy);
}

JUnit::JUnit(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JUnit::~JUnit() = default;
void JUnit::on(const Event& event) {
  impl_->on(event);
}
const std::optional<Error>& JUnit::error() const {
  return impl_->error();
}

Result<std::unique_ptr<JUnit>> JUnit::create(const std::filesystem::path& file) {
  std::error_code problem;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), problem);
  if (problem) return failure("cannot make its folder: " + problem.message(), file.string(), kRemedy);
  if (std::filesystem::is_directory(file, problem)) return failure("is a folder", file.string(), kRemedy);
  // Beside the report, where room is needed anyway; /tmp may be memory.
  std::string pattern = file.string() + ".cases.XXXXXX";
  Descriptor cases(::mkostemp(pattern.data(), O_CLOEXEC));
  if (!cases) return system_failure(errno, "cannot be written", file.string(), kRemedy);
  ::unlink(pattern.c_str());
  return std::unique_ptr<JUnit>(new JUnit(std::make_unique<Impl>(file, std::move(cases))));
}

}  // namespace fittest::report

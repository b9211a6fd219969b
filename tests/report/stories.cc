#include "stories.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/terminal.h"

namespace fittest::report {
namespace {

class Writer {
 public:
  template <typename T>
  Writer& tell(Seconds at, T payload) {
    story_.emplace_back(Event{at, Payload(std::move(payload))});
    return *this;
  }
  Writer& print(std::string bytes) {
    story_.emplace_back(std::move(bytes));
    return *this;
  }
  Writer& left(Seconds seconds) {
    story_.emplace_back(TimeLeft{seconds});
    return *this;
  }
  Writer& start(std::uint32_t tests, std::vector<std::string> shortcomings) {
    tell(0, RunStarted{"20260102-030405-77",
                       "pytest",
                       {"fittest", "pytest", "tests"},
                       GiB(4),
                       "--budget 4G",
                       "cgroup v1",
                       std::move(shortcomings)});
    tell(0.5, Sample{MiB(120), {}, 0});
    print("============================= test session starts ==============================\n");
    tell(4, Collected{tests, "fork", "one thread after collection", 2, MiB(471), 3.4});
    return print(fmt::format("collected {} items\n\n", tests));
  }
  Writer& finish(Seconds at, TestIndex test, std::string id, Verdict verdict, Bytes peak, Bytes retained,
                 std::string detail = {}, std::string message = {}) {
    return tell(at, TestFinished{WorkerId{test % 2}, test, std::move(id), verdict, 0.25 + test, peak, retained,
                                 std::move(detail), std::move(message)});
  }
  Story take() { return std::move(story_); }

 private:
  Story story_;
};

constexpr const char* kLongId =
    "tests/integration/pipelines/test_reconstruction.py::TestWaveletReconstruction::"
    "test_perfect_reconstruction_of_long_recordings[db4-periodization-10000000]";

std::string id(TestIndex test) {
  return fmt::format("tests/test_fast.py::test_small[{}]", test);
}

}  // namespace

Story quiet_story() {
  Writer w;
  w.start(20, {});
  w.print("tests/test_fast.py ");
  for (TestIndex test = 0; test < 20; ++test) {
    w.print(".");
    w.finish(5 + test * 0.1, test, id(test), Verdict::passed, KiB(200 + test), KiB(1));
    w.tell(5.05 + test * 0.1, Sample{MiB(500), MiB(600), 2}).left(2 - test * 0.1);
  }
  w.print("                                     [100%]\n\n");
  w.print("============================== 20 passed in 2.10s ==============================\n");
  w.tell(7.2, RunFinished{0, false, 7.2, MiB(512), 0, {6.0, 5.5, 0.1}});
  return w.take();
}

Story stormy_story() {
  Writer w;
  w.start(14, {"no freezer: workers are paused by SIGSTOP", "swap is not limited (swap accounting is off)",
               "kernel kills are not counted"});
  w.print("tests/test_fast.py ");
  w.tell(5, TestStarted{WorkerId{0}, 0, id(0)});
  for (TestIndex test = 0; test < 4; ++test) {
    w.print("\x1b[32m.\x1b[0m").finish(40.0 + test, test, id(test), Verdict::passed, MiB(3 + test), KiB(40));
    w.tell(40.5 + test, Sample{MiB(900), GiB(1), 2}).left(200);
  }
  w.tell(50, PressureChanged{"admission stopped"});
  w.tell(50.1, PressureChanged{"worker 1 frozen"});
  w.tell(51, BatchKilled{WorkerId{1}, kLongId, GiB(3), false, "3.9 of 4.0 GiB were held, and it was cheapest to redo"});
  w.tell(51, TestRequeued{5, kLongId, "killed for memory"});
  w.tell(51, WorkerEnded{WorkerId{1}, "killed"});
  w.tell(51.5, PressureChanged{"admission open"});
  w.tell(60, BatchKilled{WorkerId{2}, "tests/test_big.py::test_b", GiB(4), true, ""});
  w.tell(60, TestRequeued{4, "tests/test_big.py::test_b", "killed by the kernel"});
  w.tell(61, TestRequeued{6, "tests/test_import.py::test_after", "builtins.__import__ was left broken by test_before"});
  w.tell(62, Notice{"tests/test_cov.py: no data was collected\n  -> name the package: --cov=signals"});
  w.print("\x1b[31mF\x1b[0m");
  w.finish(80, 5, kLongId, Verdict::passed, MiB(1450), MiB(180));
  w.finish(81, 6, "tests/test_import.py::test_after", Verdict::passed, MiB(12), {});
  w.finish(82, 7, "tests/test_math.py::test_sum", Verdict::failed, MiB(9), {}, "", "E  assert 1 == 2\ntest_math.py:3");
  w.finish(83, 4, "tests/test_big.py::test_b", Verdict::over_budget, GiB(4), {},
           "held 4.0 GiB alone, and asked for more");
  w.finish(84, 8, "tests/test_native.py::test_pointer", Verdict::crashed, MiB(30), {}, "killed by signal 11 (SIGSEGV)");
  w.finish(85, 9, "tests/test_net.py::test_reply", Verdict::timed_out, MiB(21), MiB(2), "no end after 60 s");
  w.finish(86, 10, "tests/test_limit.py::test_limit", Verdict::over_limit, MiB(210), {},
           "held 210 MiB, its limit is 200 MiB");
  w.finish(87, 11, "tests/test_skip.py::test_skip", Verdict::skipped, {}, {}, "not on Linux");
  w.finish(88, 12, "tests/test_skip.py::test_xfail", Verdict::xfailed, {}, {});
  w.finish(89, 13, "tests/test_fixture.py::test_teardown", Verdict::passed, MiB(2), MiB(1));
  w.tell(90, TestAmended{13, "tests/test_fixture.py::test_teardown", Verdict::error, "teardown failed: OSError"});
  w.tell(91, Sample{MiB(900), GiB(1), 2}).left(0);
  w.print("                             [100%]\n\n=========================== short test summary info ====\n");
  w.tell(92, RunFinished{1, false, 92, MiB(4000), 1, {30, 46, 61}});
  return w.take();
}

Story stopped_story() {
  Writer w;
  w.start(8669, {"a worker's peak cannot be started anew (before Linux 6.12)"});
  for (TestIndex test = 0; test < 3; ++test) {
    w.finish(5 + test, test, id(test), Verdict::passed, MiB(100), MiB(20));
  }
  w.finish(9, 3, id(3), Verdict::not_run, {}, {});
  w.tell(10, RunFinished{2, true, 10, GiB(1), 0, {3, 2, 4}});
  return w.take();
}

Story crowded_story() {
  Writer w;
  w.start(123'456'789, {});
  TestIndex test = 0;
  for (unsigned verdict = 0; verdict < kVerdictCount; ++verdict) {
    for (int i = 0; i < 6; ++i, ++test) {
      w.finish(5, test, kLongId + std::to_string(test), static_cast<Verdict>(verdict), MiB(1000 + test),
               MiB(100 + test),
               "something that takes more than the line has room for, as texts by somebody else like to do");
    }
  }
  w.tell(50, BatchKilled{WorkerId{1}, kLongId, GiB(3), false, "short"});
  w.tell(51, TestRequeued{6, "other", "spoiled"});
  w.tell(60, RunFinished{1, true, 4000, GiB(5), 12'345, {30, 46, 61}});
  return w.take();
}

void play(const Story& story, Screen& screen) {
  Terminal terminal(screen);
  for (const Step& step : story) {
    if (const auto* event = std::get_if<Event>(&step)) {
      terminal.on(*event);
    } else if (const auto* bytes = std::get_if<std::string>(&step)) {
      screen.pass_through(*bytes);
    } else if (const auto* left = std::get_if<TimeLeft>(&step)) {
      terminal.set_time_left(left->seconds);
    }
  }
}

void tell(const Story& story, Reader& reader) {
  for (const Step& step : story) {
    if (const auto* event = std::get_if<Event>(&step)) reader.on(*event);
  }
}

}  // namespace fittest::report

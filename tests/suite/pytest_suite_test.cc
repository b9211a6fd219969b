// A pytest root, driven directly: collect, start workers, run batches, hear what comes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

#include "pytest_suite_fixture.h"

namespace fittest::suite::pytest {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kThree =
    "import os\n"
    "def test_good(worker_id): assert worker_id == 'gw3' and os.environ['FITTEST_MARK'] == 'worker'\n"
    "def test_bad(): assert 'this' == 'that'\n"
    "class TestC:\n"
    "    def test_last(self): pass\n";

class EachIsolation : public PytestSuiteTest, public testing::WithParamInterface<Isolation> {};
INSTANTIATE_TEST_SUITE_P(PytestSuite, EachIsolation, testing::Values(Isolation::fork, Isolation::spawn),
                         [](const auto& one) { return one.param == Isolation::fork ? "fork" : "spawn"; });

TEST_P(EachIsolation, FromCollectingToTheLastLine) {
  write("test_a.py", kThree);
  write("test_b.py", "import pytest\n@pytest.mark.skip(reason='not now')\ndef test_skipped(): pass\n");
  collect({}, GetParam());
  const Collected& collected = heard_.collected_.front();
  EXPECT_EQ(collected.isolation, GetParam() == Isolation::fork ? "fork" : "spawn");
  EXPECT_FALSE(collected.isolation_reason.empty());
  EXPECT_EQ(collected.workers, 2U);
  EXPECT_EQ(collected.dist, plan::Dist::load);
  EXPECT_GT(collected.took, 0);
  ASSERT_THAT(ids(), ElementsAre("test_a.py::test_good", "test_a.py::test_bad", "test_a.py::TestC::test_last",
                                 "test_b.py::test_skipped"));
  EXPECT_EQ(suite_->tests().traits(0).file, suite_->tests().traits(2).file);
  EXPECT_NE(suite_->tests().traits(0).file, suite_->tests().traits(3).file);

  start_worker(kFirst, 3);
  run_batch(kFirst, {0, 1, 2});
  run_batch(kFirst, {3});
  EXPECT_THAT(heard_.started_, ElementsAre(0, 1, 2, 3));
  ASSERT_EQ(heard_.finished_.size(), 4U);
  for (TestIndex test = 0; test < 4; ++test) {
    const TestEnd& end = heard_.finished_[test];
    EXPECT_EQ(end.test, test);
    EXPECT_EQ(end.worker, kFirst);
    EXPECT_FALSE(end.broken);
    EXPECT_EQ(end.left_behind, "");
    EXPECT_GE(end.duration, 0);
    EXPECT_LT(end.peak, MiB(100));
    EXPECT_FALSE(end.report.empty());
  }
  EXPECT_EQ(end_of(0).verdict, Verdict::passed) << end_of(0).detail;
  EXPECT_EQ(end_of(1).verdict, Verdict::failed);
  EXPECT_THAT(end_of(1).detail, HasSubstr("assert 'this' == 'that'"));
  EXPECT_EQ(end_of(2).verdict, Verdict::passed);
  EXPECT_EQ(end_of(3).verdict, Verdict::skipped);
  EXPECT_THAT(end_of(3).detail, HasSubstr("not now"));

  report_all();
  retire(kFirst);
  EXPECT_EQ(heard_.workers_[kFirst].status.code(), 0);
  EXPECT_EQ(finish().code(), 1);
  EXPECT_THAT(output(), AllOf(HasSubstr("assert 'this' == 'that'"), HasSubstr("1 failed, 2 passed, 1 skipped")));
  EXPECT_EQ(heard_.workers_[kFirst].gone, 1);
  EXPECT_TRUE(heard_.failures_.empty());
  EXPECT_TRUE(heard_.stops_.empty());
}

TEST_P(EachIsolation, TwoWorkersRunAtOnce) {
  // Each test waits for the other.
  const std::string meet =
      "import pathlib, time\n"
      "HERE = pathlib.Path(__file__).parent\n"
      "def meet(mine, other):\n"
      "    (HERE / mine).write_text('')\n"
      "    end = time.monotonic() + 60\n"
      "    while not (HERE / other).exists():\n"
      "        assert time.monotonic() < end\n"
      "        time.sleep(0.005)\n"
      "def test_1(): meet('one', 'two')\n"
      "def test_2(): meet('two', 'one')\n";
  write("test_a.py", meet);
  collect({}, GetParam());
  start_worker(kFirst, 0);
  start_worker(kSecond, 1);
  suite_->run_batch(kFirst, std::vector<TestIndex>{0});
  suite_->run_batch(kSecond, std::vector<TestIndex>{1});
  ASSERT_TRUE(run_until([&] { return heard_.finished_.size() == 2; }));
  EXPECT_EQ(end_of(0).verdict, Verdict::passed) << end_of(0).detail;
  EXPECT_EQ(end_of(1).verdict, Verdict::passed) << end_of(1).detail;
  EXPECT_EQ(end_of(0).worker, kFirst);
  EXPECT_EQ(end_of(1).worker, kSecond);
  EXPECT_NE(heard_.workers_[kFirst].pid, heard_.workers_[kSecond].pid);
  retire(kFirst);
  retire(kSecond);
  report_all();
  EXPECT_EQ(finish().code(), 0);
}

TEST_P(EachIsolation, AWorkerKilledWhileItRunsATestIsGoneOnceAndTheRestGoesOn) {
  write("test_a.py", "import time\ndef test_1(): pass\ndef test_2(): time.sleep(1000)\ndef test_3(): pass\n");
  collect({}, GetParam());
  start_worker(kFirst);
  heard_.on_started_ = [&](TestIndex test) {
    if (test == 1) ::kill(heard_.workers_[kFirst].pid, SIGKILL);
  };
  suite_->run_batch(kFirst, std::vector<TestIndex>{0, 1, 2});
  gone(kFirst);
  EXPECT_EQ(heard_.workers_[kFirst].status.signal(), SIGKILL);
  ASSERT_EQ(heard_.finished_.size(), 1U) << "what it told before is heard, and no more";
  EXPECT_EQ(heard_.finished_[0].test, 0U);

  start_worker(kSecond);
  run_batch(kSecond, {2});
  retire(kSecond);
  report_all();
  suite_->report_verdict(1, Verdict::crashed, "killed by the test of the tests");
  EXPECT_EQ(finish().code(), 1);
  EXPECT_THAT(output(), AllOf(HasSubstr("killed by the test of the tests"), HasSubstr("1 failed, 2 passed")));
  EXPECT_EQ(heard_.workers_[kFirst].gone, 1);
  EXPECT_TRUE(heard_.failures_.empty());
}

TEST_P(EachIsolation, HowAWorkerEndedItselfIsTold) {
  write("test_a.py",
        "import os, signal\ndef test_1(): os._exit(9)\ndef test_2(): signal.signal(signal.SIGTERM, signal.SIG_DFL); "
        "os.kill(os.getpid(), signal.SIGTERM)\n");
  collect({}, GetParam());
  start_worker(kFirst);
  suite_->run_batch(kFirst, std::vector<TestIndex>{0});
  gone(kFirst);
  EXPECT_EQ(heard_.workers_[kFirst].status.code(), 9);
  EXPECT_FALSE(heard_.workers_[kFirst].status.by_signal());
  start_worker(kSecond);
  suite_->run_batch(kSecond, std::vector<TestIndex>{1});
  gone(kSecond);
  EXPECT_EQ(heard_.workers_[kSecond].status.signal(), SIGTERM);
  EXPECT_TRUE(heard_.finished_.empty());
}

TEST_P(EachIsolation, AnInterruptEndsTheTestAndTearsDownWhatStands) {
  write("test_a.py",
        "import pathlib, pytest, time\n"
        "HERE = pathlib.Path(__file__).parent\n"
        "@pytest.fixture(scope='session', autouse=True)\n"
        "def made():\n"
        "    yield\n"
        "    (HERE / 'down').write_text('down')\n"
        "def test_1():\n"
        "    (HERE / 'in-test').write_text('')\n"
        "    time.sleep(1000)\n");
  collect({}, GetParam());
  start_worker(kFirst);
  suite_->run_batch(kFirst, std::vector<TestIndex>{0});
  ASSERT_TRUE(run_until([&] { return std::filesystem::exists(root() + "/in-test"); }));
  suite_->interrupt(kFirst);
  ASSERT_TRUE(run_until([&] { return !heard_.stops_.empty(); }));
  EXPECT_EQ(heard_.stops_[0].kind, StopRequest::Kind::interrupt);
  EXPECT_EQ(heard_.stops_[0].by, 0U);
  retire(kFirst);
  EXPECT_EQ(heard_.workers_[kFirst].status.code(), 0);
  EXPECT_EQ(text_of("down"), "down");
  EXPECT_TRUE(heard_.finished_.empty());
  EXPECT_EQ(finish({Finish::Kind::interrupted, "stopped here", {}}).code(), 2);
  EXPECT_THAT(output(), HasSubstr("stopped here"));
}

TEST_P(EachIsolation, AFailureOnTheWayOutAmendsTheLastTest) {
  write("test_a.py",
        "import pytest\n"
        "@pytest.fixture(scope='module')\n"
        "def made():\n"
        "    yield\n"
        "    raise RuntimeError('cannot put away')\n"
        "def test_1(made): pass\n"
        "def test_2(made): pass\n");
  collect({}, GetParam());
  EXPECT_FALSE(suite_->tests().traits(0).shares_setup);
  EXPECT_TRUE(suite_->tests().traits(1).shares_setup);
  start_worker(kFirst);
  run_batch(kFirst, {0, 1});
  EXPECT_TRUE(heard_.amended_.empty());
  report_all();
  retire(kFirst);
  ASSERT_EQ(heard_.amended_.size(), 1U);
  EXPECT_EQ(heard_.amended_[0].test, 1U);
  EXPECT_EQ(heard_.amended_[0].verdict, Verdict::error);
  EXPECT_THAT(heard_.amended_[0].detail, HasSubstr("cannot put away"));
  suite_->amend(1, heard_.amended_[0].report);
  EXPECT_EQ(finish().code(), 1);
  EXPECT_THAT(output(), HasSubstr("2 passed, 1 error"));
}

TEST_P(EachIsolation, WhatATestLeavesBehindIsNamed) {
  write("test_a.py",
        "import builtins, os\n"
        "def test_1(): os.environ['LEFT'] = 'x'\n"
        "def test_2(): pass\n"
        "def test_3(): del builtins.open\n"
        "def test_4(): pass\n");
  collect({}, GetParam());
  start_worker(kFirst);
  suite_->run_batch(kFirst, std::vector<TestIndex>{0, 1, 2, 3});
  ASSERT_TRUE(run_until([&] { return heard_.finished_.size() == 3; })) << output();
  EXPECT_EQ(end_of(0).left_behind, "os.environ: LEFT");
  EXPECT_FALSE(end_of(0).broken);
  EXPECT_EQ(end_of(1).left_behind, "") << "told once";
  EXPECT_EQ(end_of(2).left_behind, "builtins.open");
  EXPECT_TRUE(end_of(2).broken);
  retire(kFirst);
  EXPECT_EQ(heard_.started_.size(), 3U) << "a broken worker runs nothing further";
}

TEST_F(PytestSuiteTest, CommandsForAWorkerThatIsGoneAreNoErrors) {
  write("test_a.py", kThree);
  collect();
  suite_->run_batch(kFirst, std::vector<TestIndex>{0});
  suite_->retire(kFirst);
  suite_->interrupt(kFirst);
  EXPECT_EQ(finish().code(), 0) << "no test ran, and pytest was told that this is all";
}

TEST_F(PytestSuiteTest, ManyTestsAndTheirTraitsArrive) {
  write("test_a.py",
        "import pytest\n"
        "@pytest.mark.parametrize('i', range(3500))\n"
        "def test_x(i): pass\n"
        "@pytest.mark.xdist_group('g')\n"
        "def test_1(): pass\n"
        "def test_2(): pass\n"
        "@pytest.mark.xdist_group('g')\n"
        "def test_3(): pass\n");
  collect();
  const TestList& tests = suite_->tests();
  ASSERT_EQ(tests.size(), 3503U);
  EXPECT_EQ(tests.id(0), "test_a.py::test_x[0]");
  EXPECT_EQ(tests.id(3499), "test_a.py::test_x[3499]");
  EXPECT_EQ(tests.id(3502), "test_a.py::test_3");
  EXPECT_EQ(tests.traits(3500).group, tests.traits(3502).group);
  EXPECT_NE(tests.traits(3500).group, tests.traits(3501).group);
  EXPECT_EQ(heard_.collected_.front().dist, plan::Dist::loadgroup);
  std::set<std::uint32_t> groups;
  for (TestIndex test = 0; test < 3500; ++test) groups.insert(tests.traits(test).group);
  EXPECT_EQ(groups.size(), 3500U);
  finish();
}

TEST_F(PytestSuiteTest, WhatTheCommandLineAsksForIsTold) {
  write("test_a.py", kThree);
  collect({"-n", "5", "--dist", "loadscope", "--max-worker-restart", "4"});
  EXPECT_EQ(heard_.collected_.front().workers, 5U);
  EXPECT_EQ(heard_.collected_.front().dist, plan::Dist::loadscope);
  EXPECT_EQ(heard_.collected_.front().max_worker_restarts, 4U);
  finish();
}

TEST_F(PytestSuiteTest, ASuiteThatDoesNotCollectEndsAsInPytest) {
  write("test_a.py", "import no_such_module_anywhere\n");
  start();
  ASSERT_TRUE(run_until([&] { return !heard_.ended_.empty(); }));
  EXPECT_EQ(heard_.ended_.front().code(), 2);
  EXPECT_TRUE(heard_.collected_.empty());
  EXPECT_FALSE(suite_->explain(heard_.ended_.front()));
  EXPECT_THAT(output(), HasSubstr("no_such_module_anywhere"));
}

TEST_F(PytestSuiteTest, ASessionThatDiesWhileItCollectsHasEnded) {
  write("test_a.py", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n");
  start();
  ASSERT_TRUE(run_until([&] { return !heard_.ended_.empty(); }));
  EXPECT_EQ(heard_.ended_.front().signal(), SIGKILL);
  EXPECT_EQ(heard_.ended_.size(), 1U);
  EXPECT_TRUE(heard_.collected_.empty());
}

TEST_F(PytestSuiteTest, ASessionThatDiesInTheMiddleHasEndedOnce) {
  write("test_a.py", kThree);
  collect();
  start_worker(kFirst, 3);
  run_batch(kFirst, {0});
  ::kill(suite_->session(), SIGKILL);
  ASSERT_TRUE(run_until([&] { return !heard_.ended_.empty(); }));
  EXPECT_EQ(heard_.ended_.front().signal(), SIGKILL);
  report_all();  // into the void
  suite_->report_verdict(1, Verdict::crashed, "nobody hears it");
  suite_->finish({});
  suite_->retire(kFirst);
  loop_.restart();
  loop_.run_for(std::chrono::milliseconds(100));
  EXPECT_EQ(heard_.ended_.size(), 1U);
  EXPECT_EQ(heard_.workers_[kFirst].gone, 0) << "nothing is heard after the end of the session";
}

TEST_F(PytestSuiteTest, AZygoteThatIsKilledIsAFailureThatNamesTheWayOut) {
  write("test_a.py", "import time\ndef test_1(): time.sleep(1000)\n");
  collect({}, Isolation::fork);
  start_worker(kFirst);
  // A worker's parent is the zygote.
  const std::string stat = read_file("/proc/" + std::to_string(heard_.workers_[kFirst].pid) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string state;
  pid_t zygote = 0;
  fields >> state >> zygote;
  ASSERT_GT(zygote, 1);
  ASSERT_NE(zygote, suite_->session());
  ::kill(zygote, SIGKILL);
  ASSERT_TRUE(run_until([&] { return !heard_.failures_.empty(); })) << output();
  EXPECT_THAT(heard_.failures_.front().text(), AllOf(HasSubstr("zygote"), HasSubstr("--isolation spawn")));
  EXPECT_EQ(heard_.failures_.size(), 1U);
}

TEST_F(PytestSuiteTest, WithoutIsolationTheSessionRunsTheTestsAndTellsOfThem) {
  write("test_a.py", "def test_1(): pass\ndef test_2(): assert False\n");
  collect({}, Isolation::none);
  ASSERT_TRUE(run_until([&] { return !heard_.ended_.empty(); }));
  EXPECT_EQ(heard_.ended_.front().code(), 1);
  EXPECT_THAT(heard_.started_, ElementsAre(0, 1));
  ASSERT_EQ(heard_.finished_.size(), 2U);
  EXPECT_EQ(end_of(0).verdict, Verdict::passed);
  EXPECT_EQ(end_of(1).verdict, Verdict::failed);
}

TEST_F(PytestSuiteTest, MaxfailIsReportedByTheSession) {
  write("test_a.py", "def test_1(): assert 0\ndef test_2(): assert 0\ndef test_3(): pass\n");
  collect({"--maxfail", "2"});
  start_worker(kFirst);
  run_batch(kFirst, {0, 1});
  suite_->report(0, end_of(0).verdict, end_of(0).report);
  suite_->report(1, end_of(1).verdict, end_of(1).report);
  ASSERT_TRUE(run_until([&] { return !heard_.stops_.empty(); }));
  EXPECT_EQ(heard_.stops_.front().kind, StopRequest::Kind::maxfail);
  EXPECT_THAT(heard_.stops_.front().message, HasSubstr("stopping after 2 failures"));
  retire(kFirst);
  EXPECT_EQ(finish({Finish::Kind::stopped, heard_.stops_.front().message, {}}).code(), 1);
}

TEST_F(PytestSuiteTest, ATestThatCallsForTheEndHasItsMessageAndCodeHeard) {
  write("test_a.py", "import pytest\ndef test_1(): pytest.exit('that was it', 42)\n");
  collect();
  start_worker(kFirst);
  suite_->run_batch(kFirst, std::vector<TestIndex>{0});
  ASSERT_TRUE(run_until([&] { return !heard_.stops_.empty(); }));
  const StopRequest& stop = heard_.stops_.front();
  EXPECT_EQ(stop.kind, StopRequest::Kind::exit);
  EXPECT_THAT(stop.message, HasSubstr("that was it"));
  EXPECT_EQ(stop.exit_code, 42);
  EXPECT_EQ(stop.by, 0U);
  retire(kFirst);
  EXPECT_EQ(finish({Finish::Kind::exit, stop.message, stop.exit_code}).code(), 42);
}

TEST_F(PytestSuiteTest, EveryKindOfVerdictCanBeReported) {
  write("test_a.py", "import pytest\n@pytest.mark.parametrize('i', range(11))\ndef test_x(i): pass\n");
  collect();
  for (TestIndex test = 0; test < kVerdictCount; ++test) {
    suite_->report_verdict(test, static_cast<Verdict>(test), "told: " + std::string(name(static_cast<Verdict>(test))));
  }
  EXPECT_EQ(finish().code(), 1);
  EXPECT_THAT(output(), HasSubstr("told: over_budget"));
  EXPECT_THAT(output(), HasSubstr("6 failed"));
  EXPECT_TRUE(heard_.failures_.empty());
}

TEST_F(PytestSuiteTest, AWorkerThatWritesGarbageToItsChannelCostsItselfOnly) {
  write("test_a.py",
        "import os, stat\n"
        "def test_1():\n"
        "    for fd in range(3, 4096):\n"
        "        try:\n"
        "            if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, b'\\xff' * 100)\n"
        "        except OSError: pass\n"
        "def test_2(): pass\n");
  collect({}, Isolation::fork);
  start_worker(kFirst);
  suite_->run_batch(kFirst, std::vector<TestIndex>{0});
  gone(kFirst);
  start_worker(kSecond);
  run_batch(kSecond, {1});
  EXPECT_EQ(end_of(1).verdict, Verdict::passed);
  retire(kSecond);
  finish();
  EXPECT_TRUE(heard_.failures_.empty());
}

TEST_F(PytestSuiteTest, AStatusThatTheUserCanMendIsExplained) {
  start();
  const auto missing = suite_->explain(ExitStatus(kNoPytest << 8));
  ASSERT_TRUE(missing);
  EXPECT_THAT(missing->text(), AllOf(HasSubstr("no pytest"), HasSubstr(test_python()), HasSubstr("--python")));
  EXPECT_FALSE(suite_->explain(ExitStatus(1 << 8)));
  ASSERT_TRUE(run_until([&] { return !heard_.collected_.empty(); }));
  EXPECT_EQ(suite_->tests().size(), 0U);
  EXPECT_EQ(finish().code(), 5) << "nothing collected";
}

}  // namespace
}  // namespace fittest::suite::pytest

"""The plugins that suites have, each as it behaves under plain pytest."""
import json
import re
import xml.etree.ElementTree as tree

import pytest
from conftest import has_plugin, needs


def covered(suite):
    """From coverage.xml: (line, hits, branches) of each line of each file."""
    root = tree.parse(suite.folder / "coverage.xml").getroot()
    return {name.get("filename"): [(line.get("number"), line.get("hits"), line.get("condition-coverage"))
                                   for line in name.iter("line")] for name in root.iter("class")}


@needs("pytest_cov")
@pytest.mark.parametrize("arguments", [["-n2"], ["-n0"], ["--isolation", "spawn"]], ids=["fork", "in-order", "spawn"])
@pytest.mark.parametrize("branch", [[], ["--cov-branch"]], ids=["lines", "branches"])
def test_cov_counts_the_same_lines(suite, arguments, branch):
    suite.file("lib.py", """
        def sign(x):
            if x > 0:
                return 1
            if x < 0:
                return -1
            return 0
        def never():
            return "never"
        IMPORTED = [sign(i) for i in range(1)]
    """)
    suite.file("pytest.ini", "[pytest]\npythonpath = .\n")
    suite.write(test_a="from lib import sign\ndef test_plus(): assert sign(3) == 1",
                test_b="from lib import sign\ndef test_minus(): assert sign(-3) == -1",
                test_c="def test_other(): assert True")
    wanted = ["--cov=lib", "--cov-report=term-missing", "--cov-report=xml", *branch]
    ours = suite.fittest(*arguments, *wanted)
    mine = covered(suite)
    plain = suite.pytest(*wanted)
    assert ours.code == plain.code == 0, ours.out
    assert mine == covered(suite) and mine
    table = lambda out: [line for line in out.splitlines() if line.startswith("lib.py")]
    assert table(ours.out) == table(plain.out) and table(ours.out)
    assert not list(suite.folder.glob(".coverage.*")), "data files of workers are left"


@needs("pytest_cov")
def test_cov_fail_under(suite):
    suite.file("lib.py", "def a():\n    return 1\ndef b():\n    return 2\n")
    suite.file("pytest.ini", "[pytest]\npythonpath = .\n")
    suite.write(test_a="import lib\ndef test_x(): lib.a()")
    assert suite.fittest("--cov=lib", "--cov-fail-under=99").code == suite.pytest(
        "--cov=lib", "--cov-fail-under=99").code == 1


@needs("pytest_asyncio")
def test_asyncio(suite):
    suite.file("pytest.ini", "[pytest]\nasyncio_mode = auto\n")
    suite.write(test_a="""
        import asyncio, pytest
        @pytest.fixture
        async def made():
            await asyncio.sleep(0)
            yield 5
        async def test_x(made): assert made == 5
        @pytest.mark.parametrize("i", range(20))
        async def test_y(i): await asyncio.sleep(0)
        async def test_bad(): assert False
    """)
    ours, plain = suite.fittest("-n2"), suite.pytest()
    assert ours.counts() == plain.counts()
    assert ours.isolation == "fork"


@needs("pytest_timeout")
@pytest.mark.parametrize("method", ["signal", "thread"])
def test_timeout(suite, method):
    suite.write(test_a="""
        import time
        def test_slow(): time.sleep(100)
        def test_after(): pass
    """)
    result = suite.fittest("-n1", "--timeout=1", "--timeout-method=%s" % method)
    assert result.code == 1
    assert result.verdict("test_after") == "passed"
    assert result.verdict("test_slow") == ("timed_out" if method == "signal" else "crashed")


@needs("hypothesis")
def test_hypothesis(suite):
    suite.write(test_a="""
        from hypothesis import given, settings, strategies as st
        @given(st.integers())
        def test_good(x): assert x == x
        @given(st.lists(st.integers()))
        @settings(database=None, derandomize=True)
        def test_bad(xs): assert sum(xs) < 1000
    """)
    result = suite.fittest("-n2", "--hypothesis-show-statistics")
    assert result.verdict("test_good") == "passed" and result.verdict("test_bad") == "failed"
    assert re.search("Falsifying example|Failing test case", result.out)  # its older and newer words
    assert "Hypothesis Statistics" in result.out and "test_a.py::test_good" in result.out


@needs("pytest_randomly")
def test_randomly(suite):
    suite.write(test_a="""
        import random
        def test_1(): print("drawn", random.random())
        def test_2(): print("drawn", random.random())
    """)
    drawn = lambda result: sorted(line for line in result.out.splitlines() if line.startswith("drawn"))
    arguments = ["-p", "randomly", "-p", "no:cacheprovider", "-rP", "--randomly-seed=7"]
    for way in (["-n2"], ["--isolation", "spawn"]):
        ours, plain = suite.fittest(*arguments, *way), suite.pytest(*arguments)
        assert ours.code == 0, ours.out
        assert drawn(ours) == drawn(plain) and len(drawn(ours)) == 2


@needs("pytest_rerunfailures")
@pytest.mark.parametrize("way", [["-n2"], ["--isolation", "spawn"]])
def test_rerunfailures(suite, way):
    suite.write(test_a="""
        import pytest
        from pathlib import Path
        def test_flaky():
            marker = Path(__file__).parent / "ran"
            if not marker.exists():
                marker.write_text("")
                assert False
        @pytest.mark.flaky(reruns=2)
        def test_bad(): assert False
    """)
    result = suite.fittest("--reruns", "1", *way)
    assert result.code == 1
    assert result.counts() == {"failed": 1, "passed": 1, "rerun": 3}
    assert result.verdict("test_flaky") == "passed"
    if way == ["-n2"]:
        assert result.isolation == "fork", result.of("collected")


@needs("pytest_benchmark")
def test_benchmark(suite):
    suite.write(test_a="""
        def test_speed(benchmark): benchmark(sum, range(100))
        def test_other(): pass
    """)
    result = suite.fittest("-n2", "--benchmark-json=speed.json")
    assert result.code == 0, result.out
    assert "benchmark: 1 tests" in result.out
    assert re.search(r"^test_speed +\d", result.out, re.M)
    data = json.loads((suite.folder / "speed.json").read_text())
    assert [one["name"] for one in data["benchmarks"]] == ["test_speed"]
    assert data["benchmarks"][0]["stats"]["rounds"] > 1


def test_junit_xml_of_pytest(suite):
    suite.write(test_a="""
        import pytest
        def test_good(record_property): record_property("colour", "blue"); print("said")
        def test_bad(): assert False
        @pytest.mark.skip
        def test_skipped(): pass
        def test_crash(): import os; os._exit(1)
    """)
    suite.fittest("--junit-xml=out.xml")
    root = tree.parse(suite.folder / "out.xml").getroot().find("testsuite")
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == ("4", "2", "0", "1")
    cases = {case.get("name"): case for case in root.findall("testcase")}
    properties = {p.get("name"): p.get("value") for p in cases["test_good"].iter("property")}
    assert properties["colour"] == "blue"
    assert int(properties["fittest.peak_bytes"]) >= 0 and int(properties["fittest.retained_bytes"]) >= 0
    assert "crashed while running" in cases["test_crash"].find("failure").text


def test_own_reporting_hooks_hear_every_test_once(suite):
    suite.write(conftest="""
        import os
        from pathlib import Path
        LOG = Path(__file__).parent / "log"
        def note(what):
            with open(LOG, "a") as log: log.write("%s\\n" % what)
        def pytest_sessionstart(): note("start")
        def pytest_sessionfinish(exitstatus): note("finish %d" % exitstatus)
        def pytest_runtest_logreport(report):
            if report.when == "call": note("report " + report.nodeid)
        def pytest_terminal_summary(terminalreporter):
            terminalreporter.write_line("passed here: %d" % len(terminalreporter.stats["passed"]))
    """, test_a="def test_1(): pass\ndef test_2(): pass")
    result = suite.fittest("-n2")
    assert "passed here: 2" in result.out
    assert sorted((suite.folder / "log").read_text().splitlines()) == [
        "finish 0", "report test_a.py::test_1", "report test_a.py::test_2", "start"]


def test_hooks_around_a_test_run_in_the_worker(suite):
    suite.write(conftest="""
        import pytest
        def pytest_runtest_setup(item): item.was_set_up = True
        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_makereport(item, call):
            outcome = yield
            outcome.get_result().sections.append(("told", "by the hook: %s" % item.was_set_up))
    """, test_a="def test_x(): assert False")
    assert "by the hook: True" in suite.fittest().out


@needs("xdist")
def test_a_conftest_with_hooks_of_xdist(suite):
    suite.write(conftest="""
        def pytest_configure_node(node): raise RuntimeError("there are no nodes")
        def pytest_xdist_auto_num_workers(config): return 3
    """, test_a="import os\ndef test_x(): assert os.environ['PYTEST_XDIST_WORKER_COUNT'] == '3'")
    assert suite.fittest().code == 0


@pytest.mark.skipif(not has_plugin("_pytest.subtests") and not has_plugin("pytest_subtests"),
                    reason="neither pytest 9 nor pytest-subtests")
def test_subtests(suite):
    """A fixture of pytest 9, of the plugin pytest-subtests before it; and those of unittest."""
    suite.write(test_a="""
        import pytest, unittest
        class Test(unittest.TestCase):
            def test_bad_of_class(self):
                for i in range(3):
                    with self.subTest(i=i): self.assertNotEqual(i, 1)
        def test_bad(subtests):
            for i in range(4):
                with subtests.test(msg="case", i=i): assert i % 2 == 0
        def test_good(subtests):
            with subtests.test(): pass
        def test_skips_in_part(subtests):
            with subtests.test(): pytest.skip("not this part")
    """)
    for arguments in ([], ["-v"]):
        ours, plain = suite.fittest("-n1", *arguments), suite.pytest(*arguments)
        assert ours.counts() == plain.counts()
        verdicts = {test.split("::")[-1]: verdict for test, verdict in ours.verdicts.items()}
        assert verdicts == {"test_bad_of_class": "failed", "test_bad": "failed", "test_good": "passed",
                            "test_skips_in_part": "passed"}
        assert re.findall("contains .* failed subtest", ours.out) == re.findall("contains .* failed subtest", plain.out)
    assert suite.fittest("--lf", "-n1").counts().keys() >= {"failed"}

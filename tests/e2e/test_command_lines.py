"""Command lines that people have, with `fittest pytest` in the place of `pytest`: the same tests run, to the same end,
as with pytest and the plugin that the option comes from."""
import json
import re
import shlex

import pytest

FILES = {
    "pytest.ini": """\
        [pytest]
        addopts = --strict-markers
        markers =
            unit: small
            memory_intensive: large
            slow: long
        """,
    "conftest.py": """\
        import json, os
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_runtest_logreport(report):
            if report.when == "call" or report.outcome != "passed":
                with open(os.environ["RECORD"], "a") as record:
                    record.write(json.dumps([report.nodeid, report.outcome]) + "\\n")

        @pytest.fixture(autouse=True)
        def where(request):
            worker = os.environ.get("PYTEST_XDIST_WORKER", "master")
            with open(os.environ["RECORD"] + ".workers", "a") as record:
                record.write(json.dumps([request.node.nodeid, worker, os.getpid()]) + "\\n")
        """,
    "tests/unit/analyzers/digital/test_edges.py": """\
        import pytest
        pytestmark = pytest.mark.unit

        @pytest.mark.parametrize("n", range(6))
        def test_edge(n): pass

        @pytest.mark.slow
        def test_long(): pass
        """,
    "tests/unit/analyzers/test_analog.py": """\
        import pytest

        @pytest.mark.unit
        class TestAnalog:
            def test_a(self): pass
            def test_b(self): pass
            @pytest.mark.memory_intensive
            def test_large(self): pass

        @pytest.mark.xdist_group("pair")
        def test_first(): pass
        """,
    "tests/unit/test_other.py": """\
        import pytest

        @pytest.mark.xdist_group("pair")
        def test_second(): pass
        @pytest.mark.skip
        def test_skipped(): pass
        @pytest.mark.memory_intensive
        def test_heavy(): pass
        @pytest.mark.memory_intensive
        @pytest.mark.slow
        def test_heavy_and_slow(): pass
        """,
    "tests/test_whole.py": """\
        import pytest

        @pytest.mark.parametrize("n", range(12))
        @pytest.mark.memory_intensive
        def test_fails_sometimes(n):
            assert n % 2
        """,
    # As `pytest --store-durations` writes it; some tests are missing, one is not there any more.
    "durations.json": json.dumps({
        **{"tests/unit/analyzers/digital/test_edges.py::test_edge[%d]" % n: 0.1 + n * 0.31 for n in range(6)},
        "tests/unit/analyzers/digital/test_edges.py::test_long": 7.25,
        "tests/unit/analyzers/test_analog.py::TestAnalog::test_a": 0.02,
        "tests/unit/test_other.py::test_heavy": 2.5,
        "tests/gone.py::test_gone": 99.0,
        **{"tests/test_whole.py::test_fails_sometimes[%d]" % n: 0.5 for n in range(5)},
    }, sort_keys=True, indent=4),
}


@pytest.fixture
def analyzers(suite):
    for name, text in FILES.items():
        if name == "durations.json":
            (suite.folder / ".test_durations").write_text(text)
        else:
            suite.file(name, text)
    return suite


def record_of(suite, name):
    path = suite.folder / name
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for leftover in suite.folder.glob(name + "*"):
        if leftover.name == name:
            leftover.unlink()
    return found


def both(suite, peers, line):
    """(what fittest did, what pytest with the plugin did): exit code, outcomes by test."""
    results = []
    for run, name in ((suite.fittest, "record.fittest"), (suite.pytest, "record.pytest")):
        (suite.folder / ".test_durations").write_text(FILES["durations.json"])
        arguments = shlex.split(line)
        env = {"RECORD": str(suite.folder / name), "PYTHON": peers}
        result = run(*arguments, env=env) if run == suite.fittest else run(*arguments, env=env, python=peers)
        results.append((result.code, dict(record_of(suite, name)), result.out))
    return results


# The order in which groups are cut, workers chosen and failures come differs from one run to the next in neither.
SAME = [
    '-m "unit and not memory_intensive and not slow"',
    '-m "not slow and not memory_intensive"',
    "-k 'edge and not long'",
    "tests/unit/analyzers/digital/",
    "-n 4 tests/unit",
    "-n auto",
    "-n 4 --dist loadfile",
    "-n 4 --dist loadscope",
    "-n 4 --dist loadgroup",
    "-n auto --dist loadfile --maxprocesses 4",
    "--splits 4 --group 1 --splitting-algorithm duration_based_chunks",
    "--splits 4 --group 1 --splitting-algorithm least_duration",
    "--splits 4 --group 3 --splitting-algorithm least_duration -m unit",
    "--random-order",
    "--random-order-bucket global --random-order-seed 7",
]


@pytest.mark.parametrize("line", SAME)
def test_same_tests_and_same_ends(analyzers, peers, line):
    (code, outcomes, out), (peer_code, peer_outcomes, peer_out) = both(analyzers, peers, line)
    # With --dist loadgroup, pytest-xdist writes the group behind the test's id.
    assert outcomes == {re.sub("@pair$", "", test): outcome for test, outcome in peer_outcomes.items()}, (out, peer_out)
    assert code == peer_code, (out, peer_out)
    assert outcomes


def test_maxfail_stops_after_so_many(analyzers, peers):
    (code, outcomes, out), (peer_code, peer_outcomes, _) = both(analyzers, peers, "-m memory_intensive --maxfail=5 -n 0")
    assert (code, outcomes) == (peer_code, peer_outcomes), out
    (code, outcomes, out), _ = both(analyzers, peers, "-m memory_intensive --maxfail=5")
    failed = [test for test, outcome in outcomes.items() if outcome == "failed"]
    assert code in (1, 2) and 5 <= len(failed) <= 6, out  # what ran at that moment is still told
    assert "stopping after 5 failures" in out


@pytest.mark.parametrize("dist, unit", [
    ("loadfile", lambda test: test.split("::")[0]),
    ("loadscope", lambda test: test.rsplit("::", 1)[0]),
    ("loadgroup", lambda test: "pair" if re.search("test_(first|second)", test) else test),
])
def test_dist_keeps_together_what_it_says(analyzers, dist, unit):
    result = analyzers.fittest("-n", "4", "--dist", dist, env={"RECORD": str(analyzers.folder / "record")})
    assert result.code == 1
    workers = {}
    for test, worker, pid in record_of(analyzers, "record.workers"):
        workers.setdefault(unit(re.sub("@pair$", "", test)), set()).add((worker, pid))
    assert workers and all(len(places) == 1 for places in workers.values()), workers


def test_the_loop_over_ten_groups_runs_every_test_once(analyzers, peers):
    """for i in 1..10: pytest --splits 10 --group $i, with the default algorithm of each."""
    everything = analyzers.fittest("--collect-only", "-q", env={"RECORD": "/dev/null"}).out
    tests = sorted(line for line in everything.splitlines() if "::" in line)
    seen, codes = [], set()
    for group in range(1, 11):
        result = analyzers.fittest("--splits", "10", "--group", str(group), env={"RECORD": str(analyzers.folder / "r")})
        codes.add(result.code)
        seen += list(result.verdicts)
    assert sorted(seen) == tests
    assert codes <= {0, 1}


def test_an_empty_group_is_no_failure(suite):
    suite.write(test_one="def test_one(): pass\n")
    codes, tests = [], 0
    for group in range(1, 6):
        result = suite.fittest("--splits", "5", "--group", str(group))
        codes.append(result.code)
        tests += len(result.verdicts)
    assert codes == [0] * 5 and tests == 1


def test_durations_are_stored_as_pytest_split_does(analyzers, peers):
    path = analyzers.folder / ".test_durations"
    result = analyzers.fittest("--store-durations", "tests/unit", env={"RECORD": "/dev/null"})
    ours = json.loads(path.read_text())
    assert "stored the durations of" in result.out
    assert path.read_text() == json.dumps(ours, sort_keys=True, indent=4)
    path.write_text(FILES["durations.json"])
    analyzers.pytest("--store-durations", "tests/unit", env={"RECORD": "/dev/null"}, python=peers)
    assert set(ours) == set(json.loads(path.read_text()))
    assert "tests/gone.py::test_gone" in ours and ours["tests/gone.py::test_gone"] == 99.0
    assert all(isinstance(seconds, float) and seconds >= 0 for seconds in ours.values())
    analyzers.fittest("--store-durations", "--clean-durations", "tests/unit", env={"RECORD": "/dev/null"})
    cleaned = json.loads(path.read_text())
    assert "tests/gone.py::test_gone" not in cleaned and "tests/test_whole.py::test_fails_sometimes[0]" not in cleaned
    assert set(cleaned) < set(ours)


def test_another_path_for_durations(analyzers):
    result = analyzers.fittest("--store-durations", "--durations-path", "ci/times.json", "tests/unit/test_other.py",
                               env={"RECORD": "/dev/null"})
    assert len(json.loads((analyzers.folder / "ci" / "times.json").read_text())) == 4, result.out
    assert (analyzers.folder / ".test_durations").read_text() == FILES["durations.json"]


def test_options_in_addopts_are_honoured(analyzers, peers):
    ini = analyzers.folder / "pytest.ini"
    plain = ini.read_text()
    for options in ('-m "unit and not memory_intensive and not slow"', "-n 4 --dist loadfile",
                    "--splits 4 --group 2 --splitting-algorithm least_duration", "--random-order", "-n 0"):
        ini.write_text(plain.replace("--strict-markers", "--strict-markers " + options))
        (code, outcomes, out), (peer_code, peer_outcomes, _) = both(analyzers, peers, "")
        assert (code, outcomes) == (peer_code, peer_outcomes), out
    # The same in pyproject.toml.
    ini.unlink()
    analyzers.file("pyproject.toml", """\
        [tool.pytest.ini_options]
        addopts = "--strict-markers --splits 3 --group 2 --splitting-algorithm duration_based_chunks"
        markers = ["unit", "memory_intensive", "slow"]
        """)
    (code, outcomes, out), (peer_code, peer_outcomes, _) = both(analyzers, peers, "")
    assert (code, outcomes) == (peer_code, peer_outcomes) and outcomes, out

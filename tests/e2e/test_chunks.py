"""Chunks: each a run of its own, and a table of them all."""
import json
import os
import re
import signal
import subprocess

import pytest
from conftest import cgroups_of, processes_of, wait_until

UNIT = """
    import pytest
    @pytest.mark.parametrize("n", range(6))
    def test_quick(n): pass
    @pytest.mark.slow
    def test_slow(): pass
"""
# Four folders, a marker for each, as grown suites have them.
MARKS = """
    from pathlib import Path
    import pytest
    def pytest_configure(config):
        for name in ("unit", "memory", "stress", "slow"):
            config.addinivalue_line("markers", name + ": a kind of test")
    def pytest_collection_modifyitems(items):
        for item in items:
            item.add_marker(item.path.relative_to(Path(__file__).parent).parts[0])
"""
CONFIG = """
    [[chunk]]
    name = "unit_fast"
    expression = "unit and not slow"
    paths = ["tests/unit"]
    workers = 2

    [[chunk]]
    name = "slow"
    expression = "slow"
    workers = 1

    [[chunk]]
    name = "memory"
    expression = "memory"
    workers = "auto"

    [[chunk]]
    name = "stress"
    paths = ["tests/stress"]
    workers = 1
    after = ["memory"]
"""


@pytest.fixture
def grown(suite):
    suite.file("pytest.ini", "[pytest]\naddopts = --strict-markers\n")
    suite.file("tests/conftest.py", MARKS)
    suite.file("tests/unit/test_unit.py", UNIT)
    suite.file("tests/memory/test_memory.py", "def test_large(): assert len(bytearray(60 << 20))\ndef test_small(): pass\n")
    suite.file("tests/stress/test_stress.py", "def test_stress(): pass\n")
    suite.file("fittest.toml", CONFIG)
    return suite


def start(suite, *arguments, **more):
    return suite.start(*(["--budget", "1G"] if "--budget" not in arguments else []), *arguments, verb="chunks", **more)


def chunks(suite, *arguments, env=(), timeout=120):
    return suite.finish(start(suite, *arguments, env=env), timeout)


def table(out):
    """Chunk -> its row, in order; "note" is what stands below it."""
    lines = out.splitlines()
    head = max(i for i, line in enumerate(lines) if re.match(r"chunk +tests +passed", line))
    rows, last = {}, None
    for line in lines[head + 1:]:
        if line.startswith("    ") and last:
            last["note"] = (last["note"] + " " + line.strip()).strip()
            continue
        found = re.match(r"(\S+) +(\d+) +(\d+) +(\d+) +(\d+) +(-|[\d.]+ (?:ms|s)) +(-|[\d.]+ \w+) *(\d+|-|)$", line)
        if not found:
            break
        last = rows[found[1]] = dict(tests=int(found[2]), passed=int(found[3]), failed=int(found[4]),
                                     other=int(found[5]), peak=found[7], exit=found[8], note="")
    assert all(len(line) <= 100 for line in lines[head:head + 2 * len(rows)])
    return rows


def figures(row):
    return row["tests"], row["passed"], row["failed"], row["other"], row["exit"]


def run_folder(suite):
    return sorted((suite.folder / ".fittest" / "chunks").iterdir())[-1]


def events(suite, chunk):
    return [json.loads(line) for line in (run_folder(suite) / chunk / "events.jsonl").read_text().splitlines()]


def verdicts(suite, chunk):
    return {event["id"]: event["verdict"] for event in events(suite, chunk) if event["event"] == "test_finished"}


def no_cgroups_left(suite):
    for folder in run_folder(suite).iterdir():
        for event in events(suite, folder.name):
            if event["event"] == "run_started":
                assert cgroups_of(event["run_id"]) == []


def test_every_test_gets_its_verdict_in_one_chunk(grown):
    result = chunks(grown, "--strict")
    assert result.code == 0, result.out
    rows = table(result.out)
    assert list(rows) == ["unit_fast", "slow", "memory", "stress", "all"]
    assert figures(rows["unit_fast"]) == (6, 6, 0, 0, "0")
    assert figures(rows["slow"]) == (1, 1, 0, 0, "0")
    assert figures(rows["memory"]) == (2, 2, 0, 0, "0")
    assert figures(rows["stress"]) == (1, 1, 0, 0, "0")
    assert figures(rows["all"])[:4] == (10, 10, 0, 0)
    assert all(row["peak"] != "-" for row in rows.values())
    seen = [test for chunk in list(rows)[:-1] for test in verdicts(grown, chunk)]
    assert len(seen) == len(set(seen)) == 10
    assert re.search(r"fittest: chunk slow, 2 of 4: 1 test\n", result.out)
    no_cgroups_left(grown)


BAD = """
    [[chunk]]
    name = "failing"
    paths = ["test_failing.py"]

    [[chunk]]
    name = "hanging"
    paths = ["test_hanging.py"]
    timeout = 3
    workers = 1

    [[chunk]]
    name = "killed"
    paths = ["test_killed.py"]

    [[chunk]]
    name = "empty"
    expression = "file(test_last.py) and name(nothing)"

    [[chunk]]
    name = "last"
    paths = ["test_last.py"]
"""


def bad_suite(suite):
    suite.file("fittest.toml", BAD)
    suite.write(test_failing="def test_good(): pass\ndef test_bad(): assert 0, 'bad'\n",
                test_hanging="""
                    import time
                    def test_first(): pass
                    def test_hangs(): time.sleep(1000)
                    def test_never(): pass
                """,
                test_killed="""
                    import os, signal
                    def test_first(): pass
                    def test_kills_fittest():
                        pid = os.getpid()
                        while open("/proc/%d/comm" % pid).read().strip() != "fittest":
                            pid = int(open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[1])
                        os.kill(pid, signal.SIGKILL)
                        signal.pause()
                """,
                test_last="def test_last(): pass\n")
    return suite


def test_one_that_fails_hangs_or_is_killed_does_not_stop_the_next(suite):
    result = chunks(bad_suite(suite))
    assert result.code == 1, result.out
    rows = table(result.out)
    assert figures(rows["failing"]) == (2, 1, 1, 0, "1")
    assert figures(rows["hanging"]) == (3, 1, 0, 2, "2")
    assert rows["hanging"]["note"] == "2 not_run; timed out after 3.0 s"
    assert figures(rows["killed"])[:1] + figures(rows["killed"])[2:] == (2, 0, 2 - rows["killed"]["passed"], "137")
    assert rows["killed"]["note"].endswith("not_run; killed by signal 9 (Killed)")
    assert figures(rows["empty"]) == (0, 0, 0, 0, "5")
    assert rows["empty"]["note"] == "no tests"
    assert figures(rows["last"]) == (1, 1, 0, 0, "0")
    assert re.search(r"^failed +test_failing.py::test_bad$", result.out, re.M)
    no_cgroups_left(suite)


def test_fail_fast_leaves_out_what_comes_after_a_failure(suite):
    result = chunks(bad_suite(suite), "--fail-fast")
    assert result.code == 1
    rows = table(result.out)
    assert figures(rows["failing"])[4] == "1"
    assert [figures(rows[name]) for name in ("hanging", "killed", "last")] == [
        (3, 0, 0, 3, "-"), (2, 0, 0, 2, "-"), (1, 0, 0, 1, "-")]
    assert rows["last"]["note"] == "1 not_run; left out after the failure above"
    assert {folder.name for folder in run_folder(suite).iterdir()} == {"failing"}


def test_no_tests_at_all_is_exit_code_5(grown):
    grown.file("fittest.toml", "[[chunk]]\nname = 'a'\nexpression = 'none()'\n[[chunk]]\nname = 'b'\nexpression = 'none()'\n")
    result = chunks(grown)
    assert result.code == 5
    assert "10 of 10 tests are in no chunk:" in result.out


def test_overlaps_and_what_is_left_out_are_told_of(grown):
    grown.file("fittest.toml", """
        [[chunk]]
        name = "unit"
        paths = ["tests/unit"]
        [[chunk]]
        name = "slow"
        expression = "slow"
    """)
    result = chunks(grown)
    assert result.code == 0
    assert ("1 of 10 tests is in more than one chunk:\n"
            "  tests/unit/test_unit.py::test_slow: unit, slow\n"
            "3 of 10 tests are in no chunk:\n"
            "  tests/memory/test_memory.py::test_large\n"
            "  tests/memory/test_memory.py::test_small\n"
            "  tests/stress/test_stress.py::test_stress\n") in result.out
    strict = chunks(grown, "--strict", "--run-folder", "kept")
    assert strict.code == 4
    assert "tests/stress/test_stress.py::test_stress" in strict.out
    assert "each test should be in one chunk" in strict.out
    assert not (grown.folder / "kept").exists()


def test_many_that_are_left_out_are_counted(grown):
    grown.file("tests/unit/test_more.py", "import pytest\n@pytest.mark.parametrize('n', range(30))\ndef test_n(n): pass\n")
    grown.file("fittest.toml", "[[chunk]]\nname = 'stress'\npaths = ['tests/stress']\n")
    some = chunks(grown, "--dry-run").out
    assert "39 of 40 tests are in no chunk:" in some and "and 29 more: -v shows all" in some
    every = chunks(grown, "--dry-run", "-v").out
    assert "tests/unit/test_more.py::test_n[29]" in every and "more:" not in every


@pytest.mark.parametrize("config, line, words", [
    ("[[chunk]]\nname = 'a'\nafter = 'b'\n[[chunk]]\nname = 'b'\nafter = 'a'\n", 1, "a -> b -> a"),
    ("\n\n[[chunk]]\nname = 'a'\npaths = ['tests/uint']\n", 3, "'tests/uint', which is not there"),
    ("[[chunk]]\nname = 'a'\n\nexpression = 'unit and and slow'\n", 4, "expected"),
    ("[[chunk]]\nname = 'a'\nexpresion = 'unit'\n", 3, "did you mean 'expression'?"),
    ("[[chunk]]\nname = 'a'\n[[chunk]]\nname = 'a'\n", 3, "there is a chunk 'a' already"),
    ("budget = '1G'\n", None, "--suggest"),
])
def test_mistakes_are_named_and_nothing_runs(grown, config, line, words):
    (grown.folder / "fittest.toml").write_text(config)
    result = chunks(grown)
    assert result.code == 4
    assert words in result.out
    assert "fittest.toml" + (":%d" % line if line else "") in result.out
    assert not (grown.folder / ".fittest").exists()


def test_a_path_that_is_missing_does_not_stop_fittest_pytest(grown):
    (grown.folder / "fittest.toml").write_text("[[chunk]]\nname = 'a'\npaths = ['gone']\n")
    assert grown.fittest().code == 0


def test_chunks_are_chosen_by_name(grown):
    result = chunks(grown, "--chunk", "stress", "--chunk", "slow")
    assert result.code == 0
    assert list(table(result.out)) == ["slow", "stress", "all"]
    unknown = chunks(grown, "--chunk", "unit_fats")
    assert unknown.code == 4
    assert "did you mean 'unit_fast'?" in unknown.out


def test_list_collects_nothing(grown):
    grown.file("tests/conftest.py", "raise SystemExit('collected')")
    result = chunks(grown, "--list")
    assert result.code == 0
    assert result.out == (
        "unit_fast: 2 workers\n"
        "    paths       tests/unit\n"
        "    expression  unit and not slow\n"
        "slow: 1 worker\n"
        "    expression  slow\n"
        "memory: as many workers as fit\n"
        "    expression  memory\n"
        "stress: 1 worker, after memory\n"
        "    paths       tests/stress\n")


def test_dry_run_prints_what_a_shell_can_run(grown):
    grown.file("fittest.toml", """
        [[chunk]]
        name = "unit"
        expression = "unit and not name(/quick.[45]/)"
        environment = { MODE = "it's 5 $HOME" }
        arguments = ["-k", "not slow"]
        timeout = 90
        [[chunk]]
        name = "rest"
        expression = "not unit"
    """)
    first = chunks(grown, "--dry-run")
    assert first.code == 0
    assert not (grown.folder / ".fittest").exists(), "nothing is run, nothing is written"
    assert "# unit: 5 tests (5 never measured), " in first.out and "ended after 90 s" in first.out
    assert "# rest: 3 tests (3 never measured), " in first.out
    # What is left out is said beside it.
    script = first.out[first.out.index("cd /"):]
    out = subprocess.run(["sh", "-e", "-c", script], cwd="/", env=grown.environment(), stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert out.returncode == 0, out.stdout
    assert len(verdicts(grown, "unit")) == 4
    assert len(verdicts(grown, "rest")) == 3
    # What was measured is what is expected.
    again = " ".join(chunks(grown, "--dry-run").out.split())
    largest = re.search(r"rest: 3 tests, [\d.]+ m?s of work; ([\d.]+) MiB for", again.replace("# ", ""))
    assert largest and 59 < float(largest[1]) < 120, again


def test_settings_reach_the_run(grown):
    grown.file("fittest.toml", """
        [labels]
        quick = "name(test_quick*)"
        [[chunk]]
        name = "unit"
        expression = "quick"
        environment = { MODE = "fast", LEVEL = 3 }
        arguments = ["-p", "no:cacheprovider"]
        workers = 2
        test-timeout = 50
        maxfail = 2
    """)
    grown.file("tests/unit/test_unit.py", """
        import os, pytest
        @pytest.mark.parametrize("n", range(4))
        def test_quick(n): assert (os.environ["MODE"], os.environ["LEVEL"]) == ("fast", "3")
        def test_other(): assert 0
    """)
    result = chunks(grown)
    assert result.code == 0, result.out
    assert figures(table(result.out)["unit"]) == (4, 4, 0, 0, "0")
    started, collected = (next(event for event in events(grown, "unit") if event["event"] == kind)
                          for kind in ("run_started", "collected"))
    assert started["command"][1:] == [
        "pytest", "--rootdir=.", "--budget", "1G", "-n", "2", "--test-timeout", "50", "--maxfail", "2", "-E", "quick",
        "--run-folder", ".fittest/chunks/%s/unit" % run_folder(grown).name, "--as-chunk", "unit", "-p", "no:cacheprovider"]
    assert json.loads((run_folder(grown) / "unit" / "selection.json").read_text())["chunk"] == "unit"
    assert collected["max_workers"] == 2
    chunks(grown, "--no-parallel")
    assert next(event for event in events(grown, "unit") if event["event"] == "collected")["max_workers"] == 1


def test_they_run_in_the_configurations_folder(grown):
    elsewhere = grown.folder / "tests" / "unit"
    process = subprocess.Popen([os.environ["FITTEST_PROGRAM"], "chunks", "--budget", "1G", "--strict", "--run-folder", "here"],
                               cwd=elsewhere, env=grown.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    result = grown.finish(process)
    assert result.code == 0, result.out
    assert {path.name for path in (elsewhere / "here").iterdir()} == {"unit_fast", "slow", "memory", "stress"}
    assert (grown.folder / ".fittest" / "history.db").exists()


def test_a_suite_that_cannot_be_collected_is_said_and_the_chunks_run(grown):
    grown.file("tests/memory/test_broken.py", "import nothing_of_this_name\n")
    result = chunks(grown)
    assert result.code == 1
    assert "is not known" in result.out
    rows = table(result.out)
    assert figures(rows["unit_fast"]) == (6, 6, 0, 0, "0")
    assert rows["memory"]["exit"] == "2"
    strict = chunks(grown, "--strict")
    assert strict.code == 4
    assert "nothing_of_this_name" in strict.out


def test_suggested_chunks_run(grown):
    grown.file("tests/memory/test_memory.py", """
        import pytest
        @pytest.mark.parametrize("n", range(3))
        def test_large(n): assert len(bytearray(90 << 20))
    """)
    early = chunks(grown, "--suggest")
    assert early.code == 4 and "run it once" in early.out
    (grown.folder / "fittest.toml").unlink()
    assert grown.fittest().code == 0
    # A budget in which two of the heavy ones do not fit beside the process that collects.
    suggested = chunks(grown, "--suggest", "--budget", "192M")
    assert suggested.code == 0, suggested.out
    assert 'expression = "memory"' in suggested.out and "The largest peak is 9" in suggested.out
    grown.file("fittest.toml", suggested.out)
    result = chunks(grown, "--strict")
    assert result.code == 0, result.out
    rows = table(result.out)
    assert list(rows) == ["light", "memory", "all"]
    assert (rows["light"]["tests"], rows["memory"]["tests"]) == (8, 3)


HANGS = """
    import time
    from pathlib import Path
    def test_first(): pass
    def test_hangs():
        (Path(__file__).parent / "started").write_text("")
        time.sleep(1000)
"""


def hanging(suite):
    suite.write(test_a=HANGS, test_b="def test_b(): pass\n")
    suite.file("fittest.toml", "[[chunk]]\nname = 'a'\npaths = ['test_a.py']\nworkers = 1\n[[chunk]]\nname = 'b'\npaths = ['test_b.py']\n")
    process = start(suite)
    wait_until(lambda: (suite.folder / "started").exists())
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_chunk_and_prints_the_table(suite, number):
    process = hanging(suite)
    process.send_signal(number)
    result = suite.finish(process)
    assert result.code == 2, result.out
    rows = table(result.out)
    assert figures(rows["a"]) == (2, 1, 0, 1, "2")
    assert figures(rows["b"]) == (1, 0, 0, 1, "-")
    assert rows["b"]["note"] == "1 not_run; left out after the interrupt"
    assert {event["event"] for event in events(suite, "a")} >= {"run_finished"}
    no_cgroups_left(suite)


def test_an_interrupt_while_collecting(suite):
    suite.write(test_a="""
        import time
        from pathlib import Path
        (Path(__file__).parent / "started").write_text("")
        time.sleep(1000)
    """)
    suite.file("fittest.toml", "[[chunk]]\nname = 'a'\n")
    process = start(suite)
    wait_until(lambda: (suite.folder / "started").exists())
    process.send_signal(signal.SIGINT)
    assert suite.finish(process).code == 2
    assert not (suite.folder / ".fittest" / "chunks").exists()


def test_kill_9_of_fittest_chunks_ends_the_running_chunk_too(suite):
    process = hanging(suite)
    names = [event["run_id"] for event in events(suite, "a") if event["event"] == "run_started"]
    process.kill()
    process.communicate()
    wait_until(lambda: processes_of(suite.mark) == [])
    wait_until(lambda: cgroups_of(names[0]) == [])


def test_the_last_ten_are_kept(suite):
    suite.file("fittest.toml", "[[chunk]]\nname = 'a'\n")
    suite.write(test_a="def test_a(): pass\n")
    old = ["20200101-0000%02d-1" % i for i in range(12)]
    for name in old:
        suite.file(".fittest/chunks/%s/a/events.jsonl" % name, "")
    assert chunks(suite).code == 0
    left = sorted(path.name for path in (suite.folder / ".fittest" / "chunks").iterdir())
    assert left[:-1] == old[3:] and len(left) == 10

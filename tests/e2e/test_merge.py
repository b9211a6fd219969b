"""Runs of several machines, each a folder of its own, merged by the built program."""
import json
import shutil
import signal
import sqlite3
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from conftest import wait_until

XSD = Path(__file__).parent.parent / "report" / "junit.xsd"

A = """
    import pytest
    def test_good(): pass
    @pytest.mark.skip(reason="not today")
    def test_skipped(): pass
    """
B = """
    def test_bad():
        one = 1
        assert one == 2
    def test_fine(): pass
    """
SLOW = """
    import time
    def test_quick(): pass
    def test_endless(): time.sleep(600)
    def test_never(): pass
    """


def run(suite, name, *arguments):
    """One machine's run, whose files are then found below artifacts/NAME."""
    result = suite.fittest("-n1", "--run-folder", "artifacts/" + name, *arguments)
    assert (suite.folder / "artifacts" / name / "events.jsonl").exists(), result.out
    return result


def merge(suite, *arguments, env=()):
    return suite.fittest(*(arguments or ["artifacts"]), verb="merge", env=env)


def merged_file(suite, name):
    return suite.folder / ".fittest" / "merged" / name


def cases(suite):
    """Test -> child element of its case in the merged JUnit file, which must fit the schema."""
    file = merged_file(suite, "junit.xml")
    if shutil.which("xmllint"):
        checked = subprocess.run(["xmllint", "--nonet", "--noout", "--schema", str(XSD), str(file)], capture_output=True)
        assert checked.returncode == 0, checked.stderr
    found = {}
    for case in ElementTree.parse(file).iter("testcase"):
        name = case.get("classname") + "." + case.get("name")
        assert name not in found
        found[name] = [child.tag for child in case if child.tag != "properties"]
    return found


def history_of(suite, file=".fittest/history.db"):
    with sqlite3.connect("file:%s?mode=ro" % (suite.folder / file), uri=True) as database:
        return sorted(database.execute("SELECT id, peak, retained, duration, counted, runs, verdict FROM test"))


@pytest.fixture
def two(suite):
    return suite.write(test_a=A, test_b=B)


def split(suite, splits, *groups):
    for group in groups:
        run(suite, "group-%d" % group, "--splits", str(splits), "--group", str(group))


def test_runs_of_two_machines_are_one(two):
    run(two, "a", "test_a.py")
    run(two, "b", "test_b.py")
    result = merge(two)
    assert result.code == 1
    assert "fittest: 4 tests of 2 runs: 1 failed, 2 passed, 1 skipped" in result.out
    assert "  failed       test_b.py::test_bad\n" in result.out
    assert "assert 1 == 2 [" in result.out
    assert all(len(line) <= 100 for line in result.out.splitlines())
    assert cases(two) == {"test_a.test_good": [], "test_a.test_skipped": ["skipped"], "test_b.test_bad": ["failure"],
                          "test_b.test_fine": []}
    assert merged_file(two, "missing.txt").read_text() == ""


def test_all_passed_is_exit_code_0_and_a_folder_of_a_run_can_be_named(two):
    run(two, "a", "test_a.py")
    assert merge(two, "artifacts/a").code == 0
    assert merge(two, "artifacts/a/events.jsonl").code == 0


def test_the_timeline_has_the_events_of_all_machines_on_one_clock(two):
    run(two, "a", "test_a.py")
    run(two, "b", "test_b.py")
    merge(two)
    events = [json.loads(line) for line in merged_file(two, "events.jsonl").read_text().splitlines()]
    times = [event["at"] for event in events]
    assert times == sorted(times)
    runs = {}
    for event in events:
        runs.setdefault(event["run"], []).append(event)
    assert len(runs) == 2
    first, second = runs.values()
    assert [kind["event"] for kind in (first[0], first[-1])] == ["run_started", "run_finished"]
    assert second[0]["at"] > first[-1]["at"]  # they ran one after the other
    workers = [{event["worker"] for event in part if "worker" in event} for part in (first, second)]
    assert workers[0] and workers[1] and not workers[0] & workers[1]


def test_merging_twice_changes_nothing(two):
    run(two, "a", "test_a.py")
    run(two, "b", "test_b.py")
    shutil.rmtree(two.folder / ".fittest")  # what these machines have recorded is theirs
    merge(two)
    once, junit = history_of(two), merged_file(two, "junit.xml").read_text()
    assert [test[0] for test in once] == ["test_a.py::test_good", "test_a.py::test_skipped", "test_b.py::test_bad",
                                          "test_b.py::test_fine"]
    assert all(test[5] == 1 for test in once)
    assert history_of(two, ".fittest/merged/history.db") == once
    merge(two, ".")  # .fittest/merged is below it
    assert history_of(two) == once
    assert merged_file(two, "junit.xml").read_text() == junit


def test_another_folder_and_another_history(two):
    run(two, "a", "test_a.py")
    assert merge(two, "artifacts", "--out", "x/y", "--history", "z/history.db").code == 0
    assert sorted(file.name for file in (two.folder / "x" / "y").iterdir()) == ["events.jsonl", "history.db",
                                                                                "junit.xml", "missing.txt"]
    assert len(history_of(two, "z/history.db")) == 2
    assert not merged_file(two, "junit.xml").exists()


def test_groups_of_a_split_together_have_every_test(two):
    split(two, 3, 1, 2, 3)
    result = merge(two)
    assert result.code == 1  # test_bad
    assert "fittest: 4 tests of 3 runs: 1 failed, 2 passed, 1 skipped" in result.out
    assert "  group 2/3 " in result.out
    assert "has no run" not in result.out


def test_a_group_without_a_run_is_named_and_its_tests_are_missing(two):
    split(two, 3, 1, 3)
    result = merge(two)
    assert result.code == 1
    assert "problem      group 2 of 3 has no run" in result.out
    lost = merged_file(two, "missing.txt").read_text().splitlines()
    assert lost and all("  missing      " + test in result.out for test in lost)
    assert sorted(cases(two)) == ["test_a.test_good", "test_a.test_skipped", "test_b.test_bad", "test_b.test_fine"]
    assert sum(tags == ["error"] for tags in cases(two).values()) == len(lost)
    split(two, 3, 2)
    merge(two)
    assert merged_file(two, "missing.txt").read_text() == ""


def test_an_empty_group_is_no_failure(suite):
    suite.write(test_a="def test_x(): pass")
    split(suite, 2, 1, 2)
    result = merge(suite)
    assert result.code == 0, result.out
    assert "fittest: 1 test of 2 runs: 1 passed" in result.out


def test_nothing_but_empty_groups_is_exit_code_5(suite):
    suite.write(test_a="def test_x(): pass")
    run(suite, "none", "-k", "no_such_name")
    assert merge(suite).code == 5


def test_a_plan_names_tests_and_groups(two):
    tests = [["test_a.py::test_good", "test_b.py::test_fine", "test_a.py::test_skipped"], ["test_b.py::test_bad"], []]
    (two.folder / "plan.json").write_text(json.dumps({
        "format": "fittest-split-plan", "version": 1, "suite": "pytest", "algorithm": "balanced",
        "keep_whole": "nothing", "budget_bytes": 1 << 30, "workers": 1, "groups": [
            {"expected_seconds": 1, "work_seconds": 1, "peak_bytes": 1, "tests": part} for part in tests]}))
    run(two, "one", "--plan", "plan.json", "--group", "1")
    result = merge(two, "artifacts", "--plan", "plan.json")
    assert result.code == 1
    assert "group 2 of 3 has no run" in result.out
    assert "group 3 of 3" not in result.out  # the plan says it is empty
    assert merged_file(two, "missing.txt").read_text() == "test_b.py::test_bad\n"
    (two.folder / "plan.json").write_text("{")
    bad = merge(two, "artifacts", "--plan", "plan.json")
    assert (bad.code, "plan.json" in bad.out) == (4, True)


def test_a_machine_that_was_killed_is_named_and_what_it_had_counts(suite):
    suite.write(test_a="def test_x(): pass", test_slow=SLOW)
    run(suite, "a", "test_a.py")
    events = suite.folder / "artifacts" / "b" / "events.jsonl"
    process = suite.start("--budget", "1G", "-n1", "--run-folder", "artifacts/b", "test_slow.py")
    wait_until(lambda: events.exists() and '"test_started","id":"test_slow.py::test_endless"' in events.read_text())
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    wait_until(lambda: gone(suite))
    result = merge(suite)
    assert result.code == 1
    assert "did not finish" in result.out
    assert "1 verdict until then, while test_slow.py::test_endless ran" in " ".join(result.out.split())
    found = cases(suite)
    assert found["test_a.test_x"] == found["test_slow.test_quick"] == []
    assert found["test_slow.test_endless"] == found["test_slow.test_never"] == ["error"]
    assert merged_file(suite, "missing.txt").read_text().splitlines() == ["test_slow.py::test_endless",
                                                                          "test_slow.py::test_never"]


def gone(suite):
    try:
        suite.nothing_left()
    except AssertionError:
        return False
    return True


def test_a_job_that_was_started_again_counts_as_it_ended(two):
    run(two, "first", "--splits", "1", "--group", "1")
    two.write(test_b=B.replace("one == 2", "one == 1"))
    run(two, "second", "--splits", "1", "--group", "1")
    result = merge(two)
    assert result.code == 0, result.out
    assert "3 passed, 1 skipped; 1 failed in an earlier attempt" in result.out
    assert "  group 1/1 #2 " in result.out


def test_every_variant_must_be_complete(two):
    run(two, "old", "--variant", "py3.9", "test_a.py")
    run(two, "new", "--variant", "py3.12", "--splits", "2", "--group", "1", "--splitting-algorithm", "least_duration",
        "test_a.py")
    result = merge(two)
    assert result.code == 1
    assert "group 2 of 2 of py3.12 has no run" in result.out
    missing = merged_file(two, "missing.txt").read_text().splitlines()
    assert missing and all(line.endswith("\tpy3.12") for line in missing)


def test_github_gets_a_summary_and_annotations(two):
    run(two, "a", "test_a.py")
    run(two, "b", "test_b.py")
    summary = two.folder / "summary.md"
    summary.write_text("# of another step\n")
    result = merge(two, "artifacts", "--github", env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert result.code == 1
    [line] = [line for line in result.out.splitlines() if line.startswith("::")]
    assert line.startswith("::error file=test_b.py,line=4,title=test_b.py%3A%3Atest_bad::failed: assert 1 == 2 [")
    text = summary.read_text()
    assert text.startswith("# of another step\n## :x: 4 tests of 2 runs: 1 failed, 2 passed, 1 skipped\n")
    assert "| **together** | **4** | **2** | **1** | **1** |" in text
    assert "GITHUB_STEP_SUMMARY is not set" in merge(two, "artifacts", "--github").out
    lost = merge(two, "artifacts", "--github", env={"GITHUB_STEP_SUMMARY": str(two.folder / "no" / "summary.md")})
    assert (lost.code, "cannot be written" in lost.out) == (4, True)


@pytest.mark.parametrize("arguments, word", [
    (["nowhere"], "nowhere: there is no such folder"),
    (["empty"], "empty: no run in what was named"),
    (["broken"], "broken/selection.json:1: no JSON"),
    (["good", "--plan", "nowhere.json"], "nowhere.json"),
    ([], "RUN"),
])
def test_bad_input_is_exit_code_4(suite, arguments, word):
    suite.write(test_a="def test_x(): pass")
    suite.fittest("--run-folder", "good")
    for name in ("empty", "broken"):
        (suite.folder / name).mkdir()
    (suite.folder / "broken" / "selection.json").write_text('{"version"')
    result = suite.fittest(*arguments, verb="merge")
    assert result.code == 4, result.out
    assert word in result.out
    assert not merged_file(suite, "junit.xml").exists()


def test_a_folder_that_holds_no_run_among_others_fails(two):
    run(two, "a", "test_a.py")
    (two.folder / "artifacts" / "b").mkdir()
    result = merge(two, "artifacts/a", "artifacts/b")
    assert result.code == 1
    assert "artifacts/b holds no run" in result.out


def test_what_cannot_be_written_is_exit_code_4(two):
    run(two, "a", "test_a.py")
    two.file("out", "a file")
    result = merge(two, "artifacts", "--out", "out")
    assert (result.code, "out" in result.out) == (4, True)

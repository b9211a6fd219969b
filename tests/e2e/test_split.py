"""fittest split: what each group takes, and a plan that all jobs run."""
import json

import pytest

WAITS = """\
    import time
    import pytest

    @pytest.mark.parametrize("n", range(4))
    def test_quick(n): pass

    def test_slow(): time.sleep(0.3)

    @pytest.mark.skip
    def test_skipped(): pass

    def test_hungry():
        block = bytearray(80_000_000)
        block[::4096] = block[::4096]
    """


@pytest.fixture
def waits(suite):
    return suite.write(tests__test_waits=WAITS, tests__test_other="def test_other(): pass\n")


def split(suite, *arguments, **more):
    return suite.fittest(*arguments, verb="split", **more)


def plan_of(suite, *arguments):
    result = split(suite, *arguments, "--json")
    assert result.code == 0, result.out
    return json.loads(result.out)


def test_the_table(suite):
    suite.write(test_a="def test_a(): pass\ndef test_b(): pass\n", test_b="def test_c(): pass\n")
    (suite.folder / ".test_durations").write_text(json.dumps(
        {"test_a.py::test_a": 61.5, "test_a.py::test_b": 30, "test_b.py::test_c": 100}))
    result = split(suite, "--plan", "3", "--budget", "4G", "--workers", "2")
    assert result.code == 0
    assert result.out == """\
3 tests in 3 groups, balanced, by .test_durations
Each group with 4.0 GiB and 2 workers

 group       tests            work        expected        peak
     1           1           100 s           100 s           -
     2           2            92 s            62 s           -
     3           0             0 s             0 s           -

Lower bound: 100 s. The largest group takes 1.00 times that.
"""
    assert max(map(len, result.out.splitlines())) <= 80


def test_by_what_a_run_has_measured(waits):
    assert waits.fittest().code == 0
    result = split(waits, "--plan", "2")
    assert result.code == 0
    assert "8 tests in 2 groups, balanced, by the history" in result.out
    assert "MiB" in result.out and "guess" not in result.out
    groups = plan_of(waits, "--plan", "2")["groups"]
    assert sorted(test for group in groups for test in group["tests"]) == sorted(waits_ids(waits))
    by_test = {test.split("::")[-1]: group for group in groups for test in group["tests"]}
    assert by_test["test_slow"]["work_seconds"] >= 0.3
    assert by_test["test_hungry"]["peak_bytes"] >= 80_000_000


def waits_ids(suite):
    return [line for line in suite.pytest("--collect-only", "-q").out.splitlines() if "::" in line]


def test_nothing_known_is_said(waits):
    result = split(waits, "--plan", "4")
    assert result.code == 0
    assert "nothing is known of these tests" in result.out and "The figures are guesses." in result.out
    assert [len(group["tests"]) for group in plan_of(waits, "--plan", "4")["groups"]] == [2, 2, 2, 2]


def test_every_job_runs_its_group_of_the_plan(waits):
    result = split(waits, "--plan", "3", "--out", "plans/plan.json")
    assert result.code == 0
    assert "fittest pytest --plan plans/plan.json --group I" in result.out
    plan = json.loads((waits.folder / "plans" / "plan.json").read_text())
    assert [path.name for path in (waits.folder / "plans").iterdir()] == ["plan.json"], "nothing unfinished is left"
    waits.write(tests__test_new="def test_new(): pass\n")
    ran = []
    for group in range(1, 4):
        verdicts = waits.fittest("--plan", "plans/plan.json", "--group", str(group)).verdicts
        assert set(plan["groups"][group - 1]["tests"]) <= set(verdicts)
        ran += verdicts
    assert sorted(ran) == sorted(waits_ids(waits)), "every test in one group, the new one too"


def test_groups_are_those_of_a_run_with_the_same_options(waits):
    options = ["--dist", "loadfile", "--splitting-algorithm", "least_duration", "-k", "not slow"]
    plan = plan_of(waits, "--plan", "2", *options)
    assert (plan["keep_whole"], plan["algorithm"]) == ("file", "least_duration")
    for group in (1, 2):
        run = waits.fittest("--splits", "2", "--group", str(group), *options, "--collect-only", "-q")
        assert [line for line in run.out.splitlines() if "::" in line] == plan["groups"][group - 1]["tests"]
    (waits.folder / "pytest.ini").write_text("[pytest]\naddopts = --dist loadscope -n 3\n")
    plan = plan_of(waits, "--plan", "2", "-E", "name(*quick*)", "--budget", "2G")
    assert (plan["keep_whole"], plan["workers"], plan["budget_bytes"]) == ("scope", 3, 2 << 30)
    assert sorted(len(group["tests"]) for group in plan["groups"]) == [0, 4]


@pytest.mark.parametrize("arguments, said", [
    ((), "--plan is required"),
    (("--plan", "0"), "not in range"),
    (("--plan", "many"), "--plan"),
    (("--plan", "2", "--splits", "3"), "leave out --splits"),
    (("--plan", "2", "--budget", "50%"), "--budget 50%: a share says nothing"),
    (("--plan", "2", "--budget", "big"), "--budget"),
    (("--plan", "2", "-E", "peek > 1"), "did you mean 'peak'?"),
    (("--plan", "2", "nowhere.py"), "file or directory not found: nowhere.py"),
    (("--plan", "2", "--durations-path", "bad.json"), "bad.json:2: no valid JSON"),
    (("--plan", "2", "--splitting-algorithm", "best"), "best"),
    (("--plan", "2", "--out", "test_a.py/plan.json"), "test_a.py/plan.json"),
])
def test_bad_input(suite, arguments, said):
    suite.write(test_a="def test_a(): pass\n")
    suite.file("bad.json", '{"a": 1,\nnonsense')
    result = split(suite, *arguments)
    assert result.code == 4
    assert said in result.out
    assert sorted(path.name for path in suite.folder.glob("[!.]*")) == ["bad.json", "pytest.ini", "test_a.py"]


def test_no_test_is_left(suite):
    suite.write(test_a="def test_a(): pass\n")
    for selection in (("-k", "nothing"), ("-E", "name(nothing)")):
        result = split(suite, "--plan", "2", "--out", "plan.json", *selection)
        assert (result.code, result.out.splitlines()[-2]) == (5, "fittest: no test is left to split")
        assert not (suite.folder / "plan.json").exists()

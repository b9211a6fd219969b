"""`fittest submit slurm` on a real cluster, of this machine alone: see slurm_cluster.py."""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import PROGRAM, PYTHON, processes_of, wait_until
from slurm_cluster import CannotStart, Cluster


@pytest.fixture(scope="module")
def cluster():
    with contextlib.ExitStack() as stack:
        try:
            started = stack.enter_context(Cluster())
        except CannotStart as why:
            pytest.skip("no Slurm cluster: %s" % why)
        yield started


@pytest.fixture
def slurm(cluster, suite):
    yield Submitter(cluster, suite)
    wait_until(lambda: cluster.jobs() == [])


class Submitter:
    def __init__(self, cluster, suite):
        self.cluster = cluster
        self.suite = suite
        self.results = suite.folder / "results"
        self.environment = {"SLURM_CONF": str(cluster.folder / "slurm.conf")}

    def start(self, *arguments):
        return self.suite.start("slurm", "--results", str(self.results), "--poll", "0.2", *arguments, verb="submit",
                                env=self.environment)

    def submit(self, *arguments):
        process = self.start(*arguments)
        out, _ = process.communicate(timeout=60)
        return process.returncode, out.decode("utf-8", "replace")

    def job(self, out):
        return self.cluster.job(re.search(r"submitted job (\d+)", out).group(1))

    def verdicts(self, group, attempt=1):
        events = self.results / ("group-%d" % group) / ("attempt-%d" % attempt) / "events.jsonl"
        told = [json.loads(line) for line in events.read_text().splitlines()]
        return {event["id"]: event["verdict"] for event in told if event["event"] == "test_finished"}


def test_the_cluster_kills_a_task_over_its_memory(cluster, tmp_path):
    script = tmp_path / "task.sh"
    script.write_text("#!/bin/bash\n"
                      "if [ $SLURM_ARRAY_TASK_ID = 2 ]; then\n"
                      "  exec %s -c 'import signal; x = bytearray(300 << 20); signal.pause()'\n"
                      "fi\n" % PYTHON)
    submitted = cluster.run("sbatch", "--parsable", "--array=1-2", "--mem=100M", "--output=%s/%%a.out" % tmp_path,
                            str(script), check=True)
    ends = {task["ArrayTaskId"]: task for task in cluster.wait_for_end(submitted.stdout.strip())}
    assert ends["1"]["JobState"] == "COMPLETED"
    assert (ends["2"]["JobState"], ends["2"]["ExitCode"]) == ("FAILED", "0:9")
    assert "exceeded memory limit" in (tmp_path / "2.out").read_text()


def test_a_cluster_leaves_nothing_behind():
    try:
        with Cluster() as cluster:
            folder = cluster.folder
            cluster.run("sbatch", "--output=/dev/null", "--wrap=exec sleep 1000", check=True)
            wait_until(lambda: any("RUNNING" in job for job in cluster.jobs()))
            assert cluster.processes()
    except CannotStart as why:
        pytest.skip("no Slurm cluster: %s" % why)
    assert not folder.exists()
    assert processes_of(str(folder)) == []


def test_runs_a_split_and_merges_it(slurm):
    for name in "abcd":
        slurm.suite.file("test_%s.py" % name, """
            import pytest
            @pytest.mark.parametrize("n", range(3))
            def test_it(n): pass
        """)
    code, out = slurm.submit("--splits", "3", "-n", "2", "--sbatch-arg=--comment=ours", "-k", "not d.py")
    assert code == 0, out
    ran = [test for group in (1, 2, 3) for test in slurm.verdicts(group)]
    assert sorted(ran) == ["test_%s.py::test_it[%d]" % (name, n) for name in "abc" for n in range(3)]
    assert "3 groups: 3 done" in out
    assert "9 tests of 3 runs" in out and "9 passed" in out
    for task in slurm.job(out):
        assert task["Comment"] == "ours"
        assert task["CPUs/Task"] == "2"
        assert 200 < int(task["MinMemoryNode"].rstrip("M")) < 2000
        assert task["Requeue"] == "0"
    known = slurm.suite.fittest("--json", verb="history").out
    assert len(json.loads(known)["tests"]) == 9, "what the tasks measured is in the history"


def test_a_failing_test_fails_the_whole(slurm):
    slurm.suite.write(test_a="def test_good(): pass\n", test_b="def test_bad(): assert 1 + 1 == 3\n")
    code, out = slurm.submit("--splits", "2")
    assert code == 1, out
    assert "test_b.py::test_bad" in out and "1 + 1" in out
    assert "sent again" not in out


def test_what_slurm_kills_for_memory_is_sent_again_with_more(slurm):
    # The session holds what no history tells of; it waits for its end where that must come.
    slurm.suite.file("fittest.toml", 'domain = "proc"\n')
    slurm.suite.file("conftest.py", """
        import os, signal
        if os.environ.get("SLURM_ARRAY_TASK_ID") == "2":
            held = b"x" * (1000 << 20)
            if int(os.environ["SLURM_MEM_PER_NODE"]) < 1000:
                signal.pause()
    """)
    slurm.suite.write(test_a="def test_a(): pass\n", test_b="def test_b(): pass\n")
    code, out = slurm.submit("--splits", "2", "--budget", "600M")
    assert code == 0, out
    assert "group 2: it was killed for its memory" in out
    assert re.search(r"group 2: sent again as job \d+ with 1\.\d GiB .*attempt 2 of 3", out), out
    assert "exceeded memory limit" in (slurm.results / "group-2-attempt-1.out").read_text()
    # Slurm kills one process after the other: the script may live to see fittest end, and write that down.
    written = slurm.results / "group-2-attempt-1.exit"
    assert not written.exists() or int(written.read_text()) not in (0, 1, 5)
    assert list(slurm.verdicts(2, attempt=2).values()) == ["passed"]
    assert not (slurm.results / "group-1" / "attempt-2").exists()


def test_what_does_not_fit_the_budget_is_sent_again_with_more(slurm):
    slurm.suite.write(test_a="""
        def test_small(): pass
        def test_large(): assert len(b"x" * (600 << 20)) > 0
    """)
    code, out = slurm.submit("--splits", "1", "--budget", "400M")
    assert code == 0, out
    assert "group 1: 1 test did not fit the task's memory even alone" in out
    assert slurm.verdicts(1, attempt=1)["test_a.py::test_large"] == "over_budget"
    assert slurm.verdicts(1, attempt=2)["test_a.py::test_large"] == "passed"


def test_gives_up_what_may_have_no_more(slurm):
    slurm.suite.write(test_a="def test_large(): assert len(b'x' * (600 << 20)) > 0\n")
    code, out = slurm.submit("--splits", "1", "--budget", "300M", "--retries", "0")
    assert code == 1, out
    assert "over_budget" in out
    assert "sent again" not in out


def test_ctrl_c_cancels_the_array(slurm):
    slurm.suite.write(test_a="""
        import pathlib, signal
        def test_waits():
            pathlib.Path("waiting").touch()
            signal.pause()
    """)
    process = slurm.start("--splits", "2")
    wait_until((slurm.suite.folder / "waiting").exists)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    out = out.decode()
    assert process.returncode == 2, out
    assert "interrupted: cancelled job" in out and "fittest merge" in out
    wait_until(lambda: slurm.cluster.jobs() == [])
    assert {task["JobState"] for task in slurm.job(out)} <= {"CANCELLED", "COMPLETED"}
    wait_until(lambda: processes_of(slurm.suite.mark) == [])


def test_the_printed_script_can_be_submitted_by_hand(slurm):
    slurm.suite.write(test_a="def test_a(): pass\n", test_b="def test_b(): pass\n")
    environment = slurm.suite.environment({**slurm.environment, "PATH": "%s:%s" % (Path(PROGRAM).parent, os.environ["PATH"])})

    def run(*command):
        return subprocess.run(command, cwd=slurm.suite.folder, env=environment, stdin=subprocess.DEVNULL, check=True,
                              stdout=subprocess.PIPE, text=True, timeout=60).stdout

    script = run(PROGRAM, "ci", "slurm", "--splits", "2", "--results", str(slurm.results), "-k", "a or b")
    (slurm.suite.folder / "script").write_text(script)
    if shutil.which("shellcheck"):
        run("shellcheck", "script")
    steps = [line[4:] for line in script.splitlines() if line.startswith("#   ") and "$1" not in line]
    assert [step.split()[0] for step in steps] == ["mkdir", "fittest", "put", "sbatch", "fittest"]
    run("bash", "-c", steps[0])
    run("bash", "-c", steps[1])
    shutil.copy(slurm.suite.folder / "script", slurm.results / "task.sh")
    job = run("bash", "-c", steps[3]).strip()
    assert {task["JobState"] for task in slurm.cluster.wait_for_end(job)} == {"COMPLETED"}
    assert "2 passed" in run("bash", "-c", steps[4])


def refused(slurm, *arguments, env=()):
    process = slurm.suite.start("slurm", *arguments, verb="submit", env={**slurm.environment, **dict(env)})
    out = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 4, out
    return out


def test_bad_input_is_refused_before_anything_is_submitted(slurm):
    slurm.suite.write(test_a="def test_a(): pass\n")
    assert "--splits" in refused(slurm)
    assert "--budget" in refused(slurm, "--splits", "2", "--budget", "much")
    assert "invalid partition specified: nowhere" in refused(slurm, "--splits", "2", "--partition", "nowhere")
    full = slurm.suite.folder / "full"
    full.mkdir()
    (full / "something").touch()
    out = refused(slurm, "--splits", "2", "--results", str(full))
    assert str(full) in out and "holds something already" in out
    assert "column" in refused(slurm, "--splits", "2", "-E", "peak >")
    assert slurm.cluster.jobs() == []


def test_a_suite_that_does_not_collect_is_not_submitted(slurm):
    slurm.suite.write(test_a="import nothing_of_the_kind\n")
    assert "nothing_of_the_kind" in refused(slurm, "--splits", "2")
    assert slurm.cluster.jobs() == []


def test_without_slurm_says_what_there_is_instead(suite):
    suite.write(test_a="def test_a(): pass\n")
    empty = suite.folder / "bin"
    empty.mkdir()
    process = suite.start("slurm", "--splits", "2", verb="submit", env={"PATH": str(empty)})
    out = process.communicate(timeout=30)[0].decode()
    assert process.returncode == 4, out
    assert "sbatch" in out and "there is no Slurm here" in out and "fittest ci slurm" in out

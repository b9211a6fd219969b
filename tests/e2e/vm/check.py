#!/usr/bin/python3
"""Runs in the virtual machine of tests/vm_run: the built program, on a small suite, on a kernel with cgroup v2
alone. Ends as GoogleTest does, for vm_run to read."""
import json
import os
import subprocess
import sys
from pathlib import Path

SUITE = """
import os, signal, pytest
def hold(mib):
    block = bytearray(mib << 20)
    for at in range(0, len(block), 4096): block[at] = 1
    return block
@pytest.mark.parametrize("i", range(4))
def test_small(i): pass
@pytest.mark.parametrize("i", range(2))
def test_hungry(i): kept = hold(90)
def test_huge(): kept = [hold(20) for _ in range(20)]
def test_crash(): os.kill(os.getpid(), signal.SIGSEGV)
"""
EXPECTED = {"test_small": {"passed"}, "test_hungry": {"passed"}, "test_huge": {"over_budget"}, "test_crash": {"crashed"}}
BUDGET = 160 << 20


def fittest_cgroups():
    return [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if os.path.basename(folder).startswith("fittest-")]


def stand_aside():
    """Where a cgroup was handed to the user, fittest must stand there alone. Returns what puts it there."""
    if os.environ["FITTEST_TEST_VM"] != "v2-delegated":
        return None
    own = Path("/sys/fs/cgroup/user")
    (own / "aside").mkdir()
    (own / "aside" / "cgroup.procs").write_text("0")
    return lambda: (own / "cgroup.procs").write_text("0")


def main():
    folder = Path("/tmp/suite")
    folder.mkdir()
    (folder / "test_a.py").write_text(SUITE)
    (folder / "pytest.ini").write_text("[pytest]\n")
    environment = dict(os.environ, PYTHON="/usr/bin/python3", HOME="/tmp", PYTHONDONTWRITEBYTECODE="1")
    run = subprocess.run(["/bin/fittest", "pytest", "-n", "2", "--budget", "160M", "-p", "no:cacheprovider"], cwd=folder,
                         env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, preexec_fn=stand_aside())
    print(run.stdout)
    events = [json.loads(line) for path in folder.glob(".fittest/**/events.jsonl") for line in path.open()]
    started = next(event for event in events if event["event"] == "run_started")
    verdicts = {}
    for event in events:
        if event["event"] == "test_finished":
            verdicts.setdefault(event["id"].split("::")[1].split("[")[0], set()).add(event["verdict"])
    finished = next(event for event in events if event["event"] == "run_finished")
    assert started["domain"] == "cgroup v2", started
    assert verdicts == EXPECTED, verdicts
    assert run.returncode == 1, run.returncode
    assert finished["peak"] <= BUDGET and finished["kernel_kills"] >= 1, finished
    assert fittest_cgroups() == [], fittest_cgroups()
    print("[  PASSED  ] 1 test.")


if __name__ == "__main__":
    try:
        main()
    except BaseException as problem:
        print("check.py: %s: %s" % (type(problem).__name__, problem))
        sys.exit(1)

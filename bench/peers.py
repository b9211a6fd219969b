#!/usr/bin/env python3
"""pytest, pytest -n 2 and fittest on the same suites, on the same machine, in the same run. Prints tables in Markdown.

    bench/peers.py [--repeats N] [noop] [numpy] [tight] [itself]

noop    10,000 tests that do nothing, in 100 files
numpy   numpy's installed suite without a tight limit: wall time, highest PSS of the whole tree; then without the one
        test that holds 22 GiB, beside which the memory of everything else cannot be seen
tight   the same under a hard limit of 4 GiB for everybody, fittest with --budget 4G
itself  fittest's own memory with 100,000 tests, and its time to the first process it starts

Standard library only. The interpreter is the one scripts/python finds; the limit is a memory cgroup (v1 or v2)."""
import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FITTEST = str(ROOT / "build" / "fittest")
NUMPY = ["--pyargs", "numpy.lib", "numpy.ma", "numpy.linalg"]
# Told by all three in the process that reports: a line for each test with a verdict.
COUNTER = """
import os
_file = open(os.environ["BENCH_VERDICTS"], "a", buffering=1)
def pytest_runtest_logfinish(nodeid, location):
    _file.write(nodeid + "\\n")
def pytest_configure(config):
    if hasattr(config, "workerinput"):
        config.pluginmanager.unregister(name="bench_counter")
"""


def processes(mark):
    mark = ("BENCH_MARK=" + mark).encode()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/environ" % entry, "rb") as environment:
                    if mark in environment.read():
                        yield int(entry)
            except OSError:
                pass


def pss(pid):
    try:
        with open("/proc/%d/smaps_rollup" % pid) as rollup:
            return int(re.search(r"^Pss:\s+(\d+)", rollup.read(), re.M).group(1)) << 10
    except (OSError, AttributeError):
        return 0


def cpu_of(usage):
    return usage.ru_utime + usage.ru_stime


class Cgroup:
    """A hard limit around a command."""

    def __init__(self, limit):
        self.v1 = os.path.isdir("/sys/fs/cgroup/memory")
        base = "/sys/fs/cgroup/memory" if self.v1 else "/sys/fs/cgroup"
        with open("/proc/self/cgroup") as own:
            for line in own:
                _, controllers, path = line.rstrip("\n").split(":", 2)
                if ("memory" in controllers.split(",")) if self.v1 else controllers == "":
                    base += path if os.path.isdir(base + path) else ""
        self.path = Path(base) / ("bench-%d" % os.getpid())
        self.path.mkdir()
        (self.path / ("memory.limit_in_bytes" if self.v1 else "memory.max")).write_text(str(limit))

    def join(self):
        (self.path / "cgroup.procs").write_text("0")

    def kills(self):
        text = (self.path / ("memory.oom_control" if self.v1 else "memory.events")).read_text()
        below = sum(int(re.search(r"oom_kill (\d+)", file.read_text()).group(1))
                    for file in self.path.glob("*/**/memory.oom_control")) if self.v1 else 0
        return int(re.search(r"oom_kill (\d+)", text).group(1)) + below

    def remove(self):
        for _ in range(100):
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.1)


class Run:
    """One run of one command: wall time, highest PSS of its tree, tests with a verdict, exit code."""

    def __init__(self, command, folder, limit=None, watch_pss=True):
        self.command = command
        mark = os.urandom(8).hex()
        verdicts = Path(folder) / ("verdicts-" + mark)
        environment = dict(os.environ, BENCH_MARK=mark, BENCH_VERDICTS=str(verdicts), PYTHON=PYTHON,
                           PYTHONPATH=folder, PYTEST_ADDOPTS="", NO_COLOR="1")
        try:  # what the run before has read must not be in the way of this one
            Path("/proc/sys/vm/drop_caches").write_text("3")
        except OSError:
            pass
        cgroup = Cgroup(limit) if limit else None
        self.pss = self.own = 0
        self.ended = False
        log = open(Path(folder) / ("log-" + mark), "w+")
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, preexec_fn=cgroup.join if cgroup else None)
        watcher = threading.Thread(target=self._watch, args=(mark, process.pid, watch_pss))
        watcher.start()
        self.code = process.wait()
        self.wall = time.monotonic() - started
        self.ended = True
        watcher.join()
        for pid in processes(mark):
            os.kill(pid, signal.SIGKILL)
        self.kills = cgroup.kills() if cgroup else 0
        if cgroup:
            cgroup.remove()
        self.verdicts = len(set(verdicts.read_text().splitlines())) if verdicts.exists() else 0
        log.seek(0)
        self.out = log.read()
        log.close()
        print("  %-60s exit %4d  %7.1f s  %6d verdicts" % (" ".join(command)[-60:], self.code, self.wall,
                                                          self.verdicts), file=sys.stderr)

    def _watch(self, mark, pid, watch_pss):
        while not self.ended:
            if watch_pss:
                self.pss = max(self.pss, sum(pss(each) for each in processes(mark)))
            try:
                with open("/proc/%d/status" % pid) as status:
                    self.own = max(self.own, int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) << 10)
            except (OSError, AttributeError):
                pass
            time.sleep(0.2)


def peers(arguments):
    common = [*arguments, "-q", "-p", "no:cacheprovider", "-p", "bench_counter"]
    return {
        "pytest": [PYTHON, "-m", "pytest", *common],
        "pytest -n 2 --dist load": [PYTHON, "-m", "pytest", "-n", "2", "--dist", "load", *common],
        "fittest pytest": [FITTEST, "pytest", "-n", "2", *common],
    }


def mib(amount):
    return "%d" % round(amount / (1 << 20))


def table(title, columns, rows):
    print("\n### %s\n" % title)
    print("| " + " | ".join(columns) + " |")
    print("|" + " --- |" * len(columns))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    sys.stdout.flush()


def compare(title, arguments, folder, repeats, watch_pss=True):
    """The peers take turns, so that what else the machine does hits all alike."""
    runs = {name: [] for name in peers(arguments)}
    for _ in range(repeats):
        for name, command in peers(arguments).items():
            runs[name].append(Run(command, folder, watch_pss=watch_pss))
    wall = {name: statistics.median(run.wall for run in each) for name, each in runs.items()}
    high = {name: statistics.median(run.pss for run in each) for name, each in runs.items()}
    xdist = "pytest -n 2 --dist load"
    rows = [[name, "%.1f" % wall[name], "%.2f" % (wall[name] / wall[xdist]), mib(high[name]) if watch_pss else "-",
             "%.2f" % (high[name] / high[xdist]) if watch_pss else "-", each[-1].verdicts, each[-1].code]
            for name, each in runs.items()]
    table("%s (median of %d)" % (title, repeats),
          ["", "wall s", "of -n 2", "tree PSS MiB", "of -n 2", "verdicts", "exit code"], rows)
    return wall


def noop(folder, repeats):
    for number in range(100):
        (Path(folder) / ("test_%03d.py" % number)).write_text(
            "\n".join("def test_%d(): pass" % i for i in range(100)) + "\n")
    wall = compare("10,000 tests that do nothing, in 100 files", [], folder, repeats, watch_pss=False)
    print("\nAbove plain pytest: %.3f ms a test (to reach: at most 0.5)." % (
        (wall["fittest pytest"] - wall["pytest"]) * 1000 / 10_000))


def numpy(folder, repeats):
    compare("numpy.lib numpy.ma numpy.linalg, no tight limit", NUMPY, folder, repeats)
    compare("The same without TestHistogram.test_big_arrays", [*NUMPY, "-k", "not (TestHistogram and test_big_arrays)"],
            folder, repeats)


def tight(folder, _):
    limit = 4 << 30
    rows = []
    for name, command in peers(NUMPY).items():
        if name.startswith("fittest"):
            # Twice: the first run knows nothing of the tests.
            for known in ("nothing known", "second run"):
                run = Run([*command[:2], "--budget", "4G", *command[2:]], folder, watch_pss=False)
                summary = run.out[run.out.rfind("fittest: "):]
                held = re.search(r"memory +(.*?) at most", summary)
                over = re.search(r"(\d+) over_budget", summary)
                kills = re.search(r"(\d+) kernel kill", summary)
                rows.append(["fittest pytest --budget 4G (%s)" % known, run.code, run.verdicts, "%.0f" % run.wall,
                             held.group(1) if held else "?", kills.group(1) if kills else 0,
                             over.group(1) if over else 0])
        else:
            run = Run(command, folder, limit=limit, watch_pss=False)
            rows.append([name, run.code, run.verdicts, "%.0f" % run.wall, "(the limit)", run.kills, "-"])
    table("numpy.lib numpy.ma numpy.linalg under a hard limit of 4 GiB",
          ["", "exit code", "verdicts", "wall s", "highest memory", "kernel kills", "over_budget"], rows)


def itself(folder, _):
    for number in range(100):
        (Path(folder) / ("test_%03d.py" % number)).write_text(
            "import pytest\n@pytest.mark.parametrize('i', range(1000))\ndef test_x(i): pass\n")
    run = Run([FITTEST, "pytest", "-q", "-p", "no:cacheprovider", "-p", "bench_counter"], folder, watch_pss=False)
    # The first process is a Python that tells when it began; both clocks are the machine's.
    probe = Path(folder) / "probe"
    probe.write_text("#!/bin/sh\nread up rest </proc/uptime\ndate +%s%N >\"$BENCH_FIRST\"\nexit 1\n")
    probe.chmod(0o755)
    first = Path(folder) / "first"
    times = []
    for _ in range(20):
        environment = dict(os.environ, BENCH_FIRST=str(first))
        before = time.time_ns()
        subprocess.run([FITTEST, "pytest", "--python", str(probe)], cwd=folder, env=environment, capture_output=True)
        times.append((int(first.read_text()) - before) / 1e6)
    table("fittest itself", ["", "got", "to reach"], [
        ["resident memory with 100,000 tests, highest (MiB)", mib(run.own), "40"],
        ["tests with a verdict in that run", run.verdicts, "100000"],
        ["start to the first process (ms, median of 20, the process's own start-up included)",
         "%.1f" % statistics.median(times), "20"]])


def main():
    global PYTHON
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("what", nargs="*", default=["noop", "numpy", "tight", "itself"])
    asked = parser.parse_args()
    PYTHON = subprocess.run([str(ROOT / "scripts" / "python"), "pytest", "xdist", "numpy"], check=True,
                            capture_output=True, text=True).stdout.strip()
    for name in asked.what:
        if name not in ("noop", "numpy", "tight", "itself"):
            parser.error("there is no measurement %r" % name)
        with tempfile.TemporaryDirectory(prefix="fittest-bench-") as folder:
            (Path(folder) / "pytest.ini").write_text("[pytest]\n")
            (Path(folder) / "bench_counter.py").write_text(COUNTER)
            globals()[name](folder, asked.repeats)


if __name__ == "__main__":
    main()

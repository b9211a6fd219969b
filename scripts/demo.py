"""The demo: one suite, one hard limit of memory, two ways to run it. Called by scripts/demo."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from pathlib import Path

import demo_limit

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20
# More than the suite's largest test needs beside fittest's reserve, less than what two plain workers come to hold.
LIMIT = 1024 * MIB
PATIENCE = 300  # seconds; pytest-xdist has been seen to wait for ever once a worker was killed

# Loaded into both runs: what the session's plugins hear of each test.
COUNTER = '''
import os

def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" not in os.environ:
        with open(os.environ["DEMO_REPORTS"], "a") as reports:
            reports.write("%s\\t%s\\t%s\\n" % (report.nodeid, report.when, report.outcome))
'''


class Run:
    """What came of one way to run the suite."""

    def __init__(self, title, code, seconds, peak, kills, reports):
        self.title, self.code, self.seconds, self.peak, self.kills = title, code, seconds, peak, kills
        self.verdicts = {}
        for line in reports.read_text().splitlines() if reports.exists() else []:
            test, when, outcome = line.rsplit("\t", 2)
            if when == "???":  # how pytest-xdist reports the test during which a worker died
                self.verdicts[test] = "lost"
            elif outcome == "failed" or (when == "call" and self.verdicts.get(test) is None):
                self.verdicts[test] = outcome
            elif outcome == "skipped":
                self.verdicts.setdefault(test, outcome)
        self.count = Counter(self.verdicts.values())


def heading(text):
    print("\n== %s" % text, flush=True)


def say(text):
    print(textwrap.fill(text, 80), flush=True)


def size(count):
    return "%.1f GiB" % (count / (1 << 30)) if count >= 1 << 30 else "%.0f MiB" % (count / MIB)


def environment(folder):
    """Nothing of the user's that would change the runs; figures and caches go to the demo's folder."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("PYTEST_", "FITTEST_", "COV_")) or name == "PYTEST_XDIST_AUTO_NUM_WORKERS"}
    kept.update(PYTHON=sys.executable, PYTHONPATH=str(folder), MPLCONFIGDIR=str(folder / "matplotlib"),
                TMPDIR=str(folder / "tmp"))
    kept.pop("PYTEST_ADDOPTS", None)
    return kept


def prepare(folder):
    """A copy of the suite, and what only a first run has to do. Returns the suite and its number of tests."""
    suite = folder / "signals"
    shutil.copytree(ROOT / "examples" / "signals", suite,
                    ignore=shutil.ignore_patterns("__pycache__", ".*_cache", ".fittest", ".hypothesis"))
    (folder / "demo_counter.py").write_text(COUNTER)
    (folder / "tmp").mkdir()
    variables = environment(folder)
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], env=variables, check=True,
                   stderr=subprocess.DEVNULL)
    listed = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"],
                            cwd=suite, env=variables, stdout=subprocess.PIPE, text=True, check=True).stdout
    return suite, len(re.findall(r"^\S+::", listed, re.MULTILINE))


def run(title, command, folder, suite, limit):
    """Runs the command inside the limit (or without one) and shows its output."""
    reports = folder / ("reports-%s" % title.split()[0])
    variables = dict(environment(folder), DEMO_REPORTS=str(reports))
    join = limit.join if limit else None
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=suite, env=variables, stdin=subprocess.DEVNULL, preexec_fn=join)
    try:
        code = process.wait(PATIENCE)
        code = 128 - code if code < 0 else code
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        code = None
    seconds = time.monotonic() - started
    peak, kills = (limit.peak(), limit.kills()) if limit else (None, None)
    return Run(title, code, seconds, peak, kills, reports)


def events_of(suite):
    files = sorted(suite.glob(".fittest/runs/*/events.jsonl"))
    return [json.loads(line) for line in files[-1].read_text().splitlines()] if files else []


def table(runs, tests):
    def row(label, values):
        print(("  %-34s" % label + "".join("%22s" % value for value in values)).rstrip())

    row("", [each.title for each in runs])
    row("exit code", ["%d" % each.code if each.code is not None else "none after %d s" % PATIENCE for each in runs])
    row("tests with a verdict", ["%d of %d" % (len(each.verdicts) - each.count["lost"], tests) for each in runs])
    row("  passed", [each.count["passed"] + each.count["skipped"] for each in runs])
    row("  failed", [each.count["failed"] for each in runs])
    row("tests lost with a killed worker", [each.count["lost"] for each in runs])
    row("tests that nothing is known of", [tests - len(each.verdicts) for each in runs])
    if runs[0].peak is not None:
        row("processes the kernel killed", [each.kills for each in runs])
        row("most memory, of %s" % size(LIMIT), [size(each.peak) for each in runs])
    row("time", ["%.0f s" % each.seconds for each in runs])


def summary(events):
    """What fittest did, from the events it wrote."""
    def of(kind):
        return [event for event in events if event["event"] == kind]

    def number(things, word):
        return "%d %s%s" % (len(things), word, "" if len(things) == 1 else "s")

    killed, finished, ends = of("batch_killed"), of("test_finished"), of("run_finished")
    replaced = [event for event in of("worker_ended") if event["why"] == "retained too much"]
    if ends:
        started = of("run_started")[0]
        print("  budget     %s, highest %s" % (size(started["budget"]), size(ends[0]["peak"])))
    by_kernel = sum(event["by_kernel"] for event in killed)
    print("  run again  %s of workers killed for memory: %d by fittest, %d by the kernel" % (
        number(killed, "test"), len(killed) - by_kernel, by_kernel))
    print("  replaced   %s that had come to hold too much" % number(replaced, "worker"))
    measured = [event for event in finished if event.get("peak") is not None]
    if measured:
        most = max(measured, key=lambda event: event["peak"])
        keeps = max(measured, key=lambda event: event.get("retained") or 0)
        print("  hungriest  %s: %s" % (size(most["peak"]), most["id"].split("/")[-1]))
        print("  keeps most %s: %s" % (size(keeps.get("retained") or 0), keeps["id"].split("/")[-1]))


def demo(folder):
    print("Preparing: a copy of examples/signals, matplotlib's font cache.", flush=True)
    suite, tests = prepare(folder)
    program = str(ROOT / "build" / "fittest")
    count = ["-q", "-p", "demo_counter"]
    runs = []
    try:
        with demo_limit.make(LIMIT) as limit:
            heading("pytest -n auto, inside a hard limit of %s (%s)" % (size(LIMIT), limit.kind))
            runs.append(run("pytest -n auto", [sys.executable, "-m", "pytest", "-n", "auto", *count], folder, suite,
                            limit))
        with demo_limit.make(LIMIT) as limit:
            heading("fittest pytest, inside a hard limit of %s (%s)" % (size(LIMIT), limit.kind))
            runs.append(run("fittest pytest", [program, "pytest", *count], folder, suite, limit))
            kernel_counts_below = limit.counts_kills_below
    except demo_limit.NoLimit as problem:
        print()
        say("No hard limit can be set here (%s), so pytest -n auto is left out: without one it would take what it "
            "wants. fittest runs with a budget that it keeps to by itself." % problem)
        heading("fittest pytest --budget 896M")
        command = [program, "pytest", "--budget", "896M", *count]
        runs = [run("fittest pytest", command, folder, suite, None)]
        kernel_counts_below = True

    events = events_of(suite)
    ours = runs[-1]
    if not kernel_counts_below:  # cgroup v1 counts a kill where it happens only: in the cgroups of the workers
        ours.kills += sum(event["kernel_kills"] for event in events if event["event"] == "run_finished")
    heading("side by side" if len(runs) > 1 else "the run")
    table(runs, tests)
    heading("what fittest did")
    summary(events)
    good = ours.code == 0 and ours.count["passed"] + ours.count["skipped"] == tests
    print()
    if len(runs) > 1 and good and runs[0].code != 0:
        say("Nothing is wrong with these tests: fittest has just run them all under this limit, and they pass. "
            "pytest -n auto ended %s." % ("with exit code %d" % runs[0].code if runs[0].code is not None
                                          else "not at all: it was stopped after %d s" % PATIENCE))
    elif not good:
        say("This is not what fittest promises: please report it, with the output above.")
    return 0 if good else 1


def main():
    def give_up(number, frame):
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, give_up)
    signal.signal(signal.SIGHUP, give_up)
    with tempfile.TemporaryDirectory(prefix="fittest-demo-") as folder:
        return demo(Path(folder))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

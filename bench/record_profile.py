#!/usr/bin/env python3
"""Records what each test of a pytest suite takes, one after another in one process, for the scheduler's benchmark.

    python3 bench/record_profile.py OUTPUT.tsv [--limit GIB] -- PYTEST ARGS...

Standard library and pytest only. Peaks are VmHWM above VmRSS, the mark reset before each test by writing 5 to
/proc/self/clear_refs; the time is set-up, call and teardown together. What was collected is frozen and the garbage
collected after each test, as a worker of fittest does. With --limit, allocations beyond that address space fail with
MemoryError: the test then fails and its peak is what it reached, but the machine is safe.

The table has a line for each test, columns separated by tabs:
    peak      KiB above what the process held before the test
    retained  KiB more than before, after it
    ms        milliseconds
    shares    1 if a class, module or package fixture is shared with the test before it in the same file
    id        without directories of the machine; a leading "::" stands for the file of the line before
"""

import argparse
import gc
import os
import resource
import sys
import time


def status_kib():
    with open("/proc/self/status", encoding="ascii") as status:
        values = dict(line.split(":", 1) for line in status if line.startswith(("VmHWM", "VmRSS")))
    return int(values["VmHWM"].split()[0]), int(values["VmRSS"].split()[0])


def reset_peak():
    with open("/proc/self/clear_refs", "w", encoding="ascii") as clear:
        clear.write("5")


def file_name(item):
    """The file below the directory it is imported from, or below the suite's root."""
    path = str(item.path)
    for base in sorted((p for p in sys.path if p), key=len, reverse=True):
        if path.startswith(os.path.abspath(base) + os.sep) and "packages" in base:
            return os.path.relpath(path, base)
    return os.path.relpath(path, item.config.rootpath)


def wide_fixtures(item):
    """The fixtures of this test that outlive it but not the session, told apart by where they are set up anew."""
    info = getattr(item, "_fixtureinfo", None)
    found = set()
    for name, definitions in (info.name2fixturedefs if info else {}).items():
        definition = definitions[-1]
        if name.startswith(("_xunit_setup_function", "_xunit_setup_method")) or definition.argname == "request":
            continue
        if definition.scope in ("class", "module", "package"):
            owner = getattr(item, "cls", None) if definition.scope == "class" else item.path
            found.add((name, definition.scope, owner))
    return found


class Recorder:
    def __init__(self, output):
        self.output = output
        self.file = None
        self.wide = set()
        self.next_report = 0.0

    def pytest_collection_finish(self, session):
        del session
        gc.collect()
        gc.freeze()

    def pytest_runtest_protocol(self, item, nextitem):
        from _pytest.runner import runtestprotocol

        reset_peak()
        _, before = status_kib()
        start = time.perf_counter()
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        runtestprotocol(item, nextitem=nextitem)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        seconds = time.perf_counter() - start
        peak, _ = status_kib()
        gc.collect()
        _, after = status_kib()

        name, wide = file_name(item), wide_fixtures(item)
        same_file = name == self.file
        shares = int(same_file and bool(wide & self.wide))
        test = item.nodeid.split("::", 1)[1].encode("unicode_escape").decode("ascii")
        self.output.write(
            f"{max(0, peak - before)}\t{max(0, after - before)}\t{seconds * 1000:.1f}\t{shares}\t"
            f"{'' if same_file else name}::{test}\n"
        )
        self.output.flush()
        self.file, self.wide = name, wide
        return True


def main():
    if "--" not in sys.argv:
        sys.exit(__doc__)
    split = sys.argv.index("--")
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("output")
    parser.add_argument("--limit", type=int, help="address space in GiB")
    options = parser.parse_args(sys.argv[1:split])
    if options.limit:
        resource.setrlimit(resource.RLIMIT_AS, (options.limit << 30, options.limit << 30))
    for pool in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # a test is to take one core
        os.environ.setdefault(pool, "1")
    os.environ.setdefault("MPLBACKEND", "Agg")

    import pytest

    with open(options.output, "w", encoding="ascii") as output:
        output.write("peak\tretained\tms\tshares\tid\n")
        code = pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[split + 1 :]], plugins=[Recorder(output)])
    return 0 if code in (0, 1) else int(code)  # a failing test is no failure of the recording


if __name__ == "__main__":
    sys.exit(main())

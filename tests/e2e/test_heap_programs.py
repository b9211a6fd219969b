"""The heap tracker never changes what a program does: large suites of others, with it and without it."""
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import PROGRAM

DEBIAN_PYTHON = "/usr/bin/python3"
# Of CPython's own suite: what allocates, forks, starts threads and processes, maps memory, and handles signals.
CPYTHON = ("test_json test_dict test_list test_gc test_generators test_weakref test_zlib test_thread test_fork1 test_mmap "
           "test_signal test_array test_memoryio test_ctypes test_threading test_subprocess").split()


def run(command, folder, environment=None, timeout=500):
    done = subprocess.run(command, cwd=folder, env={**os.environ, **(environment or {})}, timeout=timeout,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def under_tracker(command, folder, *options, timeout=500):
    code, text = run([PROGRAM, "heap", "run", *options, "--", *command], folder, timeout=timeout)
    traces = [name for name in os.listdir(folder) if name.endswith(".heap")]
    assert traces, text
    for name in traces:
        report = subprocess.run([PROGRAM, "heap", "report", "--json", "--no-stacks", name], cwd=folder,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert report.returncode == 0, report.stderr
    return code, text


def suite_of(python):
    """The names of CPYTHON that this interpreter has."""
    check = "import importlib.util, sys\nprint(*[n for n in sys.argv[1:] if importlib.util.find_spec('test.' + n)])"
    done = subprocess.run([python, "-c", check, *CPYTHON], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.split()


def interpreters():
    """Real interpreters, not scripts that lead to one."""
    for python in (DEBIAN_PYTHON, sys.executable, os.environ.get("FITTEST_TEST_PYTHON"), "python3"):
        if python and shutil.which(python):
            yield subprocess.run([python, "-c", "import sys; print(sys.executable)"], stdout=subprocess.PIPE, text=True,
                                 check=True).stdout.strip()


def outcomes(text):
    """What the suite's own summary says, whatever order and time its tests had."""
    return {kind: sorted(re.findall(r"test_\w+", found.group(1))) if found else []
            for kind, found in ((kind, re.search(r"\d+ tests? %s:\n((?:    .*\n)+)" % kind, text))
                                for kind in ("failed", "altered the execution environment"))}


@pytest.fixture(scope="module")
def cpython(tmp_path_factory):
    """The command of the suite, and how it ends without the tracker."""
    python = next((python for python in interpreters() if suite_of(python)), None)
    if python is None:
        pytest.skip("no interpreter here has CPython's own tests")
    command = [python, "-m", "test", "-j2", "--timeout", "120", *suite_of(python)]
    return command, run(command, tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("mode", [[], ["--exact"]], ids=["sample", "exact"])
def test_cpythons_suite(cpython, tmp_path, mode):
    command, (code, plain) = cpython
    # Its tests run in processes of their own that it starts: those are to be under the tracker, too.
    traced_code, traced = under_tracker(command, tmp_path, "--follow-exec", *mode)
    assert outcomes(traced) == outcomes(plain), traced
    assert traced_code == code
    assert len(os.listdir(tmp_path)) > len(suite_of(command[0]))


def test_numpys_suite(tmp_path):
    if subprocess.run([DEBIAN_PYTHON, "-c", "import numpy, pytest"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("Debian's Python has no numpy")
    command = [DEBIAN_PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "numpy.ma", "numpy.linalg"]
    counts = [re.search(r"\d+ passed.*?(?= in )", text).group(0)
              for text in (run(command, tmp_path)[1], under_tracker(command, tmp_path)[1])]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("mode", [[], ["--exact"]], ids=["sample", "exact"])
def test_many_threads_and_processes_at_once(tmp_path, mode):
    if not shutil.which("stress-ng"):
        pytest.skip("stress-ng is not installed")
    command = ["stress-ng", "--malloc", "2", "--malloc-bytes", "64m", "--malloc-ops", "20000", "--pthread", "2",
               "--pthread-ops", "400", "--fork", "1", "--fork-ops", "300", "--vfork", "1", "--vfork-ops", "300",
               "--mmap", "1", "--mmap-bytes", "32m", "--mmap-ops", "50", "--malloc-pthreads", "4", "--verify", "--timeout", "120"]
    code, text = run(command, tmp_path)
    assert code == 0, text
    code, text = under_tracker(command, tmp_path, "--follow-fork", *mode)
    assert code == 0, text
    assert "failed: 0" in text or "successful run" in text or "passed" in text, text

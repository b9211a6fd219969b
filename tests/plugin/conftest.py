"""Tests of the Python side without the program: its modules are imported from the sources."""
import fcntl
import os
import pickle
import signal
import sys
import traceback
from pathlib import Path

import pytest

pytest_plugins = "pytester"

sys.path.insert(0, str(Path(__file__).parents[2] / "plugin"))


def in_child(what, *arguments):
    """Runs `what` in a forked child, so that it may break what it likes; gives back what it returns."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        dumps, write, leave, describe = pickle.dumps, os.write, os._exit, traceback.format_exc
        os.close(read_end)
        out = fcntl.fcntl(write_end, fcntl.F_DUPFD_CLOEXEC, 500)
        os.close(write_end)
        try:
            try:
                told = dumps((True, what(*arguments)))
            except BaseException:
                told = dumps((False, describe()))
            while told:
                told = told[write(out, told) :]
        finally:
            leave(0)
    os.close(write_end)
    told = b""
    while True:
        part = os.read(read_end, 1 << 16)
        if not part:
            break
        told += part
    os.close(read_end)
    _, status = os.waitpid(child, 0)
    assert told, "the child ended with status %d" % status
    good, value = pickle.loads(told)
    assert good, value
    return value


@pytest.fixture
def patience():
    """Ends a test that would wait for ever."""

    def give_up(*_):
        raise TimeoutError("waited for 60 seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pytest_configure(config):
    for name in ("limit_memory", "limit_leaks", "limit_leaked_objects"):
        config.addinivalue_line("markers", "%s: used by tests of what it comes to" % name)

"""What tests of limits share: a suite that allocates by the C library, and the reading of what fittest says of it."""
import re
import textwrap

import pytest

KB, MB = 1 << 10, 1 << 20

# valloc and free of the C library under names of Python functions.
ALLOCATOR = """
import ctypes
libc = ctypes.CDLL(None)
libc.valloc.restype, libc.valloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
libc.valloc(1), libc.free(None)  # what the first call sets up is none of a test's

class Allocator:
    def valloc(self, size):
        self.at = libc.valloc(size)

    def free(self):
        libc.free(self.at)

allocator = Allocator()
"""
WAYS = {"fork": ["-n2"], "in-order": ["-n0"], "spawn": ["--isolation", "spawn", "-n2"], "none": ["--isolation", "none"]}


@pytest.fixture
def allocating(suite):
    suite.file("pytest.ini", "[pytest]\npythonpath = .\n")
    suite.file("allocating.py", ALLOCATOR)
    return suite


def write(suite, text, name="test_a"):
    suite.write(**{name: "import pytest\nfrom allocating import Allocator, allocator\n" + textwrap.dedent(text)})


def stacks_of(out):
    """From "List of allocations": the frames of each, as (function, file, line)."""
    found, inside = [], False
    for line in out.splitlines():
        if line.startswith("List of "):
            inside = True
        elif line.startswith(("---", "===", "The largest")):
            inside = False
        elif inside and "allocated here" in line:
            found.append([])
        elif inside and (frame := re.match(r"^ {8}([^:]+):(.*):(\d+)$", line)):
            found[-1].append((frame[1], frame[2], int(frame[3])))
    return found


def figure(text):
    number, unit = re.fullmatch(r"([\d.]+)([KMG]?i?)B", text).groups()
    return float(number) * 1024 ** "KMG".find(unit[:1] or "-") * 1024 if unit else float(number)

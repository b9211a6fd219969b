"""The heap tracker that fittest preloads into this process (include/fittest/heap.h), and the sections it records.

Everything is bound when the session starts: a section must add as little as it can to what it measures."""
import ctypes
import itertools
import json
import os
import subprocess

EXACT, PYTHON_ALLOCATORS, CURRENT_THREAD = 1, 2, 4
_VERSION = 2
_REPORT_SECONDS = 600
_strerror, _run = os.strerror, subprocess.run


class Unreadable(Exception):
    """A trace that says nothing, and why."""


class Figures(ctypes.Structure):
    """struct fittest_heap_figures."""

    _fields_ = [(name, ctypes.c_uint64) for name in (
        "live", "peak", "allocated", "allocations", "frees", "mapped", "mapped_total", "recorded", "lost")]

    def as_dict(self):
        return {name: getattr(self, name) for name, _ in self._fields_}


class Tracker:
    """The library in this process. `why_not`: one line, where it is not there; nothing else may be used then."""

    def __init__(self, setup):
        self.why_not = setup.get("why_not")
        self._program = setup.get("program")
        if self.why_not:
            return
        try:
            # With the interpreter's lock held: allocators of Python are exchanged, and no other thread should run on
            # while a section begins.
            library = ctypes.PyDLL(None)
            version = library.fittest_heap_version
        except (AttributeError, OSError):
            self.why_not = "its library is not loaded into this Python, which may be linked statically"
            return
        version.restype, version.argtypes = ctypes.c_int, ()
        if version() != _VERSION:
            self.why_not = "another version of its library is loaded: %d instead of %d" % (version(), _VERSION)
            return
        self.begin = library.fittest_heap_begin
        self.begin.restype, self.begin.argtypes = ctypes.c_int, (ctypes.c_char_p, ctypes.c_uint)
        self.end = library.fittest_heap_end
        self.end.restype, self.end.argtypes = ctypes.c_int, (ctypes.c_void_p,)
        self.read = library.fittest_heap_read
        self.read.restype, self.read.argtypes = None, (ctypes.c_void_p,)
        # Without arguments: what ctypes makes of them would be among the objects.
        self.begin_objects, self.end_objects = library.fittest_heap_objects_begin, library.fittest_heap_objects_end
        self.take_objects = library.fittest_heap_objects_take
        self.begin_objects.restype = self.end_objects.restype = ctypes.c_int
        self.take_objects.restype = ctypes.py_object
        self._mark = library.fittest_heap_mark
        self._mark.restype, self._mark.argtypes = None, (ctypes.c_char_p,)
        if not self._sees():
            self.why_not = "another allocator stands before its library in this Python: a sanitizer's, or the program's own"

    def _sees(self):
        """Whether what this process allocates comes past the library."""
        before, after = Figures(), Figures()
        self.read(ctypes.addressof(before))
        buffer = ctypes.create_string_buffer(1 << 16)
        self.read(ctypes.addressof(after))
        del buffer
        return after.allocated > before.allocated

    def __bool__(self):
        return self.why_not is None

    def mark(self, name):
        """In the trace of this process: the test begins; "": it has ended."""
        self._mark(name.encode("utf-8", "surrogateescape"))

    def report(self, path, stacks=True, native=False):
        """What `fittest heap report` says of a trace; with the interpreter's own functions, if `native`. Raises
        Unreadable."""
        options = ([] if stacks else ["--no-stacks"]) + (["--native"] if native else [])
        return self._ask("report", path, options, _Report)

    def growth(self, path):
        """The stacks of which `fittest heap growth` tells in a trace of repetitions. Raises Unreadable."""
        return self._ask("growth", path, [], _growth)

    def _ask(self, verb, path, options, understand):
        command = [self._program, "heap", verb, path, "--json"] + options
        try:
            done = _run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                        env=_environment, timeout=_REPORT_SECONDS)
            if done.returncode == 0:
                return understand(json.loads(done.stdout))
        except (OSError, KeyError, TypeError, ValueError, subprocess.SubprocessError) as problem:
            raise Unreadable("%s: %s" % (path, problem)) from None
        raise Unreadable(done.stderr.decode("utf-8", "replace").strip() or "%s: status %d" % (path, done.returncode))


class _Report:
    """`peak`, `total`, `leaked`: {"bytes", "count"} over all; `stacks`: the same for each stack, by those names, with
    its `frames`, innermost first, up to where fittest called the test."""

    def __init__(self, told):
        amounts = told["amounts"]
        self.peak, self.total, self.leaked = amounts["peak"], amounts["total"], amounts["leaked"]
        self.python_peak = told["python_allocators"]["peak"]  # among `peak`
        frames = [dict(_NO_FRAME, **frame) for frame in told.get("frames", ())]
        own = {index for index, frame in enumerate(frames) if frame["file"].startswith("<fittest>/")}
        self.stacks = [
            dict(stack["amounts"],
                 frames=[frames[index] for index in itertools.takewhile(lambda index: index not in own, stack["frames"])])
            for stack in told.get("stacks", ())]


def _growth(told):
    for stack in told["stacks"]:
        stack["frames"] = [dict(_NO_FRAME, **frame) for frame in stack["frames"]]
    return told["stacks"]


_NO_FRAME = {"function": "", "file": "", "line": 0, "module": "", "language": "native"}

# For the reader of traces, which is not to be watched itself.
_environment = {name: value for name, value in os.environ.items()
                if name != "LD_PRELOAD" and not name.startswith("FITTEST_HEAP")}


class TestCounters:
    """What one test does to the heap, by the counters, which run anyway."""

    def __init__(self, tracker):
        self._tracker, self._before, self._after = tracker, Figures(), Figures()
        self._before_pointer, self._after_pointer = ctypes.addressof(self._before), ctypes.addressof(self._after)

    def start(self, name):
        """The highest starts anew; a trace of this process, if there is one, is told the name."""
        self._tracker.mark(name)
        self._tracker.read(self._before_pointer)

    def stop(self):
        """Peak above what was held before, bytes allocated, allocations."""
        self._tracker.read(self._after_pointer)
        self._tracker.mark("")
        before, after = self._before, self._after
        return (max(after.peak - before.live, 0), max(after.allocated - before.allocated, 0),
                max(after.allocations - before.allocations, 0))


class Section:
    """A stretch of the run with a trace of its own: `with section: ...`. Sections do not nest. Afterwards `figures`
    is set, or `problem` says why there are none."""

    def __init__(self, tracker, path, flags):
        self.path = path
        self.figures = None
        self.problem = None
        self.ended_well = False  # the body was left without an exception
        self._begin, self._arguments = tracker.begin, (os.fsencode(path), flags)
        self._end = tracker.end
        self._read, self._before = tracker.read, Figures()
        self._after = Figures()
        # Made now: what ctypes needs for a call is not to be among what the section records.
        self._before_pointer, self._after_pointer = ctypes.addressof(self._before), ctypes.addressof(self._after)

    def __enter__(self):
        self._read(self._before_pointer)
        code = self._begin(*self._arguments)
        if code:
            self.problem = _strerror(code)
        return self

    def __exit__(self, kind, value, trace):
        if self.problem is not None:
            return
        code = self._end(self._after_pointer)
        if code:
            self.problem = _strerror(code)
        else:
            self.figures = self._after
            self.ended_well = kind is None

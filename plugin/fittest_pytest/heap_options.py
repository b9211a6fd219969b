"""The options of pytest-memray, understood without it, on the command line and in ini files."""
import hashlib
import os
import uuid

import pytest

_LONGEST_NAME = 255
# pytest-memray leaves room for the longer name that it gives to a file beside the trace.
_LONGEST_TRACE_NAME = _LONGEST_NAME - (len(".metadata") - len(".bin"))


def block_memray(pluginmanager):
    """Its options are ours here, and two trackers would measure each other."""
    for name in ("memray", "pytest_memray", "pytest_memray.plugin"):
        pluginmanager.set_blocked(name)


def _positive(text):
    number = int(text)
    if number <= 0:
        raise ValueError(text)
    return number


def _natural(text):
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def add_options(parser):
    group = parser.getgroup("fittest-heap", "fittest: what tests allocate (options of pytest-memray)")
    add = group.addoption

    def flag(name, dest, help_text):
        add(name, dest=dest, action="store_true", default=None, help=help_text)
        parser.addini(dest, help_text, type="bool", default=None)

    flag("--memray", "memray", "Record what each test allocates, and report it at the end")
    flag("--hide-memray-summary", "hide_memray_summary", "Do not report it at the end")
    flag("--native", "native", "Show native frames, too, in the lists of allocations")
    flag("--trace-python-allocators", "trace_python_allocators", "Record what Python's own allocators give out")
    flag("--fail-on-increase", "fail_on_increase",
         "A test with a limit_memory mark fails if it needs more than in its last successful run")
    parser.addini("fail-on-increase", "The same as fail_on_increase", type="bool", default=None)
    add("--memray-bin-path", dest="memray_bin_path", default=None, metavar="DIR",
        help="Keep the trace of each test in this folder; for fittest heap report")
    add("--memray-bin-prefix", dest="memray_bin_prefix", default=None, metavar="PREFIX",
        help="What the names of the traces begin with (default: a random one)")
    add("--most-allocations", dest="most_allocations", type=_natural, default=None, metavar="N",
        help="Report the N tests that allocate most (default: 5; 0: all)")
    add("--stacks", dest="stacks", type=_positive, default=None, metavar="N",
        help="Show the N innermost frames of an allocation (default: 1)")
    for name, help_text in (("most_allocations", "Report the N tests that allocate most"),
                            ("stacks", "Show the N innermost frames of an allocation")):
        parser.addini(name, help_text, default=None)
    parser.addini("verbosity_memray", "How much a broken limit_memory shows: below 0 the figures alone, 0 or 1 the ten "
                  "largest allocations, from 2 on all; auto: as -v and -q say", default="auto")
    add("--find-leaks", dest="find_leaks", type=_leak_repetitions, default=None, metavar="N",
        help="Run each test N times in one worker, and report what grows with each time; at least 4")


def _leak_repetitions(text):
    number = int(text)
    if number < 4:
        raise ValueError(text)
    return number


class HeapOptions:
    """What they come to: the command line is stronger than the ini file. Raises UsageError."""

    def __init__(self, config):
        self._config = config
        option = config.option
        self.memray = self._flag("memray")
        self.hides_summary = self._flag("hide_memray_summary")
        self.native = self._flag("native")
        self.python_allocators = self._flag("trace_python_allocators")
        self.fails_on_increase = self._flag("fail_on_increase") or (
            option.fail_on_increase is None and bool(_ini(config, "fail-on-increase")))
        self.most_allocations = self._number("most_allocations", _natural, 5)
        self.stacks = self._number("stacks", _positive, 1)
        self.verbosity = self._verbosity()
        self.find_leaks = option.find_leaks
        # "-p no:memray" switched the plugin of that name off; here it does the same for what stands in for it.
        self.off = "no:memray" in (option.plugins or ())
        self.folder = self._trace_folder(option.memray_bin_path)
        self.prefix = option.memray_bin_prefix or uuid.uuid4().hex

    def _flag(self, name):
        value = getattr(self._config.option, name)
        return bool(_ini(self._config, name) if value is None else value)

    def _number(self, name, kind, otherwise):
        value = getattr(self._config.option, name)
        if value is not None:
            return value
        text = _ini(self._config, name)
        if text in (None, ""):
            return otherwise
        try:
            return kind(text)
        except ValueError:
            raise pytest.UsageError("%s = %s: must be a number from %d on" % (name, text, kind is _positive)) from None

    def _verbosity(self):
        text = _ini(self._config, "verbosity_memray")
        if text in (None, "", "auto"):
            return self._config.option.verbose
        try:
            return int(text)
        except ValueError:
            raise pytest.UsageError("verbosity_memray = %s: must be a number, or auto" % text) from None

    @staticmethod
    def _trace_folder(path):
        if path is None:
            return None
        folder = os.path.abspath(path)
        if not os.path.exists(folder):
            try:
                os.makedirs(folder, exist_ok=True)
            except OSError as problem:
                raise pytest.UsageError("--memray-bin-path: cannot create directory %s due to %s" % (
                    folder, problem)) from None
        elif not os.path.isdir(folder):
            raise pytest.UsageError("--memray-bin-path: %s must be a directory" % folder)
        elif not os.access(folder, os.W_OK):
            raise pytest.UsageError("--memray-bin-path: %s is read-only" % folder)
        return folder

    def trace_name(self, nodeid):
        """As pytest-memray names it: PREFIX-<id of the test>.bin, no longer than a file's name may be."""
        name = "%s-%s.bin" % (self.prefix, nodeid.replace("::", "-").replace(os.sep, "-"))
        encoded = name.encode("utf-8", "surrogateescape")
        if len(encoded) <= _LONGEST_TRACE_NAME:
            return name
        ending = "-%s.bin" % hashlib.sha256(encoded).hexdigest()[:16]
        return encoded[: _LONGEST_TRACE_NAME - len(ending)].decode("utf-8", "ignore") + ending


def _ini(config, name):
    try:
        return config.getini(name)
    except (KeyError, ValueError):
        return None

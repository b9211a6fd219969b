"""What limit_leaked_objects watches: the objects that a test's body made and that are still there after it. As
pytest-memray asks for it: from Python 3.13.3 on.

The heap tracker notes them, of any type (src/heap/track/python_objects.h). Where it is not there, or cannot with this
Python, only those are seen that Python's garbage collector keeps track of: instances, containers, functions. What was
there before the body is frozen then, so that no later object can be taken for one of it, whatever its address."""
import collections
import errno
import gc
import os
import sys

import pytest

OLDEST = (3, 13, 3)
_MOST_TYPES = 10
_MOST_OBJECTS = 10
_LONGEST_REPR = 100
_PROBLEMS = {
    errno.ECANCELED: "something else began or ended to trace Python's objects meanwhile: tracemalloc, or an extension",
    errno.EOVERFLOW: "it holds more Python objects than can be noted",
}
# Names that a test may break.
_collect, _strerror = gc.collect, os.strerror
_clear_caches = getattr(sys, "_clear_internal_caches", lambda: None)


def check_version(items):
    """Raises UsageError where a test has the mark, and this Python is too old for it."""
    if sys.version_info >= OLDEST:
        return
    for item in items:
        if item.get_closest_marker("limit_leaked_objects") is not None:
            raise pytest.UsageError(
                "The limit_leaked_objects marker requires Python 3.13.3 or later. Current version: %d.%d.%d (%s)" % (
                    *sys.version_info[:3], item.nodeid))


class ObjectWatch:
    """`with watch: ...`; then `left` has the objects, unless `problem` says why nothing is known. `partial`: why only
    those were seen that the garbage collector keeps track of."""

    def __init__(self, tracker):
        self.left = []
        self.problem = None
        self.partial = tracker.why_not
        if self.partial is None:
            # What is looked up meanwhile might leave something behind.
            self._begin, self._end, self._take = tracker.begin_objects, tracker.end_objects, tracker.take_objects

    def __enter__(self):
        if self.partial is None:
            code = self._begin()
            if not code:
                return self
            if code != errno.ENOTSUP:
                self.problem = _strerror(code)
                return self
            self.partial = "the objects of this Python cannot be traced"
        _collect()
        gc.freeze()
        return self

    def __exit__(self, kind, value, trace):
        if self.problem is not None:
            return
        if kind is None:
            _collect()
            _clear_caches()
        if self.partial is None:
            code = self._end()
            if code:
                self.problem = _PROBLEMS.get(code) or _strerror(code)
                return
            left = self._take()
        else:
            left = gc.get_objects()
        if kind is None:
            self.left = left


def headline(objects):
    return "Test leaked %d objects" % len(objects)


def listing(objects, partial=None):
    """`partial`: of the watch."""
    kinds = collections.Counter(type(one).__name__ for one in objects)
    top = kinds.most_common(_MOST_TYPES)
    width = len(str(top[0][1]))
    lines = ["    Object types that leaked (total: %d objects):" % len(objects)]
    lines += ["        - %*d %s instance(s)" % (width, count, name) for name, count in top]
    if len(kinds) > len(top):
        lines.append("        ... and %d more types" % (len(kinds) - len(top)))
    lines += ["", "    Sample of leaked objects:"]
    for one in objects[:_MOST_OBJECTS]:
        try:
            text = repr(one)
        except Exception:
            text = "<repr failed>"
        if len(text) > _LONGEST_REPR:
            text = text[: _LONGEST_REPR - 3] + "..."
        lines.append("        - %s: %s" % (type(one).__name__, text))
    if len(objects) > _MOST_OBJECTS:
        lines.append("        ... and %d more" % (len(objects) - _MOST_OBJECTS))
    if partial is not None:
        lines += ["", "    Numbers, strings and others that Python's garbage collector does not know were not seen: %s" % (
            partial)]
    return "\n".join(lines)

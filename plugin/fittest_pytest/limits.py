"""The pytest plugin that holds tests to their limits, and records what they allocate for --memray.

Only the body of a test counts: fixtures, setUp and tearDown stay outside. Limits are checked where the body passed. A
test that breaks one fails, and its call report says so by `fittest_verdict`; what was measured is in `fittest_heap`."""
import contextlib
import functools
import inspect
import os
import traceback

import pytest
from _pytest.unittest import TestCaseFunction

from fittest_pytest import demands, heap, heap_options, heap_text, leaked_objects

_unlink, _getattr, _reversed = os.unlink, getattr, reversed
_LEAK_FRAMES = 5  # at least, whatever --stacks says


class Body:
    """What is known of a test's body when it has been left."""

    def __init__(self, demand, section, objects):
        self.demand, self.section, self.objects = demand, section, objects


class Broken:
    """A limit that does not hold: `text` is why the test fails, `title` and `section` the details, if any are shown."""

    def __init__(self, text, title=None, section=None, whole=None):
        self.text, self.title, self.section, self.whole = text, title, section, whole


class Limits:
    def __init__(self, setup):
        self.tracker = heap.Tracker(setup)
        self.options = None
        self.folder = None      # of traces that nobody keeps
        self.configured = {}    # node id -> limits of the configuration
        self.earlier = {}       # node id -> what it needed in its last successful runs, the latest last; what it may need
        self.bodies = {}
        self.traces, self.traced_by = 0, "s"  # names of traces that nobody keeps
        self.apart = contextlib.nullcontext  # around what is not to count as the test's memory

    # --- set-up ---

    def pytest_addoption(self, parser):
        heap_options.add_options(parser)

    def pytest_configure(self, config):
        self.options = heap_options.HeapOptions(config)
        for line in demands.MARKS.values():
            config.addinivalue_line("markers", line)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        if not self.options.off:
            leaked_objects.check_version(items)

    def wanted(self, items):
        """Whether any of the tests is measured at all, so that fittest has to be asked."""
        return not self.options.off and (
            self.options.memray or self.options.find_leaks or any(map(demands.is_marked, items)))

    def prepare(self, plan):
        """`plan`: from the session, the same in all workers; nothing where no test is measured."""
        if plan is None:
            return
        self.folder, self.configured, self.earlier = plan["folder"], plan["configured"], plan["earlier"]
        self.options.prefix = plan["prefix"]

    def plan(self):
        return {"folder": self.folder, "configured": self.configured, "earlier": self.earlier,
                "prefix": self.options.prefix}

    def is_on(self):
        """Whether the bodies of tests are measured."""
        return self.can_measure() and self.options.find_leaks is None

    def can_measure(self):
        return not self.options.off and bool(self.tracker) and bool(self.folder or self.options.folder)

    # --- the body ---

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_pyfunc_call(self, pyfuncitem):
        with self.watching(pyfuncitem, lambda body: setattr(pyfuncitem, "obj", body)):
            yield

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self, item):
        """unittest calls its methods by itself."""
        if not isinstance(item, TestCaseFunction):
            yield
            return
        case = getattr(item, "_testcase", None) or item.instance  # before pytest 8.2, and since
        if not inspect.iscoroutinefunction(item.obj):  # pytest puts `obj` into the case
            with self.watching(item, lambda body: setattr(item, "obj", body)):
                yield
            return
        try:
            with self.watching(item, lambda body: setattr(case, item.name, body)):
                yield
        finally:
            vars(case).pop(item.name, None)

    @contextlib.contextmanager
    def watching(self, item, put):
        """The body is replaced by one that is measured, until it is called or the test is over."""
        self.bodies.pop(item, None)
        demand = None if self.options.off else demands.demand_of(item, self.configured.get(item.nodeid))
        on = self.is_on()
        if on and demand is None and self.options.memray:
            demand = demands.Demand()
        if demand is None or not (on or demand.objects and self.options.find_leaks is None):
            yield
            return
        function = item.obj
        put(self.measured(item, demand, on, function, lambda: put(function)))
        try:
            yield
        finally:
            put(function)

    def measured(self, item, demand, on, function, restore):
        flags = demand.flags(self.options.python_allocators)
        sections = on and (demand.needs_section() or self.options.memray)

        def begin():
            # First, so that a plugin that calls the test once more does not wrap the wrapped.
            restore()
            section = heap.Section(self.tracker, self.trace_path(item), flags) if sections else None
            objects = leaked_objects.ObjectWatch(self.tracker) if demand.objects else None
            self.forget(item)
            self.bodies[item] = Body(demand, section, objects)
            return section or contextlib.nullcontext(), objects or contextlib.nullcontext()

        if inspect.iscoroutinefunction(function):
            @functools.wraps(function)
            async def body(*arguments, **named):
                section, objects = begin()
                for _ in range(demand.warmups):
                    await function(*arguments, **named)
                with section, objects:
                    return await function(*arguments, **named)
        else:
            @functools.wraps(function)
            def body(*arguments, **named):
                section, objects = begin()
                for _ in range(demand.warmups):
                    function(*arguments, **named)
                with section, objects:
                    return function(*arguments, **named)
        return body

    def trace_path(self, item):
        if self.options.folder is not None:
            path = os.path.join(self.options.folder, self.options.trace_name(item.nodeid))
            with contextlib.suppress(OSError):
                _unlink(path)
            return path
        self.traces += 1
        return os.path.join(self.folder, "%s-%d.heap" % (self.traced_by, self.traces))

    def forget(self, item):
        """Of a body that is run once more."""
        before = self.bodies.pop(item, None)
        if before is not None and before.section is not None and self.options.folder is None:
            with contextlib.suppress(OSError):
                _unlink(before.section.path)

    # --- the verdict ---

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        outcome = yield
        if call.when != "call":
            return
        body = self.bodies.pop(item, None)
        if body is None:
            return
        report = outcome.get_result()
        told = {}
        try:
            problem = next((part.problem for part in (body.section, body.objects) if part and part.problem), None)
            if problem is not None:
                told["problem"] = problem
            elif report.outcome == "passed":
                for broken in self.judge(item, body, told):
                    self.fail(report, broken)
        except heap.Unreadable as problem:
            told["problem"] = str(problem)
        except Exception:  # of the test's filter_fn
            report.outcome, report.longrepr = "failed", traceback.format_exc()
        self.tell(body, report, told)

    def fail(self, report, broken):
        report.outcome = "failed"
        report.longrepr = broken.text
        report.fittest_verdict = "over_limit"
        if broken.section is not None:
            report.sections.append((broken.title, broken.section))
        if broken.whole:
            report.sections.append(("fittest-heap", "The largest, innermost frame first:\n" + broken.whole))

    def tell(self, body, report, told):
        section = body.section
        if section is not None and section.figures is not None:
            told["figures"] = section.figures.as_dict()
            if section.ended_well and self.options.memray:
                told["trace"] = section.path
        if section is not None and "trace" not in told and self.options.folder is None:
            with contextlib.suppress(OSError):
                _unlink(section.path)
        body.objects = None
        if told:
            report.fittest_heap = told

    def judge(self, item, body, told):
        """The limits that do not hold."""
        demand, section = body.demand, body.section
        if section is not None and section.figures is not None:
            with self.apart():
                for limit, where in demand.memory:
                    yield from self.judge_memory(item, demand, section, limit, where, told)
                for limit, filter_fn, where in demand.leaks:
                    yield from self.judge_leaks(section, limit, filter_fn, where)
        for filter_fn in demand.objects:
            left = [one for one in body.objects.left if filter_fn is None or filter_fn(one)]
            if left:
                yield Broken(leaked_objects.headline(left), "memray-tracked-objects",
                             "List of leaked objects:\n" + leaked_objects.listing(left, body.objects.partial))

    def judge_memory(self, item, demand, section, limit, where, told):
        recorded = section.figures.recorded
        if recorded < limit and not demand.remembers:
            return  # it never held more than it asked for over all
        peak = told.get("peak")
        if peak is None:
            peak = recorded and self.peak_of(section)
        if demand.remembers:
            told["peak"] = peak
            peaks, allowed = self.earlier.get(item.nodeid, ((), None))
            if allowed is not None and peak > allowed:
                yield Broken("Test previously used %s but now uses %s" % (
                    heap_text.size(peaks[-1]), heap_text.size(peak)), "memray-max-memory",
                    heap_text.increase(peaks, allowed, peak))
                return
        if peak < limit:
            return
        text = "Test was limited to %s but allocated %s%s" % (heap_text.size(limit), heap_text.size(peak), where)
        options = self.options
        if options.verbosity < 0:
            yield Broken(text)
            return
        stacks = self.tracker.report(section.path, native=options.native).stacks if recorded else []
        held = [stack for stack in stacks if stack["peak"]["count"] > 0]
        most = None if options.verbosity >= 2 else heap_text.MOST_LISTED
        yield Broken(text, "memray-max-memory",
                     "List of allocations:\n" + heap_text.allocations(held, "peak", options.native, options.stacks, most),
                     heap_text.whole_stacks(held, "peak"))

    def peak_of(self, section):
        report = self.tracker.report(section.path, stacks=False)
        # A limit on leaks of the same test asked for Python's allocators, whose memory is counted as mapped already.
        return report.peak["bytes"] - (0 if self.options.python_allocators else report.python_peak["bytes"])

    def judge_leaks(self, section, limit, filter_fn, where):
        if section.figures.recorded < limit or section.figures.recorded == 0:
            return
        leaked = [stack for stack in self.tracker.report(section.path).stacks
                  if stack["leaked"]["count"] > 0 and stack["leaked"]["bytes"] >= limit]
        leaked = [stack for stack in leaked if filter_fn is None or filter_fn(heap_text.stack_of(stack))]
        if not leaked:
            return
        frames = max(self.options.stacks, _LEAK_FRAMES)
        yield Broken(
            "Test was allowed to leak %s per location but at least one location leaked more%s" % (
                heap_text.size(limit), where),
            "memray-leaked-memory",
            "List of leaked allocations:\n" + heap_text.allocations(leaked, "leaked", True, frames),
            heap_text.whole_stacks(leaked, "leaked"))

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_report_teststatus(self, report):
        outcome = yield
        if getattr(report, "fittest_verdict", None) == "over_limit" and report.failed:
            outcome.force_result(("failed", "M", "MEMORY PROBLEMS"))


def body_peak(reports):
    """What the body of a test with limit_memory held at most, from the test's reports; nothing where it is not known."""
    for report in _reversed(reports):
        told = _getattr(report, "fittest_heap", None)
        if told and "peak" in told:
            return told["peak"]
    return None

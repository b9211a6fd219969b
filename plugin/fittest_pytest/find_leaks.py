"""--find-leaks=N: each test is run N times in one worker, with its fixtures; what is alive after each time is compared.
What grows with each is a leak; what grew at first and then stays is a cache, and only counted."""
import gc
import os

from fittest_pytest import heap, heap_text

_MOST_STACKS = 50  # of one test
_MOST_SHOWN = 20
_MOST_FRAMES = 8
# Where pytest calls what is not its own: (function, end of the file's name).
_DOORS = (("pytest_pyfunc_call", "_pytest/python.py"), ("call_fixture_func", "_pytest/fixtures.py"),
          ("_callTestMethod", "unittest/case.py"), ("_callSetUp", "unittest/case.py"))
_OWN = ("_pytest/", "<fittest>/", "/pluggy/")


class LeakSearch:
    """In a worker."""

    def __init__(self, limits):
        self.limits = limits
        self.times = limits.options.find_leaks

    def run(self, run_protocol, item, again, nextitem, recorder):
        """As often as it says, or until the test does not pass. `again`: stands for the test itself, to come next."""
        section = heap.Section(self.limits.tracker, self.limits.trace_path(item), heap.EXACT | heap.PYTHON_ALLOCATORS)
        mark = self.limits.tracker.mark
        gc.collect()
        done = 0
        with section:
            while done < self.times:
                recorder.start()
                item._report_sections, item.user_properties = [], []
                mark("%d" % done)
                run_protocol(item, again if done + 1 < self.times else nextitem)
                gc.collect()
                mark("")
                done += 1
                if any(report.outcome != "passed" for report in recorder.reports):
                    break
        self.tell(section, done, recorder)
        return done

    def tell(self, section, done, recorder):
        told = {}
        if section.problem is not None:
            told["problem"] = section.problem
        elif done == self.times:
            try:
                with self.limits.apart():
                    told["growth"] = growth_of(self.limits.tracker.growth(section.path))
            except heap.Unreadable as problem:
                told["problem"] = str(problem)
        if self.limits.options.folder is None:
            try:
                os.unlink(section.path)
            except OSError:
                pass
        if recorder.reports and told:
            recorder.reports[-1].fittest_heap = told


def growth_of(stacks):
    """The stacks that grow, as plain values, and what the others keep."""
    grows, settled = [], [0, 0]
    for stack in stacks:
        frames = user_frames(stack["frames"])
        if not frames:
            continue
        if stack["grows"]:
            places = tuple((frame["function"], frame["file"] or frame["module"], frame["line"]) for frame in frames)
            grows.append((places, stack["bytes_per_repetition"], stack["error_bytes"], stack["held_bytes"][-1]))
        else:
            settled[0] += 1
            settled[1] += stack["held_bytes"][-1]
    return {"grows": grows[:_MOST_STACKS], "settled": tuple(settled)}


def user_frames(frames):
    """Up to where pytest called the test or its fixture; nothing where pytest itself allocated."""
    for index, frame in enumerate(frames):
        if frame["language"] != "python":
            continue
        if any(frame["function"].rsplit(".", 1)[-1] == door and frame["file"].endswith(file) for door, file in _DOORS):
            return frames[:index]
    return [] if any(own in frame["file"] for frame in frames for own in _OWN) else frames


class LeakReport:
    """In the session."""

    def __init__(self, times):
        self.times = times
        self.grows = {}  # frames -> [(test, bytes each time, error, held)]
        self.tests = 0
        self.settled = [0, 0]

    def hear(self, nodeid, growth):
        self.tests += 1
        for places, each, error, held in growth["grows"]:
            self.grows.setdefault(tuple(places), []).append((nodeid, each, error, held))
        self.settled[0] += growth["settled"][0]
        self.settled[1] += growth["settled"][1]

    def lines(self):
        ranked = sorted(self.grows.items(), key=lambda entry: -sum(each for _, each, _, _ in entry[1]))
        growing = {nodeid for _, tests in ranked for nodeid, _, _, _ in tests}
        yield "%d tests were run %d times each: %d of them leak, from %d stacks" % (
            self.tests, self.times, len(growing), len(ranked))
        if self.settled[0]:
            yield "%d other stacks keep %s, which does not grow: caches" % (
                self.settled[0], heap_text.size(self.settled[1]))
        for places, tests in ranked[:_MOST_SHOWN]:
            yield ""
            nodeid, each, error, held = max(tests, key=lambda test: test[1])
            others = "" if len(tests) == 1 else " (and in %d more tests)" % (len(tests) - 1)
            yield "%s \u00b1 %s more each time in %s%s; %s after the last" % (
                heap_text.size(each), heap_text.size(error), nodeid, others, heap_text.size(held))
            for function, place, line in places[:_MOST_FRAMES]:
                yield "    %s:%s:%d" % (function, place, line)
            if len(places) > _MOST_FRAMES:
                yield "    ..."
        if len(ranked) > _MOST_SHOWN:
            yield ""
            yield "...and %d more stacks" % (len(ranked) - _MOST_SHOWN)

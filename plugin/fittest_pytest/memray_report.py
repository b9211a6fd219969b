"""In the session: hears what the tests' bodies allocated, and says it at the end, as pytest-memray does."""
import contextlib
import shutil

from fittest_pytest import find_leaks, heap, heap_text


class MemrayReport:
    def __init__(self, the_limits):
        self.limits = the_limits
        self.traces = {}    # node id -> (path, bytes recorded)
        self.leaks = find_leaks.LeakReport(the_limits.options.find_leaks)
        self.problems = {}  # node id -> why its limits could not be checked

    def pytest_runtest_logreport(self, report):
        told = getattr(report, "fittest_heap", None)
        if not told:
            return
        if "trace" in told:
            self.traces[report.nodeid] = told["trace"], told["figures"]["recorded"]
        if "problem" in told:
            self.problems[report.nodeid] = told["problem"]
        if "growth" in told:
            self.leaks.hear(report.nodeid, told["growth"])

    def pytest_terminal_summary(self, terminalreporter):
        options = self.limits.options
        if self.problems:
            nodeid, why = next(iter(self.problems.items()))
            more = "" if len(self.problems) == 1 else " (and of %d more)" % (len(self.problems) - 1)
            terminalreporter.write_line("fittest: the memory of %s could not be measured%s: %s" % (nodeid, more, why))
        if options.find_leaks and self.limits.can_measure():
            terminalreporter.write_sep("=", "LEAKS")
            for line in self.leaks.lines():
                terminalreporter.write_line(line)
        if not options.memray or options.hides_summary or not self.limits.is_on():
            return
        terminalreporter.write_line("")
        terminalreporter.write_sep("=", "MEMRAY REPORT")
        for nodeid in self.largest(options.most_allocations or len(self.traces)):
            try:
                report = self.limits.tracker.report(self.traces[nodeid][0])
            except heap.Unreadable as problem:
                terminalreporter.write_line("Allocation results for %s: %s" % (nodeid, problem))
                continue
            for line in heap_text.test_report(nodeid, report):
                terminalreporter.write_line(line)
        if options.folder is not None:
            terminalreporter.write_line("Created %d binary dumps at %s with prefix %s" % (
                len(self.traces), options.folder, options.prefix))

    def largest(self, count):
        """The ids of so many tests with the highest peaks, highest first. A peak is at most what was recorded over all:
        by that, few traces have to be read."""
        peaks = {}
        for nodeid, (path, recorded) in sorted(self.traces.items(), key=lambda entry: -entry[1][1]):
            if len(peaks) >= count and sorted(peaks.values())[-count] >= recorded:
                break
            with contextlib.suppress(heap.Unreadable):
                peaks[nodeid] = self.limits.tracker.report(path, stacks=False).peak["bytes"]
        return sorted(peaks, key=lambda nodeid: -peaks[nodeid])[:count]

    def pytest_unconfigure(self):
        if self.limits.folder is not None:
            shutil.rmtree(self.limits.folder, ignore_errors=True)

"""Sizes, stacks and reports of them in words: pytest-memray's, where it has some."""
import math
import re

_SIZE = re.compile(r"\s*\+?(\d*\.\d+|\d+)\s*([KMGTP]?)(i?)B\s*", re.IGNORECASE)
_BARS = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_BINS = 5
_BIGGEST = 5
MOST_LISTED = 10
# Of ours: allocations with all frames, and frames of each.
_MOST_WHOLE, _MOST_FRAMES = 3, 20


def parse_size(text):
    """Bytes of "100 MB" and the like; units are of 1024. Raises ValueError."""
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if match is None or (match[3] and not match[2]):
        raise ValueError("Invalid memory size format: %s" % (text,))
    return float(match[1]) * 1024 ** "BKMGTP".index(match[2].upper() or "B")


def size(number):
    """ "1.5KiB" """
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if abs(number) < 1024 or unit == "PiB":
            return "%.1f%s" % (number, unit)
        number /= 1024


def increase(peaks, allowed, peak):
    """Why a test needs more than before: `peaks`, of its last successful runs, the latest last, allow that much."""
    def exactly(number):
        return "%s (%d B)" % (size(number), number)
    runs = "its last successful run" if len(peaks) == 1 else "its last %d successful runs" % len(peaks)
    return "\n".join((
        "Test uses more memory than previous run",
        "  now      " + exactly(peak),
        "  allowed  %s: the highest of before, and a margin for noise" % exactly(allowed),
        "  before   %s, in %s" % (", ".join(map(size, peaks)), runs + (", the latest last" if len(peaks) > 1 else ""))))


class StackFrame:
    """What a filter_fn sees of one frame; "???" and 0 for what is not known."""

    __slots__ = ("function", "filename", "lineno")

    def __init__(self, function, filename, lineno):
        self.function, self.filename, self.lineno = function, filename, lineno

    def __repr__(self):
        return "StackFrame(function=%r, filename=%r, lineno=%r)" % (self.function, self.filename, self.lineno)

    def __eq__(self, other):
        return isinstance(other, StackFrame) and (self.function, self.filename, self.lineno) == (
            other.function, other.filename, other.lineno)

    def __hash__(self):
        return hash((self.function, self.filename, self.lineno))


class Stack:
    """What a filter_fn is given: `frames`, innermost first."""

    __slots__ = ("frames",)

    def __init__(self, frames):
        self.frames = tuple(frames)

    def __repr__(self):
        return "Stack(frames=%r)" % (self.frames,)

    def __eq__(self, other):
        return isinstance(other, Stack) and self.frames == other.frames

    def __hash__(self):
        return hash(self.frames)


def frames_of(stack, native):
    """The frames of one stack of a report: Python's, or all. Python's functions go by their plain names here, as
    pytest-memray has them, and filter functions expect them."""
    return [StackFrame(_plain_name(frame) or "???", frame["file"] or frame["module"] or "???", frame["line"])
            for frame in stack["frames"] if native or frame["language"] == "python"]


def _plain_name(frame):
    return frame["function"].rsplit(".", 1)[-1] if frame["language"] == "python" else frame["function"]


def stack_of(stack):
    return Stack(frames_of(stack, native=True))


def _allocation(bytes_held, frames, most):
    lines = ["    - %s allocated here:" % size(bytes_held)]
    lines += ["        %s:%s:%d" % (frame.function, frame.filename, frame.lineno) for frame in frames[:most]]
    if len(frames) > most:
        lines.append("        ...")
    return lines


def _by_size(stacks, what):
    return sorted(stacks, key=lambda stack: -stack[what]["bytes"])


def allocations(stacks, what, native, frames, most=None):
    """The list in a failure's section. `what`: "peak" or "leaked"; `most` stacks."""
    lines, shown = [], _by_size(stacks, what)[:most]
    for stack in shown:
        found = frames_of(stack, native)
        if found:
            lines += _allocation(stack[what]["bytes"], found, frames)
    if len(stacks) > len(shown):
        lines.append("    ...and %d more" % (len(stacks) - len(shown)))
    return "\n".join(lines)


def whole_stacks(stacks, what):
    """Ours: the largest few, Python lines and native frames in one stack."""
    lines = []
    for stack in _by_size(stacks, what)[:_MOST_WHOLE]:
        amount = stack[what]
        lines.append("    %s in %d allocation%s:" % (size(amount["bytes"]), amount["count"], "s"[amount["count"] == 1 :]))
        for frame in stack["frames"][:_MOST_FRAMES]:
            place = "%s:%d" % (frame["file"], frame["line"]) if frame["file"] else frame["module"] or "?"
            lines.append("      %-6s %s  %s" % (
                "python" if frame["language"] == "python" else "native", frame["function"] or "?", place))
        left = len(stack["frames"]) - _MOST_FRAMES
        if left > 0:
            lines.append("      ... %d more frames" % left)
    return "\n".join(lines)


def histogram(sizes):
    """One character for each of five equal parts of the sizes' logarithms."""
    logs = [math.log(number or 1) for number in sizes]
    bins = min(len(logs), _BINS)
    low, high = min(logs), max(logs)
    step = (high - low) / bins or low or 1
    counts = [0] * bins
    for value in logs:
        counts[min(int((value - low) / step), bins - 1)] += 1
    return "".join(_BARS[count * (len(_BARS) - 1) // max(counts)] for count in counts)


def test_report(nodeid, report):
    """The lines of one test in the summary. `report`: of heap.Tracker.report; nothing where it has nothing."""
    held = [stack for stack in report.stacks if stack["peak"]["count"]]
    if not held:
        return []
    lines = [
        "Allocation results for %s at the high watermark" % nodeid,
        "",
        "\t \U0001f4e6 Total memory allocated: %s" % size(report.peak["bytes"]),
        "\t \U0001f4cf Total allocations: %d" % report.total["count"],
        "\t \U0001f4ca Histogram of allocation sizes: |%s|" % histogram([stack["peak"]["bytes"] for stack in held]),
        "\t \U0001f947 Biggest allocating functions:",
    ]
    for stack in _by_size(held, "peak")[:_BIGGEST]:
        for frame in frames_of(stack, native=False)[:1]:
            lines.append("\t\t- %s:%s:%d -> %s" % (
                frame.function, frame.filename, frame.lineno, size(stack["peak"]["bytes"])))
    return lines + ["", ""]

"""Sizes, stacks and reports in words."""
import types

import pytest
from fittest_pytest import heap_text


@pytest.mark.parametrize("text, size", [
    ("100 B", 100),
    ("100B", 100),
    ("100.0B", 100),
    ("100.0   B", 100),
    ("100 KB", 100 * 1024),
    ("3 MB", 3 * 1024**2),
    ("3.0 GB", 3 * 1024**3),
    ("60.0 TB", 60 * 1024**4),
    ("3.14 PB", 3.14 * 1024**5),
    (".5 KB", 512),
    ("+100 KB", 100 * 1024),
    ("3.0 Gb", 3 * 1024**3),
    ("3 mb", 3 * 1024**2),
    ("3 MiB", 3 * 1024**2),
])
def test_sizes_are_read(text, size):
    assert heap_text.parse_size(text) == size


@pytest.mark.parametrize("text", ["a bad string", "100.0", "100", "100 NB", "100 K", "100.0 PK", "100 iB", "-100 B",
                                  "-100.0 B", "1e3 B", "", "B", None, 100])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="Invalid memory size format"):
        heap_text.parse_size(text)


@pytest.mark.parametrize("size, text", [(0, "0.0B"), (200, "200.0B"), (1023, "1023.0B"), (1024, "1.0KiB"),
                                        (24 << 20, "24.0MiB"), (1.5 * 1024**5, "1.5PiB"), (1024**6, "1024.0PiB")])
def test_sizes_are_written(size, text):
    assert heap_text.size(size) == text


@pytest.mark.parametrize("sizes, bars", [
    ([0, 100, 990, 1000, 50000], "\u2584 \u2584\u2588\u2584"),
    ([0, 0, 0, 0], "\u2588   "),
    ([0, 0, 0, 0, 0, 0], "\u2588    "),
    ([1024], "\u2588"),
    ([1, 1 << 20], "\u2588\u2588"),
])
def test_histogram(sizes, bars):
    assert heap_text.histogram(sizes) == bars


def stack(size, *frames, what="peak", count=1):
    made = {name: {"bytes": 0, "count": 0} for name in ("peak", "leaked", "total")}
    made[what] = {"bytes": size, "count": count}
    made["frames"] = [
        {"function": function, "file": file, "line": line, "language": language, "module": module, "inlined": False}
        for function, file, line, language, module in frames]
    return made


MALLOC = ("malloc", "", 0, "native", "/lib/libc.so.6")
INNER = ("inner", "/x/a.py", 3, "python", "")
OUTER = ("outer", "/x/a.py", 9, "python", "")


def test_a_list_shows_so_many_of_pythons_frames():
    assert heap_text.allocations([stack(2048, MALLOC, INNER, OUTER)], "peak", False, 1).splitlines() == [
        "    - 2.0KiB allocated here:", "        inner:/x/a.py:3", "        ..."]
    assert heap_text.allocations([stack(2048, MALLOC, INNER, OUTER)], "peak", False, 2).splitlines() == [
        "    - 2.0KiB allocated here:", "        inner:/x/a.py:3", "        outer:/x/a.py:9"]


def test_with_native_frames_those_are_among_them():
    assert heap_text.allocations([stack(2048, MALLOC, INNER, OUTER)], "peak", True, 2).splitlines() == [
        "    - 2.0KiB allocated here:", "        malloc:/lib/libc.so.6:0", "        inner:/x/a.py:3", "        ..."]


def test_the_largest_come_first_and_the_rest_is_counted():
    stacks = [stack(size, INNER) for size in (1, 3, 2)]
    lines = heap_text.allocations(stacks, "peak", False, 1, 2).splitlines()
    assert [line for line in lines if "allocated" in line] == ["    - 3.0B allocated here:", "    - 2.0B allocated here:"]
    assert lines[-1] == "    ...and 1 more"
    assert "more" not in heap_text.allocations(stacks, "peak", False, 1, 3)


def test_an_allocation_of_no_python_frame_is_not_listed_without_native_frames():
    assert heap_text.allocations([stack(9, MALLOC)], "peak", False, 1) == ""


def test_whole_stacks_name_languages():
    text = heap_text.whole_stacks([stack(2048, MALLOC, INNER, count=2)], "peak")
    assert text.splitlines() == ["    2.0KiB in 2 allocations:", "      native malloc  /lib/libc.so.6",
                                 "      python inner  /x/a.py:3"]


def test_a_stack_is_what_a_filter_function_expects():
    frames = heap_text.stack_of(stack(1, MALLOC, INNER)).frames
    assert [(frame.function, frame.filename, frame.lineno) for frame in frames] == [
        ("malloc", "/lib/libc.so.6", 0), ("inner", "/x/a.py", 3)]


def test_the_report_of_one_test():
    report = types.SimpleNamespace(
        peak={"bytes": 3072, "count": 2}, total={"count": 7, "bytes": 9999},
        stacks=[stack(1024, MALLOC, INNER), stack(2048, OUTER), stack(5000, INNER, what="total")])
    lines = heap_text.test_report("a.py::test", report)
    assert lines[0] == "Allocation results for a.py::test at the high watermark"
    assert lines[2].endswith("Total memory allocated: 3.0KiB")
    assert lines[3].endswith("Total allocations: 7")
    assert lines[6:8] == ["\t\t- outer:/x/a.py:9 -> 2.0KiB", "\t\t- inner:/x/a.py:3 -> 1.0KiB"]
    assert heap_text.test_report("a.py::test", types.SimpleNamespace(stacks=[])) == []


def test_an_increase_is_told_with_what_it_is_compared_with():
    assert heap_text.increase([3 << 20], 4 << 20, 5 << 20) == (
        "Test uses more memory than previous run\n"
        "  now      5.0MiB (5242880 B)\n"
        "  allowed  4.0MiB (4194304 B): the highest of before, and a margin for noise\n"
        "  before   3.0MiB, in its last successful run")
    assert heap_text.increase([3 << 20, 1 << 20], 8 << 20, 9 << 20).endswith(
        "  before   3.0MiB, 1.0MiB, in its last 2 successful runs, the latest last")

"""What --find-leaks tells of, and in which words."""
from fittest_pytest import find_leaks


def frame(function, file="/x/a.py", line=1, language="python"):
    return {"function": function, "file": file, "line": line, "language": language, "module": "/lib/x.so"}


INNER = frame("inner", line=3)
CALL = frame("pytest_pyfunc_call", "/usr/lib/_pytest/python.py")
HOOK = frame("_multicall", "/usr/lib/pluggy/_callers.py")


def test_pytest_and_what_is_around_it_are_left_out():
    assert find_leaks.user_frames([INNER, CALL, HOOK]) == [INNER]
    assert find_leaks.user_frames([INNER, frame("call_fixture_func", "/usr/lib/_pytest/fixtures.py"), HOOK]) == [INNER]
    assert find_leaks.user_frames([INNER, frame("TestCase._callTestMethod", "/usr/lib/unittest/case.py")]) == [INNER]


def test_what_pytest_keeps_itself_is_none_of_the_tests():
    assert find_leaks.user_frames([frame("report", "/usr/lib/_pytest/reports.py"), HOOK]) == []
    assert find_leaks.user_frames([CALL, HOOK]) == []


def test_a_thread_of_its_own_has_no_pytest_above_it():
    native = frame("work", "", 0, "native")
    assert find_leaks.user_frames([INNER, native]) == [INNER, native]
    assert find_leaks.user_frames([native]) == [native]


def stack(frames, grows, held, each=0.0):
    return {"frames": frames, "grows": grows, "held_bytes": held, "bytes_per_repetition": each, "error_bytes": 1.0}


def test_what_grows_is_told_and_what_settles_is_counted():
    told = find_leaks.growth_of([
        stack([INNER, CALL], True, [1, 2, 3], 1.0), stack([INNER, CALL], False, [5, 5, 5]),
        stack([frame("x", "<fittest>/fittest_pytest/worker.py")], True, [1, 2, 3], 1.0)])
    assert told == {"grows": [((("inner", "/x/a.py", 3),), 1.0, 1.0, 3)], "settled": (1, 5)}


def test_the_report():
    report = find_leaks.LeakReport(8)
    places = (("inner", "/x/a.py", 3), ("test_it", "/x/a.py", 9))
    report.hear("a.py::test_1", {"grows": [(places, 1024.0, 16.0, 8192)], "settled": (2, 100)})
    report.hear("a.py::test_2", {"grows": [(places, 2048.0, 0.0, 16384)], "settled": (1, 924)})
    report.hear("a.py::test_3", {"grows": [], "settled": (0, 0)})
    assert list(report.lines()) == [
        "3 tests were run 8 times each: 2 of them leak, from 1 stacks",
        "3 other stacks keep 1.0KiB, which does not grow: caches",
        "",
        "2.0KiB \u00b1 0.0B more each time in a.py::test_2 (and in 1 more tests); 16.0KiB after the last",
        "    inner:/x/a.py:3",
        "    test_it:/x/a.py:9",
    ]

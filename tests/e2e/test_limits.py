"""Limits on what tests allocate: what pytest-memray promises, and what is ours."""
import re
import textwrap
import xml.etree.ElementTree as tree

import pytest
from conftest import needs
from limited_suite import KB, MB, WAYS, allocating, stacks_of, write


# --- limit_memory ---


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size, verdict", [
    (5 * MB, "over_limit"), (2 * MB, "over_limit"), (2 * MB - 64 * KB, "passed"), (1 * MB, "passed")])
def test_limit_memory(allocating, way, size, verdict):
    write(allocating, f"""
        @pytest.mark.limit_memory("2MB")
        def test_it():
            allocator.valloc({size})
            allocator.free()
    """)
    result = allocating.fittest(*WAYS[way])
    assert result.verdicts == {"test_a.py::test_it": verdict}, result.out
    assert result.code == (1 if verdict == "over_limit" else 0)


def test_the_limit_itself_is_over_it(allocating):
    """Exactly, where Python itself allocates nothing beside: one thread, no allocator of Python's."""
    write(allocating, """
        @pytest.mark.limit_memory("1 MB")
        def test_reached():
            allocator.valloc(1 << 20)
            allocator.free()
    """)
    result = allocating.fittest()
    assert result.verdict("test_reached") == "over_limit"


def test_the_figure_is_what_was_asked_for(allocating):
    write(allocating, """
        @pytest.mark.limit_memory("5B")
        def test_it():
            allocator.valloc(3 << 20)
            allocator.free()
    """)
    result = allocating.fittest("--junit-xml=out.xml")
    assert result.code == 1
    failure = next(tree.parse(allocating.folder / "out.xml").getroot().iter("failure"))
    assert re.fullmatch(r"Test was limited to 5\.0B but allocated 3\.\d+MiB", failure.text), failure.text
    assert "3.0MiB" in failure.text
    detail = [event["detail"] for event in result.of("test_finished")]
    assert detail == [failure.text]


def test_only_the_most_held_at_once_counts(allocating):
    write(allocating, """
        @pytest.mark.limit_memory("3MB")
        def test_it():
            for _ in range(10):
                allocator.valloc(2 << 20)
                allocator.free()
    """)
    assert allocating.fittest().verdict("test_it") == "passed"


def test_fixtures_do_not_count(allocating):
    write(allocating, """
        @pytest.fixture
        def large():
            made = bytearray(50 << 20)
            yield made
            allocator.valloc(50 << 20)

        @pytest.mark.limit_memory("3MB")
        def test_it(large):
            assert len(large)
    """)
    assert allocating.fittest().verdict("test_it") == "passed"


def test_memory_of_python_objects_counts(allocating):
    write(allocating, """
        @pytest.mark.limit_memory("3MB")
        def test_it():
            kept = bytearray(4 << 20)
            many = [str(i) * 10 for i in range(100_000)]
    """)
    assert allocating.fittest().verdict("test_it") == "over_limit"


def test_a_test_that_fails_is_not_checked(allocating):
    write(allocating, """
        @pytest.mark.limit_memory("1MB")
        def test_it():
            allocator.valloc(2 << 20)
            assert False, "for another reason"
        @pytest.mark.limit_memory("1MB")
        def test_skipped():
            allocator.valloc(2 << 20)
            pytest.skip("no")
    """)
    result = allocating.fittest()
    assert result.verdict("test_it") == "failed" and result.verdict("test_skipped") == "skipped"
    assert "Test was limited" not in result.out


def test_what_the_failure_shows(allocating):
    write(allocating, """
        def inner():
            allocator.valloc(4 << 20)

        @pytest.mark.limit_memory("1MB")
        def test_it():
            inner()
            allocator.free()
    """)
    result = allocating.fittest()
    assert "Test was limited to 1.0MiB but allocated 4.0MiB" in result.out
    assert "- memray-max-memory -" in result.out and "List of allocations:" in result.out
    (first, *_) = stacks_of(result.out)
    assert [name for name, _, _ in first] == ["valloc"]
    # Python lines and native frames in one stack, up to the test.
    whole = result.out.split("The largest, innermost frame first:")[1]
    frames = re.findall(r"^      (python|native) (\S+)", whole, re.M)
    names = [name for _, name in frames]
    assert names[-3:] == ["Allocator.valloc", "inner", "test_it"]
    assert {kind for kind, _ in frames} == {"python", "native"}
    assert re.search(r"python inner  .*test_a\.py:5", whole)
    # The word of pytest-memray, and the letter.
    assert "MEMORY PROBLEMS" in allocating.fittest("-v").out
    event = result.of("test_finished")[0]
    assert event["verdict"] == "over_limit" and "List of allocations" in event["message"]


@pytest.mark.parametrize("stacks", [1, 5, 100])
def test_stacks(allocating, stacks):
    write(allocating, """
        def rec(n):
            if n <= 1:
                allocator.valloc(2 << 20)
                allocator.free()
                return
            rec(n - 1)

        @pytest.mark.limit_memory("1MB")
        def test_foo():
            rec(10)
    """)
    result = allocating.fittest("--stacks=%d" % stacks)
    found = [stack for stack in stacks_of(result.out) if stack[0][0] == "valloc"]
    assert len(found) == 1, result.out
    assert sum(name == "rec" for name, _, _ in found[0]) == min(stacks - 1, 10)


@pytest.mark.parametrize("arguments, shown", [
    (["-q"], False), ([], True), (["-v"], True), (["-vv"], True), (["-o", "verbosity_memray=2"], True),
    (["-vv", "-o", "verbosity_memray=-1"], False)], ids=str)
def test_verbosity(allocating, arguments, shown):
    write(allocating, """
        @pytest.mark.limit_memory("1KB")
        def test_foo():
            allocator.valloc(4 << 20)
            allocator.free()
    """)
    result = allocating.fittest(*arguments)
    assert result.code == 1 and bool(stacks_of(result.out)) is shown, result.out


@pytest.mark.parametrize("arguments, all_shown", [([], False), (["-v"], False), (["-vv"], True)], ids=str)
def test_ten_allocations_are_shown(allocating, arguments, all_shown):
    write(allocating, """
        def rec(n, held):
            held.append(Allocator())
            held[-1].valloc(100_000)
            if n > 1:
                rec(n - 1, held)

        @pytest.mark.limit_memory("1KB")
        def test_foo():
            held = []
            rec(15, held)
            for one in held:
                one.free()
    """)
    result = allocating.fittest(*arguments)
    if all_shown:
        assert len(stacks_of(result.out)) > 10 and "...and" not in result.out
    else:
        assert len(stacks_of(result.out)) == 10 and re.search(r"\.\.\.and \d+ more", result.out)


@pytest.mark.parametrize("native", [True, False])
def test_native(allocating, native):
    write(allocating, """
        @pytest.mark.limit_memory("1kb")
        def test_foo():
            allocator.valloc(2 << 20)
            allocator.free()
    """)
    result = allocating.fittest("--stacks=50", *(["--native"] if native else []))
    names = {name for stack in stacks_of(result.out) for name, _, _ in stack}
    assert "valloc" in names and "test_foo" in names
    assert any("Py" in name for name in names) is native, names


@pytest.mark.parametrize("traced", [True, False])
def test_python_allocators(allocating, traced):
    write(allocating, """
        import ctypes
        allocate = ctypes.pythonapi.PyObject_Malloc
        allocate.restype, allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        free = ctypes.pythonapi.PyObject_Free
        free.restype, free.argtypes = None, [ctypes.c_void_p]

        def allocate_by_python():
            made = [allocate(256) for _ in range(100)]
            for one in made:
                free(one)

        @pytest.mark.limit_memory("20KB")
        def test_foo():
            allocate_by_python()
    """)
    result = allocating.fittest("--stacks=5", *(["--trace-python-allocators"] if traced else []))
    assert result.verdict("test_foo") == ("over_limit" if traced else "passed"), result.out
    assert ("allocate_by_python" in result.out) is traced


def test_another_thread_counts_unless_told_otherwise(allocating):
    write(allocating, """
        import threading

        def in_a_thread():
            def work():
                for _ in range(10):
                    allocator.valloc(500 << 10)
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

        @pytest.mark.limit_memory("1MB", current_thread_only=True)
        def test_memory_of_this_one(): in_a_thread()
        @pytest.mark.limit_memory("1MB")
        def test_memory_of_all(): in_a_thread()
        @pytest.mark.limit_leaks("1MB", current_thread_only=True)
        def test_leaks_of_this_one(): in_a_thread()
        @pytest.mark.limit_leaks("1MB")
        def test_leaks_of_all(): in_a_thread()
    """)
    result = allocating.fittest("-n1")
    assert {name.split("::")[1]: verdict for name, verdict in result.verdicts.items()} == {
        "test_memory_of_this_one": "passed", "test_memory_of_all": "over_limit",
        "test_leaks_of_this_one": "passed", "test_leaks_of_all": "over_limit"}, result.out


# --- limit_leaks ---


@pytest.mark.parametrize("way", ["fork", "none"])
@pytest.mark.parametrize("size, verdict", [
    (0, "passed"), (1, "passed"), (102, "passed"), (1024, "over_limit"), (10240, "over_limit")])
def test_limit_leaks(allocating, way, size, verdict):
    write(allocating, f"""
        @pytest.mark.limit_leaks("5KB")
        def test_it():
            for _ in range(10):
                allocator.valloc({size})
    """)
    result = allocating.fittest(*WAYS[way])
    assert result.verdict("test_it") == verdict, result.out
    if verdict == "over_limit":
        assert ("Test was allowed to leak 5.0KiB per location but at least one location leaked more") in result.out
        assert "- memray-leaked-memory -" in result.out and "List of leaked allocations:" in result.out


def test_leaks_are_summed_by_stack(allocating):
    write(allocating, """
        @pytest.mark.limit_leaks("8KB")
        def test_two_places():
            allocator.valloc(5000)
            allocator.valloc(5000)
        @pytest.mark.limit_leaks("8KB")
        def test_one_place():
            for _ in range(2):
                allocator.valloc(5000)
    """)
    result = allocating.fittest()
    assert result.verdict("test_two_places") == "passed" and result.verdict("test_one_place") == "over_limit", result.out


@pytest.mark.parametrize("size, verdict", [(4 * KB, "passed"), (400 * KB, "passed"), (4 * MB, "over_limit")])
def test_leaks_in_a_thread(allocating, size, verdict):
    write(allocating, f"""
        import threading

        def work():
            for _ in range(10):
                allocator.valloc({size})

        @pytest.mark.limit_leaks("20MB")
        def test_it():
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
    """)
    assert allocating.fittest().verdict("test_it") == verdict


def test_leaks_of_python_objects_are_seen(allocating):
    write(allocating, """
        kept = []

        @pytest.mark.limit_leaks("50KB")
        def test_it():
            for i in range(2000):
                kept.append("%0100d" % i)
    """)
    result = allocating.fittest()
    assert result.verdict("test_it") == "over_limit", result.out
    assert any(name == "test_it" for stack in stacks_of(result.out) for name, _, _ in stack)


def test_the_filter_function(allocating):
    write(allocating, """
        def known_to_leak():
            allocator.valloc(1024)

        def is_news(stack):
            assert all(isinstance(frame.lineno, int) and isinstance(frame.filename, str) for frame in stack.frames)
            return all(frame.function != "known_to_leak" for frame in stack.frames)

        @pytest.mark.limit_leaks("5KB", filter_fn=is_news)
        def test_known():
            for _ in range(10):
                known_to_leak()

        @pytest.mark.limit_leaks("5KB", filter_fn=is_news)
        def test_new():
            for _ in range(10):
                allocator.valloc(1024)

        def falls_over(stack):
            raise KeyError("of the filter")

        @pytest.mark.limit_leaks("5KB", filter_fn=falls_over)
        def test_falls_over():
            for _ in range(10):
                allocator.valloc(1024)
    """)
    result = allocating.fittest()
    assert result.verdict("test_known") == "passed" and result.verdict("test_new") == "over_limit", result.out
    assert result.verdict("test_falls_over") == "failed" and "KeyError: 'of the filter'" in result.out


def test_warmups(allocating):
    write(allocating, """
        cache, calls = {}, []

        def fill():
            calls.append(1)
            if len(calls) <= 2:
                cache[len(calls)] = allocator.valloc(1 << 20)

        @pytest.mark.limit_leaks("100KB", warmups=2)
        def test_warm(): fill()
        def test_counted(): assert len(calls) == 3
        @pytest.mark.limit_leaks("100KB")
        def test_cold():
            calls.clear()
            fill()
    """)
    result = allocating.fittest("-n0")
    assert [result.verdict(name) for name in ("test_warm", "test_counted", "test_cold")] == [
        "passed", "passed", "over_limit"], result.out


# --- marks ---


@pytest.mark.parametrize("arguments", [[], ["--memray"]], ids=["plain", "memray"])
def test_only_one_kind_of_mark(allocating, arguments):
    write(allocating, """
        pytestmark = pytest.mark.limit_memory("1 MB")
        @pytest.mark.limit_leaks("0MB")
        def test_of_the_module(): pass
    """)
    write(allocating, """
        @pytest.mark.limit_leaks("0MB")
        @pytest.mark.limit_memory("0MB")
        def test_both(): pass
    """, name="test_b")
    result = allocating.fittest(*arguments)
    assert set(result.verdicts.values()) == {"failed"}
    assert result.out.count("ValueError: Only one Memray marker can be applied to each test") >= 2


def test_a_size_that_is_none(allocating):
    write(allocating, """
        @pytest.mark.limit_memory("much")
        def test_it(): pass
    """)
    result = allocating.fittest()
    assert result.verdict("test_it") == "failed" and "ValueError: Invalid memory size format: much" in result.out


def test_marks_are_known(allocating):
    write(allocating, """
        @pytest.mark.limit_memory("1GB")
        def test_a(): pass
        @pytest.mark.limit_leaks("1GB")
        def test_b(): pass
    """)
    result = allocating.fittest("--strict-markers", "-Werror", "-Wignore:The configuration option", "--memray")
    assert result.code == 0, result.out


def test_methods_of_unittest(allocating):
    write(allocating, """
        import unittest

        class TestIt(unittest.TestCase):
            def setUp(self):
                self.made = bytearray(50 << 20)
            @pytest.mark.limit_memory("1MB")
            def test_little(self):
                self.assertTrue(self.made)
            @pytest.mark.limit_memory("1MB")
            def test_much(self):
                bytearray(2 << 20)
            @pytest.mark.limit_memory("1MB")
            @unittest.skip("not now")
            def test_skipped(self): pass

        class TestAsync(unittest.IsolatedAsyncioTestCase):
            @pytest.mark.limit_memory("1MB")
            async def test_async_much(self):
                bytearray(2 << 20)
            @pytest.mark.limit_memory("1MB")
            async def test_async_little(self):
                pass
    """)
    result = allocating.fittest()
    assert {name.rsplit("::", 1)[1]: verdict for name, verdict in result.verdicts.items()} == {
        "test_little": "passed", "test_much": "over_limit", "test_skipped": "skipped",
        "test_async_much": "over_limit", "test_async_little": "passed"}, result.out


@needs("pytest_asyncio")
def test_coroutines_of_asyncio(allocating):
    write(allocating, """
        @pytest.mark.asyncio
        @pytest.mark.limit_leaks("5KB")
        async def test_it():
            for _ in range(10):
                allocator.valloc(1024 * 10)
    """)
    assert allocating.fittest().verdict("test_it") == "over_limit"


@needs("anyio")
def test_coroutines_of_anyio(allocating):
    write(allocating, """
        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.limit_leaks("5KB")
        @pytest.mark.anyio
        async def test_it():
            for _ in range(10):
                allocator.valloc(1024 * 10)
    """)
    result = allocating.fittest("--junit-xml=out.xml")
    assert result.code == 1
    failure = next(tree.parse(allocating.folder / "out.xml").getroot().iter("failure"))
    assert failure.text == (
        "Test was allowed to leak 5.0KiB per location but at least one location leaked more")


@needs("hypothesis")
def test_a_body_that_is_called_often(allocating):
    write(allocating, """
        from hypothesis import given, settings, strategies as st

        @pytest.mark.limit_memory("1GB")
        @given(st.integers())
        @settings(database=None)
        def test_it(x): assert x == x
    """)
    assert allocating.fittest().verdict("test_it") == "passed"


@needs("pytest_rerunfailures")
def test_a_test_that_is_run_again(allocating):
    write(allocating, """
        runs = []

        @pytest.mark.limit_memory("1MB")
        @pytest.mark.flaky(reruns=2)
        def test_it():
            runs.append(1)
            if len(runs) == 1:
                allocator.valloc(5 << 20)
    """)
    assert allocating.fittest("-n1").verdict("test_it") == "passed"


# --- the configuration ---


def test_limits_of_the_configuration(allocating):
    write(allocating, """
        unit = pytest.mark.unit

        @unit
        def test_much():
            allocator.valloc(3 << 20)
            allocator.free()
        @unit
        def test_little(): pass
        @unit
        @pytest.mark.limit_memory("10 MB")
        def test_marked():
            allocator.valloc(3 << 20)
        def test_other():
            allocator.valloc(3 << 20)
        @unit
        def test_leaking():
            for _ in range(100):
                allocator.valloc(1 << 10)
    """)
    allocating.file("pytest.ini", "[pytest]\npythonpath = .\nmarkers = unit\n")
    allocating.file("fittest.toml", """
        [[limit]]
        tests = "label(unit)"
        memory = "2 MB"
        leaks = "50 KB"

        [[limit]]
        tests = "label(unit)"
        memory = "1 GB"
    """)
    for way in (["-n2"], ["--isolation", "spawn"]):
        result = allocating.fittest(*way)
        assert {name.split("::")[1]: verdict for name, verdict in result.verdicts.items()} == {
            "test_much": "over_limit", "test_little": "passed", "test_marked": "passed", "test_other": "passed",
            "test_leaking": "over_limit"}, result.out
        assert re.search(r"limited to 2\.0MiB but allocated 3\.\dMiB \(limit of \S*fittest\.toml:2\)", result.out)


def test_a_limit_that_makes_no_sense_ends_the_run_before_it(allocating):
    write(allocating, "def test_it(): pass")
    allocating.file("fittest.toml", "[[limit]]\nmemory = \"much\"\n")
    result = allocating.fittest()
    assert result.code == 4 and "fittest.toml:2: 'memory' is malformed" in result.out


# --- where the heap cannot be watched ---


def test_without_the_tracker_that_is_said_once_and_the_run_goes_on(allocating):
    write(allocating, """
        @pytest.mark.limit_memory("100MB")
        def test_it():
            allocator.valloc(200 << 20)
            allocator.free()
    """)
    result = allocating.fittest("--heap=off", "--memray")
    assert result.code == 0, result.out
    assert result.out.count("their limits are not checked") == 1
    allocating.file("fittest.toml", "heap = \"off\"\n")
    assert allocating.fittest().out.count("their limits are not checked") == 1


def test_nothing_is_said_where_nothing_is_limited(suite):
    suite.write(test_a="def test_it(): pass")
    assert "limits" not in suite.fittest("--heap=off").out


def test_tests_do_not_see_the_tracker(suite):
    suite.write(test_a="""
        import os, subprocess, sys
        def test_environment():
            assert not [name for name in os.environ if name.startswith("FITTEST_HEAP")]
            assert "fittest_heap" not in os.environ.get("LD_PRELOAD", "")
        def test_children():
            out = subprocess.run([sys.executable, "-c", "print(open('/proc/self/maps').read())"], capture_output=True)
            assert b"fittest_heap" not in out.stdout and not out.stderr
    """)
    for way in WAYS.values():
        result = suite.fittest(*way)
        assert result.code == 0, result.out


def test_what_reading_takes_is_not_the_tests(allocating):
    write(allocating, "".join(textwrap.dedent(f"""
        @pytest.mark.limit_memory("100MB")
        def test_{i}():
            allocator.valloc(1 << 20)
            allocator.free()
    """) for i in range(5)))
    result = allocating.fittest("-n1")
    assert result.code == 0
    print([event["peak"] for event in result.of("test_finished")])
    assert min(event["peak"] for event in result.of("test_finished")) < 4 * MB

"""Where limits come from, which tests have them, and where they cannot be held."""
import re
import textwrap
import xml.etree.ElementTree as tree

import pytest
from conftest import needs
from limited_suite import KB, MB, WAYS, allocating, write


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

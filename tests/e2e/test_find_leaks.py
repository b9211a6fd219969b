"""--find-leaks: what grows when a test is run again and again, told from caches that are full at some time."""
import re

import pytest

SUITE = """
    import pytest

    kept, cache, grown = [], {}, bytearray()

    @pytest.fixture
    def leaking():
        kept.append(bytearray(3000))

    def lose():
        kept.append(bytearray(2000))

    def test_leak():
        lose()
    def test_of_a_fixture(leaking):
        pass
    def test_cache():
        if len(cache) < 3:
            cache[len(cache)] = bytearray(50_000)
    def test_replaced():
        cache["one"] = bytearray(100_000)
    def test_grows_by_moving():
        grown.extend(b"x" * 5000)
    def test_clean(tmp_path):
        (tmp_path / "made").mkdir()
        [bytearray(1000) for _ in range(100)]
    def test_fails():
        lose()
        assert len(kept) < 3
"""


def leaks(out):
    """Test name -> bytes each time, of what LEAKS lists."""
    assert "= LEAKS =" in out, out
    found = {}
    for amount, unit, test in re.findall(r"^([\d.]+)(B|KiB|MiB) ± \S+ more each time in \S+::(\w+)", out, re.M):
        found.setdefault(test, 0)
        found[test] += float(amount) * {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}[unit]
    return found


@pytest.mark.parametrize("way", [["-n2"], ["-n0"], ["--isolation", "spawn"]], ids=["fork", "in-order", "spawn"])
def test_leaks_are_told_from_caches(suite, way):
    suite.write(test_a=SUITE)
    result = suite.fittest("--find-leaks=12", *way)
    found = leaks(result.out)
    assert set(found) == {"test_leak", "test_of_a_fixture", "test_grows_by_moving"}, result.out
    assert found["test_leak"] == pytest.approx(2000, rel=0.2)
    assert found["test_of_a_fixture"] == pytest.approx(3000, rel=0.2)
    assert re.search(r"\n    lose:.*test_a\.py:\d+\n    test_leak:.*test_a\.py:\d+\n", result.out)
    assert re.search(r"\d+ other stacks keep .*, which does not grow: caches", result.out)
    assert result.verdict("test_fails") == "failed" and result.verdict("test_clean") == "passed"
    assert result.counts() == {"passed": 6, "failed": 1}
    assert not list(result.run_folder.glob("traces/*"))


def test_one_stack_of_several_tests_is_told_once(suite):
    suite.write(test_a="""
        import pytest
        kept = []
        @pytest.fixture
        def leaking(): kept.append(bytearray(3000))
        @pytest.mark.parametrize("i", range(3))
        def test_it(leaking, i): pass
    """)
    # pytest-asyncio 0.23 fills a cache of typing's, a little each time.
    result = suite.fittest("--find-leaks=8", "-p", "no:asyncio")
    assert result.out.count("more each time in") == 1 and "(and in 2 more tests)" in result.out
    assert "3 tests were run 8 times each: 3 of them leak, from 1 stacks" in result.out


def test_nothing_leaks(suite):
    suite.write(test_a="""
        import unittest
        def test_it(): [str(i) for i in range(1000)]
        class TestThat(unittest.TestCase):
            def setUp(self): self.made = [1, 2]
            def test_method(self): self.assertEqual(len(self.made), 2)
    """)
    result = suite.fittest("--find-leaks=10")
    assert "2 tests were run 10 times each: 0 of them leak, from 0 stacks" in result.out


def test_it_needs_workers(suite):
    suite.write(test_a="def test_it(): pass")
    result = suite.fittest("--find-leaks=8", "--isolation=none")
    assert result.code == 0 and "--find-leaks has no effect without workers" in result.out


def test_traces_are_kept_where_asked(suite):
    suite.write(test_a="kept = []\ndef test_it(): kept.append(bytearray(3000))")
    folder = suite.folder / "d"
    suite.fittest("--find-leaks=8", "--memray-bin-path=%s" % folder, "--memray-bin-prefix=p")
    read = suite.fittest("growth", str(folder / "p-test_a.py-test_it.bin"), verb="heap")
    assert read.code == 0 and "8 repetitions: " in read.out and "test_it" in read.out


def test_a_trace_without_marks(suite):
    suite.write(test_a="def test_it(): pass")
    folder = suite.folder / "d"
    suite.fittest("--memray", "--memray-bin-path=%s" % folder, "--memray-bin-prefix=p")
    read = suite.fittest("growth", str(folder / "p-test_a.py-test_it.bin"), verb="heap")
    assert read.code == 4 and "0 marks of repetitions" in read.out

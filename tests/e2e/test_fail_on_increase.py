"""--fail-on-increase, and what the history knows of the heap."""
import json
import re

import pytest
from limited_suite import MB, WAYS, allocating, write


def grown_to(suite, size):
    write(suite, f"""
        @pytest.mark.limit_memory("100MB")
        def test_it():
            allocator.valloc({size})
            allocator.free()
    """)


def fails_on_increase(suite, *arguments):
    """What the run says of it, or nothing."""
    result = suite.fittest("--fail-on-increase", *arguments)
    over = [event["detail"] for event in result.of("test_finished") if event["verdict"] == "over_limit"]
    assert result.code == (1 if over else 0), result.out
    return result.out if over else None


def known_of_the_heap(suite):
    """Name of each test -> what fittest history knows of it."""
    told = json.loads(suite.fittest("--json", verb="history").out)
    return {test["id"].split("::")[-1]: test for test in told["tests"]}


@pytest.mark.parametrize("way", WAYS)
def test_fail_on_increase(allocating, way):
    grown_to(allocating, 1 << 20)
    assert fails_on_increase(allocating, *WAYS[way]) is None, "there is nothing to compare the first run with"
    grown_to(allocating, 10 << 20)
    out = fails_on_increase(allocating, *WAYS[way])
    assert "Test previously used 1.0MiB but now uses 10.0MiB" in out
    assert re.search(r"Test uses more memory than previous run\n"
                     r"  now      10\.0MiB \(\d+ B\)\n"
                     r"  allowed  2\.1MiB \(\d+ B\): the highest of before, and a margin for noise\n"
                     r"  before   1\.0MiB, in its last successful run\n", out), out
    # What failed is not what the next run is compared with.
    assert "Test previously used 1.0MiB but now uses 10.0MiB" in fails_on_increase(allocating, *WAYS[way])
    assert allocating.fittest(*WAYS[way]).code == 0, "without the option it is no failure"
    assert fails_on_increase(allocating, *WAYS[way]) is None, "and the last successful run is the one that counts"


def test_what_rises_a_little_is_no_increase(allocating):
    grown_to(allocating, 4 << 20)
    assert fails_on_increase(allocating) is None
    grown_to(allocating, (4 << 20) + (512 << 10))
    assert fails_on_increase(allocating) is None
    grown_to(allocating, 6 << 20)
    assert fails_on_increase(allocating)


def test_noise_that_is_known_is_no_increase(allocating):
    for size in (3, 1, 2):
        grown_to(allocating, size << 20)
        assert allocating.fittest().code == 0
    grown_to(allocating, 5 << 20)
    assert fails_on_increase(allocating) is None
    grown_to(allocating, 20 << 20)
    out = fails_on_increase(allocating)
    assert "  before   3.0MiB, 1.0MiB, 2.0MiB, 5.0MiB, in its last 4 successful runs, the latest last\n" in out


def test_growth_that_was_accepted_makes_no_room_for_more(allocating):
    for size in (1, 30):
        grown_to(allocating, size << 20)
        assert allocating.fittest().code == 0
    grown_to(allocating, 33 << 20)
    assert "previously used 30.0MiB but now uses 33.0MiB" in fails_on_increase(allocating)


def test_a_run_that_failed_is_not_compared_with(allocating):
    """However it failed: in the body, at its limit, in a fixture after it. Nor does it push out what passed."""
    grown_to(allocating, 1 << 20)
    assert allocating.fittest().code == 0
    for limit, after, end in (("100MB", "pass", "assert False"), ("2MB", "pass", "pass"),
                              ("100MB", "assert False", "pass")):
        write(allocating, f"""
            @pytest.fixture
            def something():
                yield
                {after}

            @pytest.mark.limit_memory("{limit}")
            def test_it(something):
                allocator.valloc(20 << 20)
                allocator.free()
                {end}
        """)
        assert allocating.fittest().code == 1
    grown_to(allocating, 10 << 20)
    for _ in range(12):
        assert "previously used 1.0MiB but now uses 10.0MiB" in fails_on_increase(allocating)


def test_each_of_many_tests_is_compared_with_itself(allocating):
    def sizes(grown):
        write(allocating, f"""
            @pytest.mark.limit_memory("100MB")
            @pytest.mark.parametrize("number", range(20))
            def test_it(number):
                allocator.valloc((number + 1 + 20 * (number in {grown})) << 20)
                allocator.free()
        """)
    sizes(())
    for arguments in (["-n3"], ["-n1"]):
        assert fails_on_increase(allocating, *arguments) is None
    sizes((3, 11))
    result = allocating.fittest("--fail-on-increase", "-n3")
    over = sorted(test for test, verdict in result.verdicts.items() if verdict == "over_limit")
    assert over == ["test_a.py::test_it[11]", "test_a.py::test_it[3]"], result.out


def test_only_tests_with_the_mark_are_compared(allocating):
    for size in (1, 30):
        write(allocating, f"""
            def test_it():
                allocator.valloc({size} << 20)
                allocator.free()
        """)
        assert fails_on_increase(allocating) is None


def test_pytests_cache_is_not_needed(allocating):
    grown_to(allocating, 1 << 20)
    assert fails_on_increase(allocating, "-p", "no:cacheprovider") is None
    grown_to(allocating, 10 << 20)
    assert fails_on_increase(allocating, "-p", "no:cacheprovider")


def test_what_other_machines_measured_counts_once_it_is_merged(allocating):
    grown_to(allocating, 1 << 20)
    allocating.file("fittest.toml", 'history = "there.db"')
    assert allocating.fittest("--run-folder", "there").code == 0
    grown_to(allocating, 10 << 20)
    allocating.file("fittest.toml", 'history = "here.db"')
    assert allocating.fittest("there", verb="merge").code == 0
    assert "previously used 1.0MiB but now uses 10.0MiB" in fails_on_increase(allocating)
    allocating.file("fittest.toml", 'history = "never.db"')
    assert fails_on_increase(allocating) is None


@pytest.mark.parametrize("way", WAYS)
def test_what_tests_allocate_is_in_the_history(allocating, way):
    write(allocating, """
        @pytest.mark.parametrize("size", [3, 9])
        def test_it(size):
            for _ in range(2):
                allocator.valloc(size << 20)
                allocator.free()
    """)
    assert allocating.fittest(*WAYS[way]).code == 0
    known = known_of_the_heap(allocating)
    for name, size in (("test_it[3]", 3 * MB), ("test_it[9]", 9 * MB)):
        assert size <= known[name]["heap_peak_bytes"] < size + 2 * MB
        assert 2 * size <= known[name]["heap_allocated_bytes"] < 2 * size + 2 * MB
        assert known[name]["heap_allocations"] >= 2
    assert re.search(r"^ *(9\.\d|10) MiB +1[89] MiB +[\d,]+ +1 .*test_it\[9\]$",
                     allocating.fittest("--heap", verb="history").out, re.M)
    assert list(allocating.fittest("-E", "heap_peak > 8MB").verdicts) == ["test_a.py::test_it[9]"]


def test_what_was_not_measured_is_not_in_the_history(allocating):
    grown_to(allocating, 1 << 20)
    assert allocating.fittest("--heap=off").code == 0
    assert known_of_the_heap(allocating)["test_it"]["heap_peak_bytes"] is None

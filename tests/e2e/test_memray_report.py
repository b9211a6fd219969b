"""--memray and its report, as pytest-memray has them."""
import json
import re
import textwrap

import pytest
from conftest import has_plugin
from limited_suite import WAYS, allocating, write


TWO_TESTS = """
    def allocating_func1():
        allocator.valloc(1024 * 1024)
        allocator.free()

    def allocating_func2():
        allocator.valloc(1024 * 1024 * 2)
        allocator.free()

    def test_foo():
        allocating_func1()

    def test_bar():
        allocating_func2()
"""


@pytest.mark.parametrize("way", WAYS)
def test_memray_report(allocating, way):
    write(allocating, TWO_TESTS)
    result = allocating.fittest("--memray", *WAYS[way])
    assert result.code == 0, result.out
    report = result.out.split("MEMRAY REPORT")[1]
    assert report.index("Allocation results for test_a.py::test_bar at the high watermark") < report.index(
        "Allocation results for test_a.py::test_foo at the high watermark")
    assert re.search(r"Total memory allocated: 2\.0MiB", report) and re.search(r"Total memory allocated: 1\.0MiB", report)
    assert re.search(r"Total allocations: \d+", report)
    assert re.search(r"Histogram of allocation sizes: \|.{1,5}\|", report)
    assert re.search(r"- valloc:.*allocating\.py:\d+ -> 2\.0MiB", report)
    assert re.search(r"- valloc:.*allocating\.py:\d+ -> 1\.0MiB", report)
    assert not list(result.run_folder.glob("traces/*")), "traces are left"


@pytest.mark.parametrize("arguments", [[], ["--memray", "--hide-memray-summary"], ["--memray", "-p", "no:memray"]])
def test_no_report(allocating, arguments):
    write(allocating, TWO_TESTS)
    result = allocating.fittest(*arguments)
    assert result.code == 0 and "MEMRAY REPORT" not in result.out and "valloc" not in result.out


def test_most_allocations(allocating):
    write(allocating, "".join(textwrap.dedent(f"""
        def test_{size}():
            allocator.valloc({size} * 100_000)
            allocator.free()
    """) for size in range(1, 8)))
    reported = lambda *arguments: re.findall(
        r"Allocation results for test_a\.py::test_(\d+)", allocating.fittest("--memray", *arguments).out)
    assert reported("--most-allocations=1") == ["7"]
    assert reported() == ["7", "6", "5", "4", "3"]
    assert reported("--most-allocations=0") == ["7", "6", "5", "4", "3", "2", "1"]


def test_by_peak_and_not_by_sum(allocating):
    write(allocating, """
        def test_often():
            for _ in range(100):
                allocator.valloc(100_000)
                allocator.free()
        def test_once():
            allocator.valloc(500_000)
            allocator.free()
    """)
    result = allocating.fittest("--memray", "--most-allocations=1")
    assert re.findall(r"results for test_a\.py::(\w+)", result.out) == ["test_once"]


def test_failed_tests_are_not_reported(allocating):
    write(allocating, TWO_TESTS + "        1 / 0\n")
    result = allocating.fittest("--memray")
    assert result.code == 1
    assert "results for test_a.py::test_foo" in result.out and "results for test_a.py::test_bar" not in result.out


def test_the_ini_file(allocating):
    write(allocating, TWO_TESTS)
    allocating.file("pytest.ini", "[pytest]\npythonpath = .\nmemray = true\nmost_allocations = 1\n")
    result = allocating.fittest()
    assert re.findall(r"results for test_a\.py::(\w+)", result.out) == ["test_bar"]
    allocating.file("pytest.ini", "[pytest]\npythonpath = .\naddopts = --memray --most-allocations=1\n")
    assert re.findall(r"results for test_a\.py::(\w+)", allocating.fittest().out) == ["test_bar"]


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_traces_that_are_kept(allocating, way):
    write(allocating, """
        def test_a():
            assert [1]
        @pytest.mark.parametrize("i", [1, 2])
        def test_b(i):
            assert [2] * i
    """, name="magic__test_a")
    folder = allocating.folder / "d"
    result = allocating.fittest("--memray", "--memray-bin-path", str(folder), "--memray-bin-prefix=H", *WAYS[way])
    assert result.code == 0, result.out
    names = {path.name for path in folder.iterdir()}
    assert names == {"H-magic-test_a.py-test_b[2].bin", "H-magic-test_a.py-test_a.bin", "H-magic-test_a.py-test_b[1].bin"}
    assert "Created 3 binary dumps at %s with prefix H" % folder in result.out
    again = allocating.fittest("--memray", "--memray-bin-path", str(folder), "--memray-bin-prefix=H", *WAYS[way])
    assert again.code == 0 and {path.name for path in folder.iterdir()} == names
    read = allocating.fittest("report", "--json", str(folder / "H-magic-test_a.py-test_a.bin"), verb="heap")
    assert read.code == 0 and json.loads(read.out)["mode"] == "exact"


def test_long_ids_have_traces(allocating):
    write(allocating, "def test_%s(): pass\n" % ("a" * 300))
    folder = allocating.folder / "d"
    assert allocating.fittest("--memray", "--memray-bin-path=%s" % folder).code == 0
    (path,) = folder.iterdir()
    assert len(path.name) == 250 and path.name.endswith(".bin")


def test_a_test_is_called_once(allocating):
    write(allocating, """
        counter = 0
        def test_it():
            global counter
            counter += 1
            assert counter < 2
    """)
    assert allocating.fittest("--memray").code == 0


@pytest.mark.skipif(not has_plugin("pytest_memray"), reason="not installed: pytest_memray")
def test_pytest_memray_is_kept_out(allocating):
    write(allocating, TWO_TESTS)
    result = allocating.fittest("--memray", "--most-allocations=1")
    assert result.code == 0 and result.out.count("MEMRAY REPORT") == 1

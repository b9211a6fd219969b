"""What leaked over a run: fittest pytest --heap=sample, and fittest heap leaks of its traces."""
import json
import re

import pytest

# The figures are of allocations that every trace records: at least 64 KiB each.
SUITE = """
    import ctypes
    import pytest

    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    kept, cache = [], {}

    def keep():
        kept.append([0] * 50_000)

    def table():
        return cache.setdefault("table", bytearray(900_000))

    def use():
        return len(table())

    @pytest.fixture(scope="module")
    def large():
        return bytearray(3_000_000)

    @pytest.mark.parametrize("i", range(4))
    def test_list(i):
        keep()
    def test_first_to_fill():
        assert use()
    def test_by_c():
        assert libc.malloc(ctypes.c_size_t(700_000))
    def test_other_of_the_table():
        assert use()
    def test_again_of_the_table(large):
        assert use()
    def test_clean():
        bytearray(5_000_000)
"""


def leaks_of(suite, *arguments):
    result = suite.fittest("leaks", *map(str, arguments), verb="heap")
    assert result.code == 0, result.out
    return result.out


def stack_of(told, function):
    """The entry whose innermost Python frame is in that function."""
    found = []
    for stack in told["stacks"]:
        frames = [told["frames"][frame] for frame in stack["frames"]]
        python = [frame["function"] for frame in frames if frame["language"] == "python"]
        if python[:1] == [function] and stack["kind"] == "heap":
            found.append(stack)
    assert len(found) == 1, (function, told)
    return found[0]


def names(stack):
    return sorted(test["test"].split("::")[1] for test in stack["tests"])


@pytest.mark.parametrize("mode", ["sample", "exact"])
def test_leaks_of_c_and_python_and_a_cache(suite, mode):
    suite.write(test_a=SUITE)
    # In one worker and in order: the first that comes by the table fills it.
    result = suite.fittest("--heap=%s" % mode, "-n1", "--order", "collected")
    assert result.code == 0, result.out
    told = json.loads(leaks_of(suite, result.run_folder / "heap", "--json"))
    assert told["tests"] == 9 and told["processes"] == 1

    # A list of 50,000 pointers each.
    python = stack_of(told, "keep")
    assert python["looks_like"] == "leak"
    assert names(python) == ["test_list[%d]" % i for i in range(4)]
    assert 4 * 400_000 <= python["alive"]["bytes"] < 4 * 401_000

    by_c = stack_of(told, "test_by_c")
    assert by_c["looks_like"] == "unknown" and names(by_c) == ["test_by_c"]
    assert 700_000 <= by_c["alive"]["bytes"] < 701_000

    table = stack_of(told, "table")
    assert table["looks_like"] == "cache" and names(table) == ["test_first_to_fill"]
    assert 900_000 <= table["alive"]["bytes"] < 901_000

    # The fixture is torn down behind its last test, and what is free again is no leak.
    assert told["freed_later"]["bytes"] >= 3_000_000
    functions = {frame["function"] for frame in told["frames"]}
    assert "large" not in functions and "test_clean" not in functions


def test_the_end_of_a_run_shows_the_largest_and_the_command(suite):
    suite.write(test_a=SUITE)
    result = suite.fittest("--heap=sample", "-n1", "--order", "collected", env={"COLUMNS": "80"})
    head, _, section = result.out.partition("left by tests, alive at the end:")
    assert section, result.out
    assert "fittest: 9 tests in" in head  # below the summary
    assert re.search(r"\n +1\.5 MiB  keep  \S+\n +looks like a leak of 4 tests, most by: \S+test_list\[\d\]\n", section)
    assert re.search(r"\n +879 KiB  table  \S+\n +looks like a cache: \S+test_first_to_fill\n", section)
    assert re.search(r"\n +684 KiB  test_by_c  \S+\n +leak or cache: \S+test_by_c\n", section)
    assert len(section.splitlines()) <= 12 and max(map(len, section.splitlines())) <= 80
    command = re.search(r"all: fittest heap leaks (\S+)\n", section)
    assert command, section
    text = leaks_of(suite, command.group(1))
    assert "what tests left: 9 tests in 1 process" in text and "--find-leaks=10" in text
    assert re.search(r"\d\. +1\.5 MiB  in 4 allocations, by 4 tests: looks like a leak\n", text)


def test_several_workers_are_one_list(suite):
    suite.write(**{"test_%s" % letter: """
        import shared
        def test_it(): shared.keep()
        def test_more(): shared.keep()
    """ for letter in "abcd"})
    suite.file("shared.py", "kept = []\ndef keep(): kept.append(bytearray(500_000))\n")
    result = suite.fittest("--heap=sample", "-n2", "--dist=loadfile")
    told = json.loads(leaks_of(suite, *result.run_folder.glob("heap/*.heap"), "--json"))
    keep = stack_of(told, "keep")
    assert len(keep["tests"]) == 8 and keep["looks_like"] == "leak"
    assert keep["alive"]["bytes"] >= 4_000_000
    told = json.loads(leaks_of(suite, result.run_folder / "heap", "--json", "--test", "test_b.py"))
    assert sorted(test["test"] for test in stack_of(told, "keep")["tests"]) == ["test_b.py::test_it", "test_b.py::test_more"]


def test_nothing_is_said_without_traces_or_leaks(suite):
    suite.write(test_a="def test_it(): bytearray(1 << 20)")
    assert "left by tests" not in suite.fittest().out
    empty = suite.folder / "empty"
    empty.mkdir()
    refused = suite.fittest("leaks", str(empty), verb="heap")
    assert refused.code == 4 and "no trace is in it" in refused.out


def test_a_trace_without_tests(suite):
    suite.write(test_a="def test_it(): pass")
    folder = suite.folder / "d"
    suite.fittest("--memray", "--memray-bin-path=%s" % folder, "--memray-bin-prefix=p")
    refused = suite.fittest("leaks", str(folder / "p-test_a.py-test_it.bin"), verb="heap")
    assert refused.code == 4 and "no test is marked" in refused.out

"""limit_memory: what pytest-memray promises, and what is ours."""
import re
import xml.etree.ElementTree as tree

import pytest
from limited_suite import KB, MB, WAYS, allocating, stacks_of, write


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

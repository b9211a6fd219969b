"""limit_leaks: what pytest-memray promises, and what is ours."""

import pytest
from limited_suite import KB, MB, WAYS, allocating, stacks_of, write


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

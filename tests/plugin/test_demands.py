"""What the marks of a test come to."""
import types

import pytest
from fittest_pytest import demands, heap


def item(*marks):
    return types.SimpleNamespace(iter_markers=lambda: [mark.mark for mark in marks], nodeid="a.py::test")


def demand(*marks, configured=None):
    return demands.demand_of(item(*marks), configured)


def test_a_test_without_limits():
    assert demand() is None
    assert demand(pytest.mark.slow) is None
    assert not demands.is_marked(item(pytest.mark.slow))


def test_memory():
    made = demand(pytest.mark.limit_memory("24 MB"))
    assert made.memory == [(24 << 20, "")] and made.remembers and made.needs_section()
    assert made.flags(False) == heap.EXACT
    assert made.flags(True) == heap.EXACT | heap.PYTHON_ALLOCATORS
    assert demand(pytest.mark.limit_memory("1 B", current_thread_only=True)).flags(False) == (
        heap.EXACT | heap.CURRENT_THREAD)


def test_leaks_see_pythons_allocators_always():
    keep = lambda stack: True
    made = demand(pytest.mark.limit_leaks("1 KB", filter_fn=keep, warmups=3))
    assert made.leaks == [(1024, keep, "")] and made.warmups == 3
    assert made.flags(False) == heap.EXACT | heap.PYTHON_ALLOCATORS


@pytest.mark.parametrize("warmups", [-1, 1.5, "2", True])
def test_warmups_are_counted(warmups):
    with pytest.raises(ValueError, match="warmups"):
        demand(pytest.mark.limit_leaks("1 KB", warmups=warmups))


def test_objects_need_no_section():
    made = demand(pytest.mark.limit_leaked_objects)
    assert made.objects == [None] and not made.needs_section()


def test_marks_of_one_kind_hold_together():
    made = demand(pytest.mark.limit_memory("1 MB"), pytest.mark.limit_memory("2 MB", current_thread_only=True))
    assert [limit for limit, _ in made.memory] == [1 << 20, 2 << 20]
    assert made.flags(False) == heap.EXACT


@pytest.mark.parametrize("marks", [
    [pytest.mark.limit_memory("1 MB"), pytest.mark.limit_leaks("1 MB")],
    [pytest.mark.limit_leaks("1 MB"), pytest.mark.limit_leaked_objects],
])
def test_marks_of_two_kinds_do_not(marks):
    with pytest.raises(ValueError, match="Only one Memray marker can be applied to each test"):
        demand(*marks)


def test_a_size_that_is_none():
    with pytest.raises(ValueError, match="Invalid memory size format: a lot"):
        demand(pytest.mark.limit_memory("a lot"))


def test_arguments_that_there_are_not():
    with pytest.raises(TypeError):
        demand(pytest.mark.limit_memory("1 MB", filter_fn=None))


def test_the_configuration_counts_where_there_is_no_mark():
    limits = {"memory": [100, "fittest.toml:3"], "leaks": [10, "fittest.toml:9"]}
    made = demand(configured=limits)
    assert made.memory == [(100, " (limit of fittest.toml:3)")]
    assert made.leaks == [(10, None, " (limit of fittest.toml:9)")]
    assert not made.remembers
    assert demand(pytest.mark.limit_memory("5 B"), configured=limits).memory == [(5, "")]

"""What limit_leaked_objects sees without the heap tracker, and how it tells; with the tracker: tests/heap/track/python,
tests/e2e/test_leaked_objects.py."""
import errno
import types

import pytest
from conftest import in_child
from fittest_pytest import leaked_objects


def tracker(why_not="its library is not loaded", begin=0, end=0, left=()):
    """What stands between the watch and the library: codes as the library gives them."""
    return types.SimpleNamespace(why_not=why_not, begin_objects=lambda: begin, end_objects=lambda: end,
                                 take_objects=lambda: list(left))


class Custom:
    pass


def watched(the_tracker, body):
    """Frozen is what was there: for a process of its own."""
    kept = []
    watch = leaked_objects.ObjectWatch(the_tracker)
    with watch:
        body(kept)
    return [type(one).__name__ for one in watch.left], watch.partial, watch.problem


def leaks(kept):
    kept += [Custom(), "text %d" % len(kept)]
    circle = Custom()
    circle.circle = circle


def test_without_the_tracker_the_collector_is_asked():
    left, partial, problem = in_child(watched, tracker(), leaks)
    assert "Custom" in left and left.count("Custom") == 1 and "str" not in left
    assert partial == "its library is not loaded" and problem is None


def test_a_python_whose_objects_cannot_be_traced():
    left, partial, problem = in_child(watched, tracker(None, begin=errno.ENOTSUP), leaks)
    assert left.count("Custom") == 1 and "str" not in left
    assert partial == "the objects of this Python cannot be traced" and problem is None


@pytest.mark.parametrize("begin, end, said", [
    (errno.EALREADY, 0, "already"), (0, errno.ECANCELED, "tracemalloc"), (0, errno.EOVERFLOW, "more Python objects"),
    (0, errno.ENOMEM, "memory")])
def test_where_nothing_is_known_that_is_said(begin, end, said):
    left, _, problem = in_child(watched, tracker(None, begin, end, [1]), leaks)
    assert left == [] and said in problem


def test_of_a_body_that_failed_nothing_is_kept():
    for the_tracker in (tracker(None, left=[1]), tracker(None, left=[])):
        watch = leaked_objects.ObjectWatch(the_tracker)
        with pytest.raises(KeyError), watch:
            raise KeyError(1)
        assert watch.left == [] and watch.problem is None


def test_the_listing():
    class Broken:
        def __repr__(self):
            raise ValueError

    text = leaked_objects.listing(["a" * 200, 5, 6, Broken()])
    assert text.splitlines() == [
        "    Object types that leaked (total: 4 objects):",
        "        - 2 int instance(s)",
        "        - 1 str instance(s)",
        "        - 1 Broken instance(s)",
        "",
        "    Sample of leaked objects:",
        "        - str: '" + "a" * 96 + "...",
        "        - int: 5",
        "        - int: 6",
        "        - Broken: <repr failed>",
    ]
    assert leaked_objects.headline([1, 2]) == "Test leaked 2 objects"


def test_the_listing_says_once_what_was_not_seen():
    text = leaked_objects.listing([Custom() for _ in range(12)], "for a reason")
    assert text.count("for a reason") == 1 and "... and 2 more" in text

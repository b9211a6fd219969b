"""limit_leaked_objects, as pytest-memray has it."""
import re
import sys

import pytest
from conftest import borrowed_pytest
from limited_suite import WAYS, allocating, write


@pytest.mark.skipif(sys.version_info >= (3, 13, 3), reason="this Python can do it")
def test_leaked_objects_need_a_newer_python(allocating):
    write(allocating, """
        @pytest.mark.limit_leaked_objects
        def test_it(): pass
    """)
    result = allocating.fittest()
    assert result.code == 4
    assert "The limit_leaked_objects marker requires Python 3.13.3 or later" in result.out


@pytest.fixture(scope="module", params=["3.13", "3.14"])
def newer_python(request, tmp_path_factory):
    """The environment of a Python whose objects can be traced."""
    return borrowed_pytest(request.param, tmp_path_factory.mktemp("pytest"))


LEAKING = """
class Custom:
    def __init__(self, value): self.value = value
    def __repr__(self): return "Custom(%d)" % self.value

kept, number = [], 10**10

@pytest.mark.limit_leaked_objects
def test_numbers_and_texts():
    kept.extend((f"text {number}", number * 3, number / 3))
@pytest.mark.limit_leaked_objects
def test_containers():
    kept.extend(([], {number}, Custom(number)))
@pytest.mark.limit_leaked_objects
def test_clean():
    circle = {"texts": [str(i) for i in range(10_000)], "floats": {i: i / 3 for i in range(1000)}}
    circle["self"] = Custom(circle)
    assert len(circle) == 3 and "missing" not in circle
@pytest.mark.limit_leaked_objects(filter_fn=lambda one: not isinstance(one, (float, Custom)))
def test_some_ignored():
    kept.extend((number / 7, Custom(43), f"text {number}"))
@pytest.mark.limit_leaked_objects(filter_fn=lambda one: False)
def test_all_ignored():
    kept.extend((number / 7, Custom(44)))
@pytest.mark.limit_leaked_objects(filter_fn=lambda one: 1 / 0)
def test_a_filter_that_fails():
    kept.append(number / 7)
@pytest.mark.limit_leaked_objects
def test_an_exception_within():
    try:  # pytest.raises fills a cache of typing's, before pytest 8
        {}[f"key {number}"]
    except KeyError:
        pass
@pytest.mark.limit_leaked_objects
def test_an_exception():
    kept.append(number / 7)
    raise KeyError(f"key {number}")
@pytest.mark.limit_leaked_objects
def test_skipped():
    kept.append(number / 7)
    pytest.skip("for a reason")
@pytest.mark.limit_leaked_objects
def test_a_generator_left_running():
    def numbers():
        yield number * 5
        yield
    kept.append(numbers())
    next(kept[-1])
@pytest.mark.limit_leaked_objects
def test_a_thread():
    import threading
    thread = threading.Thread(target=lambda: kept.append(number / 9))
    thread.start()
    thread.join()
@pytest.mark.limit_leaked_objects
def test_many():
    kept.extend(str(number + i) for i in range(100))
@pytest.mark.limit_leaked_objects
@pytest.mark.limit_memory("1 GB")
def test_two_marks(): pass
def test_without_a_mark():
    import ctypes
    kept.append(number / 7)
    ctypes.pythonapi.PyRefTracer_GetTracer.restype = ctypes.c_void_p
    assert ctypes.pythonapi.PyRefTracer_GetTracer(ctypes.byref(ctypes.c_void_p())) is None, "what is made is traced"

@pytest.fixture
def made():
    kept.append(number / 11)
    yield [number / 13]
    kept.append(number / 17)

@pytest.mark.limit_leaked_objects
def test_fixtures_do_not_count(made):
    kept.append(made)

class TestCase(__import__("unittest").TestCase):
    @pytest.mark.limit_leaked_objects
    def test_method(self): kept.append(number / 19)
"""


@pytest.mark.parametrize("way", WAYS)
def test_leaked_objects(allocating, newer_python, way):
    write(allocating, LEAKING)
    result = allocating.fittest(*WAYS[way], env=newer_python)
    assert {name.split("::")[-1]: verdict for name, verdict in result.verdicts.items()} == {
        "test_numbers_and_texts": "over_limit", "test_containers": "over_limit", "test_clean": "passed",
        "test_some_ignored": "over_limit", "test_all_ignored": "passed", "test_a_filter_that_fails": "failed",
        "test_an_exception_within": "passed", "test_an_exception": "failed", "test_skipped": "skipped",
        "test_a_generator_left_running": "over_limit", "test_a_thread": "over_limit", "test_many": "over_limit",
        "test_two_marks": "failed", "test_without_a_mark": "passed", "test_fixtures_do_not_count": "passed",
        "test_method": "over_limit"}, result.out

    def told(name):
        return result.out.split("_ %s _" % name)[1].split("\n____")[0]

    texts = told("test_numbers_and_texts")
    assert "Test leaked 3 objects" in texts and "memray-tracked-objects" in texts
    assert re.findall(r"^ {8}- (\w+: .*)$", texts, re.M) == [
        "str: 'text 10000000000'", "int: 30000000000", "float: %r" % (10**10 / 3)]
    assert "Test leaked 3 objects" in told("test_containers") and "- Custom: Custom(10000000000)" in result.out
    assert "Test leaked 1 objects" in told("test_some_ignored") and "ZeroDivisionError" in told("test_a_filter_that_fails")
    assert "- generator: <generator object" in told("test_a_generator_left_running")
    assert "Test leaked 1 objects" in told("test_a_thread")
    assert re.search(r"- 100 str instance\(s\)", told("test_many")) and "... and 90 more" in told("test_many")
    assert "Only one Memray marker can be applied to each test" in told("test_two_marks")
    assert "were not seen" not in result.out


def test_objects_while_tracemalloc_traces_them(allocating, newer_python):
    write(allocating, """
        import tracemalloc
        kept = []
        @pytest.mark.limit_leaked_objects
        def test_leaking():
            kept.append(str(10**9))
        def test_goes_on():
            assert tracemalloc.is_tracing()
            kept.append([float(10**9)])
            assert tracemalloc.get_object_traceback(kept[-1]) is not None
        @pytest.mark.limit_leaked_objects
        def test_interrupted():
            tracemalloc.stop()
    """)
    result = allocating.fittest("-n1", env=dict(newer_python, PYTHONTRACEMALLOC="1"))
    assert {name.split("::")[1]: verdict for name, verdict in result.verdicts.items()} == {
        "test_leaking": "over_limit", "test_goes_on": "passed", "test_interrupted": "passed"}, result.out
    assert re.search("the memory of .*test_interrupted could not be measured: .*tracemalloc", result.out), result.out


def test_without_the_tracker_fewer_objects_are_seen(allocating, newer_python):
    """As far as the plugin knows: its own word for that is put in."""
    write(allocating, """
        import ctypes
        kept = []
        class Custom: pass
        @pytest.mark.limit_leaked_objects
        def test_it(): kept.extend((Custom(), str(10**9)))
        @pytest.mark.limit_leaked_objects
        def test_clean(): str(10**9)
    """)
    allocating.file("conftest.py", """
        import pytest
        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_setup(item):
            item.config.pluginmanager.getplugin("fittest_limits").tracker.why_not = "for a reason"
    """)
    result = allocating.fittest("-n1", env=newer_python)
    assert result.verdict("test_it") == "over_limit" and result.verdict("test_clean") == "passed", result.out
    assert "Test leaked 1 objects" in result.out
    assert result.out.count("does not know were not seen: for a reason") == 1

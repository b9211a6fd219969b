"""Reports as bytes, and what they come to."""
import dataclasses
import enum
import math
import random
import warnings
from pathlib import Path, PurePosixPath

import pytest
from _pytest.reports import TestReport
from fittest_pytest import results


class Text(str):
    pass


class Number(int):
    pass


class Real(float):
    pass


class Raw(bytes):
    pass


class Level(enum.IntEnum):
    LOW = 1


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass(frozen=True)
class Point:
    x: int = 1


def random_plain(source, depth=0):
    """What marshal knows by itself."""
    kinds = ["text", "number", "real", "bytes", "none", "flag", "large"]
    if depth < 4:
        kinds += ["list", "tuple", "dict"] * 2
    kind = source.choice(kinds)
    if kind == "text":
        return "".join(chr(source.choice([0, 9, 65, 0xE4, 0x20AC, 0x1F40D, 0xDC80])) for _ in range(source.randrange(9)))
    if kind == "number":
        return source.randrange(-100, 100)
    if kind == "large":
        return source.getrandbits(200) - (1 << 199)
    if kind == "real":
        return source.choice([0.0, -0.0, 1.5, 1e300, 5e-324, math.inf, -math.inf, math.nan, source.random()])
    if kind == "bytes":
        return source.randbytes(source.randrange(9))
    if kind == "none":
        return None
    if kind == "flag":
        return source.random() < 0.5
    count = source.randrange(5)
    if kind == "list":
        return [random_plain(source, depth + 1) for _ in range(count)]
    if kind == "tuple":
        return tuple(random_plain(source, depth + 1) for _ in range(count))
    return {source.choice(["a", "b", 1, (1, "x"), b"k", None]): random_plain(source, depth + 1) for _ in range(count)}


FOREIGN = [
    Text("text"), Number(7), Real(0.5), Raw(b"raw"), Level.LOW, Colour.RED, Point(), Path("/a/b"), PurePosixPath("c"),
    {1, 2}, frozenset({3}), object, len, ValueError("x"), range(3), bytearray(b"array"), 1j,
]


def random_foreign(source, depth=0):
    """With what marshal does not know somewhere inside."""
    if depth > 3 or source.random() < 0.3:
        return source.choice(FOREIGN)
    inner = [random_foreign(source, depth + 1) if source.random() < 0.7 else random_plain(source, 3)
             for _ in range(source.randrange(1, 4))]
    kind = source.randrange(3)
    if kind == 0:
        return inner
    if kind == 1:
        return tuple(inner)
    return {source.choice([Text("k"), Path("/k"), frozenset({1}), (Text("t"), Point()), Level.LOW]): one for one in inner}


def same(a, b):
    """Equal, of the same types; nan is nan and -0.0 is not 0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return math.isnan(a) and math.isnan(b) or a == b and math.copysign(1, a) == math.copysign(1, b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b


PLAIN_TYPES = (str, int, float, bytes, bool, type(None), list, tuple, dict, set, frozenset, bytearray, complex)


def all_plain(value):
    if type(value) not in PLAIN_TYPES:
        return False
    if isinstance(value, dict):
        return all(all_plain(key) and all_plain(inner) for key, inner in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(all_plain, value))
    return True


@pytest.mark.parametrize("seed", range(50))
def test_plain_values_come_back_as_they_were(seed):
    source = random.Random(seed)
    for _ in range(100):
        value = random_plain(source)
        assert same(results.unpack(results.pack(value)), value)


@pytest.mark.parametrize("seed", range(50))
def test_other_values_come_back_as_something_near_to_them(seed):
    source = random.Random(seed)
    for _ in range(100):
        value = random_foreign(source)
        back = results.unpack(results.pack(value))
        assert all_plain(back), (value, back)


@pytest.mark.parametrize("value, near", [
    (Text("text"), "text"),
    (Number(7), 7),
    (Level.LOW, 1),
    (Real(0.5), 0.5),
    (Raw(b"raw"), b"raw"),
    (Path("/a/b"), "/a/b"),
    ([Path("a"), (Text("b"), {"c": Number(1)})], ["a", ("b", {"c": 1})]),
    (Colour.RED, "<Colour.RED: 'red'>"),
    (Point(), "Point(x=1)"),
])
def test_what_is_near(value, near):
    assert same(results.unpack(results.pack(value)), near)


class Unspeakable:
    def __repr__(self):
        raise RuntimeError("no words")


class BadText(str):
    def __str__(self):
        raise RuntimeError("no words")


class BadPath:
    def __fspath__(self):
        return 7

    def __str__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize("value", [Unspeakable(), BadText("x"), BadPath()], ids=lambda value: type(value).__name__)
def test_what_cannot_even_be_shown_is_named(value):
    assert type(value).__name__ in results.unpack(results.pack({"property": value}))["property"]


def test_what_holds_itself_does_not_end_the_worker():
    ring = [Point()]
    ring += [ring, ring, {"self": ring}]
    assert all_plain(results.unpack(results.pack(ring)))
    deep = Point()
    for _ in range(3000):
        deep = [deep]
    results.unpack(results.pack(deep))


def test_reports_of_pytest_come_back(pytestconfig):
    report = TestReport(nodeid="a.py::test_x", location=("a.py", 3, "test_x"), keywords={"k": 1}, outcome="failed",
                        longrepr="long\ntext", when="call", sections=[("Captured stdout call", "said")], duration=1.5,
                        user_properties=[("where", Path("/x")), ("n", Number(3))])
    data = pytestconfig.hook.pytest_report_to_serializable(config=pytestconfig, report=report)
    back = pytestconfig.hook.pytest_report_from_serializable(
        config=pytestconfig, data=results.unpack(results.pack(data)))
    for name in ("nodeid", "location", "keywords", "outcome", "longrepr", "when", "duration"):
        assert getattr(back, name) == getattr(report, name), name
    assert [tuple(one) for one in back.sections] == report.sections
    assert [tuple(one) for one in back.user_properties] == [("where", "/x"), ("n", 3)]


def test_long_output_is_cut_in_the_middle():
    assert results.shorten("short") == "short"
    text = "begin" + "x" * (10 << 20) + "end"
    short = results.shorten(text)
    assert short.startswith("begin") and short.endswith("end")
    assert len(short) < 5 << 20
    assert "characters left out here" in short
    left_out = int(short.split("[fittest: ")[1].split()[0])
    marker = "\n[fittest: %d characters left out here]\n" % left_out
    assert len(short) - len(marker) + left_out == len(text)


# --- verdicts ---


def report(outcome, when="call", longrepr=None, **more):
    made = TestReport(nodeid="a.py::test_x", location=("a.py", 3, "test_x"), keywords={}, outcome=outcome,
                      longrepr=longrepr, when=when)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def phases(call=None, setup=None, teardown=None):
    return [setup or report("passed", "setup")] + ([call] if call else []) + [teardown or report("passed", "teardown")]


class SubtestReport(TestReport):
    """Named as that of pytest 9."""


def of_subtest(outcome):
    return SubtestReport(nodeid="a.py::test_x", location=("a.py", 3, "test_x"), keywords={}, outcome=outcome,
                         longrepr="assert in part" if outcome == "failed" else None, when="call")


SKIP = ("a.py", 4, "Skipped: not today\nnor tomorrow")
TABLE = {
    "passed": (phases(report("passed")), "passed", ""),
    "failed": (phases(report("failed", longrepr="assert 1 == 2\nmore")), "failed", "assert 1 == 2"),
    "skipped": (phases(report("skipped", longrepr=SKIP)), "skipped", "Skipped: not today"),
    "skipped by a mark": (phases(setup=report("skipped", "setup", SKIP)), "skipped", "Skipped: not today"),
    "xfailed": (phases(report("skipped", wasxfail="known")), "xfailed", "known"),
    "xfailed in set-up": (phases(setup=report("skipped", "setup", wasxfail="known")), "xfailed", "known"),
    "xpassed": (phases(report("passed", wasxfail="known")), "xpassed", "known"),
    "xpassed strictly": (phases(report("failed", longrepr="[XPASS(strict)] known")), "failed", "[XPASS(strict)] known"),
    "no set-up": (phases(setup=report("failed", "setup", "no set-up")), "error", "no set-up"),
    "no teardown": (phases(report("passed"), teardown=report("failed", "teardown", "stuck")), "error", "stuck"),
    "failed, then no teardown": (phases(report("failed", longrepr="first"),
                                        teardown=report("failed", "teardown", "second")), "failed", "first"),
    "skipped, then no teardown": (phases(report("skipped", longrepr=SKIP),
                                         teardown=report("failed", "teardown", "stuck")), "error", "stuck"),
    "timed out": (phases(report("failed", longrepr="Failed: Timeout >1.0s")), "timed_out", "Failed: Timeout >1.0s"),
    "timed out, since 2.4": (phases(report("failed", longrepr="Failed: Timeout (>1.0s) from pytest-timeout.")),
                             "timed_out", "Failed: Timeout (>1.0s) from pytest-timeout."),
    "timed out in set-up": (phases(setup=report("failed", "setup", "Failed: Timeout >2.0s")), "timed_out",
                            "Failed: Timeout >2.0s"),
    "run again, then passed": (phases(report("rerun", longrepr="flaky")) + phases(report("passed")), "passed", ""),
    "run again, then failed": (phases(report("rerun", longrepr="flaky")) + phases(report("failed", longrepr="again")),
                               "failed", "again"),
    "a subtest failed": (phases(report("passed"))[:1] + [of_subtest("failed"), of_subtest("passed")]
                         + phases(report("passed"))[1:], "failed", "assert in part"),
    "a subtest was skipped": (phases(report("passed"))[:1] + [of_subtest("skipped")] + phases(report("passed"))[1:],
                              "passed", ""),
    "nothing": ([], "passed", ""),
}


@pytest.mark.parametrize("name", TABLE)
def test_verdicts(name):
    reports, verdict, detail = TABLE[name]
    assert results.verdict_of(reports) == (verdict, detail)


def test_the_names_are_those_of_the_program():
    text = (Path(__file__).parents[2] / "src/core/verdict.h").read_text()
    names = text.split("kVerdictNames = {")[1].split("}")[0].replace('"', "").replace(",", " ").split()
    assert results.VERDICTS == names


def test_details_are_one_line_of_bounded_length():
    _, detail = results.verdict_of([report("failed", longrepr="\n\n" + "x" * 5000 + "\nsecond")])
    assert detail == "x" * 300
    _, detail = results.verdict_of([report("skipped", longrepr=("a.py", 1, "y" * 5000))])
    assert detail == "y" * 300


# --- warnings ---


class OwnWarning(UserWarning):
    def __init__(self, one, two):
        super().__init__(one, two)


def caught(*arguments, **more):
    with warnings.catch_warnings(record=True) as log:
        warnings.simplefilter("always")
        warnings.warn(*arguments, **more)
    return log[0]


def round_trip(message):
    return results.restore_warning(results.unpack(results.pack(results.serialize_warning(message))))


@pytest.mark.parametrize("arguments", [("mind the gap", DeprecationWarning), (UserWarning("text"),),
                                       (OwnWarning("one", 2),)], ids=["category", "instance", "own"])
def test_warnings_come_back(arguments):
    message = caught(*arguments)
    back = round_trip(message)
    assert type(back.message) is type(message.message) and back.message.args == message.message.args
    assert back.category is message.category
    assert (back.filename, back.lineno) == (message.filename, message.lineno)
    assert str(back) == str(message)


def test_warnings_whose_class_cannot_be_found_keep_their_text():
    class Local(UserWarning):
        pass

    back = round_trip(caught(Local("text")))
    assert str(back.message) == "text" and back.category is Warning
    back = round_trip(caught(OwnWarning(Unspeakable, 1)))
    assert "Unspeakable" in str(back.message) and back.category is OwnWarning

"""The options of pytest-split and pytest-random-order, and what they come to."""
import json
import types

import pytest
from fittest_pytest import selection


def config_of(arguments="", markers=(), **options):
    from _pytest.config import Config, PytestPluginManager

    config = Config(PytestPluginManager())
    selection.add_options(config._parser)
    option = config._parser.parse(arguments.split(), namespace=None)
    for name, value in dict({"strict_markers": False, "markexpr": ""}, **options).items():
        setattr(option, name, value)

    def getini(name):
        if name == "markers":
            return list(markers)
        raise ValueError(name)

    return types.SimpleNamespace(option=option, getini=getini, inipath=None)


def wishes(arguments, has_plan=False, order=None):
    return selection.Wishes(config_of(arguments), has_plan, order)


def test_nothing_is_wished_by_default():
    nothing = wishes("")
    assert not nothing.selects()
    assert nothing.store is None and nothing.seed is None


@pytest.mark.parametrize("arguments, has_plan, message", [
    ("--splits 4", False, "`--group` is required"),
    ("--group 4", False, "`--splits` is required"),
    ("--splits 0 --group 1", False, "`--splits` must be >= 1, not 0"),
    ("--splits 4 --group 5", False, "`--group` must be >= 1 and <= 4, not 5"),
    ("--splits 4 --group 0", False, "`--group` must be >= 1 and <= 4, not 0"),
    ("", True, "`--group` is required"),
    ("--group -1", True, "`--group` must be >= 1, not -1"),
])
def test_what_makes_no_sense_together_is_refused(arguments, has_plan, message):
    with pytest.raises(pytest.UsageError) as refused:
        wishes(arguments, has_plan)
    assert message in str(refused.value)


def test_any_option_about_shuffling_shuffles():
    for arguments in ("--random-order", "--random-order-bucket class", "--random-order-seed 12"):
        assert wishes(arguments).order == "random"
    assert wishes("", order="random").order == "random"
    assert wishes("", order="slow-first").order == "slow-first"
    assert wishes("--random-order").bucket == "module"
    assert wishes("--random-order --random-order-bucket none").bucket == "none"


def test_seeds_are_numbers_or_words():
    assert wishes("--random-order-seed 12").as_json()["seed"] == 12
    word = wishes("--random-order-seed a-word").as_json()["seed"]
    assert word == wishes("--random-order-seed a-word").as_json()["seed"] and 0 <= word < 1 << 64
    assert wishes("--random-order-seed -5").as_json()["seed"] != wishes("--random-order-seed 5").as_json()["seed"]
    drawn = {wishes("--random-order").seed for _ in range(20)}
    assert len(drawn) > 1 and all(1 <= int(seed) <= 1000000 for seed in drawn)


class Item:
    def __init__(self, nodeid, *marks):
        self.nodeid = nodeid
        self.marks = list(marks)

    def iter_markers(self):
        return iter(self.marks)

    def get_closest_marker(self, name):
        return next((mark for mark in self.marks if mark.name == name), None)


def mark(name, **kwargs):
    return types.SimpleNamespace(name=name, kwargs=kwargs)


def test_sets_of_labels_have_numbers_from_1():
    labels = selection.Labels()
    assert labels.number(Item("a")) == 0
    assert labels.number(Item("a", mark("x"), mark("b"), mark("x"))) == 1
    assert labels.number(Item("a", mark("b"), mark("x"))) == 1
    assert labels.number(Item("a", mark("b"))) == 2
    assert labels.all() == [("b", "x"), ("b",)]


def test_marked_modules_keep_their_order_among_the_others():
    fixed = [Item("a.py::%d" % n, mark("random_order", disabled=True)) for n in range(3)]
    free = [Item("b.py::%d" % n) for n in range(3)]
    shuffled = [free[2], fixed[1], free[0], fixed[2], fixed[0], free[1]]
    assert selection.with_fixed_in_place(fixed + free, shuffled) == [
        free[2], fixed[0], free[0], fixed[1], fixed[2], free[1]]
    # Not all of them may have been selected.
    assert selection.with_fixed_in_place(fixed + free, [fixed[2], free[0], fixed[0]]) == [fixed[0], free[0], fixed[2]]
    assert selection.with_fixed_in_place(free, free[::-1]) == free[::-1]


def test_unregistered_markers_are_a_mistake_only_where_markers_are_strict():
    selection.check_labels(config_of(markexpr="slwo", markers=["slow: long"]))
    strict = {"strict_markers": True, "markers": ["slow: long", "device(serial): which"]}
    for fine in ("slow and not (device or slow)", "not slow", "", "device(serial='a b') or slow", "True or False"):
        selection.check_labels(config_of(markexpr=fine, **strict))
    with pytest.raises(pytest.UsageError) as refused:
        selection.check_labels(config_of(markexpr="not slwo", **strict))
    assert "did you mean 'slow'?" in str(refused.value)


@pytest.mark.parametrize("text", ["{", "[1, 2]", '{"a": "long"}', '{"a": null}', "7", '[["a"]]', "\x00"])
def test_durations_that_could_not_be_added_to(tmp_path, text):
    path = tmp_path / "durations"
    path.write_text(text)
    with pytest.raises(pytest.UsageError) as refused:
        selection.check_durations(str(path))
    assert "durations" in str(refused.value)


def test_durations_that_can(tmp_path):
    path = tmp_path / "durations"
    selection.check_durations(str(path))
    for fine in ({}, {"a": 1, "b": 0.5}, [], [["a", 1]]):
        path.write_text(json.dumps(fine))
        selection.check_durations(str(path))

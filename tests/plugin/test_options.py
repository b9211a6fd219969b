"""The command line of pytest-xdist, and what it comes to."""
import types

import pytest
from fittest_pytest import options


def config_of(arguments="", hook_gives=None):
    """As after pytest has parsed the command line: through the options as they are added to a real parser."""
    from _pytest.config import Config, PytestPluginManager

    config = Config(PytestPluginManager())
    options.add_options(config._parser)
    option = config._parser.parse(arguments.split(), namespace=None)
    hook = types.SimpleNamespace()
    if hook_gives is not None:
        hook.pytest_xdist_auto_num_workers = lambda config: hook_gives
    return types.SimpleNamespace(option=option, hook=hook)


@pytest.fixture(autouse=True)
def four_cores(monkeypatch):
    monkeypatch.delenv("PYTEST_XDIST_AUTO_NUM_WORKERS", raising=False)
    monkeypatch.setattr(options, "core_count", lambda: 4)


# Arguments: workers, dist, in order.
TABLE = {
    "": (4, "load", False),
    "-n 3": (3, "load", False),
    "-n3": (3, "load", False),
    "--numprocesses=3": (3, "load", False),
    "-n auto": (4, "load", False),
    "-n logical": (4, "load", False),
    "-n auto --maxprocesses 2": (2, "load", False),
    "-n auto --maxprocesses 9": (4, "load", False),
    "--maxprocesses 2": (2, "load", False),
    "-n 8 --maxprocesses 2": (8, "load", False),
    "-n 0": (1, "no", True),
    "-n 0 --dist loadfile": (1, "no", True),
    "--dist no": (1, "no", True),
    "-n 4 --dist no": (4, "load", False),
    "-d": (4, "load", False),
    "--dist load": (4, "load", False),
    "--dist loadscope": (4, "loadscope", False),
    "--dist loadfile -n 2": (2, "loadfile", False),
    "--dist loadgroup": (4, "loadgroup", False),
    "--dist worksteal": (4, "worksteal", False),
    "-d --dist loadfile": (4, "loadfile", False),
}


@pytest.mark.parametrize("arguments", TABLE)
def test_distribution(arguments):
    made = options.Distribution(config_of(arguments))
    assert (made.workers, made.dist, made.in_order) == TABLE[arguments]


@pytest.mark.parametrize("arguments, workers", [("", 7), ("-n auto", 4), ("-n 2", 2), ("--maxprocesses 3", 3)])
def test_the_configured_number_counts_where_the_command_line_has_none(arguments, workers):
    assert options.Distribution(config_of(arguments), most_workers=7).workers == workers


@pytest.mark.parametrize("arguments, named", [
    ("--dist each", "--dist each"),
    ("-n -1", "-n -1"),
    ("--maxprocesses 0", "--maxprocesses 0"),
])
def test_what_makes_no_sense_is_named(arguments, named):
    with pytest.raises(pytest.UsageError, match=named):
        options.Distribution(config_of(arguments))


@pytest.mark.parametrize("arguments", ["-n many", "--dist magic", "--maxprocesses some"])
def test_what_is_no_number_or_no_word_is_refused_by_the_parser(arguments, capsys):
    with pytest.raises((pytest.UsageError, SystemExit)):
        config_of(arguments)


@pytest.mark.parametrize("variable, hook, workers", [
    (None, None, 4), ("3", None, 3), ("0", None, 1), ("many", None, 4), (None, 6, 6), ("3", 6, 3), (None, 0, 4),
    ("many", 6, 6),
])
def test_auto_is_the_variable_then_the_hook_then_the_cores(monkeypatch, variable, hook, workers):
    if variable is not None:
        monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", variable)
    assert options.Distribution(config_of("-n auto", hook)).workers == workers


def item(nodeid, *groups, fixtures=()):
    marks = [types.SimpleNamespace(args=(one,) if isinstance(one, str) else (), kwargs=one if isinstance(one, dict) else {})
             for one in groups]
    return types.SimpleNamespace(nodeid=nodeid, own_markers=marks, fixturenames=list(fixtures),
                                 config=types.SimpleNamespace(option=types.SimpleNamespace()),
                                 iter_markers=lambda name: iter(marks) if name == "xdist_group" else iter(()))


@pytest.mark.parametrize("arguments, nodeid, groups, group", [
    ("", "a.py::test_x", (), None),
    ("", "a.py::test_x", ("g",), "@g"),
    ("", "a.py::test_x", ({"name": "g"},), "@g"),
    ("", "a.py::test_x", ({},), "@default"),
    ("", "a.py::test_x", ("b", "a"), "@a_b"),
    ("--dist load", "a.py::test_x", ("g",), None),
    ("--dist worksteal", "a.py::test_x", ("g",), None),
    ("--dist loadgroup", "a.py::test_x", ("g",), "@g"),
    ("--dist loadgroup", "a.py::test_x", (), None),
    ("--dist loadfile", "d/a.py::TestC::test_x[a::b]", ("g",), "d/a.py"),
    ("--dist loadscope", "d/a.py::TestC::test_x", (), "d/a.py::TestC"),
    ("--dist loadscope", "d/a.py::test_x", (), "d/a.py"),
    ("-n 0", "a.py::test_x", ("g",), None),
])
def test_groups(arguments, nodeid, groups, group):
    assert options.group_name(item(nodeid, *groups), options.Distribution(config_of(arguments))) == group


def test_options_of_xdist_that_say_nothing_here_are_taken():
    config_of("--tx popen --px a --rsyncdir b --rsyncignore c --maxschedchunk 3 --no-loadscope-reorder --testrunuid u")


def test_what_others_read_of_xdist_is_there_and_nothing_is_overwritten():
    config = types.SimpleNamespace(option=types.SimpleNamespace(dist="load"))
    options.look_like_a_worker_less_xdist(config)
    assert (config.option.dist, config.option.numprocesses, config.option.tx) == ("load", None, [])

"""The options of pytest-memray, and what they come to."""
import hashlib
import os
import types

import pytest
from fittest_pytest import heap_options


def config_of(*arguments, **ini):
    from _pytest.config import Config, PytestPluginManager

    config = Config(PytestPluginManager())
    heap_options.add_options(config._parser)
    option = config._parser.parse(list(arguments), namespace=None)
    option.__dict__.setdefault("verbose", 0)
    option.__dict__.setdefault("plugins", [])

    def getini(name):
        if name in ini:
            return ini[name]
        raise ValueError(name)

    return types.SimpleNamespace(option=option, getini=getini)


def options(*arguments, **ini):
    return heap_options.HeapOptions(config_of(*arguments, **ini))


def test_defaults():
    made = options()
    assert not (made.memray or made.hides_summary or made.native or made.python_allocators or made.fails_on_increase)
    assert (made.most_allocations, made.stacks, made.folder, made.off, made.verbosity) == (5, 1, None, False, 0)
    assert made.prefix != options().prefix


def test_the_command_line():
    made = options("--memray", "--hide-memray-summary", "--native", "--trace-python-allocators", "--fail-on-increase",
                   "--most-allocations=0", "--stacks=7", "--memray-bin-prefix=p")
    assert made.memray and made.hides_summary and made.native and made.python_allocators and made.fails_on_increase
    assert (made.most_allocations, made.stacks, made.prefix) == (0, 7, "p")


def test_the_ini_file_counts_where_the_command_line_is_silent():
    ini = {"memray": True, "native": True, "most_allocations": "20", "stacks": "3", "fail-on-increase": True,
           "verbosity_memray": "2"}
    made = options(**ini)
    assert made.memray and made.native and made.fails_on_increase
    assert (made.most_allocations, made.stacks, made.verbosity) == (20, 3, 2)
    assert options("--stacks=4", **ini).stacks == 4


@pytest.mark.parametrize("name, value", [("most_allocations", "many"), ("most_allocations", "-1"), ("stacks", "0"),
                                         ("verbosity_memray", "loud")])
def test_an_ini_file_that_makes_no_sense(name, value):
    with pytest.raises(pytest.UsageError, match="%s = %s" % (name, value)):
        options(**{name: value})


@pytest.mark.parametrize("argument", ["--stacks=0", "--stacks=x", "--most-allocations=-1", "--find-leaks=3"])
def test_a_command_line_that_makes_no_sense(argument):
    with pytest.raises(pytest.UsageError, match=argument.split("=")[0]):
        options(argument)


def test_traces_go_into_a_folder_that_is_made(tmp_path):
    made = options("--memray-bin-path=%s" % (tmp_path / "a" / "b"))
    assert made.folder == str(tmp_path / "a" / "b") and os.path.isdir(made.folder)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(pytest.UsageError, match="must be a directory"):
        options("--memray-bin-path=%s" % (tmp_path / "a"))
    with pytest.raises(pytest.UsageError, match="cannot create directory"):
        options("--memray-bin-path=%s" % (tmp_path / "a" / "b"))


def test_names_of_traces():
    made = options("--memray-bin-prefix=H")
    assert made.trace_name("magic/test_a.py::test_b[1]") == "H-magic-test_a.py-test_b[1].bin"


@pytest.mark.parametrize("nodeid", ["test_a.py::test_a[%s]" % ("a" * 300), "test_a.py::test_a[%s]" % ("\u00e9" * 200)])
def test_names_are_cut_to_what_a_file_system_takes(nodeid):
    made = options("--memray-bin-prefix=H")
    name = made.trace_name(nodeid)
    whole = "H-%s.bin" % nodeid.replace("::", "-")
    assert len(name.encode()) <= 250 and whole.startswith(name[:100])
    assert name.endswith("-%s.bin" % hashlib.sha256(whole.encode()).hexdigest()[:16])
    assert name != made.trace_name(nodeid + "x")


def test_switching_the_plugin_off_switches_this_off():
    config = config_of()
    config.option.plugins = ["no:memray"]
    assert heap_options.HeapOptions(config).off

"""fittest labels: what is listed, what is blamed, and that the patch mends it."""
import shutil
import subprocess

import pytest
from conftest import PROGRAM

CONFIG = """
    [labels]
    memory_intensive = "peak > 40MB"
    later = "memory_intensive and duration > 1h"
    """

SUITE = """
    import pytest

    def hold(mib):
        return len(bytearray(b"x") * (mib << 20))

    @pytest.mark.memory_intensive
    def test_right(): assert hold(80)

    @pytest.mark.unit
    @pytest.mark.memory_intensive
    def test_light(): pass

    class TestA:
        def test_heavy(self): assert hold(80)

    @pytest.mark.parametrize("mib", [1, 80])
    def test_some(mib): assert hold(mib)

    @pytest.mark.memory_intensive
    @pytest.mark.skip
    def test_skipped(): pass
    """


def labels(suite, *arguments, cwd=None):
    """Exit code, standard output, standard error."""
    done = subprocess.run([PROGRAM, "labels", *arguments], cwd=cwd or suite.folder, env=suite.environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    suite.nothing_left()
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def measured(suite):
    suite.write(test_a=SUITE)
    suite.file("fittest.toml", CONFIG)
    suite.file("pytest.ini", "[pytest]\nmarkers =\n    memory_intensive: over 40 MB\n    unit: small\n")
    result = suite.fittest("-n1")
    assert result.code == 0, result.out
    return suite


def test_lists_labels_with_their_tests_and_meanings(measured):
    code, out, err = labels(measured)
    assert (code, err) == (0, "")
    assert out == (
        "        0  later             = memory_intensive and duration > 1h\n"
        "        5  memory_intensive  = peak > 40MB\n"
        "        2  parametrize\n"
        "        1  skip\n"
        "        1  unit\n"
        "\n"
        "6 tests\n")


def test_says_of_how_many_tests_nothing_is_known(suite):
    suite.write(test_a=SUITE)
    suite.file("fittest.toml", CONFIG)
    code, out, _ = labels(suite)
    assert code == 0
    assert "        3  memory_intensive  = peak > 40MB\n" in out
    assert out.endswith("\n6 tests, 6 of them without measurements\n")


def test_a_suite_without_labels(suite):
    suite.write(test_a="def test_x(): pass")
    assert labels(suite) == (0, "No test has a label.\n", "")


def test_check_blames_what_is_measured_otherwise(measured):
    code, out, err = labels(measured, "--check")
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0].startswith("test_a.py::test_light: marked memory_intensive, but peak ")
    assert lines[1].startswith("test_a.py::TestA::test_heavy: not marked memory_intensive, but peak ")
    assert lines[2].startswith("test_a.py::test_some[80]: not marked memory_intensive, but peak ")
    assert all(line.endswith("B (peak > 40MB)") for line in lines[:3])
    assert lines[3:] == ["memory_intensive: 3 by hand, 1 of them measured otherwise; 2 measured but not marked; 1 test "
                         "without measurements",
                         "  -> fittest labels --write prints the patch that mends it"]


def test_check_of_a_part(measured):
    assert labels(measured, "--check", "test_a.py::test_right")[:2] == (0, "memory_intensive: 1 by hand, as measured\n")
    assert labels(measured, "--check", "-E", "name(test_right)")[0] == 0
    assert labels(measured, "--check", "-k", "light")[0] == 1


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch(1)")
@pytest.mark.parametrize("below", [False, True])
def test_the_patch_mends_it(measured, below):
    folder = measured.folder
    if below:
        (folder / "below").mkdir()
        (folder / ".fittest").rename(folder / "below" / ".fittest")
    code, patch, err = labels(measured, "--write", *(["..", "--rootdir", ".."] if below else []),
                              cwd=folder / "below" if below else None)
    assert code == 1, err
    assert "measured otherwise" in err
    assert ("# paths are those below %s: apply it there\n" % folder in patch) == below
    assert "# test_a.py::test_some: memory_intensive is for 1 of its 2 sets of parameters; " in patch
    if below:
        (folder / "below" / ".fittest").rename(folder / ".fittest")
    done = subprocess.run(["patch", "-p1"], cwd=folder, input=patch.encode(), capture_output=True)
    assert done.returncode == 0, done.stdout
    plain = measured.pytest("--collect-only", "-q", "-m", "memory_intensive").out
    assert [line for line in plain.splitlines() if "::" in line] == [
        "test_a.py::test_right", "test_a.py::TestA::test_heavy", "test_a.py::test_some[1]", "test_a.py::test_some[80]",
        "test_a.py::test_skipped"]
    code, out, _ = labels(measured, "--check")
    assert (code, out) == (0, "memory_intensive: 5 by hand, as measured; 1 test without measurements\n")
    assert labels(measured, "--write")[1] == ""


def test_a_label_that_nobody_writes_is_compared_only_if_it_is_named(suite):
    suite.write(test_a="def test_x(): bytearray(b'x') * (80 << 20)")
    suite.file("fittest.toml", CONFIG)
    assert suite.fittest("-n1").code == 0
    code, out, _ = labels(suite, "--check")
    assert code == 0
    assert out == ("No test is marked by hand with a label that is measured: there is nothing to compare.\n"
                   "  -> --label NAME compares that label all the same\n")
    code, out, _ = labels(suite, "--check", "--label", "memory_intensive")
    assert code == 1 and out.startswith("test_a.py::test_x: not marked memory_intensive, but peak ")


def test_marks_of_a_module_are_said_not_patched(suite):
    suite.write(test_a="""
        import pytest
        pytestmark = pytest.mark.memory_intensive
        def test_x(): pass
        """)
    suite.file("fittest.toml", CONFIG)
    assert suite.fittest().code == 0
    code, out, _ = labels(suite, "--write")
    assert code == 1
    assert out == ("# test_a.py::test_x: memory_intensive: the mark comes from the module (test_a.py:3), and cannot be taken "
                   "from one test\n")


@pytest.mark.parametrize("config, arguments, what, remedy", [
    (None, ["--check"], "fittest.toml: no label is measured: there is no [labels]", "memory_intensive = \"peak > 100MB\""),
    (CONFIG, ["--check"], "there is no history yet", "run them once: fittest pytest"),
    (CONFIG, ["--write"], "there is no history yet", "run them once: fittest pytest"),
    (CONFIG, ["--check", "--label", "gone"], "'gone' is no label of [labels]", "leave out --label"),
    ("[labels]\nheavy = \"peek > 1MB\"\n", [], "fittest.toml:2, column 1: expected a fact", "did you mean 'peak'?"),
    ("[labels]\na = \"b\"\nb = \"a\"\n", [], "made of itself: a -> b -> a", "let one of them"),
    (CONFIG, ["-E", "peak >"], "-E, column 7: expected a figure", "peak > 100MB"),
    (CONFIG, ["no_such_file.py"], "no_such_file.py", ""),
    (CONFIG, ["--python", "no-such-python"], "no-such-python", "--python"),
])
def test_bad_input_is_exit_code_4(suite, config, arguments, what, remedy):
    suite.write(test_a="def test_x(): pass")
    if config:
        suite.file("fittest.toml", config)
    code, out, err = labels(suite, *arguments)
    assert (code, out) == (4, "")
    assert what in err and remedy in err


def test_a_history_that_knows_other_tests(suite):
    suite.write(test_a="def test_x(): pass")
    suite.file("fittest.toml", CONFIG)
    assert suite.fittest().code == 0
    (suite.folder / "test_a.py").rename(suite.folder / "test_b.py")
    code, _, err = labels(suite, "--check")
    assert code == 4 and "the history knows none of these tests" in err

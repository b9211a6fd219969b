"""For the same durations file, the same groups as pytest-split: real pytest-split beside fittest, on three suites."""
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import PYTHON

ROOT = Path(__file__).parents[2]

MIXED = {
    "pytest.ini": "[pytest]\naddopts = --doctest-modules\n",
    "tests/test_params.py": """\
        import pytest

        @pytest.mark.parametrize("text", ["a b", "x::y", "[z]", "caf\\u00e9", "", "a.b", "a/b", 'quote"'])
        def test_text(text): pass

        @pytest.mark.parametrize("n", range(20))
        @pytest.mark.parametrize("m", [1.5, None])
        def test_pair(n, m): pass
        """,
    "tests/test_classes.py": """\
        import unittest
        import pytest

        class TestOuter:
            def test_same(self): pass
            class TestInner:
                def test_same(self): pass
                @pytest.mark.parametrize("n", [2, 10, 1])
                def test_sorted(self, n): pass

        class TestOther:
            def test_same(self): pass
            @pytest.mark.skip(reason="not today")
            def test_skipped(self): pass

        class OldTest(unittest.TestCase):
            def test_old(self): pass
            def test_older(self): pass
        """,
    "tests/deep/er/test_more.py": """\
        import pytest

        def test_same(): pass
        def test_a(): pass
        @pytest.mark.skipif("True")
        def test_b(): pass
        @pytest.mark.xfail
        def test_c(): assert 0
        """,
    "package/module.py": '''\
        def double(n):
            """
            >>> double(2)
            4
            """
            return 2 * n

        class Thing:
            """
            >>> Thing().n
            1
            """
            n = 1
        ''',
}

EQUAL = {"test_%s.py" % name: "".join("def test_%s(): pass\n" % test for test in "zyxaX_9") for name in "cab"}


def collected(result):
    return [line for line in result.out.splitlines() if "::" in line and not line.startswith((" ", "fittest:"))]


def durations_of(ids, seed, values):
    """Of most tests, and of some that are not there any more."""
    draw = random.Random(seed)
    known = {test: values(draw) for test in ids if draw.random() < 0.8}
    known.update({"gone.py::test_%d" % n: 1000.0 for n in range(5)})
    return known


def collects_as_ours(python):
    """pytest 8 put the tests of folders into another order."""
    asked = "import pytest; print(int(pytest.__version__.split('.')[0]) < 8)"
    return len({subprocess.run([each, "-c", asked], stdout=subprocess.PIPE, check=True).stdout
                for each in (python, PYTHON)}) == 1


def compare(suite, python, count, groups=None, env=()):
    """These groups of fittest are those of pytest-split; without `groups` all, and together they are the suite."""
    for algorithm in ("duration_based_chunks", "least_duration"):
        together = []
        for group in groups or range(1, count + 1):
            options = ["--splits", str(count), "--group", str(group), "--splitting-algorithm", algorithm,
                       "--collect-only", "-q"]
            theirs = suite.pytest(*options, python=python, env=env)
            ours = suite.fittest(*options, env=env)
            assert "[pytest-split] Running group %d/%d" % (group, count) in theirs.out
            assert collected(ours) == collected(theirs), (algorithm, count, group, ours.out, theirs.out)
            together += collected(ours)
        if not groups:
            assert sorted(together) == sorted(collected(suite.pytest("--collect-only", "-q", python=python, env=env)))


def test_a_suite_of_all_kinds_of_tests(suite, peers):
    if not collects_as_ours(peers):
        pytest.skip("the pytest beside pytest-split collects in another order")
    for name, text in MIXED.items():
        suite.file(name, text)
    ids = collected(suite.pytest("--collect-only", "-q"))
    assert len(ids) == 63
    # No two of the methods of unittest have the same duration: their order then would not be in their ids.
    durations = durations_of(ids, 1, lambda draw: draw.choice([0.1, 0.2, 0.3, 0.7, 0.0]))
    durations.update({test: 0.4 + 0.01 * n for n, test in enumerate(ids) if "OldTest" in test})
    (suite.folder / ".test_durations").write_text(json.dumps(durations))
    compare(suite, peers, 4)
    compare(suite, peers, 7, groups=[7])


def test_a_suite_of_tests_that_take_the_same_time(suite, peers):
    for name, text in EQUAL.items():
        suite.file(name, text)
    suite.file("test_d.py", "import pytest\n@pytest.mark.parametrize('n', range(9))\ndef test_z(n): pass\n")
    ids = collected(suite.pytest("--collect-only", "-q"))
    assert len(ids) == 30
    # Rounding decides: thirty times 0.1 is not 3.
    path = suite.folder / "durations.json"
    path.write_text(json.dumps([[test, 0.1] for test in ids]))  # the shape of older versions
    os.symlink("durations.json", suite.folder / ".test_durations")
    compare(suite, peers, 5)
    path.unlink()  # nothing known: each weighs 1
    compare(suite, peers, 4, groups=[2])


def test_the_signals_example(suite, peers):
    found = subprocess.run([str(ROOT / "scripts" / "python"), "pytest", "numpy", "scipy"], capture_output=True, text=True)
    if found.returncode != 0:
        pytest.skip("no Python with numpy and scipy")
    python = found.stdout.strip()
    packages = subprocess.run([peers, "-c", "import pytest_split, pathlib; print(pathlib.Path(pytest_split.__file__)"
                               ".parents[1])"], capture_output=True, text=True, check=True).stdout.strip()
    shutil.rmtree(suite.folder)
    shutil.copytree(ROOT / "examples" / "signals", suite.folder, ignore=shutil.ignore_patterns(".fittest", "__pycache__"))
    env = {"PYTHON": python, "PYTHONPATH": packages}  # the peer's packages beside those of that Python
    ids = collected(suite.pytest("--collect-only", "-q", python=python, env=env))
    assert len(ids) > 200
    durations = durations_of(ids, 2, lambda draw: draw.choice([0.001, 0.002, draw.expovariate(1)]))
    (suite.folder / ".test_durations").write_text(json.dumps(durations, sort_keys=True, indent=4))
    compare(suite, python, 4, env=env)

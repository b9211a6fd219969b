"""The patch is applied by patch(1), and real pytest is asked for the markers that come of it."""
import ast
import os
import random
import shutil
import subprocess
import sys
import textwrap

import pytest
from fittest_pytest import mark_patch

pytestmark = pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch(1)")

HEAVY = "memory_intensive"


class Project:
    def __init__(self, folder):
        self.folder = folder
        (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    memory_intensive: heavy\n    slow: slow\n    unit: unit\n")

    def write(self, name, text, newline="\n"):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", encoding="utf-8", newline=newline) as file:
            file.write(textwrap.dedent(text).lstrip("\n"))
        return path

    def patch(self, add=(), remove=()):
        wanted = {"add": [], "remove": []}
        for test, label in add:
            wanted["add"].append({"test": test, "label": label, "heavy": 1, "tests": 1})
        for test, label in remove:
            wanted["remove"].append({"test": test, "label": label})
        return mark_patch.make_patch(str(self.folder), wanted)

    def apply(self, patch, tool=("patch", "-p1", "--batch")):
        done = subprocess.run(tool, cwd=self.folder, input=patch, capture_output=True)
        assert done.returncode == 0, (done.stdout, done.stderr, patch.decode())

    def marked(self, label):
        """The tests that real pytest finds for -m."""
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", "--strict-markers", "-m", label],
            cwd=self.folder, capture_output=True, text=True, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
        assert done.returncode in (0, 5), done.stdout + done.stderr
        return sorted(line for line in done.stdout.splitlines() if "::" in line)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def comments(patch):
    return [line for line in patch.decode("latin-1").splitlines() if line.startswith("# ")]


def test_marks_functions_and_methods(project):
    project.write("tests/test_a.py", """
        import os

        import pytest


        def test_one():
            pass


        @pytest.mark.slow
        @pytest.mark.parametrize("n", [1, 2])
        def test_two(n):
            pass


        class TestA:
            class TestB:
                @staticmethod
                def test_three():
                    pass

            async def test_four(self):
                pass
        """)
    patch = project.patch(add=[("tests/test_a.py::test_one", HEAVY), ("tests/test_a.py::test_two", HEAVY),
                               ("tests/test_a.py::TestA::TestB::test_three", HEAVY),
                               ("tests/test_a.py::TestA::test_four", HEAVY)])
    assert comments(patch) == []
    project.apply(patch)
    assert project.marked(HEAVY) == [
        "tests/test_a.py::TestA::TestB::test_three", "tests/test_a.py::TestA::test_four", "tests/test_a.py::test_one",
        "tests/test_a.py::test_two[1]", "tests/test_a.py::test_two[2]"]
    assert project.marked("slow") == ["tests/test_a.py::test_two[1]", "tests/test_a.py::test_two[2]"]


def test_the_patch_is_small_and_as_a_person_would_write_it(project):
    project.write("test_a.py", """
        import pytest


        @pytest.mark.slow
        def test_one():
            pass
        """)
    assert project.patch(add=[("test_a.py::test_one", HEAVY)], remove=[("test_a.py::test_one", "slow")]).decode() == (
        "--- a/test_a.py\n"
        "+++ b/test_a.py\n"
        "@@ -1,6 +1,6 @@\n"
        " import pytest\n"
        " \n"
        " \n"
        "-@pytest.mark.slow\n"
        "+@pytest.mark.memory_intensive\n"
        " def test_one():\n"
        "     pass\n")


@pytest.mark.parametrize("head", [
    "",
    "import os\nimport sys\n",
    '"""What is\ntested."""\n',
    '"""Doc."""\nfrom __future__ import annotations\n\nimport os\n',
    "from __future__ import annotations\n",
    "#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\n",
    "# Copyright\n\n# Of the test below.\n",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pytest\n",
    "def helper():\n    import pytest\n",
    "from pytest import fixture\n",
    "X = 1\n",
])
def test_imports_pytest_where_that_is_missing(project, head):
    project.write("test_a.py", head + "def test_one():\n    pass\n")
    patch = project.patch(add=[("test_a.py::test_one", HEAVY)])
    project.apply(patch)
    assert project.marked(HEAVY) == ["test_a.py::test_one"]
    lines = (project.folder / "test_a.py").read_text().splitlines()
    assert "import pytest" in lines
    if head.startswith(("#!", "# Copyright")):
        assert lines[0] == head.splitlines()[0]
    if "Of the test" in head:
        assert lines[lines.index("# Of the test below.") + 1] == "@pytest.mark.memory_intensive"


@pytest.mark.parametrize("head, mark", [
    ("import pytest as pt", "pt.mark"),
    ("from pytest import mark", "mark"),
    ("from pytest import fixture, mark as m", "m"),
    ("import os, pytest", "pytest.mark"),
    ("try:\n    import pytest\nexcept ImportError:\n    raise", "pytest.mark"),
])
def test_uses_the_names_that_the_file_uses(project, head, mark):
    project.write("test_a.py", head + "\n\n@%s.slow\ndef test_one():\n    pass\n" % mark)
    project.apply(project.patch(add=[("test_a.py::test_one", HEAVY)], remove=[("test_a.py::test_one", "slow")]))
    assert project.marked(HEAVY) == ["test_a.py::test_one"]
    assert project.marked("slow") == []
    assert (project.folder / "test_a.py").read_text().count("import") == head.lower().count("import") - head.count("ImportE")


def test_removes_a_decorator_among_several(project):
    project.write("test_a.py", """
        import pytest

        heavy = pytest.mark.memory_intensive

        @pytest.mark.unit
        @pytest.mark.memory_intensive(
            reason="it was, once",
        )  # since 2019
        @pytest.mark.parametrize("n", [1, 2])
        def test_one(n):
            pass

        @heavy
        def test_two():
            pass
        """)
    project.apply(project.patch(remove=[("test_a.py::test_one", HEAVY), ("test_a.py::test_two", HEAVY)]))
    assert project.marked(HEAVY) == []
    assert project.marked("unit") == ["test_a.py::test_one[1]", "test_a.py::test_one[2]"]
    assert "2019" not in (project.folder / "test_a.py").read_text()


def test_says_what_it_cannot_take_away(project):
    project.write("test_module.py", """
        import pytest
        pytestmark = [pytest.mark.slow, pytest.mark.memory_intensive]
        def test_one(): pass
        """)
    project.write("test_class.py", """
        import pytest
        @pytest.mark.memory_intensive
        class TestA:
            def test_one(self): pass
        class TestB:
            pytestmark = pytest.mark.memory_intensive
            @pytest.mark.memory_intensive
            def test_one(self): pass
        """)
    project.write("test_other.py", """
        import pytest
        from test_class import TestB
        @pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.memory_intensive)])
        def test_one(n): pass
        """)
    patch = project.patch(remove=[
        (test, HEAVY) for test in ("test_module.py::test_one", "test_class.py::TestA::test_one",
                                   "test_class.py::TestB::test_one", "test_other.py::TestB::test_one",
                                   "test_other.py::test_one")])
    assert patch.decode().splitlines() == [
        "# test_module.py::test_one: memory_intensive: the mark comes from the module (test_module.py:2), and cannot be "
        "taken from one test",
        "# test_class.py::TestA::test_one: memory_intensive: the mark comes from the class TestA (test_class.py:2), and "
        "cannot be taken from one test",
        "# test_class.py::TestB::test_one: memory_intensive: the mark comes from the class TestB (test_class.py:6), and "
        "cannot be taken from one test",
        "# test_other.py::TestB::test_one: memory_intensive: test_other.py does not define it: it is inherited, made "
        "elsewhere, or no function",
        "# test_other.py::test_one: memory_intensive: the mark is no decorator of the test: it comes from its parameters, "
        "a base class or a conftest.py",
    ]


def test_says_when_only_some_parameters_are_heavy(project):
    project.write("test_a.py", """
        import pytest
        @pytest.mark.parametrize("n", [1, 2, 3])
        def test_one(n): pass
        """)
    patch = mark_patch.make_patch(str(project.folder), {
        "add": [{"test": "test_a.py::test_one", "label": HEAVY, "heavy": 1, "tests": 3}], "remove": []})
    assert comments(patch) == ["# test_a.py::test_one: memory_intensive is for 1 of its 3 sets of parameters; the function "
                               "is marked as a whole"]
    project.apply(patch)
    assert len(project.marked(HEAVY)) == 3


def test_marks_what_is_defined_in_branches(project):
    project.write("test_a.py", """
        import sys
        import pytest
        if sys.platform == "linux":
            def test_one(): pass
        else:
            def test_one(): raise OSError
        try:
            import json
        except ImportError:
            pass
        else:
            class TestA:
                with open("/dev/null"):
                    def test_two(self): pass
        """)
    project.apply(project.patch(add=[("test_a.py::test_one", HEAVY), ("test_a.py::TestA::test_two", HEAVY)]))
    assert project.marked(HEAVY) == ["test_a.py::TestA::test_two", "test_a.py::test_one"]
    assert (project.folder / "test_a.py").read_text().count("memory_intensive") == 3


def test_keeps_line_ends_encodings_and_odd_names(project):
    project.write("dir with space/test_a.py", "import pytest\n\n\n\n\ndef test_one():\n    pass\n", newline="\r\n")
    latin = project.folder / "test_latin.py"
    latin.write_bytes("# -*- coding: latin-1 -*-\nimport pytest\nNAME = '\u00e9'\ndef test_one(): pass  # \u00e9\n".encode("latin-1"))
    project.write("test_\u00e9.py", "\ufeffimport pytest\nWORD = '\u65e5'\ndef test_\u65e5(): pass")
    patch = project.patch(add=[("dir with space/test_a.py::test_one", HEAVY), ("test_latin.py::test_one", HEAVY),
                               ("test_\u00e9.py::test_\u65e5", HEAVY)])
    assert comments(patch) == []
    project.apply(patch, ("patch", "-p1", "--batch", "--binary"))
    assert len(project.marked(HEAVY)) == 3
    assert b"@pytest.mark.memory_intensive\r\ndef" in (project.folder / "dir with space/test_a.py").read_bytes()
    assert "\u00e9".encode("latin-1") in latin.read_bytes()
    assert not (project.folder / "test_\u00e9.py").read_text().endswith("\n")


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_git_applies_it_too(project):
    project.write("a b/test_a.py", "def test_one():\n    pass")
    project.write("test_b.py", "import pytest\npytestmark = pytest.mark.slow\ndef test_one(): pass\n")
    patch = project.patch(add=[("a b/test_a.py::test_one", HEAVY)], remove=[("test_b.py::test_one", "slow")])
    assert len(comments(patch)) == 1
    project.apply(patch, ("git", "apply", "-"))
    assert project.marked(HEAVY) == ["a b/test_a.py::test_one"]


@pytest.mark.parametrize("test, why", [
    ("test_gone.py::test_one", "cannot be read"),
    ("test_broken.py::test_one", "cannot be read"),
    ("../outside.py::test_one", "outside the folder"),
    ("/etc/test_a.py::test_one", "outside the folder"),
    ("notes.txt::notes.txt", "none of Python"),
    ("test_a.py::test_gone", "does not define it"),
    ("test_a.py::TestGone::test_one", "does not define it"),
    ("test_a.py", "does not define it"),
    ("test_a.py::test_\x1b[31m\n::x", "does not define it"),
    ("test_a.py::test_lambda", "does not define it"),
])
def test_what_is_not_there_is_said(project, test, why):
    project.write("test_a.py", "test_lambda = lambda: None\ndef test_one(): pass\n")
    project.write("test_broken.py", "def test_one(:\n")
    patch = project.patch(add=[(test, HEAVY), ("test_a.py::test_one", HEAVY)], remove=[(test, "slow")])
    assert len(comments(patch)) == 2 and why in patch.decode()
    assert "\x1b" not in patch.decode()
    project.apply(patch)
    (project.folder / "test_broken.py").unlink()
    assert project.marked(HEAVY) == ["test_a.py::test_one"]


def test_finds_the_folder_that_ids_start_from(project):
    project.write("tests/unit/test_a.py", "def test_one(): pass\n")
    wanted = {"add": [{"test": "tests/unit/test_a.py::test_one", "label": HEAVY, "heavy": 1, "tests": 1}], "remove": []}
    assert mark_patch.find_root(wanted, str(project.folder)) == str(project.folder)
    assert mark_patch.find_root(wanted, str(project.folder / "tests" / "unit")) == str(project.folder)
    wanted["add"][0]["test"] = "test_gone.py::test_one"
    assert mark_patch.find_root(wanted, str(project.folder / "tests")) == str(project.folder / "tests")


def test_random_sources_come_out_as_asked(project):
    """Sources put together at random: what was asked for is there afterwards, and nothing else has changed."""
    dice = random.Random(7)
    heads = ["", "import pytest\n", "from pytest import mark\n", '"""Doc."""\n', "import os\n\n# about\n"]
    for round_ in range(150):
        labels = ["slow", HEAVY, "unit"]
        with_pytest = dice.choice(heads)
        base = "mark" if "mark" in with_pytest else "pytest.mark"
        can_mark = "pytest" in with_pytest
        text, tests = with_pytest, {}
        for number in range(dice.randrange(1, 6)):
            indent = ""
            path = "test_%d" % number
            if dice.random() < 0.4:
                text += "\nclass TestC%d:\n" % number
                indent, path = "    ", "TestC%d::test_%d" % (number, number)
            marks = [label for label in labels if can_mark and dice.random() < 0.4]
            for label in marks:
                text += "%s@%s.%s%s\n" % (indent, base, label, dice.choice(["", "()", "(\n  1,\n)", "  # why"]))
            text += "%sdef test_%d(self=None): pass\n%s" % (indent, number, dice.choice(["", "\n", "\n# between\n"]))
            tests[path] = set(marks)
        ast.parse(text)
        name = "test_r%d.py" % round_
        (project.folder / name).write_text(text)
        add, remove = [], []
        for path, marks in tests.items():
            for label in labels:
                if dice.random() < 0.4:
                    (remove if label in marks else add).append((name + "::" + path, label))
                    marks ^= {label}
        patch = project.patch(add, remove)
        assert comments(patch) == [], text
        if patch:
            project.apply(patch)
        source = mark_patch.Source(str(project.folder), name)
        for path, marks in tests.items():
            (function,) = source.functions(path.split("::"))
            assert {label for label in labels for node in function.decorator_list
                    if source.is_mark(node, label)} == marks, (text, patch.decode())
        compile((project.folder / name).read_text(), name, "exec")
    for label in labels:
        assert project.marked(label)  # every file is imported, too

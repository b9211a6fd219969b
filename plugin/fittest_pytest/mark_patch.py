"""The patch that would mend the marks of tests: reads sources, prints a unified diff, writes nothing.

A test is named by its id without parameters, so that a mark is a decorator of a function. What cannot be mended that
way (a mark of the class, a test that is inherited) is said in a comment in front of the diff."""
import ast
import difflib
import io
import os
import re
import sys
import tokenize

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class CannotPatch(Exception):
    """Why not, in words."""


def main(setup):
    wanted = setup["marks"]
    root = find_root(wanted)
    if root != os.getcwd():
        sys.stdout.buffer.write(_comment("paths are those below %s: apply it there" % root))
    sys.stdout.buffer.write(make_patch(root, wanted))
    sys.stdout.buffer.flush()
    return 0


def find_root(wanted, start="."):
    """The folder that the ids are relative to: this one or, where the suite's root is above it, a parent."""
    files = {change["test"].split("::", 1)[0] for change in wanted["add"] + wanted["remove"]}
    folder = os.path.abspath(start)
    while True:
        if all(os.path.exists(os.path.join(folder, name)) for name in files):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return os.path.abspath(start)
        folder = parent


def make_patch(root, wanted):
    """`wanted`: {"add": [{"test", "label", "heavy", "tests"}], "remove": [{"test", "label"}]}."""
    notes, sources = [], {}

    def change(what, how):
        test, label = what["test"], what["label"]
        file, _, name = test.partition("::")
        try:
            if file not in sources:
                sources[file] = _open(root, file)
            source = sources[file]
            if isinstance(source, CannotPatch):
                raise source
            how(source, name.split("::"), label)
        except CannotPatch as why:
            notes.append("%s: %s: %s" % (test, label, why))
        else:
            if what.get("heavy", 0) < what.get("tests", 0):
                notes.append("%s: %s is for %d of its %d sets of parameters; the function is marked as a whole" % (
                    test, label, what["heavy"], what["tests"]))

    for each in wanted["remove"]:
        change(each, Source.remove)
    for each in wanted["add"]:
        change(each, Source.add)
    diffs = []
    for file, source in sorted(sources.items()):
        if isinstance(source, Source):
            try:
                diffs.append(source.diff())
            except CannotPatch as why:
                notes.append("%s: %s" % (file, why))
    return b"".join([_comment(note) for note in notes] + diffs)


def _comment(text):
    return ("# %s\n" % re.sub(r"[\x00-\x1f\x7f]", "?", text)).encode("utf-8", "replace")


def _open(root, file):
    try:
        return Source(root, file)
    except CannotPatch as why:
        return why


class Source:
    """A file, and what is to be changed in it."""

    def __init__(self, root, name):
        self.name = name
        if os.path.isabs(name) or ".." in name.split("/"):
            raise CannotPatch("its file is outside the folder of the suite")
        if "\n" in name or not name.endswith(".py"):
            raise CannotPatch("its file is none of Python")
        try:
            with open(os.path.join(root, name), "rb") as file:
                content = file.read()
            self.encoding = tokenize.detect_encoding(io.BytesIO(content).readline)[0].replace("-sig", "")
            text = content.decode(self.encoding)
            self.tree = ast.parse(content)
        except (OSError, SyntaxError, ValueError, RecursionError) as problem:
            raise CannotPatch("%s cannot be read: %s" % (name, problem)) from None
        if re.search("\r(?!\n)", text) or "\x0c" in text:
            raise CannotPatch("%s has line ends that diff does not know" % name)
        self.lines = text.split("\n")
        self.lines = [line + "\n" for line in self.lines[:-1]] + ([self.lines[-1]] if self.lines[-1] else [])
        self.edits = set()  # (first line, line behind the last, the text that replaces them), lines from 0
        self.import_edit = None  # likewise; in front of all others

    # --- finding ---

    def functions(self, path):
        """Every definition of the test: it may stand in both branches of an `if`."""
        scopes = [self.tree.body]
        for name in path[:-1]:
            scopes = [node.body for scope in scopes for node in _statements(scope)
                      if isinstance(node, ast.ClassDef) and node.name == name]
        found = [node for scope in scopes for node in _statements(scope)
                 if isinstance(node, _FUNCTIONS) and node.name == path[-1]]
        if not found:
            raise CannotPatch("%s does not define it: it is inherited, made elsewhere, or no function" % self.name)
        return found

    def is_mark(self, node, label):
        """Whether an expression is `pytest.mark.label`, called or not, or a name for it."""
        if isinstance(node, ast.Call):
            node = node.func
        if isinstance(node, ast.Name):
            return any(isinstance(statement, ast.Assign) and self.is_mark_itself(statement.value, label)
                       and any(isinstance(target, ast.Name) and target.id == node.id for target in statement.targets)
                       for statement in _statements(self.tree.body))
        return self.is_mark_itself(node, label)

    def is_mark_itself(self, node, label):
        if isinstance(node, ast.Call):
            node = node.func
        if not isinstance(node, ast.Attribute) or node.attr != label:
            return False
        of = node.value
        if isinstance(of, ast.Attribute):
            return of.attr == "mark"
        return isinstance(of, ast.Name) and of.id in self.names_of("mark")

    def names_of(self, what):
        """What the file calls pytest, or pytest.mark: {name: line}."""
        names = {}
        # Below an `if` it may not be imported when the tests are.
        sure = self.tree.body + [
            node for statement in self.tree.body if isinstance(statement, ast.Try) for node in statement.body]
        for node in sure:
            if isinstance(node, ast.Import) and what == "pytest":
                for alias in node.names:
                    if alias.name == "pytest" or (alias.name.startswith("pytest.") and alias.asname is None):
                        names[alias.asname or "pytest"] = node.lineno
            elif isinstance(node, ast.ImportFrom) and what == "mark" and node.module == "pytest" and node.level == 0:
                for alias in node.names:
                    if alias.name == "mark":
                        names[alias.asname or "mark"] = node.lineno
        return names

    def origin(self, path, label):
        """Where a mark comes from that is no decorator of the function."""
        scope = self.tree.body
        places = [(scope, [], "the module")]
        for name in path[:-1]:
            classes = [node for node in _statements(scope) if isinstance(node, ast.ClassDef) and node.name == name]
            if not classes:
                break
            scope = classes[-1].body
            places.append((scope, classes[-1].decorator_list, "the class %s" % name))
        for body, decorators, words in reversed(places):
            for node in decorators:
                if self.is_mark(node, label):
                    return "%s (%s:%d)" % (words, self.name, node.lineno)
            for statement in _statements(body):
                if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
                    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                    value = statement.value
                    marks = value.elts if isinstance(value, (ast.List, ast.Tuple)) else [value]
                    if any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in targets) and any(
                            self.is_mark(mark, label) for mark in marks):
                        return "%s (%s:%d)" % (words, self.name, statement.lineno)
        return None

    # --- changing ---

    def remove(self, path, label):
        marks = [node for function in self.functions(path) for node in function.decorator_list
                 if self.is_mark(node, label)]
        origin = self.origin(path, label)
        if origin is not None:
            raise CannotPatch("the mark comes from %s, and cannot be taken from one test" % origin)
        if not marks:
            raise CannotPatch("the mark is no decorator of the test: it comes from its parameters, a base class or a "
                              "conftest.py")
        self.edits.update([(*self.lines_of_decorator(node), "") for node in marks])

    def lines_of_decorator(self, node):
        first, last = node.lineno - 1, node.end_lineno
        before = self.lines[first].encode()[: node.col_offset].decode().strip()
        behind = self.lines[last - 1].encode()[node.end_col_offset :].decode().strip()
        if before != "@" or (behind and not behind.startswith("#")):
            raise CannotPatch("the decorator (%s:%d) shares its lines with other text" % (self.name, node.lineno))
        return first, last

    def add(self, path, label):
        if not label.isidentifier():
            raise CannotPatch("no mark can have this name")
        for function in self.functions(path):
            if any(self.is_mark(node, label) for node in function.decorator_list):
                continue
            first = self.line_of_new_decorator(function)
            line = self.lines[first]
            indent = line[: len(line) - len(line.lstrip())]
            self.edits.add((first, first, "%s@%s.%s%s" % (indent, self.mark_before(first), label, _end_of(line))))

    def line_of_new_decorator(self, function):
        """On top: around whatever the other decorators make of the function. What staticmethod makes keeps no mark."""
        below = 0
        for number, node in enumerate(function.decorator_list, 1):
            if isinstance(node, ast.Name) and node.id in ("staticmethod", "classmethod"):
                below = number
        return min([function.lineno] + [node.lineno for node in function.decorator_list[below:]]) - 1

    def mark_before(self, line):
        for name, at in self.names_of("mark").items():
            if at <= line:
                return name
        for name, at in self.names_of("pytest").items():
            if at <= line:
                return name + ".mark"
        self.import_edit = self.import_of_pytest()
        return "pytest.mark"

    def import_of_pytest(self):
        """`import pytest` behind the first imports or, where there are none, in front of the first statement."""
        body = list(self.tree.body)
        head = 0  # the line behind the docstring and what has to stay first
        if isinstance(body[0], ast.Expr) and isinstance(getattr(body[0], "value", None), ast.Constant) and isinstance(
                body[0].value.value, str):
            head = body.pop(0).end_lineno
        imports = 0
        while imports < len(body) and isinstance(body[imports], (ast.Import, ast.ImportFrom)):
            imports += 1
        if imports:
            at = body[imports - 1].end_lineno
            return at, at, "import pytest" + _end_of(self.lines[at - 1])
        first = body[0]
        at = min([first.lineno] + [node.lineno for node in getattr(first, "decorator_list", [])]) - 1
        # A comment that belongs to the statement stays with it; one on top of the file stays on top.
        above = at
        while above > head and self.lines[above - 1].lstrip().startswith("#"):
            above -= 1
        at = max(above if above > 0 else at, head)
        end = _end_of(self.lines[0])
        return at, at, "import pytest" + 3 * end

    def diff(self):
        lines = list(self.lines)
        edits = sorted(self.edits, reverse=True)
        if self.import_edit is not None:
            edits.append(self.import_edit)
        for first, last, text in edits:
            lines[first:last] = [part + "\n" for part in text.split("\n")[:-1]]
        try:
            ast.parse("".join(lines).encode(self.encoding))
        except (SyntaxError, ValueError):
            raise CannotPatch("what would come of it is no Python: not patched") from None
        # A name with a space in it ends at the tab.
        name = self.name + ("\t" if " " in self.name else "")
        out = []
        for line in difflib.unified_diff(self.lines, lines, "a/" + name, "b/" + name):
            out.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
        head, body = out[:2], out[2:]
        return "".join(head).encode("utf-8", "surrogateescape") + "".join(body).encode(self.encoding)


def _end_of(line):
    return "\r\n" if line.endswith("\r\n") else "\n"


def _statements(body):
    """Of a scope: also those below if, try and with."""
    for node in body:
        yield node
        if isinstance(node, _FUNCTIONS + (ast.ClassDef,)):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, name, None) or [])
        for handler in getattr(node, "handlers", None) or []:
            yield from _statements(handler.body)
